// Weights become arguments of the entry points, one for each parameter that is read.
// RUN: transmamba-opt %s --transmamba-hoist-parameters | FileCheck %s

transmamba.parameter @norm from "norm" : tensor<4xf32>
transmamba.parameter @table from "table" : tensor<8x4xf32>
transmamba.parameter @unused from "unused" : tensor<2xf32>

// In the order of first use, after the arguments that there are, and once however often it is read.
// CHECK-LABEL: func.func @prefill(
// CHECK-SAME:    %[[X:[a-z0-9]+]]: tensor<?x4xf32> {transmamba.name = "x"},
// CHECK-SAME:    %[[TABLE:[a-z0-9]+]]: tensor<8x4xf32> {transmamba.parameter = "table"},
// CHECK-SAME:    %[[NORM:[a-z0-9]+]]: tensor<4xf32> {transmamba.parameter = "norm"})
// CHECK-NOT:     transmamba.get_parameter
// CHECK:         return %[[NORM]], %[[TABLE]], %[[NORM]], %[[X]]
func.func @prefill(%x: tensor<?x4xf32> {transmamba.name = "x"}) -> (tensor<4xf32>, tensor<8x4xf32>, tensor<4xf32>, tensor<?x4xf32>) attributes {transmamba.entry} {
  %table = transmamba.get_parameter @table : tensor<8x4xf32>
  %first = transmamba.get_parameter @norm : tensor<4xf32>
  %second = transmamba.get_parameter @norm : tensor<4xf32>
  return %first, %table, %second, %x : tensor<4xf32>, tensor<8x4xf32>, tensor<4xf32>, tensor<?x4xf32>
}

// Every entry point has arguments of its own.
// CHECK-LABEL: func.func @decode(
// CHECK-SAME:    %[[NORM:[a-z0-9]+]]: tensor<4xf32> {transmamba.parameter = "norm"})
// CHECK-NOT:     transmamba.get_parameter
// CHECK:         return %[[NORM]]
func.func @decode() -> tensor<4xf32> attributes {transmamba.entry} {
  %norm = transmamba.get_parameter @norm : tensor<4xf32>
  return %norm : tensor<4xf32>
}

// What is no entry point stays.
// CHECK-LABEL: func.func @helper()
// CHECK:         transmamba.get_parameter @norm
func.func @helper() -> tensor<4xf32> {
  %norm = transmamba.get_parameter @norm : tensor<4xf32>
  return %norm : tensor<4xf32>
}
