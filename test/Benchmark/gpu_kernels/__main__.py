#!/usr/bin/env python3
"""Single kernels of the compiler beside their rivals, in one process, on the same data.

    gpu_kernels build OUT --bin build/bin     where the compiler is: models, packages, and the runtime's library
    gpu_kernels run OUT                       where the GPU is: needs PyTorch, and cuBLAS, cuDNN through it

`build` writes a model of one operation for each case and compiles it as any other model; `run` measures the packages through the
runtime's C interface on PyTorch's memory. `--only attention-d96 scan` takes the cases whose names begin so.
mamba_ssm's Triton operations and fla's simple_gla are measured where Python finds them (PYTHONPATH).
"""

from __future__ import annotations

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import time

import cases


def build(options: argparse.Namespace) -> int:
    options.out.mkdir(parents=True, exist_ok=True)
    library = options.bin.resolve().parent / "lib" / "libtransmamba_runtime.so"
    shutil.copy(library, options.out)
    for case in cases.select(options.only):
        model = options.out / f"{case.name}.mlir"
        model.write_text(case.model)
        command = [options.bin / "transmamba-compile", model, f"--target={options.target}", "--quiet"]
        command += [*options.flag, "-o", model.with_suffix(".tmpkg")]
        if subprocess.run([str(word) for word in command]).returncode:
            print(f"failed: {' '.join(map(str, command))}", file=sys.stderr)
            return 1
    return 0


def check(case: cases.Case, session, shape: dict[str, int]) -> list[dict]:
    """Errors at small and ragged sizes, with poisoned outputs and scratch memory."""
    import measure
    import rivals
    import torch

    results = []
    for b, t in case.checked:
        inputs = rivals.make_inputs(case.kind, shape, b, t, seed=b * t)
        exact = rivals.compute(case.kind, {name: value.double() for name, value in inputs.items()}, shape)
        output = torch.full(exact.shape, float("nan"), device="cuda", dtype=torch.bfloat16)
        session.bind(inputs, output)()
        torch.cuda.synchronize()
        own = measure.relative_error(output, exact)
        other = measure.relative_error(rivals.compute(case.kind, inputs, shape), exact)
        results.append({"B": b, "T": t, "error": own, "pytorch_error": other, "good": own <= 1.5 * other + 1e-6})
    return results


missing: set[str] = set()  # rivals that cannot be imported


def time_case(case: cases.Case, session, timer, options: argparse.Namespace, b: int, t: int) -> dict[str, float]:
    """Seconds of the package, `own`, and of each rival that is there."""
    import rivals
    import torch

    everyone = {
        name: make
        for name, make in rivals.rivals_of(case.kind).items()
        if name not in missing and (not options.rivals or any(name.startswith(word) for word in options.rivals))
    }
    own, other = [], {name: [] for name in everyone}
    for seed in range(case.copies):
        inputs = rivals.make_inputs(case.kind, case.shape, b, t, seed)
        columns = case.shape.get("n") or case.shape.get("columns") or case.shape["heads"] * case.shape["size"]
        output = torch.empty(*next(iter(inputs.values())).shape[:-1], columns, device="cuda", dtype=torch.bfloat16)
        own.append(session.bind(inputs, output))
        for name, make in list(everyone.items()):
            try:
                call = make(inputs, case.shape)
                call()
                other[name].append(call)
            except Exception as error:  # somebody else's: say so and go on
                what = (str(error).splitlines() or [""])[0][:120]
                print(f"    {name} is not there: {type(error).__name__}: {what}", flush=True)
                if isinstance(error, ImportError):
                    missing.add(name)
                everyone.pop(name)
                other.pop(name)

    def all_of(calls: list):
        return lambda: [call() for call in calls]

    calls = {"own": all_of(own)} | {name: all_of(list_) for name, list_ in other.items()}
    return timer.medians(calls, case.copies)


def run(options: argparse.Namespace) -> int:
    import measure
    import runtime
    import torch

    timer = measure.Timer(options.rounds)
    limits = measure.measure_limits(timer)
    library = runtime.Runtime((options.out / "libtransmamba_runtime.so").resolve())
    machine = {
        "date": time.strftime("%Y-%m-%d"),
        "gpu": torch.cuda.get_device_name(0),
        "pytorch": torch.__version__,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "limits": limits,
    }
    print(
        f"{machine['gpu']}, PyTorch {machine['pytorch']}, cuDNN {machine['cudnn']}; device copy {limits['bytes'] / 1e12:.2f} TB/s, "
        f"cuBLAS 8192^3 {limits['flop'] / 1e12:.0f} TFLOP/s\n"
        f"{'case':32} {'B':>3} {'T':>6} {'ms':>8} {'TFLOP/s':>8} {'TB/s':>6} {'limit':>6}  rivals: ms, speed of own / rival",
        flush=True,
    )
    results, bad = [], 0
    for case in cases.select(options.only):
        package = options.out / f"{case.name}.tmpkg"
        if not package.exists():
            print(f"{case.name:32} no package", flush=True)
            continue
        result: dict = {"name": case.name, "times": [], "errors": []}
        results.append(result)
        rows = max(b for b, _ in [*case.timed, *case.checked])
        try:
            if not options.no_check:
                session = library.session(package, runtime.NO_GRAPHS | runtime.POISON, rows)
                result["errors"] = check(case, session, case.shape)
                session.close()
            session = library.session(package, runtime.NO_GRAPHS, rows)
            for b, t in [] if options.no_time else case.timed:
                times = time_case(case, session, timer, options, b, t)
                own = times.pop("own")
                flop, moved = case.work(b, t)
                share = measure.share_of_limit((flop, moved), own, limits)
                result["times"].append({"B": b, "T": t, "seconds": own, "limit": share, "flop": flop, "bytes": moved, "rivals": times})
                beside = "  ".join(f"{name} {1e3 * value:.4f} {value / own:.2f}" for name, value in times.items())
                print(
                    f"{case.name:32} {b:3} {t:6} {1e3 * own:8.4f} {flop / own / 1e12:8.1f} {moved / own / 1e12:6.2f} "
                    f"{100 * share:5.1f}%  {beside or 'no rival is there'}",
                    flush=True,
                )
            session.close()
        except RuntimeError as error:  # one case less, not all
            result["failed"] = str(error)
            print(f"{case.name:32} failed: {error}", flush=True)
            bad += 1
        torch.cuda.empty_cache()
        for e in result["errors"]:
            bad += not e["good"]
        if result["errors"]:
            worst = max(result["errors"], key=lambda e: e["error"] / max(e["pytorch_error"], 1e-6))
            count = sum(e["good"] for e in result["errors"])
            print(
                f"    error at B {worst['B']}, T {worst['T']}: {worst['error']:.2e}, PyTorch's {worst['pytorch_error']:.2e}; "
                f"{count} of {len(result['errors'])} sizes within 1.5 times",
                flush=True,
            )
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, "cases": results}, indent=1))
    return 1 if bad else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="gpu_kernels", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("build", help="compile the packages")
    one.set_defaults(run=build)
    one.add_argument("--bin", type=pathlib.Path, default=pathlib.Path("build/bin"), help="folder of transmamba-compile")
    one.add_argument("--target", default="nvidia:sm_90a")
    one.add_argument("--flag", action="append", default=[], help="handed to transmamba-compile, such as --gpu-kernels=linalg")
    two = commands.add_parser("run", help="measure them")
    two.set_defaults(run=run)
    two.add_argument("--json", type=pathlib.Path, help="write all figures to this file")
    two.add_argument("--rounds", type=int, default=15, help="measured runs of each")
    two.add_argument("--no-check", action="store_true", help="leave the errors out")
    two.add_argument("--no-time", action="store_true", help="errors only")
    two.add_argument("--rivals", nargs="+", default=[], metavar="NAME", help="rivals whose names begin with one of these; `none`")
    for command in (one, two):
        command.add_argument("out", type=pathlib.Path, help="folder of the packages")
        command.add_argument("--only", nargs="+", default=[], metavar="NAME", help="cases whose names begin with one of these")
    options = parser.parse_args()
    return options.run(options)


if __name__ == "__main__":
    sys.exit(main())
