//===- Model.cpp - A graph with blocks expanded and shapes known ----------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Model.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace transmamba;
using namespace transmamba::graph;

StringRef transmamba::graph::getName(Element element) {
  switch (element) {
  case Element::I32:
    return "i32";
  case Element::F32:
    return "f32";
  case Element::BF16:
    break;
  }
  return "bf16";
}

std::string transmamba::graph::printShape(ArrayRef<int64_t> shape) {
  std::string text = "[";
  for (auto [number, size] : llvm::enumerate(shape))
    text += (number == 0 ? "" : ", ") + std::to_string(size);
  return text + "]";
}

std::string GraphTensor::str() const {
  std::string text = hasTokens ? "[B, T" : "[B";
  for (int64_t size : dims)
    text += ", " + std::to_string(size);
  return text + "] " + getName(element).str();
}

SmallVector<int64_t, 2> Parameter::getShape() const {
  SmallVector<int64_t, 2> shape = storedShape;
  if (transform == WeightTransform::Transpose)
    std::swap(shape[0], shape[1]);
  return shape;
}
