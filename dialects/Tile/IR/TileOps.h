//===- TileOps.h - Operations of the tile dialect ---------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TILE_IR_TILEOPS_H
#define TRANSMAMBA_TILE_IR_TILEOPS_H

#include "Tile/IR/TileDialect.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace transmamba::tile {
class ConsumersOp;
class ProducerOp;
class TicketsOp;
} // namespace transmamba::tile

#define GET_OP_CLASSES
#include "Tile/IR/TileOps.h.inc"

#endif // TRANSMAMBA_TILE_IR_TILEOPS_H
