"""The eight identities that every implementation must satisfy, for packages on the CPU.

The models are small, but their sizes are those at which tiles end: chunks and blocks have 64 tokens, so TransPoints and
lengths lie on both sides of 64; head dimensions are a multiple of a vector (32), of half a vector (48) and more than a block (96).
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import sys

import numpy as np
import pytest
from package_harness import BF16_FACTOR, F32_TOLERANCE, Call, Results, Tools, decode, error, forward, prefill, same_bits

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "identities"))
from make_model import Config, make_model  # noqa: E402

TOKENS = 160  # of the fixed sequences that all inputs are parts of
ROWS = 8

GROUPED = Config(heads=4, kv_heads=2, head_dim=32, width=64, vocabulary=256, max_sequence=TOKENS, mixer=True)
UNEVEN = dataclasses.replace(GROUPED, heads=2, kv_heads=2, head_dim=48)
WIDE = dataclasses.replace(GROUPED, heads=2, kv_heads=1, head_dim=96, dtype="bf16")
MODEL = dataclasses.replace(GROUPED, mixer=False, kv_heads=4, ffn_width=96)


def pure(config: Config, form: str) -> Config:
    """A layer that knows no TransPoint. One that only attends has a cache for every position."""
    return dataclasses.replace(config, form=form, schedule=(config.max_sequence if form == "attention" else 0,))


def hybrid(config: Config, *points: int, **sizes: object) -> Config:
    return dataclasses.replace(config, schedule=points, layers=len(points), **sizes)


CONFIGS = {
    "grouped-ssm": pure(GROUPED, "ssm"),
    "grouped-attention": pure(GROUPED, "attention"),
    "grouped-p0": hybrid(GROUPED, 0),
    "grouped-p65": hybrid(GROUPED, 65),
    "grouped-p65-chunk16": hybrid(GROUPED, 65, chunk=16),
    "uneven-p1": hybrid(UNEVEN, 1),
    "uneven-p130": hybrid(UNEVEN, 130),
    "wide-ssm": pure(WIDE, "ssm"),
    "wide-attention": pure(WIDE, "attention"),
    "wide-p0": hybrid(WIDE, 0),
    "wide-p64": hybrid(WIDE, 64),
    "model-p0-64-3": hybrid(MODEL, 0, 64, 3),
}


class Package:
    """A model, its package, and the fixed sequences."""

    def __init__(self, tools: Tools, name: str) -> None:
        self.tools = tools
        self.config = CONFIGS[name]
        self.output = "y" if self.config.mixer else "logits"
        self.source = tools.fresh() / "model.mlir"
        self.source.write_text(make_model(self.config, name))
        self.path = tools.compile(self.source, "--weights=random:7")
        random = np.random.default_rng(1)
        if self.config.mixer:
            self.sequences = random.standard_normal((ROWS, TOKENS, self.config.width)).astype(np.float32)
        else:
            self.sequences = random.integers(0, self.config.vocabulary, (ROWS, TOKENS)).astype(np.int32)

    def input(self, value: np.ndarray) -> dict[str, np.ndarray]:
        return {"x" if self.config.mixer else "tokens": value}

    def forward(self, count: int) -> Call:
        """All tokens of 3 rows."""
        return forward(**self.input(self.sequences[:3, :count]))

    def prefill(self, lengths: list[int], rows: list[int] | None = None, padding: object = None) -> Call:
        """The first tokens of the rows, those beyond a row's length replaced by `padding`."""
        rows = list(range(len(lengths))) if rows is None else rows
        value = self.sequences[rows, : max(lengths)].copy()
        if padding is not None:
            for row, length in zip(value, lengths):
                row[length:] = padding
        return prefill(lengths, **self.input(value))

    def decode(self, positions: list[int], rows: list[int] | None = None) -> Call:
        """The next token of the rows."""
        rows = list(range(len(positions))) if rows is None else rows
        value = self.sequences[rows, positions]
        return decode(**self.input(value[:, None]))

    def continued(self, lengths: list[int], steps: int, **options: object) -> list[Call]:
        """A prefill and decode steps after it."""
        decodes = [self.decode([n + step for n in lengths], options.get("rows")) for step in range(steps)]
        return [self.prefill(lengths, **options), *decodes]

    def run(self, calls: list[Call], *options: str) -> Results:
        return self.tools.call(self.path, self.output, calls, *options)

    def exact(self, calls: list[Call], *options: str) -> Results:
        return self.tools.interpret(self.source, self.output, calls, "--weights=random:7", *options)

    def last(self, output: np.ndarray, lengths: list[int]) -> np.ndarray:
        """What an output says of the last token of every row."""
        return output[np.arange(len(lengths)), np.array(lengths) - 1] if output.ndim == 3 else output

    def valid(self, call: Call, output: np.ndarray) -> np.ndarray:
        """The elements of an output that belong to tokens: those of padding are nothing to compare."""
        if "lengths" not in call.inputs or output.ndim < 3:
            return output.reshape(-1)
        return np.concatenate([row[:n].reshape(-1) for row, n in zip(output, call.inputs["lengths"])])

    def valid_states(self, results: Results) -> dict[str, np.ndarray]:
        """The states without the free slots of caches."""
        states = dict(results.states)
        positions = states["positions"].reshape(-1)
        for name, state in results.states.items():
            if name.endswith(".kv"):
                capacity = state.shape[-2]
                rows = [row[..., : min(int(n), capacity), :].reshape(-1) for row, n in zip(state, positions)]
                states[name] = np.concatenate(rows)
        return states

    @functools.lru_cache(maxsize=None)
    def bound(self, kind: str) -> float:
        """How far a result may be from float64: derived from the roundings of the type, not from the package."""
        if self.config.dtype == "f32":
            return F32_TOLERANCE
        calls = self.continued([TOKENS - 3] * 3, 3) if kind == "state" else [self.forward(TOKENS)]
        rounded, exact = self.exact(calls, "--round"), self.exact(calls)
        if kind != "state":
            return BF16_FACTOR * error(rounded.outputs[0], exact.outputs[0])
        states, exact_states = self.valid_states(rounded), self.valid_states(exact)
        names = [name for name in exact_states if name != "positions" and exact_states[name].size > 0]
        return BF16_FACTOR * max(error(states[name], exact_states[name]) for name in names)

    def assert_close(self, calls: list[Call], results: Results, exact: Results, factor: float = 1) -> None:
        """Every output and every state is as near as the type allows."""
        for number, call in enumerate(calls):
            difference = error(self.valid(call, results.outputs[number]), self.valid(call, exact.outputs[number]))
            assert difference <= factor * self.bound("output"), f"output {number}"
        if calls[-1].entry == "forward":  # leaves no state
            return
        states, exact_states = self.valid_states(results), self.valid_states(exact)
        for name in states:
            assert error(states[name], exact_states[name]) <= factor * self.bound("state"), name

    def assert_same(self, calls: list[Call], a: Results, b: Results) -> None:
        """Every output and every state, bit for bit."""
        for number, call in enumerate(calls):
            assert same_bits(self.valid(call, a.outputs[number]), self.valid(call, b.outputs[number])), f"output {number}"
        states, other = self.valid_states(a), self.valid_states(b)
        for name in states.keys() & other.keys():  # a pure layer has fewer
            assert same_bits(states[name], other[name]), name


@pytest.fixture(scope="module")
def package(tools):
    """A package by name; each is compiled once."""
    return functools.lru_cache(maxsize=None)(lambda name: Package(tools, name))


HYBRIDS = ["grouped-p65", "uneven-p1", "uneven-p130", "wide-p64", "model-p0-64-3"]


@pytest.mark.parametrize("name", ["grouped-p0", "grouped-p65", "model-p0-64-3"])
def test_states_are_those_of_the_schedule(package, name):
    """A cache has the slots of its layer's prefix, and a layer without prefix has none."""
    model = package(name)
    states = model.run([model.prefill([3])]).states
    for layer, point in enumerate(model.config.schedule):
        assert f"layers.{layer}.ssm" in states and f"layers.{layer}.conv" in states
        cache = states.get(f"layers.{layer}.kv")
        assert (cache is None) if point == 0 else (cache.shape[-2] == point)


@pytest.mark.parametrize("shape", ["grouped", "wide"])
def test_no_prefix_is_the_pure_ssm(package, shape):
    """Identity 1: P = 0 gives the bits of a state-space layer, in every entry point, and its states."""
    switched, alone = package(f"{shape}-p0"), package(f"{shape}-ssm")
    for calls in ([alone.forward(130)], alone.continued([130, 65, 64, 63, 1], 2)):
        switched.assert_same(calls, switched.run(calls), alone.run(calls))


@pytest.mark.parametrize("name, lengths", [("grouped-p65", [62, 1, 33, 61]), ("wide-p64", [61, 1, 33, 60])])
def test_no_suffix_is_pure_attention(package, name, lengths):
    """Identity 1: with P >= T, from P = T to far beyond, the bits are those of a layer that only attends."""
    switched, alone = package(name), package(name.split("-")[0] + "-attention")
    point = switched.config.schedule[0]
    # The last decode step is the last token before the TransPoint.
    prompts = [[point], [point - 1, 2], [7, 5]]
    for calls in ([alone.forward(point)], [alone.forward(9)], alone.continued(lengths, 3), *([alone.prefill(p)] for p in prompts)):
        switched.assert_same(calls, switched.run(calls), alone.run(calls))


def test_one_token_more_is_not_pure_attention(package):
    """The other side of identity 1: one token beyond P, and it alone, is read by the recurrence."""
    switched, alone = package("grouped-p65"), package("grouped-attention")
    calls = [alone.forward(66)]
    a, b = switched.run(calls).outputs[0], alone.run(calls).outputs[0]
    assert same_bits(a[:, :65], b[:, :65])
    assert error(a[:, 65:], b[:, 65:]) > 0.01


@pytest.mark.parametrize("name, lengths", [("grouped-p65", [65, 64, 63, 1]), ("wide-p64", [64, 63, 33, 1])])
def test_converted_memory_is_the_state_of_a_scan(package, name, lengths):
    """Identity 2: what a prefix of n <= P tokens leaves is the state of a scan over it. Both are rounded, hence twice the bound."""
    switched, alone = package(name), package(name.split("-")[0] + "-ssm")
    calls = [switched.prefill(lengths)]
    converted, scanned = switched.run(calls).states["layers.0.ssm"], alone.run(calls).states["layers.0.ssm"]
    assert error(converted, scanned) <= 2 * switched.bound("state")
    assert error(converted, alone.exact(calls).states["layers.0.ssm"]) <= switched.bound("state")


@pytest.mark.parametrize("name", ["grouped-p65", "wide-p64"])
def test_suffix_is_that_of_a_scan_of_everything(package, name):
    """Identity 3: after the TransPoint, a token's output is that of a state-space layer that has read the whole sequence."""
    switched, alone = package(name), package(name.split("-")[0] + "-ssm")
    point = switched.config.schedule[0]
    for count in (point + 1, point + 64, 130):
        calls = [switched.forward(count)]
        a, b = switched.run(calls).outputs[0], alone.run(calls).outputs[0]
        assert error(a[:, point:], b[:, point:]) <= 2 * switched.bound("output")


@pytest.mark.parametrize("name", HYBRIDS)
def test_prefill_is_prefill_and_decode(package, name):
    """Identity 4: prefill(k + 3) says what prefill(k) and three steps say. The rows stop one off, at and after the TransPoint and
    the edge of a chunk, so one batch of a step holds rows before and after their TransPoints."""
    model = package(name)
    lengths = [1, 2, 62, 63, 64, 65, 66, 67]
    if 130 in model.config.schedule:
        lengths = [1, 64, 126, 127, 128, 129, 130, 131]
    calls = model.continued(lengths, 3)
    stepped = model.run(calls)
    longer = [n + 3 for n in lengths]
    whole_calls = [model.prefill(longer)]
    whole, exact = model.run(whole_calls), model.exact(whole_calls)
    last = stepped.outputs[-1].reshape(len(lengths), -1)
    assert error(last, model.last(whole.outputs[0], longer)) <= 2 * model.bound("output")
    for row, n in enumerate(lengths):  # each, so that a wrong row does not hide among good ones
        reference = model.last(exact.outputs[0], longer)[row]
        assert error(last[row], reference) <= 4 * model.bound("output"), f"row of {n} tokens"
    a, b, c = (model.valid_states(results) for results in (stepped, whole, exact))
    assert a.keys() == b.keys()
    for state in a:
        assert error(a[state], b[state]) <= 2 * model.bound("state"), state
        assert error(a[state], c[state]) <= model.bound("state"), state


@pytest.mark.parametrize("name", HYBRIDS)
def test_runs_repeat(package, name):
    """Identity 5: a run repeats bit for bit, with any number of threads."""
    model = package(name)
    calls = model.continued([130, 64, 66, 1], 2)
    first = model.run(calls, "--threads=2")
    model.assert_same(calls, first, model.run(calls, "--threads=2"))
    model.assert_same(calls, first, model.run(calls, "--threads=1"))


@pytest.mark.parametrize("name", HYBRIDS)
def test_a_row_is_the_same_in_every_batch(package, name):
    """Identity 5: a row gives the same bits in any order of the rows, and alone, where its sequence is the whole input."""
    model = package(name)
    lengths = [130, 64, 66, 1]
    batch = model.run(model.continued(lengths, 2))
    order = [2, 0, 3, 1]
    permuted = model.run(model.continued([lengths[row] for row in order], 2, rows=order))
    for row, length in enumerate(lengths):
        alone = model.run(model.continued([length], 2, rows=[row]))
        place = order.index(row)
        for other, index in ((permuted, place), (alone, 0)):
            for number in range(3):
                count = length if number == 0 and model.config.mixer else None
                a, b = batch.outputs[number][row][:count], other.outputs[number][index][:count]
                assert same_bits(a, b), f"row {row}, output {number}"
            for state in batch.states:
                a, b = batch.states[state][row], other.states[state][index]
                if state.endswith(".kv"):
                    count = min(length + 2, a.shape[-2])
                    a, b = a[..., :count, :], b[..., :count, :]
                assert same_bits(np.ascontiguousarray(a), np.ascontiguousarray(b)), f"row {row}, {state}"


@pytest.mark.parametrize("name", HYBRIDS)
def test_nothing_invalid_is_read(package, name):
    """Identity 6: NaN, or tokens that do not exist, in padding; NaN in scratch memory; NaN and older sequences in all states."""
    model = package(name)
    lengths = [130, 64, 66, 1]
    garbage = np.nan if model.config.mixer else 123456789
    clean = model.run(model.continued(lengths, 3, padding=0))
    calls = model.continued(lengths, 3, padding=garbage)
    poisoned = model.run(calls, "--poison")
    model.assert_same(calls, poisoned, clean)
    # A longer batch of other sequences has filled every state before; a mixer's with NaN.
    rows = [4, 5, 6, 7]
    before = model.continued([150, 150, 150, 150], 2, rows=rows)
    if model.config.mixer:
        for call in before:
            call.inputs["x"] = np.full_like(call.inputs["x"], np.nan)
    used = model.run(before + calls, "--poison")
    used.outputs = used.outputs[len(before) :]
    model.assert_same(calls, used, clean)


def test_chunks_change_rounding_only(package):
    """Identity 7: chunks of 16 tokens in place of 64 are another program with the same result."""
    small, normal = package("grouped-p65-chunk16"), package("grouped-p65")
    texts = [model.tools.run("transmamba-compile", model.source, "--compile-to=linalg") for model in (small, normal)]
    assert texts[0] != texts[1]
    for calls in ([small.forward(150)], small.continued([130, 64, 82, 1], 2)):
        a, b = small.run(calls), normal.run(calls)
        small.assert_close(calls, a, b, factor=2)
        small.assert_close(calls, a, small.exact(calls))


@pytest.mark.parametrize("name", list(CONFIGS))
def test_error(package, name):
    """Identity 8: the error against float64 is that of the type: 1e-5 in f32, and in bf16 what rounding every value makes."""
    model = package(name)
    for calls in ([model.forward(130)], [model.forward(1)], model.continued([130, 64, 66, 1], 2)):
        model.assert_close(calls, model.run(calls), model.exact(calls))
