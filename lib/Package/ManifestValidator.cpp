//===- ManifestValidator.cpp - What a manifest must satisfy ---------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// After this, the runtime may use every index and name without a check of its
// own, and no expression overflows at the symbols' maxima.
//
//===----------------------------------------------------------------------===//

#include "ExpressionJson.h"
#include "ManifestNames.h"
#include "transmamba/Package/CheckedMath.h"
#include "transmamba/Package/Manifest.h"
#include "transmamba/Package/Target.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace transmamba::package {

/// Nothing that a package describes is larger than this (2^48 bytes), so that
/// sums of a few such sizes cannot overflow.
static constexpr int64_t maxBytes = int64_t(1) << 48;
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

static std::string inQuotes(std::string_view text) {
  return "'" + std::string(text) + "'";
}

static std::string at(const std::string &place, std::string_view key) {
  return place + "/" + std::string(key);
}

static std::string at(const std::string &place, size_t index) {
  return place + "/" + std::to_string(index);
}

[[noreturn]] static void fail(const std::string &place,
                              const std::string &message) {
  throw JsonFailure{"at " + place + ": " + printable(message)};
}

/// Names go to terminals and file systems: no control characters, no absurd
/// lengths.
static void checkName(const std::string &place, const std::string &name) {
  bool fine = !name.empty() && name.size() <= 512 &&
              std::all_of(name.begin(), name.end(), [](unsigned char c) {
                return c >= 0x20 && c != 0x7f;
              });
  if (!fine)
    fail(place, "expected a name of 1 to 512 bytes without control characters");
  if (!isUtf8(name))
    fail(place, "the name is not valid UTF-8");
}

/// Names that end up in object code or in file names.
static void checkPlainName(const std::string &place, const std::string &name,
                           std::string_view alsoAllowed) {
  checkName(place, name);
  for (char c : name)
    if (!isIdentifier(std::string("_") + c) &&
        alsoAllowed.find(c) == std::string_view::npos)
      fail(place, "the name " + inQuotes(name) +
                      " may hold letters, digits and " +
                      std::string(alsoAllowed) + "_ only");
}

/// Checks that the names of a list are names, and different.
template <typename T>
static void checkNames(const std::string &place, const std::vector<T> &items) {
  std::set<std::string_view> seen;
  for (size_t i = 0; i < items.size(); ++i) {
    std::string itemPlace = at(at(place, i), "name");
    checkName(itemPlace, items[i].name);
    if (!seen.insert(items[i].name).second)
      fail(itemPlace, "the name " + inQuotes(items[i].name) + " appears twice");
  }
}

template <typename T>
static const T *findNamed(const std::vector<T> &items, std::string_view name) {
  for (const T &item : items)
    if (item.name == name)
      return &item;
  return nullptr;
}

/// Checks an integer shape and returns its size in bytes.
static int64_t checkShape(const std::string &place,
                          const std::vector<int64_t> &shape, ElementType type) {
  if (shape.size() > maxRank)
    fail(place, "a tensor has at most " + std::to_string(maxRank) +
                    " dimensions, this one has " +
                    std::to_string(shape.size()));
  for (size_t i = 0; i < shape.size(); ++i)
    if (shape[i] < 1)
      fail(at(place, i), "an extent is at least 1");
  std::optional<int64_t> count = checkedElementCount(shape);
  std::optional<int64_t> bytes =
      count ? checkedMul<int64_t>(*count, byteSize(type)) : std::nullopt;
  if (!bytes || *bytes > maxBytes)
    fail(place, "the tensor is larger than 2^48 bytes");
  return *bytes;
}

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

//===----------------------------------------------------------------------===//
// The lists of the manifest
//===----------------------------------------------------------------------===//

static void checkFiles(const Manifest &manifest) {
  checkNames("/files", manifest.files);
  for (size_t i = 0; i < manifest.files.size(); ++i) {
    const std::string &name = manifest.files[i].name;
    std::string item = at("/files", i);
    checkPlainName(at(item, "name"), name, ".-+/");
    bool escapes = name.front() == '/' || name.back() == '/' ||
                   name.find("//") != std::string::npos ||
                   ("/" + name + "/").find("/../") != std::string::npos ||
                   ("/" + name + "/").find("/./") != std::string::npos;
    if (escapes)
      fail(at(item, "name"), inQuotes(name) + " is not a plain relative path");
    if (name == manifestFileName)
      fail(at(item, "name"), "the manifest does not list itself");
    if (manifest.files[i].size > static_cast<uint64_t>(maxBytes))
      fail(at(item, "size"), "the file is larger than 2^48 bytes");
  }
}

static void checkModel(const Manifest &manifest) {
  const ModelInfo &model = manifest.model;
  checkName("/model/name", model.name);
  if (model.tokenizer != "bytes" && model.tokenizer != "none")
    fail("/model/tokenizer", "there is no tokenizer " +
                                 inQuotes(model.tokenizer) +
                                 "; there are bytes and none");
  if (model.tokenizer == "bytes" && model.vocabulary < 256)
    fail("/model/vocabulary", "a model of bytes has at least 256 tokens");
  if (model.vocabulary < 0 || model.vocabulary > maxBytes)
    fail("/model/vocabulary", "expected an integer in [0, 2^48]");
  if (model.maxBatch < 1 || model.maxBatch > maxBytes)
    fail("/model/max_batch", "expected an integer in [1, 2^48]");
  if (model.maxSequence < 1 || model.maxSequence > maxBytes)
    fail("/model/max_sequence", "expected an integer in [1, 2^48]");
  std::map<int64_t, uint64_t> stateBytes;
  for (const State &state : manifest.states)
    if (state.layer && !state.isWorkspace())
      stateBytes[*state.layer] += state.rowBytes();
  std::set<int64_t> seen;
  for (size_t i = 0; i < model.layers.size(); ++i) {
    const LayerInfo &layer = model.layers[i];
    std::string item = at("/model/layers", i);
    if (layer.index < 0 || !seen.insert(layer.index).second)
      fail(at(item, "index"), "expected an index of a layer that has not "
                              "appeared before");
    if (layer.transPoint && *layer.transPoint < 0)
      fail(at(item, "transpoint"), "expected a position, at least 0");
    if (layer.stateBytesPerRow < 0 ||
        static_cast<uint64_t>(layer.stateBytesPerRow) !=
            stateBytes[layer.index])
      fail(at(item, "state_bytes_per_row"),
           "the layer's states add up to " +
               std::to_string(stateBytes[layer.index]));
  }
}

static void checkParameters(const Manifest &manifest) {
  checkNames("/parameters", manifest.parameters);
  const FileInfo *weights = findNamed(manifest.files, weightsFileName);
  if (!weights && !manifest.parameters.empty())
    fail("/files", "there are parameters but no weights.bin");
  for (size_t i = 0; i < manifest.parameters.size(); ++i) {
    const Parameter &parameter = manifest.parameters[i];
    std::string item = at("/parameters", i);
    int64_t bytes =
        checkShape(at(item, "shape"), parameter.shape, parameter.type);
    if (parameter.offset % dataAlignment)
      fail(at(item, "offset"), "the offset is not a multiple of 64");
    if (parameter.offset > weights->size ||
        static_cast<uint64_t>(bytes) > weights->size - parameter.offset)
      fail(at(item, "offset"), "the parameter's " + std::to_string(bytes) +
                                   " bytes at " +
                                   std::to_string(parameter.offset) +
                                   " reach beyond weights.bin, "
                                   "which has " +
                                   std::to_string(weights->size));
  }
}

static void checkStates(const Manifest &manifest) {
  checkNames("/states", manifest.states);
  int64_t total = 0;
  for (size_t i = 0; i < manifest.states.size(); ++i) {
    const State &state = manifest.states[i];
    std::string item = at("/states", i);
    checkPlainName(at(item, "kind"), state.kind, "-");
    std::vector<int64_t> shape = state.rowShape;
    if (!state.isWorkspace())
      shape.insert(shape.begin(), manifest.model.maxBatch);
    std::optional<int64_t> sum =
        checkedAdd(total, checkShape(at(item, "shape"), shape, state.type));
    if (!sum || *sum > maxBytes)
      fail("/states", "for max_batch rows they are larger than 2^48 bytes");
    total = *sum;
    if (!state.sequenceDim)
      continue;
    if (state.isWorkspace() || *state.sequenceDim < 1 ||
        static_cast<size_t>(*state.sequenceDim) >= shape.size())
      fail(at(item, "sequence_dim"),
           "expected a dimension of one row, in [1, " +
               std::to_string(shape.size() - 1) + "]");
  }
}

static void checkVariantFile(const Manifest &manifest, const std::string &place,
                             const std::string &name, bool wanted,
                             bool required) {
  if (name.empty()) {
    if (required)
      fail(place, "the target needs this file");
    return;
  }
  if (!wanted)
    fail(place, "the target has no such file");
  if (!findNamed(manifest.files, name))
    fail(place, "the package has no file " + inQuotes(name));
}

static void checkVariants(const Manifest &manifest) {
  if (manifest.variants.empty())
    fail("/variants", "the package has no variant, so nothing can run it");
  std::set<std::string_view> targets;
  for (size_t i = 0; i < manifest.variants.size(); ++i) {
    const Variant &variant = manifest.variants[i];
    std::string item = at("/variants", i);
    std::optional<Target> target = Target::parse(variant.target);
    if (!target)
      fail(at(item, "target"),
           "there is no target " + inQuotes(variant.target) +
               "; there are cpu:x86-64 (-v2, -v3, -v4) and nvidia:sm_NN[a]");
    if (!targets.insert(variant.target).second)
      fail(at(item, "target"),
           "a second variant for " + inQuotes(variant.target));
    bool cpu = target->kind == Target::Kind::Cpu;
    std::string files = at(item, "files");
    checkVariantFile(manifest, at(files, "object"), variant.object, cpu, cpu);
    checkVariantFile(manifest, at(files, "cubin"), variant.cubin, !cpu, false);
    checkVariantFile(manifest, at(files, "ptx"), variant.ptx, !cpu, !cpu);
    std::string kernels = at(item, "kernels");
    checkNames(kernels, variant.kernels);
    for (size_t k = 0; k < variant.kernels.size(); ++k)
      checkPlainName(at(at(kernels, k), "name"), variant.kernels[k].name, ".$");
    std::string entries = at(item, "entries");
    if (variant.entries.empty())
      fail(entries, "the variant has no entry point");
    checkNames(entries, variant.entries);
    for (size_t e = 0; e < variant.entries.size(); ++e)
      EntryValidator(manifest, variant, variant.entries[e], at(entries, e))
          .run();
  }
}

Error validateManifest(const Manifest &manifest, const std::string &file) {
  try {
    checkName("/producer", manifest.producer);
    checkFiles(manifest);
    checkParameters(manifest);
    // checkModel adds the states' sizes up, which checkStates bounds.
    if (manifest.model.maxBatch < 1 || manifest.model.maxBatch > maxBytes)
      fail("/model/max_batch", "expected an integer in [1, 2^48]");
    checkStates(manifest);
    checkModel(manifest);
    checkVariants(manifest);
    return Error::success();
  } catch (const JsonFailure &failure) {
    return Error(file, std::string(manifestFileName) + " " + failure.message);
  }
}

} // namespace transmamba::package
