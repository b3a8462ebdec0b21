"""Where the Python tests find the tools: the build directory, or what TRANSMAMBA_BUILD names."""

import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TRANSMAMBA_BUILD", ROOT / "build"))


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def tool():
    """Runs a tool of the build; gives its standard output, and its errors where it fails."""

    def path(name):
        program = BUILD / "bin" / name
        assert program.exists(), f"{program} is not built"
        return program

    def run(name, *arguments):
        result = subprocess.run([path(name), *map(str, arguments)], capture_output=True, text=True, check=False)
        assert result.returncode == 0, f"{name} {' '.join(map(str, arguments))}\n{result.stdout}{result.stderr}"
        return result.stdout

    run.path = path
    return run
