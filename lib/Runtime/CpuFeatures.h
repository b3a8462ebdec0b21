//===- CpuFeatures.h - What the processor can run ---------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_RUNTIME_CPUFEATURES_H
#define TRANSMAMBA_LIB_RUNTIME_CPUFEATURES_H

#include <string>

namespace transmamba::runtime {

/// The features of the x86-64 psABI level `level` ("x86-64-v3") that this
/// processor or its operating system lacks, separated by spaces; empty where it
/// has them all.
std::string missingFeatures(const std::string &level);

/// The processor's brand, such as "AMD EPYC 9654 96-Core Processor".
std::string processorName();

} // namespace transmamba::runtime

#endif // TRANSMAMBA_LIB_RUNTIME_CPUFEATURES_H
