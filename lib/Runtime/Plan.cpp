//===- Plan.cpp - An entry point with its sizes ---------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Plan.h"

#include "Failure.h"
#include "transmamba/Package/CheckedMath.h"

#include <cstring>

namespace transmamba::runtime {

using package::Argument;
using package::checkedAdd;
using package::checkedMul;
using package::Expression;

/// Tensors of a block start at multiples of this.
static constexpr uint64_t blockAlignment = 256;
static constexpr int64_t maxGridX = (int64_t(1) << 31) - 1;
static constexpr int64_t maxGridYZ = 65535;

// For Plan::isShort: a second's work, and how long a short command may be.
// Measured on an H200: calls of 5 us a command are faster where these overlap,
// calls of 75 us slower.
static constexpr double flopPerSecond = 6e14, bytesPerSecond = 4e12;
static constexpr double shortSeconds = 20e-6;

namespace {
class PlanBuilder {
public:
  PlanBuilder(const PlanSource &source, package::Bindings symbols)
      : source(source) {
    plan.entry = &source.entry;
    bindings = symbols;
    bindings.emplace_back(package::multiprocessorsSymbol,
                          source.multiprocessors);
    plan.symbols = std::move(symbols);
  }

  Plan build() {
    for (const package::Input &input : source.entry.inputs)
      addTensor(plan.inputs, plan.inputBytes, input.name, input.type,
                input.shape);
    for (const package::Output &output : source.entry.outputs)
      addTensor(plan.outputs, plan.outputBytes, output.name, output.type,
                output.shape);
    plan.arenaBytes = size("the arena", source.entry.arena);
    for (const package::Command &command : source.entry.commands)
      addCommand(command);
    plan.isShort =
        seconds <= shortSeconds * static_cast<double>(plan.commands.size());
    return std::move(plan);
  }

private:
  [[noreturn]] void fail(const std::string &what,
                         const std::string &message) const {
    std::string bound;
    for (const auto &[name, value] : bindings)
      bound +=
          (bound.empty() ? "" : ", ") + name + " = " + std::to_string(value);
    throw Failure(TM_INVALID_ARGUMENT, source.path,
                  "entry point " + inQuotes(source.entry.name) + ": " + what +
                      (bound.empty() ? "" : " at " + bound) + ": " + message);
  }

  int64_t value(const std::string &what, const Expression &expression) const {
    package::Result<int64_t> result = expression.evaluate(bindings);
    if (!result)
      fail(what, result.error().where() + ": " + result.error().what());
    return *result;
  }
  uint64_t size(const std::string &what, const Expression &expression) const {
    package::Result<int64_t> result = expression.evaluateSize(bindings);
    if (!result)
      fail(what, result.error().where() + ": " + result.error().what());
    return static_cast<uint64_t>(*result);
  }

  void addTensor(std::vector<PlanTensor> &list, uint64_t &blockBytes,
                 const std::string &name, package::ElementType type,
                 const std::vector<Expression> &shape);
  void addCommand(const package::Command &command);
  PlanArgument argument(const package::Command &command, const Argument &arg);
  int64_t tensorMap(const package::Command &command, const Argument &arg,
                    uint64_t bufferBytes);
  uint64_t bufferBytes(const Argument &arg, uint64_t arenaOffset) const;

  const PlanSource &source;
  /// The symbols of the caller and of the device.
  package::Bindings bindings;
  /// Of all commands.
  double seconds = 0;
  Plan plan;
};
} // namespace

void PlanBuilder::addTensor(std::vector<PlanTensor> &list, uint64_t &blockBytes,
                            const std::string &name, package::ElementType type,
                            const std::vector<Expression> &shape) {
  PlanTensor tensor;
  tensor.type = type;
  for (const Expression &extent : shape)
    tensor.shape.push_back(
        static_cast<int64_t>(size("the shape of " + inQuotes(name), extent)));
  std::optional<int64_t> count = package::checkedElementCount(tensor.shape);
  std::optional<int64_t> bytes =
      count ? checkedMul<int64_t>(*count, package::byteSize(type))
            : std::nullopt;
  std::optional<uint64_t> end =
      bytes ? checkedAdd<uint64_t>(blockBytes, static_cast<uint64_t>(*bytes))
            : std::nullopt;
  std::optional<uint64_t> aligned =
      end ? package::checkedAlignTo<uint64_t>(*end, blockAlignment)
          : std::nullopt;
  if (!aligned)
    fail("the size of " + inQuotes(name), "does not fit into 64 bits");
  tensor.bytes = static_cast<uint64_t>(*bytes);
  tensor.offset = blockBytes;
  blockBytes = *aligned;
  list.push_back(std::move(tensor));
}

void PlanBuilder::addCommand(const package::Command &description) {
  std::string what = "the grid of " + inQuotes(description.kernel);
  PlanCommand command;
  command.description = &description;
  int64_t points = 1;
  for (size_t i = 0; i < 3; ++i) {
    int64_t extent = static_cast<int64_t>(size(what, description.grid[i]));
    if (!source.variant.isCpu() && extent > (i == 0 ? maxGridX : maxGridYZ))
      fail(what,
           std::to_string(extent) + " is more than a GPU's grid can have");
    std::optional<int64_t> product = checkedMul(points, extent);
    if (!product)
      fail(what, "has more than 2^63 points");
    points = *product;
    command.grid[i] = extent;
  }
  if (points == 0)
    return;
  while (source.variant.kernels[command.kernel].name != description.kernel)
    ++command.kernel;
  for (const Argument &arg : description.args)
    command.args.push_back(argument(description, arg));
  plan.commands.push_back(std::move(command));
  auto count = [&](const std::optional<Expression> &work) {
    std::string what = "the work of " + inQuotes(description.kernel);
    return work ? static_cast<double>(size(what, *work)) : 0.0;
  };
  seconds += count(description.work.flop) / flopPerSecond +
             count(description.work.bytes) / bytesPerSecond;
}

PlanArgument PlanBuilder::argument(const package::Command &command,
                                   const Argument &arg) {
  PlanArgument result;
  result.kind = arg.kind;
  result.index = arg.index;
  uint64_t arenaOffset = 0;
  switch (arg.kind) {
  case Argument::Kind::Input:
    result.value = plan.inputs[arg.index].offset;
    break;
  case Argument::Kind::Output:
    result.value = plan.outputs[arg.index].offset;
    break;
  case Argument::Kind::Arena:
    arenaOffset =
        size("an arena offset of " + inQuotes(command.kernel), arg.value);
    if (arenaOffset > plan.arenaBytes || arenaOffset % package::dataAlignment)
      fail("an arena offset of " + inQuotes(command.kernel),
           std::to_string(arenaOffset) + " is not a multiple of 64 in [0, " +
               std::to_string(plan.arenaBytes) + "]");
    result.value = arenaOffset;
    break;
  case Argument::Kind::Scalar:
    result.value = static_cast<uint64_t>(
        value("a scalar of " + inQuotes(command.kernel), arg.value));
    break;
  case Argument::Kind::F32:
    std::memcpy(&result.value, &arg.number, sizeof(arg.number));
    break;
  case Argument::Kind::Parameter:
  case Argument::Kind::State:
    break;
  }
  if (arg.map)
    result.map = tensorMap(command, arg, bufferBytes(arg, arenaOffset));
  return result;
}

uint64_t PlanBuilder::bufferBytes(const Argument &arg,
                                  uint64_t arenaOffset) const {
  switch (arg.kind) {
  case Argument::Kind::Input:
    return plan.inputs[arg.index].bytes;
  case Argument::Kind::Output:
    return plan.outputs[arg.index].bytes;
  case Argument::Kind::Parameter:
    return source.manifest.parameters[arg.index].bytes();
  case Argument::Kind::State:
    return source.manifest.states[arg.index].bytes(source.rows);
  case Argument::Kind::Arena:
    return plan.arenaBytes - arenaOffset;
  case Argument::Kind::Scalar:
  case Argument::Kind::F32:
    break;
  }
  return 0;
}

/// Evaluates a tensor map and checks that it stays inside its buffer. Returns
/// its index.
int64_t PlanBuilder::tensorMap(const package::Command &command,
                               const Argument &arg, uint64_t bufferBytes) {
  std::string what = "a tensor map of " + inQuotes(command.kernel);
  const package::TensorMap &description = *arg.map;
  PlanTensorMap map;
  map.description = &description;
  std::optional<uint64_t> last = package::byteSize(description.type);
  for (size_t i = 0; i < description.extents.size(); ++i) {
    uint64_t extent = size(what, description.extents[i]);
    uint64_t stride = package::byteSize(description.type);
    if (extent == 0)
      fail(what, "an extent is 0");
    map.extents.push_back(extent);
    if (i > 0) {
      stride = size(what, description.strides[i - 1]);
      if (stride % 16)
        fail(what, "a stride is not a multiple of 16 bytes");
      map.strides.push_back(stride);
    }
    std::optional<uint64_t> span = checkedMul(extent - 1, stride);
    last = span ? checkedAdd(*last, *span) : std::nullopt;
    if (!last || *last > bufferBytes)
      fail(what, "reaches beyond the buffer's " + std::to_string(bufferBytes) +
                     " bytes");
  }
  plan.maps.push_back(std::move(map));
  return static_cast<int64_t>(plan.maps.size()) - 1;
}

Plan makePlan(const PlanSource &source, package::Bindings symbols) {
  return PlanBuilder(source, std::move(symbols)).build();
}

} // namespace transmamba::runtime
