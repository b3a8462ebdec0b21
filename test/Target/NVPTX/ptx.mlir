// RUN: transmamba-opt %s --transmamba-gpu-pipeline --transmamba-nvvm-pipeline --transmamba-gpu-module-to-binary="chip=sm_90a ptxas=none" | FileCheck %s
// RUN: transmamba-opt %s --transmamba-gpu-pipeline --transmamba-nvvm-pipeline --transmamba-gpu-module-to-binary="chip=sm_80 ptxas=none" | FileCheck %s --check-prefix=SM80

// Parameters are the arguments in order, 8 bytes each; the block size is fixed;
// a * b + c is one instruction, and a bf16 is made by one conversion. ptxas hears how many blocks share the registers.
// CHECK: #gpu.kernel_metadata<"k", {{.*}} metadata = {block_size = 64 : i64, dynamic_shared_bytes = 0 : i64, registers = -1 : i64, shared_bytes = -1 : i64, spill_bytes = -1 : i64}>
// CHECK-SAME: .version 8.0{{.*}}.target sm_90a
// CHECK-SAME: .visible .entry k({{.*}}.param .u64 .ptr .align 1 k_param_0,{{.*}}.param .u64 k_param_1,{{.*}}.param .u64 .ptr .align 1 k_param_2{{.*}}.reqntid 64, 1, 1{{.*}}.minnctapersm 16
// A kernel may begin before those launched earlier have ended, for which it waits first. sm_80 cannot.
// CHECK-SAME: griddepcontrol.launch_dependents; griddepcontrol.wait;
// CHECK-SAME: fma.rn.f32
// CHECK-SAME: cvt.rn.bf16.f32
// CHECK-NOT: bin =
// SM80: .target sm_80
// SM80-NOT: griddepcontrol
func.func private @k(%x: index, %y: index, %z: index, %p: memref<f32>, %n: index, %q: memref<bf16>) attributes {transmamba.kernel} {
  %a = memref.reinterpret_cast %p to offset: [0], sizes: [64], strides: [1] : memref<f32> to memref<64xf32>
  %b = memref.reinterpret_cast %q to offset: [%n], sizes: [64], strides: [1] : memref<bf16> to memref<64xbf16, strided<[1], offset: ?>>
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%a : memref<64xf32>) outs(%b : memref<64xbf16, strided<[1], offset: ?>>) {
  ^bb0(%e: f32, %o: bf16):
    %square = arith.mulf %e, %e : f32
    %sum = arith.addf %square, %e : f32
    %r = arith.truncf %sum : f32 to bf16
    linalg.yield %r : bf16
  }
  return
}
