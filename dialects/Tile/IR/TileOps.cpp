//===- TileOps.cpp - Operations of the tile dialect -----------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Tile/IR/TileOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/FunctionImplementation.h"

using namespace mlir;
using namespace transmamba::tile;

//===----------------------------------------------------------------------===//
// LoadOp
//===----------------------------------------------------------------------===//

// boxes ::= `[` indices `]` (`,` `[` indices `]`)*
static ParseResult
parseBoxes(OpAsmParser &parser,
           SmallVectorImpl<OpAsmParser::UnresolvedOperand> &indices) {
  do
    if (parser.parseOperandList(indices, OpAsmParser::Delimiter::Square))
      return failure();
  while (succeeded(parser.parseOptionalComma()));
  return success();
}

static void printBoxes(OpAsmPrinter &printer, Operation *op,
                       OperandRange indices) {
  size_t rank = cast<LoadOp>(op).getSource().getType().getRank();
  printer << '[' << indices.take_front(rank) << ']';
  for (size_t first = rank; first < indices.size(); first += rank)
    printer << ", ["
            << indices.slice(first, std::min(rank, indices.size() - first))
            << ']';
}

#define GET_OP_CLASSES
#include "Tile/IR/TileOps.cpp.inc"

//===----------------------------------------------------------------------===//
// KernelOp
//===----------------------------------------------------------------------===//

ParseResult KernelOp::parse(OpAsmParser &parser, OperationState &result) {
  auto makeType = [](Builder &builder, ArrayRef<Type> inputs,
                     ArrayRef<Type> results,
                     function_interface_impl::VariadicFlag, std::string &) {
    return builder.getFunctionType(inputs, results);
  };
  if (function_interface_impl::parseFunctionOp(
          parser, result, /*allowVariadic=*/false,
          getFunctionTypeAttrName(result.name), makeType,
          getArgAttrsAttrName(result.name), getResAttrsAttrName(result.name)))
    return failure();
  Region &body = *result.regions.front();
  if (body.empty())
    return parser.emitError(parser.getNameLoc(), "a kernel has a body");
  Block &block = body.back();
  if (block.empty() || !block.back().hasTrait<OpTrait::IsTerminator>()) {
    OpBuilder builder(parser.getContext());
    builder.setInsertionPointToEnd(&block);
    EndOp::create(builder, result.location);
  }
  return success();
}

void KernelOp::print(OpAsmPrinter &printer) {
  // The terminator says nothing, so it is left out.
  auto function = cast<FunctionOpInterface>(getOperation());
  printer << ' ';
  printer.printSymbolName(getSymName());
  function_interface_impl::printFunctionSignature(
      printer, function, getFunctionType().getInputs(), /*isVariadic=*/false,
      getFunctionType().getResults());
  SmallVector<StringRef> elided{getFunctionTypeAttrName(),
                                getArgAttrsAttrName(), getResAttrsAttrName()};
  if (getOccupancy() == 1)
    elided.push_back(getOccupancyAttrName());
  function_interface_impl::printFunctionAttributes(printer, *this, elided);
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false,
                      /*printBlockTerminators=*/false);
}

ProducerOp KernelOp::getProducer() {
  auto producers = getBody().front().getOps<ProducerOp>();
  return producers.empty() ? ProducerOp() : *producers.begin();
}

ConsumersOp KernelOp::getConsumers() {
  return *getBody().front().getOps<ConsumersOp>().begin();
}

int64_t KernelOp::getThreads() {
  int64_t warpgroups = getConsumers().getCount() + (getProducer() ? 1 : 0);
  return warpgroups * kWarpgroupThreads;
}

TicketsOp KernelOp::getTickets() {
  auto tickets = getBody().front().getOps<TicketsOp>();
  return tickets.empty() ? TicketsOp() : *tickets.begin();
}

int64_t KernelOp::getSharedBytes() {
  int64_t bytes = getTickets() ? kTicketBytes : 0;
  for (Operation &op : getBody().front()) {
    int64_t stages = 1;
    SharedType tile;
    if (auto alloc = dyn_cast<AllocOp>(op)) {
      tile = alloc.getType();
    } else if (auto ring = dyn_cast<RingOp>(op)) {
      tile = ring.getType().getTile();
      stages = ring.getType().getStages();
    } else {
      continue;
    }
    bytes += stages * llvm::alignTo(tile.getSizeInBytes(), kTileAlignment);
    if (isa<RingOp>(op))
      bytes += stages * kBarrierBytes;
  }
  return bytes;
}

//===----------------------------------------------------------------------===//
// ConsumersOp
//===----------------------------------------------------------------------===//

// consumers ::= `tile.consumers` warpgroup `in` count `registers` n region
ParseResult ConsumersOp::parse(OpAsmParser &parser, OperationState &result) {
  OpAsmParser::Argument warpgroup;
  warpgroup.type = parser.getBuilder().getIndexType();
  IntegerAttr count, registers;
  Type i32 = parser.getBuilder().getI32Type();
  Region *body = result.addRegion();
  if (parser.parseArgument(warpgroup) || parser.parseKeyword("in") ||
      parser.parseAttribute(count, i32, getCountAttrName(result.name),
                            result.attributes) ||
      parser.parseKeyword("registers") ||
      parser.parseAttribute(registers, i32, getRegistersAttrName(result.name),
                            result.attributes) ||
      parser.parseRegion(*body, {warpgroup}) ||
      parser.parseOptionalAttrDict(result.attributes))
    return failure();
  ensureTerminator(*body, parser.getBuilder(), result.location);
  return success();
}

void ConsumersOp::print(OpAsmPrinter &printer) {
  printer << ' ';
  printer.printRegionArgument(getWarpgroup(), {}, /*omitType=*/true);
  printer << " in " << getCount() << " registers " << getRegisters() << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false,
                      /*printBlockTerminators=*/false);
  printer.printOptionalAttrDict((*this)->getAttrs(),
                                {getCountAttrName(), getRegistersAttrName()});
}

//===----------------------------------------------------------------------===//
// LaunchOp
//===----------------------------------------------------------------------===//

void LaunchOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  for (OpOperand &operand : getInputsMutable())
    if (isa<MemRefType>(operand.get().getType()))
      effects.emplace_back(MemoryEffects::Read::get(), &operand);
  for (OpOperand &operand : getOutputsMutable())
    if (isa<MemRefType>(operand.get().getType()))
      effects.emplace_back(MemoryEffects::Write::get(), &operand);
}

//===----------------------------------------------------------------------===//
// MapOp
//===----------------------------------------------------------------------===//

/// The operation that is the whole body: it takes the elements of all operands
/// in their order. Null where there is more to say.
static Operation *getShortBody(MapOp map) {
  Block *block = map.getBlock();
  if (map.getInputs().empty() || !llvm::hasNItems(*block, 2))
    return nullptr;
  Operation *payload = &block->front();
  auto yield = dyn_cast<YieldOp>(block->getTerminator());
  bool isWhole =
      yield && payload->getNumResults() == 1 && payload->getNumRegions() == 0 &&
      yield.getValue() == payload->getResult(0) &&
      payload->getResult(0).getType() == block->getArgument(0).getType() &&
      llvm::equal(payload->getOperands(), block->getArguments().drop_back(2));
  return isWhole ? payload : nullptr;
}

/// All but fast-math flags of which there are none.
static SmallVector<NamedAttribute> getShownAttributes(Operation *payload) {
  SmallVector<NamedAttribute> shown;
  for (NamedAttribute attribute : payload->getAttrs()) {
    auto flags = dyn_cast<arith::FastMathFlagsAttr>(attribute.getValue());
    if (!flags || flags.getValue() != arith::FastMathFlags::none)
      shown.push_back(attribute);
  }
  return shown;
}

static void buildShortBody(Region &body, Location loc, OperationName payload,
                           ArrayRef<NamedAttribute> attributes,
                           ArrayRef<Type> elements) {
  Block &block = body.emplaceBlock();
  for (Type element : elements)
    block.addArgument(element, loc);
  // The block is in no operation yet.
  OpBuilder builder(loc->getContext());
  builder.setInsertionPointToEnd(&block);
  Type index = builder.getIndexType();
  OperationState state(loc, payload, ValueRange(block.getArguments()),
                       elements.take_front(), attributes);
  block.addArguments({index, index}, {loc, loc});
  YieldOp::create(builder, loc, builder.create(state)->getResult(0));
}

// map   ::= `tile.map` (long | short)
// long  ::= `(` (arg `=` operand),* `)` (`[` row `,` column `]`)?
//           `:` `(` types `)` `->` type region
// short ::= operation attr-dict? `(` operands `)`
//           `:` `(` types `)` `->` type
ParseResult MapOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  auto parseBinding = [&]() -> ParseResult {
    return failure(parser.parseArgument(arguments.emplace_back()) ||
                   parser.parseEqual() ||
                   parser.parseOperand(operands.emplace_back()));
  };
  auto parseElement = [&] {
    return parser.parseOperand(operands.emplace_back());
  };
  OpAsmParser::Argument row, column;
  bool named = false;
  std::optional<OperationName> payload;
  NamedAttrList payloadAttributes;
  StringRef name;
  SMLoc nameLoc = parser.getCurrentLocation();
  if (succeeded(parser.parseOptionalKeyword(&name))) {
    payload = OperationName(name, parser.getContext());
    Dialect *dialect = payload->getDialect();
    if (!payload->isRegistered() ||
        !isa<arith::ArithDialect, math::MathDialect>(dialect))
      return parser.emitError(nameLoc, "is no scalar arithmetic: '")
             << name << "'";
    if (parser.parseOptionalAttrDict(payloadAttributes) ||
        parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren,
                                       parseElement))
      return failure();
  } else {
    if (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren,
                                       parseBinding))
      return failure();
    named = succeeded(parser.parseOptionalLSquare());
    if (named && (parser.parseArgument(row) || parser.parseComma() ||
                  parser.parseArgument(column) || parser.parseRSquare()))
      return failure();
  }

  FunctionType type;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseOptionalAttrDict(result.attributes) ||
      parser.parseColonType(type))
    return failure();
  if (type.getNumInputs() != operands.size() || type.getNumResults() != 1)
    return parser.emitError(loc,
                            "needs a type for each operand and one for the "
                            "result");
  if (parser.resolveOperands(operands, type.getInputs(), loc, result.operands))
    return failure();
  SmallVector<Type> elements;
  for (Type input : type.getInputs()) {
    if (!isa<FragmentType, RowsType, ColumnsType, VecType>(input))
      return parser.emitError(
          loc, "operands are fragments, rows, columns or vectors");
    elements.push_back(getNumberType(input));
  }
  // Positions that have no name are there nevertheless.
  Type index = parser.getBuilder().getIndexType();
  Region *body = result.addRegion();
  result.addTypes(type.getResults());
  if (payload) {
    buildShortBody(*body, result.location, *payload, payloadAttributes,
                   elements);
    return success();
  }
  for (auto [argument, element] : llvm::zip(arguments, elements))
    argument.type = element;
  if (named) {
    row.type = column.type = index;
    arguments.append({row, column});
  }
  if (parser.parseRegion(*body, arguments))
    return failure();
  if (!named && !body->empty())
    body->front().addArguments({index, index},
                               {result.location, result.location});
  return success();
}

void MapOp::print(OpAsmPrinter &printer) {
  Operation *payload = getShortBody(*this);
  if (payload) {
    printer << ' ' << payload->getName().getStringRef();
    printer.printOptionalAttrDict(getShownAttributes(payload));
    printer << " (" << getInputs() << ')';
  } else {
    printer << " (";
    llvm::interleaveComma(
        llvm::zip(getInputs(), getBody().getArguments().drop_back(2)), printer,
        [&](auto pair) {
          auto [operand, argument] = pair;
          printer.printRegionArgument(argument, {}, /*omitType=*/true);
          printer << " = " << operand;
        });
    printer << ')';
    if (!getRow().use_empty() || !getColumn().use_empty()) {
      printer << " [";
      printer.printRegionArgument(getRow(), {}, /*omitType=*/true);
      printer << ", ";
      printer.printRegionArgument(getColumn(), {}, /*omitType=*/true);
      printer << ']';
    }
  }
  printer.printOptionalAttrDict((*this)->getAttrs());
  printer << " : (";
  llvm::interleaveComma(getInputs().getTypes(), printer);
  printer << ") -> " << getType();
  if (payload)
    return;
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

//===----------------------------------------------------------------------===//
// Types that follow from operands
//===----------------------------------------------------------------------===//

LogicalResult ConsumerWaitOp::inferReturnTypes(
    MLIRContext *, std::optional<Location>, ValueRange operands, DictionaryAttr,
    OpaqueProperties, RegionRange, SmallVectorImpl<Type> &types) {
  types.push_back(cast<RingType>(operands.front().getType()).getTile());
  return success();
}

LogicalResult AwaitOp::inferReturnTypes(MLIRContext *, std::optional<Location>,
                                        ValueRange operands, DictionaryAttr,
                                        OpaqueProperties, RegionRange,
                                        SmallVectorImpl<Type> &types) {
  types.push_back(cast<PendingType>(operands.front().getType()).getFragment());
  return success();
}

LogicalResult CompleteOp::inferReturnTypes(MLIRContext *,
                                           std::optional<Location>,
                                           ValueRange operands, DictionaryAttr,
                                           OpaqueProperties, RegionRange,
                                           SmallVectorImpl<Type> &types) {
  auto rows = cast<RowsType>(operands.front().getType());
  types.push_back(
      RowsType::get(rows.getContext(), rows.getSize(), rows.getElementType()));
  return success();
}
