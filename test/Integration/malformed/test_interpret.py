"""Calls that transmamba-interpret must refuse."""

import json

import pytest

from harness import refused

MODEL = ("tiny.json", "--weights=random:1")
PREFILL = (*MODEL, "--entry=prefill", "--input", "tokens=1,2,3", "--input", "lengths=3")
FORWARD = (*MODEL, "--entry=forward")

# name: (arguments, the place that the error names, words of the message)
CASES = {
    "nothing": ((), "transmamba-interpret: ", ""),
    "unknown option": ((*MODEL, "--frobnicate"), "transmamba-interpret: ", "frobnicate"),
    "no model": (("none.mlir", "--entry=f"), "none.mlir", "No such file"),
    "nested deeply": (("deep.mlir", "--entry=f"), r"deep\.mlir:1:", "deep"),
    "entry point that is empty": ((*MODEL, "--entry="), "transmamba-interpret: ", "--entry needs a value"),
    "schedule that is empty": ((*FORWARD, "--schedule="), "transmamba-interpret: ", "--schedule needs a value"),
    "no step": (MODEL, "transmamba-interpret: ", "--entry"),
    "unknown entry point": ((*MODEL, "--entry=prefil"), "transmamba-interpret: ", "prefil"),
    "ragged list": ((*FORWARD, "--input", "tokens=1,2;3"), "transmamba-interpret: ", "length"),
    "token above the vocabulary": ((*FORWARD, "--input", "tokens=256"), "transmamba-interpret: ", "256"),
    "array without a name": ((*FORWARD, "--input", "tokens=@"), "''", "empty"),
    "missing array": ((*FORWARD, "--input", "tokens=@none.npy"), "none.npy", "No such file"),
    "array that is a directory": ((*FORWARD, "--input", "tokens=@."), r"\.", "regular file"),
    "decode before prefill": ((*MODEL, "--entry=decode", "--input", "tokens=1"), "transmamba-interpret: ", "row 0"),
    "unknown output": ((*PREFILL, "--output", "logit=@y.npy"), "transmamba-interpret: ", "logit"),
    "output into no directory": ((*PREFILL, "--output", "logits=@none/y.npy"), "none/y.npy", "No such file"),
    "missing weights": (("tiny.json", "--weights=none", "--entry=forward", "--input", "tokens=1"), "none", "No such file"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_call(name, good, tmp_path):
    arguments, where, words = CASES[name]
    (tmp_path / "tiny.json").write_text(json.dumps(good.graph))
    (tmp_path / "deep.mlir").write_text("module { " * 5000 + "}" * 5000)
    refused(tmp_path, "transmamba-interpret", *arguments, where="^" + where, error=words)


def test_huge_embedding(good, tmp_path):
    """More elements than the interpreter holds, at the operation that wants them."""
    graph = {key: value for key, value in good.graph.items() if key != "tokenizer"}
    (tmp_path / "tiny.json").write_text(json.dumps({**graph, "vocabulary": 2**31 - 1}))
    refused(tmp_path, "transmamba-interpret", *FORWARD, "--input", "tokens=1", where=r"^tiny\.json:\d+:\d+: $", error="limit")
