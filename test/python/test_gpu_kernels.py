"""test/Benchmark/gpu_kernels: its models are models. Their measurement needs a GPU."""

import re
import sys

import pytest


@pytest.fixture(scope="session")
def cases(root):
    sys.path.insert(0, str(root / "test" / "Benchmark" / "gpu_kernels"))
    import cases

    return cases


KINDS = ["attention", "scan", "gemm", "gemm-bias", "gemm-silu", "gemm-residual", "gemm-gated", "gemm-step"]
KINDS += ["mixer", "rms_norm", "gated_rms_norm", "conv", "add", "gate"]


def test_every_kind_is_known(cases):
    assert sorted({case.kind for case in cases.all_cases()}) == sorted(KINDS)
    names = [case.name for case in cases.all_cases()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("kind", KINDS)
def test_the_model_compiles(cases, tool, tmp_path, kind):
    case = next(case for case in cases.all_cases() if case.kind == kind)
    model = tmp_path / "model.mlir"
    model.write_text(case.model)
    package = tmp_path / "model.tmpkg"
    tool("transmamba-compile", model, "--quiet", "--target=nvidia:sm_90a", "--ptxas=none", "-o", package)
    text = tool("transmamba-inspect", package)
    assert "output  y: bf16" in text
    # The package takes the sizes that are measured.
    bounds = {name: int(re.search(rf"max_{name} = (\d+)", case.model)[1]) for name in ("batch", "sequence")}
    for batch, tokens in case.timed + case.checked:
        assert batch <= bounds["batch"] and tokens <= bounds["sequence"]
        assert min(case.work(batch, tokens)) > 0


def test_names_select(cases):
    assert [case.name for case in cases.select(["attention-d96"])] == ["attention-d96"]
    assert {case.kind for case in cases.select(["scan", "add"])} == {"scan", "add"}
