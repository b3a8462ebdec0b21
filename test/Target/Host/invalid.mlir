// RUN: transmamba-opt %s -split-input-file -verify-diagnostics --pass-pipeline="builtin.module(func.func(transmamba-host-kernel-scratch{limit=1024}),transmamba-host-kernel-abi)"

func.func private @too_large(%x: index, %y: index, %z: index) attributes {transmamba.kernel} {
  %a = memref.alloca() : memref<128xf32>
  // expected-error @below {{brings the scratch of kernel 'too_large' to 1088 bytes; the limit is 1024: use smaller tiles}}
  %b = memref.alloca() : memref<129xf32>
  return
}

// -----

func.func private @dynamic(%x: index, %y: index, %z: index) attributes {transmamba.kernel} {
  // expected-error @below {{in a kernel needs a static shape, numbers as elements and no layout}}
  %a = memref.alloca(%x) : memref<?xf32>
  return
}

// -----

// expected-error @below {{a kernel has a body}}
func.func private @declaration(%x: index, %y: index, %z: index) attributes {transmamba.kernel}

// -----

// expected-error @below {{a kernel has no results}}
func.func private @result(%x: index, %y: index, %z: index) -> index attributes {transmamba.kernel} {
  return %x : index
}

// -----

// expected-error @below {{a kernel begins with the arguments x, y and z}}
func.func private @no_grid(%x: index) attributes {transmamba.kernel} {
  return
}

// -----

// expected-error @below {{argument 3 of a kernel is of type 'memref<4xf32>', not index or a buffer of rank 0 in default memory}}
func.func private @rank(%x: index, %y: index, %z: index, %a: memref<4xf32>) attributes {transmamba.kernel} {
  return
}

// -----

// expected-error @below {{argument 0 of a kernel is of type 'memref<f32>', not index}}
func.func private @grid(%x: memref<f32>, %y: index, %z: index) attributes {transmamba.kernel} {
  return
}

// -----

// expected-error @below {{a kernel takes x, y, z, pointers and i64}}
llvm.func @slot(%x: i64, %y: i64, %z: i64, %f: f32) attributes {transmamba.kernel} {
  llvm.return
}
