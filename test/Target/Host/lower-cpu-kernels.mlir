// RUN: transmamba-opt %s --pass-pipeline="builtin.module(func.func(transmamba-lower-cpu-kernels{cpu=x86-64-v2}))" | FileCheck %s --check-prefixes=CHECK,V2
// RUN: transmamba-opt %s --pass-pipeline="builtin.module(func.func(transmamba-lower-cpu-kernels{cpu=x86-64-v4}))" | FileCheck %s --check-prefixes=CHECK,V4
// RUN: not transmamba-opt %s --pass-pipeline="builtin.module(func.func(transmamba-lower-cpu-kernels{cpu=i386}))" 2>&1 | FileCheck %s --check-prefix=ERROR

// ERROR: unknown processor level 'i386': choose x86-64-v2, x86-64-v3, x86-64-v4 or native

// Everything down to arithmetic that every processor of the level has.

// CHECK-LABEL: func.func private @k
// V2:            vector<4xf32>
// V4:            vector<16xf32>
// CHECK-NOT:     linalg
// CHECK-NOT:     math.exp
// CHECK-NOT:     arith.truncf {{.*}} to {{.*}}bf16
// V2-NOT:        math.fma
// CHECK:         return
func.func private @k(%x: index, %y: index, %z: index, %pa: memref<f32>, %pc: memref<bf16>, %n: index) attributes {transmamba.kernel} {
  %a = memref.reinterpret_cast %pa to offset: [0], sizes: [%n], strides: [1] : memref<f32> to memref<?xf32>
  %c = memref.reinterpret_cast %pc to offset: [0], sizes: [%n], strides: [1] : memref<bf16> to memref<?xbf16>
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%a : memref<?xf32>) outs(%c : memref<?xbf16>) {
  ^bb0(%p: f32, %q: bf16):
    %e = math.exp %p : f32
    %t = arith.truncf %e : f32 to bf16
    linalg.yield %t : bf16
  }
  return
}

// The host program keeps its arithmetic: the launch plan is made from it.

// CHECK-LABEL: func.func @host
// CHECK:         arith.ceildivsi
func.func @host(%n: index) -> index {
  %c64 = arith.constant 64 : index
  %r = arith.ceildivsi %n, %c64 : index
  return %r : index
}
