// RUN: transmamba-opt %s --split-input-file --convert-transmamba-to-tile --canonicalize --cse | FileCheck %s

// Queries, keys and values are columns of one tensor: the kernel reads them where they are. Two query heads read one of the
// keys. What lies beyond the length of its row is zero.
// CHECK-LABEL: func.func @grouped(
// CHECK-SAME:      %[[X:.*]]: tensor<?x?x768xbf16>, %[[LENGTHS:.*]]: tensor<?xi32>,
// CHECK-DAG:     %[[HEADS:.*]] = arith.constant 4 : index
// CHECK-DAG:     %[[BLOCK:.*]] = arith.constant 192 : index
// CHECK:         %[[BLOCKS:.*]] = arith.ceildivui %[[T:.*]], %[[BLOCK]]
// CHECK:         %[[EMPTY:.*]] = tensor.empty(%[[B:.*]], %[[T]]) : tensor<?x?x384xbf16>
// CHECK:         %[[O:.*]] = tile.launch @attention_h4_2_d96 grid(%[[HEADS]], %[[BLOCKS]], %[[B]])
// CHECK-SAME:        ins(%[[X]], %[[X]], %[[X]], %[[LENGTHS]] : {{.*}}) outs(%[[EMPTY]] : tensor<?x?x384xbf16>)
// CHECK:         tensor.expand_shape %[[O]] {{\[\[}}0], [1], [2, 3]] {{.*}} into tensor<?x?x4x96xbf16>
// CHECK-NOT:     transmamba.attention
func.func @grouped(%x: tensor<?x?x768xbf16>, %lengths: tensor<?xi32>, %B: index, %T: index) -> tensor<?x?x4x96xbf16> {
  %q = tensor.extract_slice %x[0, 0, 0] [%B, %T, 384] [1, 1, 1] : tensor<?x?x768xbf16> to tensor<?x?x384xbf16>
  %k = tensor.extract_slice %x[0, 0, 384] [%B, %T, 192] [1, 1, 1] : tensor<?x?x768xbf16> to tensor<?x?x192xbf16>
  %v = tensor.extract_slice %x[0, 0, 576] [%B, %T, 192] [1, 1, 1] : tensor<?x?x768xbf16> to tensor<?x?x192xbf16>
  %qh = tensor.expand_shape %q [[0], [1], [2, 3]] output_shape [%B, %T, 4, 96] : tensor<?x?x384xbf16> into tensor<?x?x4x96xbf16>
  %kh = tensor.expand_shape %k [[0], [1], [2, 3]] output_shape [%B, %T, 2, 96] : tensor<?x?x192xbf16> into tensor<?x?x2x96xbf16>
  %vh = tensor.expand_shape %v [[0], [1], [2, 3]] output_shape [%B, %T, 2, 96] : tensor<?x?x192xbf16> into tensor<?x?x2x96xbf16>
  %y = transmamba.attention %qh, %kh, %vh lengths(%lengths : tensor<?xi32>) {causal}
      : tensor<?x?x4x96xbf16>, tensor<?x?x2x96xbf16>, tensor<?x?x2x96xbf16> -> tensor<?x?x4x96xbf16>
  return %y : tensor<?x?x4x96xbf16>
}

// CHECK:      tile.kernel @attention_h4_2_d96(%[[Q:.*]]: memref<?x?x768xbf16>, %[[K:.*]]: memref<?x?x768xbf16>, %[[V:.*]]: memref<?x?x768xbf16>, %[[L:.*]]: memref<?xi32>, %[[O:.*]]: memref<?x?x384xbf16>)
// CHECK-SAME:     tile.config = {block_m = 192 : i64, block_n = 112 : i64, stages = 2 : i64}
// CHECK-DAG:    %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG:    %[[C1:.*]] = arith.constant 1 : index
// CHECK-DAG:    %[[SCALE:.*]] = arith.constant 0.14724{{.*}} : f32
// CHECK-DAG:    %[[HIDDEN:.*]] = arith.constant 0xFF800000 : f32
// CHECK-DAG:    %[[KEYS:.*]] = arith.constant 384 : index
// CHECK-DAG:    %[[VALUES:.*]] = arith.constant 576 : index
// CHECK:        %[[BATCH:.*]] = tile.block_id z
// CHECK:        %[[HEAD:.*]] = tile.block_id x
// CHECK:        %[[FIRST:.*]] = arith.muli
// CHECK:        %[[LENGTH:.*]] = memref.load %[[L]][%[[BATCH]]]
// CHECK:        %[[TOKENS:.*]] = memref.dim %[[O]], %[[C1]]
// CHECK:        %[[END:.*]] = arith.minsi %{{.*}}, %[[TOKENS]]
// Keys up to those of the last query, as far as there are any; none where there are no queries.
// CHECK:        %[[INSIDE:.*]] = arith.cmpi slt, %[[FIRST]], %[[END]]
// CHECK:        arith.select %[[INSIDE]]
// CHECK:        %[[TILES:.*]] = arith.maxsi %{{.*}}, %[[C1]]
// CHECK:        %[[QS:.*]] = tile.ring : !tile.ring<192x96xbf16, stages = 1>
// CHECK:        %[[KS:.*]] = tile.ring : !tile.ring<112x96xbf16, stages = 2>
// CHECK:        %[[VS:.*]] = tile.ring : !tile.ring<112x96xbf16, stages = 2>
// CHECK:        tile.producer registers 24 {
// CHECK:          %[[GROUP:.*]] = arith.divui %[[HEAD]]
// CHECK:          %[[GC:.*]] = arith.muli %[[GROUP]]
// CHECK:          %[[KC:.*]] = arith.addi %[[GC]], %[[KEYS]]
// CHECK:          %[[VC:.*]] = arith.addi %{{.*}}, %[[VALUES]]
// CHECK:          tile.load %[[Q]][%[[BATCH]], %[[FIRST]], %{{.*}}] to %[[QS]]
// CHECK:          scf.for {{.*}} to %[[TILES]]
// CHECK:            tile.load %[[K]][%[[BATCH]], %[[KEY:.*]], %[[KC]]] to %[[KS]]
// CHECK-NEXT:       tile.load %[[V]][%[[BATCH]], %[[KEY]], %[[VC]]] to %[[VS]]
// CHECK:        tile.consumers %{{.*}} in 3 registers 160 {
// Tiles of keys behind all queries of this warpgroup.
// CHECK:          %[[SKIPPED:.*]] = arith.maxsi
// CHECK:          scf.for %{{.*}} = %[[C0]] to %[[SKIPPED]]
// CHECK-NEXT:       tile.consumer_wait %[[KS]]
// CHECK-NEXT:       tile.consumer_release %[[KS]]
// CHECK-NEXT:       tile.consumer_wait %[[VS]]
// CHECK-NEXT:       tile.consumer_release %[[VS]]
// CHECK-NEXT:       tile.turn_wait
// CHECK-NEXT:       tile.turn_pass
// CHECK-NEXT:     }
// The diagonal, which two tiles may share:
// CHECK:          tile.mma {{.*}} transpose_b
// CHECK:          arith.select %{{.*}}, %{{.*}}, %[[HIDDEN]]
// CHECK:          tile.row_reduce max
// The values of the diagonal may be beyond the length.
// CHECK:          %[[SECOND:.*]] = arith.addi %[[SKIPPED]], %[[C1]]
// CHECK:          scf.for %{{.*}} = %[[SECOND]] to %[[NEXT:[^ ]*]]
// CHECK:            tile.consumer_wait %[[VS]]
// CHECK:            tile.clear_rows
// CHECK:            tile.mma {{.*}} acc
// CHECK:            arith.select %{{.*}}, %{{.*}}, %[[HIDDEN]]
// CHECK:          scf.for %{{.*}} = %[[NEXT]] to %[[TILES]]
// CHECK-NOT:        tile.clear_rows
// CHECK:            tile.turn_wait
// CHECK-NEXT:       %[[S:.*]] = tile.mma {{.*}} transpose_b
// CHECK-NEXT:       tile.consumer_wait %[[VS]]
// CHECK-NEXT:       %[[PV:.*]] = tile.mma {{.*}} acc
// CHECK-NEXT:       tile.turn_pass
// CHECK-NEXT:       tile.await %[[S]]
// CHECK:            %[[SUM:.*]] = tile.map {{.*}} -> !tile.rows<64xf32, partial> {
// CHECK:            tile.await %[[PV]] after %[[SUM]]
// CHECK:            scf.yield
// The result: the mean of the values, or zero beyond the length.
// CHECK:          arith.divf
// CHECK:          arith.cmpi slt, %{{.*}}, %{{.*}} : index
// CHECK:          arith.select
// CHECK:          tile.store_fragment
// CHECK:          tile.store %{{.*}} to %[[O]]

// -----

// Heads that no tensor holds side by side are joined; kernels that differ in nothing else than the scale are two.
// CHECK-LABEL: func.func @scales(
// CHECK-DAG:     tensor.collapse_shape %{{.*}} {{\[\[}}0], [1], [2, 3]] : tensor<2x100x4x64xf16> into tensor<2x100x256xf16>
// CHECK-DAG:     tile.launch @attention_h4_4_d64 grid
// CHECK-DAG:     tile.launch @attention_h4_4_d64_0 grid
// CHECK:       tile.kernel @attention_h4_4_d64(%{{.*}}: memref<2x100x256xf16>
// CHECK:       tile.kernel @attention_h4_4_d64_0(
// CHECK-NOT:   tile.kernel
func.func @scales(%q: tensor<2x100x4x64xf16>, %k: tensor<2x100x4x64xf16>, %v: tensor<2x100x4x64xf16>)
    -> (tensor<2x100x4x64xf16>, tensor<2x100x4x64xf16>, tensor<2x100x4x64xf16>) {
  %x = transmamba.attention %q, %k, %v {causal} : tensor<2x100x4x64xf16>, tensor<2x100x4x64xf16>, tensor<2x100x4x64xf16> -> tensor<2x100x4x64xf16>
  %y = transmamba.attention %q, %k, %v {causal, scale = 0.5 : f64} : tensor<2x100x4x64xf16>, tensor<2x100x4x64xf16>, tensor<2x100x4x64xf16> -> tensor<2x100x4x64xf16>
  %z = transmamba.attention %k, %k, %v {causal} : tensor<2x100x4x64xf16>, tensor<2x100x4x64xf16>, tensor<2x100x4x64xf16> -> tensor<2x100x4x64xf16>
  return %x, %y, %z : tensor<2x100x4x64xf16>, tensor<2x100x4x64xf16>, tensor<2x100x4x64xf16>
}

// -----

// All keys, of which there are others than queries: their number is an argument.
// CHECK-LABEL: func.func @full(
// CHECK-SAME:      %[[Q:.*]]: tensor<?x?x256xbf16>, %[[K:.*]]: tensor<?x?x256xbf16>
// CHECK:         %[[KH:.*]] = tensor.expand_shape %[[K]]
// CHECK:         %[[N:.*]] = tensor.dim %[[KH]], %c1
// CHECK:         tile.launch @attention_h4_4_d64_full grid(
// CHECK-SAME:        ins(%[[Q]], %[[K]], %[[K]], %[[N]] : tensor<?x?x256xbf16>, tensor<?x?x256xbf16>, tensor<?x?x256xbf16>, index)
// CHECK:       tile.kernel @attention_h4_4_d64_full(%{{.*}}: memref<?x?x256xbf16>, %{{.*}}: memref<?x?x256xbf16>, %{{.*}}: memref<?x?x256xbf16>, %[[END:.*]]: index, %{{.*}}: memref<?x?x256xbf16>)
// CHECK:         tile.consumers
// CHECK:           tile.map {{.*}} {
// CHECK:             arith.cmpi slt, %[[COLUMN:.*]], %{{.*}} : index
// A row may have no key.
// CHECK:           tile.row_reduce max
// CHECK-NEXT:      tile.map {{.*}} -> !tile.rows<64xf32> {
// CHECK-NEXT:        arith.maxnumf
// CHECK:           arith.divf
// CHECK:           arith.select
func.func @full(%q: tensor<?x?x256xbf16>, %k: tensor<?x?x256xbf16>, %B: index, %T: index, %S: index) -> tensor<?x?x4x64xbf16> {
  %qh = tensor.expand_shape %q [[0], [1], [2, 3]] output_shape [%B, %T, 4, 64] : tensor<?x?x256xbf16> into tensor<?x?x4x64xbf16>
  %kh = tensor.expand_shape %k [[0], [1], [2, 3]] output_shape [%B, %S, 4, 64] : tensor<?x?x256xbf16> into tensor<?x?x4x64xbf16>
  %y = transmamba.attention %qh, %kh, %kh : tensor<?x?x4x64xbf16>, tensor<?x?x4x64xbf16>, tensor<?x?x4x64xbf16> -> tensor<?x?x4x64xbf16>
  return %y : tensor<?x?x4x64xbf16>
}

// -----

// A window, and heads of 256: tiles of 48 keys. The tiles at both ends of the window are masked, in a loop each.
// CHECK-LABEL: func.func @window(
// CHECK:         tile.launch @attention_h4_4_d256_window100
// CHECK:       tile.kernel @attention_h4_4_d256_window100(
// CHECK-SAME:      block_n = 48
// CHECK:         %[[OLDEST:.*]] = arith.minsi
// CHECK-NEXT:    %[[TILES:.*]] = arith.subi %{{.*}}, %[[OLDEST]]
// CHECK:         tile.consumers
// CHECK:           tile.map
// CHECK:             arith.cmpi sle
// CHECK:             arith.cmpi slt
// CHECK-NEXT:        arith.andi
// CHECK:           scf.for %{{.*}} = %{{.*}} to %[[NEXT:[^ ]*]] step %c1{{.*}} iter_args
// CHECK:             arith.andi
// CHECK:           scf.for %{{.*}} = %[[NEXT]] to %[[LAST:[^ ]*]]
// CHECK-NOT:         arith.andi
// CHECK:           scf.for %{{.*}} = %[[LAST]] to %[[TILES]]
// CHECK:             arith.andi
func.func @window(%x: tensor<?x?x4x256xbf16>) -> tensor<?x?x4x256xbf16> {
  %y = transmamba.attention %x, %x, %x {causal, window = 100 : i64} : tensor<?x?x4x256xbf16>, tensor<?x?x4x256xbf16>, tensor<?x?x4x256xbf16> -> tensor<?x?x4x256xbf16>
  return %y : tensor<?x?x4x256xbf16>
}

// -----

// A window that no sequence fills is none.
// CHECK-LABEL: func.func @all(
// CHECK:         tile.launch @attention_h4_4_d64 grid
// CHECK:       tile.kernel @attention_h4_4_d64(
// CHECK-NOT:     arith.andi
func.func @all(%x: tensor<?x?x4x64xbf16>) -> tensor<?x?x4x64xbf16> {
  %y = transmamba.attention %x, %x, %x {causal, window = 4294967296 : i64} : tensor<?x?x4x64xbf16>, tensor<?x?x4x64xbf16>, tensor<?x?x4x64xbf16> -> tensor<?x?x4x64xbf16>
  return %y : tensor<?x?x4x64xbf16>
}

// -----

// What stays: another head dimension, f32, a scale for which the largest product is not the largest score.
// CHECK-LABEL: func.func @kept(
// CHECK-COUNT-3: transmamba.attention
// CHECK-NOT:     tile.
func.func @kept(%x: tensor<?x?x4x64xbf16>, %y: tensor<?x?x4x48xbf16>, %z: tensor<?x?x4x64xf32>)
    -> (tensor<?x?x4x64xbf16>, tensor<?x?x4x48xbf16>, tensor<?x?x4x64xf32>) {
  %0 = transmamba.attention %x, %x, %x {causal, scale = -0.5 : f64} : tensor<?x?x4x64xbf16>, tensor<?x?x4x64xbf16>, tensor<?x?x4x64xbf16> -> tensor<?x?x4x64xbf16>
  %1 = transmamba.attention %y, %y, %y {causal} : tensor<?x?x4x48xbf16>, tensor<?x?x4x48xbf16>, tensor<?x?x4x48xbf16> -> tensor<?x?x4x48xbf16>
  %2 = transmamba.attention %z, %z, %z {causal} : tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32> -> tensor<?x?x4x64xf32>
  return %0, %1, %2 : tensor<?x?x4x64xbf16>, tensor<?x?x4x48xbf16>, tensor<?x?x4x64xf32>
}
