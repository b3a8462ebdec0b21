//===- TileAttributes.td - Attributes of the tile dialect --*- tablegen -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TILE_IR_TILEATTRIBUTES
#define TRANSMAMBA_TILE_IR_TILEATTRIBUTES

include "Tile/IR/TileDialect.td"
include "mlir/IR/EnumAttr.td"

class Tile_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::transmamba::tile";
}

def Tile_DimensionAttr : Tile_Enum<"Dimension", "a direction of the grid", [
    I32EnumAttrCase<"x", 0>, I32EnumAttrCase<"y", 1>, I32EnumAttrCase<"z", 2>]>;

def Tile_ReductionAttr : Tile_Enum<"Reduction", "how numbers become one", [
    I32EnumAttrCase<"Sum", 0, "sum">, I32EnumAttrCase<"Max", 1, "max">]>;

def Tile_CacheAttr : Tile_Enum<"Cache", "how long the second-level cache keeps a tile", [
    I32EnumAttrCase<"Keep", 0, "keep">, I32EnumAttrCase<"Evict", 1, "evict">]>;

#endif // TRANSMAMBA_TILE_IR_TILEATTRIBUTES
