//===- Compare.cpp - Results against expectations -------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Compare.h"

#include <cmath>
#include <limits>

namespace transmamba::run {

Difference compare(const package::NpyArray &actual,
                   const package::NpyArray &expected,
                   const Tolerance &tolerance) {
  Difference result;
  double squaredDifference = 0, squaredNorm = 0;
  for (uint64_t i = 0, e = actual.elementCount(); i != e; ++i) {
    double a = package::loadAsDouble(actual.type, actual.data.data(), i);
    double b = package::loadAsDouble(expected.type, expected.data.data(), i);
    // Covers equal infinities, whose difference is a NaN.
    bool same = a == b || (std::isnan(a) && std::isnan(b));
    double difference = same ? 0 : std::fabs(a - b);
    if (std::isnan(difference))
      difference = std::numeric_limits<double>::infinity();
    result.maxAbsolute = std::fmax(result.maxAbsolute, difference);
    squaredDifference += difference * difference;
    if (std::isfinite(b))
      squaredNorm += b * b;
    double bound = tolerance.absolute + tolerance.relative * std::fabs(b);
    // Not "difference > bound", which a NaN bound would pass.
    if (same || (std::isfinite(b) && difference <= bound))
      continue;
    if (result.mismatches++ == 0)
      result.firstMismatch = i;
  }
  result.relativeFrobenius =
      squaredDifference == 0 ? 0 : std::sqrt(squaredDifference / squaredNorm);
  return result;
}

} // namespace transmamba::run
