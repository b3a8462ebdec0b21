// RUN: transmamba-opt %s --pass-pipeline='builtin.module(func.func(transmamba-fuse-rotation))' | FileCheck %s

!cache = !transmamba.kv_cache<layer = 0, 4x8xf32>

// CHECK-LABEL: func.func @decode(
// CHECK-SAME:      %{{.*}}: !transmamba.kv_cache<layer = 0, 4x8xf32>, %[[K:[^:]*]]: tensor
// CHECK-NOT:     transmamba.rope
// CHECK:         transmamba.append_kv %{{.*}}, %[[K]], %{{.*}} at(%{{.*}}) {interleaved, rope_theta = 1.000000e+02 : f64, rotary_dim = 6 : i64}
func.func @decode(%c: !cache, %k: tensor<2x1x4x8xf32>, %v: tensor<2x1x4x8xf32>, %at: tensor<2xi32>) -> !cache {
  %r = transmamba.rope %k at(%at : tensor<2xi32>) theta 1.0e+02 {rotary_dim = 6 : i64, interleaved} : tensor<2x1x4x8xf32>
  %n = transmamba.append_kv %c, %r, %v at(%at : tensor<2xi32>) : !cache, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>
  return %n : !cache
}

// Somebody else reads the rotated keys.
// CHECK-LABEL: func.func @shared(
// CHECK:         %[[R:.*]] = transmamba.rope
// CHECK:         transmamba.append_kv %{{.*}}, %[[R]], %{{.*}} :
func.func @shared(%c: !cache, %k: tensor<2x5x4x8xf32>) -> (!cache, tensor<2x5x4x8xf32>) {
  %r = transmamba.rope %k theta 1.0e+02 : tensor<2x5x4x8xf32>
  %n = transmamba.append_kv %c, %r, %k : !cache, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>
  return %n, %r : !cache, tensor<2x5x4x8xf32>
}

// The slots are not the positions.
// CHECK-LABEL: func.func @elsewhere(
// CHECK:         %[[R:.*]] = transmamba.rope
// CHECK:         transmamba.append_kv %{{.*}}, %[[R]], %{{.*}} at(
func.func @elsewhere(%c: !cache, %k: tensor<2x5x4x8xf32>, %at: tensor<2xi32>) -> !cache {
  %r = transmamba.rope %k theta 1.0e+02 : tensor<2x5x4x8xf32>
  %n = transmamba.append_kv %c, %r, %k at(%at : tensor<2xi32>) : !cache, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>
  return %n : !cache
}

// What is rotated already is not rotated on the way.
// CHECK-LABEL: func.func @twice(
// CHECK:         %[[R:.*]] = transmamba.rope
// CHECK:         transmamba.append_kv %{{.*}}, %[[R]], %{{.*}} {rope_theta = 1.000000e+04 : f64}
func.func @twice(%c: !cache, %k: tensor<2x5x4x8xf32>) -> !cache {
  %r = transmamba.rope %k theta 1.0e+02 : tensor<2x5x4x8xf32>
  %n = transmamba.append_kv %c, %r, %k {rope_theta = 1.0e+04 : f64} : !cache, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>
  return %n : !cache
}
