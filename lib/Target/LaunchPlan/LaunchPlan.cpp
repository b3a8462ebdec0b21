//===- LaunchPlan.cpp - The host program as data --------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Target/LaunchPlan.h"
#include "ArenaPlanner.h"
#include "IndexExpressions.h"

#include "Tile/IR/TileOps.h"
#include "TransMamba/IR/TransMambaOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "transmamba/Conversion/TileToNVVM/EarlyStart.h"
#include "transmamba/Conversion/TileToNVVM/TileToNVVM.h"

#include <limits>

using namespace mlir;
using namespace transmamba;
using package::Argument;
using package::Expression;

FailureOr<package::ElementType> transmamba::toElementType(Type type) {
  using package::ElementType;
  if (type.isF32())
    return ElementType::F32;
  if (type.isBF16())
    return ElementType::BF16;
  if (type.isF16())
    return ElementType::F16;
  if (type.isF64())
    return ElementType::F64;
  if (type.isInteger(8))
    return ElementType::I8;
  if (type.isInteger(32))
    return ElementType::I32;
  if (type.isInteger(64))
    return ElementType::I64;
  return failure();
}

/// The allocation or argument that a buffer is, or a view of.
static Value rootBuffer(Value buffer) {
  while (auto view = buffer.getDefiningOp<ViewLikeOpInterface>())
    buffer = view.getViewSource();
  return buffer;
}

namespace {
/// Builds one entry point.
class PlanBuilder {
public:
  PlanBuilder(func::FuncOp entry, const LaunchPlanContext &context,
              int64_t *workspaceWords)
      : entry(entry), context(context), workspaceWords(workspaceWords),
        planner({{"B", context.maxBatch},
                 {"T", context.maxSequence},
                 {std::string(package::multiprocessorsSymbol),
                  package::maxMultiprocessors}}) {}

  FailureOr<package::EntryPoint> build();

private:
  LogicalResult addArguments();
  LogicalResult addInput(unsigned index);
  void bindState(unsigned index, uint64_t state);
  LogicalResult addPositions();
  LogicalResult addOutputs();
  LogicalResult addWorkspace();
  LogicalResult planArena();
  LogicalResult addCommands();
  FailureOr<Argument> argument(Operation *command, Value operand);
  LogicalResult addCommand(DispatchOp dispatch);
  LogicalResult addCommand(tile::LaunchOp launch);
  LogicalResult setGrid(package::Command &command, ArrayRef<Value> grid);
  LogicalResult setWork(package::Command &command, Value flop, Value bytes);
  FailureOr<Argument> argument(tile::LaunchOp launch, Value operand,
                               DictionaryAttr parameter);
  FailureOr<package::TensorMap> tensorMap(tile::LaunchOp launch, Value buffer,
                                          DictionaryAttr parameter);

  StringRef argumentName(unsigned index) {
    auto name =
        entry.getArgAttrOfType<StringAttr>(index, TransMambaDialect::kNameAttr);
    return name ? name.getValue() : StringRef();
  }

  func::FuncOp entry;
  const LaunchPlanContext &context;
  /// Null where nobody asks.
  int64_t *workspaceWords;
  package::EntryPoint plan;
  IndexExpressions expressions;
  ArenaPlanner planner;
  /// Arguments and returned allocations.
  DenseMap<Value, Argument> bound;
  /// Arena slots of the other allocations.
  DenseMap<Value, unsigned> slots;
};
} // namespace

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

LogicalResult PlanBuilder::addInput(unsigned index) {
  StringRef name = argumentName(index);
  if (name.empty())
    return entry.emitError("argument ") << index << " of an entry point needs '"
                                        << TransMambaDialect::kNameAttr << "'";
  Value buffer = entry.getArgument(index);
  auto type = cast<MemRefType>(buffer.getType());
  FailureOr<package::ElementType> element =
      toElementType(type.getElementType());
  if (failed(element))
    return entry.emitError("input '")
           << name << "' has an element type that a package cannot hold: "
           << type.getElementType();
  package::Input input;
  input.name = name.str();
  input.type = *element;

  // The dynamic dimensions, in order, are the symbols of transmamba.dims.
  auto dims =
      entry.getArgAttrOfType<ArrayAttr>(index, TransMambaDialect::kDimsAttr);
  if (type.getNumDynamicDims() != (dims ? dims.size() : 0))
    return entry.emitError("input '")
           << name << "' needs one symbol in '" << TransMambaDialect::kDimsAttr
           << "' for each of its dynamic dimensions";
  unsigned next = 0;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    if (!type.isDynamicDim(dim)) {
      input.shape.push_back(Expression(type.getDimSize(dim)));
      continue;
    }
    auto symbol = dyn_cast<StringAttr>(dims[next++]);
    if (!symbol || (symbol.getValue() != "B" && symbol.getValue() != "T"))
      return entry.emitError("input '")
             << name << "': a symbol is \"B\" or \"T\"";
    std::string symbolName = symbol.getValue().str();
    expressions.bind(buffer, dim, symbolName);
    input.shape.push_back(Expression(symbolName));
    if (llvm::none_of(plan.symbols, [&](const package::Symbol &other) {
          return other.name == symbolName;
        }))
      plan.symbols.push_back(
          {symbolName,
           symbolName == "B" ? context.maxBatch : context.maxSequence,
           input.name, dim});
  }
  if (auto range = entry.getArgAttrOfType<ArrayAttr>(
          index, TransMambaDialect::kRangeAttr))
    if (range.size() == 2 && isa<IntegerAttr>(range[0]) &&
        isa<IntegerAttr>(range[1]))
      input.range = {cast<IntegerAttr>(range[0]).getInt(),
                     cast<IntegerAttr>(range[1]).getInt()};
  if (auto role = entry.getArgAttrOfType<StringAttr>(
          index, TransMambaDialect::kRoleAttr)) {
    if (role.getValue() == "lengths")
      input.role = package::Input::Role::Lengths;
    else if (role.getValue() == "positions")
      input.role = package::Input::Role::Positions;
    else
      return entry.emitError("input '")
             << name << "' has an unknown role '" << role.getValue() << "'";
  }
  bound.try_emplace(buffer, Argument::input(plan.inputs.size()));
  plan.inputs.push_back(std::move(input));
  return success();
}

/// Dimension 0 of every state is the batch; nothing else is dynamic.
void PlanBuilder::bindState(unsigned index, uint64_t state) {
  Value buffer = entry.getArgument(index);
  bound.try_emplace(buffer, Argument::state(state));
  expressions.bind(buffer, 0, "B");
}

LogicalResult PlanBuilder::addArguments() {
  for (BlockArgument argument : entry.getArguments()) {
    unsigned index = argument.getArgNumber();
    if (!isa<MemRefType>(argument.getType()))
      return entry.emitError("argument ") << index << " is not a buffer";
    if (auto parameter = entry.getArgAttrOfType<StringAttr>(
            index, TransMambaDialect::kParameterAttr)) {
      auto it = context.parameters.find(parameter.getValue());
      if (it == context.parameters.end())
        return entry.emitError("unknown parameter '")
               << parameter.getValue() << "'";
      bound.try_emplace(argument, Argument::parameter(it->second));
      continue;
    }
    auto state = context.states.find(argumentName(index));
    if (state != context.states.end())
      bindState(index, state->second);
    else if (failed(addInput(index)))
      return failure();
  }
  // What an input with a range may leave unchecked is what lengths leave out.
  for (package::Input &lengths : plan.inputs)
    if (lengths.role == package::Input::Role::Lengths)
      for (package::Input &input : plan.inputs)
        if (input.range && input.shape.size() == 2)
          input.valid = lengths.name;
  return success();
}

LogicalResult PlanBuilder::addPositions() {
  auto rule =
      entry->getAttrOfType<StringAttr>(TransMambaDialect::kPositionsAttr);
  if (!rule)
    return success();
  if (rule.getValue() == "advance") {
    plan.positions.kind = package::PositionRule::Kind::Advance;
    plan.positions.amount = 1;
    return success();
  }
  if (rule.getValue() != "set")
    return entry.emitError("'")
           << TransMambaDialect::kPositionsAttr
           << "' is \"set\" or \"advance\", not \"" << rule.getValue() << "\"";
  plan.positions.kind = package::PositionRule::Kind::Set;
  for (const package::Input &input : plan.inputs)
    if (input.role == package::Input::Role::Lengths)
      plan.positions.input = input.name;
  if (plan.positions.input.empty())
    return entry.emitError(
        "sets positions, but has no input with the role \"lengths\"");
  return success();
}

//===----------------------------------------------------------------------===//
// Results and scratch memory
//===----------------------------------------------------------------------===//

LogicalResult PlanBuilder::addOutputs() {
  auto terminator =
      cast<func::ReturnOp>(entry.getBody().front().getTerminator());
  for (auto [index, value] : llvm::enumerate(terminator.getOperands())) {
    auto nameAttr = entry.getResultAttrOfType<StringAttr>(
        index, TransMambaDialect::kNameAttr);
    Value root = rootBuffer(value);
    auto known = bound.find(root);
    if (isa<BlockArgument>(root) && known != bound.end() &&
        known->second.kind == Argument::Kind::State)
      continue;
    if (!nameAttr)
      return entry.emitError("result ")
             << index << " needs '" << TransMambaDialect::kNameAttr << "'";
    if (context.states.contains(nameAttr.getValue()))
      return entry.emitError("state '")
             << nameAttr.getValue() << "' is not updated in place";
    if (!root.getDefiningOp<memref::AllocOp>() || known != bound.end())
      return entry.emitError("result '")
             << nameAttr.getValue() << "' is not a buffer of its own";
    auto type = cast<MemRefType>(value.getType());
    FailureOr<package::ElementType> element =
        toElementType(type.getElementType());
    if (failed(element))
      return entry.emitError("result '")
             << nameAttr.getValue()
             << "' has an element type that a package cannot hold";
    package::Output output;
    output.name = nameAttr.getValue().str();
    output.type = *element;
    for (int64_t dim = 0; dim < type.getRank(); ++dim) {
      FailureOr<Expression> size = expressions.dimension(value, dim);
      if (failed(size))
        return failure();
      output.shape.push_back(std::move(*size));
    }
    bound.try_emplace(root, Argument::output(plan.outputs.size()));
    plan.outputs.push_back(std::move(output));
  }
  return success();
}

LogicalResult PlanBuilder::planArena() {
  struct Lifetime {
    Value buffer;
    unsigned first, last;
  };
  // In the order of first use.
  SmallVector<Lifetime> lifetimes;
  DenseMap<Value, unsigned> indices;
  unsigned now = 0;
  for (Operation &op : entry.getBody().getOps()) {
    if (!isa<DispatchOp, tile::LaunchOp>(op))
      continue;
    ++now;
    for (Value operand : op.getOperands()) {
      if (!isa<MemRefType>(operand.getType()))
        continue;
      Value root = rootBuffer(operand);
      if (bound.contains(root))
        continue;
      auto [it, inserted] = indices.try_emplace(root, lifetimes.size());
      if (inserted)
        lifetimes.push_back({root, now, now});
      lifetimes[it->second].last = now;
    }
  }
  for (const Lifetime &lifetime : lifetimes) {
    FailureOr<Expression> bytes = expressions.bytes(lifetime.buffer);
    if (failed(bytes))
      return failure();
    package::Result<unsigned> slot =
        planner.add(std::move(*bytes), lifetime.first, lifetime.last);
    if (!slot)
      return mlir::emitError(lifetime.buffer.getLoc(),
                             "the size of this buffer is not valid at the "
                             "largest batch and sequence: ")
             << slot.error().what();
    slots[lifetime.buffer] = *slot;
  }
  plan.arena = planner.size();
  return success();
}

//===----------------------------------------------------------------------===//
// Commands
//===----------------------------------------------------------------------===//

FailureOr<Argument> PlanBuilder::argument(Operation *command, Value operand) {
  if (!isa<MemRefType>(operand.getType())) {
    FailureOr<Expression> value = expressions.translate(operand);
    if (failed(value))
      return failure();
    return Argument::scalar(std::move(*value));
  }
  Value root = rootBuffer(operand);
  if (auto it = bound.find(root); it != bound.end())
    return it->second;
  if (auto it = slots.find(root); it != slots.end())
    return Argument::arena(planner.offset(it->second));
  return command->emitError("uses a buffer that a launch plan cannot place");
}

LogicalResult PlanBuilder::setGrid(package::Command &command,
                                   ArrayRef<Value> grid) {
  for (auto [dim, value] : llvm::enumerate(grid)) {
    FailureOr<Expression> size = expressions.translate(value);
    if (failed(size))
      return failure();
    command.grid[dim] = std::move(*size);
  }
  return success();
}

/// What is too large for 64 bits at the largest sizes is left out.
LogicalResult PlanBuilder::setWork(package::Command &command, Value flop,
                                   Value bytes) {
  auto set = [&](Value value, std::optional<Expression> &amount) {
    if (!value)
      return success();
    FailureOr<Expression> translated = expressions.translate(value);
    if (failed(translated))
      return failure();
    if (translated->evaluateSize(
            {{"B", context.maxBatch}, {"T", context.maxSequence}}))
      amount = std::move(*translated);
    return success();
  };
  return success(succeeded(set(flop, command.work.flop)) &&
                 succeeded(set(bytes, command.work.bytes)));
}

LogicalResult PlanBuilder::addCommand(DispatchOp dispatch) {
  package::Command command;
  command.kernel = dispatch.getKernel().str();
  if (failed(setGrid(command, {dispatch.getGridX(), dispatch.getGridY(),
                               dispatch.getGridZ()})) ||
      failed(setWork(command, dispatch.getFlop(), dispatch.getBytes())))
    return failure();
  for (Value operand : dispatch.getArguments()) {
    FailureOr<Argument> translated = argument(dispatch, operand);
    if (failed(translated))
      return failure();
    command.args.push_back(std::move(*translated));
  }
  plan.commands.push_back(std::move(command));
  return success();
}

//===----------------------------------------------------------------------===//
// Tile kernels
//===----------------------------------------------------------------------===//

static int64_t getInteger(DictionaryAttr parameter, StringRef name) {
  return parameter.getAs<IntegerAttr>(name).getInt();
}

/// A whole, contiguous buffer, innermost dimension first.
FailureOr<package::TensorMap> PlanBuilder::tensorMap(tile::LaunchOp launch,
                                                     Value buffer,
                                                     DictionaryAttr parameter) {
  using Map = package::TensorMap;
  auto type = cast<MemRefType>(buffer.getType());
  FailureOr<package::ElementType> element =
      toElementType(type.getElementType());
  if (failed(element) || !type.getLayout().isIdentity())
    return launch.emitError("a tensor map cannot show a buffer of type ")
           << type;
  Map map;
  map.type = *element;
  Expression stride(static_cast<int64_t>(package::byteSize(*element)));
  for (int64_t dim = type.getRank() - 1; dim >= 0; --dim) {
    FailureOr<Expression> size = expressions.dimension(buffer, dim);
    if (failed(size))
      return failure();
    stride = foldedMul(std::move(stride), *size);
    map.extents.push_back(std::move(*size));
    if (dim > 0)
      map.strides.push_back(stride);
  }
  for (Attribute extent : parameter.getAs<ArrayAttr>("box"))
    map.box.push_back(cast<IntegerAttr>(extent).getInt());
  map.box.resize(map.extents.size(), 1);
  int64_t swizzle = getInteger(parameter, "swizzle");
  map.swizzle = swizzle == 128  ? Map::Swizzle::B128
                : swizzle == 64 ? Map::Swizzle::B64
                : swizzle == 32 ? Map::Swizzle::B32
                                : Map::Swizzle::None;
  // A line of the second-level cache.
  map.promotion = Map::Promotion::B128;
  return map;
}

FailureOr<Argument> PlanBuilder::argument(tile::LaunchOp launch, Value operand,
                                          DictionaryAttr parameter) {
  StringRef kind = parameter.getAs<StringAttr>("kind").getValue();
  if (kind == "size") {
    FailureOr<Expression> size =
        expressions.dimension(operand, getInteger(parameter, "dim"));
    if (failed(size))
      return failure();
    return Argument::scalar(std::move(*size));
  }
  if (operand.getType().isF32()) {
    FloatAttr number;
    if (!matchPattern(operand, m_Constant(&number)))
      return launch.emitError("a launch plan needs constant numbers");
    return Argument::f32(number.getValue().convertToFloat());
  }
  FailureOr<Argument> result = argument(launch.getOperation(), operand);
  if (failed(result) || kind != "map")
    return result;
  FailureOr<package::TensorMap> map = tensorMap(launch, operand, parameter);
  if (failed(map))
    return failure();
  result->map = std::move(*map);
  return result;
}

LogicalResult PlanBuilder::addCommand(tile::LaunchOp launch) {
  auto kernel = SymbolTable::lookupNearestSymbolFrom<tile::KernelOp>(
      launch, launch.getKernelAttr());
  FailureOr<TileKernelInterface> interface = describeTileKernel(kernel);
  if (failed(interface))
    return failure();
  package::Command command;
  command.kernel = launch.getKernel().str();
  if (failed(setGrid(command, {launch.getGridX(), launch.getGridY(),
                               launch.getGridZ()})) ||
      failed(setWork(command, launch.getFlop(), launch.getBytes())))
    return failure();
  SmallVector<Value> operands = launch.getKernelOperands();
  for (auto parameter : interface->parameters.getAsRange<DictionaryAttr>()) {
    int64_t number = getInteger(parameter, "argument");
    FailureOr<Argument> translated =
        argument(launch, operands[number], parameter);
    if (failed(translated))
      return failure();
    if (kernel.getArgAttr(number, kTileConstantAttrName) &&
        translated->isBuffer() && translated->kind != Argument::Kind::Parameter)
      return launch.emitError("argument ")
             << number << " of " << launch.getKernelAttr()
             << " is constant, but what the launch gives is no parameter";
    command.args.push_back(std::move(*translated));
  }
  plan.commands.push_back(std::move(command));
  return success();
}

LogicalResult PlanBuilder::addCommands() {
  for (Operation &op : entry.getBody().getOps()) {
    LogicalResult added = success();
    if (auto dispatch = dyn_cast<DispatchOp>(op))
      added = addCommand(dispatch);
    else if (auto launch = dyn_cast<tile::LaunchOp>(op))
      added = addCommand(launch);
    if (failed(added))
      return failure();
  }
  return success();
}

/// One buffer is what all ask for: commands run one after the other.
LogicalResult PlanBuilder::addWorkspace() {
  for (auto workspace : entry.getBody().getOps<tile::WorkspaceOp>()) {
    FailureOr<Expression> size = expressions.translate(workspace.getSize());
    if (failed(size))
      return failure();
    package::Result<int64_t> words = size->evaluateSize(
        {{"B", context.maxBatch},
         {"T", context.maxSequence},
         {package::multiprocessorsSymbol, package::maxMultiprocessors}});
    if (!words)
      return workspace.emitError("has a size that is not valid at the largest "
                                 "batch and sequence: ")
             << words.error().what();
    if (workspaceWords)
      *workspaceWords = std::max(*workspaceWords, *words);
    bound.try_emplace(workspace.getResult(),
                      Argument::state(context.workspace));
  }
  return success();
}

FailureOr<package::EntryPoint> PlanBuilder::build() {
  plan.name = entry.getName().str();
  if (!entry.getBody().hasOneBlock())
    return entry.emitError("a launch plan needs straight-line code");
  if (failed(addArguments()) || failed(addPositions()) ||
      failed(addOutputs()) || failed(addWorkspace()) || failed(planArena()) ||
      failed(addCommands()))
    return failure();
  return std::move(plan);
}

FailureOr<package::EntryPoint>
transmamba::extractLaunchPlan(func::FuncOp entry,
                              const LaunchPlanContext &context,
                              int64_t *workspaceWords) {
  return PlanBuilder(entry, context, workspaceWords).build();
}
