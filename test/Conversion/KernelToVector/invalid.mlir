// RUN: transmamba-opt %s -split-input-file -verify-diagnostics --pass-pipeline="builtin.module(func.func(transmamba-kernel-to-vector))"

func.func private @tensors(%x: index, %y: index, %z: index, %t: tensor<4xf32>) attributes {transmamba.kernel} {
  %zero = arith.constant 0.0 : f32
  // expected-error @below {{works on tensors; a kernel works on buffers}}
  %f = linalg.fill ins(%zero : f32) outs(%t : tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func private @generic(%x: index, %y: index, %z: index, %t: tensor<4xf32>) attributes {transmamba.kernel} {
  // expected-error @below {{works on tensors; a kernel works on buffers}}
  %f = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]} outs(%t : tensor<4xf32>) {
  ^bb0(%a: f32):
    linalg.yield %a : f32
  } -> tensor<4xf32>
  return
}

// -----

func.func private @unranked(%x: index, %y: index, %z: index, %a: memref<*xf32>, %b: memref<*xf32>) attributes {transmamba.kernel} {
  // expected-error @below {{of unranked buffers is not supported in a kernel}}
  memref.copy %a, %b : memref<*xf32> to memref<*xf32>
  return
}

// -----

func.func private @softmax(%x: index, %y: index, %z: index, %a: memref<4x4xf32>, %b: memref<4x4xf32>) attributes {transmamba.kernel} {
  // expected-error @below {{is not supported in a kernel: decompose it to structured linalg ops first}}
  linalg.softmax dimension(1) ins(%a : memref<4x4xf32>) outs(%b : memref<4x4xf32>)
  return
}
