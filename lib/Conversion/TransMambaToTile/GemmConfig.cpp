//===- GemmConfig.cpp - How products are cut -----------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "ConfigFields.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace transmamba;

/// Bytes of a stage: columns of A, rows of B.
static int64_t getStageBytes(const GemmConfig &config) {
  return 2 * kGemmBlockK * (config.blockM + config.blockN);
}

/// Bytes of the result on its way to memory. Sums in f32 go there directly.
static int64_t getStagingBytes(const GemmShape &shape,
                               const GemmConfig &config) {
  return shape.resultType.isF32() ? 0 : 2 * config.blockM * config.blockN;
}

static int64_t getMaxStages(const GemmShape &shape, const GemmConfig &config) {
  int64_t free = kUsableSharedBytes - getStagingBytes(shape, config);
  return std::clamp<int64_t>(free / getStageBytes(config), 0, 8);
}

SmallVector<GemmConfig> transmamba::getGemmCandidates(const GemmShape &shape) {
  // 256 x 128 is never faster than 128 x 256.
  SmallVector<GemmConfig> candidates = {
      {128, 256}, {128, 192}, {128, 128}, {128, 64}};
  for (GemmConfig &candidate : candidates)
    candidate.stages = getMaxStages(shape, candidate);
  return candidates;
}

// A step of 64 columns takes what the matrix units need (2048 products a cycle)
// and 15 % more, or what the loads need of both operands, 52 bytes a cycle
// while all multiprocessors load. A tile ends with the write of its result, 64
// bytes a cycle. Blocks that have no tile left wait for the others. Within 10 %
// of what an H200 takes for 2048 to 32768 rows of 1536 columns by 1536 and
// 4096.
double transmamba::estimateGemmCycles(const GemmShape &shape,
                                      const GemmConfig &config, int64_t rows) {
  constexpr double multiprocessors = 132, latency = 200;
  double area = static_cast<double>(config.blockM) * config.blockN;
  double step = std::max(1.15 * area * kGemmBlockK / 2048,
                         static_cast<double>(getStageBytes(config)) / 52);
  double steps = llvm::divideCeil(shape.k, kGemmBlockK);
  double resultBytes = shape.resultType.getIntOrFloatBitWidth() / 8.0;
  double tile = steps * step + latency + area * resultBytes / 64;
  double tiles = static_cast<double>(llvm::divideCeil(rows, config.blockM)) *
                 static_cast<double>(llvm::divideCeil(shape.n, config.blockN));
  return std::ceil(tiles / multiprocessors) * tile;
}

GemmConfig transmamba::chooseGemmConfig(const GemmShape &shape, int64_t rows) {
  SmallVector<GemmConfig> candidates = getGemmCandidates(shape);
  return *llvm::min_element(candidates,
                            [&](const GemmConfig &a, const GemmConfig &b) {
                              return estimateGemmCycles(shape, a, rows) <
                                     estimateGemmCycles(shape, b, rows);
                            });
}

DictionaryAttr transmamba::toAttribute(MLIRContext *context,
                                       const GemmConfig &config) {
  return makeDictionary(context, {{"block_m", config.blockM},
                                  {"block_n", config.blockN},
                                  {"stages", config.stages},
                                  {"group", config.group}});
}

LogicalResult transmamba::overrideConfig(DictionaryAttr attribute,
                                         const GemmShape &shape,
                                         GemmConfig &config,
                                         EmitError emitError) {
  if (!attribute)
    return success();
  if (failed(readDictionary(attribute,
                            {{"block_m", &config.blockM},
                             {"block_n", &config.blockN},
                             {"stages", &config.stages},
                             {"group", &config.group}},
                            emitError)))
    return failure();
  // The sums of a warpgroup are at most 128 registers a thread, and a load has
  // at most 256 rows.
  if (config.blockM < 128 || config.blockM > 256 || config.blockM % 128 != 0 ||
      config.blockN < 16 || config.blockN > 256 || config.blockN % 16 != 0 ||
      config.blockM * config.blockN > 128 * 256 || config.group < 1)
    return emitError() << "'" << kTileConfigAttrName << "': tiles of "
                       << config.blockM << " x " << config.blockN
                       << " in groups of " << config.group
                       << " are not possible";
  int64_t most = getMaxStages(shape, config);
  if (!attribute.contains("stages"))
    config.stages = most;
  if (config.stages < 1 || config.stages > most)
    return emitError() << "'" << kTileConfigAttrName << "': " << config.stages
                       << " stages; shared memory has room for " << most;
  return success();
}
