"""Where the tests find the tools: the build directory, or what TRANSMAMBA_BUILD names."""

import os
import pathlib

import pytest
from package_harness import Tools

ROOT = pathlib.Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def tools(tmp_path_factory):
    build = pathlib.Path(os.environ.get("TRANSMAMBA_BUILD", ROOT / "build"))
    return Tools(build / "bin", tmp_path_factory.mktemp("cpu"))
