//===- CpuLevel.h - Processor levels ----------------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// The levels of the x86-64 psABI that code is made for.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TARGET_HOST_CPULEVEL_H
#define TRANSMAMBA_TARGET_HOST_CPULEVEL_H

#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>

namespace transmamba {

enum class CpuLevel { V2, V3, V4, Native };

/// What the vectoriser wants to know of a processor.
struct CpuFeatures {
  unsigned vectorBits;
  bool hasFma;
  bool hasF16C;
};

/// "x86-64-v2", "x86-64-v3", "x86-64-v4", "native".
llvm::StringRef getCpuLevelName(CpuLevel level);
std::optional<CpuLevel> parseCpuLevel(llvm::StringRef name);

/// The features of a level; those of this machine for `Native`.
CpuFeatures getCpuFeatures(CpuLevel level);

/// Whether this machine runs code of `level`.
bool isSupportedByThisMachine(CpuLevel level);

/// The processor and features that LLVM makes code for, as -mcpu and -mattr.
std::string getLLVMCpuName(CpuLevel level);
std::string getLLVMFeatures(CpuLevel level);

} // namespace transmamba

#endif // TRANSMAMBA_TARGET_HOST_CPULEVEL_H
