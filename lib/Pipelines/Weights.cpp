//===- Weights.cpp - Where parameters come from ---------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Pipelines/Weights.h"
#include "transmamba/Target/LaunchPlan.h"

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

/// The cosines or sines of rotary positions, in float64.
static std::vector<double> ropeTable(ParameterOp parameter) {
  RopeTableAttr table = *parameter.getTable();
  ArrayRef<int64_t> shape =
      cast<RankedTensorType>(parameter.getType()).getShape();
  int64_t rows = shape[0], half = shape[1];
  double theta = table.getTheta().getValueAsDouble();
  std::vector<double> values(rows * half);
  for (int64_t i = 0; i < half; ++i) {
    double frequency = std::pow(theta, -static_cast<double>(i) / half);
    for (int64_t t = 0; t < rows; ++t)
      values[t * half + i] = table.getSine()
                                 ? std::sin(static_cast<double>(t) * frequency)
                                 : std::cos(static_cast<double>(t) * frequency);
  }
  return values;
}

package::Result<std::vector<double>>
WeightSource::load(ParameterOp parameter) const {
  std::vector<int64_t> shape = sourceShape(parameter);
  std::string name = parameter.getSource()->str();
  if (random) {
    auto values = random->tensor(name, shape);
    if (!values)
      return values.takeError();
    return std::vector<double>(values->begin(), values->end());
  }
  const package::SafeTensor *tensor = file->find(name);
  uint64_t count = 1;
  for (int64_t size : shape)
    count *= static_cast<uint64_t>(size);
  std::vector<double> values(count);
  // Types of 4 bytes and less are read in bulk; elements need not be aligned.
  const uint8_t *data = tensor->data.data();
  for (uint64_t i = 0; i < count; ++i)
    values[i] = package::loadAsDouble(*tensor->type, data, i);
  return values;
}

/// Bytes of `values` rounded to `type`.
static std::vector<uint8_t> encode(const std::vector<double> &values,
                                   ElementType type) {
  std::vector<uint8_t> bytes(values.size() * package::byteSize(type));
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
  return bytes;
}

/// `transform` of a source tensor.
static std::vector<double> transformed(std::vector<double> values,
                                       ParameterOp parameter) {
  switch (parameter.getTransform()) {
  case WeightTransform::None:
    return values;
  case WeightTransform::NegExp:
    for (double &value : values)
      value = -std::exp(value);
    return values;
  case WeightTransform::Transpose:
    break;
  }
  ArrayRef<int64_t> shape =
      cast<RankedTensorType>(parameter.getType()).getShape();
  int64_t rows = shape[0], columns = shape[1];
  std::vector<double> result(values.size());
  // Blocks of 32 x 32, so that neither side walks a cache line an element.
  constexpr int64_t block = 32;
  for (int64_t i = 0; i < rows; i += block)
    for (int64_t j = 0; j < columns; j += block)
      for (int64_t r = i; r < std::min(i + block, rows); ++r)
        for (int64_t c = j; c < std::min(j + block, columns); ++c)
          result[r * columns + c] = values[c * rows + r];
  return result;
}

uint64_t WeightSource::add(ParameterOp parameter, const WeightSource *source,
                           package::WeightsBuilder &weights) {
  auto type = cast<RankedTensorType>(parameter.getType());
  // Parameters are floats, all of which have a type in packages.
  ElementType element = *toElementType(type.getElementType());
  package::ByteProducer produce =
      [parameter, source,
       element](const package::ByteSink &sink) mutable -> package::Error {
    std::vector<double> values;
    if (parameter.getTable()) {
      values = ropeTable(parameter);
    } else {
      auto loaded = source->load(parameter);
      if (!loaded)
        return loaded.takeError();
      values = transformed(std::move(*loaded), parameter);
    }
    std::vector<uint8_t> bytes = encode(values, element);
    return sink(package::ByteView(bytes.data(), bytes.size()));
  };
  return weights.add(parameter.getSymName().str(), element,
                     type.getShape().vec(), std::move(produce));
}
