// RUN: transmamba-opt %s --convert-tile-to-linalg --split-input-file --verify-diagnostics

tile.kernel @f(%x: memref<?x16xbf16>) {
  tile.consumers %warpgroup in 1 registers 128 {
  }
}
func.func @launch(%n: index, %x: memref<?x16xbf16>) {
  // expected-error @+1 {{has no counterpart: the caller of a block's function loops over the grid}}
  tile.launch @f grid(%n, %n, %n) ins(%x : memref<?x16xbf16>)
  return
}

// -----

func.func private @f()
gpu.module @kernels {
  // expected-error @+1 {{the module has a symbol of this name already}}
  tile.kernel @f() {
    tile.consumers %warpgroup in 1 registers 128 {
    }
  }
}

// -----

tile.kernel @counts(%x: memref<16xi32>, %n: index, %one: index) {
  tile.producer registers 24 {
    %c = arith.constant 1 : i32
    // expected-error @+1 {{changes memory, but on processors a producer runs twice}}
    memref.store %c, %x[%n] : memref<16xi32>
  }
  tile.consumers %warpgroup in 1 registers 128 {
  }
}

// -----

func.func private @unknown()
tile.kernel @calls() {
  tile.producer registers 24 {
    // expected-error @+1 {{changes memory, but on processors a producer runs twice}}
    func.call @unknown() : () -> ()
  }
  tile.consumers %warpgroup in 1 registers 128 {
  }
}

// -----

tile.kernel @makes(%x: memref<?x16xbf16>, %n: index) {
  %r = tile.ring : !tile.ring<16x16xbf16, stages = 1>
  tile.producer registers 24 {
    %y = memref.cast %x : memref<?x16xbf16> to memref<32x16xbf16>
    // expected-error @+1 {{loads a tensor that the producer makes}}
    tile.load %y[%n, %n] to %r : memref<32x16xbf16>, !tile.ring<16x16xbf16, stages = 1>
  }
  tile.consumers %warpgroup in 1 registers 128 {
  }
}

// -----

tile.kernel @meets(%n: index) {
  tile.consumers %warpgroup in 2 registers 128 {
    %is = arith.cmpi eq, %warpgroup, %n : index
    // expected-error @+1 {{holds a barrier of all consumers, which stands in scf.for, and in scf.if without results}}
    %x = scf.if %is -> index {
      tile.barrier consumers
      scf.yield %n : index
    } else {
      scf.yield %warpgroup : index
    }
  }
}

// -----

tile.kernel @carries(%n: index) {
  %r = tile.ring : !tile.ring<16x16xbf16, stages = 1>
  tile.consumers %warpgroup in 1 registers 128 {
    // expected-error @+1 {{makes a ring}}
    %q = scf.for %i = %n to %n step %n iter_args(%s = %r) -> (!tile.ring<16x16xbf16, stages = 1>) {
      scf.yield %s : !tile.ring<16x16xbf16, stages = 1>
    }
  }
}

// -----

tile.kernel @blocks(%n: index) {
  tile.consumers %warpgroup in 1 registers 128 {
    // expected-error @+1 {{has a region of several blocks, which a kernel has not}}
    scf.execute_region {
      cf.br ^next
    ^next:
      scf.yield
    }
  }
}
