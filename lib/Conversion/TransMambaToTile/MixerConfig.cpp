//===- MixerConfig.cpp - How a hybrid mixer is cut ------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "ConfigFields.h"

using namespace mlir;
using namespace transmamba;

/// Half of the multiprocessors, measured.
static constexpr int64_t kFill = 66;

// With half of the tokens before the TransPoint or more, attention is nearly
// all of the time, and three warpgroups of its own kernel are faster than two.
// Results of a warpgroup end at a multiple of 8 rows (Attention.cpp).
std::optional<MixerConfig>
transmamba::chooseMixerConfig(const tile::Target &target,
                              const ScanShape &shape, int64_t point,
                              int64_t tokens) {
  std::optional<ScanConfig> scan =
      chooseScanConfig(target, shape, /*mayPair=*/false);
  MixerConfig config;
  if (!scan || shape.stateDim != shape.headDim || shape.headDim > 96 ||
      point % 8 != 0 || 2 * point >= tokens ||
      shape.heads * scan->parts % config.warpgroups != 0)
    return std::nullopt;
  config.parts = scan->parts;
  config.fill = kFill;
  return config;
}

LogicalResult transmamba::overrideConfig(DictionaryAttr attribute,
                                         const ScanShape &shape,
                                         MixerConfig &config,
                                         EmitError emitError) {
  if (!attribute)
    return success();
  if (failed(readDictionary(attribute,
                            {{"block_n", &config.blockN},
                             {"key_stages", &config.keyStages},
                             {"stages", &config.stages},
                             {"segment", &config.segment},
                             {"fill", &config.fill},
                             {"scans", &config.scans},
                             {"between", &config.between}},
                            emitError)))
    return failure();
  if (config.stages < 1 || config.stages > 8 || config.segment < 0 ||
      config.segment % kScanChunk != 0 || config.fill < 0 || config.scans < 0 ||
      config.between < 0)
    return emitError() << "'" << kTileConfigAttrName << "': a mixer of "
                       << shape.heads << " heads cannot have " << config.stages
                       << " stages, segments of " << config.segment
                       << " tokens, and turns of " << config.fill << ", "
                       << config.scans << " and " << config.between << " items";
  return success();
}
