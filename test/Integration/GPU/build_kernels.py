#!/usr/bin/env python3
"""Compiles kernels.mlir to DIR/kernels.ptx, DIR/kernels.cubin and DIR/kernels.json (block size, shared memory, registers, spills).

Needs no GPU: run it where the compiler is, and run_kernels.py where the GPU is.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys

PIPELINE = ["--transmamba-gpu-pipeline", "--transmamba-nvvm-pipeline"]


def unescape(text: str) -> bytes:
    """The bytes of an MLIR string literal: \\XX is a byte in hex, \\\\ and \\" stand for themselves."""
    pieces = re.split(rb'\\([0-9A-F]{2}|["\\])', text.encode("utf-8", "surrogateescape"))
    for i in range(1, len(pieces), 2):
        if len(pieces[i]) == 2:
            pieces[i] = bytes([int(pieces[i], 16)])
    return b"".join(pieces)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=pathlib.Path, metavar="DIR")
    parser.add_argument("--opt", default="transmamba-opt", help="the optimizer driver")
    parser.add_argument("--chip", default="sm_90a")
    args = parser.parse_args()

    source = pathlib.Path(__file__).with_name("kernels.mlir")
    to_binary = f"--transmamba-gpu-module-to-binary=chip={args.chip}"
    result = subprocess.run([args.opt, source, *PIPELINE, to_binary], capture_output=True)
    sys.stderr.write(result.stderr.decode())
    if result.returncode != 0:
        return result.returncode
    module = result.stdout.decode("utf-8", "surrogateescape")

    args.directory.mkdir(parents=True, exist_ok=True)
    for key, name in (("assembly", "kernels.ptx"), ("bin", "kernels.cubin")):
        match = re.search(rf'\b{key} = "((?:[^"\\]|\\.)*)"', module)
        if match:
            (args.directory / name).write_bytes(unescape(match[1]))
    kernels = {
        name: {key: int(value) for key, value in re.findall(r"(\w+) = (-?\d+) : i64", metadata)}
        for name, metadata in re.findall(r'#gpu\.kernel_metadata<"(\w+)".*?metadata = \{(.*?)\}', module)
    }
    (args.directory / "kernels.json").write_text(json.dumps(kernels, indent=1) + "\n")
    for name, kernel in kernels.items():
        print(name, kernel)
    return 0


if __name__ == "__main__":
    sys.exit(main())
