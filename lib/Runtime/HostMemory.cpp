//===- HostMemory.cpp - Memory of the processor ---------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "HostMemory.h"

#include "Failure.h"
#include "transmamba/Package/CheckedMath.h"

#include <sys/mman.h>

namespace transmamba::runtime {

/// From here on the kernel is asked for huge pages.
static constexpr uint64_t hugePageThreshold = uint64_t(4) << 20;
static constexpr uint64_t pageSize = 4096;

HostMemory::HostMemory(uint64_t bytes, const char *what) {
  // Never empty: kernels may be handed the address of an empty buffer.
  std::optional<uint64_t> size =
      package::checkedAlignTo<uint64_t>(bytes + (bytes == 0), pageSize);
  void *memory = MAP_FAILED;
  if (size)
    memory = ::mmap(nullptr, *size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    throw Failure(TM_OUT_OF_MEMORY, "cpu",
                  std::string("no memory for ") + what + " (" +
                      std::to_string(bytes) + " bytes)");
  base = static_cast<uint8_t *>(memory);
  length = *size;
  if (length >= hugePageThreshold)
    (void)::madvise(base, length, MADV_HUGEPAGE);
}

HostMemory::HostMemory(HostMemory &&other) noexcept {
  *this = std::move(other);
}

HostMemory &HostMemory::operator=(HostMemory &&other) noexcept {
  std::swap(base, other.base);
  std::swap(length, other.length);
  return *this;
}

HostMemory::~HostMemory() {
  if (base)
    ::munmap(base, length);
}

void HostMemory::reserve(uint64_t bytes, const char *what) {
  if (base && length >= bytes)
    return;
  *this = HostMemory(); // frees the old memory first
  *this = HostMemory(bytes, what);
}

} // namespace transmamba::runtime
