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
// CHECK-DAG:    %[[C2:.*]] = arith.constant 2 : index
// CHECK-DAG:    %[[KEYS:.*]] = arith.constant 384 : index
// CHECK-DAG:    %[[VALUES:.*]] = arith.constant 576 : index
// CHECK:        %[[BATCH:.*]] = tile.block_id z
// CHECK:        %[[HEAD:.*]] = tile.block_id x
// Long blocks first.
// CHECK:        %[[AFTER:.*]] = arith.muli
// CHECK:        %[[FIRST:.*]] = arith.subi %[[AFTER]]
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
// CHECK:          %[[ROW:.*]] = arith.addi %[[FIRST]]
// Tiles of keys behind all queries of this warpgroup.
// CHECK:          %[[SKIPPED:.*]] = arith.maxsi
// CHECK-NEXT:     tile.skip %[[SKIPPED]] of %[[KS]], %[[VS]]
// The diagonal, which two tiles may share:
// CHECK:          tile.mma {{.*}} transpose_b
// CHECK:          %[[MASKED:.*]] = tile.mask %{{.*}} queries %[[ROW]] keys %{{.*}} :
// CHECK:          %[[LOWEST:.*]] = tile.fill
// CHECK:          tile.row_reduce max %[[MASKED]] onto %[[LOWEST]]
// The values of the diagonal may be beyond the length.
// CHECK:          %[[EDGE:.*]] = arith.maxsi %{{.*}}, %[[C2]]
// CHECK:          %[[SECOND:.*]] = arith.addi %[[SKIPPED]], %[[C1]]
// CHECK:          scf.for %[[I:.*]] = %[[SECOND]] to %[[TILES]] {{.*}} iter_args(%{{[^ ]*}} = %{{[^ ]*}}, %{{[^ ]*}} = %{{[^ ]*}}, %[[TOP:[^ ]*]] = %
// CHECK:            %[[ATEDGE:.*]] = arith.cmpi slt, %[[I]], %[[EDGE]]
// CHECK:            tile.turn_wait
// CHECK-NEXT:       %[[S:.*]] = tile.mma {{.*}} transpose_b
// CHECK-NEXT:       %[[V:.*]] = tile.consumer_wait %[[VS]]
// CHECK:            tile.clear_rows %[[V]] from %{{.*}} if %[[ATEDGE]]
// CHECK-NEXT:       %[[PV:.*]] = tile.mma {{.*}} acc
// CHECK-NEXT:       tile.turn_pass
// CHECK-NEXT:       %[[SA:.*]] = tile.await %[[S]]
// CHECK:            %[[SM:.*]] = tile.mask %[[SA]] queries %[[ROW]] keys %{{.*}} if %[[ATEDGE]]
// CHECK-NEXT:       %[[NEWTOP:.*]] = tile.row_reduce max %[[SM]] onto %[[TOP]]
// CHECK-NEXT:       tile.exp2 %[[TOP]] minus %[[NEWTOP]] times %[[SCALE]]
// CHECK-NEXT:       tile.exp2 %[[SM]] minus %[[NEWTOP]] times %[[SCALE]]
// CHECK:            %[[SUM:.*]] = tile.map math.fma {{.*}} -> !tile.rows<64xf32, partial>
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
// CHECK:           tile.mask %{{.*}} keys %{{.*}} end %[[END]] :
// A row may have no key.
// CHECK:           %[[LOWEST:.*]] = tile.fill
// CHECK:           tile.row_reduce max %{{.*}} onto %[[LOWEST]]
// CHECK:           tile.clear_rows %{{.*}} if
// CHECK:           arith.divf
// CHECK:           arith.select
func.func @full(%q: tensor<?x?x256xbf16>, %k: tensor<?x?x256xbf16>, %B: index, %T: index, %S: index) -> tensor<?x?x4x64xbf16> {
  %qh = tensor.expand_shape %q [[0], [1], [2, 3]] output_shape [%B, %T, 4, 64] : tensor<?x?x256xbf16> into tensor<?x?x4x64xbf16>
  %kh = tensor.expand_shape %k [[0], [1], [2, 3]] output_shape [%B, %S, 4, 64] : tensor<?x?x256xbf16> into tensor<?x?x4x64xbf16>
  %y = transmamba.attention %qh, %kh, %kh : tensor<?x?x4x64xbf16>, tensor<?x?x4x64xbf16>, tensor<?x?x4x64xbf16> -> tensor<?x?x4x64xbf16>
  return %y : tensor<?x?x4x64xbf16>
}

// -----

// A window, and heads of 256: tiles of 48 keys. Those at both ends of the window are masked.
// CHECK-LABEL: func.func @window(
// CHECK:         tile.launch @attention_h4_4_d256_window100
// CHECK:       tile.kernel @attention_h4_4_d256_window100(
// CHECK-SAME:      block_n = 48
// CHECK:         %[[OLDEST:.*]] = arith.minsi
// CHECK-NEXT:    %[[TILES:.*]] = arith.subi %{{.*}}, %[[OLDEST]]
// CHECK:         tile.consumers
// CHECK:           tile.mask %{{.*}} queries %{{.*}} keys %{{.*}} window 100 :
// CHECK:           %[[FIRST:.*]] = arith.maxsi
// CHECK:           %[[BLOCKS:.*]] = arith.ceildivui %[[FIRST]]
// CHECK:           %[[OLD:.*]] = arith.subi %{{.*}}, %[[BLOCKS]]
// CHECK:           scf.for %[[I:.*]] = %{{.*}} to %[[TILES]]
// CHECK:             %[[ATEDGE:.*]] = arith.cmpi slt, %[[I]]
// CHECK:             %[[ISOLD:.*]] = arith.cmpi sge, %[[I]], %[[OLD]]
// CHECK:             %[[SOME:.*]] = arith.ori %[[ATEDGE]], %[[ISOLD]]
// CHECK:             tile.mask %{{.*}} window 100 if %[[SOME]]
func.func @window(%x: tensor<?x?x4x256xbf16>) -> tensor<?x?x4x256xbf16> {
  %y = transmamba.attention %x, %x, %x {causal, window = 100 : i64} : tensor<?x?x4x256xbf16>, tensor<?x?x4x256xbf16>, tensor<?x?x4x256xbf16> -> tensor<?x?x4x256xbf16>
  return %y : tensor<?x?x4x256xbf16>
}

// -----

// A window that no sequence fills is none.
// CHECK-LABEL: func.func @all(
// CHECK:         tile.launch @attention_h4_4_d64 grid
// CHECK:       tile.kernel @attention_h4_4_d64(
// CHECK-NOT:     window
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

// -----

// Queries are rotated by the kernel, and keys on their way to the cache, from which they are read; values are read where they are.
// CHECK-LABEL: module attributes
// CHECK:       transmamba.parameter @[[COS:.*]] table <theta = 1.000000e+04, cos> : tensor<4096x24xf32>
// CHECK:       transmamba.parameter @[[SIN:.*]] table <theta = 1.000000e+04, sin> : tensor<4096x24xf32>
// CHECK-LABEL: func.func @rotated(
// CHECK-SAME:      %[[Q:[^:]*]]: tensor<?x?x4x96xbf16>, %[[K:[^:]*]]: tensor<?x?x2x96xbf16>, %[[V:[^:]*]]: tensor<?x?x2x96xbf16>, %[[CACHE:[^:]*]]: !transmamba.kv_cache<layer = 0, 2x96xbf16>
// CHECK-NOT:     transmamba.rope
// CHECK-DAG:     %[[QS:.*]] = tensor.collapse_shape %[[Q]]
// CHECK-DAG:     %[[VS:.*]] = tensor.collapse_shape %[[V]]
// CHECK-DAG:     %[[COSINES:.*]] = transmamba.get_parameter @[[COS]]
// CHECK-DAG:     %[[SINES:.*]] = transmamba.get_parameter @[[SIN]]
// CHECK-DAG:     %[[NEXT:.*]] = transmamba.append_kv %[[CACHE]], %[[K]], %[[V]] lengths(%{{.*}}) {rope_theta = 1.000000e+04 : f64, rotary_dim = 48 : i64}
// CHECK-DAG:     %[[KS:.*]] = builtin.unrealized_conversion_cast %[[NEXT]] : !transmamba.kv_cache<layer = 0, 2x96xbf16> to tensor<?x2x2x4096x96xbf16>
// CHECK:         tile.launch @attention_h4_2_d96_rope
// CHECK-SAME:        ins(%[[QS]], %[[KS]], %[[VS]], %[[COSINES]], %[[SINES]], %{{.*}} :
// CHECK:       tile.kernel @attention_h4_2_d96_rope(%{{.*}}: memref<?x?x384xbf16>, %[[KEYS:[^:]*]]: memref<?x2x2x4096x96xbf16>, %{{.*}}: memref<?x?x192xbf16>, %[[C:[^:]*]]: memref<4096x24xf32>, %[[S:[^:]*]]: memref<4096x24xf32>, %{{.*}}: memref<?xi32>, %{{.*}}: memref<?x?x384xbf16>)
// CHECK-DAG:     %[[C0:.*]] = arith.constant 0 : index
// CHECK:         tile.producer
// CHECK:           tile.load %[[KEYS]][%{{.*}}, %[[C0]], %{{.*}}, %{{.*}}, %[[C0]]]
// CHECK:         tile.consumers
// The positions are those of the queries of the warpgroup.
// CHECK:           %[[ROW:.*]] = arith.addi
// CHECK:           %[[COSF:.*]] = tile.read %[[C]][%[[ROW]], %[[C0]]] : memref<4096x24xf32> -> !tile.frag<64x24xf32>
// CHECK:           %[[SINF:.*]] = tile.read %[[S]][%[[ROW]], %[[C0]]]
// CHECK:           %[[ALL:.*]] = tile.consumer_wait
// CHECK:           %[[OWN:.*]] = tile.row_slice %[[ALL]]
// CHECK:           tile.rotate %[[OWN]] by %[[COSF]], %[[SINF]] : !tile.smem<64x96xbf16>, !tile.frag<64x24xf32>
// CHECK:           tile.mma %[[OWN]]
module attributes {transmamba.max_sequence = 4096 : i64} {
  func.func @rotated(%q: tensor<?x?x4x96xbf16>, %k: tensor<?x?x2x96xbf16>, %v: tensor<?x?x2x96xbf16>, %c: !transmamba.kv_cache<layer = 0, 2x96xbf16>,
                     %lengths: tensor<?xi32>) -> (tensor<?x?x4x96xbf16>, !transmamba.kv_cache<layer = 0, 2x96xbf16>) {
    %qr = transmamba.rope %q theta 1.0e+04 {rotary_dim = 48 : i64} : tensor<?x?x4x96xbf16>
    %kr = transmamba.rope %k theta 1.0e+04 {rotary_dim = 48 : i64} : tensor<?x?x2x96xbf16>
    %y = transmamba.attention %qr, %kr, %v lengths(%lengths : tensor<?xi32>) {causal}
        : tensor<?x?x4x96xbf16>, tensor<?x?x2x96xbf16>, tensor<?x?x2x96xbf16> -> tensor<?x?x4x96xbf16>
    %n = transmamba.append_kv %c, %kr, %v lengths(%lengths : tensor<?xi32>) : !transmamba.kv_cache<layer = 0, 2x96xbf16>, tensor<?x?x2x96xbf16>, tensor<?x?x2x96xbf16>
    return %y, %n : tensor<?x?x4x96xbf16>, !transmamba.kv_cache<layer = 0, 2x96xbf16>
  }
}

// -----

// What else reads the rotated queries or keys gets them; keys that do not all have a slot, or no cache, are rotated for themselves; and pairs
// that make no fragment are rotated before the kernel.
// CHECK-LABEL: module attributes
// CHECK-LABEL: func.func @others(
// CHECK:         %[[QR:.*]] = transmamba.rope %{{.*}} theta 1.000000e+04 : tensor<?x?x4x64xbf16>
// CHECK:         %[[KR:.*]] = transmamba.rope %{{.*}} theta 1.000000e+04 : tensor<?x?x4x64xbf16>
// CHECK:         tile.launch @attention_h4_4_d64 grid
// CHECK:         transmamba.append_kv %{{.*}}, %[[KR]], %{{[^ ]*}} : !
// CHECK:         return %{{.*}}, %[[QR]]
// CHECK-LABEL: func.func @odd(
// CHECK-COUNT-2: transmamba.rope %{{.*}} {rotary_dim = 24 : i64}
// CHECK:         tile.launch @attention_h4_4_d64 grid
// CHECK-LABEL: func.func @pairs(
// CHECK:         %[[KI:.*]] = transmamba.rope %{{.*}} {interleaved}
// CHECK-NOT:     transmamba.rope
// CHECK:         tile.launch @attention_h4_4_d64_rope grid
// CHECK:       tile.rotate interleaved
module attributes {transmamba.max_sequence = 4096 : i64, transmamba.schedule = #transmamba.schedule<[100]>} {
  func.func @others(%q: tensor<?x?x4x64xbf16>, %k: tensor<?x?x4x64xbf16>, %c: !transmamba.kv_cache<layer = 0, 4x64xbf16>)
      -> (tensor<?x?x4x64xbf16>, tensor<?x?x4x64xbf16>, !transmamba.kv_cache<layer = 0, 4x64xbf16>) {
    %qr = transmamba.rope %q theta 1.0e+04 : tensor<?x?x4x64xbf16>
    %kr = transmamba.rope %k theta 1.0e+04 : tensor<?x?x4x64xbf16>
    %y = transmamba.attention %qr, %kr, %k {causal} : tensor<?x?x4x64xbf16>, tensor<?x?x4x64xbf16>, tensor<?x?x4x64xbf16> -> tensor<?x?x4x64xbf16>
    %n = transmamba.append_kv %c, %kr, %k : !transmamba.kv_cache<layer = 0, 4x64xbf16>, tensor<?x?x4x64xbf16>, tensor<?x?x4x64xbf16>
    return %y, %qr, %n : tensor<?x?x4x64xbf16>, tensor<?x?x4x64xbf16>, !transmamba.kv_cache<layer = 0, 4x64xbf16>
  }
  func.func @odd(%q: tensor<?x?x4x64xbf16>, %k: tensor<?x?x4x64xbf16>) -> tensor<?x?x4x64xbf16> {
    %qr = transmamba.rope %q theta 1.0e+04 {rotary_dim = 24 : i64} : tensor<?x?x4x64xbf16>
    %kr = transmamba.rope %k theta 1.0e+04 {rotary_dim = 24 : i64} : tensor<?x?x4x64xbf16>
    %y = transmamba.attention %qr, %kr, %k {causal} : tensor<?x?x4x64xbf16>, tensor<?x?x4x64xbf16>, tensor<?x?x4x64xbf16> -> tensor<?x?x4x64xbf16>
    return %y : tensor<?x?x4x64xbf16>
  }
  func.func @pairs(%q: tensor<?x?x4x64xbf16>, %k: tensor<?x?x4x64xbf16>) -> tensor<?x?x4x64xbf16> {
    %qr = transmamba.rope %q theta 1.0e+04 {interleaved} : tensor<?x?x4x64xbf16>
    %kr = transmamba.rope %k theta 1.0e+04 {interleaved} : tensor<?x?x4x64xbf16>
    %y = transmamba.attention %qr, %kr, %k {causal} : tensor<?x?x4x64xbf16>, tensor<?x?x4x64xbf16>, tensor<?x?x4x64xbf16> -> tensor<?x?x4x64xbf16>
    return %y : tensor<?x?x4x64xbf16>
  }
}

// -----

// Logarithms of the sums are a second output; -inf where a query sees nothing.
// CHECK-LABEL: func.func @logarithms(
// CHECK:         %[[L:.*]] = tensor.empty(%{{.*}}, %{{.*}}) : tensor<?x?x4xf32>
// CHECK:         %[[Y:.*]]:2 = tile.launch @attention_h4_4_d64_lse
// CHECK-SAME:        outs(%{{.*}}, %[[L]] : tensor<?x?x256xbf16>, tensor<?x?x4xf32>)
// CHECK:         return %{{.*}}, %[[Y]]#1
// CHECK:       tile.kernel @attention_h4_4_d64_lse({{.*}}, %[[LOGS:[^:]*]]: memref<?x?x4xf32>)
// CHECK-DAG:     %[[LN2:.*]] = arith.constant 0.693147182 : f32
// CHECK-DAG:     %[[NOTHING:.*]] = arith.constant 0xFF800000 : f32
// CHECK:         %[[HEAD:.*]] = tile.block_id x
// CHECK:         %[[SUM:.*]] = tile.complete
// CHECK:         %[[VALUES:.*]] = tile.map (%{{.*}} = %{{.*}}, %{{.*}} = %[[SUM]]) [%{{.*}}, %{{.*}}] : (!tile.rows<64xf32>, !tile.rows<64xf32>) -> !tile.rows<64xf32> {
// CHECK:           %[[LOG:.*]] = math.log2
// CHECK:           %[[BOTH:.*]] = math.fma %{{.*}}, %{{.*}}, %[[LOG]]
// CHECK:           %[[NATURAL:.*]] = arith.mulf %[[BOTH]], %[[LN2]]
// CHECK:           arith.select %{{.*}}, %[[NATURAL]], %[[NOTHING]]
// CHECK:         tile.write %[[VALUES]] to %[[LOGS]][%{{.*}}, %{{.*}}, %[[HEAD]]]
func.func @logarithms(%x: tensor<?x?x4x64xbf16>, %lengths: tensor<?xi32>) -> (tensor<?x?x4x64xbf16>, tensor<?x?x4xf32>) {
  %y, %l = transmamba.attention %x, %x, %x lengths(%lengths : tensor<?xi32>) {causal}
      : tensor<?x?x4x64xbf16>, tensor<?x?x4x64xbf16>, tensor<?x?x4x64xbf16> -> tensor<?x?x4x64xbf16>, tensor<?x?x4xf32>
  return %y, %l : tensor<?x?x4x64xbf16>, tensor<?x?x4xf32>
}
