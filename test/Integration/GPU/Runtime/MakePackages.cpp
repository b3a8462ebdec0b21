//===- MakePackages.cpp - Packages for a machine with a GPU ---------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
//   make-packages KERNELS.so SOURCE_DIR OUTPUT_DIR
//
// Writes sums.tmpkg, the package of the runtime's unit tests with the PTX of
// sums.ptx beside the processor's code, and tma.tmpkg with x.npy, a copy
// through a tensor map.
//
//===----------------------------------------------------------------------===//

#include "../../../Unit/Runtime/TestPackage.h"
#include "transmamba/Package/Npy.h"

#include <cstdio>

using namespace transmamba::runtime::test;

static constexpr int64_t mapRows = 1000;
static constexpr int64_t mapColumns = 32;

static Error writeSums(const std::string &object, const std::string &ptx,
                       const std::string &path) {
  Manifest manifest = testManifest();
  Variant cpu = manifest.variants[0];
  // The kernel of "leak" has no counterpart.
  cpu.entries.erase(cpu.entries.begin() + 4);
  cpu.kernels.clear();
  for (const char *name :
       {"scale_tokens", "sum_row", "add_token", "copy_tokens", "count_point",
        "clear_count", "persist"})
    cpu.kernels.push_back({name, -1, -1, -1});
  Variant gpu = cpu;
  gpu.target = "nvidia:sm_80";
  gpu.object.clear();
  gpu.ptx = "code/kernels.ptx";
  Command &scale = gpu.entries[0].commands[0];
  scale.block = {256, 1, 1};
  scale.shared = 65536;
  manifest.variants = {gpu, cpu};

  static const float scaleData[1] = {scaleValue};
  WeightsBuilder weights;
  weights.add("scale", ElementType::F32, {}, scaleData);
  manifest.parameters = weights.parameters();
  return writePackage(path, manifest,
                      {weights.blob(), Blob::fromString(gpu.ptx, ptx),
                       Blob::fromString(cpu.object, object)});
}

static Error writeTma(const std::string &ptx, const std::string &path) {
  Manifest manifest;
  manifest.producer = "tests";
  manifest.model.name = "tma";
  EntryPoint entry;
  entry.name = "copy";
  entry.symbols = {{"N", 4096, "x", 0}};
  entry.inputs = {
      {"x", ElementType::F32, {"N", mapColumns}, {}, "", Input::Role::None}};
  entry.outputs = {{"y", ElementType::F32, {"N", mapColumns}}};
  TensorMap map;
  map.type = ElementType::F32;
  map.extents = {mapColumns, "N"};
  map.strides = {mapColumns * 4};
  map.box = {mapColumns, 8};
  Argument source = Argument::input(0);
  source.map = map;
  Command command =
      makeCommand("tma_copy", {Expression::ceilDiv("N", 8), 1, 1},
                  {source, Argument::output(0), Argument::scalar("N")});
  command.block = {mapColumns, 1, 1};
  entry.commands = {command};
  Variant variant;
  variant.target = "nvidia:sm_90a";
  variant.ptx = "code/tma.ptx";
  variant.kernels = {{"tma_copy", -1, -1, -1}};
  variant.entries = {entry};
  manifest.variants = {variant};
  return writePackage(path, manifest, {Blob::fromString(variant.ptx, ptx)});
}

static Error writeInput(const std::string &path) {
  std::vector<float> values(mapRows * mapColumns);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(i) + 0.25f;
  return writeNpy(path, ElementType::F32, {mapRows, mapColumns}, values.data());
}

int main(int argc, char **argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: make-packages KERNELS.so SOURCE_DIR "
                         "OUTPUT_DIR\n");
    return 1;
  }
  std::string source = argv[2], target = argv[3];
  for (const Error &error :
       {writeSums(readFile(argv[1]), readFile(source + "/sums.ptx"),
                  target + "/sums.tmpkg"),
        writeTma(readFile(source + "/tma.ptx"), target + "/tma.tmpkg"),
        writeInput(target + "/x.npy")})
    if (error) {
      std::fprintf(stderr, "%s\n", error.str().c_str());
      return 1;
    }
  return 0;
}
