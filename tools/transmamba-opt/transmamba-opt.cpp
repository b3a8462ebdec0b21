//===- transmamba-opt.cpp - The optimizer driver --------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "transmamba/Tools/RegisterAll.h"

int main(int argc, char **argv) {
  transmamba::setUpCommandLine(R"(
EXAMPLES:
  A model graph after import, to the phase linalg:
    transmamba-compile model.json --compile-to=import -o model.mlir
    transmamba-opt model.mlir --transmamba-to-linalg

  The whole way, with one option; of a pipeline's options the help says more:
    transmamba-opt model.mlir --transmamba-to-gpu-binary="chip=sm_80 format=isa"
    transmamba-opt model.mlir --transmamba-to-cpu=level=x86-64-v4

  One pass, on IR of any phase, and what each pass of a pipeline changes:
    transmamba-opt model.mlir --transmamba-schedule
    transmamba-opt model.mlir --transmamba-to-linalg --mlir-print-ir-after-change

  docs/phases.md describes the phases, docs/generated/Passes.md the passes.
  --help-hidden lists the options of LLVM too. Exit code 0 on success, 1 on any error.
)");
  mlir::DialectRegistry registry;
  transmamba::registerAllDialects(registry);
  transmamba::registerTransMambaPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(
      argc, argv,
      "TransMamba optimizer driver: reads IR of any phase, runs passes and "
      "pipelines (--transmamba-...), prints IR\n",
      registry));
}
