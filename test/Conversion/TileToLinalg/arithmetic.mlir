// Fragments, rows, columns and vectors are tensors.
// RUN: transmamba-opt %s --convert-tile-to-linalg --canonicalize --cse --split-input-file | FileCheck %s

// CHECK-DAG: #[[$ALL:.+]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: #[[$ROW:.+]] = affine_map<(d0, d1) -> (d0)>
// CHECK-DAG: #[[$COLUMN:.+]] = affine_map<(d0, d1) -> (d1)>
// CHECK-LABEL: func.func @map(
// CHECK-SAME:    %{{[a-z0-9]+}}: memref<?x16xf32>, %[[SCALE:[a-z0-9]+]]: f32
tile.kernel @map(%x: memref<?x16xf32>, %scale: f32) {
  %n = tile.block_id x
  tile.consumers %warpgroup in 1 registers 128 {
    %f = tile.read %x[%n, %n] : memref<?x16xf32> -> !tile.frag<64x16xf32>
    %r = tile.read %x[%n, %n] : memref<?x16xf32> -> !tile.rows<64xf32>
    %c = tile.read %x[%n, %n] : memref<?x16xf32> -> !tile.cols<16xf32>
    // Broadcasts are maps, positions indices; the flag is gone, for NaN must stay NaN.
    // CHECK:      linalg.generic {indexing_maps = [#[[$ALL]], #[[$ROW]], #[[$COLUMN]], #[[$ALL]]], iterator_types = ["parallel", "parallel"]}
    // CHECK-SAME: ins(%{{.+}}, %{{.+}}, %{{.+}} : tensor<64x16xf32>, tensor<64xf32>, tensor<16xf32>) outs(%{{.+}} : tensor<64x16xf32>)
    // CHECK:        ^bb0(%[[A:.+]]: f32, %[[B:.+]]: f32, %[[C:.+]]: f32, %{{.+}}: f32):
    // CHECK:        %[[I:.+]] = linalg.index 0
    // CHECK:        %[[J:.+]] = linalg.index 1
    // CHECK:        arith.cmpi sge, %[[I]], %[[J]]
    // CHECK:        math.fma %[[A]], %[[B]], %[[C]] : f32
    // CHECK:        arith.select %{{.+}}, %{{.+}}, %[[SCALE]]
    %m = tile.map (%a = %f, %b = %r, %d = %c) [%i, %j] : (!tile.frag<64x16xf32>, !tile.rows<64xf32>, !tile.cols<16xf32>) -> !tile.frag<64x16xf32> {
      %seen = arith.cmpi sge, %i, %j : index
      %e = math.fma %a, %b, %d fastmath<fast> : f32
      %s = arith.select %seen, %e, %scale : f32
      tile.yield %s : f32
    }
    tile.write %m to %x[%n, %n] : !tile.frag<64x16xf32>, memref<?x16xf32>
  }
}

// -----

// CHECK-DAG: #[[$FOUR:.+]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
// CHECK-DAG: #[[$THREAD:.+]] = affine_map<(d0, d1, d2, d3) -> (d0, d2)>
// CHECK-DAG: #[[$ALL:.+]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: #[[$ROW:.+]] = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: func.func @reduce(
tile.kernel @reduce(%x: memref<?x24xf32>) {
  %n = tile.block_id x
  tile.consumers %warpgroup in 1 registers 128 {
    // CHECK: %[[F:.+]] = bufferization.to_tensor %{{.+}} restrict writable : memref<64x24xf32>
    %f = tile.read %x[%n, %n] : memref<?x24xf32> -> !tile.frag<64x24xf32>
    // CHECK: linalg.generic {indexing_maps = [#[[$ALL]], #[[$ROW]]], iterator_types = ["parallel", "reduction"]} ins(%[[F]] :
    // CHECK: arith.maximumf
    %m = tile.row_reduce max %f : !tile.frag<64x24xf32> -> !tile.rows<64xf32>
    // A partial sum is the sums of the four threads of a row.
    // CHECK: %[[SPLIT:.+]] = tensor.expand_shape %[[F]] {{\[}}[0], [1, 2, 3]] output_shape [64, 3, 4, 2]
    // CHECK: %[[P:.+]] = linalg.generic {indexing_maps = [#[[$FOUR]], #[[$THREAD]]], iterator_types = ["parallel", "reduction", "parallel", "reduction"]} ins(%[[SPLIT]] : tensor<64x3x4x2xf32>) outs(%{{.+}} : tensor<64x4xf32>)
    %p = tile.row_reduce sum %f : !tile.frag<64x24xf32> -> !tile.rows<64xf32, partial>
    // CHECK: %[[Q:.+]] = linalg.generic {indexing_maps = [#[[$ALL]], #[[$ROW]], #[[$ALL]]], iterator_types = ["parallel", "parallel"]} ins(%[[P]], %{{.+}} : tensor<64x4xf32>, tensor<64xf32>)
    %q = tile.map (%a = %p, %b = %m) : (!tile.rows<64xf32, partial>, !tile.rows<64xf32>) -> !tile.rows<64xf32, partial> {
      %e = arith.mulf %a, %b : f32
      tile.yield %e : f32
    }
    // CHECK: linalg.generic {indexing_maps = [#[[$ALL]], #[[$ROW]]], iterator_types = ["parallel", "reduction"]} ins(%[[Q]] :
    %s = tile.complete %q : !tile.rows<64xf32, partial>
    tile.write %s to %x[%n, %n] : !tile.rows<64xf32>, memref<?x24xf32>
  }
}

// -----

// CHECK-LABEL: func.func @multiply(
tile.kernel @multiply(%x: memref<?x48xf32>) {
  %n = tile.block_id x
  %a = tile.alloc : !tile.smem<64x32xbf16>
  %b = tile.alloc : !tile.smem<48x32xbf16>
  tile.consumers %warpgroup in 1 registers 128 {
    // Operands are copied, the second one upright, so that later writes do not reach them.
    // CHECK:      memref.load %{{.+}} : memref<64x32xbf16
    // CHECK:      arith.extf %{{.+}} : bf16 to f32
    // CHECK:      %[[A:.+]] = bufferization.to_tensor %{{.+}} : memref<64x32xf32>
    // CHECK:      scf.for %[[K:[a-z0-9]+]] =
    // CHECK:        scf.for %[[N:[a-z0-9]+]] =
    // CHECK:          memref.load %{{.+}}[%[[N]], %[[K]]] : memref<48x32xbf16
    // CHECK:          memref.store %{{.+}}, %{{.+}}[%[[K]], %[[N]]] : memref<32x48xf32>
    // CHECK:      %[[B:.+]] = bufferization.to_tensor %{{.+}} : memref<32x48xf32>
    // CHECK:      %[[ZERO:.+]] = linalg.fill
    // CHECK:      linalg.matmul ins(%[[A]], %[[B]] : tensor<64x32xf32>, tensor<32x48xf32>) outs(%[[ZERO]] : tensor<64x48xf32>)
    %p = tile.mma %a, %b transpose_b : !tile.smem<64x32xbf16>, !tile.smem<48x32xbf16> -> !tile.pending<64x48xf32>
    %f = tile.await %p : !tile.pending<64x48xf32>
    tile.write %f to %x[%n, %n] : !tile.frag<64x48xf32>, memref<?x48xf32>
  }
}

// -----

// CHECK-LABEL: func.func @operands(
tile.kernel @operands(%x: memref<?x16xf32>, %y: memref<?x64xf32>) {
  %n = tile.block_id x
  tile.consumers %warpgroup in 1 registers 128 {
    %f = tile.read %x[%n, %n] : memref<?x16xf32> -> !tile.frag<64x16xf32>
    // CHECK: arith.truncf %{{.+}} : f32 to bf16
    // CHECK: linalg.yield %{{.+}} : bf16
    // CHECK: -> tensor<64x16xbf16>
    %h = tile.cast %f : !tile.frag<64x16xf32> -> !tile.frag<64x16xbf16, a>
    %c = tile.read %x[%n, %n] : memref<?x16xf32> -> !tile.cols<16xf32>
    // CHECK: arith.mulf %{{.+}}, %{{.+}} : f32
    // CHECK: arith.truncf %{{.+}} : f32 to bf16
    // CHECK: -> tensor<64x16xbf16>
    %s = tile.scale_columns %h by %c : !tile.frag<64x16xbf16, a>, !tile.cols<16xf32>
    %g = tile.map (%a = %s) : (!tile.frag<64x16xbf16, a>) -> !tile.frag<64x16xf32> {
      %e = arith.extf %a : bf16 to f32
      tile.yield %e : f32
    }
    tile.write %g to %x[%n, %n] : !tile.frag<64x16xf32>, memref<?x16xf32>
    // CHECK: %[[V:.+]] = bufferization.to_tensor %{{.+}} : memref<64xf32>
    %v = tile.read %y[%n, %n] : memref<?x64xf32> -> !tile.vec<64xf32>
    // CHECK: %[[SUMS:.+]]:2 = scf.for %[[I:.+]] = %{{.+}} to %{{.+}} step %{{.+}} iter_args(%[[T:.+]] = %{{.+}}, %[[SUM:.+]] = %{{.+}}) -> (tensor<64xf32>, f32)
    // CHECK:   tensor.extract %[[V]][%[[I]]]
    // CHECK:   tensor.insert %{{.+}} into %[[T]][%[[I]]]
    %t = tile.prefix_sum %v : !tile.vec<64xf32>
    // CHECK: %[[LAST:.+]] = tensor.extract %[[SUMS]]#0[%c63]
    %last = tile.element %t[63] : !tile.vec<64xf32>
    // CHECK: memref.store %[[LAST]]
    %l = tile.fill %last : f32 -> !tile.cols<64xf32>
    tile.write %l to %y[%n, %n] : !tile.cols<64xf32>, memref<?x64xf32>
    // CHECK: tensor.extract %[[SUMS]]#0[%{{.+}}]
    %r = tile.spread %t : !tile.vec<64xf32> -> !tile.rows<64xf32>
    tile.write %r to %y[%n, %n] : !tile.rows<64xf32>, memref<?x64xf32>
  }
}
