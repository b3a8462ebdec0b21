//===- ScanConfig.cpp - How a scan is cut ---------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "ConfigFields.h"
#include "Tile/IR/TileDialect.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace transmamba;

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

DictionaryAttr transmamba::toAttribute(MLIRContext *context,
                                       const ScanConfig &config) {
  return makeDictionary(
      context, {{"stages", config.stages}, {"occupancy", config.occupancy}});
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
