func.func @fails(%x: tensor<8xf32>, %out: tensor<f32>) -> tensor<f32> attributes {transmamba.entry} {
  %y = linalg.dot ins(%x, %x : tensor<8xf32>, tensor<8xf32>) outs(%out : tensor<f32>) -> tensor<f32>
  return %y : tensor<f32>
}
func.func @works(%x: tensor<4x8xf32>, %out: tensor<4x8xf32>) -> tensor<4x8xf32> attributes {transmamba.entry} {
  %y = linalg.log ins(%x : tensor<4x8xf32>) outs(%out : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}
