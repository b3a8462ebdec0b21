//===- Launches.cpp - What the conversions to launches share -------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Launches.h"

#include "Tile/Transforms/Passes.h"
#include "TransMamba/IR/TransMambaOps.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;
using namespace transmamba;

Launches::Launches(ModuleOp module, const tile::Target &target,
                   bool batchInvariant, bool groups)
    : target(target), batchInvariant(batchInvariant), groups(groups),
      module(module) {
  auto getBound = [&](StringRef name) {
    auto value = module->getAttrOfType<IntegerAttr>(name);
    return value ? value.getInt() : 1;
  };
  maxBatch = getBound(TransMambaDialect::kMaxBatchAttr);
  maxSequence = getBound(TransMambaDialect::kMaxSequenceAttr);
  hasBounds = module->hasAttr(TransMambaDialect::kMaxBatchAttr) &&
              module->hasAttr(TransMambaDialect::kMaxSequenceAttr);
}

void transmamba::setGroup(tile::LaunchOp launch, Operation *op) {
  if (Attribute group = op->getAttr(kTileGroupAttrName))
    launch->setAttr(kTileGroupAttrName, group);
  if (Attribute turns = op->getAttr(kTileTurnsAttrName))
    launch->setAttr(kTileTurnsAttrName, turns);
}

StringAttr Launches::insert(tile::KernelOp kernel) {
  SmallVector<tile::KernelOp> &others = kernels[kernel.getName()];
  for (tile::KernelOp other : others) {
    kernel.setSymNameAttr(other.getSymNameAttr());
    if (OperationEquivalence::isEquivalentTo(
            kernel, other, OperationEquivalence::IgnoreLocations)) {
      kernel.erase();
      return other.getSymNameAttr();
    }
  }
  others.push_back(kernel);
  ++numKernels;
  return SymbolTable(module).insert(kernel);
}

FailureOr<DictionaryAttr> transmamba::getConfig(Operation *op) {
  Attribute attribute = op->getAttr(kTileConfigAttrName);
  if (!attribute)
    return DictionaryAttr();
  if (auto dictionary = dyn_cast<DictionaryAttr>(attribute))
    return dictionary;
  return op->emitOpError("has a '")
         << kTileConfigAttrName << "' that is no dictionary";
}

void transmamba::setWork(tile::LaunchOp launch, const Work &work,
                         WorkBuilder &builder) {
  if (work.flop)
    launch.getFlopMutable().assign(builder.toValue(work.flop));
  if (work.bytes)
    launch.getBytesMutable().assign(builder.toValue(work.bytes));
}
