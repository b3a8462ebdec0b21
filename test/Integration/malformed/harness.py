"""Good inputs to spoil, and what every refusal of a tool must be like."""

import json
import os
import pathlib
import re
import resource
import signal
import struct
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[3]
TOOLS = pathlib.Path(os.environ.get("TRANSMAMBA_BUILD", ROOT / "build")) / "bin"
TIMEOUT = float(os.environ.get("TRANSMAMBA_TEST_TIMEOUT", "120"))
CRASH = re.compile(
    r"PLEASE submit a bug report|Stack dump|Sanitizer|runtime error:|terminate called|LLVM ERROR|UNREACHABLE|"
    r"see current operation|Assertion|core dumped"
)
MODEL = ROOT / "test/Import/Inputs/tiny.json"
TENSOR_MAKER = ROOT / "test/Import/Inputs/make_safetensors.py"


def run(directory, tool, *arguments, limit=None):
    """Runs a tool in a directory; no shell, no input. `limit` sets limits of the process."""
    return subprocess.run(
        [str(TOOLS / tool), *map(str, arguments)],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
        preexec_fn=limit,
    )


def file_limit(size):
    """A limit of the size of files; what is beyond kills a process that does not care."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def refused(directory, tool, *arguments, error="", where="", limit=None):
    """Asserts that a tool refuses: exit code 1, one error, at `where`, saying `error`, and no new file."""
    before = snapshot(directory)
    result = run(directory, tool, *arguments, limit=limit)
    text = result.stderr.decode(errors="replace")
    shown = f"{tool} {' '.join(map(str, arguments))}: exit code {result.returncode}\n{text}"
    assert not CRASH.search(text), shown
    assert result.returncode == 1, shown
    errors = [line for line in text.splitlines() if "error:" in line]
    assert len(errors) == 1, shown
    place, _, message = errors[0].partition("error: ")
    assert place.endswith(": ") and len(place) > 2 and not place.startswith("<unknown>"), shown
    assert message, shown
    assert re.search(where, place) and re.search(error, message), f"expected {where!r} error: {error!r}\n{shown}"
    assert snapshot(directory) == before, f"files have changed\n{shown}"
    assert not result.stdout, f"{shown}and on standard output\n{result.stdout[:1000]!r}"
    return text


def snapshot(directory):
    """What is in a directory: names, sizes and times."""
    return {
        str(path.relative_to(directory)): (path.stat().st_size, path.stat().st_mtime_ns) if path.is_file() else None
        for path in sorted(pathlib.Path(directory).rglob("*"))
    }


def safetensors(header, data):
    """The bytes of a weights file with this header, an object or text."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


class Good:
    """A model of one layer with its weights, as text of MLIR, and as a package."""

    def __init__(self, directory):
        self.directory = directory
        self.graph = json.loads(MODEL.read_text())
        subprocess.run(["python3", TENSOR_MAKER, directory / "tiny.safetensors"], check=True)
        self.weights = (directory / "tiny.safetensors").read_bytes()
        (directory / "tiny.json").write_text(json.dumps(self.graph, indent=1))
        result = run(directory, "transmamba-compile", "tiny.json", "--quiet", "--compile-to=import")
        assert result.returncode == 0, result.stderr.decode()
        self.mlir = result.stdout.decode()
        result = run(directory, "transmamba-compile", "tiny.json", "--quiet", "-o", "tiny.tmpkg")
        assert result.returncode == 0, result.stderr.decode()
        self.package = (directory / "tiny.tmpkg").read_bytes()
