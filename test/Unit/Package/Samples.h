//===- Samples.h - Small packages for tests ---------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TEST_UNIT_PACKAGE_SAMPLES_H
#define TRANSMAMBA_TEST_UNIT_PACKAGE_SAMPLES_H

#include "transmamba/Package/Manifest.h"
#include "transmamba/Package/PackageWriter.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <unistd.h>
#include <vector>

namespace transmamba::package::test {

/// A directory that disappears with this object.
class TemporaryDirectory {
public:
  TemporaryDirectory() {
    std::string name =
        std::filesystem::temp_directory_path() / "transmamba-test-XXXXXX";
    directory = ::mkdtemp(name.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(directory); }
  std::string file(const std::string &name) const { return directory / name; }
  /// The names in the directory.
  std::vector<std::string> list() const {
    std::vector<std::string> names;
    for (const auto &entry : std::filesystem::directory_iterator(directory))
      names.push_back(entry.path().filename());
    return names;
  }

private:
  std::filesystem::path directory;
};

inline std::string readFile(const std::string &path) {
  std::ifstream stream(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

inline void writeFile(const std::string &path, const std::string &contents) {
  std::ofstream stream(path, std::ios::binary);
  stream << contents;
}

inline ByteView view(const std::string &text) {
  return ByteView(text.data(), text.size());
}

/// A manifest that uses every feature of the format; without `files`.
inline Manifest sampleManifest() {
  Manifest manifest;
  manifest.producer = "tests";
  manifest.model.name = "sample";
  manifest.model.tokenizer = "bytes";
  manifest.model.vocabulary = 256;
  manifest.model.maxBatch = 4;
  manifest.model.maxSequence = 32;
  manifest.model.layers = {{0, 8, 0}, {1, std::nullopt, 0}};
  State cache{"layers.0.k", "kv_cache", 0, ElementType::BF16, {8, 2, 16}, 1};
  State ssm{"layers.1.h", "ssm_state", 1, ElementType::F32, {4, 4}, {}};
  State counters{"counters", "workspace", {}, ElementType::I32, {16}, {}};
  manifest.states = {cache, ssm, counters};

  EntryPoint prefill;
  prefill.name = "prefill";
  prefill.symbols = {{"B", 4, "tokens", 0}, {"T", 32, "tokens", 1}};
  Input tokens{"tokens",   ElementType::I32, {"B", "T"},
               {{0, 256}}, "lengths",        Input::Role::None};
  Input lengths{"lengths", ElementType::I32,    {"B"}, {},
                "",        Input::Role::Lengths};
  prefill.inputs = {tokens, lengths};
  prefill.outputs = {{"logits", ElementType::F32, {"B", 256}}};
  prefill.positions = {PositionRule::Kind::Set, "lengths", 1};
  prefill.arena = Expression::mul(Expression::mul("B", "T"), 128);
  Command command;
  command.kernel = "k0";
  command.grid = {Expression::ceilDiv(Expression::mul("B", "T"), 64),
                  Expression::max("B", 1), 1};
  command.args = {Argument::input(0),
                  Argument::parameter(1),
                  Argument::arena(Expression::mul("B", 64)),
                  Argument::state(0),
                  Argument::output(0),
                  Argument::scalar("T"),
                  Argument::f32(0.1f)};
  command.work.flop = Expression::mul(Expression::mul("B", "T"), 1000);
  command.work.bytes = Expression::mul("B", "T");
  prefill.commands = {command};

  EntryPoint decode;
  decode.name = "decode";
  decode.symbols = {{"B", 4, "tokens", 0}};
  decode.inputs = {
      {"tokens", ElementType::I32, {"B"}, {{0, 256}}, "", Input::Role::None},
      {"positions", ElementType::I32, {"B"}, {}, "", Input::Role::Positions}};
  decode.outputs = {{"logits", ElementType::F32, {"B", 256}}};
  decode.positions = {PositionRule::Kind::Advance, "", 1};
  Command step;
  step.kernel = "k1";
  step.grid = {"B", 1, 1};
  step.args = {Argument::input(1), Argument::state(1), Argument::output(0)};
  decode.commands = {step};

  Variant cpu;
  cpu.target = "cpu:x86-64";
  cpu.object = "code/cpu.so";
  cpu.kernels = {{"k0", 0, 0, 0}, {"k1", -1, -1, -1}};
  cpu.entries = {prefill, decode};

  Variant gpu = cpu;
  gpu.target = "nvidia:sm_90a";
  gpu.object.clear();
  gpu.cubin = "code/gpu.cubin";
  gpu.ptx = "code/gpu.ptx";
  gpu.kernels[0].config = "block_m = 128, stages = 4";
  gpu.kernels[0].waits = true;
  Command &launch = gpu.entries[0].commands[0];
  launch.block = {128, 2, 1};
  launch.shared = 65536;
  TensorMap map;
  map.type = ElementType::BF16;
  map.extents = {16, Expression::mul("B", 2), 8};
  map.strides = {32, Expression::mul("B", 16)};
  map.box = {16, 8, 1};
  map.swizzle = TensorMap::Swizzle::B32;
  map.promotion = TensorMap::Promotion::B128;
  launch.args[3].map = map;
  gpu.entries[1].commands[0].grid[0] =
      Expression::min(multiprocessorsSymbol, "B");
  manifest.variants = {gpu, cpu};
  return manifest;
}

/// The parameters of the sample, whose data is that of `storage`.
inline WeightsBuilder sampleWeights() {
  static const std::vector<float> storage = [] {
    std::vector<float> values(100);
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<float>(i) * 0.5f;
    return values;
  }();
  WeightsBuilder weights;
  weights.add("embedding", ElementType::F32, {3, 5}, storage.data());
  weights.add("layers.0.scale", ElementType::F32, {}, storage.data() + 20);
  weights.addShared("head", 0);
  return weights;
}

/// Writes the sample to `path`.
inline Error writeSample(const std::string &path, WriteOptions options = {}) {
  Manifest manifest = sampleManifest();
  WeightsBuilder weights = sampleWeights();
  manifest.parameters = weights.parameters();
  return writePackage(
      path, manifest,
      {Blob::fromString("code/cpu.so", "processor code"),
       Blob::fromString("code/gpu.cubin", std::string(200, 'c')),
       Blob::fromString("code/gpu.ptx", ".version 9.0"), weights.blob()},
      options);
}

} // namespace transmamba::package::test

#endif // TRANSMAMBA_TEST_UNIT_PACKAGE_SAMPLES_H
