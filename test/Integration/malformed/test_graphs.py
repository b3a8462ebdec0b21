"""Model graphs (JSON) that transmamba-compile must refuse, each with the JSON pointer of what is wrong."""

import copy
import json

import pytest

from harness import refused

MIXER = ("blocks", "mixer", "ops")
RMS, LINEAR, CONV, ACTIVATE, SPLIT, HEADS, HYBRID, ADD = (MIXER + (i,) for i in (0, 1, 2, 3, 4, 5, 11, 13))


def put(*path_and_value):
    """A change that puts a value at a path."""
    *path, key, value = path_and_value

    def change(graph):
        for step in path:
            graph = graph[step]
        graph[key] = value

    return change


def drop(*path):
    *path, key = path

    def change(graph):
        for step in path:
            graph = graph[step]
        del graph[key]

    return change


RECURSIVE = {"inputs": ["x"], "outputs": ["y"], "ops": [{"op": "call", "in": "x", "out": "y", "block": "r"}]}
# name: (change, the JSON pointer that the error names, words of the message)
CASES = {
    "format of something else": (put("format", "onnx"), "/format", ""),
    "version of the future": (put("version", 99), "/version", ""),
    "version as text": (put("version", "1"), "/version", ""),
    "no operations": (put("ops", []), "/ops", ""),
    "operations as object": (put("ops", {}), "/ops", ""),
    "operation as text": (put("ops", 0, "embedding"), "/ops/0", ""),
    "unknown key": (put("optimize", True), "/", "optimize"),
    "unknown operation": (put("ops", 0, "op", "convolve"), "/ops/0", "convolve"),
    "unknown key of an operation": (put("ops", 0, "colour", 1), "/ops/0", "colour"),
    "operation without name": (drop("ops", 0, "op"), "/ops/0", ""),
    "operation without input": (drop("ops", 0, "in"), "/ops/0", "in"),
    "width as null": (put("ops", 0, "width", None), "/ops/0/width", ""),
    "width as fraction": (put("ops", 0, "width", 1.5), "/ops/0/width", ""),
    "width of zero": (put("ops", 0, "width", 0), "/ops/0/width", ""),
    "width below zero": (put("constants", "width", -32), "/", ""),
    "width of 2^40": (put("constants", "width", 2**40), "/", ""),
    "width of 2^63": (put("constants", "width", 2**63), "/constants/width", ""),
    "division by zero": (put("ops", 0, "width", "32 // 0"), "/ops/0/width", ""),
    "expression that does not parse": (put("ops", 0, "width", "32 +"), "/ops/0/width", ""),
    "undefined constant": (put("ops", 0, "width", "wdith"), "/ops/0/width", "wdith"),
    "constants in a circle": (put("constants", {"width": "heads", "heads": "width", "inner": 16, "eps": 1e-5}), "/constants", ""),
    "undefined tensor": (put("ops", 2, "in", "hiden"), "/ops/2", "hiden"),
    "tensor defined twice": (put("ops", 2, "out", "embedded"), "/ops/2", "embedded"),
    "undefined output": (put("outputs", ["logit"]), "/outputs/0", "logit"),
    "no outputs": (put("outputs", []), "/outputs", ""),
    "unknown block": (put("ops", 1, "pattern", "mixture"), "/ops/1", "mixture"),
    "count of zero": (put("ops", 1, "count", 0), "/ops/1/count", ""),
    "count of a billion": (put("ops", 1, "count", 10**9), "/ops/1/count", ""),
    "recursion": (lambda g: (g["blocks"].update(r=RECURSIVE), g["ops"][1].update(pattern="r")), "/blocks/r", "recursi|itself"),
    "block without outputs": (put("blocks", "mixer", "outputs", []), "/", ""),
    "block as list": (put("blocks", []), "/blocks", ""),
    "TransPoint below zero": (put("schedule", [-1]), "/schedule/0", ""),
    "TransPoint as text": (put("schedule", ["P"]), "/schedule/0", ""),
    "TransPoint as fraction": (put("schedule", [0.5]), "/schedule/0", ""),
    "empty schedule": (put("schedule", []), "/schedule", ""),
    "schedule of one number": (put("schedule", 128), "/schedule", ""),
    "no schedule": (drop("schedule"), "/", "schedule"),
    "max_sequence of zero": (put("max_sequence", 0), "/max_sequence", ""),
    "max_sequence below zero": (put("max_sequence", -512), "/max_sequence", ""),
    "max_sequence of 2^40": (put("max_sequence", 2**40), "/max_sequence", ""),
    "no max_sequence": (drop("max_sequence"), "/", "max_sequence"),
    "max_batch of zero": (put("max_batch", 0), "/max_batch", ""),
    "max_batch of 2^40": (put("max_batch", 2**40), "/max_batch", ""),
    "vocabulary of zero": (put("vocabulary", 0), "/vocabulary", ""),
    "bytes with a vocabulary of 100": (put("vocabulary", 100), "/", ""),
    "element type of integers": (put("element_type", "i32"), "/element_type", "i32"),
    "unknown tokenizer": (put("tokenizer", "bpe"), "/tokenizer", "bpe"),
    "unknown entry point": (put("entries", ["prefil"]), "/entries/0", "prefil"),
    "entry point twice": (put("entries", ["prefill", "prefill"]), "/entries", ""),
    "no entry points": (put("entries", []), "/entries", ""),
    "heads of zero": (put(*HEADS, "heads", 0), "/blocks/mixer/ops/5", ""),
    "heads that do not divide": (put(*HEADS, "heads", 3), "/blocks/mixer/ops/5", ""),
    "odd rotary width": (
        lambda g: (g["constants"].update(inner="heads * 7")),
        "/blocks/mixer/ops/",
        "rotary|even",
    ),
    "rotary theta of zero": (put(*HYBRID, "rope_theta", 0), "/blocks/mixer/ops/11", ""),
    "rotary theta as text": (put(*HYBRID, "rope_theta", "big"), "/blocks/mixer/ops/11", ""),
    "one input too few": (put(*HYBRID, "in", ["q", "k"]), "/blocks/mixer/ops/11", ""),
    "layer below zero": (put(*HYBRID, "layer", -1), "/blocks/mixer/ops/11/layer", ""),
    "layer of 2^62": (put(*HYBRID, "layer", 2**62), "/blocks/mixer/ops/11/layer", ""),
    "shapes that contradict": (put(*ADD, "in", ["x", "mixed"]), "/blocks/mixer/ops/13", ""),
    "split of another size": (put(*SPLIT, "sizes", ["inner", "inner", 5]), "/blocks/mixer/ops/4", ""),
    "split of a negative size": (put(*SPLIT, "sizes", ["inner", "3 * inner", "-inner"]), "/blocks/mixer/ops/4", ""),
    "taps of zero": (put(*CONV, "taps", 0), "/blocks/mixer/ops/2/taps", ""),
    "taps of a billion": (put(*CONV, "taps", 10**9), "/blocks/mixer/ops/2", ""),
    "unknown activation": (put(*ACTIVATE, "function", "gleu"), "/blocks/mixer/ops/3/function", "gleu"),
    "eps below zero": (put(*RMS, "eps", -1), "/blocks/mixer/ops/0/eps", ""),
    "weight as number": (put(*RMS, "weight", 1), "/blocks/mixer/ops/0/weight", ""),
    "weight of two shapes": (put("ops", 4, "weight", "norm.weight"), "/ops/4", "norm.weight"),
    "name with a newline": (put("name", "a\nb"), "/name", ""),
    "name with a slash": (put("ops", 0, "weight", "a\x00b"), "/ops/0/weight", ""),
}


@pytest.mark.parametrize("name", CASES)
def test_graph(name, good, tmp_path):
    change, pointer, words = CASES[name]
    graph = copy.deepcopy(good.graph)
    change(graph)
    (tmp_path / "bad.json").write_text(json.dumps(graph, indent=1))
    text = refused(tmp_path, "transmamba-compile", "bad.json", "--weights=random:1", "-o", "m.tmpkg", "--quiet",
                   where=r"^bad\.json:\d+:\d+: $", error=words)  # fmt: skip
    error = next(line for line in text.splitlines() if "error:" in line)
    assert f"error: {pointer}" in error, text


TEXTS = {
    "nothing": b"",
    "cut off": None,
    "binary": bytes(range(256)) * 16,
    "nested": b"[" * 100000,
    "key twice": b'{"version": 1, "version": 2}',
    "list": b"[1, 2]",
    "number": b"1e999",
    "byte order mark": b"\xff\xfe{\x00}\x00",
    "two graphs": b"{} {}",
    "null": b"null",
}


@pytest.mark.parametrize("name", TEXTS)
def test_text(name, good, tmp_path):
    text = TEXTS[name]
    (tmp_path / "bad.json").write_bytes(json.dumps(good.graph).encode()[:700] if text is None else text)
    refused(tmp_path, "transmamba-compile", "bad.json", "-o", "m.tmpkg", where=r"^bad\.json:\d+:\d+: $")


def test_zero_byte(good, tmp_path):
    """What follows a zero byte is not ignored."""
    (tmp_path / "bad.json").write_bytes(json.dumps(good.graph).encode() + b"\0{")
    refused(tmp_path, "transmamba-compile", "bad.json", "-o", "m.tmpkg", where=r"^bad\.json:1:\d+: $", error="zero byte")


def test_directory(tmp_path):
    (tmp_path / "bad.json").mkdir()
    refused(tmp_path, "transmamba-compile", "bad.json", "-o", "m.tmpkg", where=r"^bad\.json")


def test_missing(tmp_path):
    refused(tmp_path, "transmamba-compile", "bad.json", "-o", "m.tmpkg", where=r"^bad\.json", error="No such file")
