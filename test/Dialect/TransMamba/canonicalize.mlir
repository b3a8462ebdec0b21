// What P = 0 and P >= T leave behind disappears.
// RUN: transmamba-opt %s --canonicalize --split-input-file | FileCheck %s

// CHECK-LABEL: func.func @point_zero
func.func @point_zero(%tokens: index) -> index {
  // CHECK: %[[ZERO:.*]] = arith.constant 0 : index
  // CHECK: return %[[ZERO]]
  %n = transmamba.transpoint %tokens layer 0 at 0
  return %n : index
}

// -----

// CHECK-LABEL: func.func @point_of_known_tokens
func.func @point_of_known_tokens() -> (index, index, index) {
  %c64 = arith.constant 64 : index
  %c128 = arith.constant 128 : index
  %c200 = arith.constant 200 : index
  // CHECK-DAG: %[[C64:.*]] = arith.constant 64 : index
  // CHECK-DAG: %[[C128:.*]] = arith.constant 128 : index
  // CHECK: return %[[C64]], %[[C128]], %[[C128]]
  %a = transmamba.transpoint %c64 layer 0 at 128
  %b = transmamba.transpoint %c128 layer 0 at 128
  %c = transmamba.transpoint %c200 layer 0 at 128
  return %a, %b, %c : index, index, index
}

// -----

// An unresolved TransPoint, and one that depends on the number of tokens, stay.
// CHECK-LABEL: func.func @point_stays
func.func @point_stays(%tokens: index) -> (index, index) {
  // CHECK: transmamba.transpoint %{{.*}} layer 0{{$}}
  %a = transmamba.transpoint %tokens layer 0
  // CHECK: transmamba.transpoint %{{.*}} layer 0 at 128
  %b = transmamba.transpoint %tokens layer 0 at 128
  return %a, %b : index, index
}

// -----

// CHECK-LABEL: func.func @select_ssm
// CHECK-SAME: %{{.*}}: tensor<?x1x64xf32>, %[[SSM:.*]]: tensor<?x1x64xf32>
func.func @select_ssm(%a: tensor<?x1x64xf32>, %s: tensor<?x1x64xf32>, %pos: tensor<?xi32>) -> tensor<?x1x64xf32> {
  // CHECK: return %[[SSM]]
  %y = transmamba.select_reading %a, %s at(%pos : tensor<?xi32>) layer 0 transpoint 0 : tensor<?x1x64xf32>
  return %y : tensor<?x1x64xf32>
}

// -----

// CHECK-LABEL: func.func @select_stays
func.func @select_stays(%a: tensor<?x1x64xf32>, %s: tensor<?x1x64xf32>, %pos: tensor<?xi32>) -> tensor<?x1x64xf32> {
  // CHECK: transmamba.select_reading
  %y = transmamba.select_reading %a, %s at(%pos : tensor<?xi32>) layer 0 transpoint 1 : tensor<?x1x64xf32>
  return %y : tensor<?x1x64xf32>
}

// -----

// CHECK-LABEL: func.func @no_queries
// CHECK-SAME: %[[Q:.*]]: tensor<?x0x4x48xf32>
func.func @no_queries(%q: tensor<?x0x4x48xf32>, %k: tensor<?x0x2x48xf32>) -> tensor<?x0x4x48xf32> {
  // CHECK: %[[ROWS:.*]] = tensor.dim %[[Q]]
  // CHECK: %[[EMPTY:.*]] = tensor.empty(%[[ROWS]]) : tensor<?x0x4x48xf32>
  // CHECK: return %[[EMPTY]]
  %y = transmamba.attention %q, %k, %k {causal} : tensor<?x0x4x48xf32>, tensor<?x0x2x48xf32>, tensor<?x0x2x48xf32> -> tensor<?x0x4x48xf32>
  return %y : tensor<?x0x4x48xf32>
}

// -----

// CHECK-LABEL: func.func @append_nothing
// CHECK-SAME: %[[C:.*]]: !transmamba.kv_cache
func.func @append_nothing(%c: !transmamba.kv_cache<layer = 0, 2x48xf32>, %k: tensor<?x0x2x48xf32>) -> !transmamba.kv_cache<layer = 0, 2x48xf32> {
  // CHECK: return %[[C]]
  %n = transmamba.append_kv %c, %k, %k : !transmamba.kv_cache<layer = 0, 2x48xf32>, tensor<?x0x2x48xf32>, tensor<?x0x2x48xf32>
  return %n : !transmamba.kv_cache<layer = 0, 2x48xf32>
}

// -----

!state = !transmamba.ssm_state<layer = 0, 4x48x48xf32>

// No tokens: the state goes through.
// CHECK-LABEL: func.func @scan_nothing
// CHECK-SAME: %[[STATE:[^:]*]]: !transmamba.ssm_state
func.func @scan_nothing(%h: !state, %q: tensor<?x0x4x48xf32>, %dt: tensor<?x0x4xf32>, %A: tensor<4xf32>, %n: index)
    -> (tensor<?x0x4x48xf32>, !state) {
  // CHECK-NOT: ssd_scan
  // CHECK: %[[EMPTY:.*]] = tensor.empty
  // CHECK: return %[[EMPTY]], %[[STATE]]
  %y, %s = transmamba.ssd_scan %q, %q, %q, %dt, %A init(%h : !state) start(%n)
      : tensor<?x0x4x48xf32>, tensor<?x0x4x48xf32>, tensor<?x0x4x48xf32>, tensor<?x0x4xf32>, tensor<4xf32> -> tensor<?x0x4x48xf32>, !state
  return %y, %s : tensor<?x0x4x48xf32>, !state
}

// -----

!state = !transmamba.ssm_state<layer = 0, 4x48x48xf32>

// A state of zeros that is wanted can only come from the scan.
// CHECK-LABEL: func.func @scan_nothing_from_zero
func.func @scan_nothing_from_zero(%q: tensor<?x0x4x48xf32>, %dt: tensor<?x0x4xf32>, %A: tensor<4xf32>) -> !state {
  // CHECK: ssd_scan
  %y, %s = transmamba.ssd_scan %q, %q, %q, %dt, %A
      : tensor<?x0x4x48xf32>, tensor<?x0x4x48xf32>, tensor<?x0x4x48xf32>, tensor<?x0x4xf32>, tensor<4xf32> -> tensor<?x0x4x48xf32>, !state
  return %s : !state
}

// -----

!state = !transmamba.ssm_state<layer = 0, 4x48x48xf32>

// CHECK-LABEL: func.func @memory_of_nothing
func.func @memory_of_nothing(%q: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>,
                             %k0: tensor<?x0x4x48xf32>, %dt0: tensor<?x0x4xf32>) -> (tensor<?x?x4x48xf32>, !state) {
  %c0 = arith.constant 0 : index
  // CHECK-NOT: convert_memory
  // CHECK: transmamba.ssd_scan %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{[^ ]*}} :
  %h = transmamba.convert_memory %k0, %k0, %dt0, %A : tensor<?x0x4x48xf32>, tensor<?x0x4x48xf32>, tensor<?x0x4xf32>, tensor<4xf32> -> !state
  %y, %s = transmamba.ssd_scan %q, %q, %q, %dt, %A init(%h : !state) start(%c0)
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !state
  return %y, %s : tensor<?x?x4x48xf32>, !state
}

// -----

!state = !transmamba.ssm_state<layer = 0, 4x48x48xf32>

// The start is what lengths count from: without a proof that it is zero, nothing is dropped.
// CHECK-LABEL: func.func @start_stays
func.func @start_stays(%q: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>,
                       %k0: tensor<?x0x4x48xf32>, %dt0: tensor<?x0x4xf32>, %n: index) -> (tensor<?x?x4x48xf32>, !state) {
  // CHECK: %[[H:.*]] = transmamba.convert_memory
  // CHECK: transmamba.ssd_scan {{.*}} init(%[[H]] {{.*}}) start(%{{.*}})
  %h = transmamba.convert_memory %k0, %k0, %dt0, %A : tensor<?x0x4x48xf32>, tensor<?x0x4x48xf32>, tensor<?x0x4xf32>, tensor<4xf32> -> !state
  %y, %s = transmamba.ssd_scan %q, %q, %q, %dt, %A init(%h : !state) start(%n)
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !state
  return %y, %s : tensor<?x?x4x48xf32>, !state
}
