//===- ScanConfig.cpp - How a scan is cut ---------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "ConfigFields.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace transmamba;

/// Bytes of a chunk's keys and values in a block with `matrices` of keys.
static int64_t getChunkBytes(const ScanShape &shape, const ScanConfig &config,
                             int64_t matrices) {
  int64_t keys = shape.stateDim * (config.sharesKeys() ? 1 : config.warpgroups);
  int64_t values = shape.headDim / config.parts * config.warpgroups;
  return 2 * kScanChunk * (matrices * keys + values);
}

/// Bytes of a block's tiles: chunks on their way, the state, a result.
static int64_t getScanBytes(const ScanShape &shape, const ScanConfig &config) {
  int64_t width = shape.headDim / config.parts * config.warpgroups;
  return config.stages * getChunkBytes(shape, config, 2) +
         2 * width * (shape.stateDim + kScanChunk);
}

/// Of the kernel of states: chunks on their way.
static int64_t getStateBytes(const ScanShape &shape, const ScanConfig &config) {
  return config.stages * getChunkBytes(shape, config, 1);
}

/// Whether a state of `width` columns stays in registers where `blocks` share a
/// multiprocessor.
static bool fitsRegisters(const tile::Target &target, const ScanShape &shape,
                          int64_t width, int64_t blocks) {
  // Registers of a thread: the state, a result and a chunk's scores. What else
  // there is grows with the state; the bound is what ptxas was seen to fit
  // without spills.
  int64_t registers = llvm::divideCeil(shape.stateDim, 64) * width / 2 +
                      width / 2 + kScanChunk / 2 + shape.stateDim / 16 +
                      (shape.gate.tensor ? width / 4 : 0);
  if (target.setsRegisters)
    return registers <= 182 && (width < 128 || shape.stateDim < 64);
  // What else is done with a token takes some.
  bool isPlain =
      !shape.hasSkip && !shape.hasInit && !shape.lengths && !shape.gate.tensor;
  return registers <=
         tile::Target::getRegistersOfThread(2, blocks) - (isPlain ? 73 : 91);
}

static constexpr int64_t kMaxScanStages = 8;

/// Whether two warpgroups of a block have two heads, or the halves of one.
static bool canPair(const tile::Target &target, const ScanShape &shape,
                    const ScanConfig &config) {
  return target.setsRegisters &&
         (config.parts == 2 || (config.parts == 1 && shape.heads % 2 == 0));
}

std::optional<ScanConfig>
transmamba::chooseScanConfig(const tile::Target &target, const ScanShape &shape,
                             bool mayPair) {
  ScanConfig config;
  if (!target.setsRegisters)
    config.occupancy = 1;
  // Tiles have columns in multiples of 32.
  while (!fitsRegisters(target, shape, shape.headDim / config.parts,
                        config.occupancy))
    do {
      if (++config.parts > shape.headDim / 32)
        return std::nullopt;
    } while (shape.headDim % (32 * config.parts) != 0);
  if (mayPair && canPair(target, shape, config)) {
    config.warpgroups = 2;
    config.occupancy = 1;
    while (getScanBytes(shape, {config.stages + 1, 1, config.parts, 2}) <=
               target.getTileBytes(1) &&
           config.stages < kMaxScanStages)
      ++config.stages;
  }
  if (config.occupancy == 2 &&
      getScanBytes(shape, config) > target.getTileBytes(2))
    config.occupancy = 1;
  // Blocks that read the same queries and keys cost more than a chunk that
  // nobody loads ahead.
  if (getScanBytes(shape, config) > target.getTileBytes(1))
    config.stages = 1;
  return config;
}

bool transmamba::hasRoomForGate(const tile::Target &target,
                                const ScanShape &shape) {
  ScanShape gated = shape;
  // Its size is that of a result, whatever tensor it comes from.
  gated.gate.tensor = shape.dt;
  std::optional<ScanConfig> with = chooseScanConfig(target, gated),
                            without = chooseScanConfig(target, shape);
  return with && without && with->parts == without->parts;
}

ScanConfig transmamba::chooseStateConfig(const tile::Target &target,
                                         const ScanShape &shape,
                                         const ScanConfig &scan) {
  ScanConfig config = scan;
  if (target.setsRegisters)
    config.occupancy = 2 / config.warpgroups;
  config.stages = kMaxScanStages;
  while (getStateBytes(shape, config) > target.getTileBytes(config.occupancy))
    --config.stages;
  return config;
}

DictionaryAttr transmamba::toAttribute(MLIRContext *context,
                                       const ScanConfig &config) {
  return makeDictionary(context, {{"stages", config.stages},
                                  {"occupancy", config.occupancy},
                                  {"parts", config.parts},
                                  {"warpgroups", config.warpgroups}});
}

LogicalResult transmamba::overrideConfig(DictionaryAttr attribute,
                                         const tile::Target &target,
                                         const ScanShape &shape,
                                         ScanConfig &config,
                                         EmitError emitError) {
  if (!attribute)
    return success();
  if (failed(readDictionary(attribute,
                            {{"stages", &config.stages},
                             {"occupancy", &config.occupancy},
                             {"parts", &config.parts},
                             {"warpgroups", &config.warpgroups}},
                            emitError)))
    return failure();
  if (config.parts < 1 || shape.headDim % (32 * config.parts) != 0 ||
      config.occupancy < 1 || config.occupancy > 2 ||
      !fitsRegisters(target, shape, shape.headDim / config.parts,
                     config.occupancy))
    return emitError() << "'" << kTileConfigAttrName << "': a head of "
                       << shape.stateDim << " x " << shape.headDim
                       << " cannot have " << config.parts << " parts";
  if (config.warpgroups != 1 &&
      (config.warpgroups != 2 || !canPair(target, shape, config)))
    return emitError() << "'" << kTileConfigAttrName
                       << "': " << config.warpgroups
                       << " warpgroups cannot share a block";
  if (config.stages < 1 || config.stages > kMaxScanStages ||
      getScanBytes(shape, config) >
          target.getTileBytes(config.occupancy, target.sharedBytes))
    return emitError() << "'" << kTileConfigAttrName
                       << "': " << config.occupancy << " blocks of "
                       << config.stages
                       << " stages do not fit in a multiprocessor";
  return success();
}
