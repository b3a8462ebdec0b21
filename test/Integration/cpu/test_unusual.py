"""Models that are valid and unlike those of examples: sizes of one, sizes that no vector divides, rows far apart."""

from __future__ import annotations

import json

import numpy as np
import pytest
from package_harness import F32_TOLERANCE, decode, error, forward, prefill

WEIGHTS = "--weights=random:3"


def make_graph(heads=2, query=0, keys=0, head_dim=16, layers=2, taps=4, width=24, vocabulary=300, tied=False, mixer=None, **model):
    """The graph of a hybrid model; `query` and `keys` are numbers of heads, `mixer` further attributes of its mixers."""
    query, keys, inner = query or heads, keys or heads, heads * head_dim
    sizes = [query * head_dim, keys * head_dim, inner]
    ops = [
        {"op": "rms_norm", "in": "x", "out": "u", "weight": ".norm.weight", "eps": 1e-5},
        {"op": "linear", "in": "u", "out": "qkv", "width": sum(sizes), "weight": ".qkv.weight"},
        {"op": "causal_conv1d", "in": "qkv", "out": "conv", "layer": "i", "taps": taps, "weight": ".conv.weight", "bias": ".conv.bias"},
        {"op": "activate", "in": "conv", "out": "act", "function": "silu"},
        {"op": "split", "in": "act", "out": ["qc", "kc", "vc"], "sizes": sizes},
        {"op": "split_heads", "in": "qc", "out": "q", "heads": query},
        {"op": "split_heads", "in": "kc", "out": "k", "heads": keys},
        {"op": "split_heads", "in": "vc", "out": "v", "heads": heads},
        {"op": "linear", "in": "u", "out": "dt_raw", "width": heads, "weight": ".dt.weight", "bias": ".dt.bias", "element_type": "f32"},
        {"op": "activate", "in": "dt_raw", "out": "dt", "function": "softplus"},
        {"op": "linear", "in": "u", "out": "z", "width": inner, "weight": ".z.weight"},
        {"op": "hybrid_mixer", "in": ["q", "k", "v", "dt", "z"], "out": "mixed", "layer": "i", "A_log": ".A_log", "D": ".D", "eps": 1e-5,
         "gate_weight": ".gate.norm.weight", **({} if head_dim % 2 else {"rope_theta": 10000}), **(mixer or {})},
        {"op": "linear", "in": "mixed", "out": "projected", "width": width, "weight": ".out.weight"},
        {"op": "add", "in": ["x", "projected"], "out": "y"},
    ]  # fmt: skip
    return {
        "format": "transmamba-graph",
        "version": 1,
        "name": "unusual",
        "vocabulary": vocabulary,
        "entries": ["prefill", "decode", "forward"],
        **{"max_batch": 3, "max_sequence": 40, "schedule": [4], **model},
        "blocks": {"mixer": {"parameters": ["i"], "inputs": ["x"], "outputs": ["y"], "ops": ops}},
        "ops": [
            {"op": "embedding", "in": "tokens", "out": "e", "width": width, "weight": "embedding.weight"},
            {"op": "repeat", "in": "e", "out": "h", "pattern": "mixer", "count": layers, "index": "i", "prefix": "layers.{i}"},
            {"op": "rms_norm", "in": "h", "out": "n", "weight": "norm.weight", "eps": 1e-5},
            {"op": "last_token", "in": "n", "out": "last"},
            {"op": "linear", "in": "last", "out": "logits", "width": "vocabulary", "weight": "embedding.weight" if tied else "head.weight",
             "element_type": "f32"},
        ],
        "outputs": ["logits"],
    }  # fmt: skip


MODELS = {
    "heads of one number": dict(head_dim=1, schedule=[3, 7]),
    "heads of 80 numbers": dict(head_dim=80, schedule=[3, 7]),
    "heads of 112 numbers": dict(head_dim=112, layers=1),
    "one head of two numbers, one layer": dict(heads=1, head_dim=2, layers=1),
    "one head of keys and of values to six": dict(heads=6, query=1, keys=1, head_dim=8),
    "chunks of one": dict(mixer={"chunk": 1}, schedule=[5]),
    "chunks of seven": dict(mixer={"chunk": 7}, schedule=[5]),
    "all kinds of TransPoints": dict(layers=6, schedule=[0, 1, 3, 39, 40, 1000]),
    "one row": dict(max_batch=1),
    "sequences of one": dict(max_sequence=1, max_batch=2, schedule=[1, 0]),
    "sequences of two": dict(max_sequence=2, max_batch=2, schedule=[1, 0]),
    "three tokens, one channel": dict(vocabulary=3, width=1),
    "a window of one": dict(mixer={"window": 1}, schedule=[30]),
    "more taps than tokens": dict(taps=45),
    "weights of more than one piece": dict(vocabulary=4200, width=1100, tied=True, layers=1),
}


@pytest.mark.parametrize("name", MODELS)
def test_model(tools, name):
    """Rows of unlike lengths, steps at unlike positions, and logits of all tokens: all are the interpreter's."""
    graph = make_graph(**MODELS[name])
    model = tools.fresh() / "model.json"
    model.write_text(json.dumps(graph))
    package = tools.compile(model, WEIGHTS)
    rows, most = graph["max_batch"], graph["max_sequence"]
    lengths = [min(length, most) for length in (33, 1, 5)[:rows]]
    random = np.random.default_rng(5)

    def tokens(*shape):
        return random.integers(0, graph["vocabulary"], shape).astype(np.int32)

    calls = [prefill(lengths, tokens=tokens(rows, max(lengths)))]
    calls += [decode(tokens=tokens(rows, 1)) for _ in range(min(4, most - max(lengths)))]
    for sequence in (calls, [forward(tokens=tokens(rows, most))]):
        results = tools.call(package, "logits", sequence, "--poison")
        exact = tools.interpret(model, "logits", sequence, WEIGHTS)
        for output, reference in zip(results.outputs, exact.outputs, strict=True):
            assert error(output, reference) <= F32_TOLERANCE
