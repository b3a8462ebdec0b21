//===- GemmEpilogue.h - The end of a product --------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOTILE_GEMMEPILOGUE_H
#define TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOTILE_GEMMEPILOGUE_H

#include "KernelBuilder.h"
#include "transmamba/Conversion/TransMambaToTile/Config.h"

namespace transmamba {

/// What both kernels of products have: `(%a, %b..., %operands..., %c)`.
llvm::SmallVector<mlir::Type> getGemmArgumentTypes(const GemmShape &shape);
unsigned getGemmOperandArgument(const GemmShape &shape, size_t operand);
unsigned getGemmResultArgument(const GemmShape &shape);

/// Turns the sums of a tile into elements of the result.
class EpilogueBuilder {
public:
  EpilogueBuilder(KernelBuilder &kernel, const GemmShape &shape, int64_t rows,
                  int64_t columns)
      : kernel(kernel), shape(shape), rows(rows), columns(columns) {}

  /// Reads what lies in memory for the tile at (m, n): long before it is
  /// needed, so that nobody waits for it. Not the operand number `staged`.
  void read(mlir::Value m, mlir::Value n, std::optional<size_t> staged = {});
  /// The result, from a fragment of sums for each product and the tile of the
  /// staged operand.
  mlir::Value compute(mlir::ValueRange sums, mlir::Value staged = {});

private:
  KernelBuilder &kernel;
  const GemmShape &shape;
  int64_t rows, columns;
  /// An operand each; null for the staged one.
  llvm::SmallVector<mlir::Value> operands;
};

/// The kernel of a configuration for few rows.
tile::KernelOp buildFewRowsGemm(mlir::OpBuilder &builder, mlir::Location loc,
                                llvm::StringRef name, const GemmShape &shape,
                                const GemmConfig &config);

} // namespace transmamba

#endif // TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOTILE_GEMMEPILOGUE_H
