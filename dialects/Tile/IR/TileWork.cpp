//===- TileWork.cpp - Work that blocks draw -------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Tile/IR/TileOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"

using namespace mlir;
using namespace transmamba::tile;

//===----------------------------------------------------------------------===//
// Syntax
//===----------------------------------------------------------------------===//

// work_loop ::= `tile.work_loop` item `of` tickets region
ParseResult WorkLoopOp::parse(OpAsmParser &parser, OperationState &result) {
  OpAsmParser::Argument item;
  item.type = parser.getBuilder().getIndexType();
  OpAsmParser::UnresolvedOperand tickets;
  Region *body = result.addRegion();
  if (parser.parseArgument(item) || parser.parseKeyword("of") ||
      parser.parseOperand(tickets) ||
      parser.resolveOperand(tickets, TicketsType::get(parser.getContext()),
                            result.operands) ||
      parser.parseRegion(*body, {item}) ||
      parser.parseOptionalAttrDict(result.attributes))
    return failure();
  ensureTerminator(*body, parser.getBuilder(), result.location);
  return success();
}

void WorkLoopOp::print(OpAsmPrinter &printer) {
  printer << ' ';
  printer.printRegionArgument(getItem(), {}, /*omitType=*/true);
  printer << " of " << getTickets() << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false,
                      /*printBlockTerminators=*/false);
  printer.printOptionalAttrDict((*this)->getAttrs());
}

//===----------------------------------------------------------------------===//
// Constraints
//===----------------------------------------------------------------------===//

LogicalResult WorkLoopOp::verify() {
  if (!isa<ProducerOp, ConsumersOp>((*this)->getParentOp()))
    return emitOpError("(W1) stands in tile.producer or tile.consumers, not "
                       "inside anything else");
  if (getBody().getNumArguments() != 1 || !getItem().getType().isIndex())
    return emitOpError("(W2) the body has one argument, an index");
  return success();
}

LogicalResult PublishOp::verify() {
  auto loop = (*this)->getParentOfType<WorkLoopOp>();
  if (!loop || !isa<ConsumersOp>(loop->getParentOp()))
    return emitOpError("(W3) stands inside a tile.work_loop of the consumers");
  if (getItem() != loop.getItem())
    return emitOpError("(W3) publishes the item that the work loop is at");
  return success();
}

LogicalResult LookBackOp::verify() {
  if (!(*this)->getParentOfType<WorkLoopOp>())
    return emitOpError("(W4) stands inside a tile.work_loop");
  return success();
}

LogicalResult AfterOp::verify() {
  if (!(*this)->getParentOfType<ProducerOp>() &&
      !(*this)->getParentOfType<ConsumersOp>())
    return emitOpError("(W5) stands inside tile.producer or tile.consumers");
  return success();
}

LogicalResult AfterOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto other =
      symbols.lookupNearestSymbolFrom<KernelOp>(*this, getKernelAttr());
  if (!other)
    return emitOpError("(W6) ") << getKernelAttr() << " is not a tile.kernel";
  return success();
}
