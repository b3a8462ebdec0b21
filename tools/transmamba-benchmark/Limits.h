//===- Limits.h - What a device can do at most ------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TOOLS_TRANSMAMBA_BENCHMARK_LIMITS_H
#define TRANSMAMBA_TOOLS_TRANSMAMBA_BENCHMARK_LIMITS_H

#include "Gpu.h"
#include "transmamba/Package/ElementType.h"

#include <optional>
#include <string>

namespace transmamba::benchmark {

/// A rate for each second, and where it comes from.
struct Limit {
  double rate = 0;
  std::string source;
};

struct Limits {
  /// Bytes read and written.
  Limit bytes;
  /// Floating-point operations; not known of a processor.
  std::optional<Limit> flop;
};

/// Floating-point operations that a multiprocessor of that compute capability
/// does in a cycle, dense, in the model's type; 0 where the table has none.
int64_t flopPerCycle(int major, int minor, package::ElementType type);

/// The FLOP limit of a GPU by the table, its multiprocessors and its clock.
std::optional<Limit> flopLimit(const Gpu &gpu, package::ElementType type);

/// Bytes read and written in a second when that many threads copy memory.
double hostCopyBandwidth(int threads);

} // namespace transmamba::benchmark

#endif // TRANSMAMBA_TOOLS_TRANSMAMBA_BENCHMARK_LIMITS_H
