// RUN: transmamba-opt %s --pass-pipeline="builtin.module(transmamba-host-kernel-abi)" | FileCheck %s

// CHECK-LABEL: llvm.func internal @k.body(
// CHECK-SAME:    %{{.*}}: i64, %{{.*}}: i64, %{{.*}}: i64, %{{.*}}: !llvm.ptr {llvm.noalias}, %{{.*}}: i64)
// CHECK-SAME:    always_inline
// CHECK:       llvm.func @k(%[[ARGS:.*]]: !llvm.ptr {llvm.noalias, llvm.readonly}, %[[X:.*]]: i64, %[[Y:.*]]: i64, %[[Z:.*]]: i64)
// CHECK-SAME:    transmamba.kernel
// CHECK:         %[[SLOT0:.*]] = llvm.getelementptr %[[ARGS]][0] : (!llvm.ptr) -> !llvm.ptr, i64
// CHECK:         %[[P:.*]] = llvm.load %[[SLOT0]] : !llvm.ptr -> !llvm.ptr
// CHECK:         %[[SLOT1:.*]] = llvm.getelementptr %[[ARGS]][1] : (!llvm.ptr) -> !llvm.ptr, i64
// CHECK:         %[[N:.*]] = llvm.load %[[SLOT1]] : !llvm.ptr -> i64
// CHECK:         llvm.call @k.body(%[[X]], %[[Y]], %[[Z]], %[[P]], %[[N]])
// CHECK:         llvm.return
llvm.func @k(%x: i64, %y: i64, %z: i64, %p: !llvm.ptr {llvm.noalias}, %n: i64) attributes {transmamba.kernel} {
  llvm.return
}

// CHECK: llvm.func @helper(%{{.*}}: f32)
llvm.func @helper(%x: f32) {
  llvm.return
}
