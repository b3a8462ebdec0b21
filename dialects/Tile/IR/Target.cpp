//===- Target.cpp - What machines differ in -------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Tile/IR/Target.h"

#include "Tile/IR/TileDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"

using namespace mlir;

namespace transmamba::tile {

// Rates of sm_90a are measured on an H200. Those of sm_80 are an A100's by its
// data sheet. Chips 8.6, 8.9 and 12.0 take the code of sm_80, and have 99 KB.
static constexpr Target kTargets[] = {
    {/*chip=*/"sm_90a",
     /*sharedBytes=*/227 * 1024,
     /*multiprocessorBytes=*/228 * 1024,
     /*portableBytes=*/227 * 1024,
     /*producerThreads=*/1,
     /*hasTensorMaps=*/true,
     /*hasAsyncProxy=*/true,
     /*multipliesTiles=*/true,
     /*setsRegisters=*/true,
     /*hasSuspendedWait=*/true,
     /*hasStMatrix=*/true,
     /*hasBf16Mul=*/true,
     /*hasTickets=*/true,
     /*rates=*/
     {/*multiprocessors=*/132, /*products=*/2048, /*cacheBytes=*/52,
      /*memoryBytes=*/20}},
    {/*chip=*/"sm_80",
     /*sharedBytes=*/163 * 1024,
     /*multiprocessorBytes=*/164 * 1024,
     /*portableBytes=*/99 * 1024,
     /*producerThreads=*/128,
     /*hasTensorMaps=*/false,
     /*hasAsyncProxy=*/false,
     /*multipliesTiles=*/false,
     /*setsRegisters=*/false,
     /*hasSuspendedWait=*/false,
     /*hasStMatrix=*/false,
     /*hasBf16Mul=*/false,
     /*hasTickets=*/false,
     /*rates=*/
     {/*multiprocessors=*/108, /*products=*/1024, /*cacheBytes=*/47,
      /*memoryBytes=*/10}},
};

int64_t Target::getTileBytes(int64_t blocks, int64_t bytes) const {
  constexpr int64_t barriers = 1024;
  return std::min(bytes, multiprocessorBytes / blocks - kBlockSharedBytes) -
         barriers;
}

int64_t Target::getRegistersOfThread(int64_t warpgroups, int64_t blocks) {
  constexpr int64_t most = 255;
  int64_t threads = warpgroups * kWarpgroupThreads;
  return std::min(most, getRegistersOfBlock(threads, blocks) / threads);
}

const Target *findTarget(llvm::StringRef chip) {
  const auto *target = llvm::find_if(
      kTargets, [&](const Target &entry) { return entry.chip == chip; });
  return target == std::end(kTargets) ? nullptr : target;
}

FailureOr<const Target *> getTarget(Operation *op, llvm::StringRef chip) {
  for (Operation *outer = op; outer && chip.empty();
       outer = outer->getParentOp())
    if (auto name = outer->getAttrOfType<StringAttr>(kTileChipAttrName))
      chip = name.getValue();
  if (chip.empty())
    chip = "sm_90a";
  const Target *target = findTarget(chip);
  if (!target)
    return op->emitError("tile kernels cannot be lowered to the chip '")
           << chip << "'; known are sm_90a and sm_80";
  return target;
}

} // namespace transmamba::tile
