//===- ArenaPlanner.cpp - Buffers that share memory -----------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "ArenaPlanner.h"
#include "IndexExpressions.h"
#include "transmamba/Package/Manifest.h"

#include <algorithm>

using namespace transmamba;
using package::Expression;

package::Result<unsigned> ArenaPlanner::add(Expression bytes, unsigned first,
                                            unsigned last) {
  package::Result<int64_t> evaluated = bytes.evaluateSize(maxima);
  if (!evaluated)
    return evaluated.takeError();
  int64_t maxBytes = *evaluated;

  // The smallest free slot that is large enough, else the largest free one.
  Slot *best = nullptr;
  for (Slot &slot : slots) {
    if (slot.busyUntil >= first)
      continue;
    if (!best) {
      best = &slot;
      continue;
    }
    bool fits = slot.maxBytes >= maxBytes,
         bestFits = best->maxBytes >= maxBytes;
    if (fits != bestFits ? fits
        : fits           ? slot.maxBytes < best->maxBytes
                         : slot.maxBytes > best->maxBytes)
      best = &slot;
  }
  if (!best) {
    slots.emplace_back();
    best = &slots.back();
  }
  if (std::find(best->sizes.begin(), best->sizes.end(), bytes) ==
      best->sizes.end())
    best->sizes.push_back(std::move(bytes));
  best->maxBytes = std::max(best->maxBytes, maxBytes);
  best->busyUntil = last;
  return static_cast<unsigned>(best - slots.data());
}

Expression ArenaPlanner::offset(unsigned slot) const {
  Expression sum(0);
  for (unsigned index = 0; index < slot; ++index) {
    const Slot &before = slots[index];
    Expression size = before.sizes.size() == 1
                          ? before.sizes.front()
                          : Expression(Expression::Op::Max, before.sizes);
    constexpr int64_t alignment = package::dataAlignment;
    Expression aligned =
        size.isConstant()
            ? Expression((size.constant() + alignment - 1) / alignment *
                         alignment)
            : Expression::mul(Expression::ceilDiv(size, Expression(alignment)),
                              Expression(alignment));
    if (sum.kind() == Expression::Op::Add) {
      // A flat sum: nesting is bounded.
      std::vector<Expression> terms = sum.operands();
      terms.push_back(std::move(aligned));
      sum = Expression(Expression::Op::Add, std::move(terms));
    } else {
      sum = foldedAdd(std::move(sum), std::move(aligned));
    }
  }
  return sum;
}
