//===- TransMambaOps.td - Operations -----------------------*- tablegen -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Constraints are numbered per operation; the same number stands in the
// verifier's message and in test/Dialect/TransMamba/invalid.mlir.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_IR_TRANSMAMBAOPS
#define TRANSMAMBA_IR_TRANSMAMBAOPS

include "TransMamba/IR/TransMambaAttributes.td"
include "TransMamba/IR/TransMambaTypes.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class TransMamba_Op<string mnemonic, list<Trait> traits = []>
    : Op<TransMamba_Dialect, mnemonic, traits>;

/// An operation on tensors without side effects. Its result dimensions are
/// reified from its operands, so that `tensor.dim` of a result folds away.
class TransMamba_TensorOp<string mnemonic, list<Trait> traits = []>
    : TransMamba_Op<mnemonic, !listconcat(traits, [
        Pure, DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
                                        ["reifyResultShapes"]>
      ])> {
  let hasVerifier = 1;
}

def TransMamba_Float1D : TensorRankOf<[AnyFloat], [1]>;
def TransMamba_Float2D : TensorRankOf<[AnyFloat], [2]>;
def TransMamba_Float3D : TensorRankOf<[AnyFloat], [3]>;
def TransMamba_Float4D : TensorRankOf<[AnyFloat], [4]>;
def TransMamba_FloatTensorAny : RankedTensorOf<[AnyFloat]>;
def TransMamba_F32x1D : TensorRankOf<[F32], [1]>;
def TransMamba_F32x3D : TensorRankOf<[F32], [3]>;
def TransMamba_F32x2D : TensorRankOf<[F32], [2]>;
/// One int32 a row of the batch: lengths or positions.
def TransMamba_PerRow : TensorRankOf<[I32], [1]>;

//===----------------------------------------------------------------------===//
// Parameters and the schedule
//===----------------------------------------------------------------------===//

def TransMamba_ParameterOp : TransMamba_Op<"parameter", [Symbol]> {
  let summary = "declare a tensor of weights";
  let description = [{
    A named constant tensor whose bytes are not in the IR. They come from the
    tensor `source` of the weights file by `transform` (`transpose` for a
    `[out, in]` matrix; `neg_exp` gives `A = -exp(A_log)`), or are generated
    (`table`, the cosines and sines of rotary positions).

    Constraints: (C1) the type is a static tensor of floats; (C2) exactly one of `source` and `table` is given; (C3) `transpose` needs rank 2; (C4) a table has rank 2, a positive theta and no transform.

    ```mlir
    transmamba.parameter @layers.0.mixer.qkv from "layers.0.mixer.qkv.weight" as transpose : tensor<192x576xf32>
    transmamba.parameter @layers.0.mixer.A from "layers.0.mixer.A_log" as neg_exp : tensor<4xf32>
    transmamba.parameter @rope.cos table <theta = 1.0e+04, cos> : tensor<512x24xf32>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttr:$type,
    OptionalAttr<StrAttr>:$source,
    DefaultValuedAttr<TransMamba_WeightTransformAttr,
                      "WeightTransform::None">:$transform,
    OptionalAttr<TransMamba_RopeTableAttr>:$table);
  let assemblyFormat = [{
    $sym_name (`from` $source^)? (`as` $transform^)? (`table` $table^)?
    `:` $type attr-dict
  }];
  let hasVerifier = 1;
}

def TransMamba_GetParameterOp : TransMamba_Op<"get_parameter", [
    Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "the value of a parameter";
  let description = [{
    Constraints: (C1) the symbol is a `transmamba.parameter` of the same type.

    ```mlir
    transmamba.parameter @norm from "norm.weight" : tensor<192xf32>
    func.func @f() -> tensor<192xf32> {
      %w = transmamba.get_parameter @norm : tensor<192xf32>
      return %w : tensor<192xf32>
    }
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$name);
  let results = (outs TransMamba_FloatTensorAny:$result);
  let assemblyFormat = "$name attr-dict `:` type($result)";
}

def TransMamba_TransPointOp : TransMamba_Op<"transpoint", [Pure]> {
  let summary = "how many of the first tokens of a sequence attend";
  let description = [{
    `min(P, tokens)`, where `P` is the TransPoint of the layer. The schedule
    pass writes `P` down (`at`); from then on `P = 0` folds to 0, and a `P`
    that no sequence can exceed folds to `tokens`.

    Constraints: (C1) the layer is not negative; (C2) the point is not negative.

    ```mlir
    func.func @f(%tokens: index) -> (index, index) {
      %n = transmamba.transpoint %tokens layer 3
      %m = transmamba.transpoint %tokens layer 3 at 128
      return %n, %m : index, index
    }
    ```
  }];
  let arguments = (ins Index:$tokens, I64Attr:$layer,
                       OptionalAttr<I64Attr>:$point);
  let results = (outs Index:$result);
  let assemblyFormat = "$tokens `layer` $layer (`at` $point^)? attr-dict";
  let hasFolder = 1;
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Around the mixer
//===----------------------------------------------------------------------===//

def TransMamba_EmbeddingOp : TransMamba_TensorOp<"embedding"> {
  let summary = "look tokens up in a table";
  let description = [{
    `y[b, t, :] = table[tokens[b, t], :]`; a token outside the table gives zeros, and nothing outside the table is read.

    Constraints: (C1) the result is `tokens` by the table's row; (C2) element types of table and result agree.

    ```mlir
    func.func @f(%tokens: tensor<?x?xi32>, %table: tensor<256x192xf32>) -> tensor<?x?x192xf32> {
      %y = transmamba.embedding %tokens, %table : tensor<?x?xi32>, tensor<256x192xf32> -> tensor<?x?x192xf32>
      return %y : tensor<?x?x192xf32>
    }
    ```
  }];
  let arguments = (ins TensorRankOf<[I32], [2]>:$tokens,
                       TransMamba_Float2D:$table);
  let results = (outs TransMamba_Float3D:$result);
  let assemblyFormat = [{
    $tokens `,` $table attr-dict `:` type($tokens) `,` type($table) `->` type($result)
  }];
}

def TransMamba_ActivateOp : TransMamba_TensorOp<"activate", [
    SameOperandsAndResultType]> {
  let summary = "a pointwise function that upstream lacks";
  let description = [{
    `silu(x) = x / (1 + exp(-x))`, `gelu(x) = x Phi(x)` (`gelu_tanh`: its tanh
    approximation), `relu2(x) = max(x, 0)^2`, `sigmoid`, `softplus(x) = log(1 + exp(x))`.

    ```mlir
    func.func @f(%x: tensor<?x192xf32>) -> tensor<?x192xf32> {
      %y = transmamba.activate silu %x : tensor<?x192xf32>
      return %y : tensor<?x192xf32>
    }
    ```
  }];
  let arguments = (ins TransMamba_ActivationAttr:$function,
                       TransMamba_FloatTensorAny:$input);
  let results = (outs TransMamba_FloatTensorAny:$result);
  let assemblyFormat = "$function $input attr-dict `:` type($input)";
  let hasVerifier = 0;
}

def TransMamba_RMSNormOp : TransMamba_TensorOp<"rms_norm", [
    AllTypesMatch<["input", "result"]>]> {
  let summary = "root mean square normalisation of the last dimension";
  let description = [{
    `y = x / sqrt(mean(x^2) + eps) * weight`.

    Constraints: (C1) the weight has the size of the last dimension; (C2) eps is positive.

    ```mlir
    func.func @f(%x: tensor<?x192xf32>, %w: tensor<192xf32>) -> tensor<?x192xf32> {
      %y = transmamba.rms_norm %x, %w eps 1.0e-05 : tensor<?x192xf32>, tensor<192xf32>
      return %y : tensor<?x192xf32>
    }
    ```
  }];
  let arguments = (ins TransMamba_FloatTensorAny:$input,
                       TransMamba_Float1D:$weight, F64Attr:$eps);
  let results = (outs TransMamba_FloatTensorAny:$result);
  let assemblyFormat = [{
    $input `,` $weight `eps` custom<Float>($eps) attr-dict `:` type($input) `,` type($weight)
  }];
}

def TransMamba_GatedRMSNormOp : TransMamba_TensorOp<"gated_rms_norm", [
    AttrSizedOperandSegments, AllTypesMatch<["input", "gate", "result"]>]> {
  let summary = "gate, then normalise the last dimension in groups";
  let description = [{
    `g = x * silu(gate)`, then, where a weight is given, the RMS norm of every group of `C / groups`
    channels of `g` times the weight. With `norm_before_gate`: `rms_norm(x) * weight * silu(gate)`.

    With `transpoint P` the tokens before the absolute position `P` pass unchanged:
    TransMamba gates SSM tokens only. Token `t` of row `b` stands at position `at[b] + t`.

    Constraints: (C1) the weight has the size of the last dimension; (C2) groups divide the last dimension; (C3) eps is positive; (C4) the TransPoint is not negative; (C5) positions have one element a row.

    ```mlir
    func.func @f(%y: tensor<?x?x192xf32>, %z: tensor<?x?x192xf32>, %w: tensor<192xf32>) -> tensor<?x?x192xf32> {
      %g = transmamba.gated_rms_norm %y, %z weight(%w : tensor<192xf32>) transpoint 128 eps 1.0e-05 : tensor<?x?x192xf32>
      return %g : tensor<?x?x192xf32>
    }
    ```
  }];
  let arguments = (ins TransMamba_Float3D:$input, TransMamba_Float3D:$gate,
    Optional<TransMamba_Float1D>:$weight, Optional<TransMamba_PerRow>:$positions,
    OptionalAttr<I64Attr>:$point, F64Attr:$eps,
    DefaultValuedAttr<I64Attr, "1">:$groups, UnitAttr:$norm_before_gate);
  let results = (outs TransMamba_Float3D:$result);
  let assemblyFormat = [{
    $input `,` $gate (`weight` `(` $weight^ `:` type($weight) `)`)? (`transpoint` $point^)?
    (`at` `(` $positions^ `:` type($positions) `)`)? `eps` custom<Float>($eps)
    attr-dict `:` type($input)
  }];
}

def TransMamba_LastTokenOp : TransMamba_TensorOp<"last_token"> {
  let summary = "the last valid token of every row";
  let description = [{
    `y[b, :] = x[b, lengths[b] - 1, :]`.

    Constraints: (C1) the result is the input without its token dimension; (C2) lengths have one element a row.

    ```mlir
    func.func @f(%x: tensor<?x?x192xf32>, %len: tensor<?xi32>) -> tensor<?x192xf32> {
      %y = transmamba.last_token %x lengths(%len : tensor<?xi32>) : tensor<?x?x192xf32> -> tensor<?x192xf32>
      return %y : tensor<?x192xf32>
    }
    ```
  }];
  let arguments = (ins TransMamba_Float3D:$input, TransMamba_PerRow:$lengths);
  let results = (outs TransMamba_Float2D:$result);
  let assemblyFormat = [{
    $input `lengths` `(` $lengths `:` type($lengths) `)` attr-dict `:` type($input) `->` type($result)
  }];
}

def TransMamba_CausalConv1DOp : TransMamba_TensorOp<"causal_conv1d", [
    AttrSizedOperandSegments, AllTypesMatch<["input", "result"]>]> {
  let summary = "depthwise causal convolution over tokens, with carried window";
  let description = [{
    `y[b, t, c] = bias[c] + sum_w weight[c, w] x[b, t - (W-1) + w, c]`, where inputs before the first token come
    from `window` (zeros without one). The second result is the window after the last valid token (`lengths`).

    Constraints: (C1) the weight is `C x W` with `W >= 2`; (C2) the bias has C elements; (C3) windows are `(W-1) x C` of the input's element type; (C4) window in and out belong to the same layer; (C5) lengths have one element a row. (S1) the incoming window has no other use.

    ```mlir
    func.func @f(%x: tensor<?x?x576xf32>, %w: tensor<576x4xf32>, %bias: tensor<576xf32>, %len: tensor<?xi32>,
                 %win: !transmamba.conv_window<layer = 0, 3x576xf32>)
        -> (tensor<?x?x576xf32>, !transmamba.conv_window<layer = 0, 3x576xf32>) {
      %y, %next = transmamba.causal_conv1d %x, %w bias(%bias : tensor<576xf32>)
          window(%win : !transmamba.conv_window<layer = 0, 3x576xf32>) lengths(%len : tensor<?xi32>)
          : tensor<?x?x576xf32>, tensor<576x4xf32> -> !transmamba.conv_window<layer = 0, 3x576xf32>
      return %y, %next : tensor<?x?x576xf32>, !transmamba.conv_window<layer = 0, 3x576xf32>
    }
    ```
  }];
  let arguments = (ins TransMamba_Float3D:$input, TransMamba_Float2D:$weight,
    Optional<TransMamba_Float1D>:$bias,
    Optional<TransMamba_ConvWindowType>:$window,
    Optional<TransMamba_PerRow>:$lengths);
  let results = (outs TransMamba_Float3D:$result,
                      TransMamba_ConvWindowType:$next_window);
  let assemblyFormat = [{
    $input `,` $weight (`bias` `(` $bias^ `:` type($bias) `)`)?
    (`window` `(` $window^ `:` type($window) `)`)?
    (`lengths` `(` $lengths^ `:` type($lengths) `)`)?
    attr-dict `:` type($input) `,` type($weight) `->` qualified(type($next_window))
  }];
}

//===----------------------------------------------------------------------===//
// The attention reading
//===----------------------------------------------------------------------===//

def TransMamba_RopeOp : TransMamba_TensorOp<"rope", [
    AllTypesMatch<["input", "result"]>]> {
  let summary = "rotary position embedding";
  let description = [{
    Rotates pairs of the first `rotary_dim` (default: all `D`) elements of every head by `position * theta^(-2 i / rotary_dim)`;
    pair `i` is elements `(i, i + rotary_dim / 2)`, or `(2 i, 2 i + 1)` with `interleaved`.
    Token `t` of row `b` stands at position `at[b] + t` (`t` without `at`).

    Constraints: (C1) theta is positive; (C2) `rotary_dim` is even and in `[2, D]`; (C3) positions have one element a row.

    ```mlir
    func.func @f(%q: tensor<?x?x4x48xf32>, %pos: tensor<?xi32>) -> tensor<?x?x4x48xf32> {
      %r = transmamba.rope %q at(%pos : tensor<?xi32>) theta 1.0e+04 : tensor<?x?x4x48xf32>
      return %r : tensor<?x?x4x48xf32>
    }
    ```
  }];
  let arguments = (ins TransMamba_Float4D:$input,
    Optional<TransMamba_PerRow>:$positions, F64Attr:$theta,
    OptionalAttr<I64Attr>:$rotary_dim, UnitAttr:$interleaved);
  let results = (outs TransMamba_Float4D:$result);
  let assemblyFormat = [{
    $input (`at` `(` $positions^ `:` type($positions) `)`)? `theta` custom<Float>($theta)
    attr-dict `:` type($input)
  }];
}

def TransMamba_AttentionOp : TransMamba_TensorOp<"attention"> {
  let summary = "softmax attention";
  let description = [{
    `y[b, t, h, :] = sum_j softmax_j(scale q[b, t, h] . k[b, j, h]) v[b, j, h, :]` over the keys `j` that token `t` may see: all,
    or `j <= t` with `causal`; only `t - j < window` where a window is given; only `j < lengths[b]`. Grouped heads. A query that sees no key, or that
    stands at `t >= lengths[b]` in causal attention, gives zeros. `scale` defaults to `1 / sqrt(N)`.

    Where a second result is asked for, it is `log sum_j exp(scale q[b, t, h] . k[b, j, h])` over the same keys, in f32: what joins attention to parts of the keys, and what a gradient needs. A query that
    gives zeros has -inf.

    Constraints: (C1) q, k, v agree in batch and k, v in tokens; (C2) q and k agree in head dimension; (C3) the numbers of heads divide the largest; (C4) causal attention has as many queries as keys; (C5) the result is `B x T x H x D`; (C6) the window is positive and needs `causal`; (C7) lengths have one element a row; (C8) element types agree; (C9) the scale is finite; (C10) the logarithms are `B x T x H`.

    ```mlir
    func.func @f(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x2x48xf32>, %v: tensor<?x?x2x48xf32>) -> tensor<?x?x4x48xf32> {
      %y = transmamba.attention %q, %k, %v {causal}
          : tensor<?x?x4x48xf32>, tensor<?x?x2x48xf32>, tensor<?x?x2x48xf32> -> tensor<?x?x4x48xf32>
      return %y : tensor<?x?x4x48xf32>
    }
    ```
  }];
  let arguments = (ins TransMamba_Float4D:$q, TransMamba_Float4D:$k,
    TransMamba_Float4D:$v, Optional<TransMamba_PerRow>:$lengths,
    OptionalAttr<F64Attr>:$scale, UnitAttr:$causal,
    OptionalAttr<I64Attr>:$window);
  let results = (outs TransMamba_Float4D:$result,
                      Optional<TransMamba_F32x3D>:$lse);
  let builders = [
    /// Without the logarithms.
    OpBuilder<(ins "mlir::Type":$result, "mlir::Value":$q, "mlir::Value":$k,
                   "mlir::Value":$v, "mlir::Value":$lengths,
                   "mlir::FloatAttr":$scale, "mlir::UnitAttr":$causal,
                   "mlir::IntegerAttr":$window), [{
      build($_builder, $_state, result, mlir::Type(), q, k, v, lengths, scale,
            causal, window);
    }]>];
  let assemblyFormat = [{
    $q `,` $k `,` $v (`lengths` `(` $lengths^ `:` type($lengths) `)`)?
    attr-dict `:` type($q) `,` type($k) `,` type($v) `->` type($result) (`,` type($lse)^)?
  }];
  let hasCanonicalizer = 1;
}

def TransMamba_AppendKVOp : TransMamba_Op<"append_kv", [
    Pure, AttrSizedOperandSegments, AllTypesMatch<["cache", "result"]>]> {
  let summary = "write keys and values into a cache";
  let description = [{
    Token `t` of row `b` goes to slot `at[b] + t` (`t` without `at`) if that slot exists and `t < lengths[b]`; other tokens are dropped: a
    cache holds what stands before the TransPoint. Operands with fewer heads than the cache are repeated by the rule of grouped heads.
    With `rope_theta` the keys are rotated on the way, as by `rope` at their slots.

    Constraints: (C1) k and v agree in batch and tokens; (C2) their head dimensions are the cache's; (C3) their heads divide the cache's; (C4) element types agree; (C5) lengths and positions have one element a row; (C6) theta is positive, `rotary_dim` even and in `[2, D]`, and neither `rotary_dim` nor `interleaved` stands without theta. (S1) the cache has no other use.

    ```mlir
    func.func @f(%c: !transmamba.kv_cache<layer = 1, 2x48xf32>, %k: tensor<?x1x2x48xf32>, %v: tensor<?x1x2x48xf32>,
                 %pos: tensor<?xi32>) -> !transmamba.kv_cache<layer = 1, 2x48xf32> {
      %n = transmamba.append_kv %c, %k, %v at(%pos : tensor<?xi32>)
          : !transmamba.kv_cache<layer = 1, 2x48xf32>, tensor<?x1x2x48xf32>, tensor<?x1x2x48xf32>
      return %n : !transmamba.kv_cache<layer = 1, 2x48xf32>
    }
    ```
  }];
  let arguments = (ins TransMamba_KVCacheType:$cache, TransMamba_Float4D:$k,
    TransMamba_Float4D:$v, Optional<TransMamba_PerRow>:$positions,
    Optional<TransMamba_PerRow>:$lengths, OptionalAttr<F64Attr>:$rope_theta,
    OptionalAttr<I64Attr>:$rotary_dim, UnitAttr:$interleaved);
  let results = (outs TransMamba_KVCacheType:$result);
  let builders = [
    /// Keys that are rotated already, or never.
    OpBuilder<(ins "mlir::Value":$cache, "mlir::Value":$k, "mlir::Value":$v,
                   "mlir::Value":$positions, "mlir::Value":$lengths), [{
      build($_builder, $_state, cache.getType(), cache, k, v, positions, lengths,
            mlir::FloatAttr(), mlir::IntegerAttr(), mlir::UnitAttr());
    }]>];
  let assemblyFormat = [{
    $cache `,` $k `,` $v (`at` `(` $positions^ `:` type($positions) `)`)?
    (`lengths` `(` $lengths^ `:` type($lengths) `)`)?
    attr-dict `:` qualified(type($cache)) `,` type($k) `,` type($v)
  }];
  let hasFolder = 1;
  let hasVerifier = 1;
}

def TransMamba_CachedAttentionOp : TransMamba_TensorOp<"cached_attention"> {
  let summary = "causal attention to a cache";
  let description = [{
    As causal `attention`, where query `t` of row `b` stands at the absolute position `p = at[b] + t` and sees the slots `j <= p` (and `p - j < window`)
    of the cache, its own key included. A query that stands at or beyond the capacity gives zeros.

    Constraints: (C1) the head dimension is the cache's; (C2) the cache's heads divide q's; (C3) the result has q's type; (C4) positions have one element a row; (C5) the window is positive; (C6) element types agree; (C7) the scale is finite.
    (S2) the cache is not updated by another operation: a stale version is never read.

    ```mlir
    func.func @f(%q: tensor<?x1x4x48xf32>, %c: !transmamba.kv_cache<layer = 1, 2x48xf32>, %pos: tensor<?xi32>) -> tensor<?x1x4x48xf32> {
      %y = transmamba.cached_attention %q, %c at(%pos : tensor<?xi32>)
          : tensor<?x1x4x48xf32>, !transmamba.kv_cache<layer = 1, 2x48xf32> -> tensor<?x1x4x48xf32>
      return %y : tensor<?x1x4x48xf32>
    }
    ```
  }];
  let arguments = (ins TransMamba_Float4D:$q, TransMamba_KVCacheType:$cache,
    TransMamba_PerRow:$positions, OptionalAttr<F64Attr>:$scale,
    OptionalAttr<I64Attr>:$window);
  let results = (outs TransMamba_Float4D:$result);
  let assemblyFormat = [{
    $q `,` $cache `at` `(` $positions `:` type($positions) `)`
    attr-dict `:` type($q) `,` qualified(type($cache)) `->` type($result)
  }];
}

//===----------------------------------------------------------------------===//
// The state-space reading
//===----------------------------------------------------------------------===//

def TransMamba_ConvertMemoryOp : TransMamba_Op<"convert_memory", [Pure]> {
  let summary = "the Memory Converter: keys and values to a state";
  let description = [{
    `h[b, h] = sum_{j < n} (prod_{i = j+1}^{n-1} a_i) dt_j k_j v_j^T`, `a_i = exp(dt_i A)`, over the `n` tokens of the operands (of row b: the first `min(n, lengths[b])`).
    It has no parameters, and equals the final state of `ssd_scan` over the same tokens. `k` is not rotated.

    Constraints: (C1) k, v, dt agree in batch and tokens; (C2) the state is `H x N x D`; (C3) the numbers of heads divide H; (C4) dt and A have H heads; (C5) lengths have one element a row; (C6) element types of k and v agree.

    ```mlir
    func.func @f(%k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>)
        -> !transmamba.ssm_state<layer = 1, 4x48x48xf32> {
      %h = transmamba.convert_memory %k, %v, %dt, %A
          : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 1, 4x48x48xf32>
      return %h : !transmamba.ssm_state<layer = 1, 4x48x48xf32>
    }
    ```
  }];
  let arguments = (ins TransMamba_Float4D:$k, TransMamba_Float4D:$v,
    TransMamba_F32x3D:$dt, TransMamba_F32x1D:$A,
    Optional<TransMamba_PerRow>:$lengths);
  let results = (outs TransMamba_SSMStateType:$state);
  let assemblyFormat = [{
    $k `,` $v `,` $dt `,` $A (`lengths` `(` $lengths^ `:` type($lengths) `)`)?
    attr-dict `:` type($k) `,` type($v) `,` type($dt) `,` type($A) `->` qualified(type($state))
  }];
  let hasVerifier = 1;
}

def TransMamba_SSDScanOp : TransMamba_TensorOp<"ssd_scan", [
    AttrSizedOperandSegments]> {
  let summary = "the state-space reading of q, k, v (Mamba-2's SSD)";
  let description = [{
    `h_t = a_t h_{t-1} + dt_t k_t v_t^T`, `y_t = q_t h_t + D v_t`, `a_t = exp(dt_t A)`. The state before the first token is `init` (zeros without one), the second
    result is the state after the last valid token. The first token stands at the absolute position `start` (0 without one); row b has
    `max(lengths[b] - start, 0)` valid tokens, and the output of others is zero. `chunk` is a hint for block algorithms: it changes rounding only.

    Constraints: (C1) q, k, v, dt agree in batch and tokens; (C2) q and k agree in state dimension; (C3) the numbers of heads divide H; (C4) dt, A and D have H heads; (C5) the state is `H x N x D`; (C6) the result is `B x T x H x D`; (C7) `init` and the result state have one type; (C8) lengths have one element a row; (C9) the chunk is positive; (C10) element types agree.
    (S1) `init` has no other use. (S3) a scan that starts after other tokens (`start`) has an `init`, made by `convert_memory`, another scan or the caller: an attention-to-SSM edge without conversion is not valid.

    ```mlir
    func.func @f(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>,
                 %A: tensor<4xf32>, %D: tensor<4xf32>, %h0: !transmamba.ssm_state<layer = 1, 4x48x48xf32>)
        -> (tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>) {
      %y, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A skip(%D : tensor<4xf32>)
          init(%h0 : !transmamba.ssm_state<layer = 1, 4x48x48xf32>) {chunk = 64 : i64}
          : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32>
          -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
      return %y, %h : tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
    }
    ```
  }];
  let arguments = (ins TransMamba_Float4D:$q, TransMamba_Float4D:$k,
    TransMamba_Float4D:$v, TransMamba_F32x3D:$dt, TransMamba_F32x1D:$A,
    Optional<TransMamba_F32x1D>:$skip, Optional<TransMamba_SSMStateType>:$init,
    Optional<Index>:$start, Optional<TransMamba_PerRow>:$lengths,
    OptionalAttr<I64Attr>:$chunk);
  let results = (outs TransMamba_Float4D:$result,
                      TransMamba_SSMStateType:$state);
  let assemblyFormat = [{
    $q `,` $k `,` $v `,` $dt `,` $A (`skip` `(` $skip^ `:` type($skip) `)`)?
    (`init` `(` $init^ `:` type($init) `)`)?
    (`start` `(` $start^ `)`)?
    (`lengths` `(` $lengths^ `:` type($lengths) `)`)?
    attr-dict `:` type($q) `,` type($k) `,` type($v) `,` type($dt) `,` type($A)
    `->` type($result) `,` qualified(type($state))
  }];
  let hasCanonicalizer = 1;
}

def TransMamba_SelectiveScanOp : TransMamba_TensorOp<"selective_scan", [
    AttrSizedOperandSegments, AllTypesMatch<["u", "result"]>]> {
  let summary = "Mamba's selective scan (S6)";
  let description = [{
    `h_t[c, n] = exp(dt_t[c] A[c, n]) h_{t-1}[c, n] + dt_t[c] B_t[n] u_t[c]`, `y_t[c] = sum_n C_t[n] h_t[c, n] + D[c] u_t[c]`; `init`, `lengths` and the second result as in `ssd_scan`.

    Constraints: (C1) u, dt, B, C agree in batch and tokens; (C2) u, dt, A and D have C channels; (C3) A, B, C have N states; (C4) the state is `C x N`; (C5) `init` and the result state have one type; (C6) lengths have one element a row; (C7) element types of u, B and C agree. (S1) `init` has no other use.

    ```mlir
    func.func @f(%u: tensor<?x?x64xf32>, %dt: tensor<?x?x64xf32>, %A: tensor<64x16xf32>, %B: tensor<?x?x16xf32>, %C: tensor<?x?x16xf32>)
        -> (tensor<?x?x64xf32>, !transmamba.ssm_state<layer = 0, 64x16xf32>) {
      %y, %h = transmamba.selective_scan %u, %dt, %A, %B, %C
          : tensor<?x?x64xf32>, tensor<?x?x64xf32>, tensor<64x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>
          -> !transmamba.ssm_state<layer = 0, 64x16xf32>
      return %y, %h : tensor<?x?x64xf32>, !transmamba.ssm_state<layer = 0, 64x16xf32>
    }
    ```
  }];
  let arguments = (ins TransMamba_Float3D:$u, TransMamba_F32x3D:$dt,
    TransMamba_F32x2D:$A, TransMamba_Float3D:$B, TransMamba_Float3D:$C,
    Optional<TransMamba_F32x1D>:$skip, Optional<TransMamba_SSMStateType>:$init,
    Optional<TransMamba_PerRow>:$lengths);
  let results = (outs TransMamba_Float3D:$result,
                      TransMamba_SSMStateType:$state);
  let assemblyFormat = [{
    $u `,` $dt `,` $A `,` $B `,` $C (`skip` `(` $skip^ `:` type($skip) `)`)?
    (`init` `(` $init^ `:` type($init) `)`)?
    (`lengths` `(` $lengths^ `:` type($lengths) `)`)?
    attr-dict `:` type($u) `,` type($dt) `,` type($A) `,` type($B) `,` type($C)
    `->` qualified(type($state))
  }];
}

//===----------------------------------------------------------------------===//
// Both readings
//===----------------------------------------------------------------------===//

def TransMamba_SelectReadingOp : TransMamba_TensorOp<"select_reading", [
    AllTypesMatch<["attention", "ssm", "result"]>]> {
  let summary = "attention before the TransPoint, SSM from it on";
  let description = [{
    Token `t` of row `b` stands at `p = at[b] + t` and takes the attention reading if `p < P`, else the SSM reading; the rows of a batch may stand on different sides. `P` is the TransPoint of the layer, written
    down by the schedule pass (`to`).

    Constraints: (C1) the layer is not negative; (C2) the point is not negative; (C3) positions have one element a row.

    ```mlir
    func.func @f(%a: tensor<?x1x192xf32>, %s: tensor<?x1x192xf32>, %pos: tensor<?xi32>) -> tensor<?x1x192xf32> {
      %y = transmamba.select_reading %a, %s at(%pos : tensor<?xi32>) layer 3 transpoint 128 : tensor<?x1x192xf32>
      return %y : tensor<?x1x192xf32>
    }
    ```
  }];
  let arguments = (ins TransMamba_FloatTensorAny:$attention,
    TransMamba_FloatTensorAny:$ssm, TransMamba_PerRow:$positions,
    I64Attr:$layer, OptionalAttr<I64Attr>:$point);
  let results = (outs TransMamba_FloatTensorAny:$result);
  let assemblyFormat = [{
    $attention `,` $ssm `at` `(` $positions `:` type($positions) `)` `layer` $layer
    (`transpoint` $point^)? attr-dict `:` type($attention)
  }];
  let hasFolder = 1;
}

def TransMamba_SwitchOp : TransMamba_TensorOp<"switch", [
    AttrSizedOperandSegments]> {
  let summary = "the hybrid mixer core: both readings, switch and conversion";
  let description = [{
    One operation for a TransMamba layer with the TransPoint `P`, formed by `transmamba-fuse-switch`. Token `t` of row `b` stands
    at `p = at[b] + t` (`t` without `at`), and is valid if `t < lengths[b]` (all without `lengths`):

    * `p < P`: `y = attention(rope(q, p), K, V)` over the keys at positions `j <= p` of the same row, `K` rotated, those of earlier calls from `cache`;
    * every valid token: `h_p = a_p h_{p-1} + dt_p k_p v_p^T` with `k` not rotated, from `init`. Up to `P` this is the Memory Converter, carried along; so the state is right whenever the switch comes;
    * `p >= P`: `y = q h_p + D v`.

    Results: `y`; the state after the last valid token; the cache with the keys and values at `p < P` added. Invalid tokens give zeros.

    Constraints: (C1) q, k, v, dt agree in batch and tokens; (C2) q and k agree in head dimension; (C3) the numbers of heads divide H; (C4) dt, A and D have H heads; (C5) states are `H x N x D`, caches have heads that k's and v's divide, and their head dimension; (C6) the result is `B x T x H x D`; (C7) states of one layer only, in and out of one type; (C8) a cache goes in if and only if it comes out; (C9) positions need a cache and an init; (C10) lengths and positions have one element a row; (C11) the TransPoint and the window are positive; (C12) element types agree; (C13) theta is positive, `rotary_dim` even and in `[2, N]`, and neither `rotary_dim` nor `interleaved` stands without theta; (C14) the scale is finite.
    (S1) cache and init have no other use.

    ```mlir
    func.func @f(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>)
        -> (tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>) {
      %y, %h = transmamba.switch %q, %k, %v, %dt, %A transpoint 128 {rope_theta = 1.0e+04 : f64}
          : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32>
          -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
      return %y, %h : tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
    }
    ```
  }];
  let arguments = (ins TransMamba_Float4D:$q, TransMamba_Float4D:$k,
    TransMamba_Float4D:$v, TransMamba_F32x3D:$dt, TransMamba_F32x1D:$A,
    Optional<TransMamba_F32x1D>:$skip, Optional<TransMamba_SSMStateType>:$init,
    Optional<TransMamba_KVCacheType>:$cache,
    Optional<TransMamba_PerRow>:$positions, Optional<TransMamba_PerRow>:$lengths,
    I64Attr:$point, OptionalAttr<F64Attr>:$scale, OptionalAttr<I64Attr>:$window,
    OptionalAttr<I64Attr>:$chunk, OptionalAttr<F64Attr>:$rope_theta,
    OptionalAttr<I64Attr>:$rotary_dim, UnitAttr:$interleaved);
  let results = (outs TransMamba_Float4D:$result,
                      TransMamba_SSMStateType:$state,
                      Optional<TransMamba_KVCacheType>:$next_cache);
  let assemblyFormat = [{
    $q `,` $k `,` $v `,` $dt `,` $A `transpoint` $point
    (`skip` `(` $skip^ `:` type($skip) `)`)?
    (`init` `(` $init^ `:` type($init) `)`)?
    (`cache` `(` $cache^ `:` qualified(type($cache)) `)`)?
    (`at` `(` $positions^ `:` type($positions) `)`)?
    (`lengths` `(` $lengths^ `:` type($lengths) `)`)?
    attr-dict `:` type($q) `,` type($k) `,` type($v) `,` type($dt) `,` type($A)
    `->` type($result) `,` qualified(type($state)) (`,` qualified(type($next_cache))^)?
  }];
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

def TransMamba_WorkOp : TransMamba_Op<"work", [
    AttrSizedOperandSegments, MemoryEffects<[MemWrite]>]> {
  let summary = "what the kernel around it has to do at least";
  let description = [{
    Stands in a workgroup loop (`scf.forall` of an entry point) until that becomes a dispatch, which takes the
    numbers over. They are the host's: `flop`, floating-point operations, a fused multiply-add being two; `bytes`,
    those that must be read and written once, whatever the kernel does.

    ```mlir
    func.func @f(%n: index, %flop: index, %bytes: index) {
      scf.forall (%i) in (%n) {
        transmamba.work flop(%flop) bytes(%bytes)
      }
      return
    }
    ```
  }];
  let arguments = (ins Optional<Index>:$flop, Optional<Index>:$bytes);
  let assemblyFormat = "(`flop` `(` $flop^ `)`)? (`bytes` `(` $bytes^ `)`)? attr-dict";
}

def TransMamba_DispatchOp : TransMamba_Op<"dispatch", [
    AttrSizedOperandSegments, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "run a kernel over a grid of workgroups";
  let description = [{
    Calls the function (marked `transmamba.kernel`) once for each point of the grid, in any order: its first three
    arguments are the point, the rest are the operands. A buffer is passed as
    a rank-0 memref of its element type (one pointer); the kernel puts the shape back.

    `flop` and `bytes` are what the kernel has to do at least, as in `transmamba.work`; they go to the launch plan and not to the kernel.

    Constraints: (C1) the callee is a kernel with as many arguments; (C2) index operands are passed as they are, and memrefs as rank-0 memrefs of their element type.

    ```mlir
    func.func private @clear(%x: index, %y: index, %z: index, %p: memref<f32>, %n: index) attributes {transmamba.kernel} {
      return
    }
    func.func @f(%buffer: memref<?x4xf32>, %n: index, %size: index) {
      %c1 = arith.constant 1 : index
      transmamba.dispatch @clear grid(%n, %c1, %c1) bytes(%size) args(%buffer, %n : memref<?x4xf32>, index)
      return
    }
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Index:$grid_x, Index:$grid_y,
    Index:$grid_z, Optional<Index>:$flop, Optional<Index>:$bytes,
    Variadic<AnyTypeOf<[AnyMemRef, Index]>>:$arguments);
  let assemblyFormat = [{
    $kernel `grid` `(` $grid_x `,` $grid_y `,` $grid_z `)`
    (`flop` `(` $flop^ `)`)? (`bytes` `(` $bytes^ `)`)?
    `args` `(` ($arguments^ `:` type($arguments))? `)` attr-dict
  }];
}

#endif // TRANSMAMBA_IR_TRANSMAMBAOPS
