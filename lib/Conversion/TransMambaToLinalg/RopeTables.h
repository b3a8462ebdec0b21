//===- RopeTables.h - Cosines and sines of positions ------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Rotary positions read cosines and sines from tables that are parameters of
// the module: computing them in a kernel would need sin and cos of large
// arguments for every head again.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOLINALG_ROPETABLES_H
#define TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOLINALG_ROPETABLES_H

#include "TileBuilder.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/SymbolTable.h"
#include "transmamba/Analysis/StateLayout.h"
#include "transmamba/Transforms/RotaryTables.h"
#include <map>

namespace transmamba {

/// A rotation, with its tables in reach of the builder.
struct Rotation {
  mlir::Value cos, sin;
  /// Positions that the tables hold.
  int64_t positions;
  /// Elements of a head that are rotated.
  int64_t rotaryDim;
  bool interleaved;
};

/// The tables of a module, one pair for each theta and size.
class RopeTables {
public:
  /// Declares what every rotation of the module reads. Fails, with
  /// an error, where nothing bounds the positions.
  mlir::LogicalResult declare(mlir::ModuleOp module, const StateLayout &layout);

  /// The rotation of `op`, a `rope`, or a `switch` or `append_kv` with one, if
  /// there is any.
  std::optional<Rotation> get(mlir::OpBuilder &builder,
                              mlir::Operation *op) const;

private:
  /// theta (its bits), rotated elements, positions.
  using Key = std::tuple<uint64_t, int64_t, int64_t>;
  struct Use {
    Key key;
    bool interleaved;
  };
  std::map<Key, RotaryTables> tables;
  llvm::DenseMap<mlir::Operation *, Use> uses;
};

/// dest[r, ...] = rotate(source[r, ...], position first + r) for the rows r <
/// count, within the tables. Rows lead, the head's elements come last. The
/// other rows of `dest` stay as they are.
mlir::Value rotateRows(TileBuilder &tile, const Rotation &rotation,
                       mlir::Value source, mlir::Value dest, Index first,
                       Index count);

} // namespace transmamba

#endif // TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOLINALG_ROPETABLES_H
