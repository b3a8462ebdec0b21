//===- JsonReport.cpp - A package for programs ----------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Report.h"
#include "StateUse.h"

#include <nlohmann/json.hpp>

namespace transmamba::inspect {

using Json = nlohmann::ordered_json;

/// What the manifest leaves to be computed, beside what it says.
static Json describe(const package::EntryPoint &entry, Json json) {
  json["arena_bytes_max"] = valueAtMaximum(entry, entry.arena);
  json["command_count"] = entry.commands.size();
  return json;
}

/// Counts the launches of a variant's kernels in each entry point.
static void addLaunches(const package::Variant &variant, Json &json) {
  for (size_t i = 0; i < variant.kernels.size(); ++i)
    for (const package::EntryPoint &entry : variant.entries)
      json["kernels"][i]["launches"][entry.name] =
          launchesOf(entry, variant.kernels[i].name);
  for (size_t i = 0; i < variant.entries.size(); ++i)
    json["entries"][i] = describe(variant.entries[i], json["entries"][i]);
}

std::string jsonReport(const package::Package &package,
                       const ReportOptions &options) {
  const package::Manifest &manifest = package.manifest();
  Json json = Json::parse(package.manifestText());
  if (!options.commands)
    for (Json &variant : json["variants"])
      for (Json &entry : variant["entries"])
        entry.erase("commands");
  for (size_t i = 0; i < manifest.variants.size(); ++i)
    addLaunches(manifest.variants[i], json["variants"][i]);
  Json use = Json::array();
  for (int64_t length : interestingLengths(manifest))
    use.push_back({{"tokens", length},
                   {"bytes_per_row", stateBytesInUse(manifest, length)}});
  json["package"] = {
      {"path", package.path()},
      {"bytes", package.size()},
      {"manifest_xxh3", package::checksumText(package.manifestChecksum())},
      {"verified", options.verified}};
  json["state_use"] = {
      {"bytes_per_row", manifest.stateBytesPerRow()},
      {"bytes_max_batch", manifest.stateBytesPerRow() *
                              static_cast<uint64_t>(manifest.model.maxBatch)},
      {"by_tokens", std::move(use)}};
  // Paths need not be UTF-8.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace transmamba::inspect
