// RUN: transmamba-opt %s --transmamba-gpu-pipeline --transmamba-nvvm-pipeline --transmamba-gpu-module-to-binary="ptxas=none" | FileCheck %s

// The launch provides it, so PTX only declares it.
// CHECK: dynamic_shared_bytes = 65536 : i64
// CHECK-SAME: .extern .shared .align 16 .b8 __dynamic_shmem__0[];
func.func private @k(%x: index, %y: index, %z: index, %p: memref<f32>) attributes {transmamba.kernel} {
  %one = arith.constant 1.0 : f32
  %a = memref.alloca() : memref<128x128xf32>
  linalg.fill ins(%one : f32) outs(%a : memref<128x128xf32>)
  %v = memref.reinterpret_cast %p to offset: [0], sizes: [128, 128], strides: [128, 1] : memref<f32> to memref<128x128xf32>
  linalg.transpose ins(%a : memref<128x128xf32>) outs(%v : memref<128x128xf32>) permutation = [1, 0]
  return
}
