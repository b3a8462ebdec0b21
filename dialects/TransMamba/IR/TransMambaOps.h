//===- TransMambaOps.h - Operations -----------------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_IR_TRANSMAMBAOPS_H
#define TRANSMAMBA_IR_TRANSMAMBAOPS_H

#include "TransMamba/IR/TransMambaDialect.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#define GET_OP_CLASSES
#include "TransMamba/IR/TransMambaOps.h.inc"

#endif // TRANSMAMBA_IR_TRANSMAMBAOPS_H
