// RUN: transmamba-opt %s --split-input-file --convert-transmamba-to-tile --canonicalize --cse | FileCheck %s

// What follows a product element by element goes with it: a bias that the sums start from, roundings, a function, and a residual,
// which comes by bulk copy to where the result leaves from.
module attributes {transmamba.max_batch = 8 : i64, transmamba.max_sequence = 1024 : i64} {
// CHECK-LABEL: func.func @residual(
// CHECK-SAME:      %[[A:.*]]: tensor<?x256xbf16>, %[[B:.*]]: tensor<256x128xbf16>, %[[BIAS:.*]]: tensor<128xf32>, %[[X:.*]]: tensor<?x?x128xbf16>,
// CHECK-SAME:      %[[BATCH:.*]]: index, %[[T:.*]]: index)
// CHECK-DAG:     %[[MATRIX:.*]] = tensor.collapse_shape %[[X]] {{\[\[}}0, 1], [2]] : tensor<?x?x128xbf16> into tensor<?x128xbf16>
// CHECK-DAG:     %[[ROW:.*]] = tensor.expand_shape %[[BIAS]] {{\[\[}}0, 1]] output_shape [1, 128]
// CHECK:         %[[R:.*]] = tile.launch @gemm_n128_k256_bias_silu_addf_tile128x64
// CHECK-SAME:        ins(%[[A]], %[[B]], %[[MATRIX]], %[[ROW]] : tensor<?x256xbf16>, tensor<256x128xbf16>, tensor<?x128xbf16>, tensor<1x128xf32>)
// CHECK:         %[[Y:.*]] = tensor.expand_shape %[[R]] {{\[\[}}0, 1], [2]] output_shape [%[[BATCH]], %[[T]], 128]
// CHECK-NOT:     linalg
// CHECK:         return %[[Y]]
func.func @residual(%a: tensor<?x256xbf16>, %b: tensor<256x128xbf16>, %bias: tensor<128xf32>, %x: tensor<?x?x128xbf16>, %batch: index, %t: index) -> tensor<?x?x128xbf16> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %a, %c0 : tensor<?x256xbf16>
  %e = tensor.empty(%m) : tensor<?x128xf32>
  %start = linalg.broadcast ins(%bias : tensor<128xf32>) outs(%e : tensor<?x128xf32>) dimensions = [0]
  %c = linalg.matmul {tile.config = {block_n = 64 : i64}} ins(%a, %b : tensor<?x256xbf16>, tensor<256x128xbf16>) outs(%start : tensor<?x128xf32>) -> tensor<?x128xf32>
  %d = arith.truncf %c : tensor<?x128xf32> to tensor<?x128xbf16>
  %s = tensor.expand_shape %d [[0, 1], [2]] output_shape [%batch, %t, 128] : tensor<?x128xbf16> into tensor<?x?x128xbf16>
  %f = transmamba.activate silu %s : tensor<?x?x128xbf16>
  %y = arith.addf %x, %f : tensor<?x?x128xbf16>
  return %y : tensor<?x?x128xbf16>
}

// CHECK:      tile.kernel @gemm_n128_k256_bias_silu_addf_tile128x64(
// CHECK-SAME:     %[[A:.*]]: memref<?x256xbf16>, %[[B:.*]]: memref<256x128xbf16>, %[[X:.*]]: memref<?x128xbf16>, %[[BIAS:.*]]: memref<1x128xf32>, %[[C:.*]]: memref<?x128xbf16>)
// CHECK:        %[[STAGED:.*]] = tile.ring : !tile.ring<128x64xbf16, stages = 1>
// CHECK-NOT:    tile.alloc
// CHECK:        tile.producer
// CHECK:          scf.for
// CHECK:            scf.for
// CHECK:            tile.load %[[X]][%{{.*}}, %{{.*}}] to %[[STAGED]]
// CHECK:        tile.consumers
// CHECK:          scf.for
// CHECK:            %[[COLUMNS:.*]] = tile.read %[[BIAS]][%c0, %{{.*}}] : memref<1x128xf32> -> !tile.cols<64xf32>
// CHECK:            tile.mma
// The result before has left: its place may be filled again.
// CHECK:            scf.if
// CHECK-NEXT:         tile.store_wait
// CHECK-NEXT:         tile.consumer_release %[[STAGED]]
// CHECK:            %[[SUMS:.*]] = tile.await
// CHECK:            %[[WHOLE:.*]] = tile.consumer_wait %[[STAGED]]
// CHECK:            %[[PLACE:.*]] = tile.row_slice %[[WHOLE]]
// CHECK-NEXT:       %[[HALVES:.*]] = tile.load_fragment %[[PLACE]] : !tile.smem<64x64xbf16> -> !tile.frag<64x64xbf16, a>
// CHECK-NEXT:       %[[RESULT:.*]] = tile.map (%[[S:.*]] = %[[SUMS]], %[[H:.*]] = %[[HALVES]], %[[N:.*]] = %[[COLUMNS]])
// CHECK-DAG:          %[[WIDE:.*]] = arith.extf %[[H]]
// CHECK-DAG:          %[[Z:.*]] = arith.addf %[[S]], %[[N]]
// CHECK:              math.exp2
// CHECK:              %[[SILU:.*]] = arith.divf %[[Z]], %{{.*}} fastmath<afn>
// CHECK:              %[[Y:.*]] = arith.addf %[[WIDE]], %[[SILU]]
// CHECK:              tile.yield %[[Y]]
// CHECK:            tile.store_fragment %[[RESULT]] to %[[PLACE]]
// CHECK-NEXT:       tile.store %[[PLACE]] to %[[C]]
}

// -----

// Two products of one left operand that meet: one kernel with two right operands.
module attributes {transmamba.max_batch = 1000 : i64, transmamba.max_sequence = 1024 : i64} {
// CHECK-LABEL: func.func @gated(
// CHECK-SAME:      %[[A:.*]]: tensor<?x256xbf16>, %[[U:.*]]: tensor<256x384xbf16>, %[[V:.*]]: tensor<256x384xbf16>)
// CHECK:         tile.launch @gemm_n384_k256_silu_mulf_tile128x{{[0-9]+}}
// CHECK-SAME:        ins(%[[A]], %[[U]], %[[V]] : tensor<?x256xbf16>, tensor<256x384xbf16>, tensor<256x384xbf16>)
// CHECK-NOT:     tile.launch
// CHECK:       tile.kernel
// CHECK-SAME:      alternate = 1 : i64
// CHECK:         tile.turn_wait
// CHECK:         tile.map (%[[X:.*]] = %{{.*}}, %[[Y:.*]] = %{{.*}}) :
// CHECK:           %[[SILU:.*]] = arith.divf %[[X]]
// CHECK-NEXT:      arith.mulf %[[SILU]], %[[Y]]
// CHECK:         tile.store %
// CHECK-NEXT:    tile.turn_pass
func.func @gated(%a: tensor<?x256xbf16>, %u: tensor<256x384xbf16>, %v: tensor<256x384xbf16>) -> tensor<?x384xbf16> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %a, %c0 : tensor<?x256xbf16>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%m) : tensor<?x384xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x384xf32>) -> tensor<?x384xf32>
  %0 = linalg.matmul ins(%a, %u : tensor<?x256xbf16>, tensor<256x384xbf16>) outs(%z : tensor<?x384xf32>) -> tensor<?x384xf32>
  %1 = linalg.matmul ins(%a, %v : tensor<?x256xbf16>, tensor<256x384xbf16>) outs(%z : tensor<?x384xf32>) -> tensor<?x384xf32>
  %2 = arith.truncf %0 : tensor<?x384xf32> to tensor<?x384xbf16>
  %3 = arith.truncf %1 : tensor<?x384xf32> to tensor<?x384xbf16>
  %4 = transmamba.activate silu %2 : tensor<?x384xbf16>
  %5 = arith.mulf %4, %3 : tensor<?x384xbf16>
  return %5 : tensor<?x384xbf16>
}

}

// -----

// The halves of one product: the tensor of both weights is an argument twice, its second columns begin at 384.
module attributes {transmamba.max_batch = 1000 : i64, transmamba.max_sequence = 1024 : i64} {
// CHECK-LABEL: func.func @halves(
// CHECK-SAME:      %[[A:.*]]: tensor<?x256xbf16>, %[[B:.*]]: tensor<256x768xbf16>)
// CHECK:         tile.launch @gemm_n384_k256_silu_mulf_tile128x{{[0-9]+}}
// CHECK-SAME:        ins(%[[A]], %[[B]], %[[B]] : tensor<?x256xbf16>, tensor<256x768xbf16>, tensor<256x768xbf16>)
// CHECK-NOT:     tile.launch
// CHECK:       tile.kernel @gemm_n384_k256_silu_mulf_tile128x{{[0-9]+}}(
// CHECK-SAME:      %{{.*}}: memref<?x256xbf16>, %[[U:.*]]: memref<256x768xbf16>, %[[V:.*]]: memref<256x768xbf16>
// CHECK:         tile.load %[[U]][%[[K:.*]], %[[N:.*]]] to
// CHECK-NEXT:    %[[SECOND:.*]] = arith.addi %[[N]], %c384
// CHECK-NEXT:    tile.load %[[V]][%[[K]], %[[SECOND]]] to
func.func @halves(%a: tensor<?x256xbf16>, %b: tensor<256x768xbf16>) -> tensor<?x384xbf16> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %a, %c0 : tensor<?x256xbf16>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%m) : tensor<?x768xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x768xf32>) -> tensor<?x768xf32>
  %0 = linalg.matmul ins(%a, %b : tensor<?x256xbf16>, tensor<256x768xbf16>) outs(%z : tensor<?x768xf32>) -> tensor<?x768xf32>
  %1 = arith.truncf %0 : tensor<?x768xf32> to tensor<?x768xbf16>
  %x = tensor.expand_shape %1 [[0, 1], [2]] output_shape [%m, 1, 768] : tensor<?x768xbf16> into tensor<?x1x768xbf16>
  %2 = tensor.extract_slice %x[0, 0, 0] [%m, 1, 384] [1, 1, 1] : tensor<?x1x768xbf16> to tensor<?x1x384xbf16>
  %3 = tensor.extract_slice %x[0, 0, 384] [%m, 1, 384] [1, 1, 1] : tensor<?x1x768xbf16> to tensor<?x1x384xbf16>
  %4 = transmamba.activate silu %2 : tensor<?x1x384xbf16>
  %5 = arith.mulf %4, %3 : tensor<?x1x384xbf16>
  %6 = tensor.collapse_shape %5 [[0, 1], [2]] : tensor<?x1x384xbf16> into tensor<?x384xbf16>
  return %6 : tensor<?x384xbf16>
}
}

// -----

// A number of each row, and a result that stays f32. At most 12 rows, one of each sequence: the kernel for few rows, a
// block for each 16 columns and all of K.
module attributes {transmamba.max_batch = 12 : i64, transmamba.max_sequence = 1024 : i64} {
// CHECK-LABEL: func.func @rows(
// CHECK-SAME:      %[[TOKENS:.*]]: tensor<?x1x512xbf16>, %[[B:.*]]: tensor<512x32xbf16>, %[[S:.*]]: tensor<?xf32>)
// CHECK-DAG:     %[[C1:.*]] = arith.constant 1 : index
// CHECK-DAG:     %[[C2:.*]] = arith.constant 2 : index
// CHECK:         %[[A:.*]] = tensor.collapse_shape %[[TOKENS]]
// CHECK:         %[[M:.*]] = tensor.dim %[[A]]
// CHECK:         %[[COLUMN:.*]] = tensor.expand_shape %[[S]] {{\[\[}}0, 1]] output_shape [%[[M]], 1]
// CHECK:         tile.launch @gemm_n32_k512_mulf_mulf_f32_tile16x16 grid(%[[C2]], %[[C1]], %[[C1]])
// CHECK-SAME:        ins(%[[A]], %[[B]], %[[COLUMN]] : tensor<?x512xbf16>, tensor<512x32xbf16>, tensor<?x1xf32>)
// CHECK:       tile.kernel @gemm_n32_k512_mulf_mulf_f32_tile16x16(
// CHECK-SAME:      tile.config = {block_k = 256 : i64, block_m = 16 : i64, block_n = 16 : i64, occupancy = 1 : i64, stages = {{[0-9]+}} : i64}
// CHECK:         %[[BLOCK:.*]] = tile.block_id x
// CHECK:         %[[N:.*]] = arith.muli %[[BLOCK]]
// CHECK:         tile.consumers %{{.*}} in 1
// CHECK-NEXT:        %[[ROWS:.*]] = tile.read %{{.*}}[%c0, %c0] : memref<?x1xf32> -> !tile.rows<64xf32>
// CHECK:           %[[LEFT:.*]] = tile.load_fragment %{{.*}} : !tile.smem<16x256xbf16> -> !tile.frag<64x256xbf16, a>
// CHECK:           tile.mma %[[LEFT]], %{{.*}} : !tile.frag<64x256xbf16, a>, !tile.smem<256x16xbf16> -> !tile.pending<64x16xf32>
// CHECK:           %[[SUM:.*]] = tile.await
// CHECK:           %[[RESULT:.*]] = tile.map (%[[X:.*]] = %[[SUM]], %[[R:.*]] = %[[ROWS]])
// CHECK:             %[[SCALED:.*]] = arith.mulf %[[X]], %[[R]]
// CHECK-NEXT:        arith.mulf %[[SCALED]], %[[SCALED]]
// CHECK:           tile.write %[[RESULT]] to %{{.*}}[%c0, %[[N]]]
func.func @rows(%tokens: tensor<?x1x512xbf16>, %b: tensor<512x32xbf16>, %s: tensor<?xf32>) -> tensor<?x32xf32> {
  %c0 = arith.constant 0 : index
  %a = tensor.collapse_shape %tokens [[0, 1], [2]] : tensor<?x1x512xbf16> into tensor<?x512xbf16>
  %m = tensor.dim %a, %c0 : tensor<?x512xbf16>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%m) : tensor<?x32xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x32xf32>) -> tensor<?x32xf32>
  %factors = linalg.broadcast ins(%s : tensor<?xf32>) outs(%e : tensor<?x32xf32>) dimensions = [1]
  %0 = linalg.matmul ins(%a, %b : tensor<?x512xbf16>, tensor<512x32xbf16>) outs(%z : tensor<?x32xf32>) -> tensor<?x32xf32>
  %1 = arith.mulf %0, %factors : tensor<?x32xf32>
  %2 = arith.mulf %1, %1 : tensor<?x32xf32>
  return %2 : tensor<?x32xf32>
}
}

// -----

// What does not go with the product: operations behind something else that reads the value, and a third product.
module attributes {transmamba.max_batch = 1000 : i64, transmamba.max_sequence = 1024 : i64} {
// CHECK-LABEL: func.func @read_twice(
// CHECK:         %[[D:.*]] = tile.launch @gemm_n384_k256_tile
// CHECK:         %[[F:.*]] = transmamba.activate silu %[[D]]
// CHECK:         return %[[D]], %[[F]]
func.func @read_twice(%a: tensor<?x256xbf16>, %b: tensor<256x384xbf16>, %z: tensor<?x384xf32>) -> (tensor<?x384xbf16>, tensor<?x384xbf16>) {
  %zero = arith.constant 0.0 : f32
  %c = linalg.fill ins(%zero : f32) outs(%z : tensor<?x384xf32>) -> tensor<?x384xf32>
  %0 = linalg.matmul ins(%a, %b : tensor<?x256xbf16>, tensor<256x384xbf16>) outs(%c : tensor<?x384xf32>) -> tensor<?x384xf32>
  %1 = arith.truncf %0 : tensor<?x384xf32> to tensor<?x384xbf16>
  %2 = transmamba.activate silu %1 : tensor<?x384xbf16>
  return %1, %2 : tensor<?x384xbf16>, tensor<?x384xbf16>
}

// CHECK-LABEL: func.func @three(
// CHECK-COUNT-2: tile.launch @gemm_n384
// CHECK-NOT:     arith.mulf
// CHECK:         return
func.func @three(%a: tensor<?x256xbf16>, %b: tensor<256x384xbf16>, %c: tensor<256x384xbf16>, %d: tensor<256x384xbf16>, %z: tensor<?x384xf32>) -> tensor<?x384xf32> {
  %zero = arith.constant 0.0 : f32
  %s = linalg.fill ins(%zero : f32) outs(%z : tensor<?x384xf32>) -> tensor<?x384xf32>
  %0 = linalg.matmul ins(%a, %b : tensor<?x256xbf16>, tensor<256x384xbf16>) outs(%s : tensor<?x384xf32>) -> tensor<?x384xf32>
  %1 = linalg.matmul ins(%a, %c : tensor<?x256xbf16>, tensor<256x384xbf16>) outs(%s : tensor<?x384xf32>) -> tensor<?x384xf32>
  %2 = linalg.matmul ins(%a, %d : tensor<?x256xbf16>, tensor<256x384xbf16>) outs(%s : tensor<?x384xf32>) -> tensor<?x384xf32>
  %3 = arith.mulf %0, %1 : tensor<?x384xf32>
  %4 = arith.mulf %3, %2 : tensor<?x384xf32>
  return %4 : tensor<?x384xf32>
}
}

// -----

// A constant is a number in the kernel. 64 rows, which the type says.
// CHECK-LABEL: func.func @constant(
// CHECK:         tile.launch @gemm_n32_k512_mulf_f32_tile64x{{[0-9]+}} {{.*}} ins(%{{.*}}, %{{.*}} : tensor<64x512xbf16>, tensor<512x32xbf16>)
// CHECK:       tile.kernel
// CHECK:         %[[THREE:.*]] = arith.constant 3.0{{.*}} : f32
// CHECK:         tile.map (%[[X:.*]] = %{{.*}}) :
// CHECK-NEXT:      arith.mulf %[[X]], %[[THREE]] : f32
func.func @constant(%a: tensor<64x512xbf16>, %b: tensor<512x32xbf16>, %e: tensor<64x32xf32>) -> tensor<64x32xf32> {
  %zero = arith.constant 0.0 : f32
  %three = arith.constant dense<3.0> : tensor<64x32xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<64x32xf32>) -> tensor<64x32xf32>
  %0 = linalg.matmul ins(%a, %b : tensor<64x512xbf16>, tensor<512x32xbf16>) outs(%z : tensor<64x32xf32>) -> tensor<64x32xf32>
  %1 = arith.mulf %0, %three : tensor<64x32xf32>
  return %1 : tensor<64x32xf32>
}
