"""Self-test of the PyTorch model against the identities of TransMamba, in float64 on the CPU.

Run with `python3 -m pytest test_model.py` or plainly `python3 test_model.py`.
"""

from __future__ import annotations

import pathlib
import tempfile

import torch

from checkpoint import load_tensors, save_tensors
from model import Config, Mixer, TransMamba, attention, convert_memory, rms_norm, rope, scan_chunked, scan_sequential

TOKENS = 75  # a multiple of no chunk below
CHUNKS = (1, 7, 16, 64, 128)
TRANSPOINTS = (0, 1, 16, 37, TOKENS - 1, TOKENS, TOKENS + 5)
TOLERANCE = 1e-12


def relative_error(x: torch.Tensor, reference: torch.Tensor) -> float:
    return float((x - reference).norm() / reference.norm())


def make_mixer(chunk: int = 16) -> tuple[Mixer, torch.Tensor]:
    torch.manual_seed(0)
    config = Config(width=48, heads=3, head_width=32, chunk=chunk)
    mixer = Mixer(config).double().eval()
    with torch.no_grad():
        # Larger steps than at initialisation, so that decays are far from 1, and no weight left at its default.
        mixer.dt.bias += 2
        for parameter in (mixer.conv.bias, mixer.D, mixer.gate_norm.weight):
            parameter += 0.3 * torch.randn_like(parameter)
    return mixer, torch.randn(2, TOKENS, config.width, dtype=torch.float64)


@torch.no_grad()
def test_chunked_scan_equals_recurrence() -> None:
    mixer, x = make_mixer()
    q, k, v, dt = mixer.project(mixer.norm(x))
    for state in (None, torch.randn(2, 3, 32, 32, dtype=torch.float64)):
        y, h = scan_sequential(q, k, v, dt, mixer.A_log, state)
        for chunk in CHUNKS:
            y_chunked, h_chunked = scan_chunked(q, k, v, dt, mixer.A_log, state, chunk)
            assert relative_error(y_chunked, y) < TOLERANCE
            assert relative_error(h_chunked, h) < TOLERANCE


@torch.no_grad()
def test_pure_layers_are_bitwise() -> None:
    """Identity 1: P = 0 is the pure state-space layer and P >= T the pure attention layer."""
    mixer, x = make_mixer()
    u = mixer.norm(x)
    q, k, v, dt = mixer.project(u)
    pure_ssm = mixer.out(mixer.scan(u, q, k, v, dt, None)[0])
    theta = mixer.config.rope_theta
    pure_attention = mixer.out(attention(rope(q, theta), rope(k, theta), v).flatten(2))
    assert torch.equal(mixer(x, 0), pure_ssm)
    for transpoint in (TOKENS, TOKENS + 1, 10 * TOKENS):
        assert torch.equal(mixer(x, transpoint), pure_attention)


@torch.no_grad()
def test_conversion_equals_scan_state() -> None:
    """Identity 2: the converter gives the state of a scan over the prefix."""
    mixer, x = make_mixer()
    q, k, v, dt = (y for y in mixer.project(mixer.norm(x)))
    for transpoint in TRANSPOINTS[1:]:
        prefix = [y[:, :transpoint] for y in (q, k, v, dt)]
        _, h = scan_sequential(*prefix, mixer.A_log, None)
        assert relative_error(convert_memory(*prefix[1:], mixer.A_log), h) < TOLERANCE


@torch.no_grad()
def test_switch_equals_definition() -> None:
    """Identity 3, and the whole mixer against a token-by-token rendering of its definition."""
    mixer, x = make_mixer()
    c = mixer.config
    u = mixer.norm(x)
    q, k, v, dt = mixer.project(u)
    scanned, _ = scan_sequential(q, k, v, dt, mixer.A_log, None)
    z = mixer.z(u)
    rotated_q, rotated_k = rope(q, c.rope_theta), rope(k, c.rope_theta)
    for transpoint in TRANSPOINTS:
        y = mixer(x, transpoint)
        for t in range(TOKENS):
            if t < transpoint:
                scores = torch.einsum("bhd,bjhd->bhj", rotated_q[:, t], rotated_k[:, : t + 1]) / c.head_width**0.5
                expected = torch.einsum("bhj,bjhd->bhd", scores.softmax(-1), v[:, : t + 1]).flatten(1)
            else:
                skipped = (scanned[:, t] + mixer.D[:, None] * v[:, t]).flatten(1)
                gated = skipped * torch.nn.functional.silu(z[:, t])
                expected = rms_norm(gated, mixer.gate_norm.weight, c.norm_eps)
            assert relative_error(y[:, t], mixer.out(expected)) < TOLERANCE


@torch.no_grad()
def test_chunk_size_is_only_rounding() -> None:
    reference, x = make_mixer(CHUNKS[0])
    for chunk in CHUNKS[1:]:
        mixer, _ = make_mixer(chunk)
        for transpoint in TRANSPOINTS:
            assert relative_error(mixer(x, transpoint), reference(x, transpoint)) < TOLERANCE


@torch.no_grad()
def test_rope_pairs_halves() -> None:
    """(x_i + j x_{i + dh/2}) e^{j t theta^(-2i/dh)}"""
    x = torch.randn(1, 9, 2, 8, dtype=torch.float64)
    as_complex = torch.complex(x[..., :4], x[..., 4:])
    turned = torch.empty_like(as_complex)
    for t in range(9):
        for i in range(4):
            angle = torch.tensor(t * 10000.0 ** (-2 * i / 8), dtype=torch.float64)
            turned[:, t, :, i] = as_complex[:, t, :, i] * torch.complex(angle.cos(), angle.sin())
    expected = torch.cat((turned.real, turned.imag), -1)
    assert relative_error(rope(x, 10000.0), expected) < TOLERANCE


@torch.no_grad()
def test_model_is_causal_and_checkpoint_is_exact() -> None:
    """A later byte changes no earlier logit, for every schedule; and weights survive a file bit for bit."""
    torch.manual_seed(1)
    config = Config(layers=3, width=32, heads=2, head_width=32, ffn_width=64, schedule=(0, 16, TOKENS))
    model = TransMamba(config).double().eval()
    tokens = torch.randint(256, (2, TOKENS))
    for transpoint in TRANSPOINTS:
        logits = model(tokens, (transpoint,))
        changed = tokens.clone()
        changed[:, 40:] = torch.randint(256, (2, TOKENS - 40))
        assert relative_error(model(changed, (transpoint,))[:, :40], logits[:, :40]) < TOLERANCE
    weights = {name: tensor.bfloat16() for name, tensor in model.state_dict().items()}
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "weights.safetensors"
        save_tensors(path, weights, {"format": "pt"})
        loaded = load_tensors(path)
    assert loaded.keys() == weights.keys()
    assert all(torch.equal(loaded[name], weights[name]) for name in weights)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test()
            print(f"{name}: ok")
