//===- Target.cpp - What machines differ in -------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Target.h"

#include "llvm/ADT/STLExtras.h"

namespace transmamba::tile {

static constexpr Target kTargets[] = {
    {/*chip=*/"sm_90a", /*sharedBytes=*/227 * 1024, /*producerThreads=*/1,
     /*hasTensorMaps=*/true, /*hasAsyncProxy=*/true, /*multipliesTiles=*/true,
     /*setsRegisters=*/true, /*hasSuspendedWait=*/true, /*hasStMatrix=*/true,
     /*hasBf16Mul=*/true},
    {/*chip=*/"sm_80", /*sharedBytes=*/163 * 1024, /*producerThreads=*/128,
     /*hasTensorMaps=*/false, /*hasAsyncProxy=*/false,
     /*multipliesTiles=*/false, /*setsRegisters=*/false,
     /*hasSuspendedWait=*/false, /*hasStMatrix=*/false, /*hasBf16Mul=*/false},
};

const Target *findTarget(llvm::StringRef chip) {
  const auto *target = llvm::find_if(
      kTargets, [&](const Target &entry) { return entry.chip == chip; });
  return target == std::end(kTargets) ? nullptr : target;
}

} // namespace transmamba::tile
