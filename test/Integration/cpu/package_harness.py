"""Compiles models, calls packages and the reference interpreter with the same calls, and bounds their difference."""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
import subprocess

import numpy as np

# An f32 package against float64, ||x - exact|| / ||exact||: some 80 roundings to 2^-24.
F32_TOLERANCE = 1e-5
# A bf16 package against the same model with every value rounded to its type: the order of the sums is all that differs.
BF16_FACTOR = 1.5


@dataclasses.dataclass
class Call:
    """A call of an entry point."""

    entry: str
    inputs: dict[str, np.ndarray]


def forward(**inputs: np.ndarray) -> Call:
    return Call("forward", inputs)


def prefill(lengths: list[int], **inputs: np.ndarray) -> Call:
    return Call("prefill", {**inputs, "lengths": np.array(lengths, np.int32)})


def decode(**inputs: np.ndarray) -> Call:
    return Call("decode", inputs)


@dataclasses.dataclass
class Results:
    """The output of every call, and the states after the last."""

    outputs: list[np.ndarray]
    states: dict[str, np.ndarray]


class Tools:
    """Runs the programs of a build."""

    def __init__(self, programs: pathlib.Path, directory: pathlib.Path) -> None:
        self.programs = programs
        self.directory = directory
        self.numbers = itertools.count()

    def run(self, name: str, *arguments: object) -> str:
        program = self.programs / name
        assert program.exists(), f"{program} is not built"
        result = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False)
        assert result.returncode == 0, f"{name} {' '.join(map(str, arguments))}\n{result.stdout}{result.stderr}"
        return result.stdout

    def fresh(self) -> pathlib.Path:
        path = self.directory / str(next(self.numbers))
        path.mkdir()
        return path

    def compile(self, model: pathlib.Path, *options: object) -> pathlib.Path:
        package = self.fresh() / "model.tmpkg"
        self.run("transmamba-compile", model, "--target=cpu", "--quiet", *options, "-o", package)
        return package

    def call(self, package: pathlib.Path, output: str, calls: list[Call], *options: object) -> Results:
        """The calls in one session of a package."""
        directory = self.fresh()
        steps = steps_of(calls, directory)
        outputs = [f"--output={i + 1}:{output}=@{directory}/{i}.npy" for i in range(len(calls))]
        self.run("transmamba-run", package, *steps, *outputs, f"--dump-state={directory}/state", *options)
        return read_results(directory, len(calls))

    def interpret(self, model: pathlib.Path, output: str, calls: list[Call], *options: object) -> Results:
        """The same calls in float64."""
        directory = self.fresh()
        steps = steps_of(calls, directory)
        arguments = [*steps, f"--output={output}=@{directory}/{{step}}.npy", f"--dump-state={directory}/state"]
        self.run("transmamba-interpret", model, *arguments, *options)
        return read_results(directory, len(calls))


def steps_of(calls: list[Call], directory: pathlib.Path) -> list[str]:
    """The calls as --step, their inputs in files."""
    steps = []
    for number, call in enumerate(calls):
        values = []
        for name, value in call.inputs.items():
            path = directory / f"{number}-{name}.npy"
            np.save(path, value)
            values.append(f"{name}=@{path}")
        steps.append(f"--step={call.entry}:" + ",".join(values))
    return steps


def read_results(directory: pathlib.Path, calls: int) -> Results:
    states = {path.stem: np.load(path) for path in (directory / "state").glob("*.npy")}
    return Results([np.load(directory / f"{i}.npy") for i in range(calls)], states)


def error(x: np.ndarray, reference: np.ndarray) -> float:
    """||x - reference|| / ||reference||; a NaN anywhere is an infinite error."""
    assert x.shape == reference.shape and x.size > 0
    x, reference = x.astype(np.float64), reference.astype(np.float64)
    if not np.isfinite(x).all():
        return np.inf
    norm = np.linalg.norm(reference)
    difference = np.linalg.norm(x - reference)
    return float(difference / norm) if norm > 0 else (0.0 if difference == 0 else np.inf)


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Bit for bit, so that 0 and -0 differ and NaNs of one pattern do not."""
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
