// RUN: transmamba-opt %s --split-input-file --convert-transmamba-to-tile --canonicalize --cse | FileCheck %s
// RUN: transmamba-opt %s --split-input-file --convert-transmamba-to-tile=batch-invariant --canonicalize --cse | FileCheck %s --check-prefix=INVARIANT

// A scan with everything: grouped queries and keys that are columns of the tensor of the values, D, an initial state, lengths.
// Two heads a block. There are as many segments as there is room for blocks, of 512 tokens or more, in multiples of 64.
// CHECK-LABEL: func.func @scan(
// CHECK-SAME:      %[[X:.*]]: tensor<?x?x384xbf16>, %[[DT:.*]]: tensor<?x?x4xf32>, %[[A:.*]]: tensor<4xf32>, %[[D:.*]]: tensor<4xf32>, %[[LENGTHS:.*]]: tensor<?xi32>, %[[INIT:.*]]: !transmamba.ssm_state
// CHECK-DAG:     %[[C0:.*]] = arith.constant 0
// CHECK-DAG:     %[[C1:.*]] = arith.constant 1 :
// CHECK-DAG:     %[[C2:.*]] = arith.constant 2 :
// CHECK-DAG:     %[[C12:.*]] = arith.constant 12 :
// CHECK-DAG:     %[[C64:.*]] = arith.constant 64 :
// CHECK-DAG:     %[[C512:.*]] = arith.constant 512
// CHECK:         %[[H0:.*]] = builtin.unrealized_conversion_cast %[[INIT]] : {{.*}} to tensor<?x4x64x64xf32>
// CHECK:         %[[CHAINS:[a-z0-9_]+]] = arith.muli %[[ROWS:[a-z0-9_]+]], %[[C2]]
// CHECK:         %[[SMS:.*]] = tile.multiprocessors
// CHECK:         %[[ROOM:.*]] = arith.divui %[[SMS]], %[[CHAINS]]
// CHECK:         %[[LONG:.*]] = arith.divui %[[T:[a-z0-9_]+]], %[[C512]]
// CHECK:         %[[FEWER:.*]] = arith.minui %[[ROOM]], %[[LONG]]
// CHECK:         %[[COUNT:.*]] = arith.maxui %[[FEWER]], %[[C1]]
// CHECK:         %[[COUNT64:.*]] = arith.muli %[[COUNT]], %[[C64]]
// CHECK:         %[[CHUNKS:.*]] = arith.ceildivui %[[T]], %[[COUNT64]]
// CHECK:         %[[SIZE:[a-z0-9_]+]] = arith.muli %[[CHUNKS]], %[[C64]]
// CHECK:         %[[CUT:[a-z0-9_]+]] = arith.ceildivui %[[T]], %[[SIZE]]
// CHECK:         %[[SEGMENTS:[a-z0-9_]+]] = arith.maxui %[[CUT]], %[[C1]]
// CHECK:         %[[BEFORE:[a-z0-9_]+]] = arith.subi %[[SEGMENTS]], %[[C1]]
// CHECK:         %[[S:[a-z0-9_]+]]:2 = tile.launch @scan_state_h4_n64_d64 grid(%[[C2]], %[[ROWS]], %[[BEFORE]])
// CHECK-SAME:        ins(%[[X]], %[[X]], %[[DT]], %[[A]], %[[LENGTHS]], %[[C0]], %[[SIZE]] :
// CHECK-SAME:        -> tensor<?x?x4x64x64xf32>, tensor<?x?x4xf32>
// CHECK:         %[[MANY:[a-z0-9_]+]] = arith.divui %[[BEFORE]], %[[C12]]
// CHECK:         %[[COMBINED:[a-z0-9_]+]] = arith.minui %[[MANY]], %[[C1]]
// CHECK:         %[[H:[a-z0-9_]+]] = tile.launch @scan_combine_h4_n64_d64 grid(%{{[a-z0-9_]+}}, %[[ROWS]], %[[COMBINED]])
// CHECK-SAME:        ins(%[[H0]], %[[S]]#1, %[[BEFORE]] : {{.*}} outs(%[[S]]#0
// CHECK:         %[[R:[a-z0-9_]+]]:2 = tile.launch @scan_h4_n64_d64 grid(%[[C2]], %[[ROWS]], %[[SEGMENTS]])
// CHECK-SAME:        ins(%[[X]], %[[X]], %[[X]], %[[DT]], %[[A]], %[[D]], %[[H0]], %[[LENGTHS]], %[[H]], %[[S]]#1, %[[C0]], %[[SIZE]], %[[COMBINED]] :
// CHECK-SAME:        -> tensor<?x?x256xbf16>, tensor<?x4x64x64xf32>
// CHECK:         tensor.expand_shape %[[R]]#0 {{.*}} into tensor<?x?x4x64xbf16>
// CHECK:         builtin.unrealized_conversion_cast %[[R]]#1 : {{.*}} to !transmamba.ssm_state
// CHECK-NOT:     transmamba.ssd_scan
func.func @scan(%x: tensor<?x?x384xbf16>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>, %D: tensor<4xf32>, %lengths: tensor<?xi32>,
                %init: !transmamba.ssm_state<layer = 0, 4x64x64xf32>, %B: index, %T: index)
    -> (tensor<?x?x4x64xbf16>, !transmamba.ssm_state<layer = 0, 4x64x64xf32>) {
  %q = tensor.extract_slice %x[0, 0, 0] [%B, %T, 64] [1, 1, 1] : tensor<?x?x384xbf16> to tensor<?x?x64xbf16>
  %k = tensor.extract_slice %x[0, 0, 64] [%B, %T, 64] [1, 1, 1] : tensor<?x?x384xbf16> to tensor<?x?x64xbf16>
  %v = tensor.extract_slice %x[0, 0, 128] [%B, %T, 256] [1, 1, 1] : tensor<?x?x384xbf16> to tensor<?x?x256xbf16>
  %qh = tensor.expand_shape %q [[0], [1], [2, 3]] output_shape [%B, %T, 1, 64] : tensor<?x?x64xbf16> into tensor<?x?x1x64xbf16>
  %kh = tensor.expand_shape %k [[0], [1], [2, 3]] output_shape [%B, %T, 1, 64] : tensor<?x?x64xbf16> into tensor<?x?x1x64xbf16>
  %vh = tensor.expand_shape %v [[0], [1], [2, 3]] output_shape [%B, %T, 4, 64] : tensor<?x?x256xbf16> into tensor<?x?x4x64xbf16>
  %y, %h = transmamba.ssd_scan %qh, %kh, %vh, %dt, %A skip(%D : tensor<4xf32>) init(%init : !transmamba.ssm_state<layer = 0, 4x64x64xf32>)
      lengths(%lengths : tensor<?xi32>)
      : tensor<?x?x1x64xbf16>, tensor<?x?x1x64xbf16>, tensor<?x?x4x64xbf16>, tensor<?x?x4xf32>, tensor<4xf32>
      -> tensor<?x?x4x64xbf16>, !transmamba.ssm_state<layer = 0, 4x64x64xf32>
  return %y, %h : tensor<?x?x4x64xbf16>, !transmamba.ssm_state<layer = 0, 4x64x64xf32>
}

// What a segment leaves, from its last chunk on: steps from its end on are left out, and the state needs no decay.
// CHECK:      tile.kernel @scan_state_h4_n64_d64(
// CHECK-SAME:     tile.config = {occupancy = 1 : i64, parts = 1 : i64, stages = {{[0-9]}} : i64, warpgroups = 2 : i64}
// CHECK:        tile.producer registers 40 {
// CHECK-COUNT-2:  tile.load
// CHECK:        tile.consumers %{{.*}} in 2 registers 232 {
// While a chunk is multiplied, the next one is prepared.
// CHECK:          scf.for {{.*}} iter_args(%[[STATE:[a-z0-9_]+]] = %{{[a-z0-9_]+}}, %[[KEYS:[a-z0-9_]+]] = %
// CHECK:            %[[SUM:[a-z0-9_]+]] = tile.mma %[[KEYS]], {{.*}} acc %[[STATE]]
// CHECK:            tile.map (%{{.*}} = %{{.*}}) [%[[TOKEN:.*]], %{{.*}}] : (!tile.vec<64xf32>)
// CHECK:              arith.addi %{{.*}}, %[[TOKEN]]
// CHECK:              arith.cmpi slt
// CHECK:              arith.select
// CHECK:            tile.prefix_sum
// CHECK:            tile.load_fragment transpose
// CHECK:            tile.await %[[SUM]]
// CHECK:            tile.scale_columns
// CHECK:          tile.mma
// CHECK-NOT:        tile.store
// CHECK:          tile.write
// CHECK:          memref.store

// One state after the other, eight read at once.
// CHECK:      tile.kernel @scan_combine_h4_n64_d64(
// CHECK:          %[[H0:.*]] = tile.read
// CHECK:          scf.for {{.*}} iter_args(%[[H:.*]] = %[[H0]])
// CHECK-COUNT-8:    tile.read
// CHECK-NOT:        tile.read
// CHECK:            tile.map (%{{.*}} = %[[H]],
// CHECK-COUNT-8:    tile.write
// CHECK-NOT:        tile.write

// CHECK:      tile.kernel @scan_h4_n64_d64(
// CHECK-SAME:     tile.config = {occupancy = 1 : i64, parts = 1 : i64, stages = {{[0-9]}} : i64, warpgroups = 2 : i64}
// CHECK:        tile.producer registers 40 {
// CHECK-COUNT-3:  tile.load {{.*}}], [
// CHECK:        tile.consumers %{{.*}} in 2 registers 232 {
// CHECK:          %[[TILE:.*]] = tile.row_slice
// The states of the segments before.
// CHECK:          %[[H0:.*]] = tile.read {{.*}} -> !tile.frag<64x64xf32>
// CHECK:          %[[H:[a-z0-9_]+]] = scf.for {{.*}} iter_args(%{{.*}} = %[[H0]])
// CHECK:            tile.read
// CHECK:            memref.load
// CHECK:            math.fma
// CHECK:          tile.store_fragment %[[H]] to %[[TILE]] :
// CHECK:          scf.for
// CHECK:            %[[S:[a-z0-9_]+]] = tile.mma {{.*}} transpose_b
// CHECK:            tile.load_fragment transpose
// CHECK:            tile.scale_columns
// CHECK:            %[[STATE:.*]] = tile.mma
// CHECK:            tile.await %[[S]]
// CHECK:            %[[NEW:.*]] = tile.await %[[STATE]]
// CHECK:            tile.mma %{{.*}}, %[[TILE]] :
// CHECK:            tile.prefix_sum
// CHECK:            %[[Y:[a-z0-9_]+]] = tile.mma {{.*}} acc
// CHECK:            tile.store_fragment %[[NEW]] to %[[TILE]]
// CHECK:            tile.await %[[Y]]
// CHECK:            tile.store
// CHECK:          tile.write

// -----

// The hybrid mixer from the start of a sequence: attention over the tokens before the TransPoint, whose segments only leave a state, and a
// scan of the others into the same tensor.
// CHECK-LABEL: func.func @mixer(
// CHECK-DAG:     %[[P:.*]] = arith.constant 128
// CHECK-DAG:     %[[C1:.*]] = arith.constant 1 :
// CHECK:         %[[N:[a-z0-9_]+]] = arith.minui %[[T:[a-z0-9_]+]], %[[P]] : index
// Queries are rotated by the kernel. How large the cache is, is not known here, so keys are rotated for both.
// CHECK:         %[[K:.*]] = transmamba.rope
// CHECK:         transmamba.append_kv %{{.*}}, %[[K]], %{{.*}} lengths
// CHECK:         %[[Y:[a-z0-9_]+]] = tile.launch @attention_h2_2_d96_rope
// CHECK:         %[[PREFIX:[a-z0-9_]+]] = arith.ceildivui %[[N]], %[[SIZE:[a-z0-9_]+]] : index
// CHECK:         %[[OTHERS:[a-z0-9_]+]] = arith.subi %[[T]], %[[N]]
// CHECK:         %[[CUT:[a-z0-9_]+]] = arith.ceildivui %[[OTHERS]], %[[SIZE]]
// CHECK:         %[[SEGMENTS:[a-z0-9_]+]] = arith.maxui %[[CUT]], %[[C1]]
// CHECK:         %[[BUT:[a-z0-9_]+]] = arith.subi %[[SEGMENTS]], %[[C1]]
// CHECK:         %[[STATES:[a-z0-9_]+]] = arith.addi %[[PREFIX]], %[[BUT]]
// CHECK:         tile.launch @scan_state_h2_n96_d96 grid(%{{[a-z0-9_]+}}, %{{[a-z0-9_]+}}, %[[STATES]]) flop({{.*}}) bytes({{.*}}) ins({{.*}}, %[[N]], %[[SIZE]] :
// CHECK:         tile.launch @scan_combine_h2_n96_d96
// CHECK:         tile.launch @scan_h2_n96_d96 grid(%{{[a-z0-9_]+}}, %{{[a-z0-9_]+}}, %[[SEGMENTS]]) flop({{.*}}) bytes({{.*}}) ins({{.*}}, %[[N]], %[[SIZE]], %{{[a-z0-9_]+}} : {{.*}} outs(%[[Y]],
// CHECK-NOT:     transmamba.switch
func.func @mixer(%q: tensor<?x?x2x96xbf16>, %k: tensor<?x?x2x96xbf16>, %v: tensor<?x?x2x96xbf16>, %dt: tensor<?x?x2xf32>, %A: tensor<2xf32>,
                 %cache: !transmamba.kv_cache<layer = 1, 2x96xbf16>, %lengths: tensor<?xi32>)
    -> (tensor<?x?x2x96xbf16>, !transmamba.ssm_state<layer = 1, 2x96x96xf32>, !transmamba.kv_cache<layer = 1, 2x96xbf16>) {
  %y, %h, %c = transmamba.switch %q, %k, %v, %dt, %A transpoint 128 cache(%cache : !transmamba.kv_cache<layer = 1, 2x96xbf16>)
      lengths(%lengths : tensor<?xi32>) {rope_theta = 1.0e+04 : f64}
      : tensor<?x?x2x96xbf16>, tensor<?x?x2x96xbf16>, tensor<?x?x2x96xbf16>, tensor<?x?x2xf32>, tensor<2xf32>
      -> tensor<?x?x2x96xbf16>, !transmamba.ssm_state<layer = 1, 2x96x96xf32>, !transmamba.kv_cache<layer = 1, 2x96xbf16>
  return %y, %h, %c : tensor<?x?x2x96xbf16>, !transmamba.ssm_state<layer = 1, 2x96x96xf32>, !transmamba.kv_cache<layer = 1, 2x96xbf16>
}

// -----

// The state alone: of segments, and what they leave together.
// CHECK-LABEL: func.func @memory(
// CHECK:         %[[S:[a-z0-9_]+]]:2 = tile.launch @scan_state_h2_n64_d32 grid(%{{[a-z0-9_]+}}, %[[ROWS:[a-z0-9_]+]], %{{[a-z0-9_]+}})
// CHECK:         %[[H:[a-z0-9_]+]] = tile.launch @scan_fold_h2_n64_d32 grid(%{{[a-z0-9_]+}}, %[[ROWS]], %{{[a-z0-9_]+}}) ins(%[[S]]#1, %[[S]]#0,
// CHECK:         builtin.unrealized_conversion_cast %[[H]]
// CHECK-NOT:     transmamba.convert_memory
// CHECK:       tile.kernel @scan_fold_h2_n64_d32(
// CHECK:         scf.for
// CHECK:           tile.read
// CHECK:         tile.write
func.func @memory(%k: tensor<?x?x1x64xbf16>, %v: tensor<?x?x2x32xbf16>, %dt: tensor<?x?x2xf32>, %A: tensor<2xf32>)
    -> !transmamba.ssm_state<layer = 0, 2x64x32xf32> {
  %h = transmamba.convert_memory %k, %v, %dt, %A
      : tensor<?x?x1x64xbf16>, tensor<?x?x2x32xbf16>, tensor<?x?x2xf32>, tensor<2xf32> -> !transmamba.ssm_state<layer = 0, 2x64x32xf32>
  return %h : !transmamba.ssm_state<layer = 0, 2x64x32xf32>
}

// -----

// A state that is too large for the registers of a warpgroup: the two of a block share a head. In any batch the same: segments are those of the
// largest one.
// CHECK-LABEL: func.func @large(
// CHECK:         tile.launch @scan_h2_n128_d128
// INVARIANT-LABEL: func.func @large(
// INVARIANT-DAG:   %[[CHAINS:[a-z0-9_]+]] = arith.constant 10
// INVARIANT:       arith.divui %{{.*}}, %[[CHAINS]]
// CHECK:       tile.kernel @scan_h2_n128_d128({{.*}}parts = 2 : i64
// CHECK:         tile.ring : !tile.ring<64x128xbf16
// CHECK:         tile.ring : !tile.ring<64x128xbf16
// CHECK:         tile.ring : !tile.ring<128x64xbf16
// CHECK:         tile.consumers %[[X:.*]] in 2
// CHECK:           arith.remui
module attributes {transmamba.max_batch = 5} {
  func.func @large(%q: tensor<?x?x2x128xbf16>, %dt: tensor<?x?x2xf32>, %A: tensor<2xf32>) -> tensor<?x?x2x128xbf16> {
    %y, %h = transmamba.ssd_scan %q, %q, %q, %dt, %A
        : tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>, tensor<?x?x2xf32>, tensor<2xf32>
        -> tensor<?x?x2x128xbf16>, !transmamba.ssm_state<layer = 2, 2x128x128xf32>
    return %y : tensor<?x?x2x128xbf16>
  }
}

// -----

// Not a kernel: f32, one token, a scan that starts later.
// CHECK-LABEL: func.func @not
// CHECK-COUNT-3: transmamba.ssd_scan
// CHECK-NOT:     tile.launch
func.func @not(%q: tensor<?x?x2x64xf32>, %dt: tensor<?x?x2xf32>, %A: tensor<2xf32>, %q1: tensor<?x1x2x64xbf16>, %dt1: tensor<?x1x2xf32>,
               %q3: tensor<?x?x2x64xbf16>, %h3: !transmamba.ssm_state<layer = 3, 2x64x64xf32>, %n: index)
    -> (tensor<?x?x2x64xf32>, tensor<?x1x2x64xbf16>, tensor<?x?x2x64xbf16>) {
  %y, %h = transmamba.ssd_scan %q, %q, %q, %dt, %A
      : tensor<?x?x2x64xf32>, tensor<?x?x2x64xf32>, tensor<?x?x2x64xf32>, tensor<?x?x2xf32>, tensor<2xf32>
      -> tensor<?x?x2x64xf32>, !transmamba.ssm_state<layer = 0, 2x64x64xf32>
  %y1, %g1 = transmamba.ssd_scan %q1, %q1, %q1, %dt1, %A
      : tensor<?x1x2x64xbf16>, tensor<?x1x2x64xbf16>, tensor<?x1x2x64xbf16>, tensor<?x1x2xf32>, tensor<2xf32>
      -> tensor<?x1x2x64xbf16>, !transmamba.ssm_state<layer = 1, 2x64x64xf32>
  %y3, %g3 = transmamba.ssd_scan %q3, %q3, %q3, %dt, %A init(%h3 : !transmamba.ssm_state<layer = 3, 2x64x64xf32>) start(%n)
      : tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2xf32>, tensor<2xf32>
      -> tensor<?x?x2x64xbf16>, !transmamba.ssm_state<layer = 3, 2x64x64xf32>
  return %y, %y1, %y3 : tensor<?x?x2x64xf32>, tensor<?x1x2x64xbf16>, tensor<?x?x2x64xbf16>
}

// -----

// So few tokens that there is one segment: the room for states is known.
// CHECK-LABEL: func.func @short(
// CHECK:         tile.launch @scan_state_h2_n64_d64 {{.*}} -> tensor<3x1x2x64x64xf32>, tensor<3x1x2xf32>
// CHECK:         tile.launch @scan_h2_n64_d64
func.func @short(%q: tensor<3x200x2x64xbf16>, %dt: tensor<3x200x2xf32>, %A: tensor<2xf32>) -> tensor<3x200x2x64xbf16> {
  %y, %h = transmamba.ssd_scan %q, %q, %q, %dt, %A
      : tensor<3x200x2x64xbf16>, tensor<3x200x2x64xbf16>, tensor<3x200x2x64xbf16>, tensor<3x200x2xf32>, tensor<2xf32>
      -> tensor<3x200x2x64xbf16>, !transmamba.ssm_state<layer = 0, 2x64x64xf32>
  return %y : tensor<3x200x2x64xbf16>
}
