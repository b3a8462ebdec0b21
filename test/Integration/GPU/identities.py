#!/usr/bin/env python3
"""The identities of the semantics on a GPU, in two steps.

    identities.py build OUT --bin build/bin     where the compiler is: makes models, packages, inputs and expected outputs
    identities.py run OUT --run transmamba-run  where the GPU is: needs numpy, libcuda and the one program

`--target=nvidia:sm_80` builds packages for that chip, which newer GPUs run too: their driver compiles the PTX. `--only tile long` takes the
models whose names have one of these words.

Every model is a small TransMamba with one or two layers; the expected numbers are the reference interpreter's, in float64.
`run` checks, for each: the error of forward, ragged prefill and decode against the interpreter; that P = 0 and P >= T are bitwise the
pure layers; that prefill(n) equals prefill(k) and n - k decode steps, for k around every TransPoint and chunk edge; that runs repeat and
rows do not depend on their neighbours, bitwise; and that neither padding nor poisoned scratch memory changes a bit. One model has
sequences so long that scans are cut into segments: 13 of one row, 8 of each of two, and 2 of the batch-invariant package.
"""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
import subprocess
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "identities"))
from make_model import Config, make_model  # noqa: E402

TOKENS, VOCABULARY = 130, 256
LENGTHS = [130, 64, 17]
# Of long sequences, every SKIP-th token is compared.
LONG, SKIP = 7000, 7


def models() -> dict[str, Config]:
    """The grid by name; pairs `pure-X` and `P-X` are compared bitwise."""
    base = Config(heads=4, kv_heads=4, head_dim=48, width=64, ffn_width=96, max_sequence=160, vocabulary=VOCABULARY)
    grouped = dataclasses.replace(base, heads=4, kv_heads=2, head_dim=32)
    wide = dataclasses.replace(base, heads=2, kv_heads=2, head_dim=96)
    # Tile kernels: 16-bit floats, heads of 32, 64 or 96.
    tiles = dataclasses.replace(base, heads=2, kv_heads=2, head_dim=64, dtype="bf16")
    narrow = dataclasses.replace(grouped, dtype="bf16")
    return {
        "pure-ssm": dataclasses.replace(base, form="ssm", schedule=(0,)),
        "P0-ssm": dataclasses.replace(base, schedule=(0,)),
        "pure-attention": dataclasses.replace(base, form="attention", schedule=(160,)),
        "Pmax-attention": dataclasses.replace(base, schedule=(160,)),
        "p1": dataclasses.replace(base, schedule=(1,)),
        "p64-129": dataclasses.replace(base, layers=2, schedule=(64, 129)),
        "p130-150": dataclasses.replace(grouped, layers=2, schedule=(130, 150)),
        "grouped-p17-chunk16": dataclasses.replace(grouped, schedule=(17,), chunk=16),
        "wide-p65": dataclasses.replace(wide, schedule=(65,)),
        "pure-tile-ssm": dataclasses.replace(tiles, form="ssm", schedule=(0,)),
        "P0-tile-ssm": dataclasses.replace(tiles, schedule=(0,)),
        "pure-tile-attention": dataclasses.replace(tiles, form="attention", schedule=(160,)),
        "Pmax-tile-attention": dataclasses.replace(tiles, schedule=(160,)),
        "tile-p1-129": dataclasses.replace(tiles, layers=2, schedule=(1, 129)),
        "tile-p64-0": dataclasses.replace(wide, layers=2, schedule=(64, 0), dtype="bf16"),
        "tile-grouped-p17-150": dataclasses.replace(narrow, layers=2, schedule=(17, 150)),
        "bf16-p33-0": dataclasses.replace(base, layers=2, schedule=(33, 0), dtype="bf16"),
    }


def long_model() -> Config:
    """Of many heads and tokens, attention to 300 of them."""
    return Config(heads=16, kv_heads=16, head_dim=32, width=64, ffn_width=96, max_sequence=8192, vocabulary=VOCABULARY, schedule=(300,),
                  dtype="bf16")  # fmt: skip


def selected(only: list[str]) -> dict[str, Config]:
    return {name: config for name, config in models().items() if not only or any(word in name for word in only)}


def run(command: list[str]) -> None:
    result = subprocess.run([str(word) for word in command], text=True, capture_output=True)
    if result.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{result.stdout}{result.stderr}")


def build(out: pathlib.Path, tools: pathlib.Path, target: str, only: list[str], flags: list[str]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    tokens = rng.integers(0, VOCABULARY, (3, TOKENS), dtype=np.int32)
    np.save(out / "tokens.npy", tokens)
    np.save(out / "lengths.npy", np.array(LENGTHS, dtype=np.int32))
    following = rng.integers(0, VOCABULARY, (3, 1), dtype=np.int32)
    np.save(out / "next.npy", following)
    for name, config in selected(only).items():
        print(name, flush=True)
        model = out / f"{name}.mlir"
        model.write_text(make_model(config, name))
        weights = "--weights=random:7"
        run([tools / "transmamba-compile", model, weights, "--quiet", f"--target={target}", *flags, "-o", out / f"{name}.tmpkg"])
        run([tools / "transmamba-interpret", model, weights, "--entry=forward", f"--input=tokens=@{out}/tokens.npy",
             f"--output=logits=@{out}/{name}.forward.npy"])
        run([tools / "transmamba-interpret", model, weights,
             f"--step=prefill:tokens=@{out}/tokens.npy,lengths=@{out}/lengths.npy", f"--step=decode:tokens=@{out}/next.npy",
             f"--output=logits=@{out}/{name}.step{{step}}.npy"])
    if only and "long" not in only:
        return
    print("long", flush=True)
    model, weights = out / "long.mlir", "--weights=random:7"
    model.write_text(make_model(long_model(), "long"))
    for name, more in (("long", []), ("long-invariant", ["--batch-invariant"])):
        run([tools / "transmamba-compile", model, weights, "--quiet", f"--target={target}", *flags, *more, "-o", out / f"{name}.tmpkg"])
    np.save(out / "long-tokens.npy", rng.integers(0, VOCABULARY, (2, LONG), dtype=np.int32))
    run([tools / "transmamba-interpret", model, weights, "--entry=forward", f"--input=tokens=@{out}/long-tokens.npy",
         f"--output=logits=@{out}/long.forward.npy"])
    np.save(out / "long.forward.npy", np.load(out / "long.forward.npy")[:, ::SKIP].astype(np.float32))


class Gpu:
    """Calls of transmamba-run on one package."""

    def __init__(self, out: pathlib.Path, runner: str, device: str) -> None:
        self.out, self.runner, self.device = out, runner, device
        self.scratch = out / "scratch"
        self.scratch.mkdir(exist_ok=True)

    def steps(self, name: str, calls: list[tuple[str, dict[str, np.ndarray]]], *flags: str) -> np.ndarray:
        """Runs calls (entry, inputs) in order from fresh state; returns the logits of the last."""
        command = [self.runner, self.out / f"{name}.tmpkg", "--device", self.device, *flags]
        for index, (entry, inputs) in enumerate(calls):
            for key, value in inputs.items():
                np.save(self.scratch / f"{index}-{key}.npy", value)
            values = ",".join(f"{key}=@{self.scratch}/{index}-{key}.npy" for key in inputs)
            command += ["--step", f"{entry}:{values}"]
        run([*command, "--output", f"logits=@{self.scratch}/logits.npy"])
        return np.load(self.scratch / "logits.npy").astype(np.float64)


def relative(x: np.ndarray, reference: np.ndarray) -> float:
    return float(np.linalg.norm(x - reference) / np.linalg.norm(reference))


def check(out: pathlib.Path, runner: str, device: str, only: list[str]) -> int:
    gpu = Gpu(out, runner, device)
    chosen = selected(only)
    tokens, lengths, following = (np.load(out / f"{n}.npy") for n in ("tokens", "lengths", "next"))
    forwards, failures, checks = {}, 0, 0

    def expect(good: bool, what: str) -> None:
        nonlocal failures, checks
        checks += 1
        if not good:
            failures += 1
            print(f"FAILED {what}")

    for name, config in chosen.items():
        limit = 2e-2 if config.dtype == "bf16" else 1e-5
        same = 2e-2 if config.dtype == "bf16" else 1e-5
        forward = forwards[name] = gpu.steps(name, [("forward", {"tokens": tokens})])
        prefill = ("prefill", {"tokens": tokens, "lengths": lengths})
        decode = ("decode", {"tokens": following})
        first, second = gpu.steps(name, [prefill]), gpu.steps(name, [prefill, decode])
        errors = [relative(forward, np.load(out / f"{name}.forward.npy")),
                  relative(first, np.load(out / f"{name}.step0.npy")), relative(second, np.load(out / f"{name}.step1.npy"))]
        print(f"{name:22} forward {errors[0]:.1e}  ragged prefill {errors[1]:.1e}  decode {errors[2]:.1e}", flush=True)
        expect(max(errors) < limit, f"{name}: error against the interpreter")
        # 5, 6: repeatable; rows alone; padding and scratch memory do not matter.
        expect(np.array_equal(second, gpu.steps(name, [prefill, decode], "--poison", "--no-graphs")), f"{name}: repeat, poisoned")
        padded = tokens.copy()
        for row, length in enumerate(lengths):
            padded[row, length:] = VOCABULARY - 1 - padded[row, length:]
        other = ("prefill", {"tokens": padded, "lengths": lengths})
        expect(np.array_equal(second, gpu.steps(name, [other, decode])), f"{name}: padding")
        order = [2, 0, 1]
        turned = ("prefill", {"tokens": tokens[order], "lengths": lengths[order]})
        expect(np.array_equal(first[order], gpu.steps(name, [turned])), f"{name}: order of rows")
        alone = ("prefill", {"tokens": tokens[1:2], "lengths": lengths[1:2]})
        expect(np.array_equal(first[1:2], gpu.steps(name, [alone])), f"{name}: a row alone")
        # 4: a prefix and single steps.
        edges = {1, 63, 64, 65} | {p + d for p in config.schedule for d in (-1, 0, 1) if 1 <= p + d < TOKENS}
        for k in sorted(edges):
            n = min(k + 3, TOKENS)
            calls = [("prefill", {"tokens": tokens[:, :k], "lengths": np.full(3, k, np.int32)})]
            calls += [("decode", {"tokens": tokens[:, t : t + 1]}) for t in range(k, n)]
            error = relative(gpu.steps(name, calls), forward[:, n - 1])
            expect(error < same, f"{name}: prefill({k}) and {n - k} steps: {error:.1e}")
    # Segments: the same up to rounding, in any batch, and bitwise where that is asked for.
    has_long = not only or "long" in only
    if has_long:
        long, expected = np.load(out / "long-tokens.npy"), np.load(out / "long.forward.npy")
    for name in ("long", "long-invariant") if has_long else ():
        for rows, count in ((2, LONG), (1, LONG), (2, 1500), (1, 1025), (1, 300), (2, 77)):
            call = ("forward", {"tokens": long[:rows, :count]})
            found = gpu.steps(name, [call])
            error = relative(found[:, ::SKIP], expected[:rows, : -(-count // SKIP)])
            print(f"{name:22} {rows} x {count} forward {error:.1e}", flush=True)
            expect(error < 2e-2, f"{name}: {rows} x {count}: error against the interpreter")
            expect(np.array_equal(found, gpu.steps(name, [call], "--poison", "--no-graphs")), f"{name}: {rows} x {count}: repeat")
            if name == "long-invariant":
                alone = gpu.steps(name, [("forward", {"tokens": long[:1, :count]})])
                expect(np.array_equal(found[:1], alone), f"{name}: {rows} x {count}: a row alone")
    # 1: bitwise the pure layers.
    for kind in ("", "tile-"):
        if not {f"P0-{kind}ssm", f"pure-{kind}ssm", f"Pmax-{kind}attention", f"pure-{kind}attention"} <= set(chosen):
            continue
        expect(np.array_equal(forwards[f"P0-{kind}ssm"], forwards[f"pure-{kind}ssm"]), f"{kind}P = 0 is the pure SSM")
        expect(np.array_equal(forwards[f"Pmax-{kind}attention"], forwards[f"pure-{kind}attention"]), f"{kind}P >= T is pure attention")
    print(f"{checks - failures} passed, {failures} failed")
    return 1 if failures else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("build", "run"))
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path("build/bin"))
    parser.add_argument("--run", default="transmamba-run")
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--target", default="nvidia:sm_90a", help="of `build`")
    parser.add_argument("--only", nargs="*", default=[], metavar="WORD")
    parser.add_argument("--flag", action="append", default=[], help="of `build`, for transmamba-compile, such as --gpu-kernels=merged")
    args = parser.parse_args()
    if args.what == "build":
        build(args.out, args.bin, args.target, args.only, args.flag)
        return 0
    return check(args.out, args.run, args.device, args.only)


if __name__ == "__main__":
    sys.exit(main())
