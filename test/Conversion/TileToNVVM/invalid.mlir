// RUN: transmamba-opt %s --pass-pipeline='builtin.module(gpu.module(convert-tile-to-nvvm))' --split-input-file --verify-diagnostics
// RUN: not transmamba-opt %s --pass-pipeline='builtin.module(gpu.module(convert-tile-to-nvvm{chip=sm_75}))' --split-input-file 2>&1 | FileCheck %s --check-prefix=CHIP
// RUN: not transmamba-opt %s --pass-pipeline='builtin.module(gpu.module(convert-tile-to-nvvm{chip=sm_80}))' --split-input-file 2>&1 | FileCheck %s --check-prefix=SM80

// CHIP: error: tile kernels cannot be lowered to the chip 'sm_75'; known are sm_90a and sm_80

// Where a tile lies follows from the operation that made it.
// SM80: error: 'tile.store_fragment' op takes a tile that a loop carries, which sm_80 cannot address
gpu.module @carried {
  tile.kernel @k() {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %zero = arith.constant 0.0 : f32
    %a = tile.alloc : !tile.smem<64x64xbf16>
    tile.consumers %warpgroup in 1 registers 128 {
      %x = tile.fill %zero : f32 -> !tile.frag<64x64xf32>
      %last = scf.for %i = %c0 to %c1 step %c1 iter_args(%t = %a) -> (!tile.smem<64x64xbf16>) {
        // expected-error@below {{takes a tile that a loop carries, which sm_90a cannot address}}
        tile.store_fragment %x to %t : !tile.frag<64x64xf32>, !tile.smem<64x64xbf16>
        scf.yield %t : !tile.smem<64x64xbf16>
      }
    }
  }
}

// -----

// A limit of tensor maps. Without them there is none.
// SM80-NOT: error: {{.*}}box
gpu.module @box {
  tile.kernel @k(%in: memref<?x16xbf16>) {
    %c0 = arith.constant 0 : index
    %ring = tile.ring : !tile.ring<264x16xbf16, stages = 1>
    tile.producer registers 40 {
      // expected-error@below {{copies a box of 264 x 16; a copy has 256 rows and columns at most}}
      tile.load %in[%c0, %c0] to %ring : memref<?x16xbf16>, !tile.ring<264x16xbf16, stages = 1>
    }
    tile.consumers %warpgroup in 1 registers 128 {
    }
  }
}

// -----

// A map is made before the launch, of a tensor that is known then.
gpu.module @tensor {
  tile.kernel @k(%a: memref<?x64xbf16>, %b: memref<?x64xbf16>) {
    %c0 = arith.constant 0 : index
    %x = tile.block_id x
    %first = arith.cmpi eq, %x, %c0 : index
    %in = scf.if %first -> (memref<?x64xbf16>) {
      scf.yield %a : memref<?x64xbf16>
    } else {
      scf.yield %b : memref<?x64xbf16>
    }
    %ring = tile.ring : !tile.ring<64x64xbf16, stages = 1>
    tile.producer registers 40 {
      // expected-error@below {{copies a tensor that is no argument}}
      tile.load %in[%c0, %c0] to %ring : memref<?x64xbf16>, !tile.ring<64x64xbf16, stages = 1>
    }
    tile.consumers %warpgroup in 1 registers 128 {
    }
  }
}

// -----

// 192 KB fit in a block of sm_90a.
// SM80: error: 'tile.kernel' op asks for 196704 bytes of shared memory; a block of sm_80 has 166912
gpu.module @large {
  tile.kernel @k() {
    %ring = tile.ring : !tile.ring<128x128xbf16, stages = 6>
    tile.consumers %warpgroup in 1 registers 128 {
    }
  }
}
