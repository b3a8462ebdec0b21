//===- Weights.cpp - Where parameters come from ---------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Pipelines/Weights.h"
#include "transmamba/Target/LaunchPlan.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace mlir;
using namespace transmamba;
using package::ElementType;

package::Result<WeightSource> WeightSource::open(const std::string &spec) {
  WeightSource source;
  source.spec = spec;
  if (StringRef(spec).starts_with("random:")) {
    std::optional<uint64_t> seed = package::parseRandomWeights(spec);
    if (!seed)
      return package::Error("--weights", "'" + spec +
                                             "' is not random:SEED with a "
                                             "decimal 64-bit seed");
    source.random.emplace(*seed);
    return source;
  }
  auto file = package::SafeTensorsFile::open(spec);
  if (!file)
    return file.takeError();
  source.file = *file;
  return source;
}

/// The shape in the weights file.
static std::vector<int64_t> sourceShape(ParameterOp parameter) {
  ArrayRef<int64_t> shape =
      cast<RankedTensorType>(parameter.getType()).getShape();
  if (parameter.getTransform() == WeightTransform::Transpose)
    return {shape[1], shape[0]};
  return shape.vec();
}

static std::string shapeText(ArrayRef<int64_t> shape) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << "[";
  llvm::interleaveComma(shape, stream);
  stream << "]";
  return text;
}

LogicalResult WeightSource::check(ParameterOp parameter) const {
  if (!file || !parameter.getSource())
    return success();
  StringRef name = *parameter.getSource();
  const package::SafeTensor *tensor = file->find(name);
  if (!tensor)
    return parameter.emitError("parameter @")
           << parameter.getSymName() << ": there is no tensor '" << name
           << "' in " << spec;
  std::vector<int64_t> expected = sourceShape(parameter);
  if (tensor->shape != expected)
    return parameter.emitError("parameter @")
           << parameter.getSymName() << ": tensor '" << name << "' in " << spec
           << " has shape " << shapeText(tensor->shape) << ", not "
           << shapeText(expected);
  if (!tensor->type || package::isInteger(*tensor->type))
    return parameter.emitError("parameter @")
           << parameter.getSymName() << ": tensor '" << name << "' in " << spec
           << " has type " << tensor->dtype
           << "; weights are F32, BF16, F16 or F64";
  return success();
}

//===----------------------------------------------------------------------===//
// Data, piece by piece: a large model's need not fit into memory
//===----------------------------------------------------------------------===//

/// Element (i, j) of a matrix.
using Element = llvm::function_ref<double(int64_t i, int64_t j)>;

/// Elements of a piece: 32 rows of a matrix, so that reading one transposed
/// does not walk a cache line an element, but no more than this.
static constexpr int64_t pieceRows = 32;
static constexpr int64_t pieceElements = int64_t(1) << 22;

/// `count` values from `values`, rounded to `type`, to `bytes`.
static void encode(ArrayRef<double> values, ElementType type,
                   std::vector<uint8_t> &bytes) {
  bytes.resize(values.size() * package::byteSize(type));
  auto store = [&](auto convert) {
    using T = decltype(convert(0.0));
    for (size_t i = 0; i < values.size(); ++i) {
      T value = convert(values[i]);
      std::memcpy(bytes.data() + i * sizeof(T), &value, sizeof(T));
    }
  };
  switch (type) {
  case ElementType::F64:
    store([](double value) { return value; });
    break;
  case ElementType::BF16:
    store([](double value) {
      return package::floatToBFloat16(static_cast<float>(value));
    });
    break;
  case ElementType::F16:
    store([](double value) {
      return package::floatToFloat16(static_cast<float>(value));
    });
    break;
  default:
    store([](double value) { return static_cast<float>(value); });
    break;
  }
}

/// Hands a matrix to `sink`, row-major. A transposed one is read along its
/// columns.
static package::Error writeMatrix(int64_t rows, int64_t columns,
                                  bool transposed, ElementType type,
                                  Element element,
                                  const package::ByteSink &sink) {
  if (columns == 0)
    return package::Error::success();
  std::vector<double> values;
  std::vector<uint8_t> bytes;
  // One row or several whole ones; a row that is too long, in segments.
  int64_t height = std::clamp<int64_t>(pieceElements / columns, 1, pieceRows);
  int64_t width = std::min(columns, pieceElements);
  for (int64_t top = 0; top < rows; top += height)
    for (int64_t left = 0; left < columns; left += width) {
      int64_t m = std::min(height, rows - top);
      int64_t n = std::min(width, columns - left);
      values.resize(m * n);
      if (transposed)
        for (int64_t j = 0; j < n; ++j)
          for (int64_t i = 0; i < m; ++i)
            values[i * n + j] = element(top + i, left + j);
      else
        for (int64_t i = 0; i < m; ++i)
          for (int64_t j = 0; j < n; ++j)
            values[i * n + j] = element(top + i, left + j);
      encode(values, type, bytes);
      if (package::Error error =
              sink(package::ByteView(bytes.data(), bytes.size())))
        return error;
    }
  return package::Error::success();
}

/// The cosines or sines of rotary positions, in float64.
static package::Error writeTable(ParameterOp parameter, ElementType type,
                                 const package::ByteSink &sink) {
  RopeTableAttr table = *parameter.getTable();
  ArrayRef<int64_t> shape =
      cast<RankedTensorType>(parameter.getType()).getShape();
  int64_t half = shape[1];
  double theta = table.getTheta().getValueAsDouble();
  std::vector<double> frequencies(half);
  for (int64_t i = 0; i < half; ++i)
    frequencies[i] = std::pow(theta, -static_cast<double>(i) / half);
  bool sine = table.getSine();
  auto element = [&](int64_t t, int64_t i) {
    double angle = static_cast<double>(t) * frequencies[i];
    return sine ? std::sin(angle) : std::cos(angle);
  };
  return writeMatrix(shape[0], half, /*transposed=*/false, type, element, sink);
}

/// `transform` of the source tensor whose element `index` is `source(index)`.
static package::Error
writeTransformed(ParameterOp parameter, ElementType type,
                 llvm::function_ref<double(int64_t)> source,
                 const package::ByteSink &sink) {
  auto tensor = cast<RankedTensorType>(parameter.getType());
  ArrayRef<int64_t> shape = tensor.getShape();
  switch (parameter.getTransform()) {
  case WeightTransform::Transpose:
    return writeMatrix(
        shape[0], shape[1], /*transposed=*/true, type,
        [&](int64_t i, int64_t j) { return source(j * shape[0] + i); }, sink);
  case WeightTransform::NegExp:
    return writeMatrix(
        1, tensor.getNumElements(), /*transposed=*/false, type,
        [&](int64_t, int64_t j) { return -std::exp(source(j)); }, sink);
  case WeightTransform::None:
    break;
  }
  return writeMatrix(
      1, tensor.getNumElements(), /*transposed=*/false, type,
      [&](int64_t, int64_t j) { return source(j); }, sink);
}

package::Error WeightSource::write(ParameterOp parameter, ElementType type,
                                   const package::ByteSink &sink) const {
  std::string name = parameter.getSource()->str();
  if (random) {
    auto tensor = random->open(name, sourceShape(parameter));
    if (!tensor)
      return tensor.takeError();
    return writeTransformed(
        parameter, type, [&](int64_t i) { return (*tensor)[i]; }, sink);
  }
  const package::SafeTensor *tensor = file->find(name);
  const uint8_t *data = tensor->data.data();
  return writeTransformed(
      parameter, type,
      [&](int64_t i) { return package::loadAsDouble(*tensor->type, data, i); },
      sink);
}

uint64_t WeightSource::add(ParameterOp parameter, const WeightSource *source,
                           package::WeightsBuilder &weights) {
  auto type = cast<RankedTensorType>(parameter.getType());
  // Parameters are floats, all of which have a type in packages.
  ElementType element = *toElementType(type.getElementType());
  package::ByteProducer produce =
      [parameter, source, element](const package::ByteSink &sink) mutable {
        return parameter.getTable() ? writeTable(parameter, element, sink)
                                    : source->write(parameter, element, sink);
      };
  return weights.add(parameter.getSymName().str(), element,
                     type.getShape().vec(), std::move(produce));
}
