// Plain linalg becomes loops over workgroups; producers move in where that costs nothing twice.
// RUN: transmamba-opt %s --transmamba-tile-to-workgroups='matmul-rows=64 matmul-columns=64 tile-elements=8192' --split-input-file \
// RUN:   --canonicalize="disable-patterns='(anonymous namespace)::ForallOpSingleOrZeroIterationDimsFolder'" | FileCheck %s
// RUN: transmamba-opt %s --transmamba-tile-to-workgroups='matmul-rows=32 matmul-columns=16 tile-elements=2048' --split-input-file | FileCheck %s --check-prefix=SMALL
// RUN: transmamba-opt %s --transmamba-tile-to-workgroups='tile-elements=2048 reduced-rows=4' --split-input-file | FileCheck %s --check-prefix=REDUCED

#id = affine_map<(i, j) -> (i, j)>
#column = affine_map<(i, j) -> (j)>

// A matmul takes its epilogue along, and the fill of its accumulator: one loop, and a tile of the product is scratch.
// CHECK-LABEL: func.func @epilogue(
// CHECK-SAME:    %[[A:[a-z0-9]+]]: tensor<?x96xf32>, %[[B:[a-z0-9]+]]: tensor<96x192xf32>,
// CHECK-NOT:     linalg.
// CHECK:         %[[LOOP:.+]] = scf.forall (%[[I:.+]], %[[J:.+]]) = (0, 0) to (%{{.+}}, 192) step (64, 64)
// CHECK:           %[[ROWS:.+]] = affine.min
// CHECK:           %[[ATILE:.+]] = tensor.extract_slice %[[A]][%[[I]], 0] [%[[ROWS]], 96]
// CHECK:           %[[BTILE:.+]] = tensor.extract_slice %[[B]][0, %[[J]]] [96, 64]
// CHECK:           %[[EMPTY:.+]] = tensor.empty(%[[ROWS]]) : tensor<?x64xf32>
// CHECK:           %[[FILL:.+]] = linalg.fill {{.*}} outs(%[[EMPTY]]
// CHECK:           %[[PRODUCT:.+]] = linalg.matmul ins(%[[ATILE]], %[[BTILE]] : {{.*}}) outs(%[[FILL]]
// CHECK:           %[[SUM:.+]] = linalg.generic {{.*}} ins(%[[PRODUCT]],
// CHECK:           tensor.parallel_insert_slice %[[SUM]] into
// CHECK:         } {transmamba.kernel_name = "matmul"}
// CHECK-NEXT:    return %[[LOOP]]
// SMALL-LABEL: func.func @epilogue(
// SMALL:         scf.forall {{.*}} = (0, 0) to (%{{.+}}, 192) step (32, 16)
func.func @epilogue(%a: tensor<?x96xf32>, %b: tensor<96x192xf32>, %bias: tensor<192xf32>, %out: tensor<?x192xf32>) -> tensor<?x192xf32> attributes {transmamba.entry} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %a, %c0 : tensor<?x96xf32>
  %empty = tensor.empty(%m) : tensor<?x192xf32>
  %fill = linalg.fill ins(%zero : f32) outs(%empty : tensor<?x192xf32>) -> tensor<?x192xf32>
  %product = linalg.matmul ins(%a, %b : tensor<?x96xf32>, tensor<96x192xf32>) outs(%fill : tensor<?x192xf32>) -> tensor<?x192xf32>
  %sum = linalg.generic {indexing_maps = [#id, #column, #id], iterator_types = ["parallel", "parallel"]}
      ins(%product, %bias : tensor<?x192xf32>, tensor<192xf32>) outs(%out : tensor<?x192xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %s = arith.addf %x, %y : f32
    linalg.yield %s : f32
  } -> tensor<?x192xf32>
  return %sum : tensor<?x192xf32>
}

// -----

// The left operand of a matmul would be computed once for every tile of columns: it gets a loop of its own.
// CHECK-LABEL: func.func @no_left_operand(
// CHECK:         %[[LEFT:.+]] = scf.forall
// CHECK:           linalg.exp
// CHECK:         } {transmamba.kernel_name = "pointwise"}
// CHECK:         scf.forall
// CHECK-NOT:       linalg.exp
// CHECK:           tensor.extract_slice %[[LEFT]]
// CHECK:           linalg.matmul
// CHECK:         } {transmamba.kernel_name = "matmul"}
func.func @no_left_operand(%a: tensor<?x96xf32>, %b: tensor<96x192xf32>, %scratch: tensor<?x96xf32>, %out: tensor<?x192xf32>) -> tensor<?x192xf32> attributes {transmamba.entry} {
  %left = linalg.exp ins(%a : tensor<?x96xf32>) outs(%scratch : tensor<?x96xf32>) -> tensor<?x96xf32>
  %product = linalg.matmul ins(%left, %b : tensor<?x96xf32>, tensor<96x192xf32>) outs(%out : tensor<?x192xf32>) -> tensor<?x192xf32>
  return %product : tensor<?x192xf32>
}

// -----

// A row reduction moves under what uses it row by row; a tile has whole rows, 8192 / 64 = 128 of them.
// CHECK-LABEL: func.func @rows(
// CHECK:         scf.forall (%{{.+}}) = (0) to (%{{.+}}) step (128)
// CHECK:           linalg.generic {{.*}}iterator_types = ["parallel", "reduction"]
// CHECK:           linalg.generic {{.*}}iterator_types = ["parallel", "parallel"]
// CHECK:         } {transmamba.kernel_name = "reduce"}
// CHECK-NOT:     scf.forall (
// CHECK:         return
// SMALL-LABEL: func.func @rows(
// SMALL:         scf.forall (%{{.+}}) = (0) to (%{{.+}}) step (32)
#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
func.func @rows(%x: tensor<?x64xf32>, %init: tensor<?xf32>, %out: tensor<?x64xf32>) -> tensor<?x64xf32> attributes {transmamba.entry} {
  %sums = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<?x64xf32>) outs(%init : tensor<?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.addf %a, %o : f32
    linalg.yield %s : f32
  } -> tensor<?xf32>
  %y = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]} ins(%x, %sums : tensor<?x64xf32>, tensor<?xf32>) outs(%out : tensor<?x64xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.divf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

// What two operations read is computed once, in a loop of its own.
// CHECK-LABEL: func.func @two_users(
// CHECK:         scf.forall
// CHECK:           linalg.exp
// CHECK:         scf.forall
// CHECK:           linalg.log
// CHECK:         scf.forall
// CHECK:           linalg.sqrt
// CHECK-NOT:     scf.forall (
// CHECK:         return
func.func @two_users(%x: tensor<?x64xf32>, %a: tensor<?x64xf32>, %b: tensor<?x64xf32>, %c: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) attributes {transmamba.entry} {
  %e = linalg.exp ins(%x : tensor<?x64xf32>) outs(%a : tensor<?x64xf32>) -> tensor<?x64xf32>
  %l = linalg.log ins(%e : tensor<?x64xf32>) outs(%b : tensor<?x64xf32>) -> tensor<?x64xf32>
  %s = linalg.sqrt ins(%e : tensor<?x64xf32>) outs(%c : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %l, %s : tensor<?x64xf32>, tensor<?x64xf32>
}

// -----

// 96 columns in tiles of at most 64 are 48 and 48, not 64 and 32; one row is a tile of one row.
// CHECK-LABEL: func.func @even_columns(
// CHECK:         scf.forall (%{{.+}}, %{{.+}}) = (0, 0) to (1, 96) step (1, 48)
func.func @even_columns(%a: tensor<1x32xf32>, %b: tensor<32x96xf32>, %out: tensor<1x96xf32>) -> tensor<1x96xf32> attributes {transmamba.entry} {
  %product = linalg.matmul ins(%a, %b : tensor<1x32xf32>, tensor<32x96xf32>) outs(%out : tensor<1x96xf32>) -> tensor<1x96xf32>
  return %product : tensor<1x96xf32>
}

// -----

// What one tile covers still gets a loop, which is the kernel. What nothing uses goes.
// CHECK-LABEL: func.func @one_tile(
// CHECK-NOT:     linalg.log
// CHECK:         scf.forall (
// CHECK:           linalg.exp
// CHECK-NOT:     linalg.log
// CHECK:         return
func.func @one_tile(%x: tensor<4x8xf32>, %out: tensor<4x8xf32>) -> tensor<4x8xf32> attributes {transmamba.entry} {
  %dead = linalg.log ins(%x : tensor<4x8xf32>) outs(%out : tensor<4x8xf32>) -> tensor<4x8xf32>
  %y = linalg.exp ins(%x : tensor<4x8xf32>) outs(%out : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// Work that is in a loop already, and functions that are no entry point, stay.
// CHECK-LABEL: func.func @helper(
// CHECK-NOT:     scf.forall (
// CHECK:         linalg.exp
func.func @helper(%x: tensor<4x8xf32>, %out: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %y = linalg.exp ins(%x : tensor<4x8xf32>) outs(%out : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// Rows that are reduced go several to a tile, if asked: 4 where 2048 elements
// are 1, and a power of two where they are 5.
// REDUCED-LABEL: func.func @wide_rows
// REDUCED:         scf.forall {{.*}} step (4)
// REDUCED-LABEL: func.func @narrow_rows
// REDUCED:         scf.forall {{.*}} step (4)
func.func @wide_rows(%x: tensor<?x1536xf32>, %init: tensor<?xf32>) -> tensor<?xf32> attributes {transmamba.entry} {
  %y = linalg.reduce { arith.addf } ins(%x : tensor<?x1536xf32>) outs(%init : tensor<?xf32>) dimensions = [1]
  return %y : tensor<?xf32>
}
func.func @narrow_rows(%x: tensor<?x384xf32>, %init: tensor<?xf32>, %out: tensor<?x384xf32>) -> tensor<?x384xf32> attributes {transmamba.entry} {
  %s = linalg.reduce { arith.addf } ins(%x : tensor<?x384xf32>) outs(%init : tensor<?xf32>) dimensions = [1]
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]} ins(%x, %s : tensor<?x384xf32>, tensor<?xf32>) outs(%out : tensor<?x384xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %r = arith.mulf %a, %b : f32
    linalg.yield %r : f32
  } -> tensor<?x384xf32>
  return %y : tensor<?x384xf32>
}

// -----

// A loop that nothing needs goes, whatever it says of its work.
// CHECK-LABEL: func.func @unused_loop(
// CHECK-NOT:     scf.forall
// CHECK:         return
func.func @unused_loop(%out: tensor<4x8xf32>, %n: index) -> tensor<4x8xf32> attributes {transmamba.entry} {
  %dead = scf.forall (%i) in (4) shared_outs(%o = %out) -> (tensor<4x8xf32>) {
    transmamba.work flop(%n) bytes(%n)
    %row = tensor.extract_slice %o[%i, 0] [1, 8] [1, 1] : tensor<4x8xf32> to tensor<1x8xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %row into %o[%i, 0] [1, 8] [1, 1] : tensor<1x8xf32> into tensor<4x8xf32>
    }
  }
  return %out : tensor<4x8xf32>
}

// -----

// Two operations of one kernel: neither the size of the first nor a slice of it makes it a kernel of its own. Its elements are counted,
// and what it leaves to the second is not moved: 2 operations and 3 tensors of f32.
// CHECK-DAG: #[[$FLOP:.+]] = affine_map<()[s0, s1] -> (s0 * 8 + s1 * 8)>
// CHECK-DAG: #[[$BYTES:.+]] = affine_map<()[s0, s1, s2] -> (s0 * 32 + s1 * 32 + s2 * 32)>
// CHECK-LABEL: func.func @chain(
// CHECK-DAG:     %[[F:.+]] = affine.apply #[[$FLOP]]
// CHECK-DAG:     %[[B:.+]] = affine.apply #[[$BYTES]]
// CHECK:         scf.forall
// CHECK-NEXT:      transmamba.work flop(%[[F]]) bytes(%[[B]])
// CHECK:           linalg.add
// CHECK:           linalg.mul
// CHECK-NOT:     scf.forall (
// CHECK:         return
func.func @chain(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {transmamba.entry} {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x8xf32>
  %empty = tensor.empty(%n) : tensor<?x8xf32>
  %sum = linalg.add ins(%x, %y : tensor<?x8xf32>, tensor<?x8xf32>) outs(%empty : tensor<?x8xf32>) -> tensor<?x8xf32>
  %product = linalg.mul ins(%sum, %y : tensor<?x8xf32>, tensor<?x8xf32>) outs(%empty : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %product : tensor<?x8xf32>
}
