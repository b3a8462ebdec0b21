//===- Generate.cpp - Text from byte-level models -------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Generate.h"

#include "Failure.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <random>

namespace transmamba::run {

using package::ElementType;
using package::Input;
using package::NpyArray;

static constexpr size_t byteCount = 256;

namespace {
/// Chooses the next token from logits.
class Sampler {
public:
  explicit Sampler(const GenerateOptions &options)
      : options(options), random(options.seed) {}

  size_t choose(const std::vector<double> &logits) {
    auto best = std::max_element(logits.begin(), logits.end());
    if (options.temperature == 0)
      return static_cast<size_t>(best - logits.begin());
    // The candidates, most likely first; equal ones in their order, so that a
    // seed gives the same text everywhere.
    std::vector<size_t> candidates(logits.size());
    std::iota(candidates.begin(), candidates.end(), size_t(0));
    std::sort(candidates.begin(), candidates.end(), [&](size_t a, size_t b) {
      return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
    });
    if (options.topK > 0 &&
        static_cast<size_t>(options.topK) < candidates.size())
      candidates.resize(static_cast<size_t>(options.topK));
    std::vector<double> weights;
    double total = 0;
    for (size_t candidate : candidates) {
      weights.push_back(
          std::exp((logits[candidate] - *best) / options.temperature));
      total += weights.back();
    }
    // 53 random bits, the same with every standard library.
    double point = static_cast<double>(random() >> 11) * 0x1p-53 * total;
    for (size_t i = 0; i < candidates.size(); ++i) {
      point -= weights[i];
      if (point < 0)
        return candidates[i];
    }
    return candidates.back();
  }

private:
  const GenerateOptions &options;
  std::mt19937_64 random;
};

/// Measures the time since it was made.
class Stopwatch {
public:
  double seconds() const {
    return std::chrono::duration<double>(Clock::now() - start).count();
  }

private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start = Clock::now();
};
} // namespace

static NpyArray integerArray(ElementType type, std::vector<int64_t> shape,
                             const std::vector<int64_t> &values) {
  NpyArray array;
  array.type = ElementType::I64;
  array.shape = std::move(shape);
  array.data.resize(values.size() * sizeof(int64_t));
  std::memcpy(array.data.data(), values.data(), array.data.size());
  return unwrap(package::convert(array, type, "tokens"));
}

/// The inputs of one call of a byte-level entry point: its tokens, in the rank
/// that it wants, and lengths where it has them.
static std::vector<NamedArray> makeInputs(const package::EntryPoint &entry,
                                          const std::vector<int64_t> &tokens) {
  int64_t count = static_cast<int64_t>(tokens.size());
  std::vector<NamedArray> inputs;
  bool hasTokens = false;
  for (const Input &input : entry.inputs) {
    if (input.role == Input::Role::Positions)
      continue;
    if (input.role == Input::Role::Lengths) {
      inputs.push_back({input.name, integerArray(input.type, {1}, {count})});
      continue;
    }
    std::vector<int64_t> shape = {1, count};
    if (input.shape.size() == 1 && count == 1)
      shape = {1};
    else if (input.shape.size() != 2)
      failUsage("--prompt: the input '" + input.name + "' of '" + entry.name +
                "' does not take tokens");
    if (hasTokens || !package::isInteger(input.type))
      failUsage("--prompt: the entry point '" + entry.name +
                "' takes more than tokens, so text cannot be generated");
    hasTokens = true;
    inputs.push_back({input.name, integerArray(input.type, shape, tokens)});
  }
  return inputs;
}

/// The logits of the last token, those of bytes only.
static std::vector<double> lastLogits(const package::EntryPoint &entry,
                                      const std::vector<NamedArray> &outputs) {
  const NamedArray *logits = nullptr;
  for (const NamedArray &output : outputs)
    if (output.name == "logits" || outputs.size() == 1)
      logits = &output;
  if (!logits || logits->array.shape.empty() ||
      package::isInteger(logits->array.type) ||
      logits->array.elementCount() < byteCount)
    failUsage("--prompt: the entry point '" + entry.name +
              "' gives no logits of bytes");
  const NpyArray &array = logits->array;
  uint64_t vocabulary = static_cast<uint64_t>(array.shape.back());
  if (vocabulary < byteCount)
    failUsage("--prompt: the logits of '" + entry.name +
              "' are not those of bytes");
  uint64_t first = array.elementCount() - vocabulary;
  std::vector<double> result(byteCount);
  for (size_t i = 0; i < byteCount; ++i) {
    result[i] = package::loadAsDouble(array.type, array.data.data(), first + i);
    if (std::isnan(result[i]))
      throw Failure("transmamba-run: error: the logits of '" + entry.name +
                    "' hold NaN");
  }
  return result;
}

static void put(const void *bytes, size_t size) {
  if (std::fwrite(bytes, 1, size, stdout) != size || std::fflush(stdout) != 0)
    throw Failure("stdout: error: cannot be written");
}

static void printSpeed(const char *what, int64_t tokens, double seconds) {
  std::fprintf(stderr, "%s: %lld tokens in %.1f ms, %.1f tokens/s\n", what,
               static_cast<long long>(tokens), seconds * 1e3,
               static_cast<double>(tokens) / seconds);
}

void generate(Model &model, const GenerateOptions &options) {
  if (model.manifest().model.tokenizer != "bytes")
    failUsage("--prompt is for models of bytes, but '" +
              model.manifest().model.name + "' has the tokenizer '" +
              model.manifest().model.tokenizer + "'; use --entry and --input");
  if (options.prompt.empty())
    failUsage("--prompt must not be empty: a model continues what it has seen");
  const package::EntryPoint &prefill = model.entry("prefill");
  const package::EntryPoint &decode = model.entry("decode");

  std::vector<int64_t> tokens;
  for (unsigned char byte : options.prompt)
    tokens.push_back(byte);
  Stopwatch prefillTime;
  std::vector<NamedArray> inputs = makeInputs(prefill, tokens);
  std::vector<double> logits =
      lastLogits(prefill, model.invoke("prefill", inputs));
  double prefillSeconds = prefillTime.seconds();
  put(options.prompt.data(), options.prompt.size());

  Sampler sampler(options);
  Stopwatch decodeTime;
  int64_t steps = 0;
  int64_t maxSequence = model.manifest().model.maxSequence;
  bool full = false;
  for (int64_t i = 0; i < options.tokens; ++i) {
    size_t token = sampler.choose(logits);
    unsigned char byte = static_cast<unsigned char>(token);
    put(&byte, 1);
    // The last byte needs no logits after it.
    if (i + 1 == options.tokens)
      break;
    full = model.positions().front() >= maxSequence;
    if (full)
      break;
    inputs = makeInputs(decode, {static_cast<int64_t>(token)});
    logits = lastLogits(decode, model.invoke("decode", inputs));
    ++steps;
  }
  double decodeSeconds = decodeTime.seconds();
  put("\n", 1);
  if (full)
    std::fprintf(stderr, "stopped: the model's longest sequence is %lld\n",
                 static_cast<long long>(maxSequence));
  printSpeed("prefill", static_cast<int64_t>(tokens.size()), prefillSeconds);
  if (steps > 0)
    printSpeed("decode", steps, decodeSeconds);
}

} // namespace transmamba::run
