//===- TileKernel.h - Run tile kernels on the host --------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TEST_UNIT_CONVERSION_TILETOLINALG_TILEKERNEL_H
#define TRANSMAMBA_TEST_UNIT_CONVERSION_TILETOLINALG_TILEKERNEL_H

#include "transmamba/Conversion/TileToLinalg/TileToLinalg.h"
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace testing_tile {

enum class Element { F32, BF16, I32 };

/// The nearest bf16, ties to even.
float roundToBF16(float value);

/// A contiguous tensor between two margins of NaN: what reads beyond it
/// computes NaN, what writes beyond it is noticed.
class Buffer {
public:
  using Function = std::function<double(const std::vector<int64_t> &)>;

  Buffer(std::vector<int64_t> sizes, Element element, double value = 0);
  /// Each element from its indices.
  Buffer(std::vector<int64_t> sizes, Element element, const Function &value);

  double at(const std::vector<int64_t> &indices) const;
  void set(const std::vector<int64_t> &indices, double value);
  const std::vector<int64_t> &sizes() const { return shape; }
  void forEach(const std::function<void(const std::vector<int64_t> &)> &) const;
  bool marginsAreWhole() const;

  /// The words of a memref descriptor.
  std::vector<int64_t> describe();

private:
  static constexpr int64_t kMargin = 4096;

  int64_t offset(const std::vector<int64_t> &indices) const;
  void put(int64_t position, double value);
  double take(int64_t position) const;
  size_t width() const { return element == Element::BF16 ? 2 : 4; }

  std::vector<int64_t> shape;
  Element element;
  int64_t count = 1;
  std::vector<char> bytes;
};

using Argument = std::variant<Buffer *, int64_t, float>;

/// A kernel of a module, compiled for the host by way of
/// convert-tile-to-linalg.
class TileKernel {
public:
  /// Aborts the test program if the module does not compile.
  TileKernel(const std::string &source, const std::string &name);
  ~TileKernel();

  struct Grid {
    int64_t x = 1, y = 1, z = 1;
  };
  /// Runs every block; gives the bits of TileFault.
  int32_t run(const std::vector<Argument> &arguments, Grid grid) const;
  int32_t run(const std::vector<Argument> &arguments) const {
    return run(arguments, Grid());
  }

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

/// The text of a kernel `@f`: what stands in its roles, with the constants %c0,
/// %c1, %c2, %c8, %c16, %c64 and %zero (f32) around.
struct KernelText {
  std::string arguments, shared, producer, consumers;
  int warpgroups = 1;

  std::string str() const;
};

/// The text of a file of the test suite.
std::string readTest(const std::string &path);

inline int32_t bit(transmamba::TileFault fault) {
  return static_cast<int32_t>(fault);
}

} // namespace testing_tile

#endif // TRANSMAMBA_TEST_UNIT_CONVERSION_TILETOLINALG_TILEKERNEL_H
