"""Models in MLIR that transmamba-compile must refuse: what does not parse, does not verify, or cannot be compiled."""

import re

import pytest

from harness import refused, run

HEAD = """module attributes {transmamba.max_batch = 2 : i64, transmamba.max_sequence = 16 : i64, transmamba.name = "m"} {
"""
X = '%x: tensor<?x8xf32> {transmamba.dims = ["B"], transmamba.name = "x"}'
Y = 'tensor<?x8xf32> {transmamba.name = "y"}'


def entry(arguments=X, results=Y, body="return %x : tensor<?x8xf32>", more="", head=HEAD, attributes="transmamba.entry"):
    return f"{head}  func.func @f({arguments}) -> ({results}) attributes {{{attributes}}} {{\n    {body}\n  }}\n{more}}}\n"


def tiny(pattern, replacement, count=1):
    """The module of the good graph with a change."""

    def make(good):
        text, changes = re.subn(pattern, replacement, good.mlir, count=count)
        assert changes, f"{pattern} is not in the module"
        return text

    return make


# name: (text, or what makes it from the good module; words of the message)
CASES = {
    "not mlir": ("what is this?", ""),
    "a package": (lambda good: good.package[:4096].decode("latin-1"), ""),
    "cut off": (lambda good: good.mlir[:3000], ""),
    "unknown dialect": (entry(body='%y = "onnx.Add"(%x, %x) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>\n'
                              '    return %y : tensor<?x8xf32>'), ""),
    "type mismatch": (entry(body="%y = arith.addi %x, %x : tensor<?x8xf32>\n    return %y : tensor<?x8xf32>"), ""),
    "undefined value": (entry(body="return %y : tensor<?x8xf32>"), ""),
    "verifier of an operation": (tiny(r"eps 1\.000000e-05", "eps -1.0"), "eps"),
    "widths that contradict": (tiny(r"from \"embedding.weight\" : tensor<256x32xf32>", 'from "embedding.weight" : tensor<256x33xf32>'), ""),
    "parameter without symbol": (tiny(r"get_parameter @norm\.weight", "get_parameter @nrom.weight"), "nrom"),
    "empty module": ("module {\n}\n", "entry point"),
    "empty file": ("", "entry point"),
    "no entry point": (tiny(r"attributes \{transmamba\.entry[^}]*\}", "", count=0), "entry point"),
    "no max_sequence": (tiny(r"transmamba\.max_sequence = 512 : i64, ", ""), "max_sequence"),
    "max_sequence of zero": (tiny(r"max_sequence = 512", "max_sequence = 0"), "max_sequence"),
    "max_sequence of 2^40": (tiny(r"max_sequence = 512", "max_sequence = 1099511627776"), "max_sequence"),
    "max_batch below zero": (tiny(r"max_batch = 8", "max_batch = -8"), "max_batch"),
    "max_sequence as text": (tiny(r"max_sequence = 512 : i64", 'max_sequence = "512"'), "max_sequence"),
    "no schedule": (tiny(r"transmamba\.schedule = [^,]*, ", ""), "schedule|TransPoint"),
    "empty schedule": (tiny(r"schedule<\[128\]>", "schedule<[]>"), ""),
    "negative TransPoint": (tiny(r"schedule<\[128\]>", "schedule<[-5]>"), ""),
    "schedule as text": (tiny(r"#transmamba\.schedule<\[128\]>", '"V1"'), "schedule"),
    "input without name": (entry('%x: tensor<?x8xf32> {transmamba.dims = ["B"]}'), "name"),
    "input without dims": (entry('%x: tensor<?x8xf32> {transmamba.name = "x"}'), "dims|dimension"),
    "too few dims": (entry('%x: tensor<?x?xf32> {transmamba.dims = ["B"], transmamba.name = "x"}',
                           'tensor<?x?xf32> {transmamba.name = "y"}', "return %x : tensor<?x?xf32>"), "dim"),
    "dims of numbers": (entry('%x: tensor<?x8xf32> {transmamba.dims = [1], transmamba.name = "x"}'), "symbol"),
    "output without name": (entry(results="tensor<?x8xf32>"), "name"),
    "two inputs of a name": (entry(X + ", " + X.replace("%x", "%z")), "x"),
    "role that is unknown": (entry(X + ', %l: tensor<?xi32> {transmamba.dims = ["B"], transmamba.name = "l", transmamba.role = "speed"}'), "role|speed"),
    "scalar input": (entry('%x: f32 {transmamba.name = "x"}', 'f32 {transmamba.name = "y"}', "return %x : f32"), ""),
    "index input": (entry('%x: index {transmamba.name = "x"}', 'index {transmamba.name = "y"}', "return %x : index"), ""),
    "memref input": (entry('%x: memref<?x8xf32> {transmamba.name = "x"}', 'memref<?x8xf32> {transmamba.name = "y"}', "return %x : memref<?x8xf32>"), ""),
    "unranked input": (entry('%x: tensor<*xf32> {transmamba.name = "x"}', 'tensor<*xf32> {transmamba.name = "y"}', "return %x : tensor<*xf32>"), ""),
    "complex elements": (entry(X.replace("f32", "complex<f32>"), Y.replace("f32", "complex<f32>"), "return %x : tensor<?x8xcomplex<f32>>"), ""),
    "elements of 3 bits": (entry(X.replace("f32", "i3"), Y.replace("f32", "i3"), "return %x : tensor<?x8xi3>"), ""),
    "vector elements": (entry(X.replace("f32", "vector<4xf32>"), Y.replace("f32", "vector<4xf32>"), "return %x : tensor<?x8xvector<4xf32>>"), ""),
    "dynamic width": (entry(X.replace("?x8", "?x?"), Y.replace("?x8", "?x?"), "return %x : tensor<?x?xf32>"), ""),
    "sparse input": ("#csr = #sparse_tensor.encoding<{map = (i, j) -> (i : dense, j : compressed)}>\n"
                     + entry(X.replace("xf32", "xf32, #csr"), Y.replace("xf32", "xf32, #csr"), "return %x : tensor<?x8xf32, #csr>"), ""),
    "entry point without body": (HEAD + f"  func.func private @f({X}) -> {Y.split()[0]} attributes {{transmamba.entry}}\n}}\n", ""),
    "entry point with control flow": (entry(body="cf.br ^next\n  ^next:\n    return %x : tensor<?x8xf32>"), ""),
    "endless loop": (entry(body="cf.br ^next\n  ^next:\n    cf.br ^next"), ""),
    "call of a function": (entry(body="%y = call @g(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>\n    return %y : tensor<?x8xf32>",
                                 more="  func.func private @g(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {\n    return %x : tensor<?x8xf32>\n  }\n"), ""),
    "call of a declaration": (entry(body="%y = call @g(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>\n    return %y : tensor<?x8xf32>",
                                    more="  func.func private @g(tensor<?x8xf32>) -> tensor<?x8xf32>\n"), ""),
    "recursion": (entry(body="%y = call @f(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>\n    return %y : tensor<?x8xf32>"), ""),
    "call through a pointer": (entry(body="%g = constant @f : (tensor<?x8xf32>) -> tensor<?x8xf32>\n"
                                     "    %y = call_indirect %g(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>\n    return %y : tensor<?x8xf32>"), ""),
    "tensor.generate": (entry(body="%c0 = arith.constant 0 : index\n    %n = tensor.dim %x, %c0 : tensor<?x8xf32>\n"
                              "    %y = tensor.generate %n {\n    ^bb0(%i: index, %j: index):\n      %v = tensor.extract %x[%i, %j] : tensor<?x8xf32>\n"
                              "      tensor.yield %v : f32\n    } : tensor<?x8xf32>\n    return %y : tensor<?x8xf32>"), None),
    "tensor.gather": (entry(body="%i = arith.constant dense<0> : tensor<1x1xindex>\n"
                            "    %y = tensor.gather %x[%i] gather_dims([0]) : (tensor<?x8xf32>, tensor<1x1xindex>) -> tensor<1x1x8xf32>\n"
                            "    return %x : tensor<?x8xf32>"), None),
    "tensor.reshape": (entry(body="%s = arith.constant dense<[4, 8]> : tensor<2xindex>\n"
                             "    %y = tensor.reshape %x(%s) : (tensor<?x8xf32>, tensor<2xindex>) -> tensor<?x8xf32>\n    return %y : tensor<?x8xf32>"), None),
    "data-dependent loop": (entry(body="%c0 = arith.constant 0 : index\n    %v = tensor.extract %x[%c0, %c0] : tensor<?x8xf32>\n"
                                  "    %z = arith.constant 0.0 : f32\n    %p = arith.cmpf ogt, %v, %z : f32\n"
                                  "    %y = scf.if %p -> tensor<?x8xf32> {\n      %a = math.exp %x : tensor<?x8xf32>\n      scf.yield %a : tensor<?x8xf32>\n"
                                  "    } else {\n      scf.yield %x : tensor<?x8xf32>\n    }\n    return %y : tensor<?x8xf32>"), ""),
    "while loop": (entry(body="%y = scf.while (%a = %x) : (tensor<?x8xf32>) -> tensor<?x8xf32> {\n      %t = arith.constant true\n"
                         "      scf.condition(%t) %a : tensor<?x8xf32>\n    } do {\n    ^bb0(%a: tensor<?x8xf32>):\n      scf.yield %a : tensor<?x8xf32>\n    }\n"
                         "    return %y : tensor<?x8xf32>"), ""),
    "size from the data": (entry(X.replace("f32", "i32"), Y, "%c0 = arith.constant 0 : index\n    %v = tensor.extract %x[%c0, %c0] : tensor<?x8xi32>\n"
                                 "    %n = arith.index_cast %v : i32 to index\n    %e = tensor.empty(%n) : tensor<?x8xf32>\n    %z = arith.constant 0.0 : f32\n"
                                 "    %y = linalg.fill ins(%z : f32) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>\n    return %y : tensor<?x8xf32>"), ""),
    "state of an unknown layer": (tiny(r"kv_cache<layer = 0, 2x8xf32> \{", "kv_cache<layer = -1, 2x8xf32> {"), ""),
    "state without name": (tiny(r' \{transmamba\.name = "layers\.0\.kv"\}', ""), "name"),
    "two states of a name": (tiny(r'"layers\.0\.kv"', '"layers.0.ssm"', count=1), "layers.0.ssm"),
    "elements that a package cannot hold": (HEAD + '  transmamba.parameter @w from "w" : tensor<8xf8E4M3FN>\n}\n', ""),
    "other functions only": ("module {\n  func.func @main() {\n    return\n  }\n}\n", "entry point"),
    "gpu code": ("module {\n  gpu.module @k {\n    gpu.func @f() kernel {\n      gpu.return\n    }\n  }\n}\n", "entry point"),
    "kernel in the model": (entry(more="  func.func private @f_k0() attributes {transmamba.kernel} {\n    return\n  }\n"), None),
    "name taken by a kernel": (entry(body="%y = math.exp %x : tensor<?x8xf32>\n    return %y : tensor<?x8xf32>",
                                     more="  func.func private @f_k0() {\n    return\n  }\n"), None),
    "module in a module": (f"module {{\n{entry()}}}\n", "entry point"),
    "rank of 40": (entry(f'%x: tensor<{"1x" * 40}f32> {{transmamba.name = "x"}}', f'tensor<{"1x" * 40}f32> {{transmamba.name = "y"}}',
                         f'%y = math.exp %x : tensor<{"1x" * 40}f32>\n    return %y : tensor<{"1x" * 40}f32>'), None),
    "size of 2^62": (entry(X.replace("8", str(2**62)), Y.replace("8", str(2**62)), f"%y = math.exp %x : tensor<?x{2**62}xf32>\n    return %y : tensor<?x{2**62}xf32>"), ""),
    "size of zero": (entry(X.replace("8", "0"), Y.replace("8", "0"), "%y = math.exp %x : tensor<?x0xf32>\n    return %y : tensor<?x0xf32>"), None),
    "range that is empty": (tiny(r"transmamba\.range = \[0, 256\]", "transmamba.range = [5, 5]"), "range"),
    "range of floats": (tiny(r"transmamba\.range = \[0, 256\]", "transmamba.range = [0.5, 2.5]"), "range"),
    "positions of an unknown kind": (tiny(r'transmamba\.positions = "set"', 'transmamba.positions = "jump"'), "jump|positions"),
    "positions as number": (tiny(r'transmamba\.positions = "set"', "transmamba.positions = 4"), "positions"),
    "bytes with a vocabulary of 100": (tiny(r"vocabulary = 256", "vocabulary = 100"), "vocabulary"),
    "bytes without a vocabulary": (tiny(r", transmamba\.vocabulary = 256 : i64", ""), "vocabulary"),
    "vocabulary as text": (tiny(r"vocabulary = 256 : i64", 'vocabulary = "many"'), "vocabulary"),
    "vocabulary below zero": (tiny(r"vocabulary = 256", "vocabulary = -1"), "vocabulary"),
    "vocabulary of 2^62": (tiny(r"vocabulary = 256", f"vocabulary = {2**62}"), "vocabulary"),
    "unknown tokenizer": (tiny(r'tokenizer = "bytes"', 'tokenizer = "bpe"'), "bpe"),
    "tokenizer as number": (tiny(r'tokenizer = "bytes"', "tokenizer = 1 : i64"), "tokenizer"),
    "model without a name": (tiny(r'transmamba\.name = "one-layer"', 'transmamba.name = ""'), "/model/name"),
    "name of a model as number": (tiny(r'transmamba\.name = "one-layer"', "transmamba.name = 5 : i64"), "name"),
    "output whose name is no UTF-8": (tiny(r'name = "logits"', r'name = "\\FF"', count=0), "outputs/0/name.*UTF-8"),
    "parameter with a newline": (tiny(r"@norm\.weight\b", r'@"no\\0Arm"', count=0), "/parameters"),
    "entry point of 600 letters": (tiny(r"@prefill\(", "@" + "p" * 600 + "("), "entries/0/name"),
    "rows second": (tiny(r'dims = \["B", "T"\]', 'dims = ["T", "B"]'), "lengths"),
    "modules nested deeply": ("module { " * 5000 + "}" * 5000, "deep"),
    "regions nested deeply": ("func.func @f(%t: i1) {\n" + "scf.if %t {\n" * 20000 + "}\n" * 20000 + "return }", "deep"),
    "attributes nested deeply": ("module attributes {a = " + "[" * 50000 + "]" * 50000 + "} {}", "deep"),
    "types nested deeply": ("func.func @f(%t: " + "tuple<" * 200000 + "i1" + ">" * 200000 + ") { return }", "deep"),
    "signs nested deeply": ("module attributes {a = affine_map<(d0) -> (" + "- " * 500000 + "d0)>} {}", "deep"),
    "empty group of a reshape": (tiny(r"\[\[0\], \[1\], \[2, 3\]\] output_shape", "[[0], [], [2, 3]] output_shape"), "reassociation"),
    "padding by the number of a dynamic size": (entry(
        body="%z = arith.constant 0.0 : f32\n    %y = tensor.pad %x low[0, -9223372036854775808] high[0, 0] {\n    ^bb0(%i: index, %j: index):\n"
        "      tensor.yield %z : f32\n    } : tensor<?x8xf32> to tensor<?x?xf32>\n    return %x : tensor<?x8xf32>"), "operands"),
    "concatenation of a dimension below zero": (tiny(r"tensor\.concat dim\(1\)", "tensor.concat dim(-1)"), "dimension -1"),
    "concatenation of a dimension of another rank": (tiny(r"tensor\.concat dim\(1\)", "tensor.concat dim(7)"), "dimension 7"),
    "positions without lengths": (tiny(r', transmamba\.role = "lengths"', ""), ""),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_model(name, good, tmp_path):
    text, words = CASES[name]
    (tmp_path / "bad.mlir").write_text(text if isinstance(text, str) else text(good))
    command = ["transmamba-compile", "bad.mlir", "--weights=random:1", "--quiet", "-o", "m.tmpkg"]
    if words is None:
        # May be supported one day; until then it is refused like all others.
        compiled_or_refused(tmp_path, command)
        return
    refused(tmp_path, *command, where=r"^bad\.mlir|^transmamba-compile: $", error=words)


def compiled_or_refused(directory, command):
    result = run(directory, *command)
    if result.returncode == 0:
        result = run(directory, "transmamba-inspect", "--verify", "m.tmpkg")
        assert result.returncode == 0, result.stderr.decode()
    else:
        refused(directory, *command)


@pytest.mark.parametrize("name", ["missing", "directory"])
def test_file(name, tmp_path):
    if name == "directory":
        (tmp_path / "bad.mlir").mkdir()
    refused(tmp_path, "transmamba-compile", "bad.mlir", "-o", "m.tmpkg", where=r"^bad\.mlir: $", error="cannot be read")
