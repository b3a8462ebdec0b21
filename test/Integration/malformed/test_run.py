"""Calls that transmamba-run must refuse: the model has at most 8 rows, 512 tokens, and a vocabulary of 256."""

import numpy
import pytest

from harness import refused

PREFILL = ("--entry", "prefill")
TOKENS = ("--input", "tokens=[[1,2,3]]")
LENGTHS = ("--input", "lengths=3")
STEP = ("--step", "prefill:tokens=[[1,2,3]],lengths=3")


def tokens(value):
    return (*PREFILL, "--input", f"tokens={value}", *LENGTHS)


def lengths(value):
    return (*PREFILL, *TOKENS, "--input", f"lengths={value}")


# name: (arguments, words of the message)
CASES = {
    "nothing to do": ((), "nothing to do"),
    "unknown entry point": (("--entry", "prefil"), "prefil"),
    "no inputs": (PREFILL, "tokens"),
    "missing input": ((*PREFILL, *TOKENS), "lengths"),
    "unknown input": ((*PREFILL, *TOKENS, *LENGTHS, "--input", "mask=1"), "mask"),
    "input twice": ((*PREFILL, *TOKENS, *TOKENS, *LENGTHS), "tokens"),
    "input that the runtime fills": (("--entry", "decode", "--input", "tokens=[[1]]", "--input", "positions=0"), "positions"),
    "rank": (tokens("1,2,3"), "tokens"),
    "ragged list": (tokens("[[1,2],[3]]"), ""),
    "fraction": (tokens("[[1,2.5,3]]"), ""),
    "words": (tokens("[[one,two]]"), ""),
    "open bracket": (tokens("[[1,2,3"), ""),
    "nested deeply": (tokens("[" * 20000), ""),
    "empty value": (tokens(""), ""),
    "empty list": (tokens("[]"), ""),
    "no tokens": (tokens("zeros[1,0]"), "T|tokens"),
    "no rows": ((*PREFILL, "--input", "tokens=zeros[0,3]", "--input", "lengths=zeros[0]"), "B|tokens|rows"),
    "size below zero": (tokens("zeros[1,-3]"), ""),
    "size of 2^62": (tokens(f"zeros[{2**62},{2**62}]"), ""),
    "token below the vocabulary": (tokens("[[1,-1,3]]"), "-1"),
    "token above the vocabulary": (tokens("[[1,256,3]]"), "256"),
    "token of 2^40": (tokens("[[1,1099511627776,3]]"), ""),
    "token that is no number": (tokens("[[1,nan,3]]"), ""),
    "length of zero": (lengths("0"), "lengths"),
    "length below zero": (lengths("-1"), "lengths"),
    "length above T": (lengths("4"), "lengths"),
    "two lengths for a row": (lengths("3,3"), "lengths|B"),
    "batch above the maximum": ((*PREFILL, "--input", "tokens=zeros[9,3]", "--input", "lengths=3,3,3,3,3,3,3,3,3"), "8"),
    "sequence above the maximum": ((*PREFILL, "--input", "tokens=zeros[1,513]", "--input", "lengths=513"), "512"),
    "decode before prefill": (("--entry", "decode", "--input", "tokens=[[1]]"), "position|prefill"),
    "decode beyond the maximum": (
        ("--step", "prefill:tokens=zeros[1,512],lengths=512", "--step", "decode:tokens=[[1]]"), "512"),
    "decode of more rows": ((*STEP, "--step", "decode:tokens=[[1],[2]]"), "rows|B"),
    "rows of zero": ((*PREFILL, *TOKENS, *LENGTHS, "--rows", "0"), "rows"),
    "rows above the maximum": ((*PREFILL, *TOKENS, *LENGTHS, "--rows", "9"), "rows|8"),
    "rows as text": ((*PREFILL, *TOKENS, *LENGTHS, "--rows", "x"), "rows"),
    "step and entry": ((*STEP, *PREFILL), "--step"),
    "empty step": (("--step", ""), "--step"),
    "step without value": (("--step", "prefill:tokens"), ""),
    "missing array": (tokens("@none.npy"), "none.npy|No such file"),
    "array that is a directory": (tokens("@."), ""),
    "output that there is not": ((*PREFILL, *TOKENS, *LENGTHS, "--output", "logit=@y.npy"), "logit"),
    "output of no step": ((*STEP, "--output", "2:logits=@y.npy"), "2"),
    "output into no directory": ((*STEP, "--output", "logits=@none/y.npy"), "No such file"),
    "expected file that is missing": ((*STEP, "--expected", "logits=@y.npy"), "No such file"),
    "prompt and entry": (("--prompt", "a", *PREFILL), "--prompt"),
    "prompt and profile": (("--prompt", "a", "--profile"), "--profile"),
    "empty prompt": (("--prompt", ""), "empty"),
    "prompt above the maximum": (("--prompt", "a" * 513, "--generate", "1"), "512"),
    "generate without prompt": (("--generate", "5"), ""),
    "generate below zero": (("--prompt", "a", "--generate", "-1"), "--generate"),
    "generate as text": (("--prompt", "a", "--generate", "lots"), "--generate"),
    "temperature below zero": (("--prompt", "a", "--temperature", "-1"), "--temperature"),
    "temperature that is no number": (("--prompt", "a", "--generate", "2", "--temperature", "nan"), "temperature"),
    "generate of 2^70": (("--prompt", "a", "--generate", str(2**70)), "--generate"),
    "seed below zero": (("--prompt", "a", "--seed", "-1"), "--seed"),
    "top-k as fraction": (("--prompt", "a", "--top-k", "2.5"), "--top-k"),
    "tolerance below zero": ((*STEP, "--rtol", "-1"), "--rtol"),
    "tolerance that is no number": ((*STEP, "--atol", "nan"), "--atol"),
    "prompt and input": (("--prompt", "a", *TOKENS), "--input"),
    "prompt and output": (("--prompt", "a", "--output", "logits=@y.npy"), "--output"),
    "prompt and state": (("--prompt", "a", "--dump-state", "state"), "--dump-state"),
    "prompt and rows": (("--prompt", "a", "--rows", "2"), "--rows"),
    "one good output, one that there is not": ((*STEP, "--output", "logits=@y.npy", "--output", "logit=@z.npy"), "logit"),
    "output over the package": ((*STEP, "--output", "logits=@./tiny.tmpkg"), "the package"),
    "array without a name": (tokens("@"), "empty"),
    "unknown device": (("--prompt", "a", "--device", "tpu"), "tpu"),
    "no such GPU": (("--prompt", "a", "--device", "cuda:99"), ""),
    "GPU below zero": (("--prompt", "a", "--device", "cuda:-1"), ""),
    "threads of zero": (("--prompt", "a", "--threads", "0"), "--threads"),
    "threads of a billion": (("--prompt", "a", "--threads", "1000000000"), "--threads"),
    "repeat of zero": ((*STEP, "--repeat", "0"), "--repeat"),
    "unknown option": (("--frobnicate",), "frobnicate"),
    "option without value": (("--entry",), "--entry"),
    "two packages": (("tiny.tmpkg",), ""),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_call(name, good, tmp_path):
    arguments, words = CASES[name]
    (tmp_path / "tiny.tmpkg").write_bytes(good.package)
    refused(tmp_path, "transmamba-run", "tiny.tmpkg", *arguments, error=words)


def npy(array):
    def make(path):
        numpy.save(path, array)
        return path.read_bytes()

    return make


GOOD_ARRAY = numpy.array([[1, 2, 3]], dtype="<i4")
ARRAYS = {
    "empty": lambda path: b"",
    "magic only": lambda path: b"\x93NUMPY",
    "cut off in the header": lambda path: npy(GOOD_ARRAY)(path)[:40],
    "cut off in the data": lambda path: npy(GOOD_ARRAY)(path)[:-1],
    "longer than it says": lambda path: npy(GOOD_ARRAY)(path) + b"\0",
    "not an array": lambda path: b"hello, world\n" * 100,
    "version of the future": lambda path: npy(GOOD_ARRAY)(path).replace(b"NUMPY\x01", b"NUMPY\x09"),
    "header of 2^32 bytes": lambda path: b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + bytes(100),
    "shape of 2^62": lambda path: npy(GOOD_ARRAY)(path).replace(b"(1, 3)", b"(4611686018427387904,)")[:-16],
    "shape below zero": lambda path: npy(GOOD_ARRAY)(path).replace(b"(1, 3)", b"(-1,3)"),
    "column-major": lambda path: npy(GOOD_ARRAY)(path).replace(b"False", b"True "),
    "big-endian": npy(GOOD_ARRAY.astype(">i4")),
    "complex": npy(GOOD_ARRAY.astype("c8")),
    "text": npy(numpy.array([["a", "b"]])),
    "records": npy(numpy.zeros((1, 3), dtype=[("a", "i4")])),
    "not a number": npy(numpy.array([[1, numpy.nan, 3]], dtype="f4")),
    "infinite": npy(numpy.array([[1, numpy.inf, 3]], dtype="f8")),
    "fraction": npy(numpy.array([[1, 2.5, 3]], dtype="f4")),
    "scalar": npy(numpy.int32(1)),
    "no elements": npy(numpy.zeros((1, 0), dtype="i4")),
    "three dimensions": npy(numpy.zeros((1, 3, 1), dtype="i4")),
    "below int32": npy(numpy.array([[1, -(2**40), 3]])),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_array(name, good, tmp_path):
    (tmp_path / "tiny.tmpkg").write_bytes(good.package)
    path = tmp_path / "x.npy"
    path.write_bytes(ARRAYS[name](path))
    refused(tmp_path, "transmamba-run", "tiny.tmpkg", *PREFILL, "--input", "tokens=@x.npy", *LENGTHS)
