"""What every source file begins with, and what no header does."""

import re
import subprocess

import pytest


@pytest.fixture(scope="module")
def sources(root):
    listed = subprocess.run(
        ["git", "ls-files", "*.h", "*.cpp", "*.c", "*.td"], cwd=root, capture_output=True, text=True, check=False
    ).stdout.split()
    # A tree without git, such as an unpacked archive.
    folders = ("dialects", "include", "lib", "python-bindings", "test", "tools")
    found = [path for folder in folders for path in (root / folder).rglob("*") if path.suffix in (".h", ".cpp", ".c", ".td")]
    files = [root / name for name in listed] or found
    assert len(files) > 200
    return {path: path.read_text() for path in files if path.exists()}


def test_headers(sources):
    for path, text in sources.items():
        first, *rest = text.splitlines()
        assert re.match(r"//===-+ \S+ - .*-===//$|/\*===-+ \S+ - .*-===\*\\$", first), path
        assert f"- {path.name} - " in first, f"{path}: its first line has another name"
        assert "Part of the TransMamba compiler. See LICENSE." in "\n".join(rest[:3]), path


def test_headers_use_no_namespace_of_others(sources):
    for path, text in sources.items():
        if path.suffix == ".h":
            assert not re.search(r"^using namespace (mlir|llvm|std)\b", text, re.M), path
            assert re.search(r"^#ifndef TRANSMAMBA_\w+_H$", text, re.M), f"{path}: no include guard"
