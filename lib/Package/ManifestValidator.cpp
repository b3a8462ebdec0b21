//===- ManifestValidator.cpp - What a manifest must satisfy ---------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// After this, the runtime may use every index and name without a check of its
// own, and no expression overflows at the symbols' maxima.
//
//===----------------------------------------------------------------------===//

#include "ExpressionJson.h"
#include "ManifestChecks.h"
#include "transmamba/Package/CheckedMath.h"
#include "transmamba/Package/Manifest.h"
#include "transmamba/Package/Target.h"

#include <algorithm>
#include <map>
#include <set>

namespace transmamba::package {

//===----------------------------------------------------------------------===//
// Names and shapes
//===----------------------------------------------------------------------===//

std::string inQuotes(std::string_view text) {
  return "'" + std::string(text) + "'";
}

std::string at(const std::string &place, std::string_view key) {
  return place + "/" + std::string(key);
}

std::string at(const std::string &place, size_t index) {
  return place + "/" + std::to_string(index);
}

void fail(const std::string &place, const std::string &message) {
  throw JsonFailure{"at " + place + ": " + printable(message)};
}

void checkName(const std::string &place, const std::string &name) {
  bool fine = !name.empty() && name.size() <= 512 &&
              std::all_of(name.begin(), name.end(), [](unsigned char c) {
                return c >= 0x20 && c != 0x7f;
              });
  if (!fine)
    fail(place, "expected a name of 1 to 512 bytes without control characters");
  if (!isUtf8(name))
    fail(place, "the name is not valid UTF-8");
}

void checkPlainName(const std::string &place, const std::string &name,
                    std::string_view alsoAllowed) {
  checkName(place, name);
  for (char c : name)
    if (!isIdentifier(std::string("_") + c) &&
        alsoAllowed.find(c) == std::string_view::npos)
      fail(place, "the name " + inQuotes(name) +
                      " may hold letters, digits and " +
                      std::string(alsoAllowed) + "_ only");
}

int64_t checkShape(const std::string &place, const std::vector<int64_t> &shape,
                   ElementType type) {
  if (shape.size() > maxRank)
    fail(place, "a tensor has at most " + std::to_string(maxRank) +
                    " dimensions, this one has " +
                    std::to_string(shape.size()));
  for (size_t i = 0; i < shape.size(); ++i)
    if (shape[i] < 1)
      fail(at(place, i), "an extent is at least 1");
  std::optional<int64_t> count = checkedElementCount(shape);
  std::optional<int64_t> bytes =
      count ? checkedMul<int64_t>(*count, byteSize(type)) : std::nullopt;
  if (!bytes || *bytes > maxBytes)
    fail(place, "the tensor is larger than 2^48 bytes");
  return *bytes;
}

//===----------------------------------------------------------------------===//
// The lists of the manifest
//===----------------------------------------------------------------------===//

static void checkFiles(const Manifest &manifest) {
  checkNames("/files", manifest.files);
  for (size_t i = 0; i < manifest.files.size(); ++i) {
    const std::string &name = manifest.files[i].name;
    std::string item = at("/files", i);
    checkPlainName(at(item, "name"), name, ".-+/");
    bool escapes = name.front() == '/' || name.back() == '/' ||
                   name.find("//") != std::string::npos ||
                   ("/" + name + "/").find("/../") != std::string::npos ||
                   ("/" + name + "/").find("/./") != std::string::npos;
    if (escapes)
      fail(at(item, "name"), inQuotes(name) + " is not a plain relative path");
    if (name == manifestFileName)
      fail(at(item, "name"), "the manifest does not list itself");
    if (manifest.files[i].size > static_cast<uint64_t>(maxBytes))
      fail(at(item, "size"), "the file is larger than 2^48 bytes");
  }
}

static void checkModel(const Manifest &manifest) {
  const ModelInfo &model = manifest.model;
  checkName("/model/name", model.name);
  if (model.tokenizer != "bytes" && model.tokenizer != "none")
    fail("/model/tokenizer", "there is no tokenizer " +
                                 inQuotes(model.tokenizer) +
                                 "; there are bytes and none");
  if (model.tokenizer == "bytes" && model.vocabulary < 256)
    fail("/model/vocabulary", "a model of bytes has at least 256 tokens");
  if (model.vocabulary < 0 || model.vocabulary > maxBytes)
    fail("/model/vocabulary", "expected an integer in [0, 2^48]");
  if (model.maxBatch < 1 || model.maxBatch > maxBytes)
    fail("/model/max_batch", "expected an integer in [1, 2^48]");
  if (model.maxSequence < 1 || model.maxSequence > maxBytes)
    fail("/model/max_sequence", "expected an integer in [1, 2^48]");
  std::map<int64_t, uint64_t> stateBytes;
  for (const State &state : manifest.states)
    if (state.layer && !state.isWorkspace())
      stateBytes[*state.layer] += state.rowBytes();
  std::set<int64_t> seen;
  for (size_t i = 0; i < model.layers.size(); ++i) {
    const LayerInfo &layer = model.layers[i];
    std::string item = at("/model/layers", i);
    if (layer.index < 0 || !seen.insert(layer.index).second)
      fail(at(item, "index"), "expected an index of a layer that has not "
                              "appeared before");
    if (layer.transPoint && *layer.transPoint < 0)
      fail(at(item, "transpoint"), "expected a position, at least 0");
    if (layer.stateBytesPerRow < 0 ||
        static_cast<uint64_t>(layer.stateBytesPerRow) !=
            stateBytes[layer.index])
      fail(at(item, "state_bytes_per_row"),
           "the layer's states add up to " +
               std::to_string(stateBytes[layer.index]));
  }
}

static void checkParameters(const Manifest &manifest) {
  checkNames("/parameters", manifest.parameters);
  const FileInfo *weights = findNamed(manifest.files, weightsFileName);
  if (!weights && !manifest.parameters.empty())
    fail("/files", "there are parameters but no weights.bin");
  for (size_t i = 0; i < manifest.parameters.size(); ++i) {
    const Parameter &parameter = manifest.parameters[i];
    std::string item = at("/parameters", i);
    int64_t bytes =
        checkShape(at(item, "shape"), parameter.shape, parameter.type);
    if (parameter.offset % dataAlignment)
      fail(at(item, "offset"), "the offset is not a multiple of 64");
    if (parameter.offset > weights->size ||
        static_cast<uint64_t>(bytes) > weights->size - parameter.offset)
      fail(at(item, "offset"), "the parameter's " + std::to_string(bytes) +
                                   " bytes at " +
                                   std::to_string(parameter.offset) +
                                   " reach beyond weights.bin, "
                                   "which has " +
                                   std::to_string(weights->size));
  }
}

static void checkStates(const Manifest &manifest) {
  checkNames("/states", manifest.states);
  int64_t total = 0;
  for (size_t i = 0; i < manifest.states.size(); ++i) {
    const State &state = manifest.states[i];
    std::string item = at("/states", i);
    checkPlainName(at(item, "kind"), state.kind, "-");
    std::vector<int64_t> shape = state.rowShape;
    if (!state.isWorkspace())
      shape.insert(shape.begin(), manifest.model.maxBatch);
    std::optional<int64_t> sum =
        checkedAdd(total, checkShape(at(item, "shape"), shape, state.type));
    if (!sum || *sum > maxBytes)
      fail("/states", "for max_batch rows they are larger than 2^48 bytes");
    total = *sum;
    if (!state.sequenceDim)
      continue;
    if (state.isWorkspace() || *state.sequenceDim < 1 ||
        static_cast<size_t>(*state.sequenceDim) >= shape.size())
      fail(at(item, "sequence_dim"),
           "expected a dimension of one row, in [1, " +
               std::to_string(shape.size() - 1) + "]");
  }
}

static void checkVariantFile(const Manifest &manifest, const std::string &place,
                             const std::string &name, bool wanted,
                             bool required) {
  if (name.empty()) {
    if (required)
      fail(place, "the target needs this file");
    return;
  }
  if (!wanted)
    fail(place, "the target has no such file");
  if (!findNamed(manifest.files, name))
    fail(place, "the package has no file " + inQuotes(name));
}

static void checkVariants(const Manifest &manifest) {
  if (manifest.variants.empty())
    fail("/variants", "the package has no variant, so nothing can run it");
  std::set<std::string_view> targets;
  for (size_t i = 0; i < manifest.variants.size(); ++i) {
    const Variant &variant = manifest.variants[i];
    std::string item = at("/variants", i);
    std::optional<Target> target = Target::parse(variant.target);
    if (!target)
      fail(at(item, "target"),
           "there is no target " + inQuotes(variant.target) +
               "; there are cpu:x86-64 (-v2, -v3, -v4) and nvidia:sm_NN[a]");
    if (!targets.insert(variant.target).second)
      fail(at(item, "target"),
           "a second variant for " + inQuotes(variant.target));
    bool cpu = target->kind == Target::Kind::Cpu;
    std::string files = at(item, "files");
    checkVariantFile(manifest, at(files, "object"), variant.object, cpu, cpu);
    checkVariantFile(manifest, at(files, "cubin"), variant.cubin, !cpu, false);
    checkVariantFile(manifest, at(files, "ptx"), variant.ptx, !cpu, !cpu);
    std::string kernels = at(item, "kernels");
    checkNames(kernels, variant.kernels);
    for (size_t k = 0; k < variant.kernels.size(); ++k) {
      checkPlainName(at(at(kernels, k), "name"), variant.kernels[k].name, ".$");
      if (variant.kernels[k].waits && (cpu || target->major < 9))
        fail(at(at(kernels, k), "waits"),
             "kernels for " + variant.target +
                 " cannot wait for what was launched before them; those for "
                 "nvidia:sm_90 and later can");
    }
    std::string entries = at(item, "entries");
    if (variant.entries.empty())
      fail(entries, "the variant has no entry point");
    checkNames(entries, variant.entries);
    for (size_t e = 0; e < variant.entries.size(); ++e)
      checkEntry(manifest, variant, variant.entries[e], at(entries, e));
  }
}

Error validateManifest(const Manifest &manifest, const std::string &file) {
  try {
    checkName("/producer", manifest.producer);
    checkFiles(manifest);
    checkParameters(manifest);
    // checkModel adds the states' sizes up, which checkStates bounds.
    if (manifest.model.maxBatch < 1 || manifest.model.maxBatch > maxBytes)
      fail("/model/max_batch", "expected an integer in [1, 2^48]");
    checkStates(manifest);
    checkModel(manifest);
    checkVariants(manifest);
    return Error::success();
  } catch (const JsonFailure &failure) {
    return Error(file, std::string(manifestFileName) + " " + failure.message);
  }
}

} // namespace transmamba::package
