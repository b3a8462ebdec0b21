//===- Session.cpp - Calls that follow one another ------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Reference/Session.h"

#include "EntryPoint.h"

using namespace transmamba;
using namespace transmamba::reference;
using llvm::Error;
using llvm::Expected;
using llvm::Twine;

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

static Expected<EntryPoint> findEntry(const Interpreter &interpreter,
                                      llvm::StringRef name) {
  mlir::ModuleOp module = interpreter.module();
  if (auto function = module.lookupSymbol<mlir::func::FuncOp>(name))
    return readEntryPoint(function);
  std::string names;
  for (auto function : module.getOps<mlir::func::FuncOp>())
    if (function->hasAttr(TransMambaDialect::kEntryAttr))
      names += (names.empty() ? "'" : ", '") + function.getName().str() + "'";
  return fail("there is no entry point '" + name + "'; there are " +
              (names.empty() ? "none" : names));
}

Expected<std::vector<InputInfo>>
Session::inputs(llvm::StringRef entryName) const {
  Expected<EntryPoint> entry = findEntry(interpreter, entryName);
  if (!entry)
    return entry.takeError();
  std::vector<InputInfo> infos;
  for (const EntryArgument &argument : entry->arguments)
    if (argument.kind == EntryArgument::Kind::Input ||
        argument.kind == EntryArgument::Kind::Lengths)
      infos.push_back(
          {argument.name, llvm::cast<mlir::RankedTensorType>(argument.type)});
  return infos;
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// How many sequences a call is about: B, or dimension 0 of the first input
/// where the function has no symbols.
static int64_t batchOf(const Symbols &symbols,
                       const std::vector<std::optional<Value>> &inputs) {
  if (auto batch = symbols.find("B"); batch != symbols.end())
    return batch->second;
  for (const std::optional<Value> &input : inputs)
    if (input && !input->shape().empty())
      return input->shape()[0];
  return 1;
}

/// The first `rows` rows of a state.
static FloatTensor takeRows(const FloatTensor &state, int64_t rows) {
  Shape shape(state.shape());
  shape[0] = rows;
  const int64_t size = rows * state.strides()[0];
  return FloatTensor(shape, std::vector<double>(state.values().begin(),
                                                state.values().begin() + size));
}

/// The positions after the call; an error where the present ones do not allow
/// it (docs/package.md).
static Expected<std::vector<int64_t>>
nextPositions(const EntryPoint &entry, const std::vector<int64_t> &positions,
              const IntTensor *lengths, std::optional<int64_t> maxSequence) {
  if (entry.positions == EntryPoint::Positions::Set)
    return lengths->values();
  std::vector<int64_t> next = positions;
  if (entry.positions == EntryPoint::Positions::None)
    return next;
  for (auto [row, position] : llvm::enumerate(next)) {
    if (position < 1)
      return failEntry(entry,
                       "row " + Twine(row) +
                           " has seen no token yet; run the entry point that "
                           "sets positions (prefill) first");
    if (maxSequence && position >= *maxSequence)
      return failEntry(entry, "row " + Twine(row) + " has seen " +
                                  Twine(position) +
                                  " tokens and cannot take 1 more: the model's "
                                  "longest sequence is " +
                                  Twine(*maxSequence));
    ++position;
  }
  return next;
}

//===----------------------------------------------------------------------===//
// States
//===----------------------------------------------------------------------===//

/// The shape of a state of `rows` sequences. A cache has room for the tokens
/// before the TransPoint, at most for the longest sequence.
static Expected<Shape> stateShape(const Interpreter &interpreter,
                                  StateTypeInterface type, int64_t rows) {
  Shape shape(type.getShape());
  if (llvm::isa<KVCacheType>(type)) {
    Expected<int64_t> capacity = interpreter.transpoint(type.getLayer());
    if (!capacity)
      return capacity.takeError();
    if (std::optional<int64_t> longest = interpreter.maxSequence())
      *capacity = std::min(*capacity, *longest);
    shape = {2, shape[0], *capacity, shape[1]};
  }
  shape.insert(shape.begin(), rows);
  return shape;
}

/// NaN into what a call must not read.
static void poisonState(const EntryPoint &entry, StateTypeInterface type,
                        const std::vector<int64_t> &positions,
                        FloatTensor &state) {
  if (entry.positions == EntryPoint::Positions::Set) {
    std::fill(state.values().begin(), state.values().end(), undefinedFloat);
    return;
  }
  if (!llvm::isa<KVCacheType>(type))
    return;
  for (int64_t b = 0; b < state.dim(0); ++b)
    for (int64_t part = 0; part < 2; ++part)
      for (int64_t h = 0; h < state.dim(2); ++h)
        for (int64_t slot = positions[b]; slot < state.dim(3); ++slot)
          std::fill_n(&state(b, part, h, slot, 0), state.dim(4),
                      undefinedFloat);
}

/// Writes the rows of `next` over the first ones of `state`, which has rank 0
/// where no call has had it before.
static Error storeState(const EntryPoint &entry, llvm::StringRef name,
                        const FloatTensor &next, int64_t rows,
                        FloatTensor &state) {
  Shape shape(next.shape());
  shape[0] = rows;
  if (state.rank() == 0) {
    Expected<FloatTensor> zeros = FloatTensor::create(shape);
    if (!zeros)
      return zeros.takeError();
    state = std::move(*zeros);
  }
  if (next.dim(0) > rows || state.shape() != llvm::ArrayRef<int64_t>(shape))
    return failEntry(entry, "the state '" + name + "' comes out as " +
                                shapeText(next.shape()) + " where it is " +
                                shapeText(state.shape()));
  std::copy(next.values().begin(), next.values().end(), state.values().begin());
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

Expected<NamedValues> Session::run(llvm::StringRef entryName,
                                   const NamedValues &given) {
  Expected<EntryPoint> entry = findEntry(interpreter, entryName);
  if (!entry)
    return entry.takeError();
  Symbols symbols;
  Expected<std::vector<std::optional<Value>>> inputs =
      bindInputs(*entry, interpreter, given, symbols);
  if (!inputs)
    return inputs.takeError();

  // Rows and positions.
  const int64_t batch = batchOf(symbols, *inputs);
  std::vector<int64_t> positions = rowPositions;
  if (entry->hasState()) {
    if (positions.empty()) {
      const int64_t rows = options.rows.value_or(batch);
      const int64_t most = interpreter.maxBatch().value_or(1 << 16);
      if (rows < 1 || rows > most)
        return failEntry(*entry, "a session has 1 to " + Twine(most) +
                                     " rows, not " + Twine(rows));
      positions.assign(rows, 0);
    }
    const int64_t rows = static_cast<int64_t>(positions.size());
    if (batch > rows ||
        (entry->positions != EntryPoint::Positions::None && batch != rows))
      return failEntry(*entry, "the inputs have " + Twine(batch) +
                                   " rows, but the session has " + Twine(rows));
  }
  const IntTensor *lengths = nullptr;
  for (auto [argument, input] : llvm::zip(entry->arguments, *inputs))
    if (argument.kind == EntryArgument::Kind::Lengths)
      lengths = &input->integers();
  Expected<std::vector<int64_t>> next =
      nextPositions(*entry, positions, lengths, interpreter.maxSequence());
  if (!next)
    return next.takeError();

  // Arguments.
  std::map<std::string, FloatTensor> states = rowStates;
  std::vector<Value> arguments;
  for (auto [argument, input] : llvm::zip(entry->arguments, *inputs)) {
    if (input) {
      arguments.push_back(*input);
    } else if (argument.kind == EntryArgument::Kind::Positions) {
      arguments.push_back(Value(
          IntTensor({batch}, std::vector<int64_t>(positions.begin(),
                                                  positions.begin() + batch))));
    } else if (argument.kind == EntryArgument::Kind::Parameter) {
      Expected<Value> parameter = interpreter.parameter(argument.name);
      if (!parameter)
        return parameter.takeError();
      arguments.push_back(*parameter);
    } else {
      auto type = llvm::cast<StateTypeInterface>(argument.type);
      auto [state, isNew] = states.try_emplace(argument.name);
      if (isNew) {
        Expected<Shape> shape = stateShape(interpreter, type, positions.size());
        if (!shape)
          return shape.takeError();
        Expected<FloatTensor> zeros = FloatTensor::create(*shape);
        if (!zeros)
          return zeros.takeError();
        state->second = std::move(*zeros);
      }
      if (options.poison)
        poisonState(*entry, type, positions, state->second);
      arguments.push_back(Value(takeRows(state->second, batch)));
    }
  }

  Expected<std::vector<Value>> results =
      interpreter.call(entry->name, arguments);
  if (!results)
    return results.takeError();

  // Results, and the new states in place of the first rows of the old ones.
  NamedValues outputs;
  for (auto [result, value] : llvm::zip(entry->results, *results)) {
    if (!result.isState)
      outputs[result.name] = value;
    else if (Error error = storeState(*entry, result.name, value.floats(),
                                      positions.size(), states[result.name]))
      return std::move(error);
  }
  rowStates = std::move(states);
  rowPositions = std::move(*next);
  return outputs;
}
