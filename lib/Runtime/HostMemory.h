//===- HostMemory.h - Memory of the processor -------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_RUNTIME_HOSTMEMORY_H
#define TRANSMAMBA_LIB_RUNTIME_HOSTMEMORY_H

#include <cstdint>

namespace transmamba::runtime {

/// Zeroed memory, aligned to a page.
class HostMemory {
public:
  HostMemory() = default;
  /// Throws Failure where there is not so much. `what` is named in the error.
  HostMemory(uint64_t bytes, const char *what);
  HostMemory(HostMemory &&other) noexcept;
  HostMemory &operator=(HostMemory &&other) noexcept;
  HostMemory(const HostMemory &) = delete;
  HostMemory &operator=(const HostMemory &) = delete;
  ~HostMemory();

  uint8_t *data() const { return base; }
  uint64_t size() const { return length; }

  /// Grows to at least `bytes`; the contents are lost where it does.
  void reserve(uint64_t bytes, const char *what);

private:
  uint8_t *base = nullptr;
  uint64_t length = 0;
};

} // namespace transmamba::runtime

#endif // TRANSMAMBA_LIB_RUNTIME_HOSTMEMORY_H
