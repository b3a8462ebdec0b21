//===- Report.h - What has been measured ------------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TOOLS_TRANSMAMBA_BENCHMARK_REPORT_H
#define TRANSMAMBA_TOOLS_TRANSMAMBA_BENCHMARK_REPORT_H

#include "Calls.h"
#include "Limits.h"
#include "Measure.h"
#include "Statistics.h"

#include <optional>
#include <string>
#include <vector>

namespace transmamba::benchmark {

/// All launches of one kernel in a run.
struct KernelReport {
  std::string name;
  size_t launches = 0;
  /// The sum of the medians of its commands.
  double milliseconds = 0;
  WorkSum work;
};

struct Report {
  std::string package, target, device, deviceDescription;
  std::string entry, before;
  package::Bindings symbols;
  MeasureOptions options;
  uint64_t seed = 0;
  std::optional<Summary> deviceTime;
  Summary wallTime;
  WorkSum work;
  Limits limits;
  /// Slowest first; empty where they were not asked for.
  std::vector<KernelReport> kernels;

  /// The median that rates are computed of: the device's where there is one.
  double milliseconds() const {
    return deviceTime ? deviceTime->median : wallTime.median;
  }
};

/// What share of a time would do at the limits, the larger of that of the FLOP
/// and that of the bytes; nothing where neither is known.
std::optional<double> shareOfLimit(const WorkSum &work, const Limits &limits,
                                   double milliseconds);

std::string textReport(const Report &report);
std::string jsonReport(const Report &report);

} // namespace transmamba::benchmark

#endif // TRANSMAMBA_TOOLS_TRANSMAMBA_BENCHMARK_REPORT_H
