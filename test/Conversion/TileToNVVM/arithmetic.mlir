// RUN: transmamba-opt %s --pass-pipeline='builtin.module(gpu.module(convert-tile-to-nvvm,canonicalize,cse))' | FileCheck %s --check-prefixes=CHECK,SM90
// RUN: transmamba-opt %s --pass-pipeline='builtin.module(gpu.module(convert-tile-to-nvvm{chip=sm_80},canonicalize,cse))' | FileCheck %s --check-prefixes=CHECK,SM80

// Arithmetic in registers, the same for all targets but for one instruction.

gpu.module @kernels {
  // CHECK-LABEL: llvm.func @fragments(
  // CHECK-SAME: %[[OUT:[^:]*]]: !llvm.ptr<1>, %[[SCALE:[^:]*]]: f32
  tile.kernel @fragments(%out: memref<64x16xf32>, %scale: f32) {
    %c0 = arith.constant 0 : index
    tile.consumers %warpgroup in 1 registers 128 {
      // Row 16 (warp mod 4) + lane / 4 and 8 further, column 2 (lane mod 4), the one after, and 8 further.
      // CHECK: arith.cmpi ult, %[[ROW:.*]], %c64_i32 : i32
      // CHECK: arith.cmpi ult, %[[COL:.*]], %c16_i32 : i32
      %x = tile.read %out[%c0, %c0] : memref<64x16xf32> -> !tile.frag<64x16xf32>
      // How far below the diagonal the first number of a thread is says it of all.
      // CHECK: %[[BELOW:.*]] = arith.subi %[[ROW]], %[[COL]] : i32
      // CHECK: arith.cmpi sge, %[[BELOW]], %c0_i32 : i32
      // CHECK: arith.cmpi sge, %[[BELOW]], %c1_i32 : i32
      // CHECK: arith.cmpi sge, %[[BELOW]], %c-8_i32 : i32
      // CHECK: arith.cmpi sge, %[[BELOW]], %c-7_i32 : i32
      // CHECK: arith.cmpi sge, %[[BELOW]], %c8_i32 : i32
      // CHECK: arith.cmpi sge, %[[BELOW]], %c9_i32 : i32
      // CHECK-NOT: arith.cmpi sge
      %y = tile.map (%a = %x) [%row, %col] : (!tile.frag<64x16xf32>) -> !tile.frag<64x16xf32> {
        %seen = arith.cmpi sge, %row, %col : index
        %b = arith.select %seen, %a, %scale : f32
        tile.yield %b : f32
      }

      // A row is 4 numbers of each of 4 threads.
      // CHECK-COUNT-3: arith.maxnumf
      // CHECK: %[[NEAR:.*]] = nvvm.shfl.sync bfly %{{.*}}, %{{.*}}, %c1_i32
      // CHECK: %[[TWO:.*]] = arith.maxnumf %{{.*}}, %[[NEAR]] : f32
      // CHECK: %[[FAR:.*]] = nvvm.shfl.sync bfly %{{.*}}, %[[TWO]], %c2_i32
      // CHECK: arith.maxnumf %[[TWO]], %[[FAR]] : f32
      %top = tile.row_reduce max %y : !tile.frag<64x16xf32> -> !tile.rows<64xf32>
      // CHECK-COUNT-5: arith.maxnumf
      // CHECK-NOT: arith.maxnumf
      // CHECK: "ex2.approx.ftz.f32 $0, $1;"
      %e = tile.map (%a = %y, %t = %top) : (!tile.frag<64x16xf32>, !tile.rows<64xf32>) -> !tile.frag<64x16xf32> {
        %d = arith.subf %a, %t : f32
        %p = math.exp2 %d : f32
        tile.yield %p : f32
      }
      // A quotient that may be approximate is a reciprocal and a product; others are exact.
      // CHECK: "rcp.approx.ftz.f32 $0, $1;"
      // CHECK-NEXT: arith.mulf
      // CHECK: arith.divf
      %quotients = tile.map (%v = %e) : (!tile.frag<64x16xf32>) -> !tile.frag<64x16xf32> {
        %q = arith.divf %v, %v fastmath<afn> : f32
        %r = arith.divf %q, %v : f32
        tile.yield %r : f32
      }
      tile.write %quotients to %out[%c0, %c0] : !tile.frag<64x16xf32>, memref<64x16xf32>
      // A partial sum stays in each thread until it is completed.
      // CHECK-COUNT-6: arith.addf
      // CHECK: %[[SUM:.*]] = nvvm.shfl.sync bfly %{{.*}}, %{{.*}}, %c1_i32
      // CHECK: arith.addf %{{.*}}, %[[SUM]] : f32
      %part = tile.row_reduce sum %e : !tile.frag<64x16xf32> -> !tile.rows<64xf32, partial>
      %sum = tile.complete %part : !tile.rows<64xf32, partial>
      tile.write %sum to %out[%c0, %c0] : !tile.rows<64xf32>, memref<64x16xf32>
      // CHECK-COUNT-2: @p st.global.f32

      // Four pairs; a factor is a pair of neighbouring columns.
      // CHECK-COUNT-4: "cvt.rn.bf16x2.f32 $0, $1, $2;"
      // CHECK: %[[F0:.*]] = llvm.inline_asm asm_dialect = att "cvt.rn.bf16x2.f32 $0, $1, $2;"
      // CHECK: %[[F1:.*]] = llvm.inline_asm asm_dialect = att "cvt.rn.bf16x2.f32 $0, $1, $2;"
      // SM90: "mul.rn.bf16x2 $0, $1, $2;", "=r,r,r" %{{.*}}, %[[F0]]
      // SM90: "mul.rn.bf16x2 $0, $1, $2;", "=r,r,r" %{{.*}}, %[[F0]]
      // SM90: "mul.rn.bf16x2 $0, $1, $2;", "=r,r,r" %{{.*}}, %[[F1]]
      // SM90: "mul.rn.bf16x2 $0, $1, $2;", "=r,r,r" %{{.*}}, %[[F1]]
      // SM80: "{ .reg .b32 z; mov.b32 z, 0x80008000; fma.rn.bf16x2 $0, $1, $2, z; }", "=r,r,r" %{{.*}}, %[[F0]]
      // SM80: fma.rn.bf16x2 $0, $1, $2, z; }", "=r,r,r" %{{.*}}, %[[F0]]
      // SM80: fma.rn.bf16x2 $0, $1, $2, z; }", "=r,r,r" %{{.*}}, %[[F1]]
      // SM80: fma.rn.bf16x2 $0, $1, $2, z; }", "=r,r,r" %{{.*}}, %[[F1]]
      %factors = tile.read %out[%c0, %c0] : memref<64x16xf32> -> !tile.cols<16xf32>
      %operand = tile.cast %e : !tile.frag<64x16xf32> -> !tile.frag<64x16xbf16, a>
      %scaled = tile.scale_columns %operand by %factors : !tile.frag<64x16xbf16, a>, !tile.cols<16xf32>
      // A map reads halves.
      // CHECK: arith.shrui %{{.*}}, %c16_i32
      // CHECK: arith.extf %{{.*}} : bf16 to f32
      %back = tile.map (%a = %scaled) : (!tile.frag<64x16xbf16, a>) -> !tile.frag<64x16xf32> {
        %f = arith.extf %a : bf16 to f32
        tile.yield %f : f32
      }
      tile.write %back to %out[%c0, %c0] : !tile.frag<64x16xf32>, memref<64x16xf32>
    }
  }

  // CHECK-LABEL: llvm.func @vectors(
  tile.kernel @vectors(%out: memref<64x64xf32>) {
    %c0 = arith.constant 0 : index
    tile.consumers %warpgroup in 1 registers 128 {
      // Two numbers a lane.
      // CHECK: %[[FIRST:.*]] = arith.muli %{{.*}}, %c2_i32 : i32
      // CHECK: @p ld.global.f32
      // CHECK: %[[SECOND:.*]] = arith.addi %[[FIRST]], %c1_i32
      // CHECK: @p ld.global.f32
      %x = tile.read %out[%c0, %c0] : memref<64x64xf32> -> !tile.vec<64xf32>
      // CHECK: arith.addf
      // CHECK: nvvm.shfl.sync up %{{.*}}, %{{.*}}, %c1_i32
      // CHECK: arith.cmpi uge, %{{.*}}, %c1_i32
      // CHECK: nvvm.shfl.sync up %{{.*}}, %{{.*}}, %c2_i32
      // CHECK: nvvm.shfl.sync up %{{.*}}, %{{.*}}, %c4_i32
      // CHECK: nvvm.shfl.sync up %{{.*}}, %{{.*}}, %c8_i32
      // CHECK: nvvm.shfl.sync up %{{.*}}, %{{.*}}, %c16_i32
      // CHECK: nvvm.shfl.sync up %{{.*}}, %{{.*}}, %c1_i32
      %sums = tile.prefix_sum %x : !tile.vec<64xf32>
      // Number 63 is the second one of lane 31.
      // CHECK: nvvm.shfl.sync idx %{{.*}}, %{{.*}}, %c31_i32, %c31_i32 : f32 -> f32
      %last = tile.element %sums[63] : !tile.vec<64xf32>
      // A row is odd or even: one of two numbers. Columns come in pairs, from every fourth lane.
      // CHECK: %[[EVEN:.*]] = nvvm.shfl.sync idx {{.*}} : f32 -> f32
      // CHECK: %[[ODD:.*]] = nvvm.shfl.sync idx {{.*}} : f32 -> f32
      // CHECK: arith.select %{{.*}}, %[[ODD]], %[[EVEN]] : f32
      %rows = tile.spread %sums : !tile.vec<64xf32> -> !tile.rows<64xf32>
      // CHECK: arith.select
      // CHECK-COUNT-2: nvvm.shfl.sync idx %{{.*}}, %{{.*}}, %c0_i32, %c799_i32 : f32 -> f32
      // CHECK-COUNT-2: nvvm.shfl.sync idx %{{.*}}, %{{.*}}, %c4_i32, %c799_i32 : f32 -> f32
      // CHECK-COUNT-10: nvvm.shfl.sync idx %{{.*}}, %{{.*}}, %{{.*}}, %c799_i32 : f32 -> f32
      // CHECK-COUNT-2: nvvm.shfl.sync idx %{{.*}}, %{{.*}}, %c28_i32, %c799_i32 : f32 -> f32
      // CHECK-NOT: arith.select
      // CHECK: "lg2.approx.ftz.f32 $0, $1;"
      %columns = tile.spread %sums : !tile.vec<64xf32> -> !tile.cols<64xf32>
      %logs = tile.map (%a = %rows) : (!tile.rows<64xf32>) -> !tile.rows<64xf32> {
        %l = math.log2 %a : f32
        %m = arith.mulf %l, %last : f32
        tile.yield %m : f32
      }
      tile.write %logs to %out[%c0, %c0] : !tile.rows<64xf32>, memref<64x64xf32>
      tile.write %columns to %out[%c0, %c0] : !tile.cols<64xf32>, memref<64x64xf32>
      // Its numbers are 2 lane and the one after.
      // CHECK: arith.cmpi slt, %[[FIRST]], %c16_i32
      // CHECK: arith.cmpi slt, %[[SECOND]], %c16_i32
      %first = tile.map (%a = %sums) [%number, %none] : (!tile.vec<64xf32>) -> !tile.vec<64xf32> {
        %c16 = arith.constant 16 : index
        %inside = arith.cmpi slt, %number, %c16 : index
        %b = arith.select %inside, %a, %last : f32
        tile.yield %b : f32
      }
      tile.write %first to %out[%c0, %c0] : !tile.vec<64xf32>, memref<64x64xf32>
    }
  }
}
