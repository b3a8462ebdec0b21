//===- TileOps.td - Operations of the tile dialect ---------*- tablegen -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Constraints are numbered per operation; the same number stands in the
// verifier's message and in test/Dialect/Tile/invalid.mlir.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TILE_IR_TILEOPS
#define TRANSMAMBA_TILE_IR_TILEOPS

include "Tile/IR/TileAttributes.td"
include "Tile/IR/TileTypes.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/FunctionInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Tile_Op<string mnemonic, list<Trait> traits = []>
    : Op<Tile_Dialect, mnemonic, traits>;

def Tile_Tensor : Type<And<[
    CPred<"::llvm::isa<::mlir::MemRefType>($_self)">,
    CPred<"::llvm::cast<::mlir::MemRefType>($_self).getRank() >= 2">]>,
    "a memref of rank 2 or more", "::mlir::MemRefType">;
/// A value of a warpgroup's registers, element by element.
def Tile_Distributed
    : AnyTypeOf<[Tile_FragmentType, Tile_RowsType, Tile_ColumnsType,
                 Tile_VecType]>;

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

def Tile_KernelOp : Tile_Op<"kernel", [FunctionOpInterface, IsolatedFromAbove]> {
  let summary = "a kernel: what one block of threads does";
  let description = [{
    A function of global tensors (`memref`), sizes (`index`) and numbers (`f32`).
    Its body allocates shared memory, computes what is uniform, and holds one
    `tile.producer` at most and one `tile.consumers` exactly. The grid is the
    caller's, see `tile.launch`.

    A tensor is contiguous. What is loaded beyond its bounds is zero, what is
    stored beyond them is dropped, so a kernel does not know ragged edges unless
    its arithmetic does.

    Constraints: (K1) arguments are memrefs with identity layout, `index` or
    `f32`, and there is no result; (K2) one `tile.consumers`, one `tile.producer`
    at most; (K3) the registers of all threads are as many as a block can start
    with, if `occupancy` blocks (one, where it is not given) share the 65536 of a
    multiprocessor: the same number for each thread, a multiple of 8; (K4) their
    shared memory fits in its 228 KB, of which a block costs 1 KB more than it has;
    (K5) one `tile.tickets` at most, and where there is one, the producer and the
    consumers hold one `tile.work_loop` each.

    ```mlir
    tile.kernel @copy(%in: memref<?x64xbf16>, %out: memref<?x64xbf16>) {
      %c0 = arith.constant 0 : index
      %c64 = arith.constant 64 : index
      %block = tile.block_id x
      %row = arith.muli %block, %c64 : index
      %ring = tile.ring : !tile.ring<64x64xbf16, stages = 1>
      tile.producer registers 40 {
        tile.load %in[%row, %c0] to %ring : memref<?x64xbf16>, !tile.ring<64x64xbf16, stages = 1>
      }
      tile.consumers %warpgroup in 1 registers 128 {
        %tile = tile.consumer_wait %ring : !tile.ring<64x64xbf16, stages = 1>
        tile.store %tile to %out[%row, %c0] : !tile.smem<64x64xbf16>, memref<?x64xbf16>
        tile.store_wait
        tile.consumer_release %ring : !tile.ring<64x64xbf16, stages = 1>
      }
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
                       TypeAttrOf<FunctionType>:$function_type,
                       OptionalAttr<DictArrayAttr>:$arg_attrs,
                       OptionalAttr<DictArrayAttr>:$res_attrs,
                       DefaultValuedAttr<I32Attr, "1">:$occupancy);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    mlir::ArrayRef<mlir::Type> getArgumentTypes() {
      return getFunctionType().getInputs();
    }
    mlir::ArrayRef<mlir::Type> getResultTypes() {
      return getFunctionType().getResults();
    }
    mlir::Region *getCallableRegion() { return &getBody(); }

    /// The producer, or null.
    ProducerOp getProducer();
    ConsumersOp getConsumers();
    /// Threads of a block: a warpgroup for the producer, and the consumers'.
    int64_t getThreads();
    /// The items that its blocks draw, or null.
    TicketsOp getTickets();
    /// Bytes of shared memory: rings and tiles, each aligned to 1024, the
    /// barriers of rings and what tickets need.
    int64_t getSharedBytes();
  }];
}

def Tile_ProducerOp : Tile_Op<"producer", [
    HasParent<"KernelOp">, SingleBlockImplicitTerminator<"EndOp">]> {
  let summary = "what the thread does that loads tiles";
  let description = [{
    One thread of a warpgroup of its own, which keeps `registers` registers a
    thread and leaves the others to the consumers.

    Constraints: (R1) `registers` is a multiple of 8 from 24 to 240.
  }];
  let arguments = (ins I32Attr:$registers);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "`registers` $registers $body attr-dict";
  let hasVerifier = 1;
}

def Tile_ConsumersOp : Tile_Op<"consumers", [
    HasParent<"KernelOp">, SingleBlockImplicitTerminator<"EndOp">]> {
  let summary = "what the warpgroups do that compute";
  let description = [{
    `count` warpgroups run the body, each with its own number (0 to `count` - 1).

    Constraints: (R1) `registers` is a multiple of 8 from 24 to 240; (R2) 1 to 3
    warpgroups; (R3) the body has one argument, the number.
  }];
  let arguments = (ins I32Attr:$count, I32Attr:$registers);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    mlir::BlockArgument getWarpgroup() { return getBody().getArgument(0); }
  }];
}

def Tile_EndOp : Tile_Op<"end", [Terminator, Pure]> {
  let summary = "end of a kernel or of a role";
  let assemblyFormat = "attr-dict";
}

def Tile_LaunchOp : Tile_Op<"launch", [
    AttrSizedOperandSegments, DestinationStyleOpInterface,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "run a kernel on a grid of blocks";
  let description = [{
    The kernel reads `ins` and writes all that matters of `outs`. On tensors, a result
    is what the kernel leaves in the buffer of `outs`, and has its type; on buffers
    there is none. `flop` and `bytes`, where given, are what the kernel has to do at
    least, whatever it does; they go to the launch plan and not to the kernel.

    A `partial` launch writes a part of each output, and the rest stays as it was.
    Where an output of one is the result of another launch of its group, the two
    write different elements, so that nothing depends on which of them is first.

    Constraints: (L1) the symbol is a `tile.kernel`; (L2) the operands have the
    types of its arguments, a tensor in place of a memref of the same shape.

    ```mlir
    tile.launch @copy grid(%blocks, %c1, %c1) ins(%in : memref<?x64xbf16>) outs(%out : memref<?x64xbf16>)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Index:$gridX, Index:$gridY,
                       Index:$gridZ, Optional<Index>:$flop,
                       Optional<Index>:$bytes, Variadic<AnyType>:$inputs,
                       Variadic<AnyShaped>:$outputs, UnitAttr:$partial);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let builders = [
    /// Without a word on how much there is to do.
    OpBuilder<(ins "mlir::TypeRange":$results,
                   "mlir::FlatSymbolRefAttr":$kernel, "mlir::Value":$gridX,
                   "mlir::Value":$gridY, "mlir::Value":$gridZ,
                   "mlir::ValueRange":$inputs, "mlir::ValueRange":$outputs,
                   CArg<"bool", "false">:$partial), [{
      build($_builder, $_state, results, kernel, gridX, gridY, gridZ,
            mlir::Value(), mlir::Value(), inputs, outputs,
            partial ? $_builder.getUnitAttr() : mlir::UnitAttr());
    }]>];
  let assemblyFormat = [{
    $kernel `grid` `(` $gridX `,` $gridY `,` $gridZ `)`
    (`flop` `(` $flop^ `)`)? (`bytes` `(` $bytes^ `)`)?
    (`ins` `(` $inputs^ `:` type($inputs) `)`)?
    (`outs` `(` $outputs^ `:` type($outputs) `)`)? (`partial` $partial^)? attr-dict (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    mlir::MutableOperandRange getDpsInitsMutable() { return getOutputsMutable(); }
    /// What the kernel gets, in the order of its arguments.
    mlir::SmallVector<mlir::Value> getKernelOperands() {
      mlir::SmallVector<mlir::Value> operands(getInputs());
      operands.append(getOutputs().begin(), getOutputs().end());
      return operands;
    }
  }];
}

def Tile_MultiprocessorsOp : Tile_Op<"multiprocessors", [Pure]> {
  let summary = "the number of multiprocessors of the device";
  let description = [{
    Of the host, for the grid of a kernel whose blocks take several tiles each.
  }];
  let results = (outs Index:$result);
  let assemblyFormat = "attr-dict";
}

class Tile_GridOp<string mnemonic> : Tile_Op<mnemonic, [Pure]> {
  let arguments = (ins Tile_DimensionAttr:$dimension);
  let results = (outs Index:$result);
  let assemblyFormat = "$dimension attr-dict";
}
def Tile_BlockIdOp : Tile_GridOp<"block_id"> {
  let summary = "the block's position in the grid";
}
def Tile_GridDimOp : Tile_GridOp<"grid_dim"> {
  let summary = "the number of blocks in a direction of the grid";
}

//===----------------------------------------------------------------------===//
// Work that blocks draw
//===----------------------------------------------------------------------===//

def Tile_TicketsOp : Tile_Op<"tickets", [HasParent<"KernelOp">]> {
  let summary = "items of work, numbered, that the blocks of the grid draw";
  let description = [{
    The items 0 to `count` - 1 are drawn in this order, each by one block; a block
    works on its items in the order in which it drew them. So whoever waits for
    items with smaller numbers (`tile.look_back`) waits for work that has begun, and
    the grid may have any number of blocks, in its first direction.

    `control` are words that are 0 before the first launch and belong to launches
    that follow one another: ticket, blocks that are done, launches so far, one that
    is kept free, and one for each item. A launch leaves them as the next one, of
    any number of items, needs them.

    At most one stands in a kernel: its constraint K5.

    ```mlir
    %work = tile.tickets %items from %control : memref<?xi32>
    tile.producer registers 40 {
      tile.work_loop %item of %work {
        ...
      }
    }
    tile.consumers %warpgroup in 2 registers 232 {
      tile.work_loop %item of %work {
        ...
      }
    }
    ```
  }];
  let arguments = (ins Index:$count,
                       Arg<MemRefRankOf<[I32], [1]>, "",
                           [MemRead, MemWrite]>:$control);
  let results = (outs Tile_TicketsType:$result);
  let assemblyFormat = "$count `from` $control attr-dict `:` type($control)";
}

def Tile_WorkLoopOp : Tile_Op<"work_loop", [
    SingleBlockImplicitTerminator<"EndOp">]> {
  let summary = "for each item that this block draws";
  let description = [{
    The producer draws, as soon as it has loaded all of an item, one item ahead of
    the consumers; they get the same items in the same order. Rings go on from item
    to item: of each ring, an item waits for the tiles that it loads, and releases
    those that it waits for.

    Constraints: (W1) in `tile.producer` or `tile.consumers`, not inside anything
    else;
    (W2) the body has one argument, the number of the item.
  }];
  let arguments = (ins Tile_TicketsType:$tickets);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    mlir::BlockArgument getItem() { return getBody().getArgument(0); }
  }];
}

def Tile_PublishOp : Tile_Op<"publish"> {
  let summary = "say that an item is done";
  let description = [{
    Waits for all consumers. What they wrote to global memory before is seen by those
    who look back to this item.

    Constraints: (W3) inside a `tile.work_loop` of the consumers, the item that it is
    at.
  }];
  let arguments = (ins Index:$item,
                       Arg<Tile_TicketsType, "", [MemRead, MemWrite]>:$tickets);
  let assemblyFormat = "$item `of` $tickets attr-dict";
  let hasVerifier = 1;
}

def Tile_LookBackOp : Tile_Op<"look_back"> {
  let summary = "wait until items have been published";
  let description = [{
    The items `first`, `first + stride`, ..., `count` of them; all have smaller
    numbers than the one that waits. What they have written is seen afterwards: by
    this warpgroup, or by the loads of the producer.

    Constraints: (W4) inside a `tile.work_loop`.
  }];
  let arguments = (ins Index:$first, Index:$count, Index:$stride,
                       Arg<Tile_TicketsType, "", [MemRead, MemWrite]>:$tickets);
  let assemblyFormat = "$first `count` $count `stride` $stride `of` $tickets attr-dict";
  let hasVerifier = 1;
}

def Tile_AfterOp : Tile_Op<"after", [
    MemoryEffects<[MemRead, MemWrite]>,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "what follows reads results of these blocks of another kernel";
  let description = [{
    Of the launch of `kernel` that this one follows: `count` blocks from the one at
    `x`, `y`, `z` on, in one direction of its grid. Launches that run one after the
    other need no more, so this is nothing then. Where both become one launch, it
    becomes a `tile.look_back`; results that no `tile.after` speaks of keep launches
    apart.

    Constraints: (W5) inside `tile.producer` or `tile.consumers`; (W6) the symbol is
    a `tile.kernel`.

    ```mlir
    tile.after @states[%head, %batch, %c0] count %segment along z
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Index:$x, Index:$y, Index:$z,
                       Index:$count, Tile_DimensionAttr:$dimension);
  let assemblyFormat = "$kernel `[` $x `,` $y `,` $z `]` `count` $count `along` $dimension attr-dict";
  let hasVerifier = 1;
}

def Tile_WorkspaceOp : Tile_Op<"workspace", [Pure]> {
  let summary = "words that are kept from one run of the model to the next";
  let description = [{
    Of the host: the same buffer for all that ask, as long as the longest. Its words
    are 0 before the first run.
  }];
  let arguments = (ins Index:$size);
  let results = (outs MemRefRankOf<[I32], [1]>:$result);
  let assemblyFormat = "$size attr-dict `:` type($result)";
}

//===----------------------------------------------------------------------===//
// Shared memory and the tiles that go through it
//===----------------------------------------------------------------------===//

def Tile_AllocOp : Tile_Op<"alloc", [HasParent<"KernelOp">]> {
  let summary = "a tile of shared memory";
  let results = (outs Res<Tile_SharedType, "", [MemAlloc]>:$result);
  let assemblyFormat = "attr-dict `:` qualified(type($result))";
}

def Tile_RingOp : Tile_Op<"ring", [HasParent<"KernelOp">]> {
  let summary = "a ring of tiles of shared memory, all of them free";
  let results = (outs Res<Tile_RingType, "", [MemAlloc]>:$result);
  let assemblyFormat = "attr-dict `:` qualified(type($result))";
}

def Tile_LoadOp : Tile_Op<"load"> {
  let summary = "fill the next tile of a ring from global memory";
  let description = [{
    Waits until the next tile is free, and starts a copy of the box at `indices`
    to it; the last two indices are the first row and the first column. Elements
    beyond the bounds of the tensor are zeros. The tile is full when the copy is
    done; the program goes on before.

    Several boxes of equal size, one after the other, stand one below the other in
    the tile: two heads, say, one for each warpgroup.

    Constraints: (D1) one index for each dimension of the tensor; (D2) same type
    of elements; (D3) inside `tile.producer`; (D4) the ring is a `tile.ring`;
    (D5) a row of the tensor is a multiple of 16 bytes, and the size of its last
    dimension is static; (D8) boxes of a multiple of 8 rows make the tile.

    ```mlir
    tile.load %k[%t, %column], [%t, %next] to %ring : memref<?x192xbf16>, !tile.ring<128x96xbf16, stages = 2>
    ```
  }];
  let arguments = (ins Arg<Tile_Tensor, "", [MemRead]>:$source,
                       Variadic<Index>:$indices,
                       Arg<Tile_RingType, "", [MemWrite]>:$ring,
                       OptionalAttr<Tile_CacheAttr>:$cache);
  let assemblyFormat = [{
    $source `` custom<Boxes>($indices) `to` $ring (`cache` $cache^)? attr-dict `:` qualified(type($source)) `,` qualified(type($ring))
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    int64_t getNumBoxes() {
      return getIndices().size() / getSource().getType().getRank();
    }
    /// Rows of a box.
    int64_t getBoxRows() { return getRing().getType().getRows() / getNumBoxes(); }
    /// The indices of a box.
    mlir::OperandRange getBox(int64_t number) {
      int64_t rank = getSource().getType().getRank();
      return getIndices().slice(number * rank, rank);
    }
  }];
}

def Tile_ConsumerWaitOp : Tile_Op<"consumer_wait", [
    DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let summary = "wait until the next tile of a ring is full";
  let description = [{
    Each wait of a warpgroup takes the tile after the one before.

    Constraints: (D6) inside `tile.consumers`; (D4) the ring is a `tile.ring`.
  }];
  let arguments = (ins Arg<Tile_RingType, "", [MemRead, MemWrite]>:$ring);
  let results = (outs Tile_SharedType:$tile);
  let assemblyFormat = "$ring attr-dict `:` qualified(type($ring))";
  let hasVerifier = 1;
}

def Tile_ConsumerReleaseOp : Tile_Op<"consumer_release"> {
  let summary = "free the oldest tile of a ring that this warpgroup holds";
  let description = [{
    The warpgroup must not read the tile afterwards: multiplications that read it
    are awaited or drained before.

    Constraints: (D6) inside `tile.consumers`; (D4) the ring is a `tile.ring`.
  }];
  let arguments = (ins Arg<Tile_RingType, "", [MemRead, MemWrite]>:$ring);
  let assemblyFormat = "$ring attr-dict `:` qualified(type($ring))";
  let hasVerifier = 1;
}

def Tile_RowSliceOp : Tile_Op<"row_slice", [Pure]> {
  let summary = "some rows of a tile";
  let description = [{
    Constraints: (D7) no more rows than the tile has, the same columns and type
    of elements, and a multiple of 8 rows. The offset is a multiple of 8 too.
  }];
  let arguments = (ins Tile_SharedType:$source, Index:$offset);
  let results = (outs Tile_SharedType:$result);
  let assemblyFormat = "$source `[` $offset `]` attr-dict `:` qualified(type($source)) `->` qualified(type($result))";
  let hasVerifier = 1;
}

def Tile_ClearRowsOp : Tile_Op<"clear_rows", [
    MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "zeros in the last rows of a tile";
  let description = [{
    From row `first` on: none where the tile ends before it, all where it is
    negative. This warpgroup and its multiplications see the zeros; every
    warpgroup that reads the tile clears it, before it reads. So nothing that
    lies beyond the end of a sequence gets into a sum, be it NaN.

    With `if`, nothing happens where the condition does not hold; a loop in which
    the index decides is cut in two, as for `tile.mask`.

    Constraints: (D6) inside `tile.consumers`; (M6) the tile is swizzled.

    ```mlir
    tile.clear_rows %values from %count : !tile.smem<128x96xbf16>
    ```
  }];
  let arguments = (ins Tile_SharedType:$tile, Index:$first,
                       Optional<I1>:$condition);
  let builders = [
    OpBuilder<(ins "mlir::Value":$tile, "mlir::Value":$first), [{
      build($_builder, $_state, tile, first, mlir::Value());
    }]>];
  let assemblyFormat = "$tile `from` $first (`if` $condition^)? attr-dict `:` qualified(type($tile))";
  let hasVerifier = 1;
}

def Tile_RotateOp : Tile_Op<"rotate", [
    AllTypesMatch<["cos", "sin"]>, MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "rotate pairs of columns of a tile";
  let description = [{
    Rotary positions: in row `r`, pair `i` is `(x, y)` and becomes
    `(x c - y s, y c + x s)`, where `c` and `s` are the numbers `(r, i)` of the two
    fragments, which have `n` columns. A pair is the columns `i` and `i + n`, or
    `2 i` and `2 i + 1` where it is `interleaved`; columns from `2 n` on stay. In
    f32, rounded once. This warpgroup and its multiplications see the result.

    Constraints: (D6) inside `tile.consumers`; (F1) the fragments have as many rows
    as the tile, and half as many columns at most; (F3) they are accumulators;
    (M6) the tile is swizzled.

    ```mlir
    tile.rotate %q by %cos, %sin : !tile.smem<64x96xbf16>, !tile.frag<64x48xf32>
    ```
  }];
  let arguments = (ins Tile_SharedType:$tile, Tile_FragmentType:$cos,
                       Tile_FragmentType:$sin, UnitAttr:$interleaved);
  let assemblyFormat = [{
    (`interleaved` $interleaved^)? $tile `by` $cos `,` $sin attr-dict `:` qualified(type($tile)) `,` qualified(type($cos))
  }];
  let hasVerifier = 1;
}

def Tile_SkipOp : Tile_Op<"skip", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "let tiles pass that others need";
  let description = [{
    Waits for `count` tiles of each ring and releases them, and takes a turn for
    each; nothing where `count` is not positive. A short form of a loop.

    Constraints: (D6) inside `tile.consumers`; (D4) each ring is a `tile.ring`.

    ```mlir
    tile.skip %count of %keys, %values : !tile.ring<128x96xbf16, stages = 2>, !tile.ring<128x96xbf16, stages = 2>
    ```
  }];
  let arguments = (ins Index:$count,
                       Arg<Variadic<Tile_RingType>, "", [MemRead, MemWrite]>:$rings);
  let assemblyFormat = "$count `of` $rings attr-dict `:` qualified(type($rings))";
  let hasVerifier = 1;
}

def Tile_StoreOp : Tile_Op<"store"> {
  let summary = "start to copy a tile to global memory";
  let description = [{
    The warpgroup has written the tile (or waited for it); rows and columns
    beyond the bounds of the tensor are dropped. `tile.store_wait` comes before
    the tile is written again, and before the kernel ends.

    Constraints: (D1) one index for each dimension of the tensor; (D2) same type
    of elements; (D5) a row of the tensor is a multiple of 16 bytes, and the size
    of its last dimension is static; (D6) inside `tile.consumers`.
  }];
  let arguments = (ins Arg<Tile_SharedType, "", [MemRead]>:$tile,
                       Arg<Tile_Tensor, "", [MemWrite]>:$destination,
                       Variadic<Index>:$indices);
  let assemblyFormat = [{
    $tile `to` $destination `[` $indices `]` attr-dict `:` qualified(type($tile)) `,` qualified(type($destination))
  }];
  let hasVerifier = 1;
}

def Tile_StoreWaitOp : Tile_Op<"store_wait", [
    MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "wait until the tiles that this warpgroup stores have been read";
  let assemblyFormat = "attr-dict";
}

def Tile_BarrierOp : Tile_Op<"barrier", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "wait for all threads of this warpgroup, or of all consumers";
  let description = [{
    What they wrote to shared memory before is seen after it by threads and by
    the matrix units.
  }];
  let arguments = (ins UnitAttr:$consumers);
  let assemblyFormat = "(`consumers` $consumers^)? attr-dict";
}

def Tile_TurnWaitOp : Tile_Op<"turn_wait", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "wait for this warpgroup's turn";
  let description = [{
    Warpgroups take turns, 0 first: while one multiplies, the others do what lies
    between two multiplications. A hint for speed; results do not depend on it.
    Every warpgroup takes the same number of turns, each ended by `tile.turn_pass`.
  }];
  let assemblyFormat = "attr-dict";
}

def Tile_TurnPassOp : Tile_Op<"turn_pass", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "end this warpgroup's turn";
  let assemblyFormat = "attr-dict";
}

//===----------------------------------------------------------------------===//
// Multiplication
//===----------------------------------------------------------------------===//

def Tile_MmaOp : Tile_Op<"mma", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "start to multiply two tiles";
  let description = [{
    `acc + a b`, or `acc + a b^T` with `transpose_b`; without `acc`, zero. `a` is
    a tile or a fragment, `b` a tile. Sums are kept in f32. The operands in shared
    memory must stay as they are until the result is awaited or drained.

    Constraints: (M1) `a` is MxK, `b` is KxN (NxK if transposed) and the result
    MxN, with K a multiple of 16 and N at most 256; (M2) `a` and `b` have the same
    16-bit float type; (M3) `a` in registers is an operand fragment; (M4) `acc`
    has the shape of the result; (M5) inside `tile.consumers`; (M6) tiles are
    swizzled.

    ```mlir
    %s = tile.mma %q, %k transpose_b : !tile.smem<64x96xbf16>, !tile.smem<128x96xbf16> -> !tile.pending<64x128xf32>
    %o = tile.mma %p, %v acc %o0 : !tile.frag<64x128xbf16, a>, !tile.smem<128x96xbf16>, !tile.frag<64x96xf32> -> !tile.pending<64x96xf32>
    ```
  }];
  let arguments = (ins AnyTypeOf<[Tile_SharedType, Tile_FragmentType]>:$a,
                       Tile_SharedType:$b,
                       Optional<AnyTypeOf<[Tile_FragmentType, Tile_PendingType]>>:$acc,
                       UnitAttr:$transposeB);
  let results = (outs Tile_PendingType:$result);
  let assemblyFormat = [{
    $a `,` $b (`transpose_b` $transposeB^)? (`acc` $acc^)? attr-dict `:`
    qualified(type($a)) `,` qualified(type($b)) (`,` qualified(type($acc))^)? `->` qualified(type($result))
  }];
  let hasVerifier = 1;
}

def Tile_AwaitOp : Tile_Op<"await", [
    DeclareOpInterfaceMethods<InferTypeOpInterface>,
    MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "wait for a multiplication";
  let description = [{
    Multiplications end in the order in which they started. With `after`, the
    wait stays behind the arithmetic that makes that value: a scheduler that knows
    no better moves it up, and the arithmetic no longer hides the multiplication.

    Constraints: (M5) inside `tile.consumers`.
  }];
  let arguments = (ins Tile_PendingType:$pending, Optional<Tile_RowsType>:$after);
  let results = (outs Tile_FragmentType:$result);
  let assemblyFormat = [{
    $pending (`after` $after^ `:` qualified(type($after)) `,`):(`:`)? qualified(type($pending)) attr-dict
  }];
  let hasVerifier = 1;
}

def Tile_DrainOp : Tile_Op<"drain", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "wait until at most some multiplications are under way";
  let description = [{
    The older ones have read their operands, whose tiles may be released.

    Constraints: (M5) inside `tile.consumers`; (M7) 0 to 7 may stay under way.
  }];
  let arguments = (ins I32Attr:$keep);
  let assemblyFormat = "`keep` $keep attr-dict";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Arithmetic in registers
//===----------------------------------------------------------------------===//

def Tile_FillOp : Tile_Op<"fill", [Pure]> {
  let summary = "the same number everywhere";
  let description = [{
    Constraints: (E1) the number has the type of an element.
  }];
  let arguments = (ins AnyFloat:$value);
  let results = (outs Tile_Distributed:$result);
  let assemblyFormat = "$value attr-dict `:` qualified(type($value)) `->` qualified(type($result))";
  let hasVerifier = 1;
}

def Tile_MapOp : Tile_Op<"map", [
    Pure, RecursiveMemoryEffects, SingleBlock]> {
  let summary = "compute each element from the elements of the operands";
  let description = [{
    The body sees one element of each operand, the row and the column (of the
    fragment), and every scalar from around. A number of a row is the same for all
    its columns, one of a column for all its rows. An operand fragment may be read
    too: its elements lie where those of an accumulator of its shape do.

    Constraints: (E2) shapes agree: fragments have the shape of the result, rows
    its rows, columns its columns; (E3) the body holds scalar arithmetic only and
    its arguments have the types of elements; (E4) the body yields an element of
    the result; (E5) a result of rows takes rows, one of columns takes columns,
    one of a `vec` such vectors, and a partial sum makes partial sums only; (E11)
    columns have no row, and only they and fragments have a column. A number of a
    `vec` is in the row of its place.

    Where the body is one operation on the elements, in their order, only its name is
    written: `%y = tile.map arith.mulf (%x, %factors) : (...) -> ...`.

    ```mlir
    %p = tile.map (%x = %s, %top = %m) [%row, %column] : (!tile.frag<64x128xf32>, !tile.rows<64xf32>) -> !tile.frag<64x128xf32> {
      %d = arith.subf %x, %top : f32
      %e = math.exp2 %d : f32
      tile.yield %e : f32
    }
    ```
  }];
  let arguments = (ins Variadic<Tile_Distributed>:$inputs);
  let results = (outs Tile_Distributed:$result);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    mlir::Block *getBlock() { return &getBody().front(); }
    mlir::BlockArgument getRow() { return getBody().getArgument(getInputs().size()); }
    mlir::BlockArgument getColumn() {
      return getBody().getArgument(getInputs().size() + 1);
    }
  }];
}

def Tile_Exp2Op : Tile_Op<"exp2", [Pure, AllTypesMatch<["source", "result"]>]> {
  let summary = "2 to the power of scaled differences";
  let description = [{
    `2^(factor (x - top))` of each element `x`: the weights of a softmax, where `top`
    are the largest of their rows and the factor makes e of 2. Of rows, what corrects
    weights when `top` has changed. A short form of a `tile.map`.

    Constraints: (E2) as many rows as the source; (E3) fragments are accumulators,
    and no sum is partial.

    ```mlir
    %p = tile.exp2 %s minus %top times %factor : !tile.frag<64x128xf32>, !tile.rows<64xf32>
    ```
  }];
  let arguments = (ins AnyTypeOf<[Tile_FragmentType, Tile_RowsType]>:$source,
                       Tile_RowsType:$top, F32:$factor);
  let results = (outs AnyTypeOf<[Tile_FragmentType, Tile_RowsType]>:$result);
  let assemblyFormat = [{
    $source `minus` $top `times` $factor attr-dict `:` qualified(type($source)) `,` qualified(type($top))
  }];
  let hasVerifier = 1;
}

def Tile_MaskOp : Tile_Op<"mask", [
    Pure, AttrSizedOperandSegments, AllTypesMatch<["source", "result"]>]> {
  let summary = "-inf in place of scores of keys that a query does not see";
  let description = [{
    Element `(i, j)` is the score of key `keys + j`. It stays where the key is before
    `end`; or, with `queries`, where it is not after the query `queries + i` and,
    with a `window`, less than that many keys before it.

    With `if`, nothing happens where the condition does not hold. A loop in which the
    index decides (`tile.mask ... if (index < bound)`) becomes a loop with masks and
    one without. A short form of a `tile.map`.

    Constraints: (E12) there are queries, or there is an end; (E13) a window is
    positive and needs queries; (E3) the fragment is an accumulator.

    ```mlir
    %m = tile.mask %s queries %query keys %key if %edge : !tile.frag<64x128xf32>
    ```
  }];
  let arguments = (ins Tile_FragmentType:$source, Optional<Index>:$queries,
                       Index:$keys, Optional<Index>:$end,
                       Optional<I1>:$condition, OptionalAttr<I64Attr>:$window);
  let results = (outs Tile_FragmentType:$result);
  let assemblyFormat = [{
    $source (`queries` $queries^)? `keys` $keys (`end` $end^)? (`window` $window^)?
    (`if` $condition^)? attr-dict `:` qualified(type($source))
  }];
  let hasVerifier = 1;
}

def Tile_YieldOp : Tile_Op<"yield", [Pure, Terminator, HasParent<"MapOp">]> {
  let summary = "the element that a map computes";
  let arguments = (ins AnyFloat:$value);
  let assemblyFormat = "$value attr-dict `:` qualified(type($value))";
}

def Tile_RowReduceOp : Tile_Op<"row_reduce", [
    Pure, OptionalTypesMatchWith<"what was before has the type of the result",
                                 "result", "before", "$_self">]> {
  let summary = "reduce each row of a fragment";
  let description = [{
    The sum may stay partial, see `!tile.rows`. With `onto`, what was there before
    is one element more of each row.

    Constraints: (E2) as many rows as the fragment; (E6) only a sum is partial.
  }];
  let arguments = (ins Tile_ReductionAttr:$kind, Tile_FragmentType:$source,
                       Optional<Tile_RowsType>:$before);
  let results = (outs Tile_RowsType:$result);
  let builders = [
    OpBuilder<(ins "mlir::Type":$result, "Reduction":$kind, "mlir::Value":$source), [{
      build($_builder, $_state, result, kind, source, mlir::Value());
    }]>];
  let assemblyFormat = "$kind $source (`onto` $before^)? attr-dict `:` qualified(type($source)) `->` qualified(type($result))";
  let hasVerifier = 1;
}

def Tile_CompleteOp : Tile_Op<"complete", [
    Pure, DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let summary = "add up a partial sum";
  let description = [{
    Constraints: (E7) the operand is partial.
  }];
  let arguments = (ins Tile_RowsType:$source);
  let results = (outs Tile_RowsType:$result);
  let assemblyFormat = "$source attr-dict `:` qualified(type($source))";
  let hasVerifier = 1;
}

def Tile_CastOp : Tile_Op<"cast", [Pure]> {
  let summary = "an accumulator as the left operand of a multiplication";
  let description = [{
    Rounds to nearest even. No data moves between threads.

    Constraints: (E2) the same shape; (E8) from an accumulator to an operand.
  }];
  let arguments = (ins Tile_FragmentType:$source);
  let results = (outs Tile_FragmentType:$result);
  let assemblyFormat = "$source attr-dict `:` qualified(type($source)) `->` qualified(type($result))";
  let hasVerifier = 1;
}

def Tile_ScaleColumnsOp : Tile_Op<"scale_columns", [
    Pure, AllTypesMatch<["source", "result"]>]> {
  let summary = "multiply the columns of an operand";
  let description = [{
    In the type of the operand: the factors are rounded to it, and the products.

    Constraints: (E2) a factor for each column; (E9) the fragment is an operand.
  }];
  let arguments = (ins Tile_FragmentType:$source, Tile_ColumnsType:$factors);
  let results = (outs Tile_FragmentType:$result);
  let assemblyFormat = "$source `by` $factors attr-dict `:` qualified(type($source)) `,` qualified(type($factors))";
  let hasVerifier = 1;
}

def Tile_PrefixSumOp : Tile_Op<"prefix_sum", [
    Pure, AllTypesMatch<["source", "result"]>]> {
  let summary = "sums of all numbers up to each, that one included";
  let arguments = (ins Tile_VecType:$source);
  let results = (outs Tile_VecType:$result);
  let assemblyFormat = "$source attr-dict `:` qualified(type($source))";
}

def Tile_SpreadOp : Tile_Op<"spread", [Pure]> {
  let summary = "numbers of tokens as numbers of rows or columns";
  let description = [{
    Constraints: (E2) as many as the vector has.
  }];
  let arguments = (ins Tile_VecType:$source);
  let results = (outs AnyTypeOf<[Tile_RowsType, Tile_ColumnsType]>:$result);
  let assemblyFormat = "$source attr-dict `:` qualified(type($source)) `->` qualified(type($result))";
  let hasVerifier = 1;
}

def Tile_ElementOp : Tile_Op<"element", [Pure]> {
  let summary = "one number of a vector";
  let description = [{
    Constraints: (E10) the vector has such a number.
  }];
  let arguments = (ins Tile_VecType:$source, I32Attr:$position);
  let results = (outs F32:$result);
  let assemblyFormat = "$source `[` $position `]` attr-dict `:` qualified(type($source))";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Registers from and to memory
//===----------------------------------------------------------------------===//

def Tile_LoadFragmentOp : Tile_Op<"load_fragment"> {
  let summary = "a tile, or its transpose, as the left operand of a multiplication";
  let description = [{
    A warpgroup multiplies 64 rows at a time. Where the tile (or its transpose)
    has another number of rows, the fragment has more, whose numbers mean nothing.

    Constraints: (F1) the shape of the tile, or its transpose, rows rounded up to
    a multiple of 64; (F2) same type of elements, and the result is an operand;
    (F6) the tile (or its transpose) has a multiple of 16 rows. Such a tile is
    swizzled.
  }];
  let arguments = (ins Arg<Tile_SharedType, "", [MemRead]>:$tile,
                       UnitAttr:$transpose);
  let results = (outs Tile_FragmentType:$result);
  let assemblyFormat = "(`transpose` $transpose^)? $tile attr-dict `:` qualified(type($tile)) `->` qualified(type($result))";
  let hasVerifier = 1;
}

def Tile_StoreFragmentOp : Tile_Op<"store_fragment"> {
  let summary = "write a fragment to a tile";
  let description = [{
    Rounds to nearest even. Rows that the tile does not have are dropped. A
    `tile.barrier` comes before others read it; `tile.store` brings its own.

    Constraints: (F1) the shape of the tile, rows rounded up to a multiple of 64;
    (F3) the fragment is an accumulator; (F6) the tile has a multiple of 16 rows;
    (M6) it is swizzled.
  }];
  let arguments = (ins Tile_FragmentType:$source,
                       Arg<Tile_SharedType, "", [MemWrite]>:$tile);
  let assemblyFormat = "$source `to` $tile attr-dict `:` qualified(type($source)) `,` qualified(type($tile))";
  let hasVerifier = 1;
}

def Tile_ReadOp : Tile_Op<"read"> {
  let summary = "read global memory to registers";
  let description = [{
    A fragment reads the box at `indices`; rows and vectors read down the
    last-but-one dimension, columns along the last one. Beyond the bounds there
    are zeros.

    Constraints: (D1) one index for each dimension of the tensor; (F3) a fragment
    is an accumulator; (F4) elements of f32, bf16 or f16; (F5) no partial sum.
  }];
  let arguments = (ins Arg<Tile_Tensor, "", [MemRead]>:$source,
                       Variadic<Index>:$indices);
  let results = (outs Tile_Distributed:$result);
  let assemblyFormat = "$source `[` $indices `]` attr-dict `:` qualified(type($source)) `->` qualified(type($result))";
  let hasVerifier = 1;
}

def Tile_WriteOp : Tile_Op<"write"> {
  let summary = "write registers to global memory";
  let description = [{
    The counterpart of `tile.read`; what lies beyond the bounds is dropped.

    Constraints: (D1) one index for each dimension of the tensor; (F3) a fragment
    is an accumulator; (F4) elements of f32, bf16 or f16; (F5) no partial sum.
  }];
  let arguments = (ins Tile_Distributed:$value,
                       Arg<Tile_Tensor, "", [MemWrite]>:$destination,
                       Variadic<Index>:$indices);
  let assemblyFormat = "$value `to` $destination `[` $indices `]` attr-dict `:` qualified(type($value)) `,` qualified(type($destination))";
  let hasVerifier = 1;
}

#endif // TRANSMAMBA_TILE_IR_TILEOPS
