//===- Interpreter.h - Running functions of a model -------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// The oracle: runs the IR of the phases import, schedule and fuse as it is
// written. Numbers are float64 whatever their declared type, so that what it
// says of a model is the mathematics of the model; what comes from outside
// (parameters, inputs) is rounded to its declared type, because that is what
// the compiled model gets to see.
//
// Errors carry their place, `file:line:column: error: what`. Verified IR, with
// any inputs, gives a result or an error.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_REFERENCE_INTERPRETER_H
#define TRANSMAMBA_REFERENCE_INTERPRETER_H

#include "mlir/IR/BuiltinOps.h"
#include "transmamba/Reference/Tensor.h"
#include "transmamba/Reference/Weights.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace transmamba::reference {

struct InterpreterOptions {
  /// Round every scalar and tensor to its declared type. Each operation still
  /// computes in float64 inside.
  bool round = false;
};

/// A place as the start of a message: `file:line:column`, and the JSON pointer
/// of what came from a graph.
std::string describe(mlir::Location location);

class Interpreter {
public:
  /// The module has been verified and outlives the interpreter.
  static llvm::Expected<Interpreter> load(mlir::ModuleOp module,
                                          std::unique_ptr<WeightSource> weights,
                                          InterpreterOptions options = {});
  Interpreter(Interpreter &&);
  ~Interpreter();

  /// Calls a function with values of its argument types.
  llvm::Expected<std::vector<Value>> call(llvm::StringRef function,
                                          llvm::ArrayRef<Value> arguments);

  /// The value of a parameter.
  llvm::Expected<Value> parameter(llvm::StringRef name);

  /// The TransPoint of a layer, of the module's schedule.
  llvm::Expected<int64_t> transpoint(int64_t layer) const;

  mlir::ModuleOp module() const;
  /// What the module says of itself.
  std::optional<int64_t> maxBatch() const;
  std::optional<int64_t> maxSequence() const;

private:
  class Implementation;
  explicit Interpreter(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation;
};

} // namespace transmamba::reference

#endif // TRANSMAMBA_REFERENCE_INTERPRETER_H
