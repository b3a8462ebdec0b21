//===- Session.cpp - A package on a device, with state --------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Session.h"

#include "Failure.h"
#include "transmamba/Package/CheckedMath.h"

#include <algorithm>
#include <cstring>

namespace transmamba::runtime {

using package::EntryPoint;
using package::Expression;
using package::Input;
using package::PositionRule;

/// Plans of this many different sizes are kept.
static constexpr size_t maxPlans = 64;

Session::Session(std::shared_ptr<Device> device,
                 std::shared_ptr<Program> loaded, int64_t rows,
                 const ExecutorOptions &options)
    : device(std::move(device)), program(std::move(loaded)), rowCount(rows),
      profiling(options.profile) {
  int64_t maxBatch = program->package().manifest().model.maxBatch;
  if (rows < 1 || rows > maxBatch)
    fail(TM_INVALID_ARGUMENT, "a session of this model has 1 to " +
                                  std::to_string(maxBatch) + " rows, not " +
                                  std::to_string(rows));
  rowPositions.assign(static_cast<size_t>(rows), 0);
  executor = program->createExecutor(rows, options);
}

void Session::fail(tm_status status, const std::string &message) const {
  throw Failure(status, program->package().path(), message);
}

void Session::fail(tm_status status, const EntryPoint &entry,
                   const std::string &message) const {
  fail(status, "entry point " + inQuotes(entry.name) + ": " + message);
}

void Session::requireUsable() const {
  if (!broken.empty())
    fail(TM_DEVICE_ERROR,
         "the session cannot be used any more, because the device failed "
         "before (" +
             broken + "); create a new one");
}

static std::string shapeText(const int64_t *shape, size_t rank) {
  std::string text = "[";
  for (size_t i = 0; i < rank; ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

static std::string shapeText(const std::vector<int64_t> &shape) {
  return shapeText(shape.data(), shape.size());
}

/// The names of a list, for "there are ...".
template <typename T> static std::string nameList(const std::vector<T> &items) {
  std::string text;
  for (const T &item : items)
    text += (text.empty() ? "" : ", ") + item.name;
  return text.empty() ? "none" : text;
}

static tm_type toC(package::ElementType type) {
  return static_cast<tm_type>(type);
}

static void fillTensor(tm_tensor &tensor, const std::string &name,
                       package::ElementType type,
                       const std::vector<int64_t> &shape) {
  tensor.name = name.c_str();
  tensor.type = toC(type);
  tensor.rank = static_cast<int32_t>(shape.size());
  for (size_t i = 0; i < TM_MAX_RANK; ++i)
    tensor.shape[i] = i < shape.size() ? shape[i] : 0;
}

//===----------------------------------------------------------------------===//
// Binding
//===----------------------------------------------------------------------===//

const EntryPoint &Session::findEntry(std::string_view name) const {
  for (const EntryPoint &entry : program->variant().entries)
    if (entry.name == name)
      return entry;
  fail(TM_INVALID_ARGUMENT, "there is no entry point " + inQuotes(name) +
                                "; there are " +
                                nameList(program->variant().entries));
}

/// Finds the caller's tensor for each input, and checks name, type and rank.
Session::InputList Session::matchInputs(const EntryPoint &entry,
                                        const tm_tensor *inputs,
                                        size_t count) const {
  if (count != 0 && !inputs)
    fail(TM_INVALID_ARGUMENT, entry, "the list of inputs is null");
  InputList list(entry.inputs.size(), nullptr);
  for (size_t i = 0; i < count; ++i) {
    const tm_tensor &tensor = inputs[i];
    if (!tensor.name)
      fail(TM_INVALID_ARGUMENT, entry,
           "input " + std::to_string(i) + " has no name");
    size_t index = 0;
    while (index < list.size() && entry.inputs[index].name != tensor.name)
      ++index;
    if (index == list.size())
      fail(TM_INVALID_ARGUMENT, entry,
           "there is no input " + inQuotes(tensor.name) + "; there are " +
               nameList(entry.inputs));
    const Input &input = entry.inputs[index];
    if (input.role == Input::Role::Positions)
      fail(TM_INVALID_ARGUMENT, entry,
           "the session keeps the positions itself; leave " +
               inQuotes(input.name) + " out");
    if (list[index])
      fail(TM_INVALID_ARGUMENT, entry,
           "the input " + inQuotes(input.name) + " is given twice");
    if (tensor.type != toC(input.type))
      fail(TM_INVALID_ARGUMENT, entry,
           "the input " + inQuotes(input.name) + " is " +
               tm_type_name(tensor.type) + ", expected " +
               std::string(package::name(input.type)));
    if (tensor.rank < 0 ||
        static_cast<size_t>(tensor.rank) != input.shape.size())
      fail(TM_INVALID_ARGUMENT, entry,
           "the input " + inQuotes(input.name) + " has " +
               std::to_string(tensor.rank) + " dimensions, expected " +
               std::to_string(input.shape.size()));
    list[index] = &tensor;
  }
  for (size_t i = 0; i < list.size(); ++i)
    if (!list[i] && entry.inputs[i].role != Input::Role::Positions)
      fail(TM_INVALID_ARGUMENT, entry,
           "the input " + inQuotes(entry.inputs[i].name) + " is missing");
  return list;
}

package::Bindings Session::bindSymbols(const EntryPoint &entry,
                                       const InputList &inputs) const {
  package::Bindings symbols;
  for (const package::Symbol &symbol : entry.symbols) {
    size_t index = 0;
    while (entry.inputs[index].name != symbol.input)
      ++index;
    int64_t value = inputs[index]->shape[symbol.dim];
    if (value < 1 || value > symbol.max)
      fail(TM_INVALID_ARGUMENT, entry,
           symbol.name + ", dimension " + std::to_string(symbol.dim) +
               " of the input " + inQuotes(symbol.input) + ", is " +
               std::to_string(value) + "; it lies in [1, " +
               std::to_string(symbol.max) + "]");
    symbols.emplace_back(symbol.name, value);
  }
  return symbols;
}

/// The plan for the sizes of these inputs, all of whose shapes have been
/// checked.
const Plan &Session::planFor(const EntryPoint &entry, const InputList &inputs) {
  package::Bindings symbols = bindSymbols(entry, inputs);
  auto plan = std::find_if(plans.begin(), plans.end(), [&](const Plan &p) {
    return p.entry == &entry && p.symbols == symbols;
  });
  if (plan != plans.end()) {
    plans.splice(plans.begin(), plans, plan);
  } else {
    const package::Package &package = program->package();
    PlanSource source{
        package.manifest(), program->variant(),         entry,
        rowCount,           program->multiprocessors(), package.path()};
    plans.push_front(makePlan(source, std::move(symbols)));
    plans.front().id = planCount++;
    if (plans.size() > maxPlans) {
      if (lastPlan == &plans.back())
        lastPlan = nullptr;
      plans.pop_back();
    }
  }
  const Plan &found = plans.front();
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i])
      continue;
    const std::vector<int64_t> &expected = found.inputs[i].shape;
    if (!std::equal(expected.begin(), expected.end(), inputs[i]->shape))
      fail(TM_INVALID_ARGUMENT, entry,
           "the input " + inQuotes(entry.inputs[i].name) + " has the shape " +
               shapeText(inputs[i]->shape, expected.size()) + ", expected " +
               shapeText(expected));
  }
  return found;
}

std::vector<const tm_tensor *> Session::matchOutputs(const Plan &plan,
                                                     const tm_tensor *outputs,
                                                     size_t count) const {
  const EntryPoint &entry = *plan.entry;
  if (count != 0 && !outputs)
    fail(TM_INVALID_ARGUMENT, entry, "the list of outputs is null");
  std::vector<const tm_tensor *> list(entry.outputs.size(), nullptr);
  for (size_t i = 0; i < count; ++i) {
    const tm_tensor &tensor = outputs[i];
    if (!tensor.name)
      fail(TM_INVALID_ARGUMENT, entry,
           "output " + std::to_string(i) + " has no name");
    size_t index = 0;
    while (index < list.size() && entry.outputs[index].name != tensor.name)
      ++index;
    if (index == list.size())
      fail(TM_INVALID_ARGUMENT, entry,
           "there is no output " + inQuotes(tensor.name) + "; there are " +
               nameList(entry.outputs));
    if (list[index])
      fail(TM_INVALID_ARGUMENT, entry,
           "the output " + inQuotes(tensor.name) + " is given twice");
    const PlanTensor &expected = plan.outputs[index];
    bool sameShape =
        tensor.rank >= 0 &&
        static_cast<size_t>(tensor.rank) == expected.shape.size() &&
        std::equal(expected.shape.begin(), expected.shape.end(), tensor.shape);
    if (tensor.type != toC(expected.type) || !sameShape)
      fail(TM_INVALID_ARGUMENT, entry,
           "the output " + inQuotes(tensor.name) + " is " +
               std::string(package::name(expected.type)) + " " +
               shapeText(expected.shape) +
               "; the tensor given for it has another type or shape");
    if (!tensor.data && expected.bytes != 0)
      fail(TM_INVALID_ARGUMENT, entry,
           "the output " + inQuotes(tensor.name) + " has no memory");
    list[index] = &tensor;
  }
  return list;
}

//===----------------------------------------------------------------------===//
// Rows and positions
//===----------------------------------------------------------------------===//

/// The rows that a call touches fit into the session.
void Session::checkBatch(const Plan &plan) const {
  const EntryPoint &entry = *plan.entry;
  bool moves = entry.positions.kind != PositionRule::Kind::None;
  if (!moves && !entry.usesRowState(states()))
    return;
  // Validation has made sure that there is a B.
  int64_t batch = *Expression("B").evaluate(plan.symbols);
  if (batch > rowCount || (moves && batch != rowCount))
    fail(TM_INVALID_ARGUMENT, entry,
         "the inputs have " + std::to_string(batch) +
             " rows, but the session has " + std::to_string(rowCount));
}

/// Reads the lengths in `tensor`, the caller's for input `index`, and checks
/// that they lie in [1, T], T being dimension 1 of the inputs they belong to.
std::vector<int64_t> Session::checkedLengths(const Plan &plan, size_t index,
                                             const tm_tensor &tensor) const {
  const EntryPoint &entry = *plan.entry;
  const Input &input = entry.inputs[index];
  int64_t longest = program->package().manifest().model.maxSequence;
  for (size_t i = 0; i < entry.inputs.size(); ++i)
    if (entry.inputs[i].valid == input.name)
      longest = std::min(longest, plan.inputs[i].shape[1]);
  std::vector<int64_t> lengths;
  for (int64_t row = 0; row < plan.inputs[index].shape[0]; ++row) {
    int64_t length = package::loadAsInteger(input.type, tensor.data,
                                            static_cast<uint64_t>(row));
    if (length < 1 || length > longest)
      fail(TM_INVALID_ARGUMENT, entry,
           "the length of row " + std::to_string(row) + " in " +
               inQuotes(input.name) + " is " + std::to_string(length) +
               "; it lies in [1, " + std::to_string(longest) + "]");
    lengths.push_back(length);
  }
  return lengths;
}

/// The positions after the call; a failure where the present ones do not allow
/// it.
std::vector<int64_t> Session::nextPositions(const Plan &plan,
                                            const InputList &inputs) const {
  const EntryPoint &entry = *plan.entry;
  if (entry.positions.kind == PositionRule::Kind::None)
    return rowPositions;
  if (entry.positions.kind == PositionRule::Kind::Set) {
    // Validation has made sure that there is this input.
    size_t index = 0;
    while (entry.inputs[index].name != entry.positions.input)
      ++index;
    return checkedLengths(plan, index, *inputs[index]);
  }
  int64_t maxSequence = program->package().manifest().model.maxSequence;
  std::vector<int64_t> next = rowPositions;
  for (size_t row = 0; row < next.size(); ++row) {
    if (next[row] < 1)
      fail(TM_BAD_STATE, entry,
           "row " + std::to_string(row) +
               " has seen no token yet; run the entry point that sets "
               "positions (prefill) first");
    if (next[row] > maxSequence - entry.positions.amount)
      fail(TM_BAD_STATE, entry,
           "row " + std::to_string(row) + " has seen " +
               std::to_string(next[row]) + " tokens and cannot take " +
               std::to_string(entry.positions.amount) +
               " more: the model's longest sequence is " +
               std::to_string(maxSequence));
    next[row] += entry.positions.amount;
  }
  return next;
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

template <typename T>
static void storeAs(uint8_t *target, uint64_t index, T value) {
  std::memcpy(target + index * sizeof(T), &value, sizeof(T));
}

/// Writes an integer that fits the type.
static void storeInteger(package::ElementType type, uint8_t *target,
                         uint64_t index, int64_t value) {
  if (type == package::ElementType::I8)
    storeAs(target, index, static_cast<int8_t>(value));
  else if (type == package::ElementType::I32)
    storeAs(target, index, static_cast<int32_t>(value));
  else
    storeAs(target, index, value);
}

void Session::stagePositions(const PlanTensor &tensor, uint8_t *target) const {
  for (size_t row = 0; row < rowPositions.size(); ++row)
    storeInteger(tensor.type, target, row, rowPositions[row]);
}

/// Copies input `index` to `target`. Integers with a range are checked; those
/// beyond the length of their row are replaced, so that no kernel ever sees an
/// index outside its table.
void Session::stageInput(const Plan &plan, size_t index,
                         const InputList &inputs, uint8_t *target) const {
  const EntryPoint &entry = *plan.entry;
  const Input &input = entry.inputs[index];
  const PlanTensor &tensor = plan.inputs[index];
  if (tensor.bytes == 0)
    return;
  std::memcpy(target, inputs[index]->data, tensor.bytes);
  if (input.role == Input::Role::Lengths)
    checkedLengths(plan, index, *inputs[index]);
  if (!input.range)
    return;
  auto [low, high] = *input.range;
  uint64_t count = tensor.bytes / package::byteSize(tensor.type);
  uint64_t rowCount = input.valid.empty() ? 1 : tensor.shape[0];
  uint64_t rowElements = count / rowCount;
  std::vector<int64_t> lengths;
  if (!input.valid.empty()) {
    size_t lengthsIndex = 0;
    while (entry.inputs[lengthsIndex].name != input.valid)
      ++lengthsIndex;
    lengths = checkedLengths(plan, lengthsIndex, *inputs[lengthsIndex]);
  }
  for (uint64_t row = 0; row < rowCount; ++row) {
    // checkedLengths has bounded lengths[row] by tensor.shape[1].
    uint64_t valid = lengths.empty() ? rowElements
                                     : rowElements / tensor.shape[1] *
                                           static_cast<uint64_t>(lengths[row]);
    for (uint64_t i = row * rowElements; i < row * rowElements + valid; ++i) {
      int64_t value = package::loadAsInteger(tensor.type, target, i);
      if (value < low || value >= high)
        fail(TM_INVALID_ARGUMENT, entry,
             "element " + std::to_string(i) + " of the input " +
                 inQuotes(input.name) + " is " + std::to_string(value) +
                 "; it lies in [" + std::to_string(low) + ", " +
                 std::to_string(high) + ")");
    }
    for (uint64_t i = row * rowElements + valid; i < (row + 1) * rowElements;
         ++i)
      storeInteger(tensor.type, target, i, low);
  }
}

/// Copies the inputs, but for those that are in the device's memory.
void Session::stageInputs(const Plan &plan, const InputList &inputs,
                          const CallerMemory *memory, uint8_t *block) const {
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (memory && memory->inputs[i] != 0)
      continue;
    uint8_t *target = block + plan.inputs[i].offset;
    if (inputs[i])
      stageInput(plan, i, inputs, target);
    else
      stagePositions(plan.inputs[i], target);
  }
}

void Session::requireData(const Plan &plan, const InputList &inputs) const {
  for (size_t i = 0; i < inputs.size(); ++i)
    if (inputs[i] && !inputs[i]->data && plan.inputs[i].bytes != 0)
      fail(TM_INVALID_ARGUMENT, *plan.entry,
           "the input " + inQuotes(plan.entry->inputs[i].name) +
               " has no data");
}

void Session::invoke(std::string_view name, const tm_tensor *inputTensors,
                     size_t inputCount, const tm_tensor *outputTensors,
                     size_t outputCount) {
  requireUsable();
  const EntryPoint &entry = findEntry(name);
  InputList inputs = matchInputs(entry, inputTensors, inputCount);
  const Plan &plan = planFor(entry, inputs);
  requireData(plan, inputs);
  std::vector<const tm_tensor *> outputs =
      matchOutputs(plan, outputTensors, outputCount);
  checkBatch(plan);
  std::vector<int64_t> next = nextPositions(plan, inputs);
  std::vector<bool> wanted;
  for (const tm_tensor *output : outputs)
    wanted.push_back(output != nullptr);
  const uint8_t *results;
  try {
    stageInputs(plan, inputs, nullptr, executor->inputStaging(plan.inputBytes));
    lastPlan = nullptr;
    results = executor->run(plan, wanted);
  } catch (const Failure &failure) {
    if (failure.status == TM_DEVICE_ERROR)
      broken = failure.error.what();
    throw;
  }
  lastPlan = &plan;
  for (size_t i = 0; i < outputs.size(); ++i)
    if (outputs[i] && plan.outputs[i].bytes != 0)
      std::memcpy(outputs[i]->data, results + plan.outputs[i].offset,
                  plan.outputs[i].bytes);
  rowPositions = std::move(next);
}

//===----------------------------------------------------------------------===//
// Running on a stream of the caller
//===----------------------------------------------------------------------===//

/// The address of a tensor in the device's memory; 0 where it is the host's.
uint64_t Session::deviceAddress(const EntryPoint &entry,
                                const std::string &name,
                                const tm_tensor &tensor) const {
  Place place = executor->placeOf(tensor.data);
  if (place == Place::Host)
    return 0;
  if (place == Place::OtherDevice)
    fail(TM_INVALID_ARGUMENT, entry,
         inQuotes(name) + " lies in the memory of another GPU");
  uint64_t address = reinterpret_cast<uint64_t>(tensor.data);
  if (address % package::dataAlignment)
    fail(TM_INVALID_ARGUMENT, entry,
         "the address of " + inQuotes(name) + " on the GPU is not a multiple " +
             "of " + std::to_string(package::dataAlignment));
  return address;
}

/// Finds out what lies in the device's memory, and checks that it may.
CallerMemory
Session::placeTensors(const Plan &plan, const InputList &inputs,
                      const std::vector<const tm_tensor *> &outputs) const {
  const EntryPoint &entry = *plan.entry;
  CallerMemory memory;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Input &input = entry.inputs[i];
    bool given = inputs[i] && plan.inputs[i].bytes != 0;
    memory.inputs.push_back(given ? deviceAddress(entry, input.name, *inputs[i])
                                  : 0);
    if (memory.inputs[i] != 0 &&
        (input.range || input.role == Input::Role::Lengths))
      fail(TM_INVALID_ARGUMENT, entry,
           "the values of the input " + inQuotes(input.name) +
               " must be checked; hand it in in host memory");
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    bool given = outputs[i] && plan.outputs[i].bytes != 0;
    const std::string &name = entry.outputs[i].name;
    memory.outputs.push_back(given ? deviceAddress(entry, name, *outputs[i])
                                   : 0);
    if (given && memory.outputs[i] == 0)
      fail(TM_INVALID_ARGUMENT, entry,
           "the output " + inQuotes(name) +
               " lies in host memory; a call that does not wait writes to the "
               "GPU's (tm_session_invoke writes to the host's)");
  }
  auto requireApart = [&](size_t output, uint64_t address, uint64_t bytes,
                          const std::string &name) {
    uint64_t start = memory.outputs[output];
    if (start != 0 && address != 0 && start < address + bytes &&
        address < start + plan.outputs[output].bytes)
      fail(TM_INVALID_ARGUMENT, entry,
           "the output " + inQuotes(entry.outputs[output].name) +
               " overlaps with " + inQuotes(name));
  };
  for (size_t i = 0; i < outputs.size(); ++i) {
    for (size_t j = 0; j < inputs.size(); ++j)
      requireApart(i, memory.inputs[j], plan.inputs[j].bytes,
                   entry.inputs[j].name);
    for (size_t j = i + 1; j < outputs.size(); ++j)
      requireApart(i, memory.outputs[j], plan.outputs[j].bytes,
                   entry.outputs[j].name);
  }
  return memory;
}

void Session::enqueue(std::string_view name, const tm_tensor *inputTensors,
                      size_t inputCount, const tm_tensor *outputTensors,
                      size_t outputCount, void *stream) {
  if (!executor->hasStreams()) {
    if (stream)
      fail(TM_INVALID_ARGUMENT, "a processor has no streams; pass null");
    return invoke(name, inputTensors, inputCount, outputTensors, outputCount);
  }
  requireUsable();
  const EntryPoint &entry = findEntry(name);
  InputList inputs = matchInputs(entry, inputTensors, inputCount);
  const Plan &plan = planFor(entry, inputs);
  requireData(plan, inputs);
  std::vector<const tm_tensor *> outputs =
      matchOutputs(plan, outputTensors, outputCount);
  checkBatch(plan);
  // Before any value is looked at, which may not be possible.
  CallerMemory memory = placeTensors(plan, inputs, outputs);
  if (executor->isCapturing(stream)) {
    if (entry.positions.kind != PositionRule::Kind::None)
      fail(TM_BAD_STATE, entry,
           "moves the positions of the session, which a captured graph would "
           "not do again");
    for (size_t i = 0; i < inputs.size(); ++i)
      if (plan.inputs[i].bytes != 0 && memory.inputs[i] == 0)
        fail(TM_BAD_STATE, entry,
             "the input " + inQuotes(entry.inputs[i].name) +
                 " is in host memory, which a captured graph would not read "
                 "again");
  }
  std::vector<int64_t> next = nextPositions(plan, inputs);
  try {
    stageInputs(plan, inputs, &memory,
                executor->enqueueStaging(plan.inputBytes));
    lastPlan = nullptr;
    executor->enqueue(plan, memory, stream);
  } catch (const Failure &failure) {
    if (failure.status == TM_DEVICE_ERROR)
      broken = failure.error.what();
    throw;
  }
  lastPlan = &plan;
  rowPositions = std::move(next);
}

void Session::outputShape(std::string_view name, const tm_tensor *inputs,
                          size_t inputCount, std::string_view output,
                          tm_tensor &result) {
  const EntryPoint &entry = findEntry(name);
  const Plan &plan = planFor(entry, matchInputs(entry, inputs, inputCount));
  for (size_t i = 0; i < entry.outputs.size(); ++i)
    if (entry.outputs[i].name == output)
      return fillTensor(result, entry.outputs[i].name, plan.outputs[i].type,
                        plan.outputs[i].shape);
  fail(TM_INVALID_ARGUMENT, entry,
       "there is no output " + inQuotes(output) + "; there are " +
           nameList(entry.outputs));
}

void Session::reset() {
  requireUsable();
  executor->clearStates();
  std::fill(rowPositions.begin(), rowPositions.end(), 0);
}

//===----------------------------------------------------------------------===//
// States and times
//===----------------------------------------------------------------------===//

void Session::describeState(size_t index, tm_tensor &result) const {
  if (index >= states().size())
    fail(TM_INVALID_ARGUMENT, "there is no state " + std::to_string(index) +
                                  "; there are " +
                                  std::to_string(states().size()));
  const package::State &state = states()[index];
  std::vector<int64_t> shape = state.rowShape;
  if (!state.isWorkspace())
    shape.insert(shape.begin(), rowCount);
  fillTensor(result, state.name, state.type, shape);
}

/// The index of a state, whose size must be `size`.
size_t Session::findState(std::string_view name, size_t size) const {
  for (size_t i = 0; i < states().size(); ++i) {
    if (states()[i].name != name)
      continue;
    uint64_t expected = states()[i].bytes(rowCount);
    if (size != expected)
      fail(TM_INVALID_ARGUMENT, "the state " + inQuotes(name) + " has " +
                                    std::to_string(expected) + " bytes, not " +
                                    std::to_string(size));
    return i;
  }
  fail(TM_INVALID_ARGUMENT, "there is no state " + inQuotes(name) +
                                "; there are " + nameList(states()));
}

void Session::readState(std::string_view name, void *data, size_t size) {
  requireUsable();
  executor->readState(findState(name, size), data);
}

void Session::writeState(std::string_view name, const void *data, size_t size) {
  requireUsable();
  executor->writeState(findState(name, size), data);
}

std::vector<tm_command_time> Session::profile() const {
  if (!profiling)
    fail(TM_BAD_STATE, "the session does not measure times; create it with "
                       "TM_SESSION_PROFILE");
  std::vector<tm_command_time> result;
  if (!lastPlan)
    return result;
  const std::vector<double> &times = executor->times();
  for (size_t i = 0; i < times.size(); ++i) {
    const PlanCommand &command = lastPlan->commands[i];
    result.push_back({command.description->kernel.c_str(),
                      {command.grid[0], command.grid[1], command.grid[2]},
                      times[i]});
  }
  return result;
}

} // namespace transmamba::runtime
