"""Runs the "X becomes Y" examples of a Passes.td: each pass must turn the first program of its description into the second.

usage: run_pass_examples.py OPT-COMMAND PASSES.td

Compares text after the driver has printed both, so that layout and names of values do not matter.
"""

import re
import subprocess
import sys
import textwrap

EXAMPLE = re.compile(r"```mlir\n(.*?)```\s*becomes\s*```mlir\n(.*?)```", flags=re.S)
PASS = re.compile(r'^def (\w+) : \w*Pass<"([\w-]+)"(.*?)(?=^def |\Z)', flags=re.S | re.M)


def run(opt, text, *options):
    result = subprocess.run([opt, *options], input=textwrap.dedent(text), capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(options)}: {result.stderr}\nin:\n{text}")
    return result.stdout


def main():
    opt, path = sys.argv[1:]
    count = failures = 0
    for name, option, body in PASS.findall(open(path, encoding="utf-8").read()):
        pairs = EXAMPLE.findall(body)
        if not pairs:
            print(f"{name} has no example")
            failures += 1
        for before, after in pairs:
            count += 1
            got, wanted = run(opt, before, f"--{option}"), run(opt, after)
            if got != wanted:
                failures += 1
                print(f"{name}: the example becomes\n{got}\nnot\n{wanted}")
    print(f"{count} pass examples, {failures} failures")
    return 1 if failures or not count else 0


if __name__ == "__main__":
    sys.exit(main())
