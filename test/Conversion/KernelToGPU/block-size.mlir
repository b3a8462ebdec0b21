// RUN: transmamba-opt %s --transmamba-kernel-to-gpu=block-size=128 | FileCheck %s
// RUN: not transmamba-opt %s --transmamba-kernel-to-gpu=block-size=48 2>&1 | FileCheck %s --check-prefix=ERROR

// CHECK: gpu.func @k() kernel attributes {known_block_size = array<i32: 128, 1, 1>}
// ERROR: error: block-size=48 is not a power of two from 32 to 1024
func.func private @k(%x: index, %y: index, %z: index) attributes {transmamba.kernel} {
  return
}
