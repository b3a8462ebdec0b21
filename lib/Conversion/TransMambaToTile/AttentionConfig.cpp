//===- AttentionConfig.cpp - How attention is cut -------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "ConfigFields.h"

using namespace mlir;
using namespace transmamba;

/// Whether the sums, the scores and the weights of two tiles of keys are in
/// registers where all threads have as many. A role that sets its own number
/// has enough in every tile that is possible.
static bool fitsRegisters(const tile::Target &target,
                          const AttentionShape &shape,
                          const AttentionConfig &config) {
  int64_t registers = shape.headDim / 2 + config.blockN / 2 + config.blockN / 4;
  return target.setsRegisters ||
         registers <= tile::Target::getRegistersOfThread(
                          config.blockM / kAttentionRows + 1, 1) -
                          48;
}

/// Where all threads have the same number of registers: 168 where two
/// warpgroups compute, 255 where one does.
static SmallVector<AttentionConfig>
getEvenCandidates(const AttentionShape &shape) {
  switch (shape.headDim) {
  case 256:
    return {{64, 32, 2}};
  case 32:
    return {{128, 128, 2}, {128, 64, 2}};
  default:
    return {{128, 64, 2}};
  }
}

SmallVector<AttentionConfig>
transmamba::getAttentionCandidates(const tile::Target &target,
                                   const AttentionShape &shape) {
  if (!target.setsRegisters)
    return getEvenCandidates(shape);
  // What the registers hold: of a thread, sums of headDim / 2, scores of
  // blockN / 2 and weights of blockN / 4, of 160 where there are three
  // warpgroups, of 240 where there are two.
  switch (shape.headDim) {
  case 256:
    // The masks at both ends of a window take some.
    return {{128, shape.window ? 48 : 80, 2}};
  case 128:
    return {{192, 80, 3}, {128, 128, 2}};
  case 96:
    return {{192, 112, 2}, {128, 128, 2}};
  default:
    return {{192, 128, 2}, {128, 128, 2}};
  }
}

AttentionConfig transmamba::chooseAttentionConfig(const tile::Target &target,
                                                  const AttentionShape &shape) {
  return getAttentionCandidates(target, shape).front();
}

DictionaryAttr transmamba::toAttribute(MLIRContext *context,
                                       const AttentionConfig &config) {
  return makeDictionary(context, {{"block_m", config.blockM},
                                  {"block_n", config.blockN},
                                  {"stages", config.stages}});
}

LogicalResult transmamba::overrideConfig(DictionaryAttr attribute,
                                         const tile::Target &target,
                                         const AttentionShape &shape,
                                         AttentionConfig &config,
                                         EmitError emitError) {
  if (!attribute)
    return success();
  if (failed(readDictionary(attribute,
                            {{"block_m", &config.blockM},
                             {"block_n", &config.blockN},
                             {"stages", &config.stages}},
                            emitError)))
    return failure();
  int64_t bytes =
      2 * shape.headDim * (config.blockM + 2 * config.stages * config.blockN);
  if (config.blockM < kAttentionRows || config.blockM > 3 * kAttentionRows ||
      config.blockM % kAttentionRows != 0 || config.blockN < 16 ||
      config.blockN > 256 || config.blockN % 16 != 0 || config.stages < 1 ||
      config.stages > 8 || bytes > target.getTileBytes(1, target.sharedBytes) ||
      !fitsRegisters(target, shape, config))
    return emitError() << "'" << kTileConfigAttrName << "': " << config.blockM
                       << " queries, " << config.blockN << " keys in "
                       << config.stages << " stages are not possible";
  return success();
}
