//===- Schedule.cpp - Published TransPoint schedules ----------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Graph.h"
#include "Limits.h"
#include "Source.h"
#include "transmamba/Import/ImportGraph.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace transmamba;
using namespace transmamba::graph;

namespace {
struct PublishedSchedule {
  StringLiteral name;
  std::initializer_list<int64_t> points;
};
} // namespace

// arXiv 2503.24067, trained on sequences of 8192 tokens.
static const PublishedSchedule kPublished[] = {
    {"V1", {2048}},
    {"V2", {4096}},
    {"V3", {6144}},
    {"V4", {3072, 4096, 5120}},
    {"V5", {2048, 3072, 4096}},
    {"V6", {512, 1024, 2048}},
    {"V7", {2048, 4096, 6144}},
    {"V8", {0, 1024, 2048, 6144, 8192}},
    {"V9", {0, 128, 256, 512, 1024, 2048, 4096, 8192}},
};

std::string transmamba::graph::checkTransPoint(int64_t point) {
  if (point < 0)
    return ("the TransPoint " + Twine(point) +
            " is negative: 0 is a layer that never attends")
        .str();
  if (point > kMaxDim)
    return ("the TransPoint " + Twine(point) + " is more than " +
            Twine(kMaxDim) + ": max_sequence is a layer that always attends")
        .str();
  return {};
}

std::optional<SmallVector<int64_t>>
transmamba::parseScheduleText(StringRef text, int64_t maxSequence,
                              std::string &error) {
  // The transformer attends at whatever length the model is compiled for.
  if (text == "transformer")
    return SmallVector<int64_t>{maxSequence};
  for (const PublishedSchedule &published : kPublished)
    if (text == published.name)
      return SmallVector<int64_t>(published.points);
  SmallVector<int64_t> points;
  for (StringRef part : llvm::split(text, ',')) {
    int64_t point;
    if (part.trim().getAsInteger(10, point)) {
      error = "'" + printable(text) +
              "' is no schedule: give \"V1\" to \"V9\", \"transformer\" or "
              "TransPoints";
      return std::nullopt;
    }
    error = checkTransPoint(point);
    if (!error.empty())
      return std::nullopt;
    points.push_back(point);
  }
  if (points.size() > kMaxLayers) {
    error = "the schedule is longer than " + std::to_string(kMaxLayers);
    return std::nullopt;
  }
  return points;
}
