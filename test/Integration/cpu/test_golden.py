"""The trained example on the CPU against PyTorch's logits (examples/byte-transmamba, "Golden files") and the interpreter's."""

from __future__ import annotations

import json
import subprocess

import numpy as np
import pytest
from package_harness import BF16_FACTOR, F32_TOLERANCE, decode, error, forward, prefill


@pytest.fixture(scope="module")
def example(root):
    return root / "examples" / "byte-transmamba"


@pytest.fixture(scope="module")
def golden(example):
    """A golden file by name."""
    return lambda name: np.load(example / "golden" / f"{name}.npy")


@pytest.fixture(scope="module")
def f32(tools, example):
    return tools.compile(example / "model.json")


@pytest.fixture(scope="module")
def bf16(tools, example):
    return tools.compile(example / "model.json", "--element-type=bf16", "--entries=prefill,decode,forward")


def test_forward(tools, f32, golden):
    """The logits of every token are PyTorch's, in float64 and in float32."""
    logits = tools.call(f32, "logits", [forward(tokens=golden("tokens"))]).outputs[0]
    assert error(logits, golden("logits-f64")) <= F32_TOLERANCE
    assert error(logits, golden("logits-f32")) <= F32_TOLERANCE
    # Bytes that the text never uses have large logits that flatter the sum: each token by itself.
    used = np.unique(golden("long-tokens"))
    for row, reference in zip(logits.reshape(-1, 256), golden("logits-f64").reshape(-1, 256)):
        assert error(row[used], reference[used]) <= 2 * F32_TOLERANCE
    assert (logits.argmax(-1) == golden("logits-f64").argmax(-1)).all()


def test_forward_past_every_transpoint(tools, f32, golden):
    """640 tokens: the last layer too has become a recurrence."""
    logits = tools.call(f32, "logits", [forward(tokens=golden("long-tokens"))]).outputs[0][:, golden("long-positions")]
    assert error(logits, golden("long-logits-f64")) <= F32_TOLERANCE
    assert error(logits, golden("long-logits-f32")) <= F32_TOLERANCE


def test_ragged_prefill(tools, f32, golden):
    """Rows of 1 to 160 tokens in one batch; what fills them up changes no bit."""
    tokens, lengths = golden("ragged-tokens"), golden("ragged-lengths")
    logits = tools.call(f32, "logits", [prefill(lengths, tokens=tokens)]).outputs[0]
    assert error(logits, golden("ragged-logits-f64")) <= F32_TOLERANCE
    for row, reference in zip(logits, golden("ragged-logits-f64")):
        assert error(row, reference) <= F32_TOLERANCE
    garbage = np.where(np.arange(tokens.shape[1]) < lengths[:, None], tokens, -1)
    again = tools.call(f32, "logits", [prefill(lengths, tokens=garbage)], "--poison").outputs[0]
    assert again.tobytes() == logits.tobytes()


def test_decode_across_transpoints(tools, f32, golden):
    """Two rows at different positions: 32 steps take one from 250 across TransPoint 256, the other from 490 across 512."""
    tokens, positions, reference = golden("long-tokens"), golden("long-positions").tolist(), golden("long-logits-f64")
    lengths, steps = np.array([250, 490]), 32
    calls = [prefill(lengths, tokens=tokens[:, : lengths.max()])]
    for step in range(steps):
        calls.append(decode(tokens=tokens[np.arange(2), lengths + step][:, None]))
    outputs = tools.call(f32, "logits", calls).outputs
    compared = []
    for step, row in np.ndindex(steps, 2):
        position = int(lengths[row]) + step
        if position in positions:
            assert error(outputs[step + 1][row], reference[row, positions.index(position)]) <= F32_TOLERANCE
            compared.append(position)
    assert {255, 256, 511, 512} <= set(compared)


@pytest.mark.parametrize("row", [0, 1])
def test_greedy_text(tools, f32, golden, row):
    """The likeliest bytes after a prompt of 32, past every TransPoint: any wrong one would change all that follow."""
    text = golden("greedy-tokens")[row].astype(np.uint8).tobytes()
    command = [tools.programs / "transmamba-run", f32, "--prompt", text[:32], "--generate", str(len(text) - 32)]
    result = subprocess.run(command, capture_output=True, check=True)
    assert result.stdout.removesuffix(b"\n") == text.removesuffix(b"\n")


def test_interpreter(tools, f32, example, golden):
    """A prefill of ragged rows and two steps leave the logits and the states of the reference interpreter."""
    tokens, lengths = golden("long-tokens")[:, :70], np.array([70, 15])
    calls = [prefill(lengths, tokens=tokens), decode(tokens=tokens[:, :1]), decode(tokens=tokens[:, 1:2])]
    results = tools.call(f32, "logits", calls)
    exact = tools.interpret(example / "model.json", "logits", calls)
    for output, reference in zip(results.outputs, exact.outputs):
        assert error(output, reference) <= F32_TOLERANCE
    for layer in range(8):
        for kind in ("conv", "ssm"):
            names = [name for name in exact.states if f"layers.{layer}." in name and name.endswith(kind)]
            assert names, f"layer {layer} has no {kind}"
            for name in names:
                assert error(results.states[name], exact.states[name]) <= F32_TOLERANCE, name


def test_bf16(tools, bf16, example, golden):
    """The error in bfloat16 is no more than 1.5 times PyTorch's, which rounds at the same places."""
    recorded = json.loads((example / "golden" / "errors.json").read_text())["bf16"]
    for name, tokens in (("logits", golden("tokens")), ("long-logits", golden("long-tokens"))):
        reference = golden(f"{name}-f64")
        theirs = error(golden(f"{name}-bf16"), reference)
        assert theirs == pytest.approx(recorded[name], rel=1e-3)
        ours = tools.call(bf16, "logits", [forward(tokens=tokens)]).outputs[0]
        if name == "long-logits":
            ours = ours[:, golden("long-positions")]
        assert 1e-5 < error(ours, reference) <= BF16_FACTOR * theirs  # below, it would not be bfloat16


def test_bf16_decode(tools, bf16, golden):
    """A step in bfloat16 is as near as a forward pass."""
    tokens = golden("tokens")
    limit = BF16_FACTOR * error(golden("logits-bf16"), golden("logits-f64"))
    lengths = np.array([62, 126])
    calls = [prefill(lengths, tokens=tokens[:, :126])]
    for step in range(4):
        calls.append(decode(tokens=tokens[np.arange(2), lengths + step][:, None]))
    outputs = np.stack([output for output in tools.call(bf16, "logits", calls).outputs[1:]])
    reference = np.stack([golden("logits-f64")[np.arange(2), lengths + step] for step in range(4)])
    assert error(outputs, reference) <= limit
