#!/usr/bin/env python3
"""Runs the kernels that build_kernels.py made on the GPU of this machine and compares them with PyTorch in float64.

    run_kernels.py DIR [--ptx]

--ptx loads the PTX instead of the cubin, which the driver then compiles. Prints one line a kernel: the largest error against
the largest value, the tolerance, and the median time; exits with 1 if an error is too large or two launches differ.
"""

import argparse
import ctypes
import json
import pathlib
import statistics
import sys

import torch

cuda = ctypes.CDLL("libcuda.so.1")


def check(status: int, what: str) -> None:
    if status != 0:
        text = ctypes.c_char_p()
        cuda.cuGetErrorString(status, ctypes.byref(text))
        raise RuntimeError(f"{what}: {(text.value or b'?').decode()} ({status})")


class Kernel:
    """One entry of the module, launched on PyTorch's current stream."""

    MAX_DYNAMIC_SHARED = 8  # CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES

    def __init__(self, module, name: str, description: dict):
        self.function = ctypes.c_void_p()
        check(cuda.cuModuleGetFunction(ctypes.byref(self.function), module, name.encode()), name)
        self.block = description["block_size"]
        self.shared = description["dynamic_shared_bytes"]
        if self.shared:
            check(cuda.cuFuncSetAttribute(self.function, self.MAX_DYNAMIC_SHARED, self.shared), "shared memory")

    def __call__(self, grid, *args):
        values = [ctypes.c_uint64(a.data_ptr() if isinstance(a, torch.Tensor) else a) for a in args]
        pointers = (ctypes.c_void_p * len(values))(*[ctypes.addressof(v) for v in values])
        stream = ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)
        check(cuda.cuLaunchKernel(self.function, *grid, self.block, 1, 1, self.shared, stream, pointers, None), "launch")


def median_ms(run, repeats: int = 20) -> float:
    times = []
    for _ in range(repeats):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        run()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end))
    return statistics.median(times)


def cases():
    """(kernel, grid, arguments, output, exact result, tolerance relative to the largest value)"""
    torch.manual_seed(0)
    T = 1000  # no multiple of a tile

    def random(*shape, dtype=torch.float32):
        return torch.randn(*shape, device="cuda").to(dtype)

    tiles = (T + 63) // 64
    a, b = random(T, 256, dtype=torch.bfloat16), random(256, 192, dtype=torch.bfloat16)
    c = torch.full((T, 192), float("nan"), device="cuda", dtype=torch.bfloat16)
    yield "matmul_bf16", (tiles, 3, 1), (a, b, c, T), c, a.double() @ b.double(), 2**-8

    x, w, y = random(T, 1536), random(1536), torch.full((T, 1536), float("nan"), device="cuda")
    norm = x.double() / (x.double().square().mean(-1, keepdim=True) + 1e-5).sqrt() * w.double()
    yield "row_norm", ((T + 3) // 4, 1, 1), (x, w, y, T), y, norm, 1e-6

    q, k, v = random(T, 48), random(T, 48), random(T, 48)
    o = torch.full((T, 48), float("nan"), device="cuda")
    scores = (q.double() @ k.double().T) * 48**-0.5
    scores.masked_fill_(torch.ones(T, T, device="cuda", dtype=torch.bool).triu(1), float("-inf"))
    yield "attention", (tiles, 1, 1), (q, k, v, o, T), o, scores.softmax(-1) @ v.double(), 5e-6

    n = 100_003
    s, r = random(n, dtype=torch.bfloat16) * 4, torch.full((n,), float("nan"), device="cuda", dtype=torch.bfloat16)
    yield "silu_bf16", ((n + 1023) // 1024, 1, 1), (s, r, n), r, torch.nn.functional.silu(s.double()), 2**-8


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=pathlib.Path, metavar="DIR")
    parser.add_argument("--ptx", action="store_true")
    args = parser.parse_args()

    torch.cuda.init()
    torch.zeros(1, device="cuda")  # makes the context current
    image = (args.directory / ("kernels.ptx" if args.ptx else "kernels.cubin")).read_bytes() + b"\0"
    module = ctypes.c_void_p()
    check(cuda.cuModuleLoadData(ctypes.byref(module), image), "loading the module")
    descriptions = json.loads((args.directory / "kernels.json").read_text())

    failed = False
    for name, grid, arguments, output, exact, tolerance in cases():
        kernel = Kernel(module, name, descriptions[name])
        kernel(grid, *arguments)
        first = output.clone()
        kernel(grid, *arguments)
        torch.cuda.synchronize()
        error = ((output.double() - exact).abs().max() / exact.abs().max()).item()
        repeats = torch.equal(first.view(torch.uint8), output.view(torch.uint8))
        good = error <= tolerance and repeats
        failed |= not good
        time = median_ms(lambda: kernel(grid, *arguments))
        print(f"{'ok  ' if good else 'FAIL'} {name:12} error {error:.2e} (at most {tolerance:.1e}), "
              f"repeats bit for bit: {'yes' if repeats else 'NO'}, {time * 1e3:.1f} us")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
