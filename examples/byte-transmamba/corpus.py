"""Extract the training text: the King James Version, from Debian's packages bible-kjv and bible-kjv-text.

    sudo apt-get install --no-install-recommends bible-kjv bible-kjv-text
    python3 corpus.py kjv.txt

One verse a line, each after its reference ("Ge1:1 In the beginning ..."), 4.4 MB of ASCII.
"""

from __future__ import annotations

import argparse
import hashlib
import pathlib
import shutil
import subprocess
import sys

# Version 4.38 of the packages.
SHA256 = "cd45f0c9cedab8e4439bd6486c8952c77cc8b0ecc5d1f6ae3513f2039f47229d"
HELD_OUT_FRACTION = 0.05


def split(text: bytes) -> tuple[bytes, bytes]:
    """Training text and held-out text (the last 5 %)."""
    cut = int(len(text) * (1 - HELD_OUT_FRACTION))
    return text[:cut], text[cut:]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=pathlib.Path)
    arguments = parser.parse_args()
    if shutil.which("bible") is None:
        print("error: the program `bible` is missing; install the packages bible-kjv and bible-kjv-text", file=sys.stderr)
        return 1
    text = subprocess.run(["bible", "-f", "Gen1:1-Rev22:21"], check=True, stdout=subprocess.PIPE).stdout
    if hashlib.sha256(text).hexdigest() != SHA256:
        print("warning: this is not the text that the stored model was trained on", file=sys.stderr)
    arguments.output.write_bytes(text)
    print(f"{arguments.output}: {len(text)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
