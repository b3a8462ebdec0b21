//===- EntryPoint.h - The arguments of an entry point -----------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_REFERENCE_ENTRYPOINT_H
#define TRANSMAMBA_REFERENCE_ENTRYPOINT_H

#include "TransMamba/IR/TransMambaDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "transmamba/Reference/Session.h"

namespace transmamba::reference {

/// An argument of an entry point, as its attributes say
/// (dialects/TransMamba/README.md).
struct EntryArgument {
  enum class Kind { Input, Lengths, Positions, State, Parameter };

  Kind kind = Kind::Input;
  std::string name;
  mlir::Type type;
  /// One for each dimension; empty where the dimension has no symbol.
  std::vector<std::string> symbols;
  /// [first, second)
  std::optional<std::pair<int64_t, int64_t>> range;
};

/// A result: an output, or the next version of a state.
struct EntryResult {
  bool isState = false;
  std::string name;
};

struct EntryPoint {
  enum class Positions { None, Set, Advance };

  std::string name;
  Positions positions = Positions::None;
  std::vector<EntryArgument> arguments;
  std::vector<EntryResult> results;

  /// Whether it reads or updates state.
  bool hasState() const;
  const EntryArgument *find(EntryArgument::Kind kind) const;
};

/// Reads the attributes of a function.
llvm::Expected<EntryPoint> readEntryPoint(mlir::func::FuncOp function);

/// The sizes that the inputs give to symbols.
using Symbols = std::map<std::string, int64_t>;

/// Finds the inputs among `given`, rounds them to their types and checks them:
/// names, types, shapes, symbols, lengths, ranges. Returns them in the order of
/// the arguments, with empty places for what the caller does not give.
llvm::Expected<std::vector<std::optional<Value>>>
bindInputs(const EntryPoint &entry, const Interpreter &interpreter,
           const NamedValues &given, Symbols &symbols);

/// "entry point 'prefill': message"
llvm::Error failEntry(const EntryPoint &entry, const llvm::Twine &message);

} // namespace transmamba::reference

#endif // TRANSMAMBA_REFERENCE_ENTRYPOINT_H
