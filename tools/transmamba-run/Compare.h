//===- Compare.h - Results against expectations -----------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TOOLS_TRANSMAMBA_RUN_COMPARE_H
#define TRANSMAMBA_TOOLS_TRANSMAMBA_RUN_COMPARE_H

#include "transmamba/Package/Npy.h"

#include <cstdint>

namespace transmamba::run {

struct Tolerance {
  double relative = 1e-4;
  double absolute = 1e-5;
};

/// How far an array is from what is expected.
struct Difference {
  double maxAbsolute = 0;
  /// ||actual - expected|| / ||expected||, in the Frobenius norm.
  double relativeFrobenius = 0;
  /// Elements with |actual - expected| > absolute + relative * |expected|, or
  /// where only one of the two is a NaN.
  uint64_t mismatches = 0;
  /// Index of the first such element.
  uint64_t firstMismatch = 0;
};

/// Compares arrays of the same shape, in double precision.
Difference compare(const package::NpyArray &actual,
                   const package::NpyArray &expected,
                   const Tolerance &tolerance);

} // namespace transmamba::run

#endif // TRANSMAMBA_TOOLS_TRANSMAMBA_RUN_COMPARE_H
