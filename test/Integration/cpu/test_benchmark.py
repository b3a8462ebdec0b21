"""What transmamba-benchmark measures on the CPU, on the trained example."""

from __future__ import annotations

import json

import pytest

# A limit that is given saves measuring it.
LIMIT = ("--peak-gbps", "10")


@pytest.fixture(scope="module")
def package(tools, root):
    return tools.compile(root / "examples" / "byte-transmamba" / "model.json")


@pytest.fixture(scope="module")
def manifest(tools, package):
    return json.loads(tools.run("transmamba-inspect", package, "--json", "--commands"))


@pytest.fixture
def measure(tools, package):
    """The figures of a measurement."""

    def run(*arguments):
        return json.loads(tools.run("transmamba-benchmark", package, *LIMIT, *arguments, "--json", "-"))

    return run


def check_times(times):
    assert 0 < times["min"] <= times["p10"] <= times["median"] <= times["p90"]


def test_prefill_by_kernel(measure, manifest):
    """Every kernel that the entry point launches is measured, and together they take about as long as the call."""
    figures = measure("--entry", "prefill", "--shape", "B=1,T=64", "--repeat", "5", "--per-kernel")
    check_times(figures["wall_ms"])
    assert figures["device_ms"] is None and figures["limits"]["flop"] is None
    entry = next(entry for entry in manifest["variants"][0]["entries"] if entry["name"] == "prefill")
    launched = {command["kernel"] for command in entry["commands"]}
    measured = {kernel["name"] for kernel in figures["kernels"]}
    assert measured and measured <= launched
    assert sum(kernel["launches"] for kernel in figures["kernels"]) == figures["work"]["commands"]
    total = sum(kernel["ms"] for kernel in figures["kernels"])
    assert 0.2 < total / figures["wall_ms"]["median"] < 5


def test_decode_after_prefill(measure):
    """The longest prompt leaves room for one token, and each of the runs decodes that one."""
    figures = measure("--entry", "decode", "--after", "prefill", "--shape", "B=2,T=511", "--repeat", "3", "--warmup", "1")
    check_times(figures["wall_ms"])
    assert figures["after"] == "prefill" and figures["shape"] == {"B": 2, "T": 511}


def test_longer_takes_longer(measure):
    short, long = (
        measure("--entry", "prefill", "--shape", f"B=1,T={tokens}", "--repeat", "5")["wall_ms"]["min"]
        for tokens in (16, 512)
    )
    assert long > 4 * short
