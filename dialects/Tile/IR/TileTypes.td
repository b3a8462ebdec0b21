//===- TileTypes.td - Types of the tile dialect ------------*- tablegen -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TILE_IR_TILETYPES
#define TRANSMAMBA_TILE_IR_TILETYPES

include "Tile/IR/TileDialect.td"
include "mlir/IR/AttrTypeBase.td"

class Tile_Type<string name, string typeMnemonic> : TypeDef<Tile_Dialect, name> {
  let mnemonic = typeMnemonic;
  let genVerifyDecl = 1;
}

/// A type that is a matrix: its shape and the type of an element.
class Tile_MatrixType<string name, string typeMnemonic>
    : Tile_Type<name, typeMnemonic> {
  let hasCustomAssemblyFormat = 1;
  code matrixMethods = [{
    int64_t getRows() const { return getShape()[0]; }
    int64_t getColumns() const { return getShape()[1]; }
  }];
}

def Tile_SharedType : Tile_MatrixType<"Shared", "smem"> {
  let summary = "A matrix in the shared memory of the block";
  let description = [{
    `!tile.smem<128x96xbf16>`. Where an element lies follows from the type: a
    matrix of 16-bit elements whose rows are a multiple of 16 is kept as panels
    of 64 columns (128-byte swizzle), else of 32 (64-byte swizzle), else of 16
    (32-byte swizzle), the layouts that TMA writes and the matrix units read.
    Anything else lies row after row.

    Constraints: (T1) two positive sizes; (T2) elements of 8, 16 or 32 bits.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape,
                        "::mlir::Type":$elementType);
  let extraClassDeclaration = matrixMethods # [{
    /// Columns of a panel; all columns where the matrix is not swizzled.
    int64_t getPanelColumns() const;
    /// Bytes of a row of a panel: 128, 64 or 32 where swizzled.
    int64_t getPanelRowBytes() const;
    bool isSwizzled() const;
    int64_t getSizeInBytes() const;
  }];
}

def Tile_RingType : Tile_MatrixType<"Ring", "ring"> {
  let summary = "A queue of tiles in shared memory between producer and consumers";
  let description = [{
    `!tile.ring<128x96xbf16, stages = 2>`: that many tiles, each either free or
    full. `tile.load` fills the next one, `tile.consumer_wait` waits for it, and
    `tile.consumer_release` frees the oldest one that is still held. Every
    consumer warpgroup sees every tile.

    Constraints: (T1) two positive sizes; (T2) elements of 8, 16 or 32 bits;
    (T3) 1 to 16 stages.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape,
                        "::mlir::Type":$elementType, "int64_t":$stages);
  let extraClassDeclaration = matrixMethods # [{
    SharedType getTile() const {
      return SharedType::get(getContext(), getShape(), getElementType());
    }
  }];
}

def Tile_FragmentType : Tile_MatrixType<"Fragment", "frag"> {
  let summary = "A matrix in the registers of a warpgroup";
  let description = [{
    `!tile.frag<64x128xf32>` as the matrix units leave it: a thread holds, of each
    64 rows, the rows `r` and `r + 8` with `r = 16 * warp + lane / 4`, and of
    these the columns `8 j + 2 (lane mod 4)` and the one after.
    `!tile.frag<64x128xbf16, a>` is the left operand of a multiplication.

    Constraints: (T1) two positive sizes; (T4) the rows are a multiple of 64;
    (T5) the columns are a multiple of 8, and of 16 for an operand; (T6) an
    accumulator holds f32, an operand a 16-bit float.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape,
                        "::mlir::Type":$elementType,
                        DefaultValuedParameter<"bool", "false">:$operand);
  let builders = [TypeBuilder<(ins "::llvm::ArrayRef<int64_t>":$shape,
                                   "::mlir::Type":$elementType), [{
    return $_get($_ctxt, shape, elementType, /*operand=*/false);
  }]>];
  let extraClassDeclaration = matrixMethods;
}

def Tile_PendingType : Tile_MatrixType<"Pending", "pending"> {
  let summary = "An accumulator that the matrix units may still write";
  let description = [{
    `!tile.pending<64x128xf32>`, the result of `tile.mma`. `tile.await` makes it
    a fragment; a further `tile.mma` may accumulate to it as it is.

    Constraints: those of an accumulator, (T1), (T4), (T5), (T6).
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape,
                        "::mlir::Type":$elementType);
  let extraClassDeclaration = matrixMethods # [{
    FragmentType getFragment() const {
      return FragmentType::get(getContext(), getShape(), getElementType());
    }
  }];
}

class Tile_VectorType<string name, string typeMnemonic>
    : Tile_Type<name, typeMnemonic> {
  let hasCustomAssemblyFormat = 1;
}

def Tile_RowsType : Tile_VectorType<"Rows", "rows"> {
  let summary = "One number for each row of a fragment";
  let description = [{
    `!tile.rows<64xf32>`, held where the rows are. `!tile.rows<64xf32, partial>`
    is a sum that four threads have not yet added up: linear arithmetic on it is
    the same arithmetic on the sum, and `tile.complete` adds it up.

    Constraints: (T4) the size is a positive multiple of 64; (T7) f32.
  }];
  let parameters = (ins "int64_t":$size, "::mlir::Type":$elementType,
                        DefaultValuedParameter<"bool", "false">:$partial);
  let builders = [TypeBuilder<(ins "int64_t":$size,
                                   "::mlir::Type":$elementType), [{
    return $_get($_ctxt, size, elementType, /*partial=*/false);
  }]>];
}

def Tile_ColumnsType : Tile_VectorType<"Columns", "cols"> {
  let summary = "One number for each column of a fragment";
  let description = [{
    `!tile.cols<128xf32>`, held where the columns are.

    Constraints: (T8) the size is a positive multiple of 8; (T7) f32.
  }];
  let parameters = (ins "int64_t":$size, "::mlir::Type":$elementType);
}

def Tile_VecType : Tile_VectorType<"Vec", "vec"> {
  let summary = "Numbers of consecutive tokens, which every warp holds whole";
  let description = [{
    `!tile.vec<64xf32>`: a lane holds `size / 32` consecutive ones. What is
    computed along the sequence, such as the decay from one token to another, is
    computed here and then spread over the rows or columns of a fragment.

    Constraints: (T9) the size is 32, 64 or 128; (T7) f32.
  }];
  let parameters = (ins "int64_t":$size, "::mlir::Type":$elementType);
}

def Tile_TicketsType : TypeDef<Tile_Dialect, "Tickets"> {
  let mnemonic = "tickets";
  let summary = "Items of work that the blocks of a grid draw";
  let description = [{
    The result of `tile.tickets`, as the roles of a block take it.
  }];
}

#endif // TRANSMAMBA_TILE_IR_TILETYPES
