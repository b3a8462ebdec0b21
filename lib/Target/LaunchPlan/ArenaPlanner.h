//===- ArenaPlanner.h - Buffers that share memory ---------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Buffers of a host program live from the first to the last command that
// touches them. Their sizes are expressions, so offsets are too: memory is cut
// into slots, a slot is as large as the largest buffer that ever sits in it,
// and a buffer takes the free slot that fits it best when the symbols are at
// their maxima. Two buffers alive at once never share a slot, so the plan is
// right for every value of the symbols.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_TARGET_LAUNCHPLAN_ARENAPLANNER_H
#define TRANSMAMBA_LIB_TARGET_LAUNCHPLAN_ARENAPLANNER_H

#include "transmamba/Package/Error.h"
#include "transmamba/Package/Expression.h"
#include <vector>

namespace transmamba {

class ArenaPlanner {
public:
  /// `maxima`: the largest value of every symbol.
  explicit ArenaPlanner(package::Bindings maxima) : maxima(std::move(maxima)) {}

  /// A buffer used by the commands `first` to `last`, both included. Buffers
  /// are added in the order of `first`. Returns the slot.
  package::Result<unsigned> add(package::Expression bytes, unsigned first,
                                unsigned last);

  /// Byte offset of a slot: the sum of the sizes before it, each rounded up to
  /// 64. Asked for once all buffers are known.
  package::Expression offset(unsigned slot) const;

  /// Bytes of all slots.
  package::Expression size() const {
    return offset(static_cast<unsigned>(slots.size()));
  }

private:
  struct Slot {
    /// Different sizes of the buffers that sit in it.
    std::vector<package::Expression> sizes;
    int64_t maxBytes = 0;
    /// The last command that uses the present buffer.
    unsigned busyUntil = 0;
  };

  package::Bindings maxima;
  std::vector<Slot> slots;
};

} // namespace transmamba

#endif // TRANSMAMBA_LIB_TARGET_LAUNCHPLAN_ARENAPLANNER_H
