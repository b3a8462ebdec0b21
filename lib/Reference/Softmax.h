//===- Softmax.h - One query, one rotation ----------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
// The pieces of attention that `transmamba.switch` is made of as well.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_REFERENCE_SOFTMAX_H
#define TRANSMAMBA_REFERENCE_SOFTMAX_H

#include "transmamba/Reference/Operations.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <algorithm>
#include <cmath>

namespace transmamba::reference {

/// Where the key or the value of token `j` lies.
using RowOf = llvm::function_ref<const double *(int64_t j)>;

/// y += sum_j softmax_j(scale query . key_j) value_j over first <= j <= last;
/// nothing where there is no such j. `y` and the values have D elements, the
/// query and the keys N. Returns log sum_j exp(scale query . key_j).
double attendOne(const double *query, int64_t N, double scale, int64_t first,
                 int64_t last, RowOf keyOf, RowOf valueOf, double *y,
                 int64_t D);

/// Rotates the first `rotaryDim` elements of one head by the angles of
/// `position`.
void rotate(double *head, int64_t position, int64_t rotaryDim,
            const Rope &options);

/// 1 / sqrt(N) unless the operation says otherwise.
inline double scaleOrDefault(std::optional<double> scale, int64_t N) {
  return scale ? *scale : 1 / std::sqrt(static_cast<double>(N));
}

/// The first key that the query at `position` sees: position - j < window.
inline int64_t firstVisible(int64_t position, std::optional<int64_t> window) {
  return window ? std::max<int64_t>(0, position - *window + 1) : 0;
}

} // namespace transmamba::reference

#endif // TRANSMAMBA_REFERENCE_SOFTMAX_H
