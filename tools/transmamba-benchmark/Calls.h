//===- Calls.h - What is measured -------------------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TOOLS_TRANSMAMBA_BENCHMARK_CALLS_H
#define TRANSMAMBA_TOOLS_TRANSMAMBA_BENCHMARK_CALLS_H

#include "transmamba-run/Arguments.h"
#include "transmamba-run/Model.h"

#include <random>
#include <string>
#include <vector>

namespace transmamba::benchmark {

/// An entry point with its sizes and with a value for every input.
struct Call {
  const package::EntryPoint *entry = nullptr;
  package::Bindings symbols;
  std::vector<run::NamedArray> inputs;
};

/// `B=1,T=512` as symbols.
package::Bindings parseShape(const std::string &text);

/// Takes each symbol from the given inputs or from `shape`, and makes up the
/// inputs that are not given: random values in their range, full lengths.
Call makeCall(const package::Manifest &manifest,
              const package::EntryPoint &entry, const package::Bindings &shape,
              const std::vector<run::NamedValue> &given,
              std::mt19937_64 &random);

/// The work of one or more commands, as far as the manifest tells.
struct WorkSum {
  double flop = 0;
  double bytes = 0;
  /// Commands that say how much.
  size_t withFlop = 0;
  size_t withBytes = 0;
  size_t commands = 0;

  void add(const WorkSum &other);
};

/// A command that runs at these sizes: its grid is not empty.
struct ActiveCommand {
  const package::Command *command;
  WorkSum work;
};

std::vector<ActiveCommand> activeCommands(const Call &call,
                                          int64_t multiprocessors);

} // namespace transmamba::benchmark

#endif // TRANSMAMBA_TOOLS_TRANSMAMBA_BENCHMARK_CALLS_H
