//===- RotaryTables.cpp - Tables of rotary positions ----------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Transforms/RotaryTables.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Format.h"

using namespace mlir;
using namespace transmamba;

/// `rope.cos.10000.48x512`, made unique if the module uses the name otherwise.
static StringAttr declareTable(OpBuilder &builder, SymbolTable &symbols,
                               Location loc, double theta, bool sine,
                               RankedTensorType type) {
  std::string name;
  llvm::raw_string_ostream(name)
      << "rope." << (sine ? "sin." : "cos.") << llvm::format("%.9g", theta)
      << "." << 2 * type.getDimSize(1) << "x" << type.getDimSize(0);
  auto table = RopeTableAttr::get(builder.getContext(),
                                  builder.getF64FloatAttr(theta), sine);
  if (auto present = symbols.lookup<ParameterOp>(name))
    if (present.getType() == type && present.getTableAttr() == table)
      return present.getSymNameAttr();
  auto parameter = ParameterOp::create(
      builder, loc, builder.getStringAttr(name), TypeAttr::get(type),
      /*source=*/StringAttr(),
      WeightTransformAttr::get(builder.getContext(), WeightTransform::None),
      table);
  return symbols.insert(parameter);
}

RotaryTables transmamba::declareRotaryTables(SymbolTable &symbols, Location loc,
                                             double theta, int64_t positions,
                                             int64_t rotaryDim) {
  auto module = cast<ModuleOp>(symbols.getOp());
  OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
  auto type =
      RankedTensorType::get({positions, rotaryDim / 2}, builder.getF32Type());
  return {declareTable(builder, symbols, loc, theta, /*sine=*/false, type),
          declareTable(builder, symbols, loc, theta, /*sine=*/true, type),
          type};
}

Value transmamba::readRotaryTable(OpBuilder &builder, Location loc,
                                  const RotaryTables &tables, bool sine) {
  return GetParameterOp::create(
      builder, loc, tables.type,
      FlatSymbolRefAttr::get(sine ? tables.sin : tables.cos));
}
