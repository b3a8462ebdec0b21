// RUN: transmamba-opt %s --transmamba-kernel-to-gpu --canonicalize --split-input-file | FileCheck %s

// Up to 48 KB: static, side by side.
// CHECK-LABEL: gpu.func @static
// CHECK-SAME:    workgroup(%[[BYTES:.*]] : memref<2064xi8, #gpu.address_space<workgroup>> {llvm.align = 16 : i64})
// CHECK-NOT:     dynamic_shared_memory
// CHECK-DAG:     memref.view %[[BYTES]][%c0][] : {{.*}} to memref<3xf32, #gpu.address_space<workgroup>>
// CHECK-DAG:     memref.view %[[BYTES]][%c16][] : {{.*}} to memref<512xf32, #gpu.address_space<workgroup>>
func.func private @static(%x: index, %y: index, %z: index) attributes {transmamba.kernel} {
  %a = memref.alloca() : memref<3xf32>
  %b = memref.alloca() : memref<512xf32>
  %one = arith.constant 1.0 : f32
  linalg.fill ins(%one : f32) outs(%a : memref<3xf32>)
  linalg.fill ins(%one : f32) outs(%b : memref<512xf32>)
  return
}

// -----

// More: %a and %c are never live together and share bytes, which takes a
// barrier between the last read of one and the first write of the other.
// CHECK-LABEL: gpu.func @reused
// CHECK-SAME:    workgroup(%[[BYTES:.*]] : memref<36864xi8
// CHECK-DAG:     %[[A:.*]] = memref.view %[[BYTES]][%c0][]
// CHECK-DAG:     %[[B:.*]] = memref.view %[[BYTES]][%c20480][]
// CHECK-DAG:     %[[C:.*]] = memref.view %[[BYTES]][%c0][]
// CHECK:         vector.store %{{.*}}, %[[A]]
// CHECK:         gpu.barrier
// CHECK:         vector.store %{{.*}}, %[[B]]
// CHECK:         %[[CV:.*]] = memref.subview %[[C]]
// CHECK:         gpu.barrier
// CHECK:         vector.store %{{.*}}, %[[CV]]
func.func private @reused(%x: index, %y: index, %z: index) attributes {transmamba.kernel} {
  %one = arith.constant 1.0 : f32
  %a = memref.alloca() : memref<5120xf32>
  %b = memref.alloca() : memref<4096xf32>
  %c = memref.alloca() : memref<4608xf32>
  linalg.fill ins(%one : f32) outs(%a : memref<5120xf32>)
  %av = memref.subview %a[1024] [4096] [1] : memref<5120xf32> to memref<4096xf32, strided<[1], offset: 1024>>
  memref.copy %av, %b : memref<4096xf32, strided<[1], offset: 1024>> to memref<4096xf32>
  %bv = memref.subview %b[0] [1024] [1] : memref<4096xf32> to memref<1024xf32, strided<[1]>>
  %cv = memref.subview %c[512] [1024] [1] : memref<4608xf32> to memref<1024xf32, strided<[1], offset: 512>>
  memref.copy %bv, %cv : memref<1024xf32, strided<[1]>> to memref<1024xf32, strided<[1], offset: 512>>
  return
}

// -----

// Still more: dynamic, and the launch is told.
// CHECK-LABEL: func.func @main
// CHECK:         %[[SHARED:.*]] = arith.constant 65536 : i32
// CHECK:         gpu.launch_func @kernels::@dynamic blocks in (%{{.*}}, %{{.*}}, %{{.*}}) threads in (%c256{{.*}}, %c1{{.*}}, %c1{{.*}}) dynamic_shared_memory_size %[[SHARED]] args(%{{.*}} : memref<f32>, %{{.*}} : index)
// CHECK-LABEL: gpu.func @dynamic
// CHECK-SAME:    transmamba.dynamic_shared_memory = 65536 : i64
// CHECK:         gpu.dynamic_shared_memory
func.func @main(%b: memref<8x8xf32>, %n: index) {
  transmamba.dispatch @dynamic grid(%n, %n, %n) args(%b, %n : memref<8x8xf32>, index)
  return
}
func.func private @dynamic(%x: index, %y: index, %z: index, %p: memref<f32>, %n: index) attributes {transmamba.kernel} {
  %one = arith.constant 1.0 : f32
  %a = memref.alloca() : memref<128x128xf32>
  linalg.fill ins(%one : f32) outs(%a : memref<128x128xf32>)
  return
}
