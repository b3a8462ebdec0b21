// Every numbered constraint of the dialect, violated once for each operation or type that has it: the number in the
// message is the one in the .td files.
// RUN: transmamba-opt %s --split-input-file --verify-diagnostics

// -----

// expected-error @+1 {{(T1) needs two sizes from 1 to 65536}}
func.func private @type(!tile.smem<8xf32>)

// -----

// expected-error @+1 {{(T1) needs two sizes from 1 to 65536}}
func.func private @type(!tile.smem<0x8xf32>)

// -----

// expected-error @+1 {{(T1) needs two sizes from 1 to 65536}}
func.func private @type(!tile.smem<65537x8xf32>)

// -----

// expected-error @+1 {{(T1) needs two sizes from 1 to 65536}}
func.func private @type(!tile.ring<8xbf16, stages = 1>)

// -----

// expected-error @+1 {{(T1) needs two sizes from 1 to 65536}}
func.func private @type(!tile.frag<64xf32>)

// -----

// expected-error @+1 {{(T1) needs two sizes from 1 to 65536}}
func.func private @type(!tile.pending<64x0xf32>)

// -----

// expected-error @+1 {{(T2) elements have 8, 16 or 32 bits, not 'i64'}}
func.func private @type(!tile.smem<8x8xi64>)

// -----

// expected-error @+1 {{(T2) elements have 8, 16 or 32 bits, not 'i1'}}
func.func private @type(!tile.smem<8x8xi1>)

// -----

// expected-error @+1 {{(T2) elements have 8, 16 or 32 bits, not 'index'}}
func.func private @type(!tile.smem<8x8xindex>)

// -----

// expected-error @+1 {{(T2) elements have 8, 16 or 32 bits, not 'f64'}}
func.func private @type(!tile.ring<8x8xf64, stages = 1>)

// -----

// expected-error @+1 {{(T3) a ring has 1 to 16 stages, not 0}}
func.func private @type(!tile.ring<8x8xbf16, stages = 0>)

// -----

// expected-error @+1 {{(T3) a ring has 1 to 16 stages, not 17}}
func.func private @type(!tile.ring<8x8xbf16, stages = 17>)

// -----

// expected-error @+1 {{(T4) a warpgroup holds a multiple of 64 rows, not 32}}
func.func private @type(!tile.frag<32x8xf32>)

// -----

// expected-error @+1 {{(T4) a warpgroup holds a multiple of 64 rows, not 96}}
func.func private @type(!tile.pending<96x8xf32>)

// -----

// expected-error @+1 {{(T4) the size is a positive multiple of 64, not 32}}
func.func private @type(!tile.rows<32xf32>)

// -----

// expected-error @+1 {{(T5) columns are a multiple of 8, not 4}}
func.func private @type(!tile.frag<64x4xf32>)

// -----

// expected-error @+1 {{(T5) columns are a multiple of 16, not 8}}
func.func private @type(!tile.frag<64x8xbf16, a>)

// -----

// expected-error @+1 {{(T5) columns are a multiple of 8, not 12}}
func.func private @type(!tile.pending<64x12xf32>)

// -----

// expected-error @+1 {{(T6) an accumulator holds f32, not 'bf16'}}
func.func private @type(!tile.frag<64x8xbf16>)

// -----

// expected-error @+1 {{(T6) an operand holds bf16 or f16, not 'f32'}}
func.func private @type(!tile.frag<64x16xf32, a>)

// -----

// expected-error @+1 {{(T6) an accumulator holds f32, not 'f16'}}
func.func private @type(!tile.pending<64x8xf16>)

// -----

// expected-error @+1 {{(T7) holds f32, not 'bf16'}}
func.func private @type(!tile.rows<64xbf16>)

// -----

// expected-error @+1 {{(T7) holds f32, not 'bf16'}}
func.func private @type(!tile.cols<8xbf16>)

// -----

// expected-error @+1 {{(T7) holds f32, not 'bf16'}}
func.func private @type(!tile.vec<32xbf16>)

// -----

// expected-error @+1 {{(T8) the size is a positive multiple of 8, not 12}}
func.func private @type(!tile.cols<12xf32>)

// -----

// expected-error @+1 {{(T9) the size is 32, 64 or 128, not 16}}
func.func private @type(!tile.vec<16xf32>)

// -----

// expected-error @+1 {{(T9) the size is 32, 64 or 128, not 256}}
func.func private @type(!tile.vec<256xf32>)

// -----

// expected-error @+1 {{needs one size}}
func.func private @type(!tile.rows<64x1xf32>)

// -----

// expected-error @+1 {{expected 'partial'}}
func.func private @type(!tile.rows<64xf32, whole>)

// -----

// expected-error @+1 {{expected 'a'}}
func.func private @type(!tile.frag<64x16xbf16, b>)

// -----

// expected-error @+1 {{'tile.kernel' op (K1) has no results}}
tile.kernel @k() -> index {
  tile.consumers %warpgroup in 1 registers 128 {
  }
}

// -----

// expected-error @+1 {{'tile.kernel' op (K1) arguments are contiguous memrefs, index or f32}}
tile.kernel @k(%a: i32) {
  tile.consumers %warpgroup in 1 registers 128 {
  }
}

// -----

// expected-error @+1 {{'tile.kernel' op (K1) arguments are contiguous memrefs, index or f32}}
tile.kernel @k(%a: f64) {
  tile.consumers %warpgroup in 1 registers 128 {
  }
}

// -----

// expected-error @+1 {{'tile.kernel' op (K1) arguments are contiguous memrefs, index or f32}}
tile.kernel @k(%a: memref<4x8xf32, strided<[16, 1]>>) {
  tile.consumers %warpgroup in 1 registers 128 {
  }
}

// -----

// expected-error @+1 {{'tile.kernel' op (K1) arguments are contiguous memrefs, index or f32}}
tile.kernel @k(%a: tensor<4xf32>) {
  tile.consumers %warpgroup in 1 registers 128 {
  }
}

// -----

// expected-error @+1 {{'tile.kernel' op (K2) has one tile.consumers}}
tile.kernel @k() {
  %n = arith.constant 0 : index
}

// -----

// expected-error @+1 {{'tile.kernel' op (K2) has one tile.consumers}}
tile.kernel @k() {
  tile.consumers %warpgroup in 1 registers 128 {
  }
  tile.consumers %other in 1 registers 128 {
  }
}

// -----

// expected-error @+1 {{'tile.kernel' op (K2) has one tile.producer at most}}
tile.kernel @k() {
  tile.producer registers 24 {
  }
  tile.producer registers 24 {
  }
  tile.consumers %warpgroup in 1 registers 128 {
  }
}

// -----

// expected-error @+1 {{'tile.kernel' op (K3) needs 67584 registers of 64512}}
tile.kernel @k() {
  tile.producer registers 48 {
  }
  tile.consumers %warpgroup in 2 registers 240 {
  }
}

// -----

// expected-error @+1 {{'tile.kernel' op (K3) needs 16384 registers of 12288}}
tile.kernel @k() attributes {occupancy = 5 : i32} {
  tile.consumers %warpgroup in 1 registers 128 {
  }
}

// -----

// expected-error @+1 {{'tile.kernel' op (K3) 1 to 8 blocks share a multiprocessor, not 0}}
tile.kernel @k() attributes {occupancy = 0 : i32} {
  tile.consumers %warpgroup in 1 registers 128 {
  }
}

// -----

// 227 KB, and the barriers.
// expected-error @+1 {{'tile.kernel' op (K4) needs 233488 bytes of shared memory of 233472}}
tile.kernel @k() {
  %a = tile.ring : !tile.ring<256x227xf32, stages = 1>
  tile.consumers %warpgroup in 1 registers 128 {
  }
}

// -----

// expected-error @+1 {{'tile.kernel' op (K4) needs 235520 bytes of shared memory of 233472}}
tile.kernel @k() attributes {occupancy = 2 : i32} {
  %a = tile.alloc : !tile.smem<114x256xf32>
  tile.consumers %warpgroup in 1 registers 128 {
  }
}

// -----

// expected-error @+1 {{a kernel has a body}}
tile.kernel @k()

// -----

tile.kernel @k() {
  // expected-error @+1 {{'tile.producer' op (R1) registers are a multiple of 8 from 24 to 240, not 20}}
  tile.producer registers 20 {
  }
  tile.consumers %warpgroup in 1 registers 128 {
  }
}

// -----

tile.kernel @k() {
  // expected-error @+1 {{'tile.producer' op (R1) registers are a multiple of 8 from 24 to 240, not 248}}
  tile.producer registers 248 {
  }
  tile.consumers %warpgroup in 1 registers 128 {
  }
}

// -----

tile.kernel @k() {
  // expected-error @+1 {{'tile.producer' op (R1) registers are a multiple of 8 from 24 to 240, not 25}}
  tile.producer registers 25 {
  }
  tile.consumers %warpgroup in 1 registers 128 {
  }
}

// -----

tile.kernel @k() {
  // expected-error @+1 {{'tile.consumers' op (R1) registers are a multiple of 8 from 24 to 240, not 16}}
  tile.consumers %warpgroup in 1 registers 16 {
  }
}

// -----

tile.kernel @k() {
  // expected-error @+1 {{'tile.consumers' op (R2) has 1 to 3 warpgroups, not 0}}
  tile.consumers %warpgroup in 0 registers 24 {
  }
}

// -----

tile.kernel @k() {
  // expected-error @+1 {{'tile.consumers' op (R2) has 1 to 3 warpgroups, not 4}}
  tile.consumers %warpgroup in 4 registers 24 {
  }
}

// -----

tile.kernel @k() {
  // expected-error @+1 {{'tile.consumers' op (R3) the body has one argument, an index}}
  "tile.consumers"() ({
    "tile.end"() : () -> ()
  }) {count = 1 : i32, registers = 24 : i32} : () -> ()
}

// -----

tile.kernel @k() {
  // expected-error @+1 {{'tile.consumers' op (R3) the body has one argument, an index}}
  "tile.consumers"() ({
  ^bb0(%a: i32):
    "tile.end"() : () -> ()
  }) {count = 1 : i32, registers = 24 : i32} : () -> ()
}

// -----

tile.kernel @k() {
  // expected-error @+1 {{'tile.consumers' op (R3) the body has one argument, an index}}
  "tile.consumers"() ({
  ^bb0(%a: index, %b: index):
    "tile.end"() : () -> ()
  }) {count = 1 : i32, registers = 24 : i32} : () -> ()
}

// -----

func.func private @f()
func.func @launch(%n: index) {
  // expected-error @+1 {{'tile.launch' op (L1) @f is not a tile.kernel}}
  tile.launch @f grid(%n, %n, %n)
  return
}

// -----

tile.kernel @k(%x: index) {
  tile.consumers %warpgroup in 1 registers 128 {
  }
}
func.func @launch(%n: index, %s: f32) {
  // expected-error @+1 {{'tile.launch' op (L2) operands do not have the types of the arguments of @k}}
  tile.launch @k grid(%n, %n, %n) ins(%s : f32)
  return
}

// -----

tile.kernel @k(%x: memref<?x16xbf16>, %w: memref<?x?xbf16>, %s: memref<?x12xbf16>, %f: memref<?x16xf16>, %n: index) {
  %r = tile.ring : !tile.ring<16x16xbf16, stages = 1>
  tile.producer registers 24 {
    // expected-error @+1 {{'tile.load' op (D1) has 1 indices for 2 dimensions}}
    tile.load %x[%n] to %r : memref<?x16xbf16>, !tile.ring<16x16xbf16, stages = 1>
  }
  tile.consumers %warpgroup in 1 registers 128 {
  }
}

// -----

tile.kernel @k(%x: memref<?x16xbf16>, %w: memref<?x?xbf16>, %s: memref<?x12xbf16>, %f: memref<?x16xf16>, %n: index) {
  %r = tile.ring : !tile.ring<16x16xbf16, stages = 1>
  tile.producer registers 24 {
    // expected-error @+1 {{'tile.load' op (D2) copies 'f16' to 'bf16'}}
    tile.load %f[%n, %n] to %r : memref<?x16xf16>, !tile.ring<16x16xbf16, stages = 1>
  }
  tile.consumers %warpgroup in 1 registers 128 {
  }
}

// -----

tile.kernel @k(%x: memref<?x16xbf16>, %w: memref<?x?xbf16>, %s: memref<?x12xbf16>, %f: memref<?x16xf16>, %n: index) {
  %r = tile.ring : !tile.ring<16x16xbf16, stages = 1>
  tile.consumers %warpgroup in 1 registers 128 {
    // expected-error @+1 {{'tile.load' op (D3) stands inside tile.producer}}
    tile.load %x[%n, %n] to %r : memref<?x16xbf16>, !tile.ring<16x16xbf16, stages = 1>
  }
}

// -----

tile.kernel @k(%x: memref<?x16xbf16>, %w: memref<?x?xbf16>, %s: memref<?x12xbf16>, %f: memref<?x16xf16>, %n: index) {
  %r = tile.ring : !tile.ring<16x16xbf16, stages = 1>
  tile.producer registers 24 {
    scf.for %i = %n to %n step %n iter_args(%q = %r) -> (!tile.ring<16x16xbf16, stages = 1>) {
      // expected-error @+1 {{'tile.load' op (D4) the ring is the result of a tile.ring}}
      tile.load %x[%n, %n] to %q : memref<?x16xbf16>, !tile.ring<16x16xbf16, stages = 1>
      scf.yield %q : !tile.ring<16x16xbf16, stages = 1>
    }
  }
  tile.consumers %warpgroup in 1 registers 128 {
  }
}

// -----

tile.kernel @k(%x: memref<?x16xbf16>, %w: memref<?x?xbf16>, %s: memref<?x12xbf16>, %f: memref<?x16xf16>, %n: index) {
  %r = tile.ring : !tile.ring<16x16xbf16, stages = 1>
  tile.consumers %warpgroup in 1 registers 128 {
    %last = scf.for %i = %n to %n step %n iter_args(%q = %r) -> (!tile.ring<16x16xbf16, stages = 1>) {
      // expected-error @+1 {{'tile.consumer_wait' op (D4) the ring is the result of a tile.ring}}
      %t = tile.consumer_wait %q : !tile.ring<16x16xbf16, stages = 1>
      scf.yield %q : !tile.ring<16x16xbf16, stages = 1>
    }
  }
}

// -----

tile.kernel @k(%x: memref<?x16xbf16>, %w: memref<?x?xbf16>, %s: memref<?x12xbf16>, %f: memref<?x16xf16>, %n: index) {
  %r = tile.ring : !tile.ring<16x16xbf16, stages = 1>
  tile.producer registers 24 {
    // expected-error @+1 {{'tile.consumer_wait' op (D6) stands inside tile.consumers}}
    %t = tile.consumer_wait %r : !tile.ring<16x16xbf16, stages = 1>
  }
  tile.consumers %warpgroup in 1 registers 128 {
  }
}

// -----

tile.kernel @k(%x: memref<?x16xbf16>, %w: memref<?x?xbf16>, %s: memref<?x12xbf16>, %f: memref<?x16xf16>, %n: index) {
  %r = tile.ring : !tile.ring<16x16xbf16, stages = 1>
  tile.consumers %warpgroup in 1 registers 128 {
    %last = scf.for %i = %n to %n step %n iter_args(%q = %r) -> (!tile.ring<16x16xbf16, stages = 1>) {
      // expected-error @+1 {{'tile.consumer_release' op (D4) the ring is the result of a tile.ring}}
      tile.consumer_release %q : !tile.ring<16x16xbf16, stages = 1>
      scf.yield %q : !tile.ring<16x16xbf16, stages = 1>
    }
  }
}

// -----

tile.kernel @k(%x: memref<?x16xbf16>, %w: memref<?x?xbf16>, %s: memref<?x12xbf16>, %f: memref<?x16xf16>, %n: index) {
  %r = tile.ring : !tile.ring<16x16xbf16, stages = 1>
  tile.producer registers 24 {
    // expected-error @+1 {{'tile.consumer_release' op (D6) stands inside tile.consumers}}
    tile.consumer_release %r : !tile.ring<16x16xbf16, stages = 1>
  }
  tile.consumers %warpgroup in 1 registers 128 {
  }
}

// -----

tile.kernel @k(%x: memref<?x16xbf16>, %w: memref<?x?xbf16>, %s: memref<?x12xbf16>, %f: memref<?x16xf16>, %n: index) {
  %r = tile.ring : !tile.ring<16x16xbf16, stages = 1>
  tile.producer registers 24 {
    // expected-error @+1 {{'tile.load' op (D5) a row of the tensor is a static multiple of 16 bytes}}
    tile.load %w[%n, %n] to %r : memref<?x?xbf16>, !tile.ring<16x16xbf16, stages = 1>
  }
  tile.consumers %warpgroup in 1 registers 128 {
  }
}

// -----

tile.kernel @k(%x: memref<?x16xbf16>, %w: memref<?x?xbf16>, %s: memref<?x12xbf16>, %f: memref<?x16xf16>, %n: index) {
  %r = tile.ring : !tile.ring<16x16xbf16, stages = 1>
  tile.producer registers 24 {
    // expected-error @+1 {{'tile.load' op (D5) a row of the tensor is a static multiple of 16 bytes}}
    tile.load %s[%n, %n] to %r : memref<?x12xbf16>, !tile.ring<16x16xbf16, stages = 1>
  }
  tile.consumers %warpgroup in 1 registers 128 {
  }
}

// -----

tile.kernel @k(%x: memref<?x16xbf16>, %w: memref<?x?xbf16>, %s: memref<?x12xbf16>, %f: memref<?x16xf16>, %n: index) {
  %t = tile.alloc : !tile.smem<16x16xbf16>
  tile.consumers %warpgroup in 1 registers 128 {
    // expected-error @+1 {{'tile.store' op (D1) has 3 indices for 2 dimensions}}
    tile.store %t to %x[%n, %n, %n] : !tile.smem<16x16xbf16>, memref<?x16xbf16>
  }
}

// -----

tile.kernel @k(%x: memref<?x16xbf16>, %w: memref<?x?xbf16>, %s: memref<?x12xbf16>, %f: memref<?x16xf16>, %n: index) {
  %t = tile.alloc : !tile.smem<16x16xbf16>
  tile.consumers %warpgroup in 1 registers 128 {
    // expected-error @+1 {{'tile.store' op (D2) copies 'f16' to 'bf16'}}
    tile.store %t to %f[%n, %n] : !tile.smem<16x16xbf16>, memref<?x16xf16>
  }
}

// -----

tile.kernel @k(%x: memref<?x16xbf16>, %w: memref<?x?xbf16>, %s: memref<?x12xbf16>, %f: memref<?x16xf16>, %n: index) {
  %t = tile.alloc : !tile.smem<16x16xbf16>
  tile.consumers %warpgroup in 1 registers 128 {
    // expected-error @+1 {{'tile.store' op (D5) a row of the tensor is a static multiple of 16 bytes}}
    tile.store %t to %s[%n, %n] : !tile.smem<16x16xbf16>, memref<?x12xbf16>
  }
}

// -----

tile.kernel @k(%s: f32) {
  %t = tile.alloc : !tile.smem<64x16xbf16>
  %c = tile.fill %s : f32 -> !tile.frag<64x8xf32>
  tile.producer registers 24 {
    // expected-error @+1 {{'tile.rotate' op (D6) stands inside tile.consumers}}
    tile.rotate %t by %c, %c : !tile.smem<64x16xbf16>, !tile.frag<64x8xf32>
  }
  tile.consumers %warpgroup in 1 registers 128 {
  }
}

// -----

tile.kernel @k(%s: f32) {
  %t = tile.alloc : !tile.smem<64x16xbf16>
  tile.consumers %warpgroup in 1 registers 128 {
    %c = tile.fill %s : f32 -> !tile.frag<64x16xf32>
    // expected-error @+1 {{'tile.rotate' op (F1) '!tile.frag<64x16xf32>' does not rotate '!tile.smem<64x16xbf16>'}}
    tile.rotate %t by %c, %c : !tile.smem<64x16xbf16>, !tile.frag<64x16xf32>
  }
}

// -----

tile.kernel @k(%s: f32) {
  %t = tile.alloc : !tile.smem<32x16xbf16>
  tile.consumers %warpgroup in 1 registers 128 {
    %c = tile.fill %s : f32 -> !tile.frag<64x8xf32>
    // expected-error @+1 {{'tile.rotate' op (F1) '!tile.frag<64x8xf32>' does not rotate '!tile.smem<32x16xbf16>'}}
    tile.rotate %t by %c, %c : !tile.smem<32x16xbf16>, !tile.frag<64x8xf32>
  }
}

// -----

tile.kernel @k() {
  %t = tile.alloc : !tile.smem<64x32xbf16>
  %u = tile.alloc : !tile.smem<64x64xbf16>
  tile.consumers %warpgroup in 1 registers 128 {
    %c = tile.load_fragment %t : !tile.smem<64x32xbf16> -> !tile.frag<64x32xbf16, a>
    // expected-error @+1 {{'tile.rotate' op (F3) the fragments are accumulators}}
    tile.rotate %u by %c, %c : !tile.smem<64x64xbf16>, !tile.frag<64x32xbf16, a>
  }
}

// -----

tile.kernel @k(%s: f32) {
  %t = tile.alloc : !tile.smem<64x16xf32>
  tile.consumers %warpgroup in 1 registers 128 {
    %c = tile.fill %s : f32 -> !tile.frag<64x8xf32>
    // expected-error @+1 {{'tile.rotate' op (M6) '!tile.smem<64x16xf32>' is not swizzled}}
    tile.rotate %t by %c, %c : !tile.smem<64x16xf32>, !tile.frag<64x8xf32>
  }
}

// -----

tile.kernel @k(%n: index) {
  %r = tile.ring : !tile.ring<16x16xbf16, stages = 1>
  tile.producer registers 24 {
    // expected-error @+1 {{'tile.skip' op (D6) stands inside tile.consumers}}
    tile.skip %n of %r : !tile.ring<16x16xbf16, stages = 1>
  }
  tile.consumers %warpgroup in 1 registers 128 {
  }
}

// -----

tile.kernel @k(%n: index) {
  %r = tile.ring : !tile.ring<16x16xbf16, stages = 1>
  tile.consumers %warpgroup in 1 registers 128 {
    scf.for %i = %n to %n step %n iter_args(%c = %r) -> (!tile.ring<16x16xbf16, stages = 1>) {
      // expected-error @+1 {{'tile.skip' op (D4) the ring is the result of a tile.ring}}
      tile.skip %n of %c : !tile.ring<16x16xbf16, stages = 1>
      scf.yield %c : !tile.ring<16x16xbf16, stages = 1>
    }
  }
}

// -----

tile.kernel @k(%n: index) {
  %t = tile.alloc : !tile.smem<16x16xbf16>
  tile.producer registers 24 {
    // expected-error @+1 {{'tile.clear_rows' op (D6) stands inside tile.consumers}}
    tile.clear_rows %t from %n : !tile.smem<16x16xbf16>
  }
  tile.consumers %warpgroup in 1 registers 128 {
  }
}

// -----

tile.kernel @k(%n: index) {
  %t = tile.alloc : !tile.smem<16x16xf32>
  tile.consumers %warpgroup in 1 registers 128 {
    // expected-error @+1 {{'tile.clear_rows' op (M6) '!tile.smem<16x16xf32>' is not swizzled}}
    tile.clear_rows %t from %n : !tile.smem<16x16xf32>
  }
}

// -----

tile.kernel @k(%x: memref<?x16xbf16>, %w: memref<?x?xbf16>, %s: memref<?x12xbf16>, %f: memref<?x16xf16>, %n: index) {
  %t = tile.alloc : !tile.smem<16x16xbf16>
  tile.producer registers 24 {
    // expected-error @+1 {{'tile.store' op (D6) stands inside tile.consumers}}
    tile.store %t to %x[%n, %n] : !tile.smem<16x16xbf16>, memref<?x16xbf16>
  }
  tile.consumers %warpgroup in 1 registers 128 {
  }
}

// -----

tile.kernel @k(%x: memref<?x16xbf16>, %w: memref<?x?xbf16>, %s: memref<?x12xbf16>, %f: memref<?x16xf16>, %n: index) {
  %t = tile.alloc : !tile.smem<16x16xbf16>
  tile.consumers %warpgroup in 1 registers 128 {
    // expected-error @+1 {{'tile.row_slice' op (D7) '!tile.smem<24x16xbf16>' is not rows of '!tile.smem<16x16xbf16>'}}
    %a = tile.row_slice %t[%n] : !tile.smem<16x16xbf16> -> !tile.smem<24x16xbf16>
  }
}

// -----

tile.kernel @k(%x: memref<?x16xbf16>, %w: memref<?x?xbf16>, %s: memref<?x12xbf16>, %f: memref<?x16xf16>, %n: index) {
  %t = tile.alloc : !tile.smem<16x16xbf16>
  tile.consumers %warpgroup in 1 registers 128 {
    // expected-error @+1 {{'tile.row_slice' op (D7) '!tile.smem<8x8xbf16>' is not rows of '!tile.smem<16x16xbf16>'}}
    %a = tile.row_slice %t[%n] : !tile.smem<16x16xbf16> -> !tile.smem<8x8xbf16>
  }
}

// -----

tile.kernel @k(%x: memref<?x16xbf16>, %w: memref<?x?xbf16>, %s: memref<?x12xbf16>, %f: memref<?x16xf16>, %n: index) {
  %t = tile.alloc : !tile.smem<16x16xbf16>
  tile.consumers %warpgroup in 1 registers 128 {
    // expected-error @+1 {{'tile.row_slice' op (D7) '!tile.smem<8x16xf16>' is not rows of '!tile.smem<16x16xbf16>'}}
    %a = tile.row_slice %t[%n] : !tile.smem<16x16xbf16> -> !tile.smem<8x16xf16>
  }
}

// -----

tile.kernel @k(%x: memref<?x16xbf16>, %w: memref<?x?xbf16>, %s: memref<?x12xbf16>, %f: memref<?x16xf16>, %n: index) {
  %t = tile.alloc : !tile.smem<16x16xbf16>
  tile.consumers %warpgroup in 1 registers 128 {
    // expected-error @+1 {{'tile.row_slice' op (D7) '!tile.smem<4x16xbf16>' is not rows of '!tile.smem<16x16xbf16>'}}
    %a = tile.row_slice %t[%n] : !tile.smem<16x16xbf16> -> !tile.smem<4x16xbf16>
  }
}

// -----

tile.kernel @k() {
  %a = tile.alloc : !tile.smem<64x32xbf16>
  %b = tile.alloc : !tile.smem<16x32xbf16>
  tile.consumers %warpgroup in 1 registers 128 {
    // expected-error @+1 {{'tile.mma' op (M1) the shapes '!tile.smem<64x32xbf16>' and '!tile.smem<16x32xbf16>' do not make '!tile.pending<64x32xf32>'}}
    %p = tile.mma %a, %b : !tile.smem<64x32xbf16>, !tile.smem<16x32xbf16> -> !tile.pending<64x32xf32>
  }
}

// -----

tile.kernel @k() {
  %a = tile.alloc : !tile.smem<64x32xbf16>
  %b = tile.alloc : !tile.smem<32x16xbf16>
  tile.consumers %warpgroup in 1 registers 128 {
    // expected-error @+1 {{'tile.mma' op (M1) the shapes}}
    %p = tile.mma %a, %b transpose_b : !tile.smem<64x32xbf16>, !tile.smem<32x16xbf16> -> !tile.pending<64x16xf32>
  }
}

// -----

tile.kernel @k() {
  %a = tile.alloc : !tile.smem<64x32xbf16>
  %b = tile.alloc : !tile.smem<32x16xbf16>
  tile.consumers %warpgroup in 1 registers 128 {
    // expected-error @+1 {{'tile.mma' op (M1) the shapes}}
    %p = tile.mma %a, %b : !tile.smem<64x32xbf16>, !tile.smem<32x16xbf16> -> !tile.pending<128x16xf32>
  }
}

// -----

tile.kernel @k() {
  %a = tile.alloc : !tile.smem<64x16xbf16>
  %b = tile.alloc : !tile.smem<16x272xbf16>
  tile.consumers %warpgroup in 1 registers 128 {
    // expected-error @+1 {{'tile.mma' op (M1) the shapes}}
    %p = tile.mma %a, %b : !tile.smem<64x16xbf16>, !tile.smem<16x272xbf16> -> !tile.pending<64x272xf32>
  }
}

// -----

tile.kernel @k() {
  %a = tile.alloc : !tile.smem<64x32xbf16>
  %b = tile.alloc : !tile.smem<32x16xf16>
  tile.consumers %warpgroup in 1 registers 128 {
    // expected-error @+1 {{'tile.mma' op (M2) multiplies 'bf16' by 'f16'}}
    %p = tile.mma %a, %b : !tile.smem<64x32xbf16>, !tile.smem<32x16xf16> -> !tile.pending<64x16xf32>
  }
}

// -----

tile.kernel @k() {
  %a = tile.alloc : !tile.smem<64x32xi16>
  %b = tile.alloc : !tile.smem<32x16xi16>
  tile.consumers %warpgroup in 1 registers 128 {
    // expected-error @+1 {{'tile.mma' op (M2) multiplies 'i16' by 'i16'}}
    %p = tile.mma %a, %b : !tile.smem<64x32xi16>, !tile.smem<32x16xi16> -> !tile.pending<64x16xf32>
  }
}

// -----

tile.kernel @k() {
  %b = tile.alloc : !tile.smem<32x16xbf16>
  tile.consumers %warpgroup in 1 registers 128 {
    %a_number = arith.constant 0.0 : f32
    %a = tile.fill %a_number : f32 -> !tile.frag<64x32xf32>
    // expected-error @+1 {{'tile.mma' op (M3) 'a' in registers is an operand fragment, not '!tile.frag<64x32xf32>'}}
    %p = tile.mma %a, %b : !tile.frag<64x32xf32>, !tile.smem<32x16xbf16> -> !tile.pending<64x16xf32>
  }
}

// -----

tile.kernel @k() {
  %a = tile.alloc : !tile.smem<64x32xbf16>
  %b = tile.alloc : !tile.smem<32x16xbf16>
  tile.consumers %warpgroup in 1 registers 128 {
    %acc_number = arith.constant 0.0 : f32
    %acc = tile.fill %acc_number : f32 -> !tile.frag<64x32xf32>
    // expected-error @+1 {{'tile.mma' op (M4) 'acc' is '!tile.frag<64x32xf32>' for '!tile.pending<64x16xf32>'}}
    %p = tile.mma %a, %b acc %acc : !tile.smem<64x32xbf16>, !tile.smem<32x16xbf16>, !tile.frag<64x32xf32> -> !tile.pending<64x16xf32>
  }
}

// -----

tile.kernel @k() {
  %a = tile.alloc : !tile.smem<64x32xbf16>
  %b = tile.alloc : !tile.smem<32x16xbf16>
  tile.producer registers 24 {
    // expected-error @+1 {{'tile.mma' op (M5) stands inside tile.consumers}}
    %p = tile.mma %a, %b : !tile.smem<64x32xbf16>, !tile.smem<32x16xbf16> -> !tile.pending<64x16xf32>
  }
  tile.consumers %warpgroup in 1 registers 128 {
  }
}

// -----

tile.kernel @k() {
  %a = tile.alloc : !tile.smem<64x24xbf16>
  %b = tile.alloc : !tile.smem<24x16xbf16>
  tile.consumers %warpgroup in 1 registers 128 {
    // expected-error @+1 {{'tile.mma' op (M6) '!tile.smem<64x24xbf16>' is not swizzled}}
    %p = tile.mma %a, %b : !tile.smem<64x24xbf16>, !tile.smem<24x16xbf16> -> !tile.pending<64x16xf32>
  }
}

// -----

tile.kernel @k() {
  %a = tile.alloc : !tile.smem<64x16xbf16>
  %b = tile.alloc : !tile.smem<16x24xbf16>
  tile.consumers %warpgroup in 1 registers 128 {
    // expected-error @+1 {{'tile.mma' op (M6) '!tile.smem<16x24xbf16>' is not swizzled}}
    %p = tile.mma %a, %b : !tile.smem<64x16xbf16>, !tile.smem<16x24xbf16> -> !tile.pending<64x24xf32>
  }
}

// -----

func.func @await(%p: !tile.pending<64x16xf32>) {
  // expected-error @+1 {{'tile.await' op (M5) stands inside tile.consumers}}
  %f = tile.await %p : !tile.pending<64x16xf32>
  return
}

// -----

func.func @drain() {
  // expected-error @+1 {{'tile.drain' op (M5) stands inside tile.consumers}}
  tile.drain keep 0
  return
}

// -----

tile.kernel @k() {
  tile.consumers %warpgroup in 1 registers 128 {
    // expected-error @+1 {{'tile.drain' op (M7) keeps 0 to 7 multiplications, not 8}}
    tile.drain keep 8
  }
}

// -----

func.func @f(%x: bf16) {
  // expected-error @+1 {{'tile.fill' op (E1) fills '!tile.rows<64xf32>' with 'bf16'}}
  %r = tile.fill %x : bf16 -> !tile.rows<64xf32>
  return
}

// -----

func.func @f(%i0: !tile.frag<64x32xf32>, %s: f32, %m: memref<8x8xf32>, %n: index) {
  // expected-error @+1 {{'tile.map' op (E2) '!tile.frag<64x32xf32>' does not fit '!tile.frag<64x16xf32>'}}
  %y = tile.map (%b0 = %i0) : (!tile.frag<64x32xf32>) -> !tile.frag<64x16xf32> {
    tile.yield %s : f32
  }
  return
}

// -----

func.func @f(%i0: !tile.rows<128xf32>, %s: f32, %m: memref<8x8xf32>, %n: index) {
  // expected-error @+1 {{'tile.map' op (E2) '!tile.rows<128xf32>' does not fit}}
  %y = tile.map (%b0 = %i0) : (!tile.rows<128xf32>) -> !tile.frag<64x16xf32> {
    tile.yield %s : f32
  }
  return
}

// -----

func.func @f(%i0: !tile.cols<8xf32>, %s: f32, %m: memref<8x8xf32>, %n: index) {
  // expected-error @+1 {{'tile.map' op (E2) '!tile.cols<8xf32>' does not fit}}
  %y = tile.map (%b0 = %i0) : (!tile.cols<8xf32>) -> !tile.frag<64x16xf32> {
    tile.yield %s : f32
  }
  return
}

// -----

func.func @f(%i0: !tile.vec<64xf32>, %s: f32, %m: memref<8x8xf32>, %n: index) {
  // expected-error @+1 {{'tile.map' op (E2) '!tile.vec<64xf32>' does not fit}}
  %y = tile.map (%b0 = %i0) : (!tile.vec<64xf32>) -> !tile.frag<64x16xf32> {
    tile.yield %s : f32
  }
  return
}

// -----

func.func @f(%i0: !tile.frag<64x16xf32>, %s: f32, %m: memref<8x8xf32>, %n: index) {
  // expected-error @+1 {{'tile.map' op (E2) an operand fragment is not computed}}
  %y = tile.map (%b0 = %i0) : (!tile.frag<64x16xf32>) -> !tile.frag<64x16xbf16, a> {
    %h = arith.truncf %b0 : f32 to bf16
    tile.yield %h : bf16
  }
  return
}

// -----

func.func @f(%x: !tile.rows<64xf32>, %m: memref<8x8xf32>, %n: index) {
  %y = tile.map (%a = %x) : (!tile.rows<64xf32>) -> !tile.rows<64xf32> {
    // expected-error @+1 {{'memref.load' op (E3) is not scalar arithmetic}}
    %e = memref.load %m[%n, %n] : memref<8x8xf32>
    tile.yield %e : f32
  }
  return
}

// -----

func.func @f(%x: !tile.rows<64xf32>) {
  %y = tile.map (%a = %x) : (!tile.rows<64xf32>) -> !tile.rows<64xf32> {
    // expected-error @+1 {{'arith.constant' op (E3) is not scalar arithmetic}}
    %e = arith.constant dense<0.0> : vector<4xf32>
    tile.yield %a : f32
  }
  return
}

// -----

func.func @f(%x: !tile.rows<64xf32>) {
  // expected-error @+1 {{'tile.map' op (E3) the body has an argument for each operand, the row and the column}}
  %y = "tile.map"(%x) ({
  ^bb0(%a: f32, %i: index):
    "tile.yield"(%a) : (f32) -> ()
  }) : (!tile.rows<64xf32>) -> !tile.rows<64xf32>
  return
}

// -----

func.func @f(%x: !tile.rows<64xf32>) {
  // expected-error @+1 {{'tile.map' op (E3) argument 1 of the body is 'i32', not 'index'}}
  %y = "tile.map"(%x) ({
  ^bb0(%a: f32, %i: i32, %j: index):
    "tile.yield"(%a) : (f32) -> ()
  }) : (!tile.rows<64xf32>) -> !tile.rows<64xf32>
  return
}

// -----

func.func @f(%i0: !tile.rows<64xf32>, %s: f32, %m: memref<8x8xf32>, %n: index) {
  // expected-error @+1 {{'tile.map' op (E4) the body yields one 'f32'}}
  %y = tile.map (%b0 = %i0) : (!tile.rows<64xf32>) -> !tile.rows<64xf32> {
    %h = arith.truncf %b0 : f32 to bf16
    tile.yield %h : bf16
  }
  return
}

// -----

func.func @f(%i0: !tile.rows<64xf32, partial>, %s: f32, %m: memref<8x8xf32>, %n: index) {
  // expected-error @+1 {{'tile.map' op (E5) a partial sum makes a partial sum, and only that}}
  %y = tile.map (%b0 = %i0) : (!tile.rows<64xf32, partial>) -> !tile.rows<64xf32> {
    tile.yield %s : f32
  }
  return
}

// -----

func.func @f(%i0: !tile.rows<64xf32>, %s: f32, %m: memref<8x8xf32>, %n: index) {
  // expected-error @+1 {{'tile.map' op (E5) a partial sum makes a partial sum, and only that}}
  %y = tile.map (%b0 = %i0) : (!tile.rows<64xf32>) -> !tile.rows<64xf32, partial> {
    tile.yield %s : f32
  }
  return
}

// -----

func.func @f(%i0: !tile.cols<16xf32>, %s: f32, %m: memref<8x8xf32>, %n: index) {
  // expected-error @+1 {{'tile.map' op (E2) '!tile.cols<16xf32>' does not fit '!tile.rows<64xf32>'}}
  %y = tile.map (%b0 = %i0) : (!tile.cols<16xf32>) -> !tile.rows<64xf32> {
    tile.yield %s : f32
  }
  return
}

// -----

func.func @f(%i0: !tile.rows<64xf32>, %s: f32, %m: memref<8x8xf32>, %n: index) {
  // expected-error @+1 {{'tile.map' op (E11) the body reads a position that '!tile.rows<64xf32>' does not have}}
  %y = tile.map (%b0 = %i0) [%i, %j] : (!tile.rows<64xf32>) -> !tile.rows<64xf32> {
    %k = arith.index_cast %j : index to i32
    %e = arith.sitofp %k : i32 to f32
    tile.yield %e : f32
  }
  return
}

// -----

func.func @f(%i0: !tile.cols<16xf32>, %s: f32, %m: memref<8x8xf32>, %n: index) {
  // expected-error @+1 {{'tile.map' op (E11) the body reads a position that '!tile.cols<16xf32>' does not have}}
  %y = tile.map (%b0 = %i0) [%i, %j] : (!tile.cols<16xf32>) -> !tile.cols<16xf32> {
    %k = arith.index_cast %i : index to i32
    %e = arith.sitofp %k : i32 to f32
    tile.yield %e : f32
  }
  return
}

// -----

func.func @f(%i0: !tile.vec<64xf32>, %s: f32, %m: memref<8x8xf32>, %n: index) {
  // expected-error @+1 {{'tile.map' op (E11) the body reads a position that '!tile.vec<64xf32>' does not have}}
  %y = tile.map (%b0 = %i0) [%i, %j] : (!tile.vec<64xf32>) -> !tile.vec<64xf32> {
    %k = arith.index_cast %j : index to i32
    %e = arith.sitofp %k : i32 to f32
    tile.yield %e : f32
  }
  return
}

// -----

func.func @f(%x: !tile.frag<64x16xf32>) {
  // expected-error @+1 {{'tile.row_reduce' op (E2) '!tile.rows<128xf32>' are not the rows of}}
  %r = tile.row_reduce sum %x : !tile.frag<64x16xf32> -> !tile.rows<128xf32>
  return
}

// -----

func.func @f(%x: !tile.frag<64x16xbf16, a>) {
  // expected-error @+1 {{'tile.row_reduce' op (E2) '!tile.rows<64xf32>' are not the rows of '!tile.frag<64x16xbf16, a>'}}
  %r = tile.row_reduce sum %x : !tile.frag<64x16xbf16, a> -> !tile.rows<64xf32>
  return
}

// -----

func.func @f(%x: !tile.frag<64x16xf32>, %r: !tile.rows<128xf32>, %s: f32) {
  // expected-error @+1 {{'tile.exp2' op (E2) '!tile.rows<128xf32>' does not fit '!tile.frag<64x16xf32>'}}
  %y = tile.exp2 %x minus %r times %s : !tile.frag<64x16xf32>, !tile.rows<128xf32>
  return
}

// -----

func.func @f(%x: !tile.frag<64x16xbf16, a>, %r: !tile.rows<64xf32>, %s: f32) {
  // expected-error @+1 {{'tile.exp2' op (E3) takes accumulators and whole numbers of rows}}
  %y = tile.exp2 %x minus %r times %s : !tile.frag<64x16xbf16, a>, !tile.rows<64xf32>
  return
}

// -----

func.func @f(%r: !tile.rows<64xf32, partial>, %s: f32) {
  // expected-error @+1 {{'tile.exp2' op (E3) takes accumulators and whole numbers of rows}}
  %y = tile.exp2 %r minus %r times %s : !tile.rows<64xf32, partial>, !tile.rows<64xf32, partial>
  return
}

// -----

func.func @f(%x: !tile.frag<64x16xf32>, %n: index) {
  // expected-error @+1 {{'tile.mask' op (E12) there are either queries or an end}}
  %y = tile.mask %x keys %n : !tile.frag<64x16xf32>
  return
}

// -----

func.func @f(%x: !tile.frag<64x16xf32>, %n: index) {
  // expected-error @+1 {{'tile.mask' op (E12) there are either queries or an end}}
  %y = tile.mask %x queries %n keys %n end %n : !tile.frag<64x16xf32>
  return
}

// -----

func.func @f(%x: !tile.frag<64x16xf32>, %n: index) {
  // expected-error @+1 {{'tile.mask' op (E13) a window is positive and needs queries}}
  %y = tile.mask %x keys %n end %n window 3 : !tile.frag<64x16xf32>
  return
}

// -----

func.func @f(%x: !tile.frag<64x16xf32>, %n: index) {
  // expected-error @+1 {{'tile.mask' op (E13) a window is positive and needs queries}}
  %y = tile.mask %x queries %n keys %n window 0 : !tile.frag<64x16xf32>
  return
}

// -----

func.func @f(%x: !tile.frag<64x16xbf16, a>, %n: index) {
  // expected-error @+1 {{'tile.mask' op (E3) the fragment is an accumulator}}
  %y = tile.mask %x queries %n keys %n : !tile.frag<64x16xbf16, a>
  return
}

// -----

func.func @f(%x: !tile.frag<64x16xf32>) {
  // expected-error @+1 {{is no scalar arithmetic: 'func.return'}}
  %y = tile.map func.return (%x) : (!tile.frag<64x16xf32>) -> !tile.frag<64x16xf32>
  return
}

// -----

func.func @f(%x: !tile.frag<64x16xf32>) {
  // expected-error @+1 {{is no scalar arithmetic: 'arith.nothing'}}
  %y = tile.map arith.nothing (%x) : (!tile.frag<64x16xf32>) -> !tile.frag<64x16xf32>
  return
}

// -----

func.func @f(%x: !tile.frag<64x16xf32>) {
  // expected-error @+1 {{'arith.addf' op expected 2 operands, but found 1}}
  %y = tile.map arith.addf (%x) : (!tile.frag<64x16xf32>) -> !tile.frag<64x16xf32>
  return
}

// -----

func.func @f(%x: !tile.frag<64x16xf32>) {
  // expected-error @+1 {{'tile.row_reduce' op (E6) only a sum is partial}}
  %r = tile.row_reduce max %x : !tile.frag<64x16xf32> -> !tile.rows<64xf32, partial>
  return
}

// -----

func.func @f(%x: !tile.rows<64xf32>) {
  // expected-error @+1 {{'tile.complete' op (E7) the operand is not partial}}
  %r = tile.complete %x : !tile.rows<64xf32>
  return
}

// -----

func.func @f(%x: !tile.frag<64x16xf32>) {
  // expected-error @+1 {{'tile.cast' op (E2) '!tile.frag<64x16xf32>' and '!tile.frag<64x32xbf16, a>' differ in shape}}
  %r = tile.cast %x : !tile.frag<64x16xf32> -> !tile.frag<64x32xbf16, a>
  return
}

// -----

func.func @f(%x: !tile.frag<64x16xbf16, a>) {
  // expected-error @+1 {{'tile.cast' op (E8) goes from an accumulator to an operand}}
  %r = tile.cast %x : !tile.frag<64x16xbf16, a> -> !tile.frag<64x16xf32>
  return
}

// -----

func.func @f(%x: !tile.frag<64x16xbf16, a>, %c: !tile.cols<8xf32>) {
  // expected-error @+1 {{'tile.scale_columns' op (E2) '!tile.cols<8xf32>' are not the columns of}}
  %r = tile.scale_columns %x by %c : !tile.frag<64x16xbf16, a>, !tile.cols<8xf32>
  return
}

// -----

func.func @f(%x: !tile.frag<64x16xf32>, %c: !tile.cols<16xf32>) {
  // expected-error @+1 {{'tile.scale_columns' op (E9) the fragment is an operand}}
  %r = tile.scale_columns %x by %c : !tile.frag<64x16xf32>, !tile.cols<16xf32>
  return
}

// -----

func.func @f(%x: !tile.vec<64xf32>) {
  // expected-error @+1 {{'tile.spread' op (E2) '!tile.vec<64xf32>' does not make '!tile.rows<128xf32>'}}
  %r = tile.spread %x : !tile.vec<64xf32> -> !tile.rows<128xf32>
  return
}

// -----

func.func @f(%x: !tile.vec<64xf32>) {
  // expected-error @+1 {{'tile.spread' op (E2) '!tile.vec<64xf32>' does not make '!tile.cols<32xf32>'}}
  %r = tile.spread %x : !tile.vec<64xf32> -> !tile.cols<32xf32>
  return
}

// -----

func.func @f(%x: !tile.vec<64xf32>) {
  // expected-error @+1 {{'tile.spread' op (E2) '!tile.vec<64xf32>' does not make '!tile.rows<64xf32, partial>'}}
  %r = tile.spread %x : !tile.vec<64xf32> -> !tile.rows<64xf32, partial>
  return
}

// -----

func.func @f(%x: !tile.vec<64xf32>) {
  // expected-error @+1 {{'tile.element' op (E10) '!tile.vec<64xf32>' has no number 64}}
  %r = tile.element %x[64] : !tile.vec<64xf32>
  return
}

// -----

func.func @f(%t: !tile.smem<64x16xbf16>) {
  // expected-error @+1 {{'tile.load_fragment' op (F1) '!tile.frag<128x16xbf16, a>' does not have the shape of '!tile.smem<64x16xbf16>'}}
  %f = tile.load_fragment %t : !tile.smem<64x16xbf16> -> !tile.frag<128x16xbf16, a>
  return
}

// -----

func.func @f(%t: !tile.smem<64x16xbf16>) {
  // expected-error @+1 {{'tile.load_fragment' op (F1) '!tile.frag<64x16xbf16, a>' does not have the shape of '!tile.smem<64x16xbf16>'}}
  %f = tile.load_fragment transpose %t : !tile.smem<64x16xbf16> -> !tile.frag<64x16xbf16, a>
  return
}

// -----

func.func @f(%t: !tile.smem<64x16xbf16>) {
  // expected-error @+1 {{'tile.load_fragment' op (F2) '!tile.frag<64x16xf16, a>' is not an operand of 'bf16'}}
  %f = tile.load_fragment %t : !tile.smem<64x16xbf16> -> !tile.frag<64x16xf16, a>
  return
}

// -----

func.func @f(%t: !tile.smem<64x16xbf16>) {
  // expected-error @+1 {{'tile.load_fragment' op (F2) '!tile.frag<64x16xf32>' is not an operand of 'bf16'}}
  %f = tile.load_fragment %t : !tile.smem<64x16xbf16> -> !tile.frag<64x16xf32>
  return
}

// -----

func.func @f(%t: !tile.smem<40x16xbf16>) {
  // expected-error @+1 {{'tile.load_fragment' op (F6) '!tile.smem<40x16xbf16>' has 40 rows, not a multiple of 16}}
  %f = tile.load_fragment %t : !tile.smem<40x16xbf16> -> !tile.frag<64x16xbf16, a>
  return
}

// -----

func.func @f(%f: !tile.frag<64x32xf32>, %t: !tile.smem<64x16xbf16>) {
  // expected-error @+1 {{'tile.store_fragment' op (F1) '!tile.frag<64x32xf32>' does not have the shape of '!tile.smem<64x16xbf16>'}}
  tile.store_fragment %f to %t : !tile.frag<64x32xf32>, !tile.smem<64x16xbf16>
  return
}

// -----

func.func @f(%f: !tile.frag<64x16xbf16, a>, %t: !tile.smem<64x16xbf16>) {
  // expected-error @+1 {{'tile.store_fragment' op (F3) the fragment is an accumulator}}
  tile.store_fragment %f to %t : !tile.frag<64x16xbf16, a>, !tile.smem<64x16xbf16>
  return
}

// -----

func.func @f(%f: !tile.frag<64x16xf32>, %t: !tile.smem<40x16xbf16>) {
  // expected-error @+1 {{'tile.store_fragment' op (F6) '!tile.smem<40x16xbf16>' has 40 rows, not a multiple of 16}}
  tile.store_fragment %f to %t : !tile.frag<64x16xf32>, !tile.smem<40x16xbf16>
  return
}

// -----

func.func @f(%f: !tile.frag<64x16xf32>, %t: !tile.smem<64x16xf32>) {
  // expected-error @+1 {{'tile.store_fragment' op (M6) '!tile.smem<64x16xf32>' is not swizzled}}
  tile.store_fragment %f to %t : !tile.frag<64x16xf32>, !tile.smem<64x16xf32>
  return
}

// -----

func.func @f(%f: !tile.frag<64x8xf32>, %t: !tile.smem<64x8xbf16>) {
  // expected-error @+1 {{'tile.store_fragment' op (M6) '!tile.smem<64x8xbf16>' is not swizzled}}
  tile.store_fragment %f to %t : !tile.frag<64x8xf32>, !tile.smem<64x8xbf16>
  return
}

// -----

func.func @f(%x: memref<8x8xf32>, %n: index) {
  // expected-error @+1 {{'tile.read' op (D1) has 1 indices for 2 dimensions}}
  %v = tile.read %x[%n] : memref<8x8xf32> -> !tile.rows<64xf32>
  return
}

// -----

func.func @f(%x: memref<8x8xbf16>, %n: index) {
  // expected-error @+1 {{'tile.read' op (F3) the fragment is an accumulator}}
  %v = tile.read %x[%n, %n] : memref<8x8xbf16> -> !tile.frag<64x16xbf16, a>
  return
}

// -----

func.func @f(%x: memref<8x8xf64>, %n: index) {
  // expected-error @+1 {{'tile.read' op (F4) the tensor holds f32, bf16 or f16, not 'f64'}}
  %v = tile.read %x[%n, %n] : memref<8x8xf64> -> !tile.rows<64xf32>
  return
}

// -----

func.func @f(%x: memref<8x8xf32>, %n: index) {
  // expected-error @+1 {{'tile.read' op (F5) a partial sum is neither read nor written}}
  %v = tile.read %x[%n, %n] : memref<8x8xf32> -> !tile.rows<64xf32, partial>
  return
}

// -----

func.func @f(%x: memref<8x8xf32>, %n: index, %v: !tile.rows<64xf32>) {
  // expected-error @+1 {{'tile.write' op (D1) has 1 indices for 2 dimensions}}
  tile.write %v to %x[%n] : !tile.rows<64xf32>, memref<8x8xf32>
  return
}

// -----

func.func @f(%x: memref<8x8xbf16>, %n: index, %v: !tile.frag<64x16xbf16, a>) {
  // expected-error @+1 {{'tile.write' op (F3) the fragment is an accumulator}}
  tile.write %v to %x[%n, %n] : !tile.frag<64x16xbf16, a>, memref<8x8xbf16>
  return
}

// -----

func.func @f(%x: memref<8x8xf64>, %n: index, %v: !tile.rows<64xf32>) {
  // expected-error @+1 {{'tile.write' op (F4) the tensor holds f32, bf16 or f16, not 'f64'}}
  tile.write %v to %x[%n, %n] : !tile.rows<64xf32>, memref<8x8xf64>
  return
}

// -----

func.func @f(%x: memref<8x8xf32>, %n: index, %v: !tile.rows<64xf32, partial>) {
  // expected-error @+1 {{'tile.write' op (F5) a partial sum is neither read nor written}}
  tile.write %v to %x[%n, %n] : !tile.rows<64xf32, partial>, memref<8x8xf32>
  return
}

// -----

func.func @f(%x: memref<8xf32>, %n: index) {
  // expected-error @+1 {{must be a memref of rank 2 or more}}
  %v = tile.read %x[%n] : memref<8xf32> -> !tile.rows<64xf32>
  return
}

// -----

func.func @f(%x: !tile.rows<64xf32>) {
  // expected-error @+1 {{needs a type for each operand and one for the result}}
  %y = tile.map (%a = %x) : () -> !tile.rows<64xf32> {
    tile.yield %a : f32
  }
  return
}

// -----

// expected-error @+1 {{'tile.kernel' op (K5) has one tile.tickets at most}}
tile.kernel @k(%control: memref<?xi32>, %n: index) {
  %a = tile.tickets %n from %control : memref<?xi32>
  %b = tile.tickets %n from %control : memref<?xi32>
  tile.consumers %warpgroup in 1 registers 128 {
  }
}

// -----

// expected-error @+1 {{'tile.kernel' op (K5) draws items: its producer and its consumers have one tile.work_loop each}}
tile.kernel @k(%control: memref<?xi32>, %n: index) {
  %work = tile.tickets %n from %control : memref<?xi32>
  tile.producer registers 24 {
  }
  tile.consumers %warpgroup in 1 registers 128 {
    tile.work_loop %item of %work {
    }
  }
}

// -----

tile.kernel @k(%control: memref<?xi32>, %n: index) {
  %work = tile.tickets %n from %control : memref<?xi32>
  tile.consumers %warpgroup in 1 registers 128 {
    scf.for %i = %n to %n step %n {
      // expected-error @+1 {{'tile.work_loop' op (W1) stands in tile.producer or tile.consumers, not inside anything else}}
      tile.work_loop %item of %work {
      }
    }
  }
}

// -----

tile.kernel @k(%control: memref<?xi32>, %n: index) {
  %work = tile.tickets %n from %control : memref<?xi32>
  tile.consumers %warpgroup in 1 registers 128 {
    // expected-error @+1 {{'tile.work_loop' op (W2) the body has one argument, an index}}
    "tile.work_loop"(%work) ({
      "tile.end"() : () -> ()
    }) : (!tile.tickets) -> ()
  }
}

// -----

tile.kernel @k(%control: memref<?xi32>, %n: index) {
  %work = tile.tickets %n from %control : memref<?xi32>
  tile.producer registers 24 {
    tile.work_loop %item of %work {
      // expected-error @+1 {{'tile.publish' op (W3) stands inside a tile.work_loop of the consumers}}
      tile.publish %item of %work
    }
  }
  tile.consumers %warpgroup in 1 registers 128 {
    tile.work_loop %item of %work {
    }
  }
}

// -----

tile.kernel @k(%control: memref<?xi32>, %n: index) {
  %work = tile.tickets %n from %control : memref<?xi32>
  tile.producer registers 24 {
    tile.work_loop %item of %work {
    }
  }
  tile.consumers %warpgroup in 1 registers 128 {
    tile.work_loop %item of %work {
      // expected-error @+1 {{'tile.publish' op (W3) publishes the item that the work loop is at}}
      tile.publish %n of %work
    }
  }
}

// -----

tile.kernel @k(%control: memref<?xi32>, %n: index) {
  %work = tile.tickets %n from %control : memref<?xi32>
  tile.consumers %warpgroup in 1 registers 128 {
    // expected-error @+1 {{'tile.look_back' op (W4) stands inside a tile.work_loop}}
    tile.look_back %n count %n stride %n of %work
  }
}

// -----

tile.kernel @k(%n: index) {
  // expected-error @+1 {{'tile.after' op (W5) stands inside tile.producer or tile.consumers}}
  tile.after @k[%n, %n, %n] count %n along x
  tile.consumers %warpgroup in 1 registers 128 {
  }
}

// -----

tile.kernel @k(%n: index) {
  tile.consumers %warpgroup in 1 registers 128 {
    // expected-error @+1 {{'tile.after' op (W6) @f is not a tile.kernel}}
    tile.after @f[%n, %n, %n] count %n along x
  }
}
func.func private @f()

// -----

tile.kernel @k(%x: memref<?x64xbf16>, %n: index) {
  %ring = tile.ring : !tile.ring<24x64xbf16, stages = 1>
  tile.producer registers 24 {
    // expected-error @+1 {{'tile.load' op (D8) 2 boxes do not make '!tile.smem<24x64xbf16>'}}
    tile.load %x[%n, %n], [%n, %n] to %ring : memref<?x64xbf16>, !tile.ring<24x64xbf16, stages = 1>
  }
  tile.consumers %warpgroup in 1 registers 128 {
  }
}

// -----

tile.kernel @k(%x: memref<?x64xbf16>, %n: index) {
  %ring = tile.ring : !tile.ring<24x64xbf16, stages = 1>
  tile.producer registers 24 {
    // expected-error @+1 {{'tile.load' op (D1) has 3 indices for 2 dimensions}}
    tile.load %x[%n, %n], [%n] to %ring : memref<?x64xbf16>, !tile.ring<24x64xbf16, stages = 1>
  }
  tile.consumers %warpgroup in 1 registers 128 {
  }
}
