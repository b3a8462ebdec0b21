//===- Config.cpp - Configurations as attributes --------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "ConfigFields.h"

using namespace mlir;
using namespace transmamba;

DictionaryAttr transmamba::makeDictionary(MLIRContext *context, Fields fields) {
  Builder builder(context);
  SmallVector<NamedAttribute> entries;
  for (auto [name, value] : fields)
    entries.push_back(
        builder.getNamedAttr(name, builder.getI64IntegerAttr(value)));
  return builder.getDictionaryAttr(entries);
}

LogicalResult transmamba::readDictionary(DictionaryAttr attribute,
                                         FieldPointers fields,
                                         EmitError emitError) {
  for (NamedAttribute entry : attribute) {
    const auto *field = llvm::find_if(fields, [&](const auto &pair) {
      return pair.first == entry.getName();
    });
    auto value = dyn_cast<IntegerAttr>(entry.getValue());
    if (field == fields.end() || !value || !value.getValue().isSignedIntN(32))
      return emitError() << "'" << kTileConfigAttrName << "' cannot have "
                         << entry.getName() << " = " << entry.getValue();
    *field->second = value.getInt();
  }
  return success();
}
