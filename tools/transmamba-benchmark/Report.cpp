//===- Report.cpp - What has been measured ----------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Report.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>

namespace transmamba::benchmark {

using Json = nlohmann::ordered_json;

std::optional<double> shareOfLimit(const WorkSum &work, const Limits &limits,
                                   double milliseconds) {
  double seconds = milliseconds / 1e3;
  std::optional<double> share;
  if (work.withBytes != 0 && seconds > 0)
    share = work.bytes / limits.bytes.rate / seconds;
  if (work.withFlop != 0 && limits.flop && seconds > 0)
    share =
        std::max(share.value_or(0), work.flop / limits.flop->rate / seconds);
  return share;
}

//===----------------------------------------------------------------------===//
// For people
//===----------------------------------------------------------------------===//

template <typename... Args>
static std::string format(const char *text, Args... args) {
  char buffer[256];
  std::snprintf(buffer, sizeof(buffer), text, args...);
  return buffer;
}

static std::string sizesText(const package::Bindings &symbols) {
  std::string text;
  for (const auto &[name, value] : symbols)
    text += (text.empty() ? "" : ", ") + name + " = " + std::to_string(value);
  return text.empty() ? "no symbols" : text;
}

static std::string timeLine(const char *name, const Summary &summary) {
  return format("  %-8s %10.4f %10.4f %10.4f %10.4f  ms\n", name,
                summary.median, summary.min, summary.p10, summary.p90);
}

/// How many of the commands say how much work they are.
static std::string countText(size_t known, size_t all) {
  return known == all ? "all commands"
                      : std::to_string(known) + " of " + std::to_string(all) +
                            " commands, the others do not say";
}

/// Rate and share of the limit of all work.
static std::string workText(const Report &report) {
  const WorkSum &work = report.work;
  if (work.withBytes == 0 && work.withFlop == 0)
    return "  The package does not say how much work its commands are.\n";
  std::string text;
  double seconds = report.milliseconds() / 1e3;
  if (work.withBytes != 0)
    text +=
        format("  bytes    %10.4g MB, %.4g GB/s, %.1f %% of the limit (%s)\n",
               work.bytes / 1e6, work.bytes / seconds / 1e9,
               100 * work.bytes / seconds / report.limits.bytes.rate,
               countText(work.withBytes, work.commands).c_str());
  if (work.withFlop != 0) {
    text += format("  flop     %10.4g GFLOP, %.4g TFLOP/s", work.flop / 1e9,
                   work.flop / seconds / 1e12);
    if (report.limits.flop)
      text += format(", %.1f %% of the limit",
                     100 * work.flop / seconds / report.limits.flop->rate);
    text += " (" + countText(work.withFlop, work.commands) + ")\n";
  }
  return text;
}

static std::string limitsText(const Limits &limits) {
  std::string text =
      format("  limit    %10.4g GB/s: ", limits.bytes.rate / 1e9) +
      limits.bytes.source + "\n";
  if (limits.flop)
    text += format("  limit    %10.4g TFLOP/s: ", limits.flop->rate / 1e12) +
            limits.flop->source + "\n";
  return text;
}

static std::string kernelsText(const Report &report) {
  double total = 0;
  for (const KernelReport &kernel : report.kernels)
    total += kernel.milliseconds;
  std::string text =
      format("\n  kernels, one by one: %.4f ms\n"
             "          ms   share  launches       GB/s    TFLOP/s  of limit\n",
             total);
  for (const KernelReport &kernel : report.kernels) {
    double seconds = kernel.milliseconds / 1e3;
    bool timed = seconds > 0;
    auto rate = [&](bool known, double amount, double unit) {
      return known && timed ? format("%10.4g", amount / seconds / unit)
                            : std::string("         -");
    };
    std::optional<double> share =
        shareOfLimit(kernel.work, report.limits, kernel.milliseconds);
    text += format("  %10.4f %5.1f %% %9zu ", kernel.milliseconds,
                   total > 0 ? 100 * kernel.milliseconds / total : 0.0,
                   kernel.launches) +
            rate(kernel.work.withBytes != 0, kernel.work.bytes, 1e9) + " " +
            rate(kernel.work.withFlop != 0, kernel.work.flop, 1e12) +
            (share ? format("   %5.1f %%", 100 * *share)
                   : std::string("         -")) +
            "  " + kernel.name + "\n";
  }
  return text;
}

std::string textReport(const Report &report) {
  std::string text =
      report.package + ": " + report.entry + " at " +
      sizesText(report.symbols) +
      (report.before.empty() ? "" : ", each after " + report.before) + "\n" +
      report.target + " on " + report.device + ": " + report.deviceDescription +
      "\n" + std::to_string(report.options.repeat) + " runs after " +
      std::to_string(report.options.warmup) + " to warm up, " +
      (report.options.flush ? "caches flushed before each"
                            : "caches as the run before left "
                              "them") +
      "\n\n";
  text += "               median        min        p10        p90\n";
  if (report.deviceTime)
    text += timeLine("device", *report.deviceTime);
  text += timeLine("wall", report.wallTime) + "\n";
  text += workText(report) + limitsText(report.limits);
  if (!report.kernels.empty())
    text += kernelsText(report);
  return text;
}

//===----------------------------------------------------------------------===//
// For programs
//===----------------------------------------------------------------------===//

static Json toJson(const Summary &summary) {
  return {{"median", summary.median},
          {"min", summary.min},
          {"p10", summary.p10},
          {"p90", summary.p90}};
}

static Json toJson(const Limit &limit) {
  return {{"per_second", limit.rate}, {"source", limit.source}};
}

/// What is known of work and rates; null where nothing is.
static Json toJson(const WorkSum &work, const Limits &limits,
                   double milliseconds) {
  Json json = {{"commands", work.commands},
               {"commands_with_flop", work.withFlop},
               {"commands_with_bytes", work.withBytes},
               {"flop", nullptr},
               {"bytes", nullptr},
               {"share_of_limit", nullptr}};
  if (work.withFlop != 0)
    json["flop"] = work.flop;
  if (work.withBytes != 0)
    json["bytes"] = work.bytes;
  if (std::optional<double> share = shareOfLimit(work, limits, milliseconds))
    json["share_of_limit"] = *share;
  return json;
}

std::string jsonReport(const Report &report) {
  Json json = {{"tool", "transmamba-benchmark"},
               {"version", TRANSMAMBA_VERSION},
               {"package", report.package},
               {"target", report.target},
               {"device", report.device},
               {"device_description", report.deviceDescription},
               {"entry", report.entry},
               {"after", nullptr},
               {"shape", Json::object()},
               {"seed", report.seed},
               {"warmup", report.options.warmup},
               {"repeat", report.options.repeat},
               {"flush_l2", report.options.flush},
               {"device_ms", nullptr},
               {"wall_ms", toJson(report.wallTime)}};
  if (!report.before.empty())
    json["after"] = report.before;
  for (const auto &[name, value] : report.symbols)
    json["shape"][name] = value;
  if (report.deviceTime)
    json["device_ms"] = toJson(*report.deviceTime);
  json["work"] = toJson(report.work, report.limits, report.milliseconds());
  json["limits"] = {{"bytes", toJson(report.limits.bytes)}, {"flop", nullptr}};
  if (report.limits.flop)
    json["limits"]["flop"] = toJson(*report.limits.flop);
  json["kernels"] = Json::array();
  for (const KernelReport &kernel : report.kernels)
    json["kernels"].push_back(
        {{"name", kernel.name},
         {"launches", kernel.launches},
         {"ms", kernel.milliseconds},
         {"work", toJson(kernel.work, report.limits, kernel.milliseconds)}});
  // Paths need not be UTF-8.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace transmamba::benchmark
