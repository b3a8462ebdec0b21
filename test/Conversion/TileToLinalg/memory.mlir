// Tiles are buffers, and what lies beyond a tensor is not touched.
// RUN: transmamba-opt %s --convert-tile-to-linalg --canonicalize --cse --split-input-file | FileCheck %s

// CHECK-LABEL: func.func @read(
// CHECK-SAME:    %[[X:[a-z0-9]+]]: memref<?x?x16xf32>, %[[B:[a-z0-9]+]]: index, %[[R:[a-z0-9]+]]: index, %[[C:[a-z0-9]+]]: index
tile.kernel @read(%x: memref<?x?x16xf32>, %b: index, %r: index, %c: index) {
  tile.consumers %warpgroup in 1 registers 128 {
    // CHECK-DAG: %[[ROWS:.+]] = memref.dim %[[X]], %c1
    // CHECK-DAG: %[[BATCHES:.+]] = memref.dim %[[X]], %c0
    // CHECK:     %[[INSIDE:.+]] = arith.cmpi ult, %[[B]], %[[BATCHES]]
    // CHECK:     arith.select %[[INSIDE]], %{{.+}}, %c0
    // CHECK:     linalg.fill ins(%cst{{.*}} : f32) outs(%[[COPY:.+]] : memref<64x16xf32>)
    // CHECK:     scf.for %[[I:[a-z0-9]+]] =
    // CHECK:       scf.for %[[J:[a-z0-9]+]] =
    // CHECK:         %[[E:.+]] = memref.load %[[X]][%[[B]], %{{.+}}, %{{.+}}]
    // CHECK:         memref.store %[[E]], %[[COPY]][%[[I]], %[[J]]]
    // CHECK:     bufferization.to_tensor %[[COPY]] restrict writable
    %f = tile.read %x[%b, %r, %c] : memref<?x?x16xf32> -> !tile.frag<64x16xf32>
    // CHECK:     scf.for
    // CHECK:       scf.for
    // CHECK:         tensor.extract
    // CHECK:         memref.store %{{.+}}, %[[X]][%[[B]], %{{.+}}, %{{.+}}]
    tile.write %f to %x[%b, %r, %c] : !tile.frag<64x16xf32>, memref<?x?x16xf32>
  }
}

// -----

// CHECK-LABEL: func.func @tiles(
// CHECK-SAME:    %[[X:[a-z0-9]+]]: memref<?x16xf32>, %[[Y:[a-z0-9]+]]: memref<?x16xbf16>, %[[N:[a-z0-9]+]]: index
// CHECK-SAME:    %[[FAULTS:[a-z0-9]+]]: memref<i32>)
tile.kernel @tiles(%x: memref<?x16xf32>, %y: memref<?x16xbf16>, %n: index) {
  // Nothing was written yet.
  // CHECK-DAG: %[[NAN:.+]] = arith.constant 0x7FC0 : bf16
  // CHECK:     %[[MEMORY:.+]] = memref.alloc() : memref<128x16xbf16>
  // CHECK:     linalg.fill ins(%[[NAN]] : bf16) outs(%[[MEMORY]]
  %t = tile.alloc : !tile.smem<128x16xbf16>
  tile.consumers %warpgroup in 1 registers 128 {
    %f = tile.read %x[%n, %n] : memref<?x16xf32> -> !tile.frag<64x16xf32>
    // CHECK:     %[[BELOW:.+]] = arith.minsi %[[N]], %c64
    // CHECK:     %[[OFFSET:.+]] = arith.maxsi %[[BELOW]], %c0
    // CHECK:     arith.cmpi ne, %[[N]], %[[OFFSET]]
    // CHECK:     memref.store %{{.+}}, %[[FAULTS]][]
    // CHECK:     %[[SLICE:.+]] = memref.subview %{{.+}}[%[[OFFSET]], 0] [64, 16] [1, 1]
    %s = tile.row_slice %t[%n] : !tile.smem<128x16xbf16> -> !tile.smem<64x16xbf16>
    // CHECK:     scf.for
    // CHECK:       %[[E:.+]] = tensor.extract
    // CHECK:       %[[H:.+]] = arith.truncf %[[E]] : f32 to bf16
    // CHECK:       memref.store %[[H]], %[[SLICE]]
    tile.store_fragment %f to %s : !tile.frag<64x16xf32>, !tile.smem<64x16xbf16>
    // CHECK:     scf.for
    // CHECK:       %[[LOADED:.+]] = memref.load %[[SLICE]]
    // CHECK:       memref.store %[[LOADED]], %[[Y]]
    tile.store %s to %y[%n, %n] : !tile.smem<64x16xbf16>, memref<?x16xbf16>
    tile.store_wait
  }
}

// -----

// CHECK-LABEL: func.func @fragment(
// CHECK:         %[[NAN:.+]] = arith.constant 0x7FC0 : bf16
tile.kernel @fragment(%x: memref<?x48xf32>, %unit: index) {
  %t = tile.alloc : !tile.smem<16x48xbf16>
  %u = tile.alloc : !tile.smem<16x48xbf16>
  tile.consumers %warpgroup in 1 registers 128 {
    // Rows that the tile does not have hold NaN.
    // CHECK:     linalg.fill ins(%[[NAN]] : bf16) outs(%[[COPY:.+]] : memref<64x16xbf16>)
    // CHECK:     scf.for %[[M:.+]] = %c0 to %c48
    // CHECK:       scf.for %[[K:.+]] = %c0 to %c16
    // CHECK:         %[[E:.+]] = memref.load %{{.+}}[%[[K]], %[[M]]]
    // CHECK:         memref.store %[[E]], %[[COPY]][%[[M]], %[[K]]]
    // CHECK:     bufferization.to_tensor %[[COPY]]
    %a = tile.load_fragment transpose %t : !tile.smem<16x48xbf16> -> !tile.frag<64x16xbf16, a>
    %p = tile.mma %a, %u : !tile.frag<64x16xbf16, a>, !tile.smem<16x48xbf16> -> !tile.pending<64x48xf32>
    %f = tile.await %p : !tile.pending<64x48xf32>
    tile.write %f to %x[%unit, %unit] : !tile.frag<64x48xf32>, memref<?x48xf32>
  }
}

// -----

// CHECK-LABEL: func.func @clear_rows(
// CHECK-SAME:    %[[N:[a-z0-9]+]]: index
tile.kernel @clear_rows(%n: index) {
  // CHECK-DAG: %[[ZERO:.+]] = arith.constant 0.000000e+00 : bf16
  // CHECK:     %[[TILE:.+]] = memref.alloc() : memref<16x32xbf16>
  %t = tile.alloc : !tile.smem<16x32xbf16>
  tile.consumers %warpgroup in 1 registers 128 {
    // CHECK:     %[[FIRST:.+]] = arith.maxsi %[[N]], %c0
    // CHECK:     scf.for %[[I:[a-z0-9]+]] = %[[FIRST]] to %c16
    // CHECK:       scf.for %[[J:[a-z0-9]+]] = %c0 to %c32
    // CHECK:         memref.store %[[ZERO]], %{{.+}}[%[[I]], %[[J]]]
    tile.clear_rows %t from %n : !tile.smem<16x32xbf16>
  }
}
