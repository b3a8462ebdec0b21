//===- IndexExpressions.h - Index arithmetic as expressions -----*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_TARGET_LAUNCHPLAN_INDEXEXPRESSIONS_H
#define TRANSMAMBA_LIB_TARGET_LAUNCHPLAN_INDEXEXPRESSIONS_H

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/Value.h"
#include "mlir/Support/LLVM.h"
#include "transmamba/Package/Expression.h"
#include "llvm/ADT/DenseMap.h"

namespace transmamba {

/// Translates index values of a host program to expressions over the symbols
/// of its entry point.
class IndexExpressions {
public:
  /// Dimension `dim` of the argument `buffer` is the symbol `name`.
  void bind(mlir::Value buffer, int64_t dim, std::string name) {
    symbols[{buffer, dim}] = std::move(name);
  }

  /// The value of an index; an error is reported at its definition.
  mlir::FailureOr<package::Expression> translate(mlir::Value value);

  /// The size of a dimension of a buffer, looking through views.
  mlir::FailureOr<package::Expression> dimension(mlir::Value buffer,
                                                 int64_t dim);

  /// The size of a buffer in bytes.
  mlir::FailureOr<package::Expression> bytes(mlir::Value buffer);

private:
  mlir::FailureOr<package::Expression> compute(mlir::Value value);
  package::Expression translate(mlir::AffineExpr expr,
                                mlir::ArrayRef<package::Expression> operands,
                                unsigned numDims);

  llvm::DenseMap<std::pair<mlir::Value, int64_t>, std::string> symbols;
  llvm::DenseMap<mlir::Value, package::Expression> known;
};

/// Arithmetic that folds constants and neutral elements.
package::Expression foldedAdd(package::Expression a, package::Expression b);
package::Expression foldedMul(package::Expression a, package::Expression b);

} // namespace transmamba

#endif // TRANSMAMBA_LIB_TARGET_LAUNCHPLAN_INDEXEXPRESSIONS_H
