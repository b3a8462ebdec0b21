"""Exit codes of tools: 0 for --help and --version, 1 and a message for an option that there is not.

usage: exit_codes.py TOOL... (without "transmamba-")
"""

import subprocess
import sys


def main():
    for tool in sys.argv[1:]:
        for option, expected in (("--help", 0), ("--version", 0), ("--no-such-option", 1)):
            result = subprocess.run([f"transmamba-{tool}", option], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            said = result.stdout if expected == 0 else result.stderr
            if result.returncode != expected or not said:
                sys.exit(f"{tool} {option}: exit code {result.returncode}, not {expected}\n{result.stdout}{result.stderr}")


if __name__ == "__main__":
    main()
