//===- StateUse.h - Memory of a model's state -------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TOOLS_TRANSMAMBA_INSPECT_STATEUSE_H
#define TRANSMAMBA_TOOLS_TRANSMAMBA_INSPECT_STATEUSE_H

#include "transmamba/Package/Manifest.h"

#include <cstdint>
#include <vector>

namespace transmamba::inspect {

/// Bytes of one row's state that hold something after `tokens` tokens: a cache
/// that counts tokens as many as there are, and none any more once its layer is
/// past the TransPoint; everything else all of it.
uint64_t stateBytesInUse(const package::Manifest &manifest, int64_t tokens);

/// Sequence lengths worth a line in a table: powers of four, each TransPoint
/// and the token after it, the longest sequence.
std::vector<int64_t> interestingLengths(const package::Manifest &manifest);

} // namespace transmamba::inspect

#endif // TRANSMAMBA_TOOLS_TRANSMAMBA_INSPECT_STATEUSE_H
