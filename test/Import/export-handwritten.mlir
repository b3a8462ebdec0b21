// A module that no graph was imported to: other names of symbols, another order, a slice that is used twice.
// RUN: transmamba-translate --export-json %s -o %t.json
// RUN: FileCheck %s --input-file=%t.json
// RUN: transmamba-translate --import-json %t.json

// CHECK:      {
// CHECK-NEXT:   "format": "transmamba-graph",
// CHECK-NEXT:   "version": 1,
// CHECK-NEXT:   "name": "by-hand",
// CHECK-NEXT:   "max_batch": 2,
// CHECK-NEXT:   "max_sequence": 16,
// CHECK-NEXT:   "element_type": "f32",
// CHECK-NEXT:   "schedule": [0],
// CHECK-NEXT:   "entries": ["prefill"],
// CHECK-NEXT:   "inputs": [{"name": "frames", "type": "features", "width": 8}],
// CHECK-NEXT:   "ops": [
// CHECK-NEXT:     {"op": "causal_conv1d", "in": "frames", "out": "t0", "layer": 3, "state": "front", "taps": 4, "weight": "front.weight"},
// CHECK-NEXT:     {"op": "slice", "in": "t0", "out": "t1", "offset": 4, "size": 4},
// CHECK-NEXT:     {"op": "multiply", "in": ["t1", "t1"], "out": "t2"},
// CHECK-NEXT:     {"op": "linear", "in": "t2", "out": "scores", "width": 5, "weight": "w", "bias": "b", "element_type": "f32"}
// CHECK-NEXT:   ],
// CHECK-NEXT:   "outputs": ["scores"]
// CHECK-NEXT: }
module attributes {transmamba.name = "by-hand", transmamba.schedule = #transmamba.schedule<[0]>,
                   transmamba.max_batch = 2 : i64, transmamba.max_sequence = 16 : i64} {
  transmamba.parameter @bias from "b" : tensor<5xf32>
  transmamba.parameter @taps from "front.weight" : tensor<8x4xf32>
  transmamba.parameter @matrix from "w" as transpose : tensor<4x5xf32>
  func.func @prefill(%frames: tensor<?x?x8xf32> {transmamba.name = "frames", transmamba.dims = ["B", "T"]},
                     %lengths: tensor<?xi32> {transmamba.name = "lengths", transmamba.dims = ["B"], transmamba.role = "lengths"},
                     %window: !transmamba.conv_window<layer = 3, 3x8xf32> {transmamba.name = "layers.3.front"})
      -> (tensor<?x?x5xf32> {transmamba.name = "scores"}, !transmamba.conv_window<layer = 3, 3x8xf32>)
      attributes {transmamba.entry, transmamba.positions = "set"} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %T = tensor.dim %frames, %c1 : tensor<?x?x8xf32>
    %B = tensor.dim %frames, %c0 : tensor<?x?x8xf32>
    %bias = transmamba.get_parameter @bias : tensor<5xf32>
    %w = transmamba.get_parameter @matrix : tensor<4x5xf32>
    %taps = transmamba.get_parameter @taps : tensor<8x4xf32>
    %n = arith.muli %B, %T : index
    %empty = tensor.empty(%n) : tensor<?x5xf32>
    %init = linalg.broadcast ins(%bias : tensor<5xf32>) outs(%empty : tensor<?x5xf32>) dimensions = [0]
    %x, %next = transmamba.causal_conv1d %frames, %taps lengths(%lengths : tensor<?xi32>)
        : tensor<?x?x8xf32>, tensor<8x4xf32> -> !transmamba.conv_window<layer = 3, 3x8xf32>
    %s = tensor.extract_slice %x[0, 0, 4] [%B, %T, 4] [1, 1, 1] : tensor<?x?x8xf32> to tensor<?x?x4xf32>
    %m = arith.mulf %s, %s : tensor<?x?x4xf32>
    %rows = tensor.collapse_shape %m [[0, 1], [2]] : tensor<?x?x4xf32> into tensor<?x4xf32>
    %y = linalg.matmul ins(%rows, %w : tensor<?x4xf32>, tensor<4x5xf32>) outs(%init : tensor<?x5xf32>) -> tensor<?x5xf32>
    %z = tensor.expand_shape %y [[0, 1], [2]] output_shape [%B, %T, 5] : tensor<?x5xf32> into tensor<?x?x5xf32>
    return %z, %next : tensor<?x?x5xf32>, !transmamba.conv_window<layer = 3, 3x8xf32>
  }
}
