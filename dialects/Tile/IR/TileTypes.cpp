//===- TileTypes.cpp - Types of the tile dialect --------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Tile/IR/TileDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace transmamba::tile;

#define GET_TYPEDEF_CLASSES
#include "Tile/IR/TileTypes.cpp.inc"

void TileDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "Tile/IR/TileTypes.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Constraints
//===----------------------------------------------------------------------===//

using EmitError = function_ref<InFlightDiagnostic()>;

/// (T1); sizes are bounded so that bytes never overflow.
static LogicalResult verifyShape(EmitError emitError, ArrayRef<int64_t> shape) {
  constexpr int64_t largest = 1 << 16;
  if (shape.size() != 2 || shape[0] < 1 || shape[1] < 1 || shape[0] > largest ||
      shape[1] > largest)
    return emitError() << "(T1) needs two sizes from 1 to " << largest;
  return success();
}

/// (T1), (T2)
static LogicalResult verifyTile(EmitError emitError, ArrayRef<int64_t> shape,
                                Type elementType) {
  if (failed(verifyShape(emitError, shape)))
    return failure();
  if (!elementType.isIntOrFloat() ||
      !llvm::is_contained({8u, 16u, 32u}, elementType.getIntOrFloatBitWidth()))
    return emitError() << "(T2) elements have 8, 16 or 32 bits, not "
                       << elementType;
  return success();
}

bool transmamba::tile::isHalf(Type type) {
  return isa<BFloat16Type, Float16Type>(type);
}

Type transmamba::tile::getNumberType(Type type) {
  return TypeSwitch<Type, Type>(type)
      .Case<FragmentType, RowsType, ColumnsType, VecType>(
          [](auto held) { return held.getElementType(); });
}

/// (T1), (T4), (T5), (T6)
static LogicalResult verifyFragment(EmitError emitError,
                                    ArrayRef<int64_t> shape, Type elementType,
                                    bool operand) {
  if (failed(verifyShape(emitError, shape)))
    return failure();
  if (shape[0] % 64 != 0)
    return emitError() << "(T4) a warpgroup holds a multiple of 64 rows, not "
                       << shape[0];
  int64_t step = operand ? 16 : 8;
  if (shape[1] % step != 0)
    return emitError() << "(T5) columns are a multiple of " << step << ", not "
                       << shape[1];
  if (operand ? !isHalf(elementType) : !elementType.isF32())
    return emitError() << "(T6) "
                       << (operand ? "an operand holds bf16 or f16"
                                   : "an accumulator holds f32")
                       << ", not " << elementType;
  return success();
}

LogicalResult SharedType::verify(EmitError emitError, ArrayRef<int64_t> shape,
                                 Type elementType) {
  return verifyTile(emitError, shape, elementType);
}

LogicalResult RingType::verify(EmitError emitError, ArrayRef<int64_t> shape,
                               Type elementType, int64_t stages) {
  if (failed(verifyTile(emitError, shape, elementType)))
    return failure();
  if (stages < 1 || stages > 16)
    return emitError() << "(T3) a ring has 1 to 16 stages, not " << stages;
  return success();
}

LogicalResult FragmentType::verify(EmitError emitError, ArrayRef<int64_t> shape,
                                   Type elementType, bool operand) {
  return verifyFragment(emitError, shape, elementType, operand);
}

LogicalResult PendingType::verify(EmitError emitError, ArrayRef<int64_t> shape,
                                  Type elementType) {
  return verifyFragment(emitError, shape, elementType, /*operand=*/false);
}

static LogicalResult verifyVector(EmitError emitError, int64_t size,
                                  int64_t step, StringRef constraint,
                                  Type elementType) {
  if (size < 1 || size % step != 0 || size > (1 << 16))
    return emitError() << constraint << " the size is a positive multiple of "
                       << step << ", not " << size;
  if (!elementType.isF32())
    return emitError() << "(T7) holds f32, not " << elementType;
  return success();
}

LogicalResult RowsType::verify(EmitError emitError, int64_t size,
                               Type elementType, bool partial) {
  return verifyVector(emitError, size, 64, "(T4)", elementType);
}

LogicalResult ColumnsType::verify(EmitError emitError, int64_t size,
                                  Type elementType) {
  return verifyVector(emitError, size, 8, "(T8)", elementType);
}

LogicalResult VecType::verify(EmitError emitError, int64_t size,
                              Type elementType) {
  if (size != 32 && size != 64 && size != 128)
    return emitError() << "(T9) the size is 32, 64 or 128, not " << size;
  if (!elementType.isF32())
    return emitError() << "(T7) holds f32, not " << elementType;
  return success();
}

//===----------------------------------------------------------------------===//
// Layout
//===----------------------------------------------------------------------===//

/// Columns of the widest panel of 128, 64 or 32 bytes that divides a row; the
/// whole row where there is none.
int64_t SharedType::getPanelColumns() const {
  if (getElementType().getIntOrFloatBitWidth() == 16)
    for (int64_t columns : {64, 32, 16})
      if (getColumns() % columns == 0)
        return columns;
  return getColumns();
}

int64_t SharedType::getPanelRowBytes() const {
  return getPanelColumns() * getElementType().getIntOrFloatBitWidth() / 8;
}

bool SharedType::isSwizzled() const {
  return getElementType().getIntOrFloatBitWidth() == 16 &&
         getColumns() % 16 == 0 && getRows() % 8 == 0;
}

int64_t SharedType::getSizeInBytes() const {
  return getRows() * getColumns() * getElementType().getIntOrFloatBitWidth() /
         8;
}

//===----------------------------------------------------------------------===//
// Assembly
//===----------------------------------------------------------------------===//

/// Reads `<128x96xbf16`; what follows is the caller's.
static ParseResult parseMatrix(AsmParser &parser,
                               SmallVectorImpl<int64_t> &shape,
                               Type &elementType) {
  return failure(parser.parseLess() ||
                 parser.parseDimensionList(shape, /*allowDynamic=*/false) ||
                 parser.parseType(elementType));
}

static void printMatrix(AsmPrinter &printer, ArrayRef<int64_t> shape,
                        Type elementType) {
  printer << '<';
  printer.printDimensionList(shape);
  printer << 'x' << elementType;
}

template <typename T> static Type parsePlainMatrix(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  SmallVector<int64_t> shape;
  Type elementType;
  if (parseMatrix(parser, shape, elementType) || parser.parseGreater())
    return {};
  return parser.getChecked<T>(loc, parser.getContext(), shape, elementType);
}

Type SharedType::parse(AsmParser &parser) {
  return parsePlainMatrix<SharedType>(parser);
}

void SharedType::print(AsmPrinter &printer) const {
  printMatrix(printer, getShape(), getElementType());
  printer << '>';
}

Type PendingType::parse(AsmParser &parser) {
  return parsePlainMatrix<PendingType>(parser);
}

void PendingType::print(AsmPrinter &printer) const {
  printMatrix(printer, getShape(), getElementType());
  printer << '>';
}

Type RingType::parse(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  SmallVector<int64_t> shape;
  Type elementType;
  int64_t stages;
  if (parseMatrix(parser, shape, elementType) || parser.parseComma() ||
      parser.parseKeyword("stages") || parser.parseEqual() ||
      parser.parseInteger(stages) || parser.parseGreater())
    return {};
  return parser.getChecked<RingType>(loc, parser.getContext(), shape,
                                     elementType, stages);
}

void RingType::print(AsmPrinter &printer) const {
  printMatrix(printer, getShape(), getElementType());
  printer << ", stages = " << getStages() << '>';
}

/// Reads `, KEYWORD` where it stands, and the closing bracket.
static ParseResult parseFlag(AsmParser &parser, StringRef keyword, bool &flag) {
  flag = succeeded(parser.parseOptionalComma());
  if (flag && parser.parseKeyword(keyword))
    return failure();
  return parser.parseGreater();
}

Type FragmentType::parse(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  SmallVector<int64_t> shape;
  Type elementType;
  bool operand;
  if (parseMatrix(parser, shape, elementType) ||
      parseFlag(parser, "a", operand))
    return {};
  return parser.getChecked<FragmentType>(loc, parser.getContext(), shape,
                                         elementType, operand);
}

void FragmentType::print(AsmPrinter &printer) const {
  printMatrix(printer, getShape(), getElementType());
  printer << (getOperand() ? ", a>" : ">");
}

/// Reads `<64xf32`; what follows is the caller's.
static ParseResult parseVector(AsmParser &parser, int64_t &size,
                               Type &elementType) {
  SmallVector<int64_t> shape;
  SMLoc loc = parser.getCurrentLocation();
  if (parseMatrix(parser, shape, elementType))
    return failure();
  if (shape.size() != 1)
    return parser.emitError(loc, "needs one size");
  size = shape.front();
  return success();
}

Type RowsType::parse(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  int64_t size;
  Type elementType;
  bool partial;
  if (parseVector(parser, size, elementType) ||
      parseFlag(parser, "partial", partial))
    return {};
  return parser.getChecked<RowsType>(loc, parser.getContext(), size,
                                     elementType, partial);
}

void RowsType::print(AsmPrinter &printer) const {
  printMatrix(printer, getSize(), getElementType());
  printer << (getPartial() ? ", partial>" : ">");
}

template <typename T> static Type parsePlainVector(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  int64_t size;
  Type elementType;
  if (parseVector(parser, size, elementType) || parser.parseGreater())
    return {};
  return parser.getChecked<T>(loc, parser.getContext(), size, elementType);
}

Type ColumnsType::parse(AsmParser &parser) {
  return parsePlainVector<ColumnsType>(parser);
}

void ColumnsType::print(AsmPrinter &printer) const {
  printMatrix(printer, getSize(), getElementType());
  printer << '>';
}

Type VecType::parse(AsmParser &parser) {
  return parsePlainVector<VecType>(parser);
}

void VecType::print(AsmPrinter &printer) const {
  printMatrix(printer, getSize(), getElementType());
  printer << '>';
}
