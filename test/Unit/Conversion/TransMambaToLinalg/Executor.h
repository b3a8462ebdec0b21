//===- Executor.h - Run lowered modules on the host -------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TEST_UNIT_CONVERSION_TRANSMAMBATOLINALG_EXECUTOR_H
#define TRANSMAMBA_TEST_UNIT_CONVERSION_TRANSMAMBATOLINALG_EXECUTOR_H

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace testing_linalg {

enum class Element { F32, BF16, I32 };

/// A dense row-major tensor that a lowered function takes or returns.
class Tensor {
public:
  Tensor() = default;
  Tensor(std::vector<int64_t> shape, Element element = Element::F32,
         double value = 0.0);

  const std::vector<int64_t> &shape() const { return sizes; }
  int64_t dim(size_t index) const { return sizes[index]; }
  int64_t size() const { return count; }
  Element element() const { return type; }

  double get(std::initializer_list<int64_t> indices) const {
    return at(offset(indices));
  }
  void set(std::initializer_list<int64_t> indices, double value) {
    put(offset(indices), value);
  }
  double at(int64_t index) const;
  void put(int64_t index, double value);

  void *data() { return bytes.data(); }
  const void *data() const { return bytes.data(); }
  size_t byteSize() const { return bytes.size(); }

private:
  int64_t offset(std::initializer_list<int64_t> indices) const;

  std::vector<int64_t> sizes;
  int64_t count = 0;
  Element type = Element::F32;
  std::vector<char> bytes;
};

/// Sizes of tiles; small ones put many edges into small tensors.
struct Blocks {
  int64_t queryBlock = 64, keyBlock = 64, chunk = 64, valueBlock = 0;
  int64_t tokenBlock = 32, channelBlock = 64, keySegment = 0;
};

/// A module in the transmamba dialect, compiled for the host by way of
/// `populateLinalgPipeline`.
class Program {
public:
  /// Aborts the test program if the module does not compile.
  Program(const std::string &source, Blocks blocks = {});
  ~Program();

  /// Calls a function. Arguments are updated in place where the function does
  /// so. Results that lie in the memory of an argument are reported in
  /// `aliases`: the argument's number, or -1.
  std::vector<Tensor> call(const std::string &function,
                           std::vector<Tensor *> arguments,
                           std::vector<int> *aliases = nullptr);

  /// The IR after the phase linalg.
  const std::string &lowered() const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

} // namespace testing_linalg

#endif // TRANSMAMBA_TEST_UNIT_CONVERSION_TRANSMAMBATOLINALG_EXECUTOR_H
