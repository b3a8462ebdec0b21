//===- Session.h - Calls that follow one another ----------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Keeps the states of the sequences of a batch and their positions from call to
// call, by the rules of docs/package.md ("positions"): the same inputs are
// accepted and refused as by a session of the runtime.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_REFERENCE_SESSION_H
#define TRANSMAMBA_REFERENCE_SESSION_H

#include "transmamba/Reference/Interpreter.h"

#include <map>

namespace transmamba::reference {

/// Inputs, outputs and states by name.
using NamedValues = std::map<std::string, Value, std::less<>>;

struct SessionOptions {
  /// The number of sequences; that of the first call with state without it.
  std::optional<int64_t> rows;
  /// Before every call, fill what the call must not read with NaN: all state
  /// before a call that sets the positions, else the cache slots at and beyond
  /// the positions.
  bool poison = false;
};

/// What an entry point takes from its caller.
struct InputInfo {
  std::string name;
  mlir::RankedTensorType type;
};

class Session {
public:
  /// The interpreter outlives the session.
  explicit Session(Interpreter &interpreter, SessionOptions options = {})
      : interpreter(interpreter), options(options) {}

  /// The inputs that the caller gives, in order; an error where there is no
  /// such entry point. Any function of the module can be one: arguments
  /// without `transmamba.name` are `arg0`, `arg1`, ..., results `result0`, ....
  llvm::Expected<std::vector<InputInfo>> inputs(llvm::StringRef entry) const;

  /// Runs an entry point. Nothing changes where that fails.
  llvm::Expected<NamedValues> run(llvm::StringRef entry,
                                  const NamedValues &inputs);

  /// How many tokens each row has seen; empty before the first call with state.
  const std::vector<int64_t> &positions() const { return rowPositions; }

  /// The states by name. Dimension 0 is the row.
  const std::map<std::string, FloatTensor> &states() const { return rowStates; }

private:
  Interpreter &interpreter;
  SessionOptions options;
  std::vector<int64_t> rowPositions;
  std::map<std::string, FloatTensor> rowStates;
};

} // namespace transmamba::reference

#endif // TRANSMAMBA_REFERENCE_SESSION_H
