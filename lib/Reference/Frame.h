//===- Frame.h - The values of one function call ----------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_REFERENCE_FRAME_H
#define TRANSMAMBA_REFERENCE_FRAME_H

#include "mlir/IR/Block.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/Operation.h"
#include "transmamba/Reference/Tensor.h"
#include "llvm/ADT/DenseMap.h"

namespace transmamba::reference {

using Values = llvm::SmallVector<Value, 2>;

/// Whether scalars of this type can be interpreted: floating point, an index,
/// integers of 1 to 64 bits.
bool isScalarType(mlir::Type type);

/// Fails unless a value of `type` can be `value`: its kind, and the sizes that
/// the type says.
llvm::Error requireType(mlir::Type type, const Value &value);

/// The values that are defined at a point of a function. `bind` accepts values
/// of their types only, and verified IR uses only what has been bound, so the
/// accessors need no checks.
class Frame {
public:
  /// `round`: round every value to its declared type.
  explicit Frame(bool round) : round(round) {}

  bool rounds() const { return round; }

  llvm::Error bind(mlir::Value name, Value value);
  void erase(mlir::Value name) { values.erase(name); }

  const Value &operator[](mlir::Value name) const {
    return values.find(name)->second;
  }
  const FloatTensor &floats(mlir::Value name) const {
    return (*this)[name].floats();
  }
  const IntTensor &integers(mlir::Value name) const {
    return (*this)[name].integers();
  }
  int64_t integer(mlir::Value name) const { return (*this)[name].integer(); }

  /// Optional operands: null where absent.
  const FloatTensor *floatsOrNull(mlir::Value name) const {
    return name ? &floats(name) : nullptr;
  }
  const IntTensor *integersOrNull(mlir::Value name) const {
    return name ? &integers(name) : nullptr;
  }

  /// Sizes, offsets, strides: an attribute or an index value.
  int64_t integer(mlir::OpFoldResult folded) const;
  Shape integers(llvm::ArrayRef<mlir::OpFoldResult> folded) const;

private:
  llvm::DenseMap<mlir::Value, Value> values;
  bool round;
};

} // namespace transmamba::reference

#endif // TRANSMAMBA_REFERENCE_FRAME_H
