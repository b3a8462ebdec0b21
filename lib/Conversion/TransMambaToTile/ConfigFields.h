//===- ConfigFields.h - Configurations as dictionaries ----------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOTILE_CONFIGFIELDS_H
#define TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOTILE_CONFIGFIELDS_H

#include "mlir/IR/Builders.h"
#include "transmamba/Conversion/TransMambaToTile/Config.h"

namespace transmamba {

using Fields = mlir::ArrayRef<std::pair<mlir::StringRef, int64_t>>;
mlir::DictionaryAttr makeDictionary(mlir::MLIRContext *context, Fields fields);

/// Sets the fields that the dictionary names.
using FieldPointers = mlir::ArrayRef<std::pair<mlir::StringRef, int64_t *>>;
mlir::LogicalResult readDictionary(mlir::DictionaryAttr attribute,
                                   FieldPointers fields, EmitError emitError);

} // namespace transmamba

#endif // TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOTILE_CONFIGFIELDS_H
