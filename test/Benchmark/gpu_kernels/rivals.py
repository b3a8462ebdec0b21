"""The operations in PyTorch: inputs, what should come out, and the fastest that others have.

Every rival is a function of the inputs that returns a function to measure; it raises what it likes where something is missing.
"""

from __future__ import annotations

import importlib
import pathlib
import sys
import types
from collections.abc import Callable

import torch
import torch.nn.functional as F

Inputs = dict[str, torch.Tensor]


def make_inputs(kind: str, shape: dict[str, int], b: int, t: int, seed: int = 0, device: str = "cuda") -> Inputs:
    """Random data of the size that a model has. bf16, but steps, decays and biases of products."""
    torch.manual_seed(seed)

    def normal(*dims: int, scale: float = 1.0, dtype: torch.dtype = torch.bfloat16) -> torch.Tensor:
        return (torch.randn(*dims, device=device, dtype=torch.float32) * scale).to(dtype)

    if kind == "mixer" and shape["point"] >= shape["tokens"]:
        kind = "attention"  # all that the layer is
    if kind == "attention":
        return {x: normal(b, t, shape["heads"] * shape["size"]) for x in "qkv"}
    if kind in ("scan", "mixer"):
        h, n, d = shape["heads"], shape["state"], shape["size"]
        # Steps of 0.001 to 0.1 and decays of 1 to 16, as Mamba-2 begins with.
        uniform = torch.rand(b, t, h, device=device)
        return {
            "q": normal(b, t, h * n, scale=n**-0.5),
            "k": normal(b, t, h * n),
            "v": normal(b, t, h * d),
            "dt": (0.001 * 100**uniform).float(),
            "A": -(1 + 15 * torch.rand(h, device=device)),
        }
    if kind.startswith("gemm"):
        n, k = shape["n"], shape["k"]
        inputs = {"x": normal(b, k) if kind == "gemm-step" else normal(b, t, k), "w": normal(k, n, scale=k**-0.5)}
        if kind == "gemm-bias":
            inputs["bias"] = normal(n, dtype=torch.float32)
        if kind == "gemm-gated":
            inputs["u"] = normal(k, n, scale=k**-0.5)
        if kind == "gemm-residual":
            inputs["r"] = normal(b, t, n)
        return inputs
    c = shape["columns"]
    inputs = {"x": normal(b, t, c)}
    if kind == "gated_rms_norm":
        inputs["z"] = normal(b, t, c)
    if kind in ("rms_norm", "gated_rms_norm"):
        inputs["w"] = 1 + normal(c, scale=0.1)
    if kind == "conv":
        inputs |= {"w": normal(c, 4, scale=0.5), "bias": normal(c, scale=0.1)}
    if kind in ("add", "gate"):
        inputs["r"] = normal(b, t, c)
    return inputs


# ---- What should come out: in the type of the inputs, float64 for the reference, bf16 for PyTorch's own error.


def heads(x: torch.Tensor, count: int) -> torch.Tensor:
    """[B, T, H D] as [B, H, T, D]."""
    return x.view(*x.shape[:2], count, -1).transpose(1, 2)


def attend(i: Inputs, shape: dict[str, int]) -> torch.Tensor:
    q, k, v = (heads(i[x], shape["heads"]) for x in "qkv")
    if q.dtype == torch.bfloat16:
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    else:
        scores = q @ k.transpose(-1, -2) * shape["size"] ** -0.5
        later = torch.ones_like(scores, dtype=torch.bool).triu(1)
        y = scores.masked_fill(later, float("-inf")).softmax(-1) @ v
    return y.transpose(1, 2).flatten(2)


def recurrence(i: Inputs, shape: dict[str, int]) -> torch.Tensor:
    """h_t = exp(dt_t A) h_{t-1} + dt_t k_t v_t^T, y_t = q_t h_t, token by token."""
    q, k, v = (heads(i[x], shape["heads"]) for x in "qkv")
    dt = i["dt"].transpose(1, 2)  # [B, H, T]
    h = q.new_zeros(*q.shape[:2], shape["state"], shape["size"])
    y = torch.empty_like(v)
    for t in range(q.shape[2]):
        step = dt[:, :, t, None, None]
        decay = torch.exp(step * i["A"][:, None, None])
        h = decay * h + step * k[:, :, t, :, None] * v[:, :, t, None, :]
        y[:, :, t] = (q[:, :, t, None, :] @ h)[:, :, 0]
    return y.transpose(1, 2).flatten(2)


def chunked(i: Inputs, shape: dict[str, int], chunk: int = 64) -> torch.Tensor:
    """The same in chunks with products of bf16, as it is written in PyTorch: decays and states in float32."""
    b, t = i["q"].shape[:2]
    pad = -t % chunk
    q, k, v = (heads(F.pad(i[x], (0, 0, 0, pad)), shape["heads"]).unflatten(2, (-1, chunk)) for x in "qkv")
    dt = F.pad(i["dt"], (0, 0, 0, pad)).transpose(1, 2).unflatten(2, (-1, chunk))  # [B, H, C, Q]
    sums = (dt * i["A"][:, None, None]).cumsum(-1)
    lower = torch.ones(chunk, chunk, device=q.device, dtype=torch.bool).tril()
    weights = (sums[..., :, None] - sums[..., None, :]).masked_fill(~lower, float("-inf")).exp() * dt[..., None, :]
    y = ((q @ k.transpose(-1, -2)).float() * weights).to(q.dtype) @ v
    to_end = (torch.exp(sums[..., -1:] - sums) * dt)[..., None]
    states = ((k.float() * to_end).to(k.dtype).transpose(-1, -2) @ v).float()
    h = torch.zeros_like(states[:, :, 0])
    for c in range(q.shape[2]):
        from_state = q[:, :, c].float() * torch.exp(sums[:, :, c])[..., None]
        y[:, :, c] += from_state.to(q.dtype) @ h.to(q.dtype)
        h = torch.exp(sums[:, :, c, -1])[..., None, None] * h + states[:, :, c]
    return y.flatten(2, 3)[:, :, :t].transpose(1, 2).flatten(2)


def mix(i: Inputs, shape: dict[str, int]) -> torch.Tensor:
    """Attention before the TransPoint, and the scan of all tokens from it on."""
    point = min(shape["point"], i["q"].shape[1])
    parts = []
    if point > 0:
        parts.append(attend({x: i[x][:, :point].contiguous() for x in "qkv"}, shape))
    if point < i["q"].shape[1]:
        scan = recurrence if i["q"].dtype == torch.float64 else chunked
        parts.append(scan(i, shape)[:, point:])
    return torch.cat(parts, 1)


def project(i: Inputs, kind: str) -> torch.Tensor:
    y = i["x"] @ i["w"]
    if kind == "gemm-bias":
        return y + i["bias"].to(y.dtype)
    if kind == "gemm-silu":
        return F.silu(y)
    if kind == "gemm-residual":
        return i["r"] + y
    if kind == "gemm-gated":
        return F.silu(y) * (i["x"] @ i["u"])
    return y


def normalize(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    if x.dtype == torch.bfloat16 and hasattr(F, "rms_norm"):
        return F.rms_norm(x, x.shape[-1:], w, 1e-5)
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-5) * w


def convolve(i: Inputs) -> torch.Tensor:
    x = F.pad(i["x"].transpose(1, 2), (3, 0))
    return F.silu(F.conv1d(x, i["w"][:, None], i["bias"], groups=x.shape[1])).transpose(1, 2)


def compute(kind: str, i: Inputs, shape: dict[str, int]) -> torch.Tensor:
    if kind == "attention":
        return attend(i, shape)
    if kind == "scan":
        return recurrence(i, shape) if i["q"].dtype == torch.float64 else chunked(i, shape)
    if kind == "mixer":
        return mix(i, shape)
    if kind.startswith("gemm"):
        return project(i, kind)
    if kind == "rms_norm":
        return normalize(i["x"], i["w"])
    if kind == "gated_rms_norm":
        return normalize(i["x"] * F.silu(i["z"]), i["w"])
    if kind == "conv":
        return convolve(i)
    return i["x"] + i["r"] if kind == "add" else F.silu(i["x"]) * i["r"]


# ---- What others have


def sdpa(backend: str) -> Callable:
    def make(i: Inputs, shape: dict[str, int]) -> Callable:
        from torch.nn.attention import SDPBackend, sdpa_kernel

        q, k, v = (heads(i[x], shape["heads"]) for x in "qkv")

        def call() -> None:
            with sdpa_kernel(getattr(SDPBackend, backend)):
                F.scaled_dot_product_attention(q, k, v, is_causal=True)

        return call

    return make


def import_mamba() -> types.ModuleType:
    """mamba_ssm's Triton operations alone: the package itself asks for compiled extensions."""
    for entry in sys.path:
        folder = pathlib.Path(entry or ".") / "mamba_ssm"
        if (folder / "ops" / "triton" / "ssd_combined.py").exists():
            if "mamba_ssm" not in sys.modules:
                package = types.ModuleType("mamba_ssm")
                package.__path__ = [str(folder)]
                sys.modules["mamba_ssm"] = package
            return importlib.import_module("mamba_ssm.ops.triton.ssd_combined")
    raise ModuleNotFoundError("Python does not find mamba_ssm")


def mamba(chunk: int) -> Callable:
    def make(i: Inputs, shape: dict[str, int]) -> Callable:
        module = import_mamba()
        x, b, c = (i[name].view(*i[name].shape[:2], shape["heads"], -1) for name in "vkq")

        def call() -> None:
            with torch.no_grad():
                module.mamba_chunk_scan_combined(x, i["dt"], i["A"], b, c, chunk)

        return call

    return make


def fla(i: Inputs, shape: dict[str, int]) -> Callable:
    """simple_gla takes values that are multiplied by dt already, and logarithms of decays."""
    simple_gla = importlib.import_module("fla.ops.simple_gla")
    q, k, v = (i[x].view(*i[x].shape[:2], shape["heads"], -1) for x in "qkv")
    v, g = (v * i["dt"][..., None]).to(v.dtype), i["dt"] * i["A"]

    def call() -> None:
        with torch.no_grad():
            simple_gla.chunk_simple_gla(q, k, v, g=g, scale=1.0)

    return call


def mixer(scan: str) -> Callable:
    """cuDNN's attention before the TransPoint; the state that these tokens leave by the same scan, which then goes on from it."""

    def make(i: Inputs, shape: dict[str, int]) -> Callable:
        from torch.nn.attention import SDPBackend, sdpa_kernel

        point, tokens = shape["point"], i["q"].shape[1]
        q, k, v = (i[x].view(*i[x].shape[:2], shape["heads"], -1) for x in "qkv")
        attended = [x[:, :point].transpose(1, 2) for x in (q, k, v)]
        output = torch.empty_like(v)
        if point >= tokens:
            run = None
        elif scan == "fla":
            module = importlib.import_module("fla.ops.simple_gla")
            values, g = (v * i["dt"][..., None]).to(v.dtype), i["dt"] * i["A"]

            def run(first: int, last: int, state: torch.Tensor | None):
                part = slice(first, last)
                return module.chunk_simple_gla(
                    q[:, part], k[:, part], values[:, part], g=g[:, part], scale=1.0, initial_state=state, output_final_state=True
                )
        else:
            module = import_mamba()

            def run(first: int, last: int, state: torch.Tensor | None):
                part = slice(first, last)
                return module.mamba_chunk_scan_combined(
                    v[:, part], i["dt"][:, part], i["A"], k[:, part], q[:, part], 128, initial_states=state, return_final_states=True
                )

        def call() -> None:
            with torch.no_grad():
                state = None
                if point > 0:
                    with sdpa_kernel(SDPBackend.CUDNN_ATTENTION):
                        output[:, :point] = F.scaled_dot_product_attention(*attended, is_causal=True).transpose(1, 2)
                if 0 < point < tokens:
                    state = run(0, point, None)[1]
                if point < tokens:
                    output[:, point:] = run(point, tokens, state)[0]

        return call

    return make


def pytorch(kind: str) -> Callable:
    """The operation as PyTorch has it, kernel after kernel."""

    def make(i: Inputs, shape: dict[str, int]) -> Callable:
        if kind in ("gemm", "gemm-step"):
            x = i["x"].flatten(0, -2)
            y = x.new_empty(x.shape[0], shape["n"])
            return lambda: torch.mm(x, i["w"], out=y)
        return lambda: compute(kind, i, shape)

    return make


def rivals_of(kind: str) -> dict[str, Callable]:
    if kind == "attention":
        return {"cuDNN": sdpa("CUDNN_ATTENTION"), "FlashAttention-2": sdpa("FLASH_ATTENTION")}
    if kind == "scan":
        return {"mamba_ssm-128": mamba(128), "mamba_ssm-256": mamba(256), "fla": fla}
    if kind == "mixer":
        return {"cuDNN + mamba_ssm": mixer("mamba_ssm"), "cuDNN + fla": mixer("fla")}
    if kind.startswith("gemm"):
        return {"cuBLAS" if kind in ("gemm", "gemm-step") else "cuBLAS + PyTorch": pytorch(kind)}
    return {"PyTorch": pytorch(kind)}
