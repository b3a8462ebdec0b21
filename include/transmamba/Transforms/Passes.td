//===- Passes.td - Rewrites of the model -------------------*- tablegen -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// The examples are programs: test/Transforms/examples.test runs each through
// its pass and compares with what stands after the arrow.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TRANSFORMS_PASSES
#define TRANSMAMBA_TRANSFORMS_PASSES

include "mlir/Pass/PassBase.td"

def ScheduleModel : Pass<"transmamba-schedule", "::mlir::ModuleOp"> {
  let summary = "Write the TransPoints down and drop what no layer uses";
  let description = [{
    Reads `transmamba.schedule` and `transmamba.max_sequence` of the module and
    writes the TransPoint `P` of its layer on every `transmamba.transpoint` and
    `transmamba.select_reading` that has none. Then what follows from it:

    * `P = 0`: no token attends. The attention reading, the Memory Converter and
      the KV cache of the layer go;
    * `P >= max_sequence`: every token attends. The state-space reading and the
      recurrent state of the layer go;
    * what ran over no tokens (slices, attention, concatenations) disappears
      completely, so that a layer of one reading is exactly the pure layer.

    State that no layer reads is dropped from the signatures of all entry points
    (functions marked `transmamba.entry`): arguments, results and their
    attributes; the others keep their order.

    ```mlir
    module attributes {transmamba.schedule = #transmamba.schedule<[0, 128, 8192]>, transmamba.max_sequence = 512 : i64} {
      func.func @f(%tokens: index) -> (index, index, index) {
        %a = transmamba.transpoint %tokens layer 0
        %b = transmamba.transpoint %tokens layer 1
        %c = transmamba.transpoint %tokens layer 2
        return %a, %b, %c : index, index, index
      }
    }
    ```
    becomes
    ```mlir
    module attributes {transmamba.max_sequence = 512 : i64, transmamba.schedule = #transmamba.schedule<[0, 128, 8192]>} {
      func.func @f(%arg0: index) -> (index, index, index) {
        %c0 = arith.constant 0 : index
        %0 = transmamba.transpoint %arg0 layer 1 at 128
        return %c0, %0, %arg0 : index, index, index
      }
    }
    ```
  }];
  let statistics = [
    Statistic<"numResolved", "resolved", "TransPoints written down">,
    Statistic<"numAttentionOnly", "attention-only layers",
              "Layers whose TransPoint no sequence exceeds">,
    Statistic<"numScanOnly", "scan-only layers",
              "Layers whose TransPoint is 0">,
    Statistic<"numDroppedStates", "dropped states",
              "Kinds of state dropped, counted once a layer">
  ];
  let dependentDialects = ["::mlir::affine::AffineDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect"];
}

def FuseSwitch : Pass<"transmamba-fuse-switch", "::mlir::func::FuncOp"> {
  let summary = "Form one transmamba.switch from the two readings of a layer";
  let description = [{
    In a prefill, `rope` + `attention` (+ `append_kv`) over the tokens before the
    TransPoint, `convert_memory` of the same tokens and `ssd_scan`
    (+ `gated_rms_norm`) over those from it on, joined by `tensor.concat`; in a
    decode step, `rope` + `append_kv` + `cached_attention` and `ssd_scan`
    (+ `gated_rms_norm`), joined by `transmamba.select_reading`. The gate moves behind the switch
    with `transpoint P`. Expects resolved TransPoints (`transmamba-schedule`).

    Both readings must read the same `q`, `k`, `v`, `dt`, the whole of each, with
    one rotation; state and cache must be of one layer. Where they do not, the
    operations stay as they are, which is correct too; `explain=true` says why.

    ```mlir
    func.func @f(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>,
                 %A: tensor<4xf32>) -> (tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>) {
      %n = arith.constant 5 : index
      %q0 = tensor.extract_slice %q[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
      %k0 = tensor.extract_slice %k[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
      %v0 = tensor.extract_slice %v[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
      %dt0 = tensor.extract_slice %dt[0, 0, 0] [2, 5, 4] [1, 1, 1] : tensor<2x16x4xf32> to tensor<2x5x4xf32>
      %q1 = tensor.extract_slice %q[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
      %k1 = tensor.extract_slice %k[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
      %v1 = tensor.extract_slice %v[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
      %dt1 = tensor.extract_slice %dt[0, 5, 0] [2, 11, 4] [1, 1, 1] : tensor<2x16x4xf32> to tensor<2x11x4xf32>
      %qr = transmamba.rope %q0 theta 1.0e+04 : tensor<2x5x4x8xf32>
      %kr = transmamba.rope %k0 theta 1.0e+04 : tensor<2x5x4x8xf32>
      %ya = transmamba.attention %qr, %kr, %v0 {causal} : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32> -> tensor<2x5x4x8xf32>
      %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
      %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
      %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
      return %y, %h : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
    }
    ```
    becomes
    ```mlir
    func.func @f(%arg0: tensor<2x16x4x8xf32>, %arg1: tensor<2x16x4x8xf32>, %arg2: tensor<2x16x4x8xf32>, %arg3: tensor<2x16x4xf32>, %arg4: tensor<4xf32>) -> (tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>) {
      %result, %state = transmamba.switch %arg0, %arg1, %arg2, %arg3, %arg4 transpoint 5 {rope_theta = 1.000000e+04 : f64} : tensor<2x16x4x8xf32>, tensor<2x16x4x8xf32>, tensor<2x16x4x8xf32>, tensor<2x16x4xf32>, tensor<4xf32> -> tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
      return %result, %state : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
    }
    ```
  }];
  let options = [
    Option<"explain", "explain", "bool", "false",
           "A remark where two readings are joined that cannot be fused">
  ];
  let statistics = [
    Statistic<"numPrefill", "prefill switches",
              "Switches formed over whole sequences">,
    Statistic<"numDecode", "decode switches",
              "Switches formed at positions, over a cache">
  ];
  let dependentDialects = ["::mlir::tensor::TensorDialect",
                           "::transmamba::TransMambaDialect"];
}

def LastTokenOnly : Pass<"transmamba-last-token-only", "::mlir::func::FuncOp"> {
  let summary = "Compute for the last token what only the last token is asked of";
  let description = [{
    A prefill wants the logits of the last token of every row. What stands before
    `transmamba.last_token`, works on each token for itself (norms, projections,
    pointwise operations) and is asked for by nothing else, is done for that token
    alone: the token is selected earlier. Selections stop where something else
    reads all tokens, such as the mixer of the last layer, whose state is kept.

    ```mlir
    func.func @f(%x: tensor<?x?x8xf32>, %w: tensor<8xf32>, %len: tensor<?xi32>) -> tensor<?x8xf32> {
      %y = transmamba.rms_norm %x, %w eps 1.0e-05 : tensor<?x?x8xf32>, tensor<8xf32>
      %last = transmamba.last_token %y lengths(%len : tensor<?xi32>) : tensor<?x?x8xf32> -> tensor<?x8xf32>
      return %last : tensor<?x8xf32>
    }
    ```
    becomes
    ```mlir
    func.func @f(%arg0: tensor<?x?x8xf32>, %arg1: tensor<8xf32>, %arg2: tensor<?xi32>) -> tensor<?x8xf32> {
      %c0 = arith.constant 0 : index
      %dim = tensor.dim %arg2, %c0 : tensor<?xi32>
      %0 = transmamba.last_token %arg0 lengths(%arg2 : tensor<?xi32>) : tensor<?x?x8xf32> -> tensor<?x8xf32>
      %expanded = tensor.expand_shape %0 [[0, 1], [2]] output_shape [%dim, 1, 8] : tensor<?x8xf32> into tensor<?x1x8xf32>
      %1 = transmamba.rms_norm %expanded, %arg1 eps 1.000000e-05 : tensor<?x1x8xf32>, tensor<8xf32>
      %collapsed = tensor.collapse_shape %1 [[0, 1], [2]] : tensor<?x1x8xf32> into tensor<?x8xf32>
      return %collapsed : tensor<?x8xf32>
    }
    ```
  }];
  let statistics = [
    Statistic<"numMoved", "earlier selections",
              "Selections of a last token that have moved towards the inputs">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def FuseRotation : Pass<"transmamba-fuse-rotation", "::mlir::func::FuncOp"> {
  let summary = "Rotate keys on their way to a cache";
  let description = [{
    A `rope` of keys that nothing but `append_kv` reads, at the same positions,
    becomes a part of it: one pass over the keys instead of two.

    ```mlir
    func.func @f(%c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %k: tensor<2x1x4x8xf32>, %v: tensor<2x1x4x8xf32>, %pos: tensor<2xi32>)
        -> !transmamba.kv_cache<layer = 0, 4x8xf32> {
      %r = transmamba.rope %k at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
      %n = transmamba.append_kv %c, %r, %v at(%pos : tensor<2xi32>)
          : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>
      return %n : !transmamba.kv_cache<layer = 0, 4x8xf32>
    }
    ```
    becomes
    ```mlir
    func.func @f(%arg0: !transmamba.kv_cache<layer = 0, 4x8xf32>, %arg1: tensor<2x1x4x8xf32>, %arg2: tensor<2x1x4x8xf32>, %arg3: tensor<2xi32>) -> !transmamba.kv_cache<layer = 0, 4x8xf32> {
      %0 = transmamba.append_kv %arg0, %arg1, %arg2 at(%arg3 : tensor<2xi32>) {rope_theta = 1.000000e+04 : f64} : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>
      return %0 : !transmamba.kv_cache<layer = 0, 4x8xf32>
    }
    ```
  }];
  let statistics = [
    Statistic<"numFused", "rotations", "Rotations that became part of append_kv">
  ];
}

#endif // TRANSMAMBA_TRANSFORMS_PASSES
