//===- Switch.cpp - Both readings of a TransMamba layer -------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
// transmamba.switch, token by token: section 1 for one call, section 4 for
// calls that follow one another.
//
//===----------------------------------------------------------------------===//

#include "Checks.h"
#include "Softmax.h"
#include "transmamba/Reference/Operations.h"

#include <cmath>

using namespace transmamba::reference;
using llvm::Error;
using llvm::Expected;

Expected<Switched> transmamba::reference::switchReading(
    const FloatTensor &q, const FloatTensor &k, const FloatTensor &v,
    const FloatTensor &dt, const FloatTensor &A, const FloatTensor *skip,
    const FloatTensor *init, const FloatTensor *cache,
    const IntTensor *positions, const IntTensor *lengths,
    const Switch &options) {
  const int64_t B = q.dim(0), T = q.dim(1), N = q.dim(3), D = v.dim(3);
  const int64_t P = options.transpoint;
  Expected<int64_t> heads =
      groupedHeads({q.dim(2), k.dim(2), v.dim(2), dt.dim(2)});
  if (!heads)
    return heads.takeError();
  const int64_t H = *heads;

  // Keys are rotated and read from the cache from here on; the recurrence
  // reads `k` itself.
  FloatTensor rotatedQ = q, rotatedK = k;
  if (options.rope) {
    for (FloatTensor *tensor : {&rotatedQ, &rotatedK}) {
      Expected<FloatTensor> rotated = rope(*tensor, positions, *options.rope);
      if (!rotated)
        return rotated.takeError();
      *tensor = std::move(*rotated);
    }
  }

  // Every valid token: h_p = a_p h_{p-1} + dt_p k_p v_p^T, and y = q h + D v,
  // which stays for p >= P.
  Expected<Scanned> scanned =
      ssdScan(q, k, v, dt, A, skip, init, /*start=*/0, lengths);
  if (!scanned)
    return scanned.takeError();
  Switched result{std::move(scanned->y), std::move(scanned->state), {}};

  if (cache) {
    Expected<FloatTensor> next =
        appendKV(*cache, rotatedK, v, positions, lengths);
    if (!next)
      return next.takeError();
    result.cache = *cache;
    // The cache takes what stands before the TransPoint, even if it has room
    // for more.
    const int64_t slots = std::min(P, cache->dim(3));
    for (int64_t b = 0; b < B; ++b)
      for (int64_t part = 0; part < 2; ++part)
        for (int64_t h = 0; h < cache->dim(2); ++h)
          for (int64_t slot = 0; slot < slots; ++slot)
            for (int64_t d = 0; d < cache->dim(4); ++d)
              (*result.cache)(b, part, h, slot, d) =
                  (*next)(b, part, h, slot, d);
  }

  // p < P: y = attention(rope(q, p), K, V) over the keys at j <= p of the same
  // row: those of earlier calls in the cache, those of this call in k and v.
  const double scale = scaleOrDefault(options.scale, N);
  for (int64_t b = 0; b < B; ++b) {
    const int64_t first = firstPosition(positions, b);
    const int64_t valid = validTokens(lengths, b, T);
    for (int64_t t = 0; t < valid && first + t < P; ++t) {
      const int64_t p = first + t;
      if (first > 0 && (!cache || first > cache->dim(3)))
        return fail("row " + llvm::Twine(b) + " stands at position " +
                    llvm::Twine(first) + ", but the cache has " +
                    llvm::Twine(cache ? cache->dim(3) : 0) + " slots");
      for (int64_t h = 0; h < H; ++h) {
        auto rowOf = [&](const FloatTensor &own, int64_t part) {
          return [&, part](int64_t j) -> const double * {
            if (j >= first)
              return &own(b, j - first, headOf(h, H, own.dim(2)), 0);
            return &(*cache)(b, part, headOf(h, H, cache->dim(2)), j, 0);
          };
        };
        double *y = &result.y(b, t, h, 0);
        std::fill_n(y, D, 0.0);
        attendOne(&rotatedQ(b, t, headOf(h, H, q.dim(2)), 0), N, scale,
                  firstVisible(p, options.window), p, rowOf(rotatedK, 0),
                  rowOf(v, 1), y, D);
      }
    }
  }
  return result;
}
