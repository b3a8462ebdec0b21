#!/usr/bin/env python3
"""The example model on CPU, compiled and in PyTorch, on the same number of threads.

    pytorch_cpu.py MODEL.tmpkg TRANSMAMBA_RUN [--threads 2] [--tokens 512] [--steps 256]

Prefill is one pass over TOKENS tokens of one sequence; decode is STEPS tokens after a prompt of 32, with the state carried:
the PyTorch decoder below keeps a conv window, a cache of rotated keys and values and the SSM state of every layer, as the compiled
model does. Both sides get the same tokens. Medians of repeated runs; pin the process (`taskset -c 0,1`).
"""

from __future__ import annotations

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch
import torch.nn.functional as F

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples" / "byte-transmamba"
sys.path.insert(0, str(EXAMPLE))
from checkpoint import load_model  # noqa: E402
from model import TransMamba, rms_norm  # noqa: E402


class Decoder:
    """One token at a time through the PyTorch model, for one sequence."""

    def __init__(self, model: TransMamba) -> None:
        c = model.config
        self.model, self.position = model, 0
        self.windows = [torch.zeros(c.conv_width, 3 * c.heads * c.head_width) for _ in model.layers]
        self.states = [torch.zeros(c.heads, c.head_width, c.head_width) for _ in model.layers]
        self.keys = [torch.empty(c.heads, c.transpoint(i), c.head_width) for i in range(c.layers)]
        self.values = [torch.empty(c.heads, c.transpoint(i), c.head_width) for i in range(c.layers)]
        half = c.head_width // 2
        frequency = c.rope_theta ** (-torch.arange(half, dtype=torch.float64) / half)
        angle = torch.arange(4096, dtype=torch.float64)[:, None] * frequency
        self.cos, self.sin = angle.cos().float(), angle.sin().float()

    def rotate(self, x: torch.Tensor) -> torch.Tensor:
        """x [H,dh] at the current position."""
        cos, sin = self.cos[self.position], self.sin[self.position]
        first, second = x.chunk(2, -1)
        return torch.cat((first * cos - second * sin, second * cos + first * sin), -1)

    def mix(self, index: int, x: torch.Tensor) -> torch.Tensor:
        """The mixer of a layer on x [Dm]."""
        mixer, c, p = self.model.layers[index].mixer, self.model.config, self.position
        u = mixer.norm(x)
        window = self.windows[index] = torch.cat((self.windows[index][1:], mixer.qkv(u)[None]))
        qkv = F.silu((window * mixer.conv.weight.T).sum(0) + mixer.conv.bias)
        q, k, v = qkv.view(3, c.heads, c.head_width)
        dt = F.softplus(mixer.dt(u))
        decay = torch.exp(-dt * torch.exp(mixer.A_log))
        state = self.states[index]
        state.mul_(decay[:, None, None]).add_((dt[:, None] * k)[:, :, None] * v[:, None, :])
        if p < c.transpoint(index):
            self.keys[index][:, p] = self.rotate(k)
            self.values[index][:, p] = v
            keys, values = self.keys[index][:, : p + 1], self.values[index][:, : p + 1]
            y = F.scaled_dot_product_attention(self.rotate(q)[:, None], keys, values).flatten()
        else:
            y = (torch.matmul(q[:, None], state)[:, 0] + mixer.D[:, None] * v).flatten()
            y = rms_norm(y * F.silu(mixer.z(u)), mixer.gate_norm.weight, c.norm_eps)
        return mixer.out(y)

    def step(self, token: int) -> torch.Tensor:
        """The logits [256] after one more token."""
        x = self.model.embedding.weight[token]
        for index, layer in enumerate(self.model.layers):
            x = x + self.mix(index, x)
            x = x + layer.ffn(x)
        self.position += 1
        return self.model.head(self.model.norm(x))


def median(run, repeats: int) -> float:
    """Median seconds of `repeats` runs after two to warm up."""
    times = []
    for _ in range(repeats + 2):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times[2:])


def compiled(args: argparse.Namespace, steps: list[str]) -> str:
    """Runs the package on the CPU; returns the lines with times, which go to standard error."""
    command = [args.run, args.package, "--device", "cpu", "--threads", str(args.threads), *steps]
    return subprocess.run(command, check=True, text=True, capture_output=True).stderr


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package")
    parser.add_argument("run", help="path of transmamba-run")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--steps", type=int, default=256)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model = load_model()
    tokens = np.load(EXAMPLE / "golden" / "long-tokens.npy")[:1, : args.tokens]

    batch = torch.from_numpy(tokens.astype(np.int64))
    prefill = median(lambda: model(batch), 20)
    # A fair race decodes the same function.
    check = Decoder(model)
    logits = torch.stack([check.step(int(token)) for token in tokens[0, :80]])
    error = float((logits - model(batch[:, :80])[0]).norm() / logits.norm())

    def decode() -> None:
        decoder = Decoder(model)
        for token in tokens[0, :32]:
            decoder.step(int(token))
        start = time.perf_counter()
        for index in range(args.steps):
            decoder.step(int(tokens[0, 32 + index % (args.tokens - 32)]))
        decode_times.append((time.perf_counter() - start) / args.steps)

    decode_times: list[float] = []
    for _ in range(4):
        decode()
    report = {
        "torch": torch.__version__,
        "threads": args.threads,
        "decoder_error": error,
        "pytorch_prefill_ms": 1e3 * prefill,
        "pytorch_decode_ms_per_token": 1e3 * statistics.median(decode_times[1:]),
    }
    print(json.dumps(report, indent=2))
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        np.save(path / "tokens.npy", tokens.astype(np.int32))
        print(compiled(args, ["--entry", "prefill", "--input", f"tokens=@{path}/tokens.npy", "--input", f"lengths={args.tokens}", "--repeat", "20"]))
        np.save(path / "prompt.npy", tokens[:, :32].astype(np.int32))
        np.save(path / "one.npy", tokens[:, :1].astype(np.int32))
        steps = ["--step", f"prefill:tokens=@{path}/prompt.npy,lengths=32"]
        steps += ["--step", f"decode:tokens=@{path}/one.npy"] * args.steps
        lines = compiled(args, [*steps, "--repeat", "5"]).splitlines()
        times = [float(line.split("median ")[1].split(" ms")[0]) for line in lines if "decode: median" in line]
        print(f"decode: median of {len(times)} steps {statistics.median(times):.3f} ms")


if __name__ == "__main__":
    main()
