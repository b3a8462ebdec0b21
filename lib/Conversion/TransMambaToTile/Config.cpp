//===- Config.cpp - How the kernels are cut -------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Conversion/TransMambaToTile/Config.h"

#include "ConfigFields.h"
#include "Tile/IR/TileDialect.h"
#include "mlir/IR/Builders.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace transmamba;

//===----------------------------------------------------------------------===//
// The SSD scan
//===----------------------------------------------------------------------===//

/// Bytes of shared memory of a block: chunks on their way, the state, a result.
static int64_t getScanBytes(const ScanShape &shape, int64_t stages) {
  int64_t chunk = 2 * kScanChunk * (2 * shape.stateDim + shape.headDim);
  int64_t barriers = 1024;
  return stages * chunk + 2 * shape.headDim * (shape.stateDim + kScanChunk) +
         barriers;
}

std::optional<ScanConfig> transmamba::chooseScanConfig(const ScanShape &shape) {
  // Registers of a thread: the state, a result and a chunk's scores. What else
  // there is grows with the state; the bound is what ptxas was seen to fit
  // without spills.
  int64_t registers = llvm::divideCeil(shape.stateDim, 64) * shape.headDim / 2 +
                      shape.headDim / 2 + kScanChunk / 2 + shape.stateDim / 16;
  if (registers > 182)
    return std::nullopt;
  ScanConfig config;
  if (2 * (getScanBytes(shape, config.stages) + tile::kBlockSharedBytes) >
      tile::kMultiprocessorSharedBytes)
    config.occupancy = 1;
  return config;
}

//===----------------------------------------------------------------------===//
// As attributes
//===----------------------------------------------------------------------===//

DictionaryAttr transmamba::makeDictionary(MLIRContext *context, Fields fields) {
  Builder builder(context);
  SmallVector<NamedAttribute> entries;
  for (auto [name, value] : fields)
    entries.push_back(
        builder.getNamedAttr(name, builder.getI64IntegerAttr(value)));
  return builder.getDictionaryAttr(entries);
}

DictionaryAttr transmamba::toAttribute(MLIRContext *context,
                                       const ScanConfig &config) {
  return makeDictionary(
      context, {{"stages", config.stages}, {"occupancy", config.occupancy}});
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

LogicalResult transmamba::overrideConfig(DictionaryAttr attribute,
                                         const ScanShape &shape,
                                         ScanConfig &config,
                                         EmitError emitError) {
  if (!attribute)
    return success();
  if (failed(readDictionary(
          attribute,
          {{"stages", &config.stages}, {"occupancy", &config.occupancy}},
          emitError)))
    return failure();
  if (config.stages < 1 || config.stages > 8 || config.occupancy < 1 ||
      config.occupancy > 2 ||
      config.occupancy *
              (getScanBytes(shape, config.stages) + tile::kBlockSharedBytes) >
          tile::kMultiprocessorSharedBytes)
    return emitError() << "'" << kTileConfigAttrName
                       << "': " << config.occupancy << " blocks of "
                       << config.stages
                       << " stages do not fit in a multiprocessor";
  return success();
}
