// The steps together: a matmul with a weight and an epilogue is one dispatch, whose only buffers are input, weight and output. For each
// row it has 2 * 96 * 128 operations of the matmul and 128 functions; it moves 4 * (96 + 128) bytes, and the weight once.
// RUN: transmamba-opt %s --transmamba-hoist-parameters --canonicalize --cse --transmamba-tile-to-workgroups --canonicalize --cse \
// RUN:   --eliminate-empty-tensors --one-shot-bufferize='bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map' \
// RUN:   --canonicalize --cse --transmamba-outline-kernels --canonicalize --cse | FileCheck %s

transmamba.parameter @weight from "weight" : tensor<96x128xf32>

// CHECK-DAG: #[[$FLOP:.+]] = affine_map<()[s0] -> (s0 * 24704)>
// CHECK-DAG: #[[$BYTES:.+]] = affine_map<()[s0] -> (s0 * 896 + 49152)>
// CHECK-LABEL: func.func @forward(
// CHECK-SAME:    %[[X:[a-z0-9]+]]: memref<?x96xf32>{{.*}}, %[[W:[a-z0-9]+]]: memref<96x128xf32> {transmamba.parameter = "weight"})
// CHECK:         %[[Y:.+]] = memref.alloc(
// CHECK-NOT:     memref.alloc(
// CHECK-DAG:     %[[F:.+]] = affine.apply #[[$FLOP]]()
// CHECK-DAG:     %[[B:.+]] = affine.apply #[[$BYTES]]()
// CHECK:         transmamba.dispatch @[[KERNEL:matmul.*]] grid({{.*}}) flop(%[[F]]) bytes(%[[B]]) args(
// CHECK-NOT:     transmamba.dispatch
// CHECK:         return %[[Y]]
// CHECK:       func.func private @[[KERNEL]](
// CHECK:         memref.alloca() {{.*}}: memref<64x64xf32>
// CHECK:         linalg.fill
// CHECK:         linalg.matmul
// CHECK:         linalg.generic
// CHECK:           math.exp
func.func @forward(%x: tensor<?x96xf32> {transmamba.name = "x"}) -> tensor<?x128xf32> attributes {transmamba.entry} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %w = transmamba.get_parameter @weight : tensor<96x128xf32>
  %m = tensor.dim %x, %c0 : tensor<?x96xf32>
  %empty = tensor.empty(%m) : tensor<?x128xf32>
  %fill = linalg.fill ins(%zero : f32) outs(%empty : tensor<?x128xf32>) -> tensor<?x128xf32>
  %product = linalg.matmul ins(%x, %w : tensor<?x96xf32>, tensor<96x128xf32>) outs(%fill : tensor<?x128xf32>) -> tensor<?x128xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%product : tensor<?x128xf32>) outs(%empty : tensor<?x128xf32>) {
  ^bb0(%a: f32, %o: f32):
    %e = math.exp %a : f32
    linalg.yield %e : f32
  } -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}
