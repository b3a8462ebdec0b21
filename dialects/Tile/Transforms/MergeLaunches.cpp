//===- MergeLaunches.cpp - One launch of several --------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "MergeKernels.h"
#include "Tile/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringMap.h"

namespace transmamba {
#define GEN_PASS_DEF_TILEMERGELAUNCHES
#include "Tile/Transforms/Passes.h.inc"
} // namespace transmamba

using namespace mlir;
using namespace transmamba;
using namespace transmamba::tile;

//===----------------------------------------------------------------------===//
// What must hold
//===----------------------------------------------------------------------===//

static KernelOp getKernel(LaunchOp launch) {
  return SymbolTable::lookupNearestSymbolFrom<KernelOp>(launch,
                                                        launch.getKernelAttr());
}

/// Whether the kernel reads what its argument holds.
static bool readsArgument(KernelOp kernel, unsigned number) {
  Value argument = kernel.getArgument(number);
  return llvm::any_of(argument.getUsers(), [&](Operation *user) {
    auto effects = dyn_cast<MemoryEffectOpInterface>(user);
    return effects && effects.getEffectOnValue<MemoryEffects::Read>(argument);
  });
}

/// (G3) What a launch needs of those before it.
static std::optional<std::string>
findUnawaitedResult(ArrayRef<LaunchOp> launches) {
  auto isFromGroup = [&](Value value) {
    auto from = value.getDefiningOp<LaunchOp>();
    return from && llvm::is_contained(launches, from);
  };
  for (LaunchOp launch : launches) {
    for (Value input : launch.getInputs()) {
      if (isa<BaseMemRefType>(input.getType()))
        return "on buffers it is not seen what launches read";
      if (isFromGroup(input) &&
          !waitsFor(getKernel(launch),
                    getKernel(input.getDefiningOp<LaunchOp>())))
        return ("@" + launch.getKernel() + " reads what @" +
                input.getDefiningOp<LaunchOp>().getKernel() +
                " writes, and does not wait for it (G3)")
            .str();
    }
    for (auto [number, output] : llvm::enumerate(launch.getOutputs())) {
      if (isa<BaseMemRefType>(output.getType()))
        return "on buffers it is not seen what launches read";
      if (!isFromGroup(output))
        continue;
      if (!launch.getPartial())
        return ("@" + launch.getKernel() +
                " overwrites what another one writes (G3)")
            .str();
      auto other = output.getDefiningOp<LaunchOp>();
      if (readsArgument(getKernel(launch),
                        launch.getInputs().size() + number) &&
          !waitsFor(getKernel(launch), getKernel(other)))
        return ("@" + launch.getKernel() + " reads what @" + other.getKernel() +
                " writes, and does not wait for it (G3)")
            .str();
    }
  }
  return std::nullopt;
}

/// The operations between the launches that need a result of one.
static llvm::SetVector<Operation *> findUsers(ArrayRef<LaunchOp> launches) {
  llvm::SetVector<Operation *> users;
  auto needs = [&](Operation *op) {
    for (Value operand : op->getOperands()) {
      Operation *from = operand.getDefiningOp();
      if (from && (users.contains(from) ||
                   llvm::is_contained(launches, dyn_cast<LaunchOp>(from))))
        return true;
    }
    return false;
  };
  for (Operation *op = launches.front()->getNextNode(); op != launches.back();
       op = op->getNextNode()) {
    if (llvm::is_contained(launches, dyn_cast<LaunchOp>(op)))
      continue;
    bool needsOne = false;
    op->walk([&](Operation *inner) { needsOne |= needs(inner); });
    if (needsOne)
      users.insert(op);
  }
  return users;
}

/// (G4) Operations that need a result can be moved behind the merged launch.
static std::optional<std::string>
findOperationBetween(ArrayRef<LaunchOp> launches,
                     const llvm::SetVector<Operation *> &users) {
  auto name = [](Operation *op) { return op->getName().getStringRef(); };
  for (Operation *user : users) {
    if (!isMemoryEffectFree(user) && !isa<LaunchOp>(user))
      return ("an operation '" + name(user) + "' between them has effects (G4)")
          .str();
    for (Operation *next : user->getUsers())
      if (llvm::is_contained(launches, dyn_cast<LaunchOp>(next)))
        return ("a '" + name(user) + "' stands between result and operand (G4)")
            .str();
  }
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// The merged launch
//===----------------------------------------------------------------------===//

namespace {
/// The operands of the merged launch, and which of them each part has.
struct MergedOperands {
  explicit MergedOperands(ArrayRef<LaunchOp> launches);

  unsigned addInput(Value value);
  Extent describe(Value size);
  void addOutputs(ArrayRef<LaunchOp> launches);
  /// The items of all parts in the order in which they are drawn, which the
  /// program of the host counts.
  void addPieces(OpBuilder &builder, ArrayRef<LaunchOp> launches);
  unsigned getNumber(Value output) const {
    return inputs.size() + outputs.lookup(output);
  }

  /// Tensors, scalars and sizes of grids.
  llvm::MapVector<Value, unsigned> inputs;
  /// What each result is, and each operand that starts one; and the operands.
  llvm::DenseMap<Value, unsigned> outputs;
  SmallVector<Value> outputOperands;
  SmallVector<KernelPart> parts;
  SmallVector<Piece> pieces;
  /// Of all parts together.
  Value numItems;
};

class MergeLaunches final
    : public transmamba::impl::TileMergeLaunchesBase<MergeLaunches> {
public:
  void runOnOperation() override;

private:
  /// Says why not, or nothing.
  std::optional<std::string> merge(ArrayRef<LaunchOp> launches);
  /// A kernel like this one that is there already, in place of it.
  KernelOp findEqual(KernelOp kernel);

  /// Those that were merged, by the name that they would like to have.
  llvm::StringMap<SmallVector<KernelOp>> kernels;
};
} // namespace

unsigned MergedOperands::addInput(Value value) {
  return inputs.try_emplace(value, inputs.size()).first->second;
}

Extent MergedOperands::describe(Value size) {
  Extent extent{getConstantIntValue(size)};
  if (!extent.constant)
    extent.argument = addInput(size);
  return extent;
}

MergedOperands::MergedOperands(ArrayRef<LaunchOp> launches) {
  for (LaunchOp launch : launches) {
    for (Value input : launch.getInputs())
      if (!llvm::is_contained(launches, input.getDefiningOp<LaunchOp>()))
        addInput(input);
    KernelPart &part = parts.emplace_back();
    part.kernel = getKernel(launch);
    Value grid[] = {launch.getGridX(), launch.getGridY(), launch.getGridZ()};
    for (auto [extent, described] : llvm::zip_equal(grid, part.grid))
      described = describe(extent);
  }
}

/// When all inputs are known: outputs follow them.
void MergedOperands::addOutputs(ArrayRef<LaunchOp> launches) {
  auto isResult = [&](Value value) {
    return llvm::is_contained(launches, value.getDefiningOp<LaunchOp>());
  };
  for (auto [number, part] : llvm::enumerate(parts)) {
    LaunchOp launch = launches[number];
    for (Value input : launch.getInputs())
      part.arguments.push_back(isResult(input) ? getNumber(input)
                                               : inputs.lookup(input));
    for (auto [output, result] :
         llvm::zip_equal(launch.getOutputs(), launch.getResults())) {
      if (isResult(output)) {
        outputs[result] = outputs.lookup(output);
      } else {
        outputs[result] = outputOperands.size();
        outputOperands.push_back(output);
      }
      part.arguments.push_back(getNumber(result));
    }
  }
}

static Type getArgumentType(Value operand) {
  if (auto tensor = dyn_cast<RankedTensorType>(operand.getType()))
    return MemRefType::get(tensor.getShape(), tensor.getElementType());
  return operand.getType();
}

//===----------------------------------------------------------------------===//
// The order of items
//===----------------------------------------------------------------------===//

/// Parts that others wait for come before those, and what has nothing to do
/// with them behind: it is there for the time in which they would wait.
static int64_t getRank(const KernelPart &part, ArrayRef<KernelPart> parts) {
  bool isAlone = true;
  int64_t rank = 0;
  for (const KernelPart &other : parts) {
    isAlone &= !waitsFor(other.kernel, part.kernel);
    if (!waitsFor(part.kernel, other.kernel))
      continue;
    isAlone = false;
    rank = std::max(rank, getRank(other, parts) + 1);
  }
  return isAlone ? static_cast<int64_t>(parts.size()) : rank;
}

/// `tile.turns` = [place], or [place, items, place, ...].
static SmallVector<KernelPart::Turn> readTurns(LaunchOp launch) {
  auto given = launch->getAttrOfType<DenseI64ArrayAttr>(kTileTurnsAttrName);
  if (!given || given.size() % 2 == 0)
    return {};
  ArrayRef<int64_t> numbers = given.asArrayRef();
  SmallVector<KernelPart::Turn> turns;
  for (; numbers.size() > 1; numbers = numbers.drop_front(2))
    turns.push_back({numbers[0], numbers[1]});
  turns.push_back({numbers[0], std::nullopt});
  return turns;
}

/// (G6) Whom others wait for is one piece, before all of theirs.
static std::optional<std::string> findWrongOrder(ArrayRef<KernelPart> parts) {
  for (KernelPart part : parts)
    for (KernelPart other : parts) {
      if (!waitsFor(part.kernel, other.kernel))
        continue;
      bool isBefore = llvm::all_of(part.turns, [&](KernelPart::Turn turn) {
        return other.turns.front().place < turn.place;
      });
      if (other.turns.size() != 1 || !isBefore)
        return ("@" + part.kernel.getName() + " waits for @" +
                other.kernel.getName() + ", which is not before it (G6)")
            .str();
    }
  return std::nullopt;
}

void MergedOperands::addPieces(OpBuilder &builder,
                               ArrayRef<LaunchOp> launches) {
  // Place, part, turn.
  SmallVector<std::tuple<int64_t, unsigned, unsigned>> order;
  for (auto [number, part] : llvm::enumerate(parts))
    for (auto [turn, entry] : llvm::enumerate(part.turns))
      order.push_back({entry.place, number, turn});
  llvm::sort(order);

  LaunchOp last = launches.back();
  Location loc = last.getLoc();
  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  auto mul = [&](Value a, Value b) {
    return builder.createOrFold<arith::MulIOp>(loc, a, b);
  };
  uint32_t warpgroups = getMostWarpgroups(parts);
  Value zero = index(0), end = zero;
  SmallVector<Value> left, taken(parts.size(), zero);
  for (auto [number, part] : llvm::enumerate(parts)) {
    LaunchOp launch = launches[number];
    Value columns = builder.createOrFold<arith::DivUIOp>(
        loc, launch.getGridX(), index(getBlocksOfItem(part, warpgroups)));
    left.push_back(mul(mul(columns, launch.getGridY()), launch.getGridZ()));
  }
  for (auto [place, part, turn] : order) {
    Value count = left[part];
    if (std::optional<int64_t> items = parts[part].turns[turn].items)
      count = builder.createOrFold<arith::MinUIOp>(loc, count, index(*items));
    Value shift = builder.createOrFold<arith::SubIOp>(loc, end, taken[part]);
    end = builder.createOrFold<arith::AddIOp>(loc, count, end);
    pieces.push_back({part, describe(end), describe(shift)});
    taken[part] = builder.createOrFold<arith::AddIOp>(loc, count, taken[part]);
    left[part] = builder.createOrFold<arith::SubIOp>(loc, left[part], count);
  }
  numItems = end;
}

/// Whether the kernel is right; what its verifier says is kept in `message`.
static bool isValid(KernelOp kernel, std::string &message) {
  ScopedDiagnosticHandler handler(kernel.getContext(),
                                  [&](Diagnostic &diagnostic) {
                                    if (message.empty())
                                      message = diagnostic.str();
                                    return success();
                                  });
  return succeeded(verify(kernel));
}

KernelOp MergeLaunches::findEqual(KernelOp kernel) {
  StringAttr name = kernel.getSymNameAttr();
  for (KernelOp other : kernels[name]) {
    kernel.setSymNameAttr(other.getSymNameAttr());
    if (OperationEquivalence::isEquivalentTo(
            kernel, other, OperationEquivalence::IgnoreLocations))
      return other;
  }
  kernel.setSymNameAttr(name);
  return KernelOp();
}

std::optional<std::string> MergeLaunches::merge(ArrayRef<LaunchOp> launches) {
  if (auto obstacle = findUnawaitedResult(launches))
    return obstacle;
  llvm::SetVector<Operation *> users = findUsers(launches);
  if (auto obstacle = findOperationBetween(launches, users))
    return obstacle;
  MergedOperands operands(launches);
  if (auto obstacle = findMergeObstacle(operands.parts))
    return obstacle;
  for (auto [number, part] : llvm::enumerate(operands.parts)) {
    part.turns = readTurns(launches[number]);
    if (part.turns.empty())
      part.turns.push_back({getRank(part, operands.parts), std::nullopt});
  }
  if (auto obstacle = findWrongOrder(operands.parts))
    return obstacle;
  LaunchOp last = launches.back();
  OpBuilder builder(last);
  operands.addPieces(builder, launches);
  operands.addOutputs(launches);

  SmallVector<Value> inputs, outputs = operands.outputOperands;
  for (auto &[value, number] : operands.inputs)
    inputs.push_back(value);
  SmallVector<Type> types;
  for (ValueRange values : {ValueRange(inputs), ValueRange(outputs)})
    for (Value value : values)
      types.push_back(getArgumentType(value));
  auto words = MemRefType::get(ShapedType::kDynamic,
                               IntegerType::get(&getContext(), 32));
  types.push_back(words);

  std::string name, complaint;
  for (LaunchOp launch : launches)
    name += (name.empty() ? "" : "_and_") + launch.getKernel().str();
  Location loc = last.getLoc();
  OpBuilder detached(&getContext());
  KernelOp kernel =
      mergeKernels(detached, loc, name, operands.parts, operands.pieces, types);
  SymbolTable symbols(getOperation());
  if (KernelOp equal = findEqual(kernel)) {
    kernel.erase();
    kernel = equal;
  } else {
    symbols.insert(kernel);
    if (!isValid(kernel, complaint)) {
      symbols.erase(kernel);
      return complaint + " (G5)";
    }
    kernels[name].push_back(kernel);
  }

  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  Value items = operands.numItems;
  Value blocks = builder.createOrFold<arith::MulIOp>(
      loc, MultiprocessorsOp::create(builder, loc),
      index(kernel.getOccupancy()));
  blocks = arith::MinUIOp::create(builder, loc, blocks, items);
  Value control = WorkspaceOp::create(
      builder, loc, words,
      arith::AddIOp::create(builder, loc, items, index(kControlItems)));
  SmallVector<Type> resultTypes;
  for (Value output : outputs)
    resultTypes.push_back(output.getType());
  outputs.push_back(control);
  auto merged =
      LaunchOp::create(builder, loc, resultTypes,
                       FlatSymbolRefAttr::get(kernel.getSymNameAttr()), blocks,
                       index(1), index(1), inputs, outputs);
  Operation *place = merged;
  for (Operation *user : users) {
    user->moveAfter(place);
    place = user;
  }
  for (LaunchOp launch : llvm::reverse(launches)) {
    for (Value result : launch.getResults())
      result.replaceAllUsesWith(
          merged.getResult(operands.outputs.lookup(result)));
    launch.erase();
  }
  // What waits for others goes before them.
  llvm::SetVector<Operation *> separate;
  for (const KernelPart &part : llvm::reverse(operands.parts))
    separate.insert(part.kernel);
  for (Operation *own : separate)
    if (SymbolTable::symbolKnownUseEmpty(own, getOperation()))
      symbols.erase(own);
  numMerged += launches.size() - 1;
  return std::nullopt;
}

void MergeLaunches::runOnOperation() {
  llvm::MapVector<std::pair<Block *, int64_t>, SmallVector<LaunchOp>> groups;
  getOperation().walk([&](LaunchOp launch) {
    if (auto group = launch->getAttrOfType<IntegerAttr>(kTileGroupAttrName))
      groups[{launch->getBlock(), group.getInt()}].push_back(launch);
  });
  for (auto &[key, launches] : groups) {
    if (launches.size() < 2)
      continue;
    if (auto obstacle = merge(launches))
      launches.front().emitRemark("these launches stay apart: ") << *obstacle;
  }
}
