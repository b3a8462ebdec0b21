// RUN: transmamba-opt %s --transmamba-kernel-to-gpu --split-input-file --verify-diagnostics

// expected-error@below {{a kernel returns nothing}}
func.func private @result(%x: index, %y: index, %z: index) -> index attributes {transmamba.kernel} {
  return %x : index
}

// -----

// expected-error@below {{the first three arguments of a kernel are the workgroup's coordinates}}
func.func private @coordinates(%x: index, %y: index) attributes {transmamba.kernel} {
  return
}

// -----

// expected-error@below {{argument 3 of a kernel has type 'memref<4xf32>'; it has to be a rank-0 memref, an index or an i64}}
func.func private @shaped(%x: index, %y: index, %z: index, %p: memref<4xf32>) attributes {transmamba.kernel} {
  return
}

// -----

// expected-error@below {{a kernel is one block of structured control flow}}
func.func private @blocks(%x: index, %y: index, %z: index) attributes {transmamba.kernel} {
  cf.br ^next
^next:
  return
}

// -----

func.func private @dynamic_scratch(%x: index, %y: index, %z: index) attributes {transmamba.kernel} {
  // expected-error@below {{needs a static shape and the identity layout}}
  %a = memref.alloca(%x) : memref<?xf32>
  return
}

// -----

func.func private @heap(%x: index, %y: index, %z: index) attributes {transmamba.kernel} {
  // expected-error@below {{a kernel's buffers are arguments, scratch (memref.alloca) and views of them}}
  %a = memref.alloc() : memref<4xf32>
  return
}

// -----

func.func private @call(%x: index, %y: index, %z: index) attributes {transmamba.kernel} {
  // expected-error@below {{is not allowed in a GPU kernel}}
  func.call @other() : () -> ()
  return
}
func.func private @other()

// -----

func.func private @element_type(%x: index, %y: index, %z: index) attributes {transmamba.kernel} {
  // expected-error@below {{type 'memref<4xf8E4M3FN>' is not known in GPU kernels}}
  %a = memref.alloca() : memref<4xf8E4M3FN>
  return
}

// -----

func.func private @side_effect(%x: index, %y: index, %z: index, %p: memref<f32>) attributes {transmamba.kernel} {
  %a = memref.alloca() : memref<4xf32>
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]} outs(%a : memref<4xf32>) {
  ^bb0(%e: f32):
    // expected-error@below {{has a side effect in the body of a linalg op}}
    memref.store %e, %p[] : memref<f32>
    linalg.yield %e : f32
  }
  return
}

// -----

// expected-error@below {{kernel @too_large needs 262144 bytes of scratch at once; a thread block has at most 232448 bytes}}
func.func private @too_large(%x: index, %y: index, %z: index) attributes {transmamba.kernel} {
  %a = memref.alloca() : memref<65536xf32>
  %one = arith.constant 1.0 : f32
  linalg.fill ins(%one : f32) outs(%a : memref<65536xf32>)
  return
}

// -----

// expected-error@below {{the name @kernels is kept for the GPU kernels}}
func.func private @kernels()
func.func private @k(%x: index, %y: index, %z: index) attributes {transmamba.kernel} {
  return
}
