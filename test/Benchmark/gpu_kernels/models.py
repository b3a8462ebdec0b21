"""The text of small models, one operation each, as transmamba-compile reads them."""

from __future__ import annotations


def tensor(*dims: object) -> str:
    """`tensor(None, 4, "bf16")` is `tensor<?x4xbf16>`."""
    return "tensor<" + "x".join("?" if dim is None else str(dim) for dim in dims) + ">"


class Model:
    """A function `forward` that grows line by line. Its arguments are [B, T, ...] or [B, ...]; those with static sizes are weights."""

    def __init__(self, name: str, max_batch: int, max_sequence: int) -> None:
        self.name, self.max_batch, self.max_sequence = name, max_batch, max_sequence
        self.arguments: list[str] = []
        self.lines: list[str] = ["%c0 = arith.constant 0 : index", "%c1 = arith.constant 1 : index", "%zero = arith.constant 0.0 : f32"]
        self.count = 0

    def op(self, text: str) -> str:
        self.count += 1
        self.lines.append(f"%{self.count} = {text}")
        return f"%{self.count}"

    def argument(self, name: str, *dims: object) -> str:
        """The first `None`s of the dimensions are B and T, in this order."""
        symbols = ", ".join(f'"{symbol}"' for symbol, dim in zip("BT", dims) if dim is None)
        given = f"transmamba.dims = [{symbols}], " if symbols else ""
        self.arguments.append(f'%{name}: {tensor(*dims)} {{{given}transmamba.name = "{name}"}}')
        if len(self.arguments) == 1:
            self.lines.append(f"%B = tensor.dim %{name}, %c0 : {tensor(*dims)}")
            if dims[1] is None:
                self.lines.append(f"%T = tensor.dim %{name}, %c1 : {tensor(*dims)}")
        return f"%{name}"

    def heads(self, value: str, heads: int, size: int) -> str:
        return self.op(
            f"tensor.expand_shape {value} [[0], [1], [2, 3]] output_shape [%B, %T, {heads}, {size}] : "
            f"{tensor(None, None, heads * size, 'bf16')} into {tensor(None, None, heads, size, 'bf16')}"
        )

    def join(self, value: str, heads: int, size: int) -> str:
        return self.op(
            f"tensor.collapse_shape {value} [[0], [1], [2, 3]] : "
            f"{tensor(None, None, heads, size, 'bf16')} into {tensor(None, None, heads * size, 'bf16')}"
        )

    def rows(self, value: str, columns: int) -> str:
        """[B, T, C] as [B T, C]."""
        return self.op(
            f"tensor.collapse_shape {value} [[0, 1], [2]] : {tensor(None, None, columns, 'bf16')} into {tensor(None, columns, 'bf16')}"
        )

    def matmul(self, rows: str, weight: str, k: int, n: int, bias: str | None = None) -> str:
        """A projection, accumulated in f32 and rounded once: [M, K] to [M, N]."""
        wide, narrow = tensor(None, n, "f32"), tensor(None, n, "bf16")
        count = self.op(f"tensor.dim {rows}, %c0 : {tensor(None, k, 'bf16')}")
        empty = self.op(f"tensor.empty({count}) : {wide}")
        if bias:
            start = f"linalg.broadcast ins({bias} : {tensor(n, 'f32')}) outs({empty} : {wide}) dimensions = [0]"
        else:
            start = f"linalg.fill ins(%zero : f32) outs({empty} : {wide}) -> {wide}"
        start = self.op(start)
        both = f"{tensor(None, k, 'bf16')}, {tensor(k, n, 'bf16')}"
        product = self.op(f"linalg.matmul ins({rows}, {weight} : {both}) outs({start} : {wide}) -> {wide}")
        return self.op(f"arith.truncf {product} : {wide} to {narrow}")

    def tokens(self, rows: str, columns: int) -> str:
        """[B T, C] as [B, T, C]."""
        return self.op(
            f"tensor.expand_shape {rows} [[0, 1], [2]] output_shape [%B, %T, {columns}] : "
            f"{tensor(None, columns, 'bf16')} into {tensor(None, None, columns, 'bf16')}"
        )

    def text(self, result: str, *dims: object) -> str:
        lines = "".join(f"    {line}\n" for line in [*self.lines, f"return {result} : {tensor(*dims)}"])
        return (
            f'module attributes {{transmamba.name = "{self.name}", transmamba.max_batch = {self.max_batch} : i64, '
            f"transmamba.max_sequence = {self.max_sequence} : i64}} {{\n"
            f"  func.func @forward(\n      " + ",\n      ".join(self.arguments) + f")\n      -> ({tensor(*dims)} "
            f'{{transmamba.name = "y"}}) attributes {{transmamba.entry}} {{\n{lines}  }}\n}}\n'
        )


def attention(name: str, heads: int, size: int, max_batch: int, max_sequence: int) -> str:
    m = Model(name, max_batch, max_sequence)
    q, k, v = (m.heads(m.argument(x, None, None, heads * size, "bf16"), heads, size) for x in "qkv")
    type_ = tensor(None, None, heads, size, "bf16")
    y = m.op(f"transmamba.attention {q}, {k}, {v} {{causal}} : {type_}, {type_}, {type_} -> {type_}")
    return m.text(m.join(y, heads, size), None, None, heads * size, "bf16")


def scan(name: str, heads: int, state: int, size: int, max_batch: int, max_sequence: int) -> str:
    m = Model(name, max_batch, max_sequence)
    q, k = (m.heads(m.argument(x, None, None, heads * state, "bf16"), heads, state) for x in "qk")
    v = m.heads(m.argument("v", None, None, heads * size, "bf16"), heads, size)
    dt, a = m.argument("dt", None, None, heads, "f32"), m.argument("A", heads, "f32")
    keys, values = tensor(None, None, heads, state, "bf16"), tensor(None, None, heads, size, "bf16")
    m.lines.append(
        f"%y, %h = transmamba.ssd_scan {q}, {k}, {v}, {dt}, {a} : {keys}, {keys}, {values}, {tensor(None, None, heads, 'f32')}, "
        f"{tensor(heads, 'f32')} -> {values}, !transmamba.ssm_state<layer = 0, {heads}x{state}x{size}xf32>"
    )
    return m.text(m.join("%y", heads, size), None, None, heads * size, "bf16")


def mixer(name: str, heads: int, size: int, point: int, max_batch: int, max_sequence: int) -> str:
    """The hybrid mixer: attention of the tokens before the TransPoint, a scan of the others from the state that those leave."""
    if point == 0:
        return scan(name, heads, size, size, max_batch, max_sequence)
    if point >= max_sequence:
        return attention(name, heads, size, max_batch, max_sequence)
    m = Model(name, max_batch, max_sequence)
    q, k, v = (m.heads(m.argument(x, None, None, heads * size, "bf16"), heads, size) for x in "qkv")
    dt, a = m.argument("dt", None, None, heads, "f32"), m.argument("A", heads, "f32")
    type_ = tensor(None, None, heads, size, "bf16")
    m.lines.append(
        f"%y, %h = transmamba.switch {q}, {k}, {v}, {dt}, {a} transpoint {point} : {type_}, {type_}, {type_}, "
        f"{tensor(None, None, heads, 'f32')}, {tensor(heads, 'f32')} -> {type_}, !transmamba.ssm_state<layer = 0, {heads}x{size}x{size}xf32>"
    )
    return m.text(m.join("%y", heads, size), None, None, heads * size, "bf16")


def gemm(name: str, n: int, k: int, max_batch: int, max_sequence: int, epilogue: str = "") -> str:
    """`epilogue`: nothing, "bias", "silu", "residual" (added) or "gated" (silu of one product times another)."""
    m = Model(name, max_batch, max_sequence)
    x = m.rows(m.argument("x", None, None, k, "bf16"), k)
    w = m.argument("w", k, n, "bf16")
    type_ = tensor(None, None, n, "bf16")
    y = m.tokens(m.matmul(x, w, k, n, m.argument("bias", n, "f32") if epilogue == "bias" else None), n)
    if epilogue in ("silu", "gated"):
        y = m.op(f"transmamba.activate silu {y} : {type_}")
    if epilogue == "gated":
        up = m.tokens(m.matmul(x, m.argument("u", k, n, "bf16"), k, n), n)
        y = m.op(f"arith.mulf {y}, {up} : {type_}")
    if epilogue == "residual":
        y = m.op(f"arith.addf {m.argument('r', None, None, n, 'bf16')}, {y} : {type_}")
    return m.text(y, None, None, n, "bf16")


def gemm_step(name: str, n: int, k: int, max_batch: int) -> str:
    """A projection of a decode step: a row for each sequence."""
    m = Model(name, max_batch, 1)
    x, w = m.argument("x", None, k, "bf16"), m.argument("w", k, n, "bf16")
    return m.text(m.matmul(x, w, k, n), None, n, "bf16")


def rows(name: str, kind: str, columns: int, max_batch: int, max_sequence: int) -> str:
    """Operations on tokens: rms_norm, gated_rms_norm, conv (with silu), add, gate (silu of one times another)."""
    m = Model(name, max_batch, max_sequence)
    type_, vector = tensor(None, None, columns, "bf16"), tensor(columns, "bf16")
    x = m.argument("x", None, None, columns, "bf16")
    if kind == "rms_norm":
        y = m.op(f"transmamba.rms_norm {x}, {m.argument('w', columns, 'bf16')} eps 1.0e-05 : {type_}, {vector}")
    elif kind == "gated_rms_norm":
        z, w = m.argument("z", None, None, columns, "bf16"), m.argument("w", columns, "bf16")
        y = m.op(f"transmamba.gated_rms_norm {x}, {z} weight({w} : {vector}) eps 1.0e-05 : {type_}")
    elif kind == "conv":
        w, bias = m.argument("w", columns, 4, "bf16"), m.argument("bias", columns, "bf16")
        m.lines.append(
            f"%c, %next = transmamba.causal_conv1d {x}, {w} bias({bias} : {vector}) : {type_}, {tensor(columns, 4, 'bf16')} "
            f"-> !transmamba.conv_window<layer = 0, 3x{columns}xbf16>"
        )
        y = m.op(f"transmamba.activate silu %c : {type_}")
    elif kind == "add":
        y = m.op(f"arith.addf {x}, {m.argument('r', None, None, columns, 'bf16')} : {type_}")
    else:
        gate = m.op(f"transmamba.activate silu {x} : {type_}")
        y = m.op(f"arith.mulf {gate}, {m.argument('r', None, None, columns, 'bf16')} : {type_}")
    return m.text(y, None, None, columns, "bf16")
