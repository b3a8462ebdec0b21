//===- CpuLevel.cpp - Processor levels --------------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Target/Host/CpuLevel.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/SubtargetFeature.h"

using namespace transmamba;
using llvm::StringRef;

StringRef transmamba::getCpuLevelName(CpuLevel level) {
  switch (level) {
  case CpuLevel::V2:
    return "x86-64-v2";
  case CpuLevel::V3:
    return "x86-64-v3";
  case CpuLevel::V4:
    return "x86-64-v4";
  case CpuLevel::Native:
    return "native";
  }
  llvm_unreachable("unknown processor level");
}

std::optional<CpuLevel> transmamba::parseCpuLevel(StringRef name) {
  for (CpuLevel level :
       {CpuLevel::V2, CpuLevel::V3, CpuLevel::V4, CpuLevel::Native})
    if (name == getCpuLevelName(level))
      return level;
  return std::nullopt;
}

/// Whether this machine has all of the named features.
static bool machineHas(llvm::ArrayRef<StringRef> features) {
  const llvm::StringMap<bool> machine = llvm::sys::getHostCPUFeatures();
  return llvm::all_of(features,
                      [&](StringRef name) { return machine.lookup(name); });
}

bool transmamba::isSupportedByThisMachine(CpuLevel level) {
  switch (level) {
  case CpuLevel::Native:
    return true;
  case CpuLevel::V2:
    return machineHas(
        {"cx16", "sahf", "popcnt", "sse3", "ssse3", "sse4.1", "sse4.2"});
  case CpuLevel::V3:
    return machineHas({"cx16", "sahf", "popcnt", "sse4.2", "avx", "avx2", "bmi",
                       "bmi2", "f16c", "fma", "lzcnt", "movbe", "xsave"});
  case CpuLevel::V4:
    return isSupportedByThisMachine(CpuLevel::V3) &&
           machineHas(
               {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"});
  }
  llvm_unreachable("unknown processor level");
}

CpuFeatures transmamba::getCpuFeatures(CpuLevel level) {
  switch (level) {
  case CpuLevel::V2:
    return {128, false, false};
  case CpuLevel::V3:
    return {256, true, true};
  case CpuLevel::V4:
    return {512, true, true};
  case CpuLevel::Native:
    for (CpuLevel known : {CpuLevel::V4, CpuLevel::V3})
      if (isSupportedByThisMachine(known))
        return getCpuFeatures(known);
    return {128, machineHas({"fma"}), machineHas({"f16c"})};
  }
  llvm_unreachable("unknown processor level");
}

std::string transmamba::getLLVMCpuName(CpuLevel level) {
  return level == CpuLevel::Native ? llvm::sys::getHostCPUName().str()
                                   : getCpuLevelName(level).str();
}

std::string transmamba::getLLVMFeatures(CpuLevel level) {
  llvm::SubtargetFeatures features;
  if (level == CpuLevel::Native)
    for (const auto &feature : llvm::sys::getHostCPUFeatures())
      features.AddFeature(feature.getKey(), feature.getValue());
  return features.getString();
}
