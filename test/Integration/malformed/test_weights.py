"""Weights that transmamba-compile must refuse."""

import json
import os
import struct

import pytest

from harness import file_limit, refused, safetensors


def changed(name, **changes):
    """The good weights with another description of one tensor."""

    def make(good):
        header, data = split(good.weights)
        header[name].update(changes)
        return safetensors(header, data)

    return make


def split(weights):
    size = struct.unpack("<Q", weights[:8])[0]
    return json.loads(weights[8 : 8 + size]), weights[8 + size :]


def without(name):
    def make(good):
        header, data = split(good.weights)
        del header[name]
        return safetensors(header, data)

    return make


def header_of(text):
    return lambda good: safetensors(text, b"")


HEAD = "norm.weight"
CASES = {
    "missing tensor": without(HEAD),
    "integers of 64 bits": changed(HEAD, dtype="I64", shape=[16]),
    "integers of 32 bits": changed(HEAD, dtype="I32"),
    "integers of 8 bits": changed(HEAD, dtype="U8", shape=[128]),
    "booleans": changed(HEAD, dtype="BOOL", shape=[128]),
    "unknown type": changed(HEAD, dtype="Q4"),
    "type as number": changed(HEAD, dtype=32),
    "shape of another width": changed(HEAD, shape=[4, 8]),
    "shape that does not fit": changed(HEAD, shape=[33]),
    "shape below zero": changed(HEAD, shape=[-32]),
    "shape of fractions": changed(HEAD, shape=[32.5]),
    "shape of 2^63": changed(HEAD, shape=[2**63, 2]),
    "shape that overflows": changed(HEAD, shape=[2**32, 2**32, 32]),
    "shape as text": changed(HEAD, shape="32"),
    "no shape": changed(HEAD, shape=None),
    "transposed": changed("layers.0.mixer.qkv.weight", shape=[32, 48]),
    "overlapping": changed(HEAD, data_offsets=[0, 128]),
    "beyond the file": changed("head.weight", data_offsets=[10**9, 10**9 + 32768]),
    "offsets of 2^64": changed(HEAD, data_offsets=[2**64 - 1, 2**64 + 127]),
    "offsets backwards": changed(HEAD, data_offsets=[128, 0]),
    "offsets below zero": changed(HEAD, data_offsets=[-128, 0]),
    "one offset": changed(HEAD, data_offsets=[0]),
    "cut off in the data": lambda good: good.weights[:-1],
    "longer than it says": lambda good: good.weights + b"\0",
    "cut off in the header": lambda good: good.weights[:100],
    "cut off in the length": lambda good: good.weights[:5],
    "empty": lambda good: b"",
    "header of 2^63 bytes": lambda good: struct.pack("<Q", 2**63) + good.weights[8:],
    "header of 2^64 - 1 bytes": lambda good: b"\xff" * 8 + good.weights[8:],
    "header of no bytes": lambda good: struct.pack("<Q", 0) + good.weights[8:],
    "header that is no JSON": header_of(b"hello"),
    "header that is a list": header_of(b"[]"),
    "header nested deeply": header_of(b"[" * 50000),
    "header with a tensor twice": header_of(b'{"norm.weight": {}, "norm.weight": {}}'),
    "header with a zero byte": lambda good: safetensors(json.dumps(split(good.weights)[0]).encode() + bytes(8), split(good.weights)[1]),
    "tensor that is a number": header_of(b'{"norm.weight": 5}'),
    "zeros": lambda good: bytes(4096),
    "pickle": lambda good: b"PK\x03\x04" + bytes(4096),
}


@pytest.mark.parametrize("name", CASES)
def test_weights(name, good, tmp_path):
    (tmp_path / "tiny.json").write_text(json.dumps(good.graph))
    (tmp_path / "tiny.safetensors").write_bytes(CASES[name](good))
    # At the file, or at the operation whose parameter does not fit.
    refused(tmp_path, "transmamba-compile", "tiny.json", "-o", "m.tmpkg",
            where=r"^([^:]*tiny\.safetensors|tiny\.json:\d+:\d+): $")  # fmt: skip


@pytest.mark.parametrize("spec", ["random:abc", "random:", "random:-1", "random:1.5", "random:99999999999999999999", "random:1 ", "none", "."])
def test_spec(spec, good, tmp_path):
    (tmp_path / "tiny.json").write_text(json.dumps(good.graph))
    refused(tmp_path, "transmamba-compile", "tiny.json", f"--weights={spec}", "-o", "m.tmpkg")


def test_no_weights(good, tmp_path):
    """The file that the graph names is missing, and an MLIR model names none."""
    (tmp_path / "tiny.json").write_text(json.dumps(good.graph))
    refused(tmp_path, "transmamba-compile", "tiny.json", "-o", "m.tmpkg", where=r"^tiny\.safetensors: $")
    graph = {key: value for key, value in good.graph.items() if key != "weights"}
    (tmp_path / "tiny.json").write_text(json.dumps(graph))
    refused(tmp_path, "transmamba-compile", "tiny.json", "-o", "m.tmpkg", where=r"^tiny\.json:", error="needs weights")


def test_pipe(good, tmp_path):
    """Weights are mapped; a pipe that nobody writes to is no reason to wait."""
    (tmp_path / "tiny.json").write_text(json.dumps(good.graph))
    os.mkfifo(tmp_path / "tiny.safetensors")
    refused(tmp_path, "transmamba-compile", "tiny.json", "-o", "m.tmpkg", where=r"^tiny\.safetensors: $", error="regular file")


@pytest.mark.parametrize(
    "name, change",
    [
        ("table of positions", {"max_sequence": 2**31 - 1, "schedule": [2**31 - 1]}),
        ("embedding", {"vocabulary": 2**31 - 1, "tokenizer": None}),
    ],
)
def test_weights_beyond_the_disk(name, change, good, tmp_path):
    """64 GiB and more are not made in memory, nor written up to the end of the disk."""
    graph = {key: value for key, value in {**good.graph, **change}.items() if value is not None}
    (tmp_path / "tiny.json").write_text(json.dumps(graph))
    refused(tmp_path, "transmamba-compile", "tiny.json", "--quiet", "--weights=random:1", "-o", "m.tmpkg",
            where=r"^m\.tmpkg: $", error="cannot be written", limit=file_limit(2**30))  # fmt: skip
