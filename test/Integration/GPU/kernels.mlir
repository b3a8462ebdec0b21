// Kernels of the shapes that the compiler makes, one of each kind. Used by the
// ptxas gates of test/Target/NVPTX and, on a machine with a GPU, by
// run_kernels.py.
// RUN: transmamba-opt %s --transmamba-gpu-pipeline --transmamba-nvvm-pipeline | FileCheck %s
// CHECK-DAG: llvm.func @matmul_bf16
// CHECK-DAG: llvm.func @row_norm
// CHECK-DAG: llvm.func @attention
// CHECK-DAG: llvm.func @silu_bf16

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn3 = affine_map<(m, n, k) -> (m, n)>
#mn = affine_map<(m, n) -> (m, n)>
#m = affine_map<(m, n) -> (m)>
#n = affine_map<(m, n) -> (n)>

// c[T, 192] = a[T, 256] b[256, 192]; 64 x 64 tiles, ragged in T.
func.func private @matmul_bf16(%x: index, %y: index, %z: index, %pa: memref<bf16>, %pb: memref<bf16>, %pc: memref<bf16>, %T: index)
    attributes {transmamba.kernel} {
  %c0 = arith.constant 0 : index
  %c32 = arith.constant 32 : index
  %c64 = arith.constant 64 : index
  %c256 = arith.constant 256 : index
  %zero = arith.constant 0.0 : f32
  %zerob = arith.constant 0.0 : bf16
  %a = memref.reinterpret_cast %pa to offset: [0], sizes: [%T, 256], strides: [256, 1] : memref<bf16> to memref<?x256xbf16>
  %b = memref.reinterpret_cast %pb to offset: [0], sizes: [256, 192], strides: [192, 1] : memref<bf16> to memref<256x192xbf16>
  %c = memref.reinterpret_cast %pc to offset: [0], sizes: [%T, 192], strides: [192, 1] : memref<bf16> to memref<?x192xbf16>
  %row = arith.muli %x, %c64 : index
  %column = arith.muli %y, %c64 : index
  %left = arith.subi %T, %row : index
  %rows = arith.minsi %left, %c64 : index
  %acc = memref.alloca() : memref<64x64xf32>
  %ta = memref.alloca() : memref<64x32xbf16>
  %tb = memref.alloca() : memref<32x64xbf16>
  linalg.fill ins(%zero : f32) outs(%acc : memref<64x64xf32>)
  linalg.fill ins(%zerob : bf16) outs(%ta : memref<64x32xbf16>)
  %valid = memref.subview %ta[0, 0] [%rows, 32] [1, 1] : memref<64x32xbf16> to memref<?x32xbf16, strided<[32, 1]>>
  scf.for %k = %c0 to %c256 step %c32 {
    %av = memref.subview %a[%row, %k] [%rows, 32] [1, 1] : memref<?x256xbf16> to memref<?x32xbf16, strided<[256, 1], offset: ?>>
    %bv = memref.subview %b[%k, %column] [32, 64] [1, 1] : memref<256x192xbf16> to memref<32x64xbf16, strided<[192, 1], offset: ?>>
    memref.copy %av, %valid : memref<?x32xbf16, strided<[256, 1], offset: ?>> to memref<?x32xbf16, strided<[32, 1]>>
    memref.copy %bv, %tb : memref<32x64xbf16, strided<[192, 1], offset: ?>> to memref<32x64xbf16>
    linalg.matmul ins(%ta, %tb : memref<64x32xbf16>, memref<32x64xbf16>) outs(%acc : memref<64x64xf32>)
  }
  %cv = memref.subview %c[%row, %column] [%rows, 64] [1, 1] : memref<?x192xbf16> to memref<?x64xbf16, strided<[192, 1], offset: ?>>
  %accv = memref.subview %acc[0, 0] [%rows, 64] [1, 1] : memref<64x64xf32> to memref<?x64xf32, strided<[64, 1]>>
  linalg.generic {indexing_maps = [#mn, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%accv : memref<?x64xf32, strided<[64, 1]>>) outs(%cv : memref<?x64xbf16, strided<[192, 1], offset: ?>>) {
  ^bb0(%value: f32, %o: bf16):
    %r = arith.truncf %value : f32 to bf16
    linalg.yield %r : bf16
  }
  return
}

// y[T, 1536] = x / sqrt(mean(x^2) + 1e-5) * w, four rows a workgroup.
func.func private @row_norm(%x: index, %y: index, %z: index, %px: memref<f32>, %pw: memref<f32>, %py: memref<f32>, %T: index)
    attributes {transmamba.kernel} {
  %c4 = arith.constant 4 : index
  %zero = arith.constant 0.0 : f32
  %eps = arith.constant 1.0e-5 : f32
  %width = arith.constant 1536.0 : f32
  %in = memref.reinterpret_cast %px to offset: [0], sizes: [%T, 1536], strides: [1536, 1] : memref<f32> to memref<?x1536xf32>
  %w = memref.reinterpret_cast %pw to offset: [0], sizes: [1536], strides: [1] : memref<f32> to memref<1536xf32>
  %out = memref.reinterpret_cast %py to offset: [0], sizes: [%T, 1536], strides: [1536, 1] : memref<f32> to memref<?x1536xf32>
  %row = arith.muli %x, %c4 : index
  %left = arith.subi %T, %row : index
  %rows = arith.minsi %left, %c4 : index
  %iv = memref.subview %in[%row, 0] [%rows, 1536] [1, 1] : memref<?x1536xf32> to memref<?x1536xf32, strided<[1536, 1], offset: ?>>
  %ov = memref.subview %out[%row, 0] [%rows, 1536] [1, 1] : memref<?x1536xf32> to memref<?x1536xf32, strided<[1536, 1], offset: ?>>
  %sums = memref.alloca() : memref<4xf32>
  %sum = memref.subview %sums[0] [%rows] [1] : memref<4xf32> to memref<?xf32, strided<[1]>>
  linalg.fill ins(%zero : f32) outs(%sum : memref<?xf32, strided<[1]>>)
  linalg.generic {indexing_maps = [#mn, #m], iterator_types = ["parallel", "reduction"]}
      ins(%iv : memref<?x1536xf32, strided<[1536, 1], offset: ?>>) outs(%sum : memref<?xf32, strided<[1]>>) {
  ^bb0(%value: f32, %t: f32):
    %square = arith.mulf %value, %value : f32
    %r = arith.addf %t, %square : f32
    linalg.yield %r : f32
  }
  linalg.generic {indexing_maps = [#mn, #m, #n, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%iv, %sum, %w : memref<?x1536xf32, strided<[1536, 1], offset: ?>>, memref<?xf32, strided<[1]>>, memref<1536xf32>)
      outs(%ov : memref<?x1536xf32, strided<[1536, 1], offset: ?>>) {
  ^bb0(%value: f32, %t: f32, %weight: f32, %o: f32):
    %mean = arith.divf %t, %width : f32
    %safe = arith.addf %mean, %eps : f32
    %scale = math.rsqrt %safe : f32
    %normed = arith.mulf %value, %scale : f32
    %r = arith.mulf %normed, %weight : f32
    linalg.yield %r : f32
  }
  return
}

// o[T, 48] = softmax(causal(q k^T * scale)) v of one head, 64 queries a
// workgroup, keys in tiles of 64, ragged in T.
func.func private @attention(%x: index, %y: index, %z: index, %pq: memref<f32>, %pk: memref<f32>, %pv: memref<f32>, %po: memref<f32>, %T: index)
    attributes {transmamba.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %scale = arith.constant 0.14433756729740643 : f32
  %q = memref.reinterpret_cast %pq to offset: [0], sizes: [%T, 48], strides: [48, 1] : memref<f32> to memref<?x48xf32>
  %k = memref.reinterpret_cast %pk to offset: [0], sizes: [%T, 48], strides: [48, 1] : memref<f32> to memref<?x48xf32>
  %v = memref.reinterpret_cast %pv to offset: [0], sizes: [%T, 48], strides: [48, 1] : memref<f32> to memref<?x48xf32>
  %o = memref.reinterpret_cast %po to offset: [0], sizes: [%T, 48], strides: [48, 1] : memref<f32> to memref<?x48xf32>
  %tq = memref.alloca() : memref<64x48xf32>
  %tk = memref.alloca() : memref<64x48xf32>
  %tv = memref.alloca() : memref<64x48xf32>
  %s = memref.alloca() : memref<64x64xf32>
  %max = memref.alloca() : memref<64xf32>
  %before = memref.alloca() : memref<64xf32>
  %sum = memref.alloca() : memref<64xf32>
  %acc = memref.alloca() : memref<64x48xf32>
  %first = arith.muli %x, %c64 : index
  %left = arith.subi %T, %first : index
  %rows = arith.minsi %left, %c64 : index
  linalg.fill ins(%zero : f32) outs(%tq : memref<64x48xf32>)
  linalg.fill ins(%zero : f32) outs(%tk : memref<64x48xf32>)
  linalg.fill ins(%zero : f32) outs(%tv : memref<64x48xf32>)
  linalg.fill ins(%low : f32) outs(%max : memref<64xf32>)
  linalg.fill ins(%zero : f32) outs(%sum : memref<64xf32>)
  linalg.fill ins(%zero : f32) outs(%acc : memref<64x48xf32>)
  %qv = memref.subview %q[%first, 0] [%rows, 48] [1, 1] : memref<?x48xf32> to memref<?x48xf32, strided<[48, 1], offset: ?>>
  %tqv = memref.subview %tq[0, 0] [%rows, 48] [1, 1] : memref<64x48xf32> to memref<?x48xf32, strided<[48, 1]>>
  memref.copy %qv, %tqv : memref<?x48xf32, strided<[48, 1], offset: ?>> to memref<?x48xf32, strided<[48, 1]>>
  %last = arith.addi %x, %c1 : index
  scf.for %tile = %c0 to %last step %c1 {
    %key = arith.muli %tile, %c64 : index
    %keysLeft = arith.subi %T, %key : index
    %keys = arith.minsi %keysLeft, %c64 : index
    %kv = memref.subview %k[%key, 0] [%keys, 48] [1, 1] : memref<?x48xf32> to memref<?x48xf32, strided<[48, 1], offset: ?>>
    %vv = memref.subview %v[%key, 0] [%keys, 48] [1, 1] : memref<?x48xf32> to memref<?x48xf32, strided<[48, 1], offset: ?>>
    %tkv = memref.subview %tk[0, 0] [%keys, 48] [1, 1] : memref<64x48xf32> to memref<?x48xf32, strided<[48, 1]>>
    %tvv = memref.subview %tv[0, 0] [%keys, 48] [1, 1] : memref<64x48xf32> to memref<?x48xf32, strided<[48, 1]>>
    memref.copy %kv, %tkv : memref<?x48xf32, strided<[48, 1], offset: ?>> to memref<?x48xf32, strided<[48, 1]>>
    memref.copy %vv, %tvv : memref<?x48xf32, strided<[48, 1], offset: ?>> to memref<?x48xf32, strided<[48, 1]>>
    linalg.fill ins(%zero : f32) outs(%s : memref<64x64xf32>)
    linalg.generic {indexing_maps = [#mk, #nk, #mn3], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%tq, %tk : memref<64x48xf32>, memref<64x48xf32>) outs(%s : memref<64x64xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %p = arith.mulf %a, %b : f32
      %r = arith.addf %c, %p : f32
      linalg.yield %r : f32
    }
    linalg.generic {indexing_maps = [#mn], iterator_types = ["parallel", "parallel"]} outs(%s : memref<64x64xf32>) {
    ^bb0(%a: f32):
      %i = linalg.index 0 : index
      %j = linalg.index 1 : index
      %query = arith.addi %first, %i : index
      %position = arith.addi %key, %j : index
      %visible = arith.cmpi sle, %position, %query : index
      %scaled = arith.mulf %a, %scale : f32
      %r = arith.select %visible, %scaled, %low : f32
      linalg.yield %r : f32
    }
    memref.copy %max, %before : memref<64xf32> to memref<64xf32>
    linalg.generic {indexing_maps = [#mn, #m], iterator_types = ["parallel", "reduction"]} ins(%s : memref<64x64xf32>) outs(%max : memref<64xf32>) {
    ^bb0(%a: f32, %c: f32):
      %r = arith.maximumf %a, %c : f32
      linalg.yield %r : f32
    }
    linalg.generic {indexing_maps = [#m, #mn], iterator_types = ["parallel", "parallel"]} ins(%max : memref<64xf32>) outs(%s : memref<64x64xf32>) {
    ^bb0(%c: f32, %a: f32):
      %d = arith.subf %a, %c : f32
      %r = math.exp %d : f32
      linalg.yield %r : f32
    }
    linalg.generic {indexing_maps = [affine_map<(m) -> (m)>, affine_map<(m) -> (m)>], iterator_types = ["parallel"]} ins(%max : memref<64xf32>) outs(%before : memref<64xf32>) {
    ^bb0(%c: f32, %a: f32):
      %d = arith.subf %a, %c : f32
      %r = math.exp %d : f32
      linalg.yield %r : f32
    }
    linalg.generic {indexing_maps = [affine_map<(m) -> (m)>, affine_map<(m) -> (m)>], iterator_types = ["parallel"]} ins(%before : memref<64xf32>) outs(%sum : memref<64xf32>) {
    ^bb0(%c: f32, %a: f32):
      %r = arith.mulf %a, %c : f32
      linalg.yield %r : f32
    }
    linalg.generic {indexing_maps = [#mn, #m], iterator_types = ["parallel", "reduction"]} ins(%s : memref<64x64xf32>) outs(%sum : memref<64xf32>) {
    ^bb0(%a: f32, %c: f32):
      %r = arith.addf %c, %a : f32
      linalg.yield %r : f32
    }
    linalg.generic {indexing_maps = [#m, #mn], iterator_types = ["parallel", "parallel"]} ins(%before : memref<64xf32>) outs(%acc : memref<64x48xf32>) {
    ^bb0(%c: f32, %a: f32):
      %r = arith.mulf %a, %c : f32
      linalg.yield %r : f32
    }
    linalg.generic {indexing_maps = [#mk, #kn, #mn3], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%s, %tv : memref<64x64xf32>, memref<64x48xf32>) outs(%acc : memref<64x48xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %p = arith.mulf %a, %b : f32
      %r = arith.addf %c, %p : f32
      linalg.yield %r : f32
    }
  }
  %ov = memref.subview %o[%first, 0] [%rows, 48] [1, 1] : memref<?x48xf32> to memref<?x48xf32, strided<[48, 1], offset: ?>>
  %accv = memref.subview %acc[0, 0] [%rows, 48] [1, 1] : memref<64x48xf32> to memref<?x48xf32, strided<[48, 1]>>
  %sumv = memref.subview %sum[0] [%rows] [1] : memref<64xf32> to memref<?xf32, strided<[1]>>
  linalg.generic {indexing_maps = [#mn, #m, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%accv, %sumv : memref<?x48xf32, strided<[48, 1]>>, memref<?xf32, strided<[1]>>) outs(%ov : memref<?x48xf32, strided<[48, 1], offset: ?>>) {
  ^bb0(%a: f32, %t: f32, %old: f32):
    %r = arith.divf %a, %t : f32
    linalg.yield %r : f32
  }
  return
}

// y[n] = x * sigmoid(x), 1024 elements a workgroup.
func.func private @silu_bf16(%x: index, %y: index, %z: index, %px: memref<bf16>, %py: memref<bf16>, %n: index)
    attributes {transmamba.kernel} {
  %c1024 = arith.constant 1024 : index
  %one = arith.constant 1.0 : f32
  %in = memref.reinterpret_cast %px to offset: [0], sizes: [%n], strides: [1] : memref<bf16> to memref<?xbf16>
  %out = memref.reinterpret_cast %py to offset: [0], sizes: [%n], strides: [1] : memref<bf16> to memref<?xbf16>
  %first = arith.muli %x, %c1024 : index
  %left = arith.subi %n, %first : index
  %count = arith.minsi %left, %c1024 : index
  %iv = memref.subview %in[%first] [%count] [1] : memref<?xbf16> to memref<?xbf16, strided<[1], offset: ?>>
  %ov = memref.subview %out[%first] [%count] [1] : memref<?xbf16> to memref<?xbf16, strided<[1], offset: ?>>
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%iv : memref<?xbf16, strided<[1], offset: ?>>) outs(%ov : memref<?xbf16, strided<[1], offset: ?>>) {
  ^bb0(%b: bf16, %old: bf16):
    %a = arith.extf %b : bf16 to f32
    %negated = arith.negf %a : f32
    %e = math.exp %negated : f32
    %d = arith.addf %e, %one : f32
    %s = arith.divf %a, %d : f32
    %r = arith.truncf %s : f32 to bf16
    linalg.yield %r : bf16
  }
  return
}
