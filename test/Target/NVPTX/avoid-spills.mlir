// RUN: transmamba-opt %s --transmamba-gpu-pipeline --transmamba-nvvm-pipeline --transmamba-gpu-module-to-binary="ptxas=%S/Inputs/spilling-ptxas" | FileCheck %s

// A kernel that spills is given the registers of fewer blocks: 16, 12, 9, 6. The others stay as they are. The stand-in for ptxas
// hands back its input as the cubin and the bound as the number of registers, so this is what was assembled in the end.
// CHECK: #gpu.kernel_metadata<"k", {{[^=]*= [^>]*}} registers = 6 : i64, {{[^>]*}}spill_bytes = 0 : i64
// CHECK-SAME: #gpu.kernel_metadata<"other", {{[^=]*= [^>]*}} registers = 16 : i64, {{[^>]*}}spill_bytes = 0 : i64
// CHECK-SAME: assembly = "{{[^"]*}}.entry k({{[^{]*}}.minnctapersm 6{{[^0-9][^"]*}}.entry other({{[^{]*}}.minnctapersm 16
// CHECK-SAME: bin = "{{.*}}.entry k({{[^{]*}}.minnctapersm 6{{[^0-9][^"]*}}.entry other({{[^{]*}}.minnctapersm 16
func.func private @k(%x: index, %y: index, %z: index, %p: memref<f32>) attributes {transmamba.kernel} {
  %zero = arith.constant 0.0 : f32
  memref.store %zero, %p[] : memref<f32>
  return
}
func.func private @other(%x: index, %y: index, %z: index, %p: memref<f32>) attributes {transmamba.kernel} {
  %one = arith.constant 1.0 : f32
  memref.store %one, %p[] : memref<f32>
  return
}
