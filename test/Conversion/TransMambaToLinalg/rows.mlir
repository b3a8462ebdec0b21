// RUN: transmamba-opt %s --split-input-file --convert-transmamba-to-linalg --canonicalize | FileCheck %s

// CHECK-LABEL: func.func @embedding(
// CHECK:         scf.forall (%[[B:.*]], %[[T:.*]]) in
// CHECK:           %[[ID:.*]] = arith.index_cast %{{.*}} : i32 to index
// CHECK:           %[[KNOWN:.*]] = arith.cmpi ult, %[[ID]], %c256
// CHECK:           %[[ENTRY:.*]] = arith.select %[[KNOWN]], %[[ID]], %c0
// CHECK:           tensor.extract_slice %{{.*}}[%[[ENTRY]], 0] [1, 192]
// CHECK:           arith.select %[[KNOWN]]
func.func @embedding(%tokens: tensor<?x?xi32>, %table: tensor<256x192xf32>) -> tensor<?x?x192xf32> {
  %y = transmamba.embedding %tokens, %table : tensor<?x?xi32>, tensor<256x192xf32> -> tensor<?x?x192xf32>
  return %y : tensor<?x?x192xf32>
}

// -----

// f32 inside, one rounding at the end; the root once for each row.

// CHECK-LABEL: func.func @rms_norm(
// CHECK:         linalg.generic {{.*}}"reduction"]} ins(%{{.*}} : tensor<?x192xbf16>) outs(%{{.*}} : tensor<?xf32>)
// CHECK:         linalg.generic {{.*}} ins(%{{.*}} : tensor<?xf32>) outs(%{{.*}} : tensor<?xf32>)
// CHECK:           math.rsqrt
// CHECK:         linalg.generic {{.*}} outs(%{{.*}} : tensor<?x192xbf16>)
// CHECK:           arith.truncf
// CHECK-NOT:       arith.truncf
// CHECK:           linalg.yield
func.func @rms_norm(%x: tensor<?x192xbf16>, %w: tensor<192xbf16>) -> tensor<?x192xbf16> {
  %y = transmamba.rms_norm %x, %w eps 1.0e-05 : tensor<?x192xbf16>, tensor<192xbf16>
  return %y : tensor<?x192xbf16>
}

// -----

// CHECK-LABEL: func.func @gated_rms_norm(
// CHECK:         tensor.expand_shape
// CHECK:         linalg.generic {{.*}}"reduction"]} {{.*}} outs(%{{.*}} : tensor<?x?x4xf32>)
// CHECK:         linalg.generic {{.*}} ins(%{{.*}} : tensor<?x?x4xf32>) outs(%{{.*}} : tensor<?x?x4xf32>)
// CHECK:         linalg.generic {{.*}} outs(%{{.*}} : tensor<?x?x4x48xf32>)
// CHECK:           arith.cmpi slt
// CHECK:           arith.select
// CHECK:         tensor.collapse_shape
func.func @gated_rms_norm(%x: tensor<?x?x192xf32>, %z: tensor<?x?x192xf32>, %w: tensor<192xf32>, %at: tensor<?xi32>) -> tensor<?x?x192xf32> {
  %y = transmamba.gated_rms_norm %x, %z weight(%w : tensor<192xf32>) transpoint 128 at(%at : tensor<?xi32>) eps 1.0e-05 {groups = 4 : i64} : tensor<?x?x192xf32>
  return %y : tensor<?x?x192xf32>
}

// -----

// Without a weight there is no norm.

// CHECK-LABEL: func.func @gate(
// CHECK-COUNT-1: linalg.generic
// CHECK-NOT:     linalg.generic
func.func @gate(%x: tensor<?x?x192xf32>, %z: tensor<?x?x192xf32>) -> tensor<?x?x192xf32> {
  %y = transmamba.gated_rms_norm %x, %z eps 1.0e-05 : tensor<?x?x192xf32>
  return %y : tensor<?x?x192xf32>
}

// -----

// CHECK-LABEL: func.func @activate(
// CHECK:         math.absf
// CHECK:         math.log1p
// CHECK:         math.erf
func.func @activate(%x: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %y = transmamba.activate softplus %x : tensor<?x8xf32>
  %z = transmamba.activate gelu %x : tensor<?x8xf32>
  return %y, %z : tensor<?x8xf32>, tensor<?x8xf32>
}

// -----

// The last token of a row without tokens is the first: nothing else is read.

// CHECK-LABEL: func.func @last_token(
// CHECK:         arith.maxsi
// CHECK:         arith.minsi
// CHECK:         tensor.extract_slice
func.func @last_token(%x: tensor<?x?x192xf32>, %len: tensor<?xi32>) -> tensor<?x192xf32> {
  %y = transmamba.last_token %x lengths(%len : tensor<?xi32>) : tensor<?x?x192xf32> -> tensor<?x192xf32>
  return %y : tensor<?x192xf32>
}

// -----

// The TransPoint comes from the module where the schedule pass has not run.

module attributes {transmamba.schedule = #transmamba.schedule<[16, 32]>} {
  // CHECK-LABEL: func.func @readings(
  // CHECK-DAG:     %[[P:.*]] = arith.constant 32 : index
  // CHECK:         arith.cmpi slt, %{{.*}}, %[[P]]
  // CHECK:         arith.minsi %{{.*}}, %[[P]]
  func.func @readings(%a: tensor<?x?x8xf32>, %s: tensor<?x?x8xf32>, %at: tensor<?xi32>, %n: index) -> (tensor<?x?x8xf32>, index) {
    %y = transmamba.select_reading %a, %s at(%at : tensor<?xi32>) layer 3 : tensor<?x?x8xf32>
    %m = transmamba.transpoint %n layer 3
    return %y, %m : tensor<?x?x8xf32>, index
  }
}

// -----

// One pair of tables for one rotation; the static number of tokens where the
// module has no bound.

// CHECK-LABEL: module
// CHECK-COUNT-2: transmamba.parameter @rope
// CHECK-NOT:     transmamba.parameter
// CHECK-LABEL: func.func @rope(
func.func @rope(%q: tensor<?x40x4x48xf32>) -> (tensor<?x40x4x48xf32>, tensor<?x40x4x48xf32>) {
  %r = transmamba.rope %q theta 1.0e+04 {rotary_dim = 32 : i64} : tensor<?x40x4x48xf32>
  %s = transmamba.rope %r theta 1.0e+04 {rotary_dim = 32 : i64, interleaved} : tensor<?x40x4x48xf32>
  return %r, %s : tensor<?x40x4x48xf32>, tensor<?x40x4x48xf32>
}

// -----

// CHECK-LABEL: func.func @concat(
// CHECK-NOT:     tensor.concat
// CHECK-COUNT-2: tensor.insert_slice
func.func @concat(%a: tensor<?x?x8xf32>, %b: tensor<?x?x8xf32>) -> tensor<?x?x8xf32> {
  %y = tensor.concat dim(1) %a, %b : (tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  return %y : tensor<?x?x8xf32>
}
