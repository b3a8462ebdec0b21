"""Packages that transmamba-run, transmamba-benchmark and transmamba-inspect must refuse."""

import json
import re
import struct

import pytest

from harness import refused

PROMPT = ("--prompt", "ab", "--generate", "2")
MEASURE = ("--entry", "prefill", "--shape", "B=1,T=2", "--peak-gbps", "1")
ARGUMENTS = {"transmamba-run": PROMPT, "transmamba-benchmark": MEASURE, "transmamba-inspect": ("--verify",)}


def manifest_range(package):
    """Where the manifest is: the data of the first entry, behind a header of 30 bytes, its name and its extra field."""
    size, name, extra = struct.unpack_from("<LHH", package, 22)
    start = 30 + name + extra
    json.loads(package[start : start + size])
    return start, start + size


def flipped(offset):
    def make(package):
        data = bytearray(package)
        data[offset(package) if callable(offset) else offset] ^= 0x10
        return bytes(data)

    return make


def cut(numerator, denominator):
    return lambda package: package[: len(package) * numerator // denominator]


def find(pattern):
    return lambda package: package.index(pattern)


CASES = {
    "empty": lambda package: b"",
    "one byte": lambda package: package[:1],
    "cut off in the first header": lambda package: package[:20],
    "cut off in the manifest": lambda package: package[:2000],
    "cut off after a quarter": cut(1, 4),
    "cut off after half": cut(1, 2),
    "cut off after nine tenths": cut(9, 10),
    "cut off by a byte": lambda package: package[:-1],
    "a byte longer": lambda package: package + b"\0",
    "a byte in front": lambda package: b"\0" + package,
    "twice": lambda package: package * 2,
    "wrong magic": flipped(0),
    "wrong end": flipped(-1),
    "flipped in the manifest": flipped(lambda package: manifest_range(package)[0] + 100),
    "flipped at the manifest's end": flipped(lambda package: manifest_range(package)[1] - 1),
    "flipped in the code": flipped(lambda package: package.index(b"\x7fELF") + 500),
    "flipped in the code's header": flipped(find(b"\x7fELF")),
    "flipped in the weights": flipped(lambda package: package.rindex(b"weights.bin") - 200),
    "flipped in the directory": flipped(lambda package: package.rindex(b"weights.bin")),
    "another file": lambda package: b"hello, world\n" * 1000,
    "zeros": lambda package: bytes(len(package)),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("tool", ARGUMENTS)
def test_bytes(tool, name, good, tmp_path):
    (tmp_path / "bad.tmpkg").write_bytes(CASES[name](good.package))
    refused(tmp_path, tool, "bad.tmpkg", *ARGUMENTS[tool], where=r"^bad\.tmpkg")


def text(pattern, replacement):
    """A change of the manifest's text to one of the same length."""

    def change(manifest):
        match = re.search(pattern, manifest)
        assert match, f"{pattern} is not in the manifest"
        new = match.expand(replacement)
        assert len(new) <= len(match.group()), "no longer than before"
        return manifest.replace(match.group(), new.ljust(len(match.group())), 1)

    return change


# The checksum of the manifest is not mended: what is wrong in one that has a valid checksum is tested with the reader.
MANIFESTS = {
    "version": text(r'"version": ?1', '"version":7'),
    "index of an argument": text(r'"parameter": ?\d', '"parameter":9'),
    "offset": text(r'"offset": ?\d\d', '"offset":-1'),
    "shape": text(r'"shape": ?\[\s*\d', '"shape":[0'),
    "not JSON": text(r"^\{", "["),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_manifest(name, good, tmp_path):
    begin, end = manifest_range(good.package)
    manifest = good.package[begin:end].decode()
    data = good.package[:begin] + MANIFESTS[name](manifest).encode() + good.package[end:]
    (tmp_path / "bad.tmpkg").write_bytes(data)
    for tool, more in ARGUMENTS.items():
        refused(tmp_path, tool, "bad.tmpkg", *more, where=r"^bad\.tmpkg")


@pytest.mark.parametrize("tool", ARGUMENTS)
def test_no_file(tool, tmp_path):
    more = ARGUMENTS[tool]
    refused(tmp_path, tool, "bad.tmpkg", *more, where=r"^bad\.tmpkg: $", error="No such file")
    (tmp_path / "bad.tmpkg").mkdir()
    refused(tmp_path, tool, "bad.tmpkg", *more, where=r"^bad\.tmpkg: $")


def test_model_is_no_package(good, tmp_path):
    (tmp_path / "tiny.json").write_text(json.dumps(good.graph))
    refused(tmp_path, "transmamba-run", "tiny.json", *PROMPT, where=r"^tiny\.json")
