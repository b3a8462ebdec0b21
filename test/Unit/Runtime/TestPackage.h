//===- TestPackage.h - A package of hand-written kernels --------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// A "model" whose state is the sum of the tokens that it has seen, and entry
// points that show what the runtime does. Kernels.c has the kernels.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TEST_UNIT_RUNTIME_TESTPACKAGE_H
#define TRANSMAMBA_TEST_UNIT_RUNTIME_TESTPACKAGE_H

#include "../Package/Samples.h"
#include "transmamba/Runtime/runtime.h"

#include <memory>
#include <string>
#include <vector>

namespace transmamba::runtime::test {

using namespace transmamba::package;
using namespace transmamba::package::test;

inline constexpr float scaleValue = 0.5f;

inline Command makeCommand(const char *kernel, std::array<Expression, 3> grid,
                           std::vector<Argument> args) {
  Command command;
  command.kernel = kernel;
  command.grid = std::move(grid);
  command.args = std::move(args);
  return command;
}

/// tokens [B, T] and lengths [B] to sums [B]; sets the positions.
inline EntryPoint prefillEntry() {
  EntryPoint entry;
  entry.name = "prefill";
  entry.symbols = {{"B", 4, "tokens", 0}, {"T", 8, "tokens", 1}};
  entry.inputs = {
      {"tokens",
       ElementType::I32,
       {"B", "T"},
       {{0, 256}},
       "lengths",
       Input::Role::None},
      {"lengths", ElementType::I32, {"B"}, {}, "", Input::Role::Lengths}};
  entry.outputs = {{"sums", ElementType::F32, {"B"}}};
  entry.positions = {PositionRule::Kind::Set, "lengths", 1};
  Expression scratch = Expression::mul(Expression::mul("B", "T"), 4);
  entry.arena = Expression::add(64, scratch);
  entry.commands = {
      makeCommand("scale_tokens", {"B", 1, 1},
                  {Argument::input(0), Argument::parameter(0),
                   Argument::arena(64), Argument::scalar("T")}),
      makeCommand("sum_row", {"B", 1, 1},
                  {Argument::arena(64), Argument::input(1), Argument::state(0),
                   Argument::output(0), Argument::scalar("T")})};
  return entry;
}

/// tokens [B] to sums [B] and seen [B], the positions.
inline EntryPoint decodeEntry() {
  EntryPoint entry;
  entry.name = "decode";
  entry.symbols = {{"B", 4, "tokens", 0}};
  entry.inputs = {
      {"tokens", ElementType::I32, {"B"}, {{0, 256}}, "", Input::Role::None},
      {"positions", ElementType::I32, {"B"}, {}, "", Input::Role::Positions}};
  entry.outputs = {{"sums", ElementType::F32, {"B"}},
                   {"seen", ElementType::I32, {"B"}}};
  entry.positions = {PositionRule::Kind::Advance, "", 1};
  entry.commands = {makeCommand("add_token", {"B", 1, 1},
                                {Argument::input(0), Argument::input(1),
                                 Argument::parameter(0), Argument::state(0),
                                 Argument::output(0), Argument::output(1)})};
  return entry;
}

/// tokens [B, T] and lengths [B] to a copy of the tokens as kernels see them.
inline EntryPoint echoEntry() {
  EntryPoint entry = prefillEntry();
  entry.name = "echo";
  entry.outputs = {{"copy", ElementType::I32, {"B", "T"}}};
  entry.positions = {};
  entry.commands = {makeCommand(
      "copy_tokens", {"B", 1, 1},
      {Argument::input(0), Argument::output(0), Argument::scalar("T")})};
  return entry;
}

/// like [X, Y, Z] to counts [X, Y, Z], how often each point was called, by a
/// grid of that size; the last command has an empty grid where X is 1.
inline EntryPoint countEntry() {
  EntryPoint entry;
  entry.name = "count";
  entry.symbols = {
      {"X", 300, "like", 0}, {"Y", 300, "like", 1}, {"Z", 300, "like", 2}};
  entry.inputs = {
      {"like", ElementType::I8, {"X", "Y", "Z"}, {}, "", Input::Role::None}};
  entry.outputs = {{"counts", ElementType::I32, {"X", "Y", "Z"}}};
  Expression all = Expression::mul(Expression::mul("X", "Y"), "Z");
  std::vector<Argument> args = {Argument::output(0), Argument::state(1),
                                Argument::scalar("X"), Argument::scalar("Y")};
  entry.commands = {
      makeCommand("clear_count", {all, 1, 1}, {Argument::output(0)}),
      makeCommand("count_point", {"X", "Y", "Z"}, args),
      makeCommand("count_point", {Expression::sub("X", 1), 0, "Z"}, args)};
  return entry;
}

/// like [N] to out [1], scratch memory that nobody has written, and unset [N],
/// an output that nobody writes; N has no other use than to be too small.
inline EntryPoint leakEntry() {
  EntryPoint entry;
  entry.name = "leak";
  entry.symbols = {{"N", 100, "like", 0}};
  entry.inputs = {{"like", ElementType::F32, {"N"}, {}, "", Input::Role::None}};
  entry.outputs = {{"out", ElementType::F32, {1}},
                   {"unset", ElementType::BF16, {Expression::sub("N", 1)}}};
  entry.arena = Expression::mul("N", 64);
  entry.commands = {makeCommand(
      "leak_scratch", {1, 1, 1},
      {Argument::arena(Expression::mul(Expression::sub("N", 1), 64)),
       Argument::output(0)})};
  return entry;
}

/// like [N] to out [N], its indices times 0.25, and seen [1], the number of
/// multiprocessors, by a grid of that many points.
inline EntryPoint spreadEntry() {
  EntryPoint entry;
  entry.name = "spread";
  entry.symbols = {{"N", 1000, "like", 0}};
  entry.inputs = {{"like", ElementType::I8, {"N"}, {}, "", Input::Role::None}};
  entry.outputs = {{"out", ElementType::F32, {"N"}},
                   {"seen", ElementType::I32, {1}}};
  entry.commands = {makeCommand("persist", {multiprocessorsSymbol, 1, 1},
                                {Argument::state(2), Argument::scalar("N"),
                                 Argument::scalar(multiprocessorsSymbol),
                                 Argument::f32(0.25f), Argument::output(0),
                                 Argument::output(1)})};
  entry.commands[0].work.flop = "N";
  entry.commands[0].work.bytes = Expression::mul("N", 4);
  return entry;
}

/// The manifest with one CPU variant, without its files and parameters.
inline Manifest testManifest() {
  Manifest manifest;
  manifest.producer = "tests";
  manifest.model.name = "sums";
  manifest.model.tokenizer = "bytes";
  manifest.model.vocabulary = 256;
  manifest.model.maxBatch = 4;
  manifest.model.maxSequence = 10;
  manifest.model.layers = {{0, 0, 0}};
  manifest.states = {
      {"layers.0.sum", "ssm_state", 0, ElementType::F32, {2}, {}},
      {"visits", "workspace", {}, ElementType::I32, {1}, {}},
      {"counter", "workspace", {}, ElementType::I32, {1}, {}}};
  Variant variant;
  variant.target = "cpu:x86-64";
  variant.object = "code/kernels.so";
  for (const char *name :
       {"scale_tokens", "sum_row", "add_token", "copy_tokens", "count_point",
        "clear_count", "leak_scratch", "persist"})
    variant.kernels.push_back({name, 0, 0, 0});
  variant.entries = {prefillEntry(), decodeEntry(), echoEntry(),
                     countEntry(),   leakEntry(),   spreadEntry()};
  manifest.variants = {variant};
  return manifest;
}

/// Writes a package of that manifest, with `object` as CPU code, and PTX text
/// where a variant asks for it.
inline Error writeTestPackage(const std::string &path, Manifest manifest,
                              std::string object) {
  static const float scale[1] = {scaleValue};
  WeightsBuilder weights;
  weights.add("scale", ElementType::F32, {}, scale);
  manifest.parameters = weights.parameters();
  std::vector<Blob> blobs = {weights.blob()};
  for (const Variant &variant : manifest.variants) {
    if (!variant.object.empty())
      blobs.push_back(Blob::fromString(variant.object, object));
    if (!variant.ptx.empty())
      blobs.push_back(Blob::fromString(variant.ptx, ".version 8.0\n"));
  }
  return writePackage(path, manifest, blobs);
}

/// A tensor of the caller.
template <typename T>
tm_tensor tensor(const char *name, tm_type type, std::vector<int64_t> shape,
                 std::vector<T> &data) {
  tm_tensor result{};
  result.name = name;
  result.type = type;
  result.rank = static_cast<int32_t>(shape.size());
  for (size_t i = 0; i < shape.size(); ++i)
    result.shape[i] = shape[i];
  result.data = data.data();
  return result;
}

struct Release {
  void operator()(tm_package *handle) const { tm_package_release(handle); }
  void operator()(tm_device *handle) const { tm_device_release(handle); }
  void operator()(tm_session *handle) const { tm_session_release(handle); }
};
using PackageHandle = std::unique_ptr<tm_package, Release>;
using DeviceHandle = std::unique_ptr<tm_device, Release>;
using SessionHandle = std::unique_ptr<tm_session, Release>;

inline PackageHandle openPackage(const std::string &path) {
  tm_package *package = nullptr;
  (void)tm_package_open(path.c_str(), &package);
  return PackageHandle(package);
}

inline DeviceHandle openDevice(const char *name, int threads = 0) {
  tm_device_options options{sizeof(options), threads};
  tm_device *device = nullptr;
  (void)tm_device_open(name, &options, &device);
  return DeviceHandle(device);
}

inline SessionHandle createSession(const PackageHandle &package,
                                   const DeviceHandle &device, int64_t rows,
                                   uint32_t flags = 0) {
  tm_session_options options{sizeof(options), flags};
  tm_session *session = nullptr;
  (void)tm_session_create(package.get(), device.get(), rows, &options,
                          &session);
  return SessionHandle(session);
}

/// Runs prefill on tokens [lengths.size(), T].
inline tm_status prefill(tm_session *session, std::vector<int32_t> tokens,
                         std::vector<int32_t> lengths,
                         std::vector<float> &sums) {
  int64_t rows = static_cast<int64_t>(lengths.size());
  int64_t length = static_cast<int64_t>(tokens.size()) / rows;
  sums.resize(lengths.size());
  tm_tensor inputs[] = {tensor("tokens", TM_I32, {rows, length}, tokens),
                        tensor("lengths", TM_I32, {rows}, lengths)};
  tm_tensor output = tensor("sums", TM_F32, {rows}, sums);
  return tm_session_invoke(session, "prefill", inputs, 2, &output, 1);
}

/// Runs decode on one token a row.
inline tm_status decode(tm_session *session, std::vector<int32_t> tokens,
                        std::vector<float> &sums, std::vector<int32_t> &seen) {
  int64_t rows = static_cast<int64_t>(tokens.size());
  sums.resize(tokens.size());
  seen.resize(tokens.size());
  tm_tensor input = tensor("tokens", TM_I32, {rows}, tokens);
  tm_tensor outputs[] = {tensor("seen", TM_I32, {rows}, seen),
                         tensor("sums", TM_F32, {rows}, sums)};
  return tm_session_invoke(session, "decode", &input, 1, outputs, 2);
}

} // namespace transmamba::runtime::test

#endif // TRANSMAMBA_TEST_UNIT_RUNTIME_TESTPACKAGE_H
