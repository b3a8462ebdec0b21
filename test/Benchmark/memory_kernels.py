#!/usr/bin/env python3
"""Operations at the speed of memory, alone: norms, convolution, pointwise.

    memory_kernels.py build OUT --bin build/bin [--target nvidia:sm_90a]    where the compiler is: one package an element type
    memory_kernels.py run OUT --benchmark transmamba-benchmark              where the GPU is
    memory_kernels.py torch                                                 the same in PyTorch, where the GPU is

`run` prints for each operation the time of all its kernels (medians of single launches, cold caches), the bytes that it cannot avoid
over that time, and their share of what a copy in the same process reaches.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess

ROWS, TOKENS = 16, 2048  # 32768 tokens
WIDTHS = (1536, 2048)
ELEMENT_BYTES = {"bf16": 2, "f32": 4}
# How often each element of [tokens, width] has to move.
PASSES = {"norm": 2, "gated_norm": 3, "conv_silu": 2, "add": 3, "swiglu": 3}


def entry(op: str, width: int, dtype: str) -> str:
    """One function: `op` on tensors [B, T, width]."""
    x = f"tensor<?x?x{width}x{dtype}>"
    weight, taps = f"tensor<{width}x{dtype}>", f"tensor<{width}x4x{dtype}>"
    dims = '["B", "T"]'
    window = f"!transmamba.conv_window<layer = 0, 3x{width}x{dtype}>"
    get = "transmamba.get_parameter @"
    body = {
        "norm": f"""%w = {get}w{width} : {weight}
  %y = transmamba.rms_norm %x, %w eps 1.0e-05 : {x}, {weight}""",
        "gated_norm": f"""%w = {get}w{width} : {weight}
  %y = transmamba.gated_rms_norm %x, %z weight(%w : {weight}) eps 1.0e-05 : {x}""",
        "conv_silu": f"""%w = {get}taps{width} : {taps}
  %b = {get}w{width} : {weight}
  %c, %n = transmamba.causal_conv1d %x, %w bias(%b : {weight}) : {x}, {taps} -> {window}
  %y = transmamba.activate silu %c : {x}""",
        "add": f"%y = arith.addf %x, %z : {x}",
        "swiglu": f"""%s = transmamba.activate silu %x : {x}
  %y = arith.mulf %s, %z : {x}""",
    }[op]
    arguments = f'%x: {x} {{transmamba.name = "x", transmamba.dims = {dims}}}'
    if PASSES[op] == 3:
        arguments += f', %z: {x} {{transmamba.name = "z", transmamba.dims = {dims}}}'
    return f"""func.func @{op}_{width}({arguments}) -> ({x} {{transmamba.name = "y"}}) attributes {{transmamba.entry}} {{
  {body}
  return %y : {x}
}}
"""


def module(dtype: str) -> str:
    text = f"module attributes {{transmamba.max_batch = {ROWS} : i64, transmamba.max_sequence = {TOKENS} : i64}} {{\n"
    for width in WIDTHS:
        text += f'transmamba.parameter @w{width} from "w{width}" : tensor<{width}x{dtype}>\n'
        text += f'transmamba.parameter @taps{width} from "taps{width}" : tensor<{width}x4x{dtype}>\n'
        text += "".join(entry(op, width, dtype) for op in PASSES)
    return text + "}\n"


def build(out: pathlib.Path, tools: pathlib.Path, target: str) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for dtype in ELEMENT_BYTES:
        source = out / f"{dtype}.mlir"
        source.write_text(module(dtype))
        subprocess.run(
            [tools / "transmamba-compile", source, "--weights=random:1", "--quiet", f"--target={target}", "-o", out / f"{dtype}.tmpkg"],
            check=True,
        )


def report(name: str, milliseconds: float, moved: int, copy: float) -> None:
    speed = moved / milliseconds / 1e6
    print(f"{name:24} {milliseconds * 1e3:8.1f} us {speed:8.0f} GB/s {100 * speed / copy:6.1f} % of copy", flush=True)


def random_inputs(out: pathlib.Path, shape: tuple[int, ...]) -> list[str]:
    """Options for x and z; files, for the program's own random numbers take longer than all the rest."""
    import numpy

    generator = numpy.random.default_rng(1)
    options = []
    for name in ("x", "z"):
        numpy.save(out / f"{name}.npy", generator.standard_normal(shape, dtype=numpy.float32))
        options += ["--input", f"{name}=@{out / name}.npy"]
    return options


def run(out: pathlib.Path, benchmark: str, dtypes: list[str], rows: int, tokens: int) -> None:
    for dtype in dtypes:
        size = ELEMENT_BYTES[dtype]
        for width in WIDTHS:
            inputs = random_inputs(out, (rows, tokens, width))
            for op, passes in PASSES.items():
                command = [benchmark, out / f"{dtype}.tmpkg", "--entry", f"{op}_{width}", "--shape", f"B={rows},T={tokens}", "--device", "cuda:0",
                           "--flush-l2", "--per-kernel", "--warmup", "2", "--repeat", "10", "--json", "-", *inputs[: 2 * passes - 2]]  # fmt: skip
                result = subprocess.run(command, text=True, capture_output=True)
                if result.returncode:
                    print(op, width, dtype, result.stderr)
                    continue
                data = json.loads(result.stdout)
                time = sum(kernel["ms"] for kernel in data["kernels"])
                copy = data["limits"]["bytes"]["per_second"] / 1e9
                report(f"{op} {width} {dtype}", time, passes * rows * tokens * width * size, copy)


def run_torch(rows: int, tokens: int) -> None:
    import torch
    import torch.nn.functional as functional

    def measure(call) -> float:
        """Median milliseconds of a launch, the second-level cache overwritten before each."""
        flush = torch.empty(256 << 20, dtype=torch.int8, device="cuda")
        times = []
        for _ in range(15):
            flush.zero_()
            start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            start.record()
            call()
            end.record()
            torch.cuda.synchronize()
            times.append(start.elapsed_time(end))
        return sorted(times[5:])[5]

    for dtype in (torch.bfloat16, torch.float32):
        for width in WIDTHS:
            x, z = (torch.randn(rows, tokens, width, device="cuda", dtype=dtype) for _ in range(2))
            w, taps = torch.randn(width, device="cuda", dtype=dtype), torch.randn(width, 1, 4, device="cuda", dtype=dtype)
            moved = x.numel() * x.element_size()
            y = torch.empty_like(x)
            copy = 2 * moved / measure(lambda: y.copy_(x)) / 1e6
            print(f"copy {copy:.0f} GB/s")
            calls = {
                "norm": lambda: functional.rms_norm(x, (width,), w, 1e-5),
                "norm, compiled": torch.compile(lambda: functional.rms_norm(x, (width,), w, 1e-5)),
                "gated_norm, compiled": torch.compile(lambda: functional.rms_norm(x * functional.silu(z), (width,), w, 1e-5)),
                "conv_silu": lambda: functional.silu(functional.conv1d(x.transpose(1, 2), taps, w, padding=3, groups=width)),
                "add": lambda: torch.add(x, z, out=y),
                "swiglu, compiled": torch.compile(lambda: functional.silu(x) * z),
            }
            for name, call in calls.items():
                try:
                    report(f"torch {name} {width} {str(dtype)[6:]}", measure(call), PASSES[name.split(",")[0]] * moved, copy)
                except Exception as error:  # A rival that cannot run is no reason to lose the others.
                    print(name, type(error).__name__)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("build", "run", "torch"))
    parser.add_argument("out", type=pathlib.Path, nargs="?", default=pathlib.Path("."))
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path("build/bin"))
    parser.add_argument("--target", default="nvidia:sm_90a")
    parser.add_argument("--benchmark", default="transmamba-benchmark")
    parser.add_argument("--dtypes", nargs="+", choices=ELEMENT_BYTES, default=list(ELEMENT_BYTES))
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--tokens", type=int, default=TOKENS)
    options = parser.parse_args()
    if options.action == "build":
        build(options.out, options.bin, options.target)
    elif options.action == "run":
        run(options.out, options.benchmark, options.dtypes, options.rows, options.tokens)
    else:
        run_torch(options.rows, options.tokens)


if __name__ == "__main__":
    main()
