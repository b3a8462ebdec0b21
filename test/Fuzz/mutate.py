"""Spoils good inputs at random, and asserts that no tool crashes on them.

Mutations of bytes and of tokens of a model graph, of its text in MLIR, and of its package. A seed gives the same cases on
every machine. Exit codes 0, 1 and 2 are right, a signal, a stack dump or a run beyond its time is wrong.

usage: mutate.py [--build=DIR] [--cases=N] [--seconds=S] [--seed=N] [--only=graph|mlir|package] [--keep=DIR]
"""

import argparse
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
CRASH = re.compile(rb"PLEASE submit a bug report|Stack dump|Sanitizer|runtime error:|terminate called|LLVM ERROR|UNREACHABLE")
TOKEN = re.compile(rb"[A-Za-z_][\w.]*|-?\d+(?:\.\d+)?|\s+|.", re.DOTALL)
ODD = [b"0", b"-1", b"1", b"3", b"2147483648", b"9223372036854775807", b"1e308", b"null", b'""', b"[]", b"{}", b"?", b"x", b""]


def mutate_bytes(data, random):
    data = bytearray(data)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(data))
        kind = random.randrange(4)
        if kind == 0:
            data[at] ^= 1 << random.randrange(8)
        elif kind == 1:
            data[at] = random.choice([0, 1, 0x7F, 0x80, 0xFF, 0x20])
        elif kind == 2:
            del data[at : at + random.randint(1, 64)]
        else:
            start = random.randrange(len(data))
            data[at:at] = data[start : start + random.randint(1, 64)]
        if not data:
            break
    return bytes(data)


def mutate_tokens(data, random):
    """Another token, a token less, a token twice, or two tokens in each other's place."""
    tokens = TOKEN.findall(data)
    places = [i for i, token in enumerate(tokens) if not token.isspace()]
    for _ in range(random.randint(1, 3)):
        i, j = random.choice(places), random.choice(places)
        kind = random.randrange(5)
        if kind == 0:
            tokens[i] = random.choice(ODD)
        elif kind == 1:
            tokens[i] = tokens[j]
        elif kind == 2:
            tokens[i] = b""
        elif kind == 3:
            tokens[i] = tokens[i] + b" " + tokens[i]
        else:
            tokens[i], tokens[j] = tokens[j], tokens[i]
    return b"".join(tokens)


def mutate_numbers(data, random):
    """Another number in place of one: what parses more often than it makes sense."""
    numbers = list(re.finditer(rb"(?<![\w.])\d+(?![\w.])", data))
    match = random.choice(numbers)
    value = random.choice([b"0", b"-1", b"1", b"2", b"3", b"7", b"33", b"2147483647", b"4294967296", b"9223372036854775807"])
    return data[: match.start()] + value + data[match.end() :]


class Fuzzer:
    def __init__(self, options, directory):
        self.options = options
        self.directory = directory
        self.tools = pathlib.Path(options.build) / "bin"
        self.compile = [self.tools / "transmamba-compile", "--quiet", "--weights=random:1", "--max-sequence=64"]
        self.failures = 0

    def run(self, command):
        return subprocess.run(
            [str(word) for word in command],
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=self.options.timeout,
            check=False,
        )

    def seeds(self):
        """The good inputs: name to bytes, mutations, and the command that reads a file."""
        graph = ROOT / "test/Import/Inputs/tiny.json"
        # Phases up to linalg take milliseconds, code takes seconds.
        stop = ["--compile-to=linalg", "-o", os.devnull]
        text = self.run([*self.compile, graph, "--compile-to=import"])
        assert text.returncode == 0, text.stderr.decode()
        texts = [mutate_bytes, mutate_tokens, mutate_tokens, mutate_numbers]
        seeds = {
            "graph": ("case.json", graph.read_bytes(), texts, [[*self.compile, "case.json", *stop]]),
            "mlir": ("case.mlir", text.stdout, texts, [[*self.compile[:3], "case.mlir", *stop]]),
        }
        made = self.run([*self.compile, graph, "-o", "good.tmpkg"])
        assert made.returncode == 0, made.stderr.decode()
        package = (self.directory / "good.tmpkg").read_bytes()
        prompt = ["--prompt", "ab", "--generate", "2"]
        seeds["package"] = (
            "case.tmpkg",
            package,
            [mutate_bytes],
            [[self.tools / "transmamba-run", "case.tmpkg", *prompt], [self.tools / "transmamba-inspect", "case.tmpkg", "--verify"]],
        )  # fmt: skip
        return {name: seed for name, seed in seeds.items() if self.options.only in (None, name)}

    def case(self, name, number, seed):
        """Runs one case; what is wrong with it, or None."""
        file, data, mutations, commands = seed
        chance = random.Random(f"{self.options.seed}/{name}/{number}")
        mutated = chance.choice(mutations)(data, chance)
        (self.directory / file).write_bytes(mutated)
        for command in commands:
            program = pathlib.Path(command[0])
            if not program.exists():
                continue
            try:
                result = self.run(command)
            except subprocess.TimeoutExpired:
                return f"{program.name} takes more than {self.options.timeout} s", mutated, b""
            if result.returncode not in (0, 1, 2) or CRASH.search(result.stderr):
                return f"{program.name} ends with {result.returncode}", mutated, result.stderr
            if result.returncode and b"error:" not in result.stderr:
                return f"{program.name} does not say what is wrong", mutated, result.stderr
        return None

    def fuzz(self):
        seeds = self.seeds()
        started = time.monotonic()
        counts = dict.fromkeys(seeds, 0)
        for number in range(self.options.cases):
            for name, seed in seeds.items():
                if self.options.seconds and time.monotonic() - started > self.options.seconds:
                    return counts
                counts[name] += 1
                wrong = self.case(name, number, seed)
                if wrong:
                    self.report(name, number, pathlib.Path(seed[0]).suffix, *wrong)
        return counts

    def report(self, name, number, suffix, what, data, errors):
        self.failures += 1
        print(f"{name} {number}: {what}", *errors.decode(errors="replace").splitlines()[:12], sep="\n    ")
        if self.options.keep:
            folder = pathlib.Path(self.options.keep)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}-{number}{suffix}").write_bytes(data)


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default=os.environ.get("TRANSMAMBA_BUILD", ROOT / "build"))
    parser.add_argument("--cases", type=int, default=10**9, help="mutations of each input")
    parser.add_argument("--seconds", type=float, default=30, help="ends after this time; 0: never")
    parser.add_argument("--timeout", type=float, default=60, help="seconds that one run may take")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=["graph", "mlir", "package"])
    parser.add_argument("--keep", help="where inputs go that a tool has failed on")
    return parser.parse_args(arguments)


def main(arguments=None):
    options = parse(arguments)
    with tempfile.TemporaryDirectory() as directory:
        fuzzer = Fuzzer(options, pathlib.Path(directory))
        counts = fuzzer.fuzz()
    print(", ".join(f"{count} of {name}" for name, count in counts.items()) + f": {fuzzer.failures} failures")
    return 1 if fuzzer.failures else 0


if __name__ == "__main__":
    sys.exit(main())
