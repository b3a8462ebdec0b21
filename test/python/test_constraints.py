"""Constraints of the dialects: a number in a description stands in the verifier, and is violated in invalid.mlir; none is elsewhere."""

import re

import pytest

NUMBER = re.compile(r"\(([ACY]\d+|S[123])\)")
DIALECT = "dialects/TransMamba/IR"
# A letter for each group of operations, and T for types.
TILE_NUMBER = re.compile(r"\(([DEFKLMRTW]\d+)\)")
TILE = "dialects/Tile/IR"


def described(root, file, pattern, dialect=DIALECT, number=NUMBER):
    """Numbers in the definition of each mnemonic of a .td file."""
    text = (root / dialect / file).read_text()
    starts = list(re.finditer(pattern, text, re.M))
    ends = [match.start() for match in starts[1:]] + [len(text)]
    return {match[1]: set(number.findall(text[match.start() : end])) for match, end in zip(starts, ends)}


@pytest.fixture(scope="module")
def operations(root):
    return described(root, "TransMambaOps.td", r'^def \w+Op\s*: \w+Op<"(\w+)"')


@pytest.fixture(scope="module")
def verified(root):
    """Numbers in the verifiers of each C++ class."""
    result = {}
    for file in ("TransMambaVerifiers.cpp", "TransMambaOps.cpp"):
        text = (root / DIALECT / file).read_text()
        for match in re.finditer(r"^(?:static |template <typename OpTy> static )?\w*(?:LogicalResult|FailureOr<int64_t>)\s+(\w+)(?:::verify\w*)?\((.*?)^}", text, re.M | re.S):
            numbers = result.setdefault(match[1], set())
            numbers.update(re.findall(r'"\(?([CS]\d+)[)"]', match[2]))
            # Those of helpers, which stand before their users.
            for helper in re.findall(r"\bverify\w+(?=\()", match[2]):
                numbers |= result.get(helper, set())
    return result


@pytest.fixture(scope="module")
def violated(root):
    """Numbers whose violation invalid.mlir expects, by what violates them."""
    result = {}
    for part in (root / "test/Dialect/TransMamba/invalid.mlir").read_text().split("// -----"):
        for match in re.finditer(r"// expected-error[^\n]*\(([ACSY]\d+)\)[^\n]*\n(.*?)(?=// expected-error|\Z)", part, re.S):
            name = re.search(r"[#!]?transmamba\.(\w+)", match[2])
            result.setdefault(name[1], set()).add(match[1])
    return result


def class_name(mnemonic):
    special = {"kv": "KV", "rms": "RMS", "conv1d": "Conv1D", "ssd": "SSD", "transpoint": "TransPoint"}
    return "".join(special.get(word, word.capitalize()) for word in mnemonic.split("_")) + "Op"


def test_operations(operations, verified, violated):
    assert len(operations) > 15
    for mnemonic, numbers in operations.items():
        assert numbers == verified.get(class_name(mnemonic), set()), f"{mnemonic}: description and verifier"
        assert numbers == violated.get(mnemonic, set()), f"{mnemonic}: description and invalid.mlir"
        constraints = sorted(int(number[1:]) for number in numbers if number[0] == "C")
        assert constraints == list(range(1, len(constraints) + 1)), f"{mnemonic}: a number is left out"


@pytest.mark.parametrize(
    "file, pattern",
    [
        ("TransMambaTypes.td", r'^def \w+\s*: TransMamba_StateType<"\w+",\s*"(\w+)"'),
        ("TransMambaAttributes.td", r'^def \w+ : TransMamba_Attr<"\w+", "(\w+)"'),
    ],
)
def test_types_and_attributes(root, violated, file, pattern):
    numbers = described(root, file, pattern)
    source = (root / DIALECT / "TransMambaDialect.cpp").read_text()
    assert numbers
    for mnemonic, expected in numbers.items():
        assert expected <= violated.get(mnemonic, set()), mnemonic
        for number in expected:
            assert f"({number})" in source, f"{mnemonic}: ({number}) has no verifier"


@pytest.fixture(scope="module")
def tile(root):
    """Numbers of each operation and type of the tile dialect."""
    operations = described(root, "TileOps.td", r'^def \w+Op\s*: \w+Op<"(\w+)"', TILE, TILE_NUMBER)
    types = described(root, "TileTypes.td", r'^def \w+\s*: \w+Type<"\w+",\s*"(\w+)"', TILE, TILE_NUMBER)
    assert len(operations) > 30 and len(types) > 5
    return {**operations, **types}


def test_tile_numbers_are_verified(root, tile):
    verified = set()
    for file in ("TileVerifiers.cpp", "TileTypes.cpp", "TileWork.cpp"):
        verified |= set(re.findall(r'"\((\w\d+)\)', (root / TILE / file).read_text()))
    numbers = set().union(*tile.values())
    assert numbers == verified
    for letter in {number[0] for number in numbers}:
        used = sorted(int(number[1:]) for number in numbers if number[0] == letter)
        assert used == list(range(1, len(used) + 1)), f"a number of {letter} is left out"


def test_tile_numbers_are_violated(root, tile):
    violated = {}
    for part in (root / "test/Dialect/Tile/invalid.mlir").read_text().split("// -----"):
        for match in re.finditer(r"// expected-error @\+1 {{(?:'tile\.(\w+)' op )?\((\w\d+)\)[^\n]*\n([^\n]*)", part):
            name = match[1] or re.search(r"!tile\.(\w+)", match[3])[1]
            violated.setdefault(name, set()).add(match[2])
    for mnemonic, numbers in tile.items():
        assert numbers == violated.get(mnemonic, set()), mnemonic
