//===- Limits.h - What a graph may ask for ----------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Far beyond any model, near enough that a malformed graph is refused before
// it costs memory. docs/graph.md names them.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_IMPORT_LIMITS_H
#define TRANSMAMBA_LIB_IMPORT_LIMITS_H

#include <cstddef>
#include <cstdint>

namespace transmamba::graph {

constexpr size_t kMaxFileSize = size_t(16) << 20;
constexpr size_t kMaxNodes = size_t(1) << 20;
constexpr size_t kMaxNesting = 32;
constexpr size_t kMaxNameLength = 512;
constexpr size_t kMaxConstants = 1024;
constexpr size_t kMaxBlocks = 256;
constexpr size_t kMaxExpressionLength = 256;
constexpr size_t kMaxExpressionDepth = 32;
/// Operations after all blocks are expanded.
constexpr size_t kMaxOps = size_t(1) << 18;
constexpr int64_t kMaxLayers = 4096;
/// Of a convolution, whose kernel has code for each.
constexpr int64_t kMaxTaps = 256;
/// Any size of a tensor, and batch and sequence: positions are int32.
constexpr int64_t kMaxDim = (int64_t(1) << 31) - 1;
constexpr int64_t kMaxParameterElements = int64_t(1) << 48;

} // namespace transmamba::graph

#endif // TRANSMAMBA_LIB_IMPORT_LIMITS_H
