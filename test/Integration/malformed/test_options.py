"""Options of transmamba-compile and transmamba-inspect that contradict each other or have no meaning."""

import json
import os

import pytest

from harness import file_limit, refused, run

OUT = ("-o", "m.tmpkg")
# name: (arguments, words of the message)
CASES = {
    "no model": (None, "which model"),
    "two models": (("tiny.json", *OUT), "more than one model"),
    "no output": ((), "-o"),
    "package to standard output": (("-o", "-"), "-o"),
    "output without value": (("-o",), "option"),
    "output into no directory": (("-o", "none/m.tmpkg"), "no directory"),
    "output below a file": (("-o", "tiny.json/m.tmpkg"), "not a directory"),
    "output that is a directory": (("-o", "."), "regular file"),
    "output that is a device": (("-o", "/dev/null"), "regular file"),
    "output into a read-only directory": (("-o", "/proc/m.tmpkg"), ""),
    "output over the model": (("-o", "tiny.json"), "the model"),
    "output of a long name": (("-o", "m" * 250 + ".tmpkg"), "too long"),
    "more memory than a package can say": ((*OUT, "--max-batch=2147483647"), "arena|buffer"),
    "early stop into no directory": (("--compile-to=fuse", "-o", "none/m.mlir"), "no directory"),
    "early stop into a directory": (("--compile-to=fuse", "-o", "."), "regular file"),
    "dump below a file": ((*OUT, "--dump-phases-to=tiny.json/d"), "cannot be made"),
    "dump into a file": ((*OUT, "--dump-phases-to=tiny.json"), "cannot be made"),
    "two targets and a phase of one": (("--target=cpu,nvidia:sm_90a", "--compile-to=cpu"), "exactly one --target"),
    "phase of another target": (("--target=cpu", "--compile-to=ptx"), "ptx"),
    "phase of the other target": (("--target=nvidia:sm_90a", "--compile-to=object"), "object"),
    "unknown phase": (("--compile-to=fused",), "fused"),
    "unknown target": ((*OUT, "--target=tpu"), "tpu"),
    "unknown chip": ((*OUT, "--target=nvidia:sm_1"), "sm_1"),
    "unknown level": ((*OUT, "--target=cpu:z80"), "z80"),
    "target twice": ((*OUT, "--target=cpu,cpu"), "twice"),
    "quiet and verbose": ((*OUT, "--quiet", "--verbose"), "contradict"),
    "unknown schedule": ((*OUT, "--schedule=V99"), "V99"),
    "schedule that is empty": ((*OUT, "--schedule="), "--schedule needs a value"),
    "weights that are empty": ((*OUT, "--weights="), "--weights needs a value"),
    "phase that is empty": ((*OUT, "--compile-to="), "--compile-to needs a value"),
    "target that is empty": ((*OUT, "--target="), "target"),
    "entry point that is empty": ((*OUT, "--entries="), "entry"),
    "schedule of nothing": ((*OUT, "--schedule=,"), "schedule"),
    "schedule below zero": ((*OUT, "--schedule=-1"), "schedule"),
    "schedule of words": ((*OUT, "--schedule=early"), "early"),
    "max-batch of zero": ((*OUT, "--max-batch=0"), "--max-batch"),
    "max-batch as text": ((*OUT, "--max-batch=many"), "option"),
    "max-batch of 2^63": ((*OUT, f"--max-batch={2**63}"), "option"),
    "max-sequence of zero": ((*OUT, "--max-sequence=0"), "--max-sequence"),
    "max-sequence below zero": ((*OUT, "--max-sequence=-1"), "--max-sequence"),
    "max-sequence of 2^40": ((*OUT, f"--max-sequence={2**40}"), "--max-sequence"),
    "element type of integers": ((*OUT, "--element-type=i8"), "i8"),
    "unknown entry point": ((*OUT, "--entries=generate"), "generate"),
    "entry point twice": ((*OUT, "--entries=decode,decode"), "decode"),
    "ptxas that is missing": ((*OUT, "--ptxas=/nonexistent", "--target=nvidia:sm_90a"), "not a program"),
    "ptxas that is a model": ((*OUT, "--ptxas=tiny.json", "--target=nvidia:sm_90a"), "not a program"),
    "advice without sizes": (("--target=nvidia:sm_90a", "--advise-transpoints="), "option"),
    "advice for no length": (("--target=nvidia:sm_90a", "--advise-transpoints=1"), "positive numbers"),
    "advice for no sequence": (("--target=nvidia:sm_90a", "--advise-transpoints=0,64"), "positive numbers"),
    "advice for no tokens": (("--target=nvidia:sm_90a", "--advise-transpoints=1,64,0"), "positive numbers"),
    "advice for words": (("--target=nvidia:sm_90a", "--advise-transpoints=1,many"), "option"),
    "advice for 2^40 sequences": (("--target=nvidia:sm_90a", f"--advise-transpoints={2**40},64"), "sequences"),
    "advice for longer sequences than there are": (
        ("--target=nvidia:sm_90a", "--element-type=bf16", "--advise-transpoints=1,1000000"), "at most"),
    "advice for a processor": (("--advise-transpoints=1,64", "--target=cpu"), "no model of cost"),
    "advice for no target": (("--advise-transpoints=1,64",), "exactly one --target"),
    "advice for simple kernels": (
        ("--target=nvidia:sm_90a", "--gpu-kernels=linalg", "--advise-transpoints=1,64"), "no model of cost"),
    "advice for f32": (
        ("--target=nvidia:sm_90a", "--element-type=f32", "--advise-transpoints=1,16"), "16-bit"),
    "advice and a phase": (
        ("--target=nvidia:sm_90a", "--compile-to=fuse", "--advise-transpoints=1,64"), "compiles nothing"),
    "advice into no directory": (
        ("--target=nvidia:sm_90a", "--element-type=bf16", "--advise-transpoints=1,16", "-o", "none/a.txt"),
        "no directory"),
    "unknown option": ((*OUT, "--frobnicate"), "frobnicate"),
    "option of LLVM without a value": ((*OUT, "--max-batch"), "option"),
}


@pytest.mark.parametrize("name", CASES)
def test_options(name, good, tmp_path):
    arguments, words = CASES[name]
    (tmp_path / "tiny.json").write_text(json.dumps(good.graph))
    command = OUT if arguments is None else ("tiny.json", "--weights=random:1", *arguments)
    refused(tmp_path, "transmamba-compile", *command, error=words)


@pytest.mark.parametrize("option", ["--element-type=bf16", "--entries=decode"])
def test_graph_options(option, good, tmp_path):
    """What only a graph can be asked for."""
    (tmp_path / "tiny.mlir").write_text(good.mlir)
    refused(tmp_path, "transmamba-compile", "tiny.mlir", "--weights=random:1", *OUT, option, error="JSON")


@pytest.mark.parametrize("more", [(), ("--compile-to=fuse",)])
def test_output_over_weights(more, good, tmp_path):
    (tmp_path / "tiny.json").write_text(json.dumps(good.graph))
    (tmp_path / "tiny.safetensors").write_bytes(good.weights)
    for weights in ("", "--weights=tiny.safetensors"):
        refused(tmp_path, "transmamba-compile", "tiny.json", weights or "--quiet", *more, "-o", "./tiny.safetensors",
                where=r"^\./tiny\.safetensors: $", error="weights")  # fmt: skip


def test_inspect(tmp_path):
    refused(tmp_path, "transmamba-inspect", error="package")
    refused(tmp_path, "transmamba-inspect", "--frobnicate", error="")
    refused(tmp_path, "transmamba-inspect", "none.tmpkg", "--frobnicate", error="frobnicate")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_full_disk(good, tmp_path):
    """Nothing is left of a result that could not be written."""
    (tmp_path / "tiny.json").write_text(json.dumps(good.graph))
    refused(tmp_path, "transmamba-compile", "tiny.json", "--compile-to=import", "--quiet", "-o", "/dev/full")


@pytest.mark.parametrize("more", [(), ("--compile-to=fuse",)])
def test_file_limit(more, good, tmp_path):
    """A limit of the process is an error like a full disk."""
    (tmp_path / "tiny.json").write_text(json.dumps(good.graph))
    refused(tmp_path, "transmamba-compile", "tiny.json", "--weights=random:1", "--quiet", *more, *OUT,
            error="cannot write|cannot be written", limit=file_limit(4096))  # fmt: skip


def test_old_package_stays(good, tmp_path):
    """A compilation that fails leaves the package of an earlier one."""
    (tmp_path / "tiny.json").write_text(json.dumps(good.graph)[:500])
    (tmp_path / "m.tmpkg").write_bytes(good.package)
    refused(tmp_path, "transmamba-compile", "tiny.json", *OUT)
    assert run(tmp_path, "transmamba-inspect", "--verify", "m.tmpkg").returncode == 0
