//===- Plan.h - An entry point with its sizes -------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// A plan is an entry point whose symbols have values: all expressions are
// numbers, and all of them have been checked. It does not know addresses, so it
// lives as long as the sizes repeat.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_RUNTIME_PLAN_H
#define TRANSMAMBA_LIB_RUNTIME_PLAN_H

#include "transmamba/Package/Manifest.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace transmamba::runtime {

/// An input or output: all of one kind lie in one block of memory.
struct PlanTensor {
  package::ElementType type;
  std::vector<int64_t> shape;
  uint64_t bytes = 0;
  /// Offset in the block.
  uint64_t offset = 0;
};

/// The numbers of a package::TensorMap.
struct PlanTensorMap {
  const package::TensorMap *description = nullptr;
  std::vector<uint64_t> extents;
  std::vector<uint64_t> strides;
};

struct PlanArgument {
  package::Argument::Kind kind = package::Argument::Kind::Scalar;
  /// Input, Output, Parameter and State: which.
  uint64_t index = 0;
  /// Input, Output, Arena: offset in the block. Scalar: the value. F32: its
  /// bits, in the lower half.
  uint64_t value = 0;
  /// Index into Plan::maps, or -1.
  int64_t map = -1;
};

struct PlanCommand {
  const package::Command *description = nullptr;
  /// Index into the variant's kernels.
  size_t kernel = 0;
  std::array<int64_t, 3> grid = {};
  std::vector<PlanArgument> args;
};

struct Plan {
  const package::EntryPoint *entry = nullptr;
  /// Different for every plan of a session.
  uint64_t id = 0;
  package::Bindings symbols;
  std::vector<PlanTensor> inputs;
  std::vector<PlanTensor> outputs;
  uint64_t inputBytes = 0;
  uint64_t outputBytes = 0;
  uint64_t arenaBytes = 0;
  /// Without those whose grid is empty.
  std::vector<PlanCommand> commands;
  std::vector<PlanTensorMap> maps;
  /// By what the package says of its commands they are so short, on average,
  /// that the start of one counts. The rates are those of a large GPU: what is
  /// short on that one may be long elsewhere, where a start counts less.
  bool isShort = true;
};

/// What a plan is made of.
struct PlanSource {
  const package::Manifest &manifest;
  const package::Variant &variant;
  const package::EntryPoint &entry;
  /// Rows of the session, which bound its states.
  int64_t rows;
  /// What the device binds to package::multiprocessorsSymbol.
  int64_t multiprocessors;
  /// The package's path, for errors.
  const std::string &path;
};

/// Evaluates the entry point under `symbols`. Throws Failure.
Plan makePlan(const PlanSource &source, package::Bindings symbols);

} // namespace transmamba::runtime

#endif // TRANSMAMBA_LIB_RUNTIME_PLAN_H
