"""Constraints of the dialect: a number in a description stands in the verifier, and is violated in invalid.mlir; none is elsewhere."""

import re

import pytest

NUMBER = re.compile(r"\(([ACY]\d+|S[123])\)")
DIALECT = "dialects/TransMamba/IR"


def described(root, file, pattern):
    """Numbers in the definition of each mnemonic of a .td file."""
    text = (root / DIALECT / file).read_text()
    starts = list(re.finditer(pattern, text, re.M))
    ends = [match.start() for match in starts[1:]] + [len(text)]
    return {match[1]: set(NUMBER.findall(text[match.start() : end])) for match, end in zip(starts, ends)}


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
