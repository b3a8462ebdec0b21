//===- Frame.cpp - The values of one function call ------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Frame.h"

#include "Rounding.h"
#include "TransMamba/IR/TransMambaDialect.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/Support/raw_ostream.h"

using namespace transmamba;
using namespace transmamba::reference;
using llvm::Error;
using llvm::isa;

static std::string typeText(mlir::Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

static bool isIntegerType(mlir::Type type) {
  return type.isIndex() ||
         (type.isSignlessInteger() && type.getIntOrFloatBitWidth() <= 64 &&
          type.getIntOrFloatBitWidth() > 0);
}

bool transmamba::reference::isScalarType(mlir::Type type) {
  return isa<mlir::FloatType>(type) || isIntegerType(type);
}

static Error requireSizes(mlir::Type type, llvm::ArrayRef<int64_t> declared,
                          llvm::ArrayRef<int64_t> actual) {
  bool fits = declared.size() == actual.size();
  for (size_t dim = 0; fits && dim < declared.size(); ++dim)
    fits = mlir::ShapedType::isDynamic(declared[dim]) ||
           declared[dim] == actual[dim];
  if (fits)
    return Error::success();
  return fail("the value is " + shapeText(actual) + ", which its type " +
              typeText(type) + " does not allow");
}

/// A state has the batch in front; a cache is B x 2 x H x capacity x D.
static Error requireState(StateTypeInterface state, const Value &value) {
  Shape declared(state.getShape());
  if (isa<KVCacheType>(state))
    declared = {2, declared[0], mlir::ShapedType::kDynamic, declared[1]};
  declared.insert(declared.begin(), mlir::ShapedType::kDynamic);
  return requireSizes(state, declared, value.shape());
}

Error transmamba::reference::requireType(mlir::Type type, const Value &value) {
  bool fits = false;
  if (isa<mlir::FloatType>(type)) {
    fits = value.isFloat();
  } else if (isIntegerType(type)) {
    fits = value.isInteger();
  } else if (auto state = llvm::dyn_cast<StateTypeInterface>(type)) {
    if (value.isFloatTensor())
      return requireState(state, value);
  } else if (auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(type)) {
    if (isa<mlir::FloatType>(tensor.getElementType())
            ? value.isFloatTensor()
            : isIntegerType(tensor.getElementType()) && value.isIntTensor())
      return requireSizes(type, tensor.getShape(), value.shape());
  }
  if (fits)
    return Error::success();
  return fail("the value is not a " + typeText(type) +
              ", or the interpreter has no such values");
}

Error Frame::bind(mlir::Value name, Value value) {
  if (Error error = requireType(name.getType(), value))
    return error;
  if (round) {
    mlir::Type element = mlir::getElementTypeOrSelf(name.getType());
    if (auto state = llvm::dyn_cast<StateTypeInterface>(name.getType()))
      element = state.getElementType();
    auto type = llvm::dyn_cast<mlir::FloatType>(element);
    if (type && value.isFloat()) {
      value = Value(roundTo(type, value.real()));
    } else if (type && !type.isF64()) {
      FloatTensor rounded = value.floats();
      roundTo(type, rounded);
      value = Value(std::move(rounded));
    }
  }
  values[name] = std::move(value);
  return Error::success();
}

int64_t Frame::integer(mlir::OpFoldResult folded) const {
  if (auto attribute = llvm::dyn_cast<mlir::Attribute>(folded))
    return llvm::cast<mlir::IntegerAttr>(attribute).getInt();
  return integer(llvm::cast<mlir::Value>(folded));
}

Shape Frame::integers(llvm::ArrayRef<mlir::OpFoldResult> folded) const {
  Shape result;
  for (mlir::OpFoldResult value : folded)
    result.push_back(integer(value));
  return result;
}
