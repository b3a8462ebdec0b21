//===- EntryValidator.cpp - What an entry point must satisfy --------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "ExpressionJson.h"
#include "ManifestChecks.h"
#include "ManifestNames.h"
#include "transmamba/Package/CheckedMath.h"
#include "transmamba/Package/Manifest.h"
#include "transmamba/Package/Target.h"

#include <cmath>
#include <set>

namespace transmamba::package {

/// The kernel parameters of a GPU kernel fill 4 KB.
static constexpr size_t maxArguments = 512;
static constexpr int64_t maxGridX = (int64_t(1) << 31) - 1;
static constexpr int64_t maxGridYZ = 65535;
static constexpr int64_t maxGridPoints = int64_t(1) << 40;
static constexpr int64_t maxThreadsPerBlock = 1024;
static constexpr size_t maxTensorMapRank = 5;
/// Limits of cuTensorMapEncodeTiled.
static constexpr int64_t maxTensorMapExtent = int64_t(1) << 32;
static constexpr int64_t maxTensorMapStride = (int64_t(1) << 40) - 1;

namespace {
/// Checks the entry points of one variant.
class EntryValidator {
public:
  EntryValidator(const Manifest &manifest, const Variant &variant,
                 const EntryPoint &entry, std::string place)
      : manifest(manifest), variant(variant), entry(entry),
        place(std::move(place)) {
    for (const Kernel &kernel : variant.kernels)
      kernels.insert(kernel.name);
  }

  void run() {
    checkSymbols();
    checkInputs();
    checkOutputs();
    checkPositions();
    // Inputs and outputs look the same on every device, so only now.
    maxima = entry.maxima();
    arenaBytes = sizeAtMaximum(at(place, "arena"), entry.arena);
    for (size_t i = 0; i < entry.commands.size(); ++i)
      checkCommand(at(at(place, "commands"), i), entry.commands[i]);
    checkBatch();
  }

private:
  void checkSymbols();
  void checkInputs();
  void checkValid(const std::string &inputPlace, const Input &input);
  void checkOutputs();
  void checkPositions();
  void checkBatch();
  void checkCommand(const std::string &commandPlace, const Command &command);
  void checkLaunch(const std::string &commandPlace, const Command &command);
  void checkArgument(const std::string &argPlace, const Argument &arg);
  void checkTensorMap(const std::string &mapPlace, const Argument &arg);
  void checkWork(const std::string &workPlace, const Work &work);

  /// The value at the symbols' maxima.
  int64_t valueAtMaximum(const std::string &exprPlace,
                         const Expression &expression) const {
    expression.forEachSymbol([&](const std::string &symbol) {
      for (const auto &[name, value] : maxima)
        if (name == symbol)
          return;
      fail(exprPlace, "the entry point has no symbol " + inQuotes(symbol));
    });
    Result<int64_t> value = expression.evaluate(maxima);
    if (!value)
      fail(exprPlace, "at the symbols' maxima, " + value.error().where() +
                          ": " + value.error().what());
    return *value;
  }
  int64_t sizeAtMaximum(const std::string &exprPlace,
                        const Expression &expression) const {
    int64_t value = valueAtMaximum(exprPlace, expression);
    if (value < 0 || value > maxBytes)
      fail(exprPlace, "at the symbols' maxima the size is " +
                          std::to_string(value) +
                          ", which is not in [0, 2^48]");
    return value;
  }
  /// Bytes of a tensor at the symbols' maxima.
  int64_t checkSymbolicShape(const std::string &shapePlace,
                             const std::vector<Expression> &shape,
                             ElementType type) const {
    std::vector<int64_t> extents;
    for (size_t i = 0; i < shape.size(); ++i)
      extents.push_back(sizeAtMaximum(at(shapePlace, i), shape[i]));
    return checkShape(shapePlace, extents, type);
  }
  /// The size of the list that an argument of that kind indexes.
  size_t listSize(Argument::Kind kind) const {
    switch (kind) {
    case Argument::Kind::Input:
      return entry.inputs.size();
    case Argument::Kind::Output:
      return entry.outputs.size();
    case Argument::Kind::Parameter:
      return manifest.parameters.size();
    default:
      return manifest.states.size();
    }
  }
  /// Bytes behind a buffer argument at the symbols' maxima.
  int64_t bufferBytes(const Argument &arg) const;

  const Manifest &manifest;
  const Variant &variant;
  const EntryPoint &entry;
  std::string place;
  std::set<std::string_view> kernels;
  /// The caller's symbols, then the device's.
  Bindings maxima;
  int64_t arenaBytes = 0;
  std::vector<int64_t> inputBytes;
  std::vector<int64_t> outputBytes;
};
} // namespace

void EntryValidator::checkSymbols() {
  std::string list = at(place, "symbols");
  checkNames(list, entry.symbols);
  for (size_t i = 0; i < entry.symbols.size(); ++i) {
    const Symbol &symbol = entry.symbols[i];
    std::string item = at(list, i);
    if (!isIdentifier(symbol.name))
      fail(at(item, "name"), inQuotes(symbol.name) + " is not an identifier");
    if (symbol.max < 1)
      fail(at(item, "max"), "a symbol is at least 1");
    const Input *input = findNamed(entry.inputs, symbol.input);
    if (!input)
      fail(at(item, "input"),
           "the entry point has no input " + inQuotes(symbol.input));
    if (symbol.dim < 0 ||
        static_cast<size_t>(symbol.dim) >= input->shape.size() ||
        input->shape[symbol.dim] != Expression(symbol.name))
      fail(at(item, "dim"), "dimension " + std::to_string(symbol.dim) +
                                " of input " + inQuotes(symbol.input) +
                                " is not the symbol " + inQuotes(symbol.name));
    if (input->role == Input::Role::Positions)
      fail(at(item, "input"), "the runtime fills " + inQuotes(symbol.input) +
                                  ", so it cannot bind a symbol");
    maxima.emplace_back(symbol.name, symbol.max);
  }
}

void EntryValidator::checkInputs() {
  std::string list = at(place, "inputs");
  checkNames(list, entry.inputs);
  unsigned positions = 0;
  for (size_t i = 0; i < entry.inputs.size(); ++i) {
    const Input &input = entry.inputs[i];
    std::string item = at(list, i);
    inputBytes.push_back(
        checkSymbolicShape(at(item, "shape"), input.shape, input.type));
    if (input.range) {
      if (!isInteger(input.type))
        fail(at(item, "range"), "only integers have a range");
      if (input.range->first >= input.range->second)
        fail(at(item, "range"), "the range [low, high) is empty");
    }
    if (input.role != Input::Role::None) {
      if (input.type != ElementType::I32 && input.type != ElementType::I64)
        fail(at(item, "type"), "lengths and positions are i32 or i64");
      if (input.shape.size() != 1)
        fail(at(item, "shape"), "lengths and positions have one dimension");
    }
    if (input.role == Input::Role::Positions) {
      if (++positions > 1)
        fail(at(item, "role"), "a second input with the role positions");
      if (entry.positions.kind != PositionRule::Kind::Advance)
        fail(at(item, "role"), "an input has the role positions only in an "
                               "entry point with {\"advance\": ...}");
    }
    checkValid(item, input);
  }
}

void EntryValidator::checkValid(const std::string &inputPlace,
                                const Input &input) {
  if (input.valid.empty())
    return;
  std::string validPlace = at(inputPlace, "valid");
  const Input *lengths = findNamed(entry.inputs, input.valid);
  if (!lengths || lengths->role != Input::Role::Lengths)
    fail(validPlace, "there is no input " + inQuotes(input.valid) +
                         " with the role lengths");
  if (input.shape.size() < 2 || lengths->shape.size() != 1 ||
      input.shape[0] != lengths->shape[0])
    fail(validPlace, "an input with lengths has two or more dimensions, and "
                     "dimension 0 is that of the lengths");
}

void EntryValidator::checkOutputs() {
  std::string list = at(place, "outputs");
  checkNames(list, entry.outputs);
  for (size_t i = 0; i < entry.outputs.size(); ++i)
    outputBytes.push_back(checkSymbolicShape(at(at(list, i), "shape"),
                                             entry.outputs[i].shape,
                                             entry.outputs[i].type));
}

void EntryValidator::checkPositions() {
  std::string item = at(place, "positions");
  if (entry.positions.kind == PositionRule::Kind::Set) {
    const Input *lengths = findNamed(entry.inputs, entry.positions.input);
    if (!lengths || lengths->role != Input::Role::Lengths)
      fail(at(item, "set"), "there is no input " +
                                inQuotes(entry.positions.input) +
                                " with the role lengths");
  }
  if (entry.positions.kind == PositionRule::Kind::Advance &&
      entry.positions.amount < 1)
    fail(at(item, "advance"), "expected at least 1");
}

void EntryValidator::checkBatch() {
  bool moves = entry.positions.kind != PositionRule::Kind::None;
  if (!moves && !entry.usesRowState(manifest.states))
    return;
  const Symbol *batch = findNamed(entry.symbols, "B");
  if (!batch)
    fail(at(place, "symbols"),
         "an entry point with state or positions needs the symbol 'B', the "
         "number of rows");
  if (batch->max > manifest.model.maxBatch)
    fail(at(place, "symbols"), "the symbol 'B' may be " +
                                   std::to_string(batch->max) +
                                   ", but the model's max_batch is " +
                                   std::to_string(manifest.model.maxBatch));
  for (size_t i = 0; i < entry.inputs.size(); ++i) {
    const Input &input = entry.inputs[i];
    bool perRow = input.role == Input::Role::Positions ||
                  (entry.positions.kind == PositionRule::Kind::Set &&
                   input.name == entry.positions.input);
    if (perRow && input.shape[0] != Expression("B"))
      fail(at(at(at(place, "inputs"), i), "shape"), "expected [\"B\"]");
  }
}

void EntryValidator::checkCommand(const std::string &commandPlace,
                                  const Command &command) {
  if (!kernels.count(command.kernel))
    fail(at(commandPlace, "kernel"),
         "the variant has no kernel " + inQuotes(command.kernel));
  checkLaunch(commandPlace, command);
  std::string list = at(commandPlace, "args");
  if (command.args.size() > maxArguments)
    fail(list,
         "a kernel has at most " + std::to_string(maxArguments) + " arguments");
  for (size_t i = 0; i < command.args.size(); ++i)
    checkArgument(at(list, i), command.args[i]);
  checkWork(at(commandPlace, "work"), command.work);
}

void EntryValidator::checkWork(const std::string &workPlace, const Work &work) {
  auto checkAmount = [&](const char *key,
                         const std::optional<Expression> &amount) {
    if (!amount)
      return;
    std::string amountPlace = at(workPlace, key);
    amount->forEachSymbol([&](const std::string &symbol) {
      if (symbol == multiprocessorsSymbol)
        fail(amountPlace, "work does not depend on the device");
    });
    if (valueAtMaximum(amountPlace, *amount) < 0)
      fail(amountPlace, "at the symbols' maxima the work is negative");
  };
  checkAmount("flop", work.flop);
  checkAmount("bytes", work.bytes);
}

void EntryValidator::checkLaunch(const std::string &commandPlace,
                                 const Command &command) {
  bool cpu = variant.isCpu();
  std::string gridPlace = at(commandPlace, "grid");
  int64_t points = 1;
  for (size_t i = 0; i < 3; ++i) {
    int64_t extent = sizeAtMaximum(at(gridPlace, i), command.grid[i]);
    if (!cpu && extent > (i == 0 ? maxGridX : maxGridYZ))
      fail(at(gridPlace, i), "at the symbols' maxima the extent is " +
                                 std::to_string(extent) +
                                 ", more than a GPU's grid can have");
    std::optional<int64_t> product = checkedMul(points, extent);
    if (!product || *product > maxGridPoints)
      fail(gridPlace, "at the symbols' maxima the grid has more than 2^40 "
                      "points");
    points = *product;
  }
  std::string blockPlace = at(commandPlace, "block");
  int64_t threads = 1;
  for (size_t i = 0; i < 3; ++i) {
    int64_t extent = command.block[i];
    if (extent < 1 || extent > maxThreadsPerBlock)
      fail(at(blockPlace, i), "expected an integer in [1, 1024]");
    threads *= extent;
  }
  if (threads > maxThreadsPerBlock)
    fail(blockPlace, "a block has at most 1024 threads");
  if (cpu && threads != 1)
    fail(blockPlace, "on a CPU a block is [1, 1, 1]");
  if (command.shared < 0 || command.shared > (1 << 20))
    fail(at(commandPlace, "shared"), "expected an integer in [0, 2^20]");
  if (cpu && command.shared != 0)
    fail(at(commandPlace, "shared"), "a CPU has no shared memory: expected 0");
}

void EntryValidator::checkArgument(const std::string &argPlace,
                                   const Argument &arg) {
  std::string valuePlace = at(argPlace, argumentKindName(arg.kind));
  switch (arg.kind) {
  case Argument::Kind::Scalar:
    valueAtMaximum(valuePlace, arg.value);
    break;
  case Argument::Kind::F32:
    if (!std::isfinite(arg.number))
      fail(valuePlace, "expected a finite number");
    break;
  case Argument::Kind::Arena: {
    int64_t offset = sizeAtMaximum(valuePlace, arg.value);
    if (offset > arenaBytes)
      fail(valuePlace, "at the symbols' maxima the offset " +
                           std::to_string(offset) + " is beyond the arena's " +
                           std::to_string(arenaBytes) + " bytes");
    if (offset % dataAlignment)
      fail(valuePlace, "at the symbols' maxima the offset " +
                           std::to_string(offset) + " is not a multiple of 64");
    break;
  }
  default:
    if (arg.index >= listSize(arg.kind))
      fail(valuePlace, "there is no " +
                           std::string(argumentKindName(arg.kind)) + " " +
                           std::to_string(arg.index) + "; the list has " +
                           std::to_string(listSize(arg.kind)));
  }
  if (arg.map)
    checkTensorMap(at(argPlace, "map"), arg);
}

int64_t EntryValidator::bufferBytes(const Argument &arg) const {
  switch (arg.kind) {
  case Argument::Kind::Input:
    return inputBytes[arg.index];
  case Argument::Kind::Output:
    return outputBytes[arg.index];
  case Argument::Kind::Parameter:
    return static_cast<int64_t>(manifest.parameters[arg.index].bytes());
  case Argument::Kind::State:
    return static_cast<int64_t>(
        manifest.states[arg.index].bytes(manifest.model.maxBatch));
  case Argument::Kind::Arena:
    return arenaBytes - *arg.value.evaluate(maxima);
  case Argument::Kind::Scalar:
  case Argument::Kind::F32:
    break;
  }
  return 0;
}

/// The width of a swizzle's rows; 0 for none.
static int64_t swizzleBytes(TensorMap::Swizzle swizzle) {
  switch (swizzle) {
  case TensorMap::Swizzle::B32:
    return 32;
  case TensorMap::Swizzle::B64:
    return 64;
  case TensorMap::Swizzle::B128:
    return 128;
  case TensorMap::Swizzle::None:
    break;
  }
  return 0;
}

void EntryValidator::checkTensorMap(const std::string &mapPlace,
                                    const Argument &arg) {
  const TensorMap &map = *arg.map;
  if (variant.isCpu() || !arg.isBuffer())
    fail(mapPlace, "only a buffer of a GPU kernel has a tensor map");
  size_t rank = map.extents.size();
  if (rank < 1 || rank > maxTensorMapRank)
    fail(at(mapPlace, "extents"), "a tensor map has 1 to 5 dimensions");
  if (map.strides.size() != rank - 1)
    fail(at(mapPlace, "strides"),
         "expected a stride for each dimension but the innermost");
  if (map.box.size() != rank)
    fail(at(mapPlace, "box"), "expected an extent for each dimension");
  int64_t last = byteSize(map.type);
  for (size_t i = 0; i < rank; ++i) {
    std::string extentPlace = at(at(mapPlace, "extents"), i);
    int64_t extent = sizeAtMaximum(extentPlace, map.extents[i]);
    if (extent < 1)
      fail(extentPlace, "an extent is at least 1");
    if (extent > maxTensorMapExtent)
      fail(extentPlace, "an extent is at most 2^32");
    if (map.box[i] < 1 || map.box[i] > 256)
      fail(at(at(mapPlace, "box"), i), "expected an integer in [1, 256]");
    int64_t stride = byteSize(map.type);
    if (i > 0) {
      std::string stridePlace = at(at(mapPlace, "strides"), i - 1);
      stride = sizeAtMaximum(stridePlace, map.strides[i - 1]);
      if (stride % 16)
        fail(stridePlace, "a stride is a multiple of 16 bytes");
      if (stride > maxTensorMapStride)
        fail(stridePlace, "a stride is less than 2^40 bytes");
    }
    std::optional<int64_t> span = checkedMul(extent - 1, stride);
    std::optional<int64_t> sum = span ? checkedAdd(last, *span) : std::nullopt;
    if (!sum || *sum > bufferBytes(arg))
      fail(mapPlace, "at the symbols' maxima the map reaches beyond the "
                     "buffer's " +
                         std::to_string(bufferBytes(arg)) + " bytes");
    last = *sum;
  }
  if (map.box[0] * byteSize(map.type) % 16)
    fail(at(at(mapPlace, "box"), 0),
         "the innermost extent of the box is a multiple of 16 bytes");
  int64_t widest = swizzleBytes(map.swizzle);
  if (widest != 0 && map.box[0] * byteSize(map.type) > widest)
    fail(at(at(mapPlace, "box"), 0),
         "with this swizzle the innermost extent of the box is at most " +
             std::to_string(widest) + " bytes");
}

void checkEntry(const Manifest &manifest, const Variant &variant,
                const EntryPoint &entry, const std::string &place) {
  EntryValidator(manifest, variant, entry, place).run();
}

} // namespace transmamba::package
