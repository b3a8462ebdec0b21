//===- AttentionConfig.cpp - How attention is cut -------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "ConfigFields.h"

using namespace mlir;
using namespace transmamba;

AttentionConfig transmamba::chooseAttentionConfig(const AttentionShape &) {
  return {};
}

DictionaryAttr transmamba::toAttribute(MLIRContext *context,
                                       const AttentionConfig &config) {
  return makeDictionary(context, {{"block_m", config.blockM},
                                  {"block_n", config.blockN},
                                  {"stages", config.stages}});
}

LogicalResult transmamba::overrideConfig(DictionaryAttr attribute,
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
  if (config.blockM != 128 || config.blockN != 128 || config.stages < 1 ||
      config.stages > 8 || bytes > kUsableSharedBytes)
    return emitError() << "'" << kTileConfigAttrName << "': " << config.blockM
                       << " queries, " << config.blockN << " keys in "
                       << config.stages << " stages are not possible";
  return success();
}
