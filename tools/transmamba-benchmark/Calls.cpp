//===- Calls.cpp - What is measured -----------------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Calls.h"

#include "transmamba-run/Failure.h"
#include "transmamba/Package/CheckedMath.h"

#include <algorithm>
#include <cstring>

namespace transmamba::benchmark {

using package::Bindings;
using package::EntryPoint;
using package::Input;
using package::NpyArray;
using run::failUsage;

/// Made-up tensors are no larger than this.
static constexpr int64_t maxElements = int64_t(1) << 32;

Bindings parseShape(const std::string &text) {
  Bindings shape;
  for (size_t start = 0; start <= text.size();) {
    size_t comma = std::min(text.find(',', start), text.size());
    run::NamedValue pair =
        run::parseNamedValue(text.substr(start, comma - start), "--shape");
    if (pair.value.size() > 18 ||
        pair.value.find_first_not_of("0123456789") != std::string::npos)
      failUsage("--shape: '" + pair.value + "' is not a size");
    for (const auto &[name, value] : shape)
      if (name == pair.name)
        failUsage("--shape gives '" + name + "' twice");
    shape.emplace_back(pair.name, std::stoll(pair.value));
    start = comma + 1;
  }
  return shape;
}

static const int64_t *find(const Bindings &bindings, const std::string &name) {
  for (const auto &binding : bindings)
    if (binding.first == name)
      return &binding.second;
  return nullptr;
}

static std::string inputNames(const EntryPoint &entry) {
  std::string names;
  for (const Input &input : entry.inputs)
    if (input.role != Input::Role::Positions)
      names += (names.empty() ? "" : ", ") + input.name;
  return names;
}

static Bindings bindSymbols(const EntryPoint &entry, const Bindings &shape,
                            const std::vector<run::NamedArray> &given) {
  Bindings symbols;
  for (const package::Symbol &symbol : entry.symbols) {
    const int64_t *wanted = find(shape, symbol.name);
    std::optional<int64_t> value;
    if (wanted)
      value = *wanted;
    for (const run::NamedArray &input : given) {
      size_t dim = static_cast<size_t>(symbol.dim);
      if (input.name != symbol.input || dim >= input.array.shape.size())
        continue;
      int64_t extent = input.array.shape[dim];
      if (wanted && extent != *wanted)
        failUsage("--shape says " + symbol.name + "=" +
                  std::to_string(*wanted) + ", but dimension " +
                  std::to_string(dim) + " of the input '" + input.name +
                  "' is " + std::to_string(extent));
      value = extent;
    }
    std::string about = symbol.name + ", dimension " +
                        std::to_string(symbol.dim) + " of the input '" +
                        symbol.input + "' of '" + entry.name + "'";
    if (!value)
      failUsage("which size? give --shape " + symbol.name + "=N for " + about +
                " (1 to " + std::to_string(symbol.max) + ")");
    if (*value < 1 || *value > symbol.max)
      failUsage(about + ", is " + std::to_string(*value) + "; it lies in [1, " +
                std::to_string(symbol.max) + "]");
    symbols.emplace_back(symbol.name, *value);
  }
  return symbols;
}

static std::vector<int64_t> shapeOf(const Input &input,
                                    const Bindings &symbols) {
  std::vector<int64_t> shape;
  for (const package::Expression &extent : input.shape)
    shape.push_back(run::unwrap(extent.evaluateSize(symbols)));
  std::optional<int64_t> count = package::checkedElementCount(shape);
  if (!count || *count > maxElements)
    failUsage("the input '" + input.name + "' has more than 2^32 elements");
  return shape;
}

/// Lengths that use each row up.
static NpyArray fullLengths(const package::Manifest &manifest,
                            const EntryPoint &entry, const Input &input,
                            const Bindings &symbols) {
  int64_t longest = manifest.model.maxSequence;
  for (const Input &other : entry.inputs)
    if (other.valid == input.name)
      longest = std::min(longest, shapeOf(other, symbols)[1]);
  NpyArray array;
  array.type = package::ElementType::I64;
  array.shape = shapeOf(input, symbols);
  std::vector<int64_t> lengths(static_cast<size_t>(array.shape[0]), longest);
  array.data.resize(lengths.size() * sizeof(int64_t));
  if (!lengths.empty())
    std::memcpy(array.data.data(), lengths.data(), array.data.size());
  return run::unwrap(package::convert(array, input.type, input.name));
}

static NpyArray makeUp(const package::Manifest &manifest,
                       const EntryPoint &entry, const Input &input,
                       const Bindings &symbols, std::mt19937_64 &random) {
  if (input.role == Input::Role::Lengths)
    return fullLengths(manifest, entry, input, symbols);
  std::string extents;
  for (int64_t extent : shapeOf(input, symbols))
    extents += (extents.empty() ? "" : ",") + std::to_string(extent);
  return run::makeTensor(input, "random[" + extents + "]", random);
}

Call makeCall(const package::Manifest &manifest, const EntryPoint &entry,
              const Bindings &shape, const std::vector<run::NamedValue> &given,
              std::mt19937_64 &random) {
  Call call;
  call.entry = &entry;
  for (const run::NamedValue &value : given) {
    auto input = std::find_if(entry.inputs.begin(), entry.inputs.end(),
                              [&](const Input &candidate) {
                                return candidate.name == value.name &&
                                       candidate.role != Input::Role::Positions;
                              });
    if (input == entry.inputs.end())
      failUsage("the entry point '" + entry.name + "' has no input '" +
                value.name + "'; it has " + inputNames(entry));
    for (const run::NamedArray &other : call.inputs)
      if (other.name == value.name)
        failUsage("--input gives '" + value.name + "' twice");
    call.inputs.push_back(
        {value.name, run::makeTensor(*input, value.value, random)});
  }
  call.symbols = bindSymbols(entry, shape, call.inputs);
  for (const Input &input : entry.inputs) {
    bool known = std::any_of(
        call.inputs.begin(), call.inputs.end(),
        [&](const run::NamedArray &other) { return other.name == input.name; });
    if (!known && input.role != Input::Role::Positions)
      call.inputs.push_back(
          {input.name, makeUp(manifest, entry, input, call.symbols, random)});
  }
  return call;
}

void WorkSum::add(const WorkSum &other) {
  flop += other.flop;
  bytes += other.bytes;
  withFlop += other.withFlop;
  withBytes += other.withBytes;
  commands += other.commands;
}

std::vector<ActiveCommand> activeCommands(const Call &call,
                                          int64_t multiprocessors) {
  Bindings bindings = call.symbols;
  bindings.emplace_back(package::multiprocessorsSymbol, multiprocessors);
  std::vector<ActiveCommand> result;
  for (const package::Command &command : call.entry->commands) {
    bool empty = false;
    for (const package::Expression &extent : command.grid)
      empty |= run::unwrap(extent.evaluateSize(bindings)) == 0;
    if (empty)
      continue;
    WorkSum work;
    work.commands = 1;
    if (command.work.flop) {
      work.flop = static_cast<double>(
          run::unwrap(command.work.flop->evaluateSize(bindings)));
      work.withFlop = 1;
    }
    if (command.work.bytes) {
      work.bytes = static_cast<double>(
          run::unwrap(command.work.bytes->evaluateSize(bindings)));
      work.withBytes = 1;
    }
    result.push_back({&command, work});
  }
  return result;
}

} // namespace transmamba::benchmark
