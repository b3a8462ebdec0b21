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
static int64_t getScanBytes(const ScanShape &shape, const ScanConfig &config) {
  int64_t width = shape.headDim / config.parts;
  int64_t chunk = 2 * kScanChunk * (2 * shape.stateDim + width);
  int64_t barriers = 1024;
  return config.stages * chunk + 2 * width * (shape.stateDim + kScanChunk) +
         barriers + tile::kBlockSharedBytes;
}

/// Of the kernel of states: chunks on their way.
static int64_t getStateBytes(const ScanShape &shape, const ScanConfig &config) {
  int64_t chunk =
      2 * kScanChunk * (shape.stateDim + shape.headDim / config.parts);
  int64_t barriers = 1024;
  return config.stages * chunk + barriers + tile::kBlockSharedBytes;
}

/// Whether a state of `width` columns stays in registers.
static bool fitsRegisters(const ScanShape &shape, int64_t width) {
  // Registers of a thread: the state, a result and a chunk's scores. What else
  // there is grows with the state; the bound is what ptxas was seen to fit
  // without spills.
  int64_t registers = llvm::divideCeil(shape.stateDim, 64) * width / 2 +
                      width / 2 + kScanChunk / 2 + shape.stateDim / 16;
  return registers <= 182 && (width < 128 || shape.stateDim < 64);
}

std::optional<ScanConfig> transmamba::chooseScanConfig(const ScanShape &shape) {
  ScanConfig config;
  // Tiles have columns in multiples of 32.
  while (!fitsRegisters(shape, shape.headDim / config.parts))
    do {
      if (++config.parts > shape.headDim / 32)
        return std::nullopt;
    } while (shape.headDim % (32 * config.parts) != 0);
  if (2 * getScanBytes(shape, config) > tile::kMultiprocessorSharedBytes)
    config.occupancy = 1;
  return config;
}

ScanConfig transmamba::chooseStateConfig(const ScanShape &shape,
                                         const ScanConfig &scan) {
  ScanConfig config = scan;
  config.occupancy = 2;
  config.stages = 8;
  while (config.occupancy * getStateBytes(shape, config) >
         tile::kMultiprocessorSharedBytes)
    --config.stages;
  return config;
}

DictionaryAttr transmamba::toAttribute(MLIRContext *context,
                                       const ScanConfig &config) {
  return makeDictionary(context, {{"stages", config.stages},
                                  {"occupancy", config.occupancy},
                                  {"parts", config.parts}});
}

LogicalResult transmamba::overrideConfig(DictionaryAttr attribute,
                                         const ScanShape &shape,
                                         ScanConfig &config,
                                         EmitError emitError) {
  if (!attribute)
    return success();
  if (failed(readDictionary(attribute,
                            {{"stages", &config.stages},
                             {"occupancy", &config.occupancy},
                             {"parts", &config.parts}},
                            emitError)))
    return failure();
  if (config.parts < 1 || shape.headDim % (32 * config.parts) != 0 ||
      !fitsRegisters(shape, shape.headDim / config.parts))
    return emitError() << "'" << kTileConfigAttrName << "': a head of "
                       << shape.stateDim << " x " << shape.headDim
                       << " cannot have " << config.parts << " parts";
  if (config.stages < 1 || config.stages > 8 || config.occupancy < 1 ||
      config.occupancy > 2 ||
      config.occupancy * getScanBytes(shape, config) >
          tile::kMultiprocessorSharedBytes)
    return emitError() << "'" << kTileConfigAttrName
                       << "': " << config.occupancy << " blocks of "
                       << config.stages
                       << " stages do not fit in a multiprocessor";
  return success();
}
