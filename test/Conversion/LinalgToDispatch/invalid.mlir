// What the dispatch step refuses.
// RUN: transmamba-opt %s --transmamba-tile-to-workgroups --transmamba-outline-kernels --split-input-file --verify-diagnostics

func.func @no_elements(%x: tensor<0x8xf32>, %out: tensor<0x8xf32>) -> tensor<0x8xf32> attributes {transmamba.entry} {
  // expected-error @below {{cannot be tiled: a dimension is 0}}
  %y = linalg.exp ins(%x : tensor<0x8xf32>) outs(%out : tensor<0x8xf32>) -> tensor<0x8xf32>
  return %y : tensor<0x8xf32>
}

// -----

func.func @no_parallel_loop(%x: tensor<8xf32>, %out: tensor<f32>) -> tensor<f32> attributes {transmamba.entry} {
  // expected-error @below {{cannot be tiled: it has no parallel loop}}
  %y = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]} ins(%x : tensor<8xf32>) outs(%out : tensor<f32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.addf %a, %o : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  return %y : tensor<f32>
}

// -----

func.func @loose_work(%x: memref<8xf32>) attributes {transmamba.entry} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  // expected-error @below {{work that is not in a workgroup loop}}
  memref.store %zero, %x[%c0] : memref<8xf32>
  return
}

// -----

func.func @captured_number(%x: memref<8xf32>, %number: f32) attributes {transmamba.entry} {
  // expected-error @below {{captures a value that a launch plan cannot hold}}
  scf.forall (%i) in (8) {
    memref.store %number, %x[%i] : memref<8xf32>
  }
  return
}

// -----

func.func @strided(%x: memref<8xf32, strided<[2]>>) attributes {transmamba.entry} {
  %zero = arith.constant 0.0 : f32
  // expected-error @below {{captures a buffer without identity layout}}
  scf.forall (%i) in (8) {
    memref.store %zero, %x[%i] : memref<8xf32, strided<[2]>>
  }
  return
}

// -----

func.func @unbounded_scratch(%x: memref<?xf32>) attributes {transmamba.entry} {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  scf.forall (%i) in (8) {
    // expected-error @below {{scratch memory of a workgroup has no constant bound}}
    %scratch = memref.alloc(%n) : memref<?xf32>
    memref.copy %x, %scratch : memref<?xf32> to memref<?xf32>
  }
  return
}
