//===- transmamba-reduce.cpp - Reduce a failing input ---------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/MLIRContext.h"
#include "mlir/Support/LogicalResult.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"
#include "transmamba/Tools/RegisterAll.h"

int main(int argc, char **argv) {
  transmamba::setUpCommandLine(R"(
EXAMPLES:
  A script that exits with 1 while the file $1 still shows the failure:
    printf '#!/bin/sh\n! transmamba-opt --transmamba-to-cpu "$1" 2>&1 | grep -q "cannot be tiled"\n' > test.sh
    chmod +x test.sh

  The smallest module that still does, by dropping operations:
    transmamba-reduce model.mlir --reduction-tree="traversal-mode=0 test=./test.sh"

  Exit code 0 on success, 1 on any error.
)");
  mlir::DialectRegistry registry;
  transmamba::registerAllDialects(registry);
  transmamba::registerTransMambaPasses();
  mlir::MLIRContext context(registry);
  return failed(mlir::mlirReduceMain(argc, argv, context));
}
