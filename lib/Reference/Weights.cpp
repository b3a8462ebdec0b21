//===- Weights.cpp - Where parameters come from ---------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Reference/Weights.h"

#include "Checks.h"
#include "Rounding.h"
#include "transmamba/Package/RandomWeights.h"
#include "transmamba/Package/SafeTensors.h"

#include <cmath>

using namespace transmamba;
using namespace transmamba::reference;
using llvm::Expected;

WeightSource::~WeightSource() = default;

//===----------------------------------------------------------------------===//
// Sources
//===----------------------------------------------------------------------===//

namespace {

class NoWeights final : public WeightSource {
public:
  Expected<FloatTensor> load(llvm::StringRef name,
                             llvm::ArrayRef<int64_t>) override {
    return fail("there are no weights: '" + name +
                "' needs --weights=FILE or --weights=random:SEED");
  }
};

class Random final : public WeightSource {
public:
  explicit Random(uint64_t seed) : weights(seed) {}
  Expected<FloatTensor> load(llvm::StringRef name,
                             llvm::ArrayRef<int64_t> shape) override {
    package::Result<std::vector<float>> values =
        weights.tensor(std::string_view(name), shape.vec());
    if (!values)
      return fail(values.error().str());
    return FloatTensor(shape,
                       std::vector<double>(values->begin(), values->end()));
  }

private:
  package::RandomWeights weights;
};

class File final : public WeightSource {
public:
  explicit File(std::shared_ptr<const package::SafeTensorsFile> file)
      : file(std::move(file)) {}
  Expected<FloatTensor> load(llvm::StringRef name,
                             llvm::ArrayRef<int64_t> shape) override {
    const package::SafeTensor *tensor = file->find(std::string_view(name));
    if (!tensor)
      return fail(file->path() + " has no tensor '" + name + "'");
    if (!tensor->type || package::isInteger(*tensor->type))
      return fail(file->path() + ": tensor '" + name + "' has the type " +
                  tensor->dtype + ", which is no floating-point type of ours");
    if (llvm::ArrayRef<int64_t>(tensor->shape) != shape)
      return fail(file->path() + ": tensor '" + name + "' is " +
                  shapeText(tensor->shape) + " where " + shapeText(shape) +
                  " is expected");
    FloatTensor values(shape);
    for (int64_t index = 0; index < values.size(); ++index)
      values[index] =
          package::loadAsDouble(*tensor->type, tensor->data.data(), index);
    return values;
  }

private:
  std::shared_ptr<const package::SafeTensorsFile> file;
};

class Given final : public WeightSource {
public:
  explicit Given(llvm::StringMap<FloatTensor> tensors)
      : tensors(std::move(tensors)) {}
  Expected<FloatTensor> load(llvm::StringRef name,
                             llvm::ArrayRef<int64_t> shape) override {
    auto found = tensors.find(name);
    if (found == tensors.end())
      return fail("there is no tensor '" + name + "'");
    std::string what = ("tensor '" + name + "'").str();
    if (llvm::Error error = requireShape(what.c_str(), found->second, shape))
      return error;
    return found->second;
  }

private:
  llvm::StringMap<FloatTensor> tensors;
};

} // namespace

std::unique_ptr<WeightSource>
transmamba::reference::randomWeights(uint64_t seed) {
  return std::make_unique<Random>(seed);
}

std::unique_ptr<WeightSource>
transmamba::reference::givenWeights(llvm::StringMap<FloatTensor> tensors) {
  return std::make_unique<Given>(std::move(tensors));
}

Expected<std::unique_ptr<WeightSource>>
transmamba::reference::openWeights(llvm::StringRef specification) {
  if (specification.empty())
    return std::make_unique<NoWeights>();
  if (specification.starts_with("random:")) {
    std::optional<uint64_t> seed =
        package::parseRandomWeights(std::string_view(specification));
    if (!seed)
      return fail("'" + specification +
                  "' is not random:SEED with a decimal number of 64 bits");
    return randomWeights(*seed);
  }
  package::Result<std::shared_ptr<const package::SafeTensorsFile>> file =
      package::SafeTensorsFile::open(specification.str());
  if (!file)
    return fail(file.error().str());
  return std::make_unique<File>(*file);
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

static FloatTensor transposed(const FloatTensor &matrix) {
  FloatTensor result({matrix.dim(1), matrix.dim(0)});
  for (int64_t i = 0; i < matrix.dim(0); ++i)
    for (int64_t j = 0; j < matrix.dim(1); ++j)
      result(j, i) = matrix(i, j);
  return result;
}

/// Element [t, i]: the cosine or sine of t * theta^(-2 i / dim), where the
/// table has dim / 2 columns.
static FloatTensor ropeTable(RopeTableAttr table, Shape shape) {
  const double theta = table.getTheta().getValueAsDouble();
  const double dim = 2.0 * static_cast<double>(shape[1]);
  FloatTensor result(shape);
  for (int64_t t = 0; t < shape[0]; ++t)
    for (int64_t i = 0; i < shape[1]; ++i) {
      double angle = static_cast<double>(t) *
                     std::pow(theta, -2.0 * static_cast<double>(i) / dim);
      result(t, i) = table.getSine() ? std::sin(angle) : std::cos(angle);
    }
  return result;
}

Expected<FloatTensor>
transmamba::reference::materialize(ParameterOp parameter,
                                   WeightSource &weights) {
  auto type = llvm::cast<mlir::RankedTensorType>(parameter.getType());
  auto elementType = llvm::cast<mlir::FloatType>(type.getElementType());
  Shape shape(type.getShape());
  if (Expected<int64_t> size = checkedSize(shape); !size)
    return size.takeError();

  FloatTensor value;
  if (parameter.getTable()) {
    if (shape.size() != 2)
      return fail("a rotary table has rank 2, not " +
                  llvm::Twine(shape.size()));
    value = ropeTable(*parameter.getTable(), shape);
  } else {
    const bool transpose =
        parameter.getTransform() == WeightTransform::Transpose;
    if (transpose)
      std::swap(shape[0], shape[1]);
    Expected<FloatTensor> source = weights.load(*parameter.getSource(), shape);
    if (!source)
      return source;
    value = transpose ? transposed(*source) : std::move(*source);
    if (parameter.getTransform() == WeightTransform::NegExp)
      for (double &element : value.values())
        element = -std::exp(element);
  }
  // By way of float32, as packages are written.
  if (!elementType.isF64())
    roundTo(mlir::Float32Type::get(parameter.getContext()), value);
  roundTo(elementType, value);
  return value;
}
