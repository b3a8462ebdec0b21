// What fits one workgroup is a kernel as any other: its loop of one iteration lives through the phases.
// RUN: transmamba-compile %s --compile-to=cpu --quiet | FileCheck %s
// RUN: transmamba-compile %s --quiet -o %t.tmpkg

// The kernels compute what they should: silu as the interpreter does, and one token attends to itself alone.
// RUN: transmamba-run %t.tmpkg --entry pointwise --input "x=random[1,1,1,32]" --output y=@%t.x.npy
// RUN: transmamba-run %t.tmpkg --entry pointwise --input x=@%t.x.npy --output y=@%t.y.npy
// RUN: transmamba-interpret %s --entry=pointwise --input=x=@%t.x.npy --compare=y=@%t.y.npy --max-error=1e-6
// RUN: transmamba-run %t.tmpkg --entry attention --input q=@%t.y.npy --input k=@%t.y.npy --input v=@%t.x.npy --expected y=@%t.x.npy

module attributes {transmamba.max_batch = 1 : i64, transmamba.max_sequence = 8 : i64} {
  // CHECK-LABEL: func.func @pointwise(
  // CHECK:         transmamba.dispatch @{{.+}} grid(
  // CHECK-NOT:     transmamba.dispatch
  // CHECK:         return
  func.func @pointwise(%x: tensor<1x1x1x32xf32> {transmamba.name = "x"}) -> (tensor<1x1x1x32xf32> {transmamba.name = "y"}) attributes {transmamba.entry} {
    %y = transmamba.activate silu %x : tensor<1x1x1x32xf32>
    return %y : tensor<1x1x1x32xf32>
  }

  // CHECK-LABEL: func.func @attention(
  // CHECK:         transmamba.dispatch @{{.+}} grid(
  // CHECK:         return
  func.func @attention(%q: tensor<1x1x1x32xf32> {transmamba.name = "q"}, %k: tensor<1x1x1x32xf32> {transmamba.name = "k"}, %v: tensor<1x1x1x32xf32> {transmamba.name = "v"})
      -> (tensor<1x1x1x32xf32> {transmamba.name = "y"}) attributes {transmamba.entry} {
    %y = transmamba.attention %q, %k, %v {causal, scale = 1.0 : f64} : tensor<1x1x1x32xf32>, tensor<1x1x1x32xf32>, tensor<1x1x1x32xf32> -> tensor<1x1x1x32xf32>
    return %y : tensor<1x1x1x32xf32>
  }
}
