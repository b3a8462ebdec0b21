//===- Tensor.h - Dense tensors of the interpreter --------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_REFERENCE_TENSOR_H
#define TRANSMAMBA_REFERENCE_TENSOR_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"

#include <cassert>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace transmamba::reference {

using Shape = llvm::SmallVector<int64_t, 6>;

/// An error with this text. The interpreter puts the place in front.
llvm::Error fail(const llvm::Twine &message);

/// "2x3x4"; "scalar" for rank 0.
std::string shapeText(llvm::ArrayRef<int64_t> shape);

/// The number of elements, or an error where an extent is negative or the
/// tensor would be larger than anything that is meant to be interpreted.
llvm::Expected<int64_t> checkedSize(llvm::ArrayRef<int64_t> shape);

/// Row-major strides.
Shape rowMajorStrides(llvm::ArrayRef<int64_t> shape);

/// A dense row-major tensor. `T` is double for every floating-point type and
/// int64_t for every integer type of the IR.
template <typename T> class TensorOf {
public:
  using Element = T;

  TensorOf() = default;
  /// All elements `value`. The shape has passed `checkedSize`.
  explicit TensorOf(llvm::ArrayRef<int64_t> shape, T value = T())
      : sizes(shape), steps(rowMajorStrides(shape)) {
    int64_t count = 1;
    for (int64_t extent : shape)
      count *= extent;
    elements.assign(static_cast<size_t>(count), value);
  }
  /// These elements, in row-major order: as many as the shape says.
  TensorOf(llvm::ArrayRef<int64_t> shape, std::vector<T> values)
      : sizes(shape), steps(rowMajorStrides(shape)),
        elements(std::move(values)) {}

  /// As the constructor, for a shape that has not been checked.
  static llvm::Expected<TensorOf> create(llvm::ArrayRef<int64_t> shape,
                                         T value = T()) {
    if (llvm::Expected<int64_t> size = checkedSize(shape); !size)
      return size.takeError();
    return TensorOf(shape, value);
  }

  llvm::ArrayRef<int64_t> shape() const { return sizes; }
  llvm::ArrayRef<int64_t> strides() const { return steps; }
  int64_t rank() const { return static_cast<int64_t>(sizes.size()); }
  int64_t dim(int64_t index) const { return sizes[index]; }
  int64_t size() const { return static_cast<int64_t>(elements.size()); }

  T *data() { return elements.data(); }
  const T *data() const { return elements.data(); }
  std::vector<T> &values() { return elements; }
  const std::vector<T> &values() const { return elements; }

  T &operator[](int64_t index) { return elements[index]; }
  const T &operator[](int64_t index) const { return elements[index]; }

  /// Element (i, j, ...), one index a dimension.
  template <typename... Indices> T &operator()(Indices... indices) {
    return elements[offset(indices...)];
  }
  template <typename... Indices> const T &operator()(Indices... indices) const {
    return elements[offset(indices...)];
  }

  /// Gives the same elements another shape of the same size.
  void reshape(llvm::ArrayRef<int64_t> shape) {
    sizes.assign(shape.begin(), shape.end());
    steps = rowMajorStrides(shape);
  }

private:
  template <typename... Indices> size_t offset(Indices... indices) const {
    assert(sizeof...(Indices) == sizes.size() && "one index a dimension");
    size_t result = 0, position = 0;
    ((result += static_cast<size_t>(indices) * steps[position++]), ...);
    return result;
  }

  Shape sizes;
  Shape steps;
  std::vector<T> elements = std::vector<T>(1);
};

using FloatTensor = TensorOf<double>;
using IntTensor = TensorOf<int64_t>;

/// What an SSA value stands for: a scalar, or a tensor that is never written
/// again. Integers and indices are int64_t: i1 is 0 or 1, wider ones are
/// sign-extended. A state is a tensor whose dimension 0 is the batch.
class Value {
public:
  Value() = default;
  Value(int64_t scalar) : contents(scalar) {}
  Value(double scalar) : contents(scalar) {}
  Value(FloatTensor tensor)
      : contents(std::make_shared<const FloatTensor>(std::move(tensor))) {}
  Value(IntTensor tensor)
      : contents(std::make_shared<const IntTensor>(std::move(tensor))) {}

  bool isInteger() const { return std::holds_alternative<int64_t>(contents); }
  bool isFloat() const { return std::holds_alternative<double>(contents); }
  bool isFloatTensor() const {
    return std::holds_alternative<std::shared_ptr<const FloatTensor>>(contents);
  }
  bool isIntTensor() const {
    return std::holds_alternative<std::shared_ptr<const IntTensor>>(contents);
  }
  bool isTensor() const { return isFloatTensor() || isIntTensor(); }

  // Each only where the question above says yes.
  int64_t integer() const { return *std::get_if<int64_t>(&contents); }
  double real() const { return *std::get_if<double>(&contents); }
  const FloatTensor &floats() const {
    return **std::get_if<std::shared_ptr<const FloatTensor>>(&contents);
  }
  const IntTensor &integers() const {
    return **std::get_if<std::shared_ptr<const IntTensor>>(&contents);
  }
  /// The shape of a tensor.
  llvm::ArrayRef<int64_t> shape() const {
    return isFloatTensor() ? floats().shape() : integers().shape();
  }

private:
  std::variant<int64_t, double, std::shared_ptr<const FloatTensor>,
               std::shared_ptr<const IntTensor>>
      contents;
};

/// What uninitialised elements hold: a number that spoils every result.
constexpr double undefinedFloat = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t undefinedInteger = 0x5a5a5a5a5a5a5a5a;

} // namespace transmamba::reference

#endif // TRANSMAMBA_REFERENCE_TENSOR_H
