//===- Statistics.h - Times of many runs ------------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TOOLS_TRANSMAMBA_BENCHMARK_STATISTICS_H
#define TRANSMAMBA_TOOLS_TRANSMAMBA_BENCHMARK_STATISTICS_H

#include <algorithm>
#include <cstddef>
#include <vector>

namespace transmamba::benchmark {

/// The quantile `q` in [0, 1] of values in ascending order, of which there is
/// at least one; linear between two of them.
inline double quantile(const std::vector<double> &sorted, double q) {
  double place = q * static_cast<double>(sorted.size() - 1);
  size_t below = static_cast<size_t>(place);
  size_t above = std::min(below + 1, sorted.size() - 1);
  double part = place - static_cast<double>(below);
  return sorted[below] + part * (sorted[above] - sorted[below]);
}

struct Summary {
  double median = 0;
  double min = 0;
  double p10 = 0;
  double p90 = 0;
};

/// The summary of one or more values.
inline Summary summarize(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {quantile(values, 0.5), values.front(), quantile(values, 0.1),
          quantile(values, 0.9)};
}

} // namespace transmamba::benchmark

#endif // TRANSMAMBA_TOOLS_TRANSMAMBA_BENCHMARK_STATISTICS_H
