//===- Bufferization.h - Launches on buffers --------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TILE_TRANSFORMS_BUFFERIZATION_H
#define TRANSMAMBA_TILE_TRANSFORMS_BUFFERIZATION_H

#include "mlir/IR/DialectRegistry.h"

namespace transmamba::tile {

/// Gives `tile.launch` the BufferizableOpInterface.
void registerBufferization(mlir::DialectRegistry &registry);

} // namespace transmamba::tile

#endif // TRANSMAMBA_TILE_TRANSFORMS_BUFFERIZATION_H
