// Advice refuses what compiling refuses.

// REQUIRES: transmamba-compile
// RUN: not transmamba-compile %s --target=nvidia:sm_90a --advise-transpoints=1,16 2>&1 | FileCheck %s
// CHECK: advice-limits.mlir:8:1: error: 'transmamba.max_sequence' must be in [1, 2147483647], not 3000000000
// CHECK-NOT: TransPoints for

module attributes {transmamba.max_batch = 2 : i64, transmamba.max_sequence = 3000000000 : i64} {
  func.func @forward(%q: tensor<?x?x4x48xbf16>, %k: tensor<?x?x4x48xbf16>, %v: tensor<?x?x4x48xbf16>, %dt: tensor<?x?x4xf32>,
                     %A: tensor<4xf32>) -> (tensor<?x?x4x48xbf16>, !transmamba.ssm_state<layer = 0, 4x48x48xf32>) {
    %y, %h = transmamba.switch %q, %k, %v, %dt, %A transpoint 128
        : tensor<?x?x4x48xbf16>, tensor<?x?x4x48xbf16>, tensor<?x?x4x48xbf16>, tensor<?x?x4xf32>, tensor<4xf32>
        -> tensor<?x?x4x48xbf16>, !transmamba.ssm_state<layer = 0, 4x48x48xf32>
    return %y, %h : tensor<?x?x4x48xbf16>, !transmamba.ssm_state<layer = 0, 4x48x48xf32>
  }
}
