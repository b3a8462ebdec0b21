// TransPoints are written down, cycled over the layers; what is written already stays.
// RUN: transmamba-opt %s --transmamba-schedule --split-input-file --verify-diagnostics | FileCheck %s

module attributes {transmamba.schedule = #transmamba.schedule<[3, 0, 64]>, transmamba.max_sequence = 64 : i64} {
  // CHECK-LABEL: func.func @cycle
  // CHECK-SAME: %[[T:.*]]: index
  // CHECK-DAG: %[[ZERO:.*]] = arith.constant 0 : index
  // CHECK-DAG: %[[A:.*]] = transmamba.transpoint %[[T]] layer 0 at 3
  // CHECK-DAG: %[[D:.*]] = transmamba.transpoint %[[T]] layer 3 at 3
  // CHECK: return %[[A]], %[[ZERO]], %[[T]], %[[D]]
  func.func @cycle(%tokens: index) -> (index, index, index, index) {
    %a = transmamba.transpoint %tokens layer 0
    %b = transmamba.transpoint %tokens layer 1
    %c = transmamba.transpoint %tokens layer 2
    %d = transmamba.transpoint %tokens layer 3
    return %a, %b, %c, %d : index, index, index, index
  }
}

// -----

// A static number of tokens decides without the longest sequence.
module attributes {transmamba.schedule = #transmamba.schedule<[16]>, transmamba.max_sequence = 64 : i64} {
  // CHECK-LABEL: func.func @static_tokens
  // CHECK-DAG: %[[C8:.*]] = arith.constant 8 : index
  // CHECK-DAG: %[[C16:.*]] = arith.constant 16 : index
  // CHECK: return %[[C8]], %[[C16]]
  func.func @static_tokens() -> (index, index) {
    %c8 = arith.constant 8 : index
    %c20 = arith.constant 20 : index
    %a = transmamba.transpoint %c8 layer 0
    %b = transmamba.transpoint %c20 layer 0
    return %a, %b : index, index
  }
}

// -----

// With every TransPoint written down, neither attribute is needed.
module {
  // CHECK-LABEL: func.func @resolved
  // CHECK: transmamba.transpoint %{{.*}} layer 0 at 16
  func.func @resolved(%tokens: index) -> index {
    %a = transmamba.transpoint %tokens layer 0 at 16
    return %a : index
  }
}

// -----

module attributes {transmamba.max_sequence = 64 : i64} {
  func.func @no_schedule(%tokens: index) -> index {
    // expected-error @+1 {{of layer 2 has no TransPoint, and the module has no attribute 'transmamba.schedule' to take it from}}
    %a = transmamba.transpoint %tokens layer 2
    return %a : index
  }
}

// -----

module attributes {transmamba.schedule = #transmamba.schedule<[16]>} {
  func.func @no_max_sequence(%a: tensor<?x1x8xf32>, %pos: tensor<?xi32>) -> tensor<?x1x8xf32> {
    // expected-error @+1 {{of layer 1 has no TransPoint, and the module has no attribute 'transmamba.max_sequence' to take it from}}
    %y = transmamba.select_reading %a, %a at(%pos : tensor<?xi32>) layer 1 : tensor<?x1x8xf32>
    return %y : tensor<?x1x8xf32>
  }
}

// -----

module attributes {transmamba.schedule = #transmamba.schedule<[16]>, transmamba.max_sequence = 64 : i64} {
  func.func @two_points(%tokens: index) -> (index, index) {
    %a = transmamba.transpoint %tokens layer 0
    // expected-error @+1 {{gives layer 0 the TransPoint 8, after 16 elsewhere: a layer has one}}
    %b = transmamba.transpoint %tokens layer 0 at 8
    return %a, %b : index, index
  }
}

// -----

!cache = !transmamba.kv_cache<layer = 0, 2x8xf32>
!state = !transmamba.ssm_state<layer = 0, 2x8x8xf32>
!other = !transmamba.ssm_state<layer = 1, 2x8x8xf32>

// State is kept where another entry point reads it, where the function is no entry point, and where the layer is not hybrid.
module attributes {transmamba.schedule = #transmamba.schedule<[64]>, transmamba.max_sequence = 64 : i64} {
  // CHECK-LABEL: func.func @writer(
  // CHECK-SAME: %{{.*}}: !transmamba.ssm_state<layer = 0, 2x8x8xf32>, %{{.*}}: !transmamba.ssm_state<layer = 1, 2x8x8xf32>
  func.func @writer(%tokens: index, %state: !state, %other: !other) -> (index, !state, !other) attributes {transmamba.entry} {
    %n = transmamba.transpoint %tokens layer 0
    return %n, %state, %other : index, !state, !other
  }
  // CHECK-LABEL: func.func @reader(
  // CHECK: transmamba.ssd_scan
  func.func @reader(%q: tensor<?x1x2x8xf32>, %dt: tensor<?x1x2xf32>, %A: tensor<2xf32>, %state: !state) -> (tensor<?x1x2x8xf32>, !state) attributes {transmamba.entry} {
    %y, %h = transmamba.ssd_scan %q, %q, %q, %dt, %A init(%state : !state)
        : tensor<?x1x2x8xf32>, tensor<?x1x2x8xf32>, tensor<?x1x2x8xf32>, tensor<?x1x2xf32>, tensor<2xf32> -> tensor<?x1x2x8xf32>, !state
    return %y, %h : tensor<?x1x2x8xf32>, !state
  }
}

// -----

!state = !transmamba.ssm_state<layer = 0, 2x8x8xf32>

// Without a reader it goes from every entry point, together with the scan that only kept it up to date.
module attributes {transmamba.schedule = #transmamba.schedule<[64]>, transmamba.max_sequence = 64 : i64} {
  // CHECK-LABEL: func.func @passes(
  // CHECK-SAME: %[[T:[^:]*]]: index, %{{[^:]*}}: i32 {transmamba.name = "last"}) -> (index {transmamba.name = "n"}, i32 {transmamba.name = "m"})
  func.func @passes(%tokens: index, %state: !state {transmamba.name = "ssm"}, %last: i32 {transmamba.name = "last"})
      -> (index {transmamba.name = "n"}, !state {transmamba.name = "ssm"}, i32 {transmamba.name = "m"}) attributes {transmamba.entry} {
    %n = transmamba.transpoint %tokens layer 0
    return %n, %state, %last : index, !state, i32
  }
  // CHECK-LABEL: func.func @updates(
  // CHECK-SAME: %{{[^:]*}}: tensor<?x1x2x8xf32>, %{{[^:]*}}: tensor<?x1x2xf32>, %{{[^:]*}}: tensor<2xf32>) attributes
  // CHECK-NEXT: return
  func.func @updates(%q: tensor<?x1x2x8xf32>, %dt: tensor<?x1x2xf32>, %A: tensor<2xf32>, %state: !state) -> !state attributes {transmamba.entry} {
    %y, %h = transmamba.ssd_scan %q, %q, %q, %dt, %A init(%state : !state)
        : tensor<?x1x2x8xf32>, tensor<?x1x2x8xf32>, tensor<?x1x2x8xf32>, tensor<?x1x2xf32>, tensor<2xf32> -> tensor<?x1x2x8xf32>, !state
    return %h : !state
  }
}

// -----

!cache = !transmamba.kv_cache<layer = 0, 2x8xf32>

// A function that another calls keeps its signature.
module attributes {transmamba.schedule = #transmamba.schedule<[0]>, transmamba.max_sequence = 64 : i64} {
  // CHECK-LABEL: func.func @callee(
  // CHECK-SAME: !transmamba.kv_cache
  func.func @callee(%tokens: index, %cache: !cache) -> (index, !cache) attributes {transmamba.entry} {
    %n = transmamba.transpoint %tokens layer 0
    return %n, %cache : index, !cache
  }
  // CHECK-LABEL: func.func @caller(
  // CHECK-SAME: !transmamba.kv_cache
  func.func @caller(%tokens: index, %cache: !cache) -> (index, !cache) attributes {transmamba.entry} {
    %n, %c = func.call @callee(%tokens, %cache) : (index, !cache) -> (index, !cache)
    return %n, %c : index, !cache
  }
}
