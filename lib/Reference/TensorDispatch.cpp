//===- TensorDispatch.cpp - Operations of the tensor dialect --------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Dispatch.h"
#include "Scalars.h"
#include "Strided.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace transmamba::reference;
namespace tensor = mlir::tensor;
using llvm::Error;
using llvm::Expected;

/// Calls `function` with the tensor that the value is.
template <typename F>
static Expected<Values> onTensor(const Value &value, F function) {
  return value.isFloatTensor() ? function(value.floats())
                               : function(value.integers());
}

static bool hasFloats(mlir::Value value) {
  return llvm::isa<mlir::FloatType>(
      mlir::getElementTypeOrSelf(value.getType()));
}

/// Makes a tensor for the result of an operation and lets `fill` write it.
template <typename F>
static Expected<Values> makeResult(mlir::Value result,
                                   llvm::ArrayRef<int64_t> shape, F fill) {
  auto make = [&](auto empty) -> Expected<Values> {
    auto created = decltype(empty)::create(shape);
    if (!created)
      return created.takeError();
    if (Error error = fill(*created))
      return error;
    return Values{Value(std::move(*created))};
  };
  return hasFloats(result) ? make(FloatTensor()) : make(IntTensor());
}

/// The sizes that a type with dynamic dimensions has, given those.
static Shape fillDynamic(mlir::Value result, mlir::ValueRange dynamic,
                         const Frame &frame) {
  Shape shape(llvm::cast<mlir::RankedTensorType>(result.getType()).getShape());
  size_t next = 0;
  for (int64_t &extent : shape)
    if (mlir::ShapedType::isDynamic(extent))
      extent = frame.integer(dynamic[next++]);
  return shape;
}

static void setElement(FloatTensor &tensor, int64_t offset, Scalar scalar) {
  tensor[offset] = scalar.real;
}
static void setElement(IntTensor &tensor, int64_t offset, Scalar scalar) {
  tensor[offset] = scalar.integer;
}
static void setElement(FloatTensor &tensor, int64_t offset,
                       const Value &scalar) {
  tensor[offset] = scalar.real();
}
static void setElement(IntTensor &tensor, int64_t offset, const Value &scalar) {
  tensor[offset] = scalar.integer();
}

/// The row-major offset of the element at these index values.
static Expected<int64_t> elementOffset(llvm::ArrayRef<int64_t> shape,
                                       mlir::ValueRange indices,
                                       const Frame &frame) {
  int64_t offset = 0;
  for (auto [extent, index] : llvm::zip(shape, indices)) {
    int64_t position = frame.integer(index);
    if (position < 0 || position >= extent)
      return fail("index " + llvm::Twine(position) +
                  " lies outside of a tensor of " + shapeText(shape));
    offset = offset * extent + position;
  }
  return offset;
}

//===----------------------------------------------------------------------===//
// Making tensors
//===----------------------------------------------------------------------===//

// Uninitialised elements spoil whatever reads them.
static Expected<Values> evaluate(tensor::EmptyOp op, const Frame &frame) {
  Shape shape = fillDynamic(op.getResult(), op.getDynamicSizes(), frame);
  if (Expected<int64_t> size = checkedSize(shape); !size)
    return size.takeError();
  if (hasFloats(op.getResult()))
    return Values{Value(FloatTensor(shape, undefinedFloat))};
  return Values{Value(IntTensor(shape, undefinedInteger))};
}

static Expected<Values> evaluate(tensor::SplatOp op, const Frame &frame) {
  Shape shape = fillDynamic(op.getResult(), op.getDynamicSizes(), frame);
  return makeResult(op.getResult(), shape, [&](auto &result) {
    for (int64_t i = 0; i < result.size(); ++i)
      setElement(result, i, frame[op.getInput()]);
    return Error::success();
  });
}

static Expected<Values> evaluate(tensor::FromElementsOp op,
                                 const Frame &frame) {
  return makeResult(
      op.getResult(), op.getResult().getType().getShape(), [&](auto &result) {
        for (auto [i, element] : llvm::enumerate(op.getElements()))
          setElement(result, static_cast<int64_t>(i), frame[element]);
        return Error::success();
      });
}

/// Writes what a body yields at every point for which `wanted` holds. The body
/// takes the indices.
template <typename Tensor, typename Predicate>
static Error fillFromBody(mlir::Block &body, const Frame &frame, Tensor &result,
                          Predicate wanted) {
  Expected<ScalarProgram> program = ScalarProgram::compile(body, frame);
  if (!program)
    return program.takeError();
  if (isEmptyBox(result.shape()))
    return Error::success();
  Shape point(result.shape().size(), 0);
  int64_t offset = 0;
  do {
    if (wanted(point)) {
      for (size_t dim = 0; dim < point.size(); ++dim)
        program->argument(dim).integer = point[dim];
      if (const char *wrong = program->run({}))
        return fail(wrong);
      setElement(result, offset, program->result(0));
    }
    ++offset;
  } while (nextPoint(point, result.shape()));
  return Error::success();
}

static Expected<Values> evaluate(tensor::GenerateOp op, const Frame &frame) {
  Shape shape = fillDynamic(op.getResult(), op.getDynamicExtents(), frame);
  return makeResult(op.getResult(), shape, [&](auto &result) {
    return fillFromBody(op.getBody().front(), frame, result,
                        [](const Shape &) { return true; });
  });
}

static Expected<Values> evaluate(tensor::PadOp op, const Frame &frame) {
  Shape low = frame.integers(op.getMixedLowPad());
  Shape high = frame.integers(op.getMixedHighPad());
  return onTensor(frame[op.getSource()], [&](const auto &source) {
    Shape shape(source.shape());
    for (size_t dim = 0; dim < shape.size(); ++dim)
      shape[dim] += low[dim] + high[dim];
    return makeResult(op.getResult(), shape, [&](auto &result) -> Error {
      if (llvm::any_of(llvm::concat<int64_t>(low, high),
                       [](int64_t amount) { return amount < 0; }))
        return fail("a tensor cannot be padded by a negative amount");
      // Outside of the source only: its elements may be undefined.
      auto isPadding = [&](const Shape &point) {
        for (size_t dim = 0; dim < point.size(); ++dim)
          if (point[dim] < low[dim] ||
              point[dim] >= low[dim] + source.shape()[dim])
            return true;
        return false;
      };
      if (Error error =
              fillFromBody(op.getRegion().front(), frame, result, isPadding))
        return error;
      if constexpr (std::is_same_v<std::decay_t<decltype(result)>,
                                   std::decay_t<decltype(source)>>)
        copyBox(result.data() + linear(low, result.strides()), result.strides(),
                source.data(), source.strides(), source.shape());
      return Error::success();
    });
  });
}

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

/// Fails unless offset + (size - 1) * stride lies inside in every dimension.
static Error requireInside(llvm::ArrayRef<int64_t> offsets,
                           llvm::ArrayRef<int64_t> sizes,
                           llvm::ArrayRef<int64_t> strides,
                           llvm::ArrayRef<int64_t> shape) {
  for (size_t dim = 0; dim < shape.size(); ++dim) {
    int64_t last;
    bool inside = offsets[dim] >= 0 && offsets[dim] <= shape[dim] &&
                  sizes[dim] >= 0 && strides[dim] > 0;
    if (inside && sizes[dim] > 0)
      inside = !__builtin_mul_overflow(sizes[dim] - 1, strides[dim], &last) &&
               last < shape[dim] - offsets[dim];
    if (!inside)
      return fail("the slice at " + llvm::Twine(offsets[dim]) + " of " +
                  llvm::Twine(sizes[dim]) + " elements, " +
                  llvm::Twine(strides[dim]) + " apart, lies outside of the " +
                  llvm::Twine(shape[dim]) + " elements of dimension " +
                  llvm::Twine(dim));
  }
  return Error::success();
}

/// How far apart the elements of a slice are.
static Shape sliceStrides(llvm::ArrayRef<int64_t> strides,
                          llvm::ArrayRef<int64_t> steps) {
  Shape result(strides);
  for (size_t dim = 0; dim < result.size(); ++dim)
    result[dim] *= steps[dim];
  return result;
}

static Expected<Values> evaluate(tensor::ExtractSliceOp op,
                                 const Frame &frame) {
  Shape offsets = frame.integers(op.getMixedOffsets());
  Shape sizes = frame.integers(op.getMixedSizes());
  Shape steps = frame.integers(op.getMixedStrides());
  return onTensor(
      frame[op.getSource()], [&](const auto &source) -> Expected<Values> {
        if (Error error = requireInside(offsets, sizes, steps, source.shape()))
          return error;
        auto result = std::decay_t<decltype(source)>::create(sizes);
        if (!result)
          return result.takeError();
        copyBox(result->data(), result->strides(),
                source.data() + linear(offsets, source.strides()),
                sliceStrides(source.strides(), steps), sizes);
        Shape shape;
        llvm::SmallBitVector dropped = op.getDroppedDims();
        for (size_t dim = 0; dim < sizes.size(); ++dim)
          if (!dropped.test(dim))
            shape.push_back(sizes[dim]);
        result->reshape(shape);
        return Values{Value(std::move(*result))};
      });
}

/// A shape without its extents of 1.
static Shape withoutOnes(llvm::ArrayRef<int64_t> shape) {
  Shape result;
  llvm::copy_if(shape, std::back_inserter(result),
                [](int64_t extent) { return extent != 1; });
  return result;
}

static Expected<Values> evaluate(tensor::InsertSliceOp op, const Frame &frame) {
  Shape offsets = frame.integers(op.getMixedOffsets());
  Shape sizes = frame.integers(op.getMixedSizes());
  Shape steps = frame.integers(op.getMixedStrides());
  auto insert = [&](const auto &source, auto result) -> Expected<Values> {
    if (Error error = requireInside(offsets, sizes, steps, result.shape()))
      return error;
    // The source may lack dimensions of size 1, which change no offset.
    if (withoutOnes(source.shape()) != withoutOnes(sizes))
      return fail("a tensor of " + shapeText(source.shape()) +
                  " is inserted as " + shapeText(sizes));
    copyBox(result.data() + linear(offsets, result.strides()),
            sliceStrides(result.strides(), steps), source.data(),
            rowMajorStrides(sizes), sizes);
    return Values{Value(std::move(result))};
  };
  const Value &source = frame[op.getSource()], &dest = frame[op.getDest()];
  return source.isFloatTensor() ? insert(source.floats(), dest.floats())
                                : insert(source.integers(), dest.integers());
}

static Expected<Values> evaluate(tensor::ConcatOp op, const Frame &frame) {
  const int64_t axis = static_cast<int64_t>(op.getDim());
  Shape shape(frame[op.getInputs().front()].shape());
  shape[axis] = 0;
  for (mlir::Value input : op.getInputs()) {
    Shape part(frame[input].shape());
    shape[axis] += part[axis];
    part[axis] = shape[axis];
    if (part != shape)
      return fail("tensors of " + shapeText(frame[input].shape()) + " and " +
                  shapeText(frame[op.getInputs().front()].shape()) +
                  " cannot be joined along dimension " + llvm::Twine(axis));
  }
  return makeResult(op.getResult(), shape, [&](auto &result) {
    using Tensor = std::decay_t<decltype(result)>;
    int64_t start = 0;
    for (mlir::Value input : op.getInputs()) {
      const Tensor *part;
      if constexpr (std::is_same_v<Tensor, FloatTensor>)
        part = &frame.floats(input);
      else
        part = &frame.integers(input);
      copyBox(result.data() + start * result.strides()[axis], result.strides(),
              part->data(), part->strides(), part->shape());
      start += part->dim(axis);
    }
    return Error::success();
  });
}

static Expected<Values> evaluate(tensor::ExtractOp op, const Frame &frame) {
  const Value &source = frame[op.getTensor()];
  Expected<int64_t> offset =
      elementOffset(source.shape(), op.getIndices(), frame);
  if (!offset)
    return offset.takeError();
  return Values{source.isFloatTensor() ? Value(source.floats()[*offset])
                                       : Value(source.integers()[*offset])};
}

static Expected<Values> evaluate(tensor::InsertOp op, const Frame &frame) {
  return onTensor(frame[op.getDest()], [&](auto result) -> Expected<Values> {
    Expected<int64_t> offset =
        elementOffset(result.shape(), op.getIndices(), frame);
    if (!offset)
      return offset.takeError();
    setElement(result, *offset, frame[op.getScalar()]);
    return Values{Value(std::move(result))};
  });
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

static Expected<Values> evaluate(tensor::DimOp op, const Frame &frame) {
  llvm::ArrayRef<int64_t> shape = frame[op.getSource()].shape();
  int64_t dim = frame.integer(op.getIndex());
  if (dim < 0 || dim >= static_cast<int64_t>(shape.size()))
    return fail("there is no dimension " + llvm::Twine(dim) +
                " of a tensor of " + shapeText(shape));
  return Values{Value(shape[dim])};
}

static Expected<Values> reshaped(const Value &value, const Shape &shape) {
  Expected<int64_t> size = checkedSize(shape);
  if (!size)
    return size.takeError();
  return onTensor(value, [&](auto result) -> Expected<Values> {
    if (*size != result.size())
      return fail("a tensor of " + shapeText(result.shape()) +
                  " cannot be given the shape " + shapeText(shape));
    result.reshape(shape);
    return Values{Value(std::move(result))};
  });
}

static Expected<Values> evaluate(tensor::CollapseShapeOp op,
                                 const Frame &frame) {
  llvm::ArrayRef<int64_t> source = frame[op.getSrc()].shape();
  Shape shape;
  for (const mlir::ReassociationIndices &group : op.getReassociationIndices()) {
    int64_t extent = 1;
    for (int64_t dim : group)
      extent *= source[dim];
    shape.push_back(extent);
  }
  return reshaped(frame[op.getSrc()], shape);
}

static Expected<Values> evaluate(tensor::ExpandShapeOp op, const Frame &frame) {
  llvm::ArrayRef<int64_t> source = frame[op.getSrc()].shape();
  Shape shape = frame.integers(op.getMixedOutputShape());
  for (auto [dim, group] : llvm::enumerate(op.getReassociationIndices())) {
    Shape part;
    for (int64_t index : group)
      part.push_back(shape[index]);
    Expected<int64_t> extent = checkedSize(part);
    if (!extent)
      return extent.takeError();
    if (*extent != source[dim])
      return fail("dimension " + llvm::Twine(dim) + " of " +
                  llvm::Twine(source[dim]) +
                  " elements cannot be expanded to " + shapeText(part));
  }
  return reshaped(frame[op.getSrc()], shape);
}

Expected<Values> transmamba::reference::evaluateTensor(mlir::Operation *op,
                                                       const Frame &frame) {
  using R = Expected<Values>;
  return llvm::TypeSwitch<mlir::Operation *, R>(op)
      .Case<tensor::EmptyOp, tensor::SplatOp, tensor::FromElementsOp,
            tensor::GenerateOp, tensor::PadOp, tensor::ExtractSliceOp,
            tensor::InsertSliceOp, tensor::ConcatOp, tensor::ExtractOp,
            tensor::InsertOp, tensor::DimOp, tensor::CollapseShapeOp,
            tensor::ExpandShapeOp>(
          [&](auto concrete) { return evaluate(concrete, frame); })
      // The interpreter compares the sizes with the new type.
      .Case([&](tensor::CastOp cast) -> R {
        return Values{frame[cast.getSource()]};
      })
      .Default([](mlir::Operation *) -> R {
        return fail("the interpreter does not know this operation");
      });
}
