//===- Compiler.h - From a model graph to a package -------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_PIPELINES_COMPILER_H
#define TRANSMAMBA_PIPELINES_COMPILER_H

#include "TransMamba/IR/TransMambaOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "transmamba/Package/Manifest.h"
#include "transmamba/Package/PackageWriter.h"
#include "transmamba/Pipelines/Phases.h"
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace transmamba {

class WeightSource;

struct CompileOptions {
  /// At least one; their order is the order of the variants in the package.
  std::vector<CompileTarget> targets;
  /// Stop after this phase. A phase of one kind of target needs exactly one
  /// target, of that kind.
  Phase stopAfter = Phase::Package;
  /// Where to write one file a phase; empty: nowhere.
  std::string dumpDirectory;
  /// Path of ptxas, "none", or empty to search for it.
  std::string ptxas;
  /// Called when a phase has finished: its name, the target (empty where it
  /// belongs to all) and the time that it took.
  std::function<void(llvm::StringRef phase, llvm::StringRef target,
                     double seconds)>
      progress;
};

/// What a compilation leaves behind.
struct CompiledModel {
  /// The IR or PTX after the last phase, where compilation stopped early.
  std::string text;
  /// The code of an early stop at object or cubin.
  std::vector<char> binary;
  /// Everything but `files` and `parameters`, for Phase::Package.
  package::Manifest manifest;
  /// Device code, named as the manifest's variants say.
  std::vector<package::Blob> code;
  /// The modules after phase linalg, which hold the parameters: one that
  /// targets share, and one for each target with tile kernels.
  std::vector<mlir::OwningOpRef<mlir::ModuleOp>> modules;
  /// Parameters in the order of the indices in the manifest's commands.
  std::vector<ParameterOp> parameters;
};

/// Registers everything that compiling needs: dialects, interfaces,
/// translations.
void registerCompiler(mlir::DialectRegistry &registry);

/// Runs the phases from schedule on. Errors have been reported. `module` is a
/// model after import and must outlive the result; it is not changed.
mlir::FailureOr<CompiledModel> compileModel(mlir::ModuleOp module,
                                            const CompileOptions &options);

/// Adds the weights and writes the package. Nothing is left behind on failure.
mlir::LogicalResult writeModelPackage(CompiledModel &model,
                                      const WeightSource *weights,
                                      llvm::StringRef path);

} // namespace transmamba

#endif // TRANSMAMBA_PIPELINES_COMPILER_H
