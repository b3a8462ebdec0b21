"""Runs every ```mlir example of a .td file through an optimizer driver: documentation that does not parse fails the suite.

usage: run_examples.py OPT-COMMAND FILE.td...
"""

import re
import shlex
import subprocess
import sys
import textwrap


def examples(path):
    """Yields (line number, text) of each fenced example that is a module of its own."""
    text = open(path, encoding="utf-8").read()
    for match in re.finditer(r"^[ ]*```mlir\n(.*?)^[ ]*```", text, flags=re.S | re.M):
        line = text.count("\n", 0, match.start(1)) + 1
        body = textwrap.dedent(match.group(1))
        if body.startswith("#") and "\n" not in body.strip():
            # An attribute alone: attach it to something.
            body = "module attributes {test.example = " + body.strip() + "} {}\n"
        yield line, body


def operations(path):
    """Yields the mnemonic and the text of each operation definition of a dialect's .td file."""
    text = open(path, encoding="utf-8").read()
    starts = [m for m in re.finditer(r'^def \w+Op\s*: \w+_\w*Op<"(\w+)"', text, flags=re.M)]
    for match, following in zip(starts, starts[1:] + [None]):
        yield match.group(1), text[match.start() : following.start() if following else len(text)]


def main():
    command = shlex.split(sys.argv[1])
    count = failures = 0
    for path in sys.argv[2:]:
        for mnemonic, body in operations(path):
            if "```mlir" not in body:
                print(f"{path}: {mnemonic} has no example")
                failures += 1
        for line, body in examples(path):
            count += 1
            result = subprocess.run(command, input=body, capture_output=True, text=True)
            if result.returncode != 0:
                failures += 1
                print(f"{path}:{line}: example failed:\n{result.stderr}")
    print(f"{count} examples, {failures} failures")
    return 1 if failures or not count else 0


if __name__ == "__main__":
    sys.exit(main())
