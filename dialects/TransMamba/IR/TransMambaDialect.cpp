//===- TransMambaDialect.cpp - Dialect, types and attributes --------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "TransMamba/IR/TransMambaDialect.h"
#include "TransMamba/IR/TransMambaOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace transmamba;

#include "TransMamba/IR/TransMambaDialect.cpp.inc"
#include "TransMamba/IR/TransMambaEnums.cpp.inc"
#include "TransMamba/IR/TransMambaTypeInterfaces.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "TransMamba/IR/TransMambaTypes.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "TransMamba/IR/TransMambaAttributes.cpp.inc"

void TransMambaDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "TransMamba/IR/TransMambaOps.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "TransMamba/IR/TransMambaTypes.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "TransMamba/IR/TransMambaAttributes.cpp.inc"
      >();
}

/// Folders of the dialect make constants of `index` only.
Operation *TransMambaDialect::materializeConstant(OpBuilder &builder,
                                                  Attribute value, Type type,
                                                  Location loc) {
  return arith::ConstantOp::materialize(builder, value, type, loc);
}

//===----------------------------------------------------------------------===//
// Discardable attributes
//===----------------------------------------------------------------------===//

LogicalResult
TransMambaDialect::verifyOperationAttribute(Operation *op,
                                            NamedAttribute attribute) {
  StringRef name = attribute.getName();
  if (name == kScheduleAttr && !isa<ScheduleAttr>(attribute.getValue()))
    return op->emitOpError("attribute '")
           << name << "' must be a #transmamba.schedule";
  if (name == kMaxBatchAttr || name == kMaxSequenceAttr) {
    auto value = dyn_cast<IntegerAttr>(attribute.getValue());
    if (!value || !value.getValue().isStrictlyPositive() ||
        !value.getValue().isSignedIntN(64))
      return op->emitOpError("attribute '")
             << name << "' must be a positive integer";
  }
  if ((name == kNameAttr || name == kTokenizerAttr) &&
      !isa<StringAttr>(attribute.getValue()))
    return op->emitOpError("attribute '") << name << "' must be a string";
  if (name == kVocabularyAttr) {
    auto value = dyn_cast<IntegerAttr>(attribute.getValue());
    if (!value || value.getValue().isNegative() ||
        !value.getValue().isSignedIntN(64))
      return op->emitOpError("attribute '")
             << name << "' must be an integer that is not negative";
  }
  if (name == kPositionsAttr) {
    auto value = dyn_cast<StringAttr>(attribute.getValue());
    if (!value || (value.getValue() != "set" && value.getValue() != "advance"))
      return op->emitOpError("attribute '")
             << name << R"(' must be "set" or "advance")";
  }
  if ((name == kEntryAttr || name == kKernelAttr || name == kPositionsAttr) &&
      !isa<FunctionOpInterface>(op))
    return op->emitOpError("attribute '") << name << "' belongs on a function";
  return success();
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

LogicalResult ScheduleAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                   ArrayRef<int64_t> points) {
  if (points.empty())
    return emitError() << "(A1) a schedule needs at least one TransPoint";
  for (int64_t point : points)
    if (point < 0)
      return emitError() << "(A2) TransPoint " << point << " is negative";
  return success();
}

// `<theta = 1.0e+04, cos>`
Attribute RopeTableAttr::parse(AsmParser &parser, Type) {
  double theta;
  StringRef function;
  SMLoc loc;
  if (parser.parseLess() || parser.parseKeyword("theta") ||
      parser.parseEqual() || parser.parseFloat(theta) || parser.parseComma() ||
      parser.getCurrentLocation(&loc) || parser.parseKeyword(&function) ||
      parser.parseGreater())
    return {};
  if (function != "cos" && function != "sin") {
    parser.emitError(loc, "expected 'cos' or 'sin'");
    return {};
  }
  return get(parser.getContext(), parser.getBuilder().getF64FloatAttr(theta),
             function == "sin");
}

void RopeTableAttr::print(AsmPrinter &printer) const {
  printer << "<theta = ";
  printer.printFloat(getTheta().getValue());
  printer << ", " << (getSine() ? "sin" : "cos") << ">";
}

//===----------------------------------------------------------------------===//
// State types: `<layer = 3, 4x48xf32>`
//===----------------------------------------------------------------------===//

template <typename StateT> static Type parseState(AsmParser &parser) {
  int64_t layer;
  SmallVector<int64_t> shape;
  Type elementType;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parser.parseKeyword("layer") ||
      parser.parseEqual() || parser.parseInteger(layer) ||
      parser.parseComma() ||
      parser.parseDimensionList(shape, /*allowDynamic=*/false) ||
      parser.parseType(elementType) || parser.parseGreater())
    return {};
  return parser.getChecked<StateT>(loc, parser.getContext(), layer, shape,
                                   elementType);
}

template <typename StateT>
static void printState(AsmPrinter &printer, StateT type) {
  printer << "<layer = " << type.getLayer() << ", ";
  for (int64_t size : type.getShape())
    printer << size << 'x';
  printer << type.getElementType() << ">";
}

/// The rules that all state types share: (Y1), (Y2).
static LogicalResult verifyState(function_ref<InFlightDiagnostic()> emitError,
                                 int64_t layer, ArrayRef<int64_t> shape,
                                 size_t minRank, size_t maxRank) {
  if (layer < 0)
    return emitError() << "(Y1) the layer is negative: " << layer;
  if (shape.size() < minRank || shape.size() > maxRank)
    return emitError() << "(Y2) a state of rank " << shape.size() << " where "
                       << minRank << (minRank == maxRank ? "" : " or 3")
                       << " is expected";
  for (int64_t size : shape)
    if (size <= 0)
      return emitError() << "(Y2) sizes of a state must be positive";
  return success();
}

static LogicalResult
verifyFloatState(function_ref<InFlightDiagnostic()> emitError,
                 Type elementType) {
  if (!isa<FloatType>(elementType))
    return emitError() << "(Y3) the element type must be a float, not "
                       << elementType;
  return success();
}

Type KVCacheType::parse(AsmParser &parser) {
  return parseState<KVCacheType>(parser);
}
void KVCacheType::print(AsmPrinter &printer) const {
  printState(printer, *this);
}
LogicalResult KVCacheType::verify(function_ref<InFlightDiagnostic()> emitError,
                                  int64_t layer, ArrayRef<int64_t> shape,
                                  Type elementType) {
  if (failed(verifyState(emitError, layer, shape, 2, 2)))
    return failure();
  return verifyFloatState(emitError, elementType);
}

Type SSMStateType::parse(AsmParser &parser) {
  return parseState<SSMStateType>(parser);
}
void SSMStateType::print(AsmPrinter &printer) const {
  printState(printer, *this);
}
LogicalResult SSMStateType::verify(function_ref<InFlightDiagnostic()> emitError,
                                   int64_t layer, ArrayRef<int64_t> shape,
                                   Type elementType) {
  if (failed(verifyState(emitError, layer, shape, 2, 3)))
    return failure();
  if (!elementType.isF32())
    return emitError() << "(Y4) a recurrent state is f32, not " << elementType;
  return success();
}

Type ConvWindowType::parse(AsmParser &parser) {
  return parseState<ConvWindowType>(parser);
}
void ConvWindowType::print(AsmPrinter &printer) const {
  printState(printer, *this);
}
LogicalResult
ConvWindowType::verify(function_ref<InFlightDiagnostic()> emitError,
                       int64_t layer, ArrayRef<int64_t> shape,
                       Type elementType) {
  if (failed(verifyState(emitError, layer, shape, 2, 2)))
    return failure();
  return verifyFloatState(emitError, elementType);
}
