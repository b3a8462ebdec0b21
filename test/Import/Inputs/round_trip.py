"""Imports graphs, exports and imports them again, and compares: round_trip.py WORK-DIRECTORY GRAPH..."""

import pathlib
import subprocess
import sys


def translate(direction: str, source: pathlib.Path, target: pathlib.Path, *options: str) -> None:
    subprocess.run(["transmamba-translate", direction, str(source), "-o", str(target), *options], check=True)


def main() -> None:
    work = pathlib.Path(sys.argv[1])
    work.mkdir(parents=True, exist_ok=True)
    for graph in map(pathlib.Path, sys.argv[2:]):
        for element in ("f32", "bf16"):
            for entries in ("prefill,decode,forward", "prefill", "decode", "forward"):
                first, exported, second = work / "first.mlir", work / "exported.json", work / "second.mlir"
                translate("--import-json", graph, first, f"--element-type={element}", f"--entries={entries}")
                translate("--export-json", first, exported)
                translate("--import-json", exported, second)
                if first.read_text() != second.read_text():
                    sys.exit(f"{graph} as {element} with {entries} is not the same after a round trip")


if __name__ == "__main__":
    main()
