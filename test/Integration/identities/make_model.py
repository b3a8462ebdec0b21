#!/usr/bin/env python3
"""Prints a small TransMamba model as the MLIR that the phase "import" produces (dialects/TransMamba/README.md).

The same models serve every implementation: the reference interpreter runs them, and compiled packages are compared with it.

    make_model.py --heads 4 --kv-heads 2 --head-dim 8 --schedule 0,5,16 > model.mlir
    make_model.py --mixer --form ssm --head-dim 4 > pure.mlir

A model has the entry points `forward` (stateless, all tokens), `prefill` and `decode`. With `--mixer` it is one layer's mixer on
float inputs `x [B, T, Dm]`, without embedding, feed-forward network and head; else it takes `tokens` and gives `logits`.
`--form` reads every layer in one way only, as a model that knows no TransPoint would be written: `attention` or `ssm`.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys


@dataclasses.dataclass(frozen=True)
class Config:
    """The sizes of a model. `schedule` is cycled over the layers."""

    heads: int = 4
    kv_heads: int = 4
    head_dim: int = 8
    width: int = 16
    ffn_width: int = 24
    layers: int = 1
    schedule: tuple[int, ...] = (4,)
    vocabulary: int = 32
    conv_width: int = 4
    max_batch: int = 8
    max_sequence: int = 64
    chunk: int | None = None
    dtype: str = "f32"
    mixer: bool = False
    form: str = "hybrid"  # or "attention", "ssm"

    @property
    def inner(self) -> int:
        return self.heads * self.head_dim

    @property
    def channels(self) -> int:
        """What the convolution runs over: q, then k, then v."""
        return (self.heads + 2 * self.kv_heads) * self.head_dim

    def check(self) -> None:
        if self.heads % self.kv_heads != 0:
            raise ValueError(f"{self.kv_heads} key heads do not divide {self.heads} heads")
        if self.head_dim % 2 != 0:
            raise ValueError(f"a head dimension of {self.head_dim} cannot be rotated in pairs")
        if self.form not in ("hybrid", "attention", "ssm"):
            raise ValueError(f"there is no form '{self.form}'")
        if self.mixer and self.layers != 1:
            raise ValueError("a mixer is one layer")


class Function:
    """The text of a function: SSA names, lines, and the constants and parameters that are asked for."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.lines: list[str] = []
        self.head: list[str] = []
        self.known: dict[str, str] = {}
        self.count = 0

    def name(self) -> str:
        self.count += 1
        return f"%{self.count}"

    def op(self, text: str) -> str:
        """Appends `%n = text`, where `text` has one result."""
        result = self.name()
        self.lines.append(f"{result} = {text}")
        return result

    def once(self, text: str) -> str:
        """As `op`, at the head of the function and once for each text."""
        if text not in self.known:
            self.known[text] = self.name()
            self.head.append(f"{self.known[text]} = {text}")
        return self.known[text]

    def index(self, value: int) -> str:
        return self.once(f"arith.constant {value} : index")

    def parameter(self, name: str, type_: str) -> str:
        return self.once(f"transmamba.get_parameter @{name} : {type_}")


def tensor(*dims: object, dtype: str) -> str:
    """The type of a tensor; a size that is a string is dynamic."""
    return "tensor<" + "".join(("?" if isinstance(d, str) else str(d)) + "x" for d in dims) + dtype + ">"


def size(dim: object) -> str:
    """A size in an operand list: an SSA name or a number."""
    return str(dim)


class Builder:
    """Writes one entry point. `kind` is "forward", "prefill" or "decode"."""

    def __init__(self, config: Config, kind: str) -> None:
        self.c = config
        self.kind = kind
        self.f = Function(config)
        self.states: dict[str, str] = {}  # the latest version by name
        # Batch and tokens, as sizes: SSA names where dynamic.
        self.B = "%B"
        self.T: object = 1 if kind == "decode" else "%T"

    # Types ------------------------------------------------------------------

    def tokens_by(self, *dims: object, dtype: str | None = None, tokens: object | None = None) -> str:
        """[B, T, dims...]"""
        return tensor(self.B, self.T if tokens is None else tokens, *dims, dtype=dtype or self.c.dtype)

    def state_types(self, layer: int) -> dict[str, str]:
        """The states of a layer, by name, for its form."""
        c = self.c
        window = f"!transmamba.conv_window<layer = {layer}, {c.conv_width - 1}x{c.channels}x{c.dtype}>"
        cache = f"!transmamba.kv_cache<layer = {layer}, {c.kv_heads}x{c.head_dim}x{c.dtype}>"
        ssm = f"!transmamba.ssm_state<layer = {layer}, {c.heads}x{c.head_dim}x{c.head_dim}xf32>"
        types = {f"layers.{layer}.conv": window}
        if c.form != "ssm":
            types[f"layers.{layer}.kv"] = cache
        if c.form != "attention":
            types[f"layers.{layer}.ssm"] = ssm
        return types

    def all_states(self) -> dict[str, str]:
        if self.kind == "forward":
            return {}
        return {name: type_ for layer in range(self.c.layers) for name, type_ in self.state_types(layer).items()}

    # Dense arithmetic -------------------------------------------------------

    def matmul(self, x: str, in_width: int, weight: str, out_width: int, dtype: str, rows: tuple[object, ...]) -> str:
        """x [rows..., in] times a parameter [in, out]: rows of all sequences together, accumulated in float32."""
        f, c = self.f, self.c
        w = f.parameter(weight, tensor(in_width, out_width, dtype=c.dtype))
        if len(rows) == 2:
            flat = f.op(
                f"tensor.collapse_shape {x} [[0, 1], [2]] : {tensor(*rows, in_width, dtype=c.dtype)} "
                f"into {tensor('%rows', in_width, dtype=c.dtype)}"
            )
            count = self.row_count()
        else:
            flat, count = x, self.B
        zero = f.once("arith.constant 0.0 : f32")
        wide = tensor("%rows", out_width, dtype="f32")
        empty = f.op(f"tensor.empty({count}) : {wide}")
        filled = f.op(f"linalg.fill ins({zero} : f32) outs({empty} : {wide}) -> {wide}")
        flat_type = tensor("%rows", in_width, dtype=c.dtype)
        y = f.op(
            f"linalg.matmul ins({flat}, {w} : {flat_type}, {tensor(in_width, out_width, dtype=c.dtype)}) "
            f"outs({filled} : {wide}) -> {wide}"
        )
        narrow = tensor("%rows", out_width, dtype=dtype)
        if dtype != "f32":
            y = f.op(f"arith.truncf {y} : {wide} to {narrow}")
        if len(rows) == 1:
            return y
        return f.op(
            f"tensor.expand_shape {y} [[0, 1], [2]] output_shape [{self.B}, {size(self.T)}, {out_width}] : "
            f"{narrow} into {self.tokens_by(out_width, dtype=dtype)}"
        )

    def row_count(self) -> str:
        return self.B if self.kind == "decode" else "%rows"

    def project(self, x: str, in_width: int, weight: str, out_width: int, dtype: str | None = None) -> str:
        return self.matmul(x, in_width, weight, out_width, dtype or self.c.dtype, (self.B, self.T))

    def add(self, a: str, b: str, type_: str) -> str:
        return self.f.op(f"arith.addf {a}, {b} : {type_}")

    def norm(self, x: str, name: str) -> str:
        w = self.f.parameter(name, tensor(self.c.width, dtype=self.c.dtype))
        type_ = self.tokens_by(self.c.width)
        return self.f.op(
            f"transmamba.rms_norm {x}, {w} eps 1.0e-05 : {type_}, {tensor(self.c.width, dtype=self.c.dtype)}"
        )

    # Parts ------------------------------------------------------------------

    def channels(self, x: str, total: int, first: int, count: int, dtype: str | None = None) -> str:
        """Channels [first, first + count) of x [B, T, total]."""
        return self.f.op(
            f"tensor.extract_slice {x}[0, 0, {first}] [{self.B}, {size(self.T)}, {count}] [1, 1, 1] : "
            f"{self.tokens_by(total, dtype=dtype)} to {self.tokens_by(count, dtype=dtype)}"
        )

    def split_heads(self, x: str, heads: int) -> str:
        d = self.c.head_dim
        return self.f.op(
            f"tensor.expand_shape {x} [[0], [1], [2, 3]] output_shape [{self.B}, {size(self.T)}, {heads}, {d}] : "
            f"{self.tokens_by(heads * d)} into {self.tokens_by(heads, d)}"
        )

    def join_heads(self, x: str, tokens: object | None = None) -> str:
        c = self.c
        return self.f.op(
            f"tensor.collapse_shape {x} [[0], [1], [2, 3]] : {self.tokens_by(c.heads, c.head_dim, tokens=tokens)} "
            f"into {self.tokens_by(c.inner, tokens=tokens)}"
        )

    def tokens(self, x: str, first: object, count: object, *dims: int, dtype: str | None = None) -> str:
        """Tokens [first, first + count) of x [B, T, dims...]."""
        zeros = "".join(", 0" for _ in dims)
        sizes = "".join(f", {d}" for d in dims)
        ones = "".join(", 1" for _ in dims)
        return self.f.op(
            f"tensor.extract_slice {x}[0, {size(first)}{zeros}] [{self.B}, {size(count)}{sizes}] [1, 1{ones}] : "
            f"{self.tokens_by(*dims, dtype=dtype)} to {self.tokens_by(*dims, dtype=dtype, tokens=count)}"
        )

    # The mixer --------------------------------------------------------------

    def lengths(self) -> str:
        return " lengths(%lengths : tensor<?xi32>)" if self.kind == "prefill" else ""

    def convolve(self, x: str, layer: int) -> str:
        """The convolution and its activation. Prefill starts from an empty window."""
        c, f = self.c, self.f
        type_ = self.tokens_by(c.channels)
        weight_type = tensor(c.channels, c.conv_width, dtype=c.dtype)
        bias_type = tensor(c.channels, dtype=c.dtype)
        weight = f.parameter(f"layers.{layer}.mixer.conv.weight", weight_type)
        bias = f.parameter(f"layers.{layer}.mixer.conv.bias", bias_type)
        state, window_type = f"layers.{layer}.conv", self.state_types(layer)[f"layers.{layer}.conv"]
        window = f" window({self.states[state]} : {window_type})" if self.kind == "decode" else ""
        y, after = f.name(), f.name()
        f.lines.append(
            f"{y}, {after} = transmamba.causal_conv1d {x}, {weight} bias({bias} : {bias_type}){window}{self.lengths()} : "
            f"{type_}, {weight_type} -> {window_type}"
        )
        self.states[state] = after
        return f.op(f"transmamba.activate silu {y} : {type_}")

    def step_sizes(self, u: str, layer: int) -> str:
        """dt = softplus(u W_dt + bias) [B, T, H] in float32."""
        c, f = self.c, self.f
        raw = self.project(u, c.width, f"layers.{layer}.mixer.dt.weight", c.heads, dtype="f32")
        bias = f.parameter(f"layers.{layer}.mixer.dt.bias", tensor(c.heads, dtype="f32"))
        type_ = self.tokens_by(c.heads, dtype="f32")
        empty = f.op(f"tensor.empty({self.B}{', ' + self.T if isinstance(self.T, str) else ''}) : {type_}")
        biased = f.op(
            "linalg.generic {indexing_maps = [affine_map<(b, t, h) -> (b, t, h)>, affine_map<(b, t, h) -> (h)>, "
            "affine_map<(b, t, h) -> (b, t, h)>], iterator_types = [\"parallel\", \"parallel\", \"parallel\"]} "
            f"ins({raw}, {bias} : {type_}, {tensor(c.heads, dtype='f32')}) outs({empty} : {type_}) {{\n"
            "    ^bb0(%in: f32, %b: f32, %out: f32):\n"
            "      %sum = arith.addf %in, %b : f32\n"
            "      linalg.yield %sum : f32\n"
            f"    }} -> {type_}"
        )
        return f.op(f"transmamba.activate softplus {biased} : {type_}")

    def rotate(self, x: str, heads: int, tokens: object | None, positions: str) -> str:
        return self.f.op(
            f"transmamba.rope {x}{positions} theta 1.0e+04 : {self.tokens_by(heads, self.c.head_dim, tokens=tokens)}"
        )

    def attend(self, q: str, k: str, v: str, tokens: object | None) -> tuple[str, str]:
        """Causal attention to the tokens themselves. Returns the result and the rotated keys."""
        c = self.c
        qr, kr = self.rotate(q, c.heads, tokens, ""), self.rotate(k, c.kv_heads, tokens, "")
        q_type = self.tokens_by(c.heads, c.head_dim, tokens=tokens)
        k_type = self.tokens_by(c.kv_heads, c.head_dim, tokens=tokens)
        y = self.f.op(
            f"transmamba.attention {qr}, {kr}, {v}{self.lengths()} {{causal}} : {q_type}, {k_type}, {k_type} -> {q_type}"
        )
        return y, kr

    def append(self, layer: int, k: str, v: str, tokens: object | None, positions: str = "") -> None:
        name = f"layers.{layer}.kv"
        cache_type = self.state_types(layer)[name]
        k_type = self.tokens_by(self.c.kv_heads, self.c.head_dim, tokens=tokens)
        lengths = "" if positions else self.lengths()
        self.states[name] = self.f.op(
            f"transmamba.append_kv {self.states[name]}, {k}, {v}{positions}{lengths} : {cache_type}, {k_type}, {k_type}"
        )

    def scan(self, operands: tuple[str, ...], layer: int, tokens: object | None, options: str) -> str:
        """The scan; keeps the state where the entry point has one. Returns y [B, T, H, D]."""
        c, f = self.c, self.f
        q, k, v, dt = operands
        decay = f.parameter(f"layers.{layer}.mixer.A", tensor(c.heads, dtype="f32"))
        skip = f.parameter(f"layers.{layer}.mixer.D", tensor(c.heads, dtype="f32"))
        q_type = self.tokens_by(c.heads, c.head_dim, tokens=tokens)
        k_type = self.tokens_by(c.kv_heads, c.head_dim, tokens=tokens)
        dt_type = self.tokens_by(c.heads, dtype="f32", tokens=tokens)
        state_type = self.ssm_type(layer)
        chunk = f" {{chunk = {c.chunk} : i64}}" if c.chunk else ""
        y, after = f.name(), f.name()
        f.lines.append(
            f"{y}, {after} = transmamba.ssd_scan {q}, {k}, {v}, {dt}, {decay} skip({skip} : {tensor(c.heads, dtype='f32')})"
            f"{options}{chunk} : {q_type}, {k_type}, {k_type}, {dt_type}, {tensor(c.heads, dtype='f32')} -> "
            f"{q_type}, {state_type}"
        )
        self.states[f"layers.{layer}.ssm"] = after
        return y

    def ssm_type(self, layer: int) -> str:
        c = self.c
        return f"!transmamba.ssm_state<layer = {layer}, {c.heads}x{c.head_dim}x{c.head_dim}xf32>"

    def gate(self, y: str, z: str, layer: int, tokens: object | None = None) -> str:
        c = self.c
        w = self.f.parameter(f"layers.{layer}.mixer.gate_norm.weight", tensor(c.inner, dtype=c.dtype))
        return self.f.op(
            f"transmamba.gated_rms_norm {y}, {z} weight({w} : {tensor(c.inner, dtype=c.dtype)}) eps 1.0e-05 : "
            f"{self.tokens_by(c.inner, tokens=tokens)}"
        )

    def switch_tokens(self, layer: int, q: str, k: str, v: str, dt: str, z: str) -> str:
        """All tokens of a sequence, both readings: attention, conversion, scan."""
        c, f = self.c, self.f
        h, g, d = c.heads, c.kv_heads, c.head_dim
        n = f.op(f"transmamba.transpoint {self.T} layer {layer}")
        s = f.op(f"arith.subi {self.T}, {n} : index")
        q0, k0, v0 = self.tokens(q, 0, n, h, d), self.tokens(k, 0, n, g, d), self.tokens(v, 0, n, g, d)
        dt0 = self.tokens(dt, 0, n, h, dtype="f32")
        ya, kr = self.attend(q0, k0, v0, n)
        if self.kind == "prefill":
            self.append(layer, kr, v0, n)
        decay = f.parameter(f"layers.{layer}.mixer.A", tensor(h, dtype="f32"))
        k_type = self.tokens_by(g, d, tokens=n)
        h0 = f.op(
            f"transmamba.convert_memory {k0}, {v0}, {dt0}, {decay}{self.lengths()} : {k_type}, {k_type}, "
            f"{self.tokens_by(h, dtype='f32', tokens=n)}, {tensor(h, dtype='f32')} -> {self.ssm_type(layer)}"
        )
        q1, k1, v1 = self.tokens(q, n, s, h, d), self.tokens(k, n, s, g, d), self.tokens(v, n, s, g, d)
        dt1, z1 = self.tokens(dt, n, s, h, dtype="f32"), self.tokens(z, n, s, c.inner)
        options = f" init({h0} : {self.ssm_type(layer)}) start({n}){self.lengths()}"
        ys = self.scan((q1, k1, v1, dt1), layer, s, options)
        yg = self.gate(self.join_heads(ys, s), z1, layer, s)
        part = self.tokens_by(c.inner, tokens=n)
        return f.op(
            f"tensor.concat dim(1) {self.join_heads(ya, n)}, {yg} : ({part}, {self.tokens_by(c.inner, tokens=s)}) -> "
            f"{self.tokens_by(c.inner)}"
        )

    def switch_row(self, layer: int, q: str, k: str, v: str, dt: str, z: str) -> str:
        """One token a row, each at its own position: both readings, and the choice."""
        c, f = self.c, self.f
        at = " at(%positions : tensor<?xi32>)"
        ya = yg = ""
        if c.form != "ssm":
            qr, kr = self.rotate(q, c.heads, None, at), self.rotate(k, c.kv_heads, None, at)
            self.append(layer, kr, v, None, at)
            cache = f"layers.{layer}.kv"
            q_type = self.tokens_by(c.heads, c.head_dim)
            ya = f.op(
                f"transmamba.cached_attention {qr}, {self.states[cache]}{at} : {q_type}, "
                f"{self.state_types(layer)[cache]} -> {q_type}"
            )
            ya = self.join_heads(ya)
        if c.form != "attention":
            state = self.states[f"layers.{layer}.ssm"]
            ys = self.scan((q, k, v, dt), layer, None, f" init({state} : {self.ssm_type(layer)})")
            yg = self.gate(self.join_heads(ys), z, layer)
        if c.form != "hybrid":
            return ya or yg
        return f.op(f"transmamba.select_reading {ya}, {yg}{at} layer {layer} : {self.tokens_by(c.inner)}")

    def mix(self, u: str, layer: int) -> str:
        """The mixer of semantics.md, section 1: u [B, T, Dm] -> [B, T, Dm]."""
        c = self.c
        prefix = f"layers.{layer}.mixer"
        qkv = self.convolve(self.project(u, c.width, f"{prefix}.qkv", c.channels), layer)
        kv = c.kv_heads * c.head_dim
        q = self.split_heads(self.channels(qkv, c.channels, 0, c.inner), c.heads)
        k = self.split_heads(self.channels(qkv, c.channels, c.inner, kv), c.kv_heads)
        v = self.split_heads(self.channels(qkv, c.channels, c.inner + kv, kv), c.kv_heads)
        dt = self.step_sizes(u, layer)
        z = self.project(u, c.width, f"{prefix}.z", c.inner)
        if self.kind == "decode":
            y = self.switch_row(layer, q, k, v, dt, z)
        elif c.form == "hybrid":
            y = self.switch_tokens(layer, q, k, v, dt, z)
        elif c.form == "attention":
            ya, kr = self.attend(q, k, v, None)
            if self.kind == "prefill":
                self.append(layer, kr, v, None)
            y = self.join_heads(ya)
        else:
            y = self.gate(self.join_heads(self.scan((q, k, v, dt), layer, None, self.lengths())), z, layer)
        return self.project(y, c.inner, f"{prefix}.out", c.width)

    # The model --------------------------------------------------------------

    def feed_forward(self, u: str, layer: int) -> str:
        """down(silu(gate(u)) * up(u))"""
        c, f = self.c, self.f
        type_ = self.tokens_by(c.ffn_width)
        gate = self.project(u, c.width, f"layers.{layer}.ffn.gate", c.ffn_width)
        up = self.project(u, c.width, f"layers.{layer}.ffn.up", c.ffn_width)
        product = f.op(f"arith.mulf {f.op(f'transmamba.activate silu {gate} : {type_}')}, {up} : {type_}")
        return self.project(product, c.ffn_width, f"layers.{layer}.ffn.down", c.width)

    def body(self) -> tuple[str, str, str]:
        """Returns the name, the value and the type of the output."""
        c, f = self.c, self.f
        stream = self.tokens_by(c.width)
        if c.mixer:
            return "y", self.mix("%x", 0), stream
        table_type = tensor(c.vocabulary, c.width, dtype=c.dtype)
        table = f.parameter("embedding", table_type)
        x = f.op(f"transmamba.embedding %tokens, {table} : {self.tokens_by(dtype='i32')}, {table_type} -> {stream}")
        for layer in range(c.layers):
            x = self.add(x, self.mix(self.norm(x, f"layers.{layer}.mixer.norm.weight"), layer), stream)
            x = self.add(x, self.feed_forward(self.norm(x, f"layers.{layer}.ffn.norm.weight"), layer), stream)
        x = self.norm(x, "norm.weight")
        if self.kind == "forward":
            return "logits", self.project(x, c.width, "head", c.vocabulary, "f32"), self.tokens_by(c.vocabulary, dtype="f32")
        last_type = tensor(self.B, c.width, dtype=c.dtype)
        if self.kind == "prefill":
            last = f.op(f"transmamba.last_token {x} lengths(%lengths : tensor<?xi32>) : {stream} -> {last_type}")
        else:
            last = f.op(f"tensor.collapse_shape {x} [[0, 1], [2]] : {stream} into {last_type}")
        logits = self.matmul(last, c.width, "head", c.vocabulary, "f32", (self.B,))
        return "logits", logits, tensor(self.B, c.vocabulary, dtype="f32")

    def write(self) -> str:
        c = self.c
        dims = '["B"]' if self.kind == "decode" else '["B", "T"]'
        if c.mixer:
            first = f"%x: {self.tokens_by(c.width)} {{transmamba.name = \"x\", transmamba.dims = {dims}}}"
        else:
            first = (
                f"%tokens: {self.tokens_by(dtype='i32')} {{transmamba.name = \"tokens\", transmamba.dims = {dims}, "
                f"transmamba.range = [0, {c.vocabulary}]}}"
            )
        arguments = [first]
        role = {"prefill": "lengths", "decode": "positions"}.get(self.kind)
        if role:
            arguments.append(
                f"%{role}: tensor<?xi32> {{transmamba.name = \"{role}\", transmamba.dims = [\"B\"], "
                f"transmamba.role = \"{role}\"}}"
            )
        states = self.all_states()
        for name, type_ in states.items():
            self.states[name] = "%" + name.replace(".", "_")
            arguments.append(f"{self.states[name]}: {type_} {{transmamba.name = \"{name}\"}}")
        output, value, output_type = self.body()
        results = [f"{output_type} {{transmamba.name = \"{output}\"}}", *states.values()]
        rule = {"prefill": ', transmamba.positions = "set"', "decode": ', transmamba.positions = "advance"'}.get(
            self.kind, ""
        )
        given = "%x" if c.mixer else "%tokens"
        given_type = self.tokens_by(c.width) if c.mixer else self.tokens_by(dtype="i32")
        sizes = [f"%B = tensor.dim {given}, {self.f.index(0)} : {given_type}"]
        if isinstance(self.T, str):
            sizes.append(f"%T = tensor.dim {given}, {self.f.index(1)} : {given_type}")
            sizes.append("%rows = arith.muli %B, %T : index")
        returned = ", ".join([value, *(self.states[name] for name in states)])
        types = ", ".join([output_type, *states.values()])
        lines = [*self.f.head, *sizes, *self.f.lines, f"return {returned} : {types}"]
        return (
            f"  func.func @{self.kind}(\n      "
            + ",\n      ".join(arguments)
            + ")\n      -> ("
            + ", ".join(results)
            + f")\n      attributes {{transmamba.entry{rule}}} {{\n"
            + "".join(f"    {line}\n" for line in lines)
            + "  }\n"
        )


def parameters(c: Config) -> list[str]:
    """The declarations. A name without a suffix is a matrix `[in, out]` of a stored `[out, in]`."""

    def plain(name: str, *dims: int, dtype: str = c.dtype) -> str:
        return f'  transmamba.parameter @{name} from "{name}" : {tensor(*dims, dtype=dtype)}'

    def matrix(name: str, rows: int, columns: int) -> str:
        return f'  transmamba.parameter @{name} from "{name.removesuffix(".weight")}.weight" as transpose : {tensor(rows, columns, dtype=c.dtype)}'

    lines = []
    if not c.mixer:
        lines += [
            f'  transmamba.parameter @embedding from "embedding.weight" : {tensor(c.vocabulary, c.width, dtype=c.dtype)}',
            plain("norm.weight", c.width),
            matrix("head", c.width, c.vocabulary),
        ]
    for layer in range(c.layers):
        mixer, ffn = f"layers.{layer}.mixer", f"layers.{layer}.ffn"
        lines += [
            matrix(f"{mixer}.qkv", c.width, c.channels),
            plain(f"{mixer}.conv.weight", c.channels, c.conv_width),
            plain(f"{mixer}.conv.bias", c.channels),
            matrix(f"{mixer}.dt.weight", c.width, c.heads),
            plain(f"{mixer}.dt.bias", c.heads, dtype="f32"),
            f'  transmamba.parameter @{mixer}.A from "{mixer}.A_log" as neg_exp : {tensor(c.heads, dtype="f32")}',
            plain(f"{mixer}.D", c.heads, dtype="f32"),
            matrix(f"{mixer}.z", c.width, c.inner),
            plain(f"{mixer}.gate_norm.weight", c.inner),
            matrix(f"{mixer}.out", c.inner, c.width),
        ]
        if not c.mixer:
            lines += [
                plain(f"{mixer}.norm.weight", c.width),
                plain(f"{ffn}.norm.weight", c.width),
                matrix(f"{ffn}.gate", c.width, c.ffn_width),
                matrix(f"{ffn}.up", c.width, c.ffn_width),
                matrix(f"{ffn}.down", c.ffn_width, c.width),
            ]
    return lines


def make_model(c: Config, name: str = "identities") -> str:
    """The text of the module."""
    c.check()
    schedule = ", ".join(map(str, c.schedule))
    return (
        f'module attributes {{transmamba.name = "{name}", transmamba.schedule = #transmamba.schedule<[{schedule}]>,\n'
        f"    transmamba.max_batch = {c.max_batch} : i64, transmamba.max_sequence = {c.max_sequence} : i64,\n"
        f'    transmamba.vocabulary = {c.vocabulary} : i64, transmamba.tokenizer = "bytes"}} {{\n'
        + "\n".join(parameters(c))
        + "\n"
        + "".join(Builder(c, kind).write() for kind in ("forward", "prefill", "decode"))
        + "}\n"
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    """One option for each field of Config."""
    for field in dataclasses.fields(Config):
        option = "--" + field.name.replace("_", "-")
        if field.name == "mixer":
            parser.add_argument(option, action="store_true", help="the mixer of one layer on float inputs")
        elif field.name == "schedule":
            parser.add_argument(
                option, default=field.default, type=lambda text: tuple(map(int, text.split(","))), help="TransPoints"
            )
        else:
            kind = str if isinstance(field.default, str) else int
            parser.add_argument(option, default=field.default, type=kind, help=f"default: {field.default}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    options = parser.parse_args()
    try:
        sys.stdout.write(make_model(Config(**vars(options))))
    except ValueError as error:
        print(f"make_model.py: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
