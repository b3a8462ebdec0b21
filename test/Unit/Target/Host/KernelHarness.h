//===- KernelHarness.h - Compile and run kernels ----------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Compiles MLIR text with kernels to a shared object, loads it and calls it,
// with buffers that notice an access outside of them.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TEST_UNIT_TARGET_HOST_KERNELHARNESS_H
#define TRANSMAMBA_TEST_UNIT_TARGET_HOST_KERNELHARNESS_H

#include "transmamba/Target/Host/Host.h"

#include "llvm/ADT/ArrayRef.h"
#include <cmath>
#include <cstdint>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace transmamba::test {

/// A loaded shared object.
class Kernels {
public:
  /// Null, with a test failure, if the text does not compile.
  static std::unique_ptr<Kernels> compile(const std::string &text,
                                          CpuLevel level);
  ~Kernels();

  void run(const std::string &name, const std::vector<uint64_t> &args,
           int64_t x = 0, int64_t y = 0, int64_t z = 0) const;

private:
  explicit Kernels(void *handle) : handle(handle) {}
  void *handle;
};

/// The shared object of the kernels of `text`, made by one thread or by
/// several.
std::string compileBytes(const std::string &text, bool threads);

/// What `compileKernelsToSharedObject` says about text that it rejects; empty
/// if it accepts it.
std::string compileError(const std::string &text,
                         const HostTargetOptions &options = {});

/// The processor levels that this machine runs.
std::vector<CpuLevel> levelsToTest();

/// Memory between two pages that cannot be touched, that ends where the second
/// one starts.
class GuardedMemory {
public:
  explicit GuardedMemory(size_t bytes);
  ~GuardedMemory();
  GuardedMemory(const GuardedMemory &) = delete;
  GuardedMemory &operator=(const GuardedMemory &) = delete;

  char *data() const { return begin; }

private:
  char *mapping;
  char *begin;
  size_t length;
};

/// bf16 as its bits.
struct BF16 {
  uint16_t bits;
};

inline float toFloat(float x) { return x; }
inline float toFloat(BF16 x) {
  uint32_t bits = static_cast<uint32_t>(x.bits) << 16;
  float result;
  std::memcpy(&result, &bits, sizeof(result));
  return result;
}
template <typename T> T fromFloat(float x);
template <> inline float fromFloat<float>(float x) { return x; }
/// Rounds to nearest even.
template <> inline BF16 fromFloat<BF16>(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  if (std::isnan(x))
    return {static_cast<uint16_t>((bits >> 16) | 0x40)};
  bits += 0x7fff + ((bits >> 16) & 1);
  return {static_cast<uint16_t>(bits >> 16)};
}
/// The name of an element type in MLIR.
template <typename T> const char *typeName();
template <> inline const char *typeName<float>() { return "f32"; }
template <> inline const char *typeName<BF16>() { return "bf16"; }

/// A buffer of numbers. As the ABI wants it, the kernel gets a pointer aligned
/// to 64 bytes; the numbers start `offset` elements later, so that they end at
/// the guard page.
template <typename T> class Buffer {
public:
  explicit Buffer(size_t size)
      : size(size), memory(std::make_unique<GuardedMemory>(size * sizeof(T))) {}

  T *data() const { return reinterpret_cast<T *>(memory->data()); }
  T &operator[](size_t i) const { return data()[i]; }
  uint64_t pointer() const {
    return reinterpret_cast<uint64_t>(data()) & ~uint64_t(63);
  }
  uint64_t offset() const {
    return (reinterpret_cast<uint64_t>(data()) & 63) / sizeof(T);
  }
  size_t size;

private:
  std::unique_ptr<GuardedMemory> memory;
};

/// A matrix whose rows are apart by more than their length; what is between
/// them is NaN, and must be the same NaN afterwards.
template <typename T> class Matrix {
public:
  Matrix(int64_t rows, int64_t columns, int64_t padding = 3)
      : rows(rows), columns(columns), stride(columns + padding),
        buffer(rows == 0 || columns == 0 ? 1 : (rows - 1) * stride + columns) {
    for (size_t i = 0; i < buffer.size; ++i)
      buffer[i] = poison();
  }

  static T poison() {
    return fromFloat<T>(std::numeric_limits<float>::quiet_NaN());
  }
  T &at(int64_t row, int64_t column) const {
    return buffer[row * stride + column];
  }
  void fillRandom(std::mt19937 &generator) const {
    std::uniform_real_distribution<float> distribution(-1, 1);
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t column = 0; column < columns; ++column)
        at(row, column) = fromFloat<T>(distribution(generator));
  }
  bool isPaddingIntact() const {
    T expected = poison();
    for (size_t i = 0; i < buffer.size; ++i) {
      bool isPadding = rows == 0 || columns == 0 ||
                       static_cast<int64_t>(i) % stride >= columns;
      if (isPadding && std::memcmp(&buffer[i], &expected, sizeof(T)) != 0)
        return false;
    }
    return true;
  }

  int64_t rows, columns, stride;
  Buffer<T> buffer;
};

/// Replaces every `{name}` of `text`.
std::string
substitute(std::string text,
           const std::vector<std::pair<std::string, std::string>> &values);

/// Tests that run once a processor level.
class HostTest : public testing::TestWithParam<CpuLevel> {};

std::string levelTestName(const testing::TestParamInfo<CpuLevel> &info);

} // namespace transmamba::test

#endif // TRANSMAMBA_TEST_UNIT_TARGET_HOST_KERNELHARNESS_H
