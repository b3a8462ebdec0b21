// Every type with every parameter.
// RUN: %build_dir/bin/transmamba-opt %s --verify-roundtrip | FileCheck %s
// RUN: transmamba-opt %s --emit-bytecode | transmamba-opt | FileCheck %s

// CHECK: @smem(!tile.smem<128x96xbf16>, !tile.smem<1x3xi8>, !tile.smem<7x5xf32>)
func.func private @smem(!tile.smem<128x96xbf16>, !tile.smem<1x3xi8>, !tile.smem<7x5xf32>)
// CHECK: @ring(!tile.ring<128x96xf16, stages = 1>, !tile.ring<8x8xf8E4M3FN, stages = 16>)
func.func private @ring(!tile.ring<128x96xf16, stages = 1>, !tile.ring<8x8xf8E4M3FN, stages = 16>)
// CHECK: @frag(!tile.frag<64x8xf32>, !tile.frag<128x16xbf16, a>, !tile.frag<64x32xf16, a>)
func.func private @frag(!tile.frag<64x8xf32>, !tile.frag<128x16xbf16, a>, !tile.frag<64x32xf16, a>)
// CHECK: @pending(!tile.pending<64x256xf32>)
func.func private @pending(!tile.pending<64x256xf32>)
// CHECK: @rows(!tile.rows<64xf32>, !tile.rows<128xf32, partial>)
func.func private @rows(!tile.rows<64xf32>, !tile.rows<128xf32, partial>)
// CHECK: @cols(!tile.cols<8xf32>)
func.func private @cols(!tile.cols<8xf32>)
// CHECK: @vec(!tile.vec<32xf32>, !tile.vec<64xf32>, !tile.vec<128xf32>)
func.func private @vec(!tile.vec<32xf32>, !tile.vec<64xf32>, !tile.vec<128xf32>)
