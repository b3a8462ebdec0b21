#!/usr/bin/env python3
"""Prefill of a model of examples/paper in PyTorch on a GPU: the rival of the compiled package.

    pytorch_gpu.py GRAPH.json [--batch 1] [--tokens 8192] [--operators DIR] [--json FILE]

Random weights, bf16, logits of the last token, no states written. Attention is cuDNN's. DIR holds the sources of the packages
`mamba_ssm` (its Triton scan), `fla` (its Triton convolution) and `einops`, as PyPI has them; nothing of them is compiled. Elementwise
work goes through torch.compile, and the whole pass is measured as it is and as one CUDA graph. Medians, in milliseconds.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import statistics
import sys
import types

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel


def import_operators(directory: pathlib.Path):
    """The scan of mamba_ssm and the convolution of fla, without their compiled parts."""
    sys.path.insert(0, str(directory))
    # The package's own __init__ asks for its CUDA extension.
    package = types.ModuleType("mamba_ssm")
    package.__path__ = [str(directory / "mamba_ssm")]
    sys.modules["mamba_ssm"] = package
    modules = types.ModuleType("fla.modules")
    modules.__path__ = [str(directory / "fla" / "modules")]
    sys.modules["fla.modules"] = modules
    from fla.modules.causal_conv1d.ops import causal_conv1d
    from mamba_ssm.ops.triton.ssd_combined import mamba_chunk_scan_combined

    return mamba_chunk_scan_combined, causal_conv1d


@torch.compile(dynamic=False)
def rms_norm(x, weight):
    wide = x.float()
    return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + 1e-5) * weight.float()).to(x.dtype)


@torch.compile(dynamic=False)
def rotate(q, k, cos, sin):
    def turn(x):
        first, second = x.float().chunk(2, -1)
        return torch.cat((first * cos - second * sin, second * cos + first * sin), -1).to(x.dtype)

    return turn(q), turn(k)


@torch.compile(dynamic=False)
def gate(y, z, weight):
    gated = y.float() * F.silu(z.float())
    return (gated * torch.rsqrt(gated.square().mean(-1, keepdim=True) + 1e-5) * weight.float()).to(y.dtype)


@torch.compile(dynamic=False)
def weigh(k, dt, log_decay):
    """Keys times what the state keeps of their tokens, for the memory conversion."""
    return (k.float() * ((log_decay[:, -1:] - log_decay).exp() * dt)[..., None]).to(k.dtype)


@torch.compile(dynamic=False)
def swiglu(up_and_gate):
    gated, up = up_and_gate.chunk(2, -1)
    return F.silu(gated) * up


@torch.compile(dynamic=False)
def softplus(x, bias):
    return F.softplus(x.float() + bias)


gelu = torch.compile(F.gelu, dynamic=False)


class Model:
    """The graphs of examples/paper: mixers and FFNs in turn."""

    def __init__(self, graph: dict, operators) -> None:
        self.scan, self.conv = operators
        c = graph["constants"]
        self.width, self.heads, self.layers, ffn = c["width"], c["heads"], c["layers"], c["ffn"]
        cycle = [0, 128, 256, 512, 1024, 2048, 4096, 8192]  # V9
        self.points = [cycle[i % len(cycle)] for i in range(self.layers)]
        self.gated = any(op.get("weight") == ".gate.weight" for op in graph["blocks"]["ffn"]["ops"])

        def matrix(rows, columns):
            return torch.randn(rows, columns, device="cuda", dtype=torch.bfloat16) * columns**-0.5

        w = self.width
        self.embedding = torch.randn(graph["vocabulary"], w, device="cuda", dtype=torch.bfloat16)
        self.ones = torch.ones(w, device="cuda", dtype=torch.bfloat16)
        self.weights = [
            {
                "in": matrix(4 * w + self.heads, w),  # q, k, v, z and dt in one product
                "conv": torch.randn(3 * w, 4, device="cuda", dtype=torch.bfloat16) * 0.5,
                "conv_bias": torch.zeros(3 * w, device="cuda", dtype=torch.bfloat16),
                "dt_bias": torch.full((self.heads,), -4.0, device="cuda"),
                "a": -torch.linspace(1, 16, self.heads, device="cuda"),
                "d": torch.ones(self.heads, device="cuda"),
                "out": matrix(w, w),
                "up": matrix(2 * ffn if self.gated else ffn, w),
                "down": matrix(w, ffn),
            }
            for _ in range(self.layers)
        ]

    def mix(self, x, weights, point):
        batch, tokens, w = x.shape
        u = rms_norm(x, self.ones)
        qkv, z, dt = F.linear(u, weights["in"]).split([3 * w, w, self.heads], -1)
        qkv = self.conv(qkv.contiguous(), weights["conv"], weights["conv_bias"], activation="silu")
        qkv = qkv[0] if isinstance(qkv, tuple) else qkv
        q, k, v = (part.unflatten(-1, (self.heads, -1)) for part in qkv.chunk(3, -1))
        dt = softplus(dt, weights["dt_bias"])
        point = min(point, tokens)
        parts, state = [], None
        if point:
            rotated = rotate(q[:, :point], k[:, :point], self.cos[:point], self.sin[:point])
            with sdpa_kernel(SDPBackend.CUDNN_ATTENTION):
                prefix = F.scaled_dot_product_attention(
                    *(part.transpose(1, 2) for part in (*rotated, v[:, :point])), is_causal=True
                )
            parts.append(prefix.transpose(1, 2).flatten(2))
        if point < tokens:
            if point:
                log_decay = (weights["a"] * dt[:, :point]).cumsum(1)
                weighted = weigh(k[:, :point], dt[:, :point], log_decay)
                # [B, H, D, N]: as mamba_ssm keeps it.
                state = torch.einsum("bthd,bthn->bhdn", v[:, :point], weighted).float()
            y = self.scan(
                v[:, point:], dt[:, point:], weights["a"], k[:, point:], q[:, point:], chunk_size=128,
                D=weights["d"], initial_states=state,
            )
            parts.append(gate(y.flatten(2), z[:, point:], self.ones))
        mixed = parts[0] if len(parts) == 1 else torch.cat(parts, 1)
        return torch.addmm(x.flatten(0, 1), mixed.flatten(0, 1), weights["out"].T).view_as(x)

    def feed(self, x, weights):
        hidden = F.linear(rms_norm(x, self.ones), weights["up"])
        hidden = swiglu(hidden) if self.gated else gelu(hidden)
        return torch.addmm(x.flatten(0, 1), hidden.flatten(0, 1), weights["down"].T).view_as(x)

    def __call__(self, tokens):
        x = F.embedding(tokens, self.embedding)
        for weights, point in zip(self.weights, self.points):
            x = self.feed(self.mix(x, weights, point), weights)
        return F.linear(rms_norm(x[:, -1], self.ones), self.embedding)

    def prepare(self, tokens: int) -> None:
        half = self.width // self.heads // 2
        frequency = 10000.0 ** (-torch.arange(half, device="cuda", dtype=torch.float64) / half)
        angle = torch.arange(tokens, device="cuda", dtype=torch.float64)[:, None] * frequency
        self.cos, self.sin = angle.cos().float()[:, None], angle.sin().float()[:, None]


def median_ms(run, repeat: int) -> float:
    times = []
    for _ in range(repeat):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        run()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end))
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("graph", type=pathlib.Path)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=8192)
    parser.add_argument("--repeat", type=int, default=15)
    parser.add_argument("--operators", type=pathlib.Path, required=True)
    parser.add_argument("--json", type=pathlib.Path)
    args = parser.parse_args()

    torch.manual_seed(0)
    torch.set_grad_enabled(False)
    model = Model(json.loads(args.graph.read_text()), import_operators(args.operators.resolve()))
    model.prepare(args.tokens)
    tokens = torch.randint(0, 256, (args.batch, args.tokens), device="cuda")
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        for _ in range(3):  # compiles and tunes
            model(tokens)
        torch.cuda.synchronize()
        figures = {"eager_ms": median_ms(lambda: model(tokens), args.repeat)}
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=side):
            model(tokens)
        graph.replay()
        figures["graph_ms"] = median_ms(graph.replay, args.repeat)
    figures |= {"model": args.graph.stem, "batch": args.batch, "tokens": args.tokens,
                "device": torch.cuda.get_device_name(), "torch": torch.__version__}
    print(f"{figures['model']}, {args.batch} x {args.tokens} tokens: {figures['eager_ms']:.2f} ms, "
          f"one CUDA graph {figures['graph_ms']:.2f} ms ({figures['device']}, PyTorch {figures['torch']})")
    if args.json:
        args.json.write_text(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
