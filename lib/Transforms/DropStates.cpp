//===- DropStates.cpp - Drop state that no layer reads --------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
// Entry points share their state: what one returns, the next call takes. So
// whether a state is live is decided for all entry points together, as a fixed
// point: a state is live if its value on entry reaches a result that is not a
// state, an operation with effects, or the next version of a live state.
//
//===----------------------------------------------------------------------===//

#include "DropStates.h"

#include "TransMamba/IR/TransMambaDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace transmamba;

/// What is live in one entry point: operations, and states by their types. A
/// type names its layer, so it names a state of the session.
namespace {
class Liveness {
public:
  Liveness(llvm::DenseSet<Type> &liveStates,
           function_ref<bool(Type)> isCandidate)
      : liveStates(liveStates), isCandidate(isCandidate) {}

  void run(func::FuncOp function) {
    function.walk([&](Operation *op) {
      if (auto ret = dyn_cast<func::ReturnOp>(op)) {
        for (Value value : ret.getOperands())
          if (!isCandidate(value.getType()) ||
              liveStates.contains(value.getType()))
            mark(value);
      } else if (op != function && isRoot(op)) {
        mark(op);
      }
    });
    while (!worklist.empty())
      for (Value operand : worklist.pop_back_val()->getOperands())
        mark(operand);
  }

private:
  /// Terminators of nested regions and of blocks decide what runs; they and
  /// everything with effects count.
  static bool isRoot(Operation *op) {
    return op->hasTrait<OpTrait::IsTerminator>() || !isMemoryEffectFree(op);
  }

  void mark(Value value) {
    if (auto result = dyn_cast<OpResult>(value))
      return mark(result.getOwner());
    Operation *parent = cast<BlockArgument>(value).getOwner()->getParentOp();
    if (!isa<func::FuncOp>(parent))
      return mark(parent);
    // The branches to inner blocks are roots; an argument of the entry block
    // is a state of the session.
    if (isCandidate(value.getType()))
      liveStates.insert(value.getType());
  }

  void mark(Operation *op) {
    if (!seen.insert(op).second)
      return;
    worklist.push_back(op);
    // Of an operation with regions, everything in them.
    op->walk([&](Operation *nested) {
      if (nested != op)
        mark(nested);
    });
  }

  llvm::DenseSet<Type> &liveStates;
  function_ref<bool(Type)> isCandidate;
  llvm::DenseSet<Operation *> seen;
  SmallVector<Operation *> worklist;
};
} // namespace

/// The entry points whose signatures are ours to change: defined, and called by
/// nothing in the module.
static SmallVector<func::FuncOp> getEntryPoints(ModuleOp module) {
  SmallVector<func::FuncOp> entries;
  for (auto function : module.getOps<func::FuncOp>())
    if (function->hasAttr(TransMambaDialect::kEntryAttr) &&
        !function.isExternal() &&
        SymbolTable::symbolKnownUseEmpty(function, module))
      entries.push_back(function);
  return entries;
}

/// Erases results of the dead types, then whatever computed only them, then
/// arguments of the dead types.
static void dropFrom(func::FuncOp function,
                     const llvm::SetVector<Type> &deadStates) {
  llvm::BitVector results(function.getNumResults());
  for (auto [number, type] : llvm::enumerate(function.getResultTypes()))
    results[number] = deadStates.contains(type);
  llvm::BitVector arguments(function.getNumArguments());
  for (auto [number, type] : llvm::enumerate(function.getArgumentTypes()))
    arguments[number] = deadStates.contains(type);

  function.walk([&](func::ReturnOp ret) { ret->eraseOperands(results); });
  // The remaining users of a dead state are pure and lead nowhere.
  SmallVector<Operation *> pending;
  llvm::DenseSet<Operation *> seen;
  auto push = [&](Value value) {
    for (Operation *user : value.getUsers())
      if (seen.insert(user).second)
        pending.push_back(user);
  };
  for (unsigned number : arguments.set_bits())
    push(function.getArgument(number));
  for (size_t index = 0; index < pending.size(); ++index)
    for (Value result : pending[index]->getResults())
      push(result);
  // What is nested in one of them goes with it.
  llvm::erase_if(pending, [&](Operation *op) {
    for (Operation *parent = op->getParentOp(); parent != function;
         parent = parent->getParentOp())
      if (seen.contains(parent))
        return true;
    return false;
  });
  for (Operation *op : pending)
    op->dropAllUses();
  for (Operation *op : pending)
    op->erase();

  // Function types are always buildable, so neither can fail.
  (void)function.eraseResults(results);
  (void)function.eraseArguments(arguments);
}

unsigned transmamba::dropDeadStates(ModuleOp module,
                                    function_ref<bool(Type)> isCandidate) {
  SmallVector<func::FuncOp> entries = getEntryPoints(module);
  llvm::SetVector<Type> states;
  for (func::FuncOp function : entries) {
    states.insert_range(
        llvm::make_filter_range(function.getArgumentTypes(), isCandidate));
    states.insert_range(
        llvm::make_filter_range(function.getResultTypes(), isCandidate));
  }

  llvm::DenseSet<Type> live;
  // Functions that are no entry point of ours keep what they take.
  for (auto function : module.getOps<func::FuncOp>())
    if (!llvm::is_contained(entries, function))
      for (Type type : function.getArgumentTypes())
        if (isCandidate(type))
          live.insert(type);
  size_t before;
  do {
    before = live.size();
    for (func::FuncOp function : entries)
      Liveness(live, isCandidate).run(function);
  } while (live.size() != before);

  states.remove_if([&](Type type) { return live.contains(type); });
  for (func::FuncOp function : entries)
    dropFrom(function, states);
  return states.size();
}
