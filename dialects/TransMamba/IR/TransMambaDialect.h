//===- TransMambaDialect.h - The transmamba dialect -------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_IR_TRANSMAMBADIALECT_H
#define TRANSMAMBA_IR_TRANSMAMBADIALECT_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpImplementation.h"

#include "TransMamba/IR/TransMambaDialect.h.inc"
#include "TransMamba/IR/TransMambaEnums.h.inc"
#include "TransMamba/IR/TransMambaTypeInterfaces.h.inc"

#define GET_TYPEDEF_CLASSES
#include "TransMamba/IR/TransMambaTypes.h.inc"

#define GET_ATTRDEF_CLASSES
#include "TransMamba/IR/TransMambaAttributes.h.inc"

#endif // TRANSMAMBA_IR_TRANSMAMBADIALECT_H
