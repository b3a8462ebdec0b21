//===- EntryPoint.cpp - The arguments of an entry point -------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "EntryPoint.h"

#include "Frame.h"
#include "Rounding.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/StringExtras.h"

using namespace transmamba;
using namespace transmamba::reference;
using llvm::Error;
using llvm::Expected;
using llvm::Twine;

Error transmamba::reference::failEntry(const EntryPoint &entry,
                                       const Twine &message) {
  return fail("entry point '" + entry.name + "': " + message);
}

bool EntryPoint::hasState() const {
  return positions != Positions::None || find(EntryArgument::Kind::State) ||
         find(EntryArgument::Kind::Positions) ||
         llvm::any_of(results,
                      [](const EntryResult &result) { return result.isState; });
}

const EntryArgument *EntryPoint::find(EntryArgument::Kind kind) const {
  for (const EntryArgument &argument : arguments)
    if (argument.kind == kind)
      return &argument;
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

static Error readSymbols(mlir::func::FuncOp function, unsigned index,
                         EntryArgument &argument) {
  auto type = llvm::dyn_cast<mlir::RankedTensorType>(argument.type);
  auto dims = function.getArgAttrOfType<mlir::ArrayAttr>(
      index, TransMambaDialect::kDimsAttr);
  if (!type || !dims)
    return Error::success();
  if (dims.size() != static_cast<size_t>(type.getNumDynamicDims()))
    return fail("argument '" + argument.name +
                "' needs one symbol for each of its dynamic dimensions");
  argument.symbols.resize(type.getRank());
  size_t next = 0;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    if (!type.isDynamicDim(dim))
      continue;
    auto symbol = llvm::dyn_cast<mlir::StringAttr>(dims[next++]);
    if (!symbol)
      return fail("the symbols of argument '" + argument.name +
                  "' must be strings");
    argument.symbols[dim] = symbol.getValue().str();
  }
  return Error::success();
}

static Expected<EntryArgument> readArgument(mlir::func::FuncOp function,
                                            unsigned index) {
  using Kind = EntryArgument::Kind;
  EntryArgument argument;
  argument.type = function.getArgumentTypes()[index];
  auto name = function.getArgAttrOfType<mlir::StringAttr>(
      index, TransMambaDialect::kNameAttr);
  argument.name = name ? name.getValue().str() : ("arg" + Twine(index)).str();

  if (auto parameter = function.getArgAttrOfType<mlir::StringAttr>(
          index, TransMambaDialect::kParameterAttr)) {
    argument.kind = Kind::Parameter;
    argument.name = parameter.getValue().str();
    return argument;
  }
  if (llvm::isa<StateTypeInterface>(argument.type)) {
    argument.kind = Kind::State;
    return argument;
  }
  if (!llvm::isa<mlir::RankedTensorType>(argument.type))
    return fail("argument '" + argument.name +
                "' is neither a tensor nor a state");
  if (Error error = readSymbols(function, index, argument))
    return std::move(error);

  if (auto role = function.getArgAttrOfType<mlir::StringAttr>(
          index, TransMambaDialect::kRoleAttr)) {
    auto type = llvm::cast<mlir::RankedTensorType>(argument.type);
    if (type.getRank() != 1 || !type.getElementType().isSignlessInteger())
      return fail("argument '" + argument.name + "' has the role '" +
                  role.getValue() + "' but is not a list of integers");
    if (role.getValue() == "lengths")
      argument.kind = Kind::Lengths;
    else if (role.getValue() == "positions")
      argument.kind = Kind::Positions;
    else
      return fail("argument '" + argument.name + "' has the unknown role '" +
                  role.getValue() + "'");
  }
  if (auto range = function.getArgAttrOfType<mlir::ArrayAttr>(
          index, TransMambaDialect::kRangeAttr)) {
    auto bound = [&](size_t side) {
      return side < range.size()
                 ? llvm::dyn_cast<mlir::IntegerAttr>(range[side])
                 : mlir::IntegerAttr();
    };
    if (range.size() != 2 || !bound(0) || !bound(1))
      return fail("the range of argument '" + argument.name +
                  "' must be two integers");
    argument.range = {bound(0).getInt(), bound(1).getInt()};
  }
  return argument;
}

/// The states that results are: the one that a result names, else the next
/// argument of the result's type.
static Expected<std::vector<EntryResult>>
readResults(mlir::func::FuncOp function, const EntryPoint &entry) {
  std::vector<EntryResult> results;
  llvm::SmallPtrSet<const EntryArgument *, 8> taken;
  for (auto [index, type] : llvm::enumerate(function.getResultTypes())) {
    EntryResult result;
    result.isState = llvm::isa<StateTypeInterface>(type);
    if (auto name = function.getResultAttrOfType<mlir::StringAttr>(
            index, TransMambaDialect::kNameAttr)) {
      result.name = name.getValue().str();
    } else if (!result.isState) {
      result.name = ("result" + Twine(index)).str();
    } else {
      for (const EntryArgument &argument : entry.arguments)
        if (argument.type == type && taken.insert(&argument).second) {
          result.name = argument.name;
          break;
        }
      if (result.name.empty())
        return fail("result " + Twine(index) +
                    " is a state without 'transmamba.name' that no argument "
                    "stands for");
    }
    if (!llvm::isa<StateTypeInterface, mlir::RankedTensorType>(type))
      return fail("result '" + result.name +
                  "' is neither a tensor nor a "
                  "state");
    results.push_back(std::move(result));
  }
  return results;
}

static Expected<EntryPoint> readAttributes(mlir::func::FuncOp function) {
  EntryPoint entry;
  entry.name = function.getName().str();
  for (unsigned index = 0; index < function.getNumArguments(); ++index) {
    Expected<EntryArgument> argument = readArgument(function, index);
    if (!argument)
      return argument.takeError();
    if (llvm::any_of(entry.arguments, [&](const EntryArgument &other) {
          return other.name == argument->name;
        }))
      return fail("two arguments are called '" + argument->name + "'");
    entry.arguments.push_back(std::move(*argument));
  }
  Expected<std::vector<EntryResult>> results = readResults(function, entry);
  if (!results)
    return results.takeError();
  entry.results = std::move(*results);

  if (auto rule = function->getAttrOfType<mlir::StringAttr>(
          TransMambaDialect::kPositionsAttr)) {
    if (rule.getValue() == "set")
      entry.positions = EntryPoint::Positions::Set;
    else if (rule.getValue() == "advance")
      entry.positions = EntryPoint::Positions::Advance;
    else
      return fail("'transmamba.positions' is \"set\" or \"advance\", not \"" +
                  rule.getValue() + "\"");
  }
  if (entry.positions == EntryPoint::Positions::Set &&
      !entry.find(EntryArgument::Kind::Lengths))
    return fail("it sets positions, but has no input with the role 'lengths'");
  return entry;
}

Expected<EntryPoint>
transmamba::reference::readEntryPoint(mlir::func::FuncOp function) {
  Expected<EntryPoint> entry = readAttributes(function);
  if (entry)
    return entry;
  return fail(describe(function.getLoc()) + ": error: entry point '" +
              function.getName() + "': " + llvm::toString(entry.takeError()));
}

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

static bool isGiven(const EntryArgument &argument) {
  return argument.kind == EntryArgument::Kind::Input ||
         argument.kind == EntryArgument::Kind::Lengths;
}

static Error checkNames(const EntryPoint &entry, const NamedValues &given) {
  for (const auto &[name, value] : given) {
    const EntryArgument *found = nullptr;
    std::vector<std::string> names;
    for (const EntryArgument &argument : entry.arguments) {
      if (argument.name == name)
        found = &argument;
      if (isGiven(argument))
        names.push_back("'" + argument.name + "'");
    }
    if (found && found->kind == EntryArgument::Kind::Positions)
      return failEntry(entry,
                       "the session keeps the positions itself; leave '" +
                           name + "' out");
    if (!found || !isGiven(*found))
      return failEntry(entry, "there is no input '" + name + "'; there are " +
                                  llvm::join(names, ", "));
  }
  return Error::success();
}

/// An input as the compiled model would get it: a tensor of the declared type.
static Expected<Value> roundInput(const EntryPoint &entry,
                                  const EntryArgument &argument,
                                  const Value &value) {
  mlir::Type element =
      llvm::cast<mlir::RankedTensorType>(argument.type).getElementType();
  if (auto type = llvm::dyn_cast<mlir::FloatType>(element);
      type && value.isFloatTensor()) {
    FloatTensor rounded = value.floats();
    roundTo(type, rounded);
    return Value(std::move(rounded));
  }
  if (value.isIntTensor() && element.isSignlessInteger())
    for (int64_t number : value.integers().values())
      if (wrapTo(element, number) != number)
        return failEntry(entry, "the input '" + argument.name + "' holds " +
                                    Twine(number) +
                                    ", which its type cannot hold");
  return value;
}

static Error bindSymbols(const EntryPoint &entry, const EntryArgument &argument,
                         const Interpreter &interpreter, const Value &value,
                         Symbols &symbols) {
  for (auto [dim, symbol] : llvm::enumerate(argument.symbols)) {
    if (symbol.empty())
      continue;
    const int64_t extent = value.shape()[dim];
    std::optional<int64_t> limit;
    if (symbol == "B")
      limit = interpreter.maxBatch();
    else if (symbol == "T")
      limit = interpreter.maxSequence();
    if (extent < 1 || (limit && extent > *limit))
      return failEntry(
          entry, symbol + ", dimension " + Twine(dim) + " of the input '" +
                     argument.name + "', is " + Twine(extent) +
                     (limit ? "; it lies in [1, " + std::to_string(*limit) + "]"
                            : std::string("; it is at least 1")));
    auto [bound, isNew] = symbols.try_emplace(symbol, extent);
    if (!isNew && bound->second != extent)
      return failEntry(entry, symbol + ", dimension " + Twine(dim) +
                                  " of the input '" + argument.name + "', is " +
                                  Twine(extent) + ", but another input has " +
                                  Twine(bound->second));
  }
  return Error::success();
}

/// Lengths lie in [1, T].
static Error checkLengths(const EntryPoint &entry, const std::string &name,
                          const IntTensor &lengths,
                          std::optional<int64_t> longest) {
  for (int64_t row = 0; row < lengths.size(); ++row)
    if (lengths[row] < 1 || (longest && lengths[row] > *longest))
      return failEntry(entry,
                       "the length of row " + Twine(row) + " in '" + name +
                           "' is " + Twine(lengths[row]) + "; it lies in [1, " +
                           (longest ? std::to_string(*longest) : "T") + "]");
  return Error::success();
}

/// The values of an input lie in its range; with lengths, those of the first
/// `lengths[b]` tokens of every row.
static Error checkRange(const EntryPoint &entry, const EntryArgument &argument,
                        const IntTensor &value, const IntTensor *lengths) {
  const int64_t rows = value.rank() == 0 ? 1 : value.dim(0);
  const int64_t rowSize = rows == 0 ? 0 : value.size() / rows;
  for (int64_t row = 0; row < rows; ++row) {
    int64_t valid = rowSize;
    if (lengths && value.rank() >= 2 && value.dim(1) > 0)
      valid = rowSize / value.dim(1) * std::min((*lengths)[row], value.dim(1));
    for (int64_t i = row * rowSize; i < row * rowSize + valid; ++i)
      if (value[i] < argument.range->first ||
          value[i] >= argument.range->second)
        return failEntry(entry, "element " + Twine(i) + " of the input '" +
                                    argument.name + "' is " + Twine(value[i]) +
                                    "; it lies in [" +
                                    Twine(argument.range->first) + ", " +
                                    Twine(argument.range->second) + ")");
  }
  return Error::success();
}

Expected<std::vector<std::optional<Value>>>
transmamba::reference::bindInputs(const EntryPoint &entry,
                                  const Interpreter &interpreter,
                                  const NamedValues &given, Symbols &symbols) {
  if (Error error = checkNames(entry, given))
    return std::move(error);
  std::vector<std::optional<Value>> bound(entry.arguments.size());
  const IntTensor *lengths = nullptr;
  for (auto [argument, place] : llvm::zip(entry.arguments, bound)) {
    if (!isGiven(argument))
      continue;
    auto found = given.find(argument.name);
    if (found == given.end())
      return failEntry(entry, "the input '" + argument.name + "' is missing");
    if (Error error = requireType(argument.type, found->second))
      return failEntry(entry, "the input '" + argument.name +
                                  "': " + llvm::toString(std::move(error)));
    Expected<Value> value = roundInput(entry, argument, found->second);
    if (!value)
      return value.takeError();
    place = std::move(*value);
    if (Error error =
            bindSymbols(entry, argument, interpreter, *place, symbols))
      return std::move(error);
    if (argument.kind == EntryArgument::Kind::Lengths)
      lengths = &place->integers();
  }

  std::optional<int64_t> longest = interpreter.maxSequence();
  if (auto tokens = symbols.find("T"); tokens != symbols.end())
    longest = tokens->second;
  for (auto [argument, place] : llvm::zip(entry.arguments, bound))
    if (argument.kind == EntryArgument::Kind::Lengths)
      if (Error error =
              checkLengths(entry, argument.name, place->integers(), longest))
        return std::move(error);
  for (auto [argument, place] : llvm::zip(entry.arguments, bound))
    if (argument.range && place && place->isIntTensor())
      if (Error error = checkRange(entry, argument, place->integers(), lengths))
        return std::move(error);
  return bound;
}
