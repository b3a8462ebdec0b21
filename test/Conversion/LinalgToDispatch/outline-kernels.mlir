// Workgroup loops over buffers become kernels and dispatches.
// RUN: transmamba-opt %s --transmamba-outline-kernels --canonicalize --cse --split-input-file | FileCheck %s

// Buffers arrive as pointers, their sizes beside them; the grid has one point a tile; scratch has the largest size that a tile has.
// CHECK: #[[TILES:.+]] = affine_map<()[s0] -> (s0 ceildiv 32)>
// CHECK-LABEL: func.func @entry(
// CHECK-SAME:    %[[X:[a-z0-9]+]]: memref<?x64xf32>
// CHECK-DAG:     %[[ONE:.+]] = arith.constant 1 : index
// CHECK-DAG:     %[[ROWS:.+]] = memref.dim %[[X]],
// CHECK-DAG:     %[[Y:.+]] = memref.alloc(%[[ROWS]])
// CHECK-DAG:     %[[GRID:.+]] = affine.apply #[[TILES]]()[%[[ROWS]]]
// CHECK:         transmamba.dispatch @[[KERNEL:.+]] grid(%[[GRID]], %[[ONE]], %[[ONE]]) args({{.*}}%[[X]], {{.*}}%[[Y]]
// CHECK-NOT:     scf.forall
// CHECK:         return %[[Y]]
// CHECK:       func.func private @[[KERNEL]](%[[POINT:[a-z0-9]+]]: index,
// CHECK-SAME:    memref<f32>
// CHECK-SAME:    attributes {transmamba.kernel}
// CHECK:         %[[SCRATCH:.+]] = memref.alloca() {{.*}}: memref<32x64xf32>
// CHECK:         arith.muli %[[POINT]], %{{.+}} overflow<nsw>
// CHECK:         memref.reinterpret_cast %{{.+}} to {{.*}} : memref<f32> to memref<?x64xf32>
// CHECK:         %[[TILE:.+]] = memref.reinterpret_cast %[[SCRATCH]]
// CHECK:         linalg.copy {{.*}} outs(%[[TILE]]
// CHECK:         linalg.exp ins(%[[TILE]]
// CHECK:         return
func.func @entry(%x: memref<?x64xf32>) -> memref<?x64xf32> attributes {transmamba.entry} {
  %c0 = arith.constant 0 : index
  %m = memref.dim %x, %c0 : memref<?x64xf32>
  %y = memref.alloc(%m) {alignment = 64 : i64} : memref<?x64xf32>
  scf.forall (%i) = (0) to (%m) step (32) {
    %rows = affine.min affine_map<(d0)[s0] -> (-d0 + s0, 32)>(%i)[%m]
    %scratch = memref.alloc(%rows) : memref<?x64xf32>
    %s = memref.subview %x[%i, 0] [%rows, 64] [1, 1] : memref<?x64xf32> to memref<?x64xf32, strided<[64, 1], offset: ?>>
    %d = memref.subview %y[%i, 0] [%rows, 64] [1, 1] : memref<?x64xf32> to memref<?x64xf32, strided<[64, 1], offset: ?>>
    linalg.copy ins(%s : memref<?x64xf32, strided<[64, 1], offset: ?>>) outs(%scratch : memref<?x64xf32>)
    linalg.exp ins(%scratch : memref<?x64xf32>) outs(%d : memref<?x64xf32, strided<[64, 1], offset: ?>>)
  } {transmamba.kernel_name = "pointwise"}
  return %y : memref<?x64xf32>
}

// -----

// Two dimensions are one grid: their product, taken apart by the last one.
// CHECK-DAG: #[[PRODUCT:.+]] = affine_map<()[s0] -> (s0 * 6)>
// CHECK-LABEL: func.func @grid(
// CHECK:         %[[GRID:.+]] = affine.apply #[[PRODUCT]]()
// CHECK:         transmamba.dispatch @{{.+}} grid(%[[GRID]], %[[ONE:.+]], %[[ONE]])
// CHECK:       func.func private @{{.+}}(%[[POINT:[a-z0-9]+]]: index,
// CHECK-DAG:     arith.remui %[[POINT]], %{{.+}} : index
// CHECK-DAG:     arith.divui
func.func @grid(%x: memref<?x6xf32>) attributes {transmamba.entry} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = memref.dim %x, %c0 : memref<?x6xf32>
  scf.forall (%i, %j) in (%m, 6) {
    memref.store %zero, %x[%i, %j] : memref<?x6xf32>
  }
  return
}

// -----

// Loops with the same body are one kernel, whichever buffers they work on.
// CHECK-LABEL: func.func @shared(
// CHECK-SAME:    %[[A:[a-z0-9]+]]: memref<8xf32>, %[[B:[a-z0-9]+]]: memref<8xf32>
// CHECK:         transmamba.dispatch @[[KERNEL:.+]] grid({{.*}}) args({{.*}}%[[A]]
// CHECK:         transmamba.dispatch @[[KERNEL]] grid({{.*}}) args({{.*}}%[[B]]
// CHECK:         return
// CHECK:       func.func private @[[KERNEL]](
// CHECK-NOT:   func.func
func.func @shared(%a: memref<8xf32>, %b: memref<8xf32>) attributes {transmamba.entry} {
  %zero = arith.constant 0.0 : f32
  scf.forall (%i) in (8) {
    memref.store %zero, %a[%i] : memref<8xf32>
  }
  scf.forall (%i) in (8) {
    memref.store %zero, %b[%i] : memref<8xf32>
  }
  return
}

// -----

// Another body is another kernel.
// CHECK-LABEL: func.func @different(
// CHECK:         transmamba.dispatch @[[FIRST:[a-z_0-9]+]] grid
// CHECK-NOT:     transmamba.dispatch @[[FIRST]] grid
// CHECK:         transmamba.dispatch @
// CHECK-COUNT-2: func.func private
func.func @different(%a: memref<8xf32>) attributes {transmamba.entry} {
  %zero = arith.constant 0.0 : f32
  scf.forall (%i) in (8) {
    memref.store %zero, %a[%i] : memref<8xf32>
  }
  scf.forall (%i) in (8) {
    %x = memref.load %a[%i] : memref<8xf32>
    %y = arith.addf %x, %x : f32
    memref.store %y, %a[%i] : memref<8xf32>
  }
  return
}

// -----

// A copy between buffers is a kernel too, a workgroup for each of its rows.
// CHECK-LABEL: func.func @copy(
// CHECK-SAME:    %[[A:[a-z0-9]+]]: memref<?x16xf32>, %[[B:[a-z0-9]+]]: memref<?x16xf32>
// CHECK:         %[[ROWS:.+]] = memref.dim %[[B]]
// CHECK:         transmamba.dispatch @[[KERNEL:copy.*]] grid(%[[ROWS]], {{.*}}) args({{.*}}%[[A]], {{.*}}%[[B]]
// CHECK-NOT:     memref.copy
// CHECK:       func.func private @[[KERNEL]](
// CHECK:         memref.copy %{{.+}} : memref<1x16xf32, {{.*}}> to memref<1x16xf32
func.func @copy(%a: memref<?x16xf32>, %b: memref<?x16xf32>) attributes {transmamba.entry} {
  memref.copy %a, %b : memref<?x16xf32> to memref<?x16xf32>
  return
}
