// Kernels that differ in index constants are one kernel with arguments.
// RUN: transmamba-opt %s --transmamba-merge-kernels --split-input-file | FileCheck %s

// The constant in which they differ is passed once, however often it is read; equal ones stay in the kernel.
// CHECK-LABEL: func.func @entry(
// CHECK:         %[[P16:.+]] = arith.constant 16 : index
// CHECK:         transmamba.dispatch @limit_0 grid({{.*}}) args(%{{.+}}, %{{.+}}, %[[P16]] : memref<?xf32>, index, index)
// CHECK:         %[[P64:.+]] = arith.constant 64 : index
// CHECK:         transmamba.dispatch @limit_0 grid({{.*}}) args(%{{.+}}, %{{.+}}, %[[P64]] : memref<?xf32>, index, index)
// CHECK-LABEL: func.func private @limit_0(
// CHECK-SAME:    %[[X:[a-z0-9]+]]: index, %{{[a-z0-9]+}}: index, %{{[a-z0-9]+}}: index, %{{[a-z0-9]+}}: memref<f32>, %[[N:[a-z0-9]+]]: index, %[[P:[a-z0-9]+]]: index) attributes {transmamba.kernel}
// CHECK-DAG:     %[[C32:.+]] = arith.constant 32 : index
// CHECK:         %[[OFFSET:.+]] = arith.muli %[[X]], %[[C32]]
// CHECK:         arith.minsi %[[N]], %[[P]]
// CHECK:         %[[INSIDE:.+]] = arith.cmpi slt, %[[OFFSET]], %[[P]]
// CHECK-NOT:   func.func private @limit_1
func.func @entry(%x: memref<?xf32>, %n: index) attributes {transmamba.entry} {
  %c1 = arith.constant 1 : index
  transmamba.dispatch @limit_0 grid(%n, %c1, %c1) args(%x, %n : memref<?xf32>, index)
  transmamba.dispatch @limit_1 grid(%n, %c1, %c1) args(%x, %n : memref<?xf32>, index)
  return
}
func.func private @limit_0(%x: index, %y: index, %z: index, %p: memref<f32>, %n: index) attributes {transmamba.kernel} {
  %c16 = arith.constant 16 : index
  %c32 = arith.constant 32 : index
  %zero = arith.constant 0.0 : f32
  %offset = arith.muli %x, %c32 : index
  %size = arith.minsi %n, %c16 : index
  %inside = arith.cmpi slt, %offset, %c16 : index
  %b = memref.reinterpret_cast %p to offset: [0], sizes: [%size], strides: [1] : memref<f32> to memref<?xf32>
  scf.if %inside {
    memref.store %zero, %b[%offset] : memref<?xf32>
  }
  return
}
// The order of constants is of no matter.
func.func private @limit_1(%x: index, %y: index, %z: index, %p: memref<f32>, %n: index) attributes {transmamba.kernel} {
  %zero = arith.constant 0.0 : f32
  %c32 = arith.constant 32 : index
  %c64 = arith.constant 64 : index
  %offset = arith.muli %x, %c32 : index
  %size = arith.minsi %n, %c64 : index
  %inside = arith.cmpi slt, %offset, %c64 : index
  %b = memref.reinterpret_cast %p to offset: [0], sizes: [%size], strides: [1] : memref<f32> to memref<?xf32>
  scf.if %inside {
    memref.store %zero, %b[%offset] : memref<?xf32>
  }
  return
}

// -----

// So is the capacity of a cache that a kernel only sees parts of; the sizes in which no kernel differs stay static.
// CHECK-LABEL: func.func @caches(
// CHECK:         transmamba.dispatch @read_0 {{.*}}args(%{{.+}}, %[[A:.+]] : memref<3x4x16x8xf32>, index)
// CHECK:         transmamba.dispatch @read_0 {{.*}}args(%{{.+}}, %[[B:.+]] : memref<3x4x32x8xf32>, index)
// CHECK-LABEL: func.func private @read_0(
// CHECK-SAME:    %[[CAPACITY:[a-z0-9]+]]: index) attributes
// CHECK-DAG:     %[[HEAD:.+]] = arith.muli %[[CAPACITY]], %{{.+}} : index
// CHECK-DAG:     %[[BATCH:.+]] = arith.muli %[[HEAD]], %{{.+}} : index
// CHECK:         memref.reinterpret_cast %{{.+}} to offset: [0], sizes: [3, 4, %[[CAPACITY]], 8], strides: [%[[BATCH]], %[[HEAD]], 8, 1] : memref<f32> to memref<3x4x?x8xf32
// CHECK:         memref.subview %{{.+}} : memref<3x4x?x8xf32{{.*}} to memref<2x8xf32, strided<[8, 1], offset: ?>>
// CHECK-NOT:   func.func private @read_1
func.func @caches(%a: memref<3x4x16x8xf32>, %b: memref<3x4x32x8xf32>, %n: index) attributes {transmamba.entry} {
  %c1 = arith.constant 1 : index
  transmamba.dispatch @read_0 grid(%n, %c1, %c1) args(%a : memref<3x4x16x8xf32>)
  transmamba.dispatch @read_1 grid(%n, %c1, %c1) args(%b : memref<3x4x32x8xf32>)
  return
}
func.func private @read_0(%x: index, %y: index, %z: index, %p: memref<f32>) attributes {transmamba.kernel} {
  %zero = arith.constant 0.0 : f32
  %b = memref.reinterpret_cast %p to offset: [0], sizes: [3, 4, 16, 8], strides: [512, 128, 8, 1] : memref<f32> to memref<3x4x16x8xf32>
  %part = memref.subview %b[%x, %x, %x, 0] [1, 1, 2, 8] [1, 1, 1, 1] : memref<3x4x16x8xf32> to memref<2x8xf32, strided<[8, 1], offset: ?>>
  linalg.fill ins(%zero : f32) outs(%part : memref<2x8xf32, strided<[8, 1], offset: ?>>)
  return
}
func.func private @read_1(%x: index, %y: index, %z: index, %p: memref<f32>) attributes {transmamba.kernel} {
  %zero = arith.constant 0.0 : f32
  %b = memref.reinterpret_cast %p to offset: [0], sizes: [3, 4, 32, 8], strides: [1024, 256, 8, 1] : memref<f32> to memref<3x4x32x8xf32>
  %part = memref.subview %b[%x, %x, %x, 0] [1, 1, 2, 8] [1, 1, 1, 1] : memref<3x4x32x8xf32> to memref<2x8xf32, strided<[8, 1], offset: ?>>
  linalg.fill ins(%zero : f32) outs(%part : memref<2x8xf32, strided<[8, 1], offset: ?>>)
  return
}

// -----

// The step of a loop, a divisor in a loop, a size that a view shows and a float stay constants: these kernels stay apart, unchanged.
// CHECK-LABEL: func.func @apart(
// CHECK-COUNT-4: transmamba.dispatch @{{[a-z]+}}_0
// CHECK-COUNT-4: transmamba.dispatch @{{[a-z]+}}_1
// CHECK-LABEL: func.func private @step_0(%{{[a-z0-9]+}}: index, %{{[a-z0-9]+}}: index, %{{[a-z0-9]+}}: index, %{{[a-z0-9]+}}: memref<f32>)
// CHECK:       func.func private @step_1
// CHECK:       func.func private @divisor_0
// CHECK:       func.func private @divisor_1
// CHECK:       func.func private @size_0
// CHECK:         sizes: [8, 16]
// CHECK:       func.func private @size_1
// CHECK:       func.func private @value_0
// CHECK:       func.func private @value_1
func.func @apart(%x: memref<?xf32>, %n: index) attributes {transmamba.entry} {
  %c1 = arith.constant 1 : index
  transmamba.dispatch @step_0 grid(%n, %c1, %c1) args(%x : memref<?xf32>)
  transmamba.dispatch @divisor_0 grid(%n, %c1, %c1) args(%x : memref<?xf32>)
  transmamba.dispatch @size_0 grid(%n, %c1, %c1) args(%x : memref<?xf32>)
  transmamba.dispatch @value_0 grid(%n, %c1, %c1) args(%x : memref<?xf32>)
  transmamba.dispatch @step_1 grid(%n, %c1, %c1) args(%x : memref<?xf32>)
  transmamba.dispatch @divisor_1 grid(%n, %c1, %c1) args(%x : memref<?xf32>)
  transmamba.dispatch @size_1 grid(%n, %c1, %c1) args(%x : memref<?xf32>)
  transmamba.dispatch @value_1 grid(%n, %c1, %c1) args(%x : memref<?xf32>)
  return
}
func.func private @step_0(%x: index, %y: index, %z: index, %p: memref<f32>) attributes {transmamba.kernel} {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  scf.for %i = %c0 to %x step %c2 {
    memref.store %zero, %p[] : memref<f32>
  }
  return
}
func.func private @step_1(%x: index, %y: index, %z: index, %p: memref<f32>) attributes {transmamba.kernel} {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %zero = arith.constant 0.0 : f32
  scf.for %i = %c0 to %x step %c4 {
    memref.store %zero, %p[] : memref<f32>
  }
  return
}
func.func private @divisor_0(%x: index, %y: index, %z: index, %p: memref<f32>) attributes {transmamba.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %zero = arith.constant 0.0 : f32
  %b = memref.reinterpret_cast %p to offset: [0], sizes: [%x], strides: [1] : memref<f32> to memref<?xf32>
  scf.for %i = %c0 to %x step %c1 {
    %j = arith.divui %i, %c3 : index
    memref.store %zero, %b[%j] : memref<?xf32>
  }
  return
}
func.func private @divisor_1(%x: index, %y: index, %z: index, %p: memref<f32>) attributes {transmamba.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  %zero = arith.constant 0.0 : f32
  %b = memref.reinterpret_cast %p to offset: [0], sizes: [%x], strides: [1] : memref<f32> to memref<?xf32>
  scf.for %i = %c0 to %x step %c1 {
    %j = arith.divui %i, %c5 : index
    memref.store %zero, %b[%j] : memref<?xf32>
  }
  return
}
func.func private @size_0(%x: index, %y: index, %z: index, %p: memref<f32>) attributes {transmamba.kernel} {
  %zero = arith.constant 0.0 : f32
  %b = memref.reinterpret_cast %p to offset: [0], sizes: [8, 16], strides: [16, 1] : memref<f32> to memref<8x16xf32>
  %part = memref.subview %b[%x, 0] [2, 4] [1, 1] : memref<8x16xf32> to memref<2x4xf32, strided<[16, 1], offset: ?>>
  linalg.fill ins(%zero : f32) outs(%part : memref<2x4xf32, strided<[16, 1], offset: ?>>)
  return
}
func.func private @size_1(%x: index, %y: index, %z: index, %p: memref<f32>) attributes {transmamba.kernel} {
  %zero = arith.constant 0.0 : f32
  %b = memref.reinterpret_cast %p to offset: [0], sizes: [8, 32], strides: [32, 1] : memref<f32> to memref<8x32xf32>
  %part = memref.subview %b[%x, 0] [2, 4] [1, 1] : memref<8x32xf32> to memref<2x4xf32, strided<[32, 1], offset: ?>>
  linalg.fill ins(%zero : f32) outs(%part : memref<2x4xf32, strided<[32, 1], offset: ?>>)
  return
}
func.func private @value_0(%x: index, %y: index, %z: index, %p: memref<f32>) attributes {transmamba.kernel} {
  %value = arith.constant 1.0 : f32
  memref.store %value, %p[] : memref<f32>
  return
}
func.func private @value_1(%x: index, %y: index, %z: index, %p: memref<f32>) attributes {transmamba.kernel} {
  %value = arith.constant 2.0 : f32
  memref.store %value, %p[] : memref<f32>
  return
}
