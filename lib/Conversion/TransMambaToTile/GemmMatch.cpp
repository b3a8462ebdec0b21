//===- GemmMatch.cpp - Products and what follows them ---------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

//
// A kernel takes over the operations between products and one value, where
//   * each computes an element from elements at the same place, and none of its
//     operands but the products' depends on them;
//   * nothing else reads what is between: nothing is computed twice;
//   * the value is rounded where the program rounds it last. Roundings before
//     that are left out, for elements are kept in f32.
//
//===----------------------------------------------------------------------===//

#include "GemmMatch.h"

#include "Activations.h"
#include "Launches.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace transmamba;

//===----------------------------------------------------------------------===//
// Single operations
//===----------------------------------------------------------------------===//

static bool isFloatTensor(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor &&
         (tensor.getElementType().isF32() || isHalf(tensor.getElementType()));
}

/// A vector that is added to each row of a product: what its sums start from.
static Value getBias(linalg::MatmulOp op) {
  auto broadcast = op.getOutputs()[0].getDefiningOp<linalg::BroadcastOp>();
  return broadcast && broadcast.getDimensions() == ArrayRef<int64_t>{0}
             ? broadcast.getInput()
             : Value();
}

/// A product that a kernel can compute.
static bool isProduct(linalg::MatmulOp op) {
  if (op->getNumResults() != 1 || op.hasUserDefinedMaps())
    return false;
  auto a = cast<RankedTensorType>(op.getInputs()[0].getType());
  auto b = cast<RankedTensorType>(op.getInputs()[1].getType());
  auto c = cast<RankedTensorType>(op->getResult(0).getType());
  if (!isHalf(a.getElementType()) || a.getElementType() != b.getElementType() ||
      !c.getElementType().isF32() || !hasAlignedRows(a) || !hasAlignedRows(b) ||
      b.getDimSize(0) != a.getDimSize(1) || c.getDimSize(0) != a.getDimSize(0))
    return false;
  auto fill = op.getOutputs()[0].getDefiningOp<linalg::FillOp>();
  return getBias(op) ||
         (fill && matchPattern(fill.getInputs()[0], m_AnyZeroFloat()));
}

/// The last dimension stays by itself.
template <typename Op> static bool keepsColumns(Op op) {
  return op.getReassociationIndices().back().size() == 1;
}

static SmallVector<OpFoldResult> getSizes(Value tensor) {
  Operation *op = tensor.getDefiningOp();
  if (isa_and_nonnull<arith::TruncFOp, arith::ExtFOp>(op))
    return getSizes(op->getOperand(0));
  if (auto expand = dyn_cast_or_null<tensor::ExpandShapeOp>(op))
    return getMixedValues(expand.getStaticOutputShape(),
                          expand.getOutputShape(), op->getContext());
  return {};
}

/// Some columns of all rows.
static bool takesColumns(tensor::ExtractSliceOp op) {
  SmallVector<OpFoldResult> offsets = op.getMixedOffsets(),
                            sizes = op.getMixedSizes(),
                            all = getSizes(op.getSource());
  if (op.getType().getRank() != op.getSourceType().getRank() ||
      !op.hasUnitStride() || !getConstantIntValue(offsets.back()) ||
      !llvm::all_of(ArrayRef(offsets).drop_back(), isZeroInteger))
    return false;
  for (int64_t dim = 0; dim + 1 < op.getType().getRank(); ++dim) {
    int64_t size = op.getSourceType().getDimSize(dim);
    bool isWhole = ShapedType::isDynamic(size)
                       ? !all.empty() && sizes[dim] == all[dim]
                       : op.getType().getDimSize(dim) == size;
    if (!isWhole)
      return false;
  }
  return true;
}

/// An element of the result is the element at the same place of each operand.
static bool movesNothing(Operation *op) {
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    return keepsColumns(expand);
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op))
    return keepsColumns(collapse);
  return isa<arith::TruncFOp, arith::ExtFOp>(op);
}

/// An operation that an epilogue can hold.
static bool isElementwise(Operation *op) {
  if (op->getNumResults() != 1 || !isFloatTensor(op->getResult(0).getType()) ||
      !llvm::all_of(op->getOperandTypes(), [](Type type) {
        return isFloatTensor(type) || type.isIndex();
      }))
    return false;
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op))
    return takesColumns(slice);
  return movesNothing(op) || isa<ActivateOp>(op) ||
         (isa<arith::ArithDialect, math::MathDialect>(op->getDialect()) &&
          OpTrait::hasElementwiseMappableTraits(op) &&
          op->getNumRegions() == 0);
}

//===----------------------------------------------------------------------===//
// All that is one kernel
//===----------------------------------------------------------------------===//

namespace {
/// Grows the epilogue backwards from its last operation.
class Matcher {
public:
  Matcher(linalg::MatmulOp first, const SetVector<Operation *> &reachable,
          const tile::Target &target)
      : first(first), reachable(reachable), target(target) {}

  /// With `last` as its last operation.
  std::optional<GemmMatch> match(Operation *last);

private:
  /// A product, or columns of one.
  struct Product {
    linalg::MatmulOp op;
    int64_t column;
  };
  /// Where an element comes from: a product, then an operand, each by number.
  struct Source {
    enum { Sum, Operand, Splat } kind;
    size_t number = 0;
    double value = 0;
  };

  LogicalResult visit(Value value);
  LogicalResult addProduct(Value value, linalg::MatmulOp op, int64_t column);
  LogicalResult addOperand(Value value);
  size_t addVector(Value vector, GemmOperand::Kind kind);
  bool isClosed() const;
  bool isShapePossible();
  /// The element of `value`.
  Value emit(Value value, OpBuilder &builder, Location loc, ValueRange numbers,
             DenseMap<Value, Value> &done) const;

  linalg::MatmulOp first;
  const SetVector<Operation *> &reachable;
  const tile::Target &target;
  GemmMatch result;
  SetVector<Operation *> ops;
  SmallVector<Product> products;
  /// Number of the operand that is a product's bias, if there is one.
  SmallVector<std::optional<size_t>> biases;
  DenseMap<Value, Source> sources;
};
} // namespace

LogicalResult Matcher::addProduct(Value value, linalg::MatmulOp op,
                                  int64_t column) {
  int64_t columns = cast<RankedTensorType>(value.getType()).getShape().back();
  if (products.empty())
    result.shape.n = columns;
  // Two products keep the registers of a warpgroup busy.
  if (products.size() == 2 || columns != result.shape.n)
    return failure();
  sources[value] = {Source::Sum, products.size()};
  products.push_back({op, column});
  result.rights.push_back(op.getInputs()[1]);
  biases.emplace_back();
  if (Value bias = getBias(op)) {
    if (value != op->getResult(0))
      return failure();
    biases.back() = addVector(bias, GemmOperand::Columns);
  }
  return success();
}

size_t Matcher::addVector(Value vector, GemmOperand::Kind kind) {
  result.operands.push_back(vector);
  result.shape.epilogue.operands.push_back(
      {kind, getElementTypeOrSelf(vector.getType())});
  return result.operands.size() - 1;
}

/// Something that does not depend on the products.
LogicalResult Matcher::addOperand(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  if (type.getShape().back() != result.shape.n && !products.empty())
    return failure();
  DenseFPElementsAttr constant;
  if (matchPattern(value, m_Constant(&constant))) {
    if (!constant.isSplat())
      return failure();
    sources[value] = {Source::Splat, 0,
                      constant.getSplatValue<APFloat>().convertToDouble()};
    return success();
  }
  auto broadcast = value.getDefiningOp<linalg::BroadcastOp>();
  if (broadcast && isFloatTensor(broadcast.getInput().getType())) {
    int64_t rank = type.getRank();
    ArrayRef<int64_t> dims = broadcast.getDimensions();
    bool areColumns =
        int64_t(dims.size()) == rank - 1 && !llvm::is_contained(dims, rank - 1);
    bool areRows = dims == ArrayRef<int64_t>{rank - 1};
    if (areColumns || areRows) {
      size_t number =
          addVector(broadcast.getInput(),
                    areRows ? GemmOperand::Rows : GemmOperand::Columns);
      sources[value] = {Source::Operand, number};
      return success();
    }
  }
  sources[value] = {Source::Operand, addVector(value, GemmOperand::Matrix)};
  return success();
}

LogicalResult Matcher::visit(Value value) {
  if (sources.contains(value))
    return success();
  Operation *op = value.getDefiningOp();
  if (!op || !reachable.contains(op))
    return addOperand(value);
  if (!ops.insert(op))
    return success();
  if (auto matmul = dyn_cast<linalg::MatmulOp>(op))
    return addProduct(value, matmul, 0);
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    // Columns of a product, with nothing but roundings between.
    Value source = slice.getSource();
    while (Operation *inner = source.getDefiningOp()) {
      if (isa<linalg::MatmulOp>(inner) || !movesNothing(inner))
        break;
      ops.insert(inner);
      source = inner->getOperand(0);
    }
    auto matmul = source.getDefiningOp<linalg::MatmulOp>();
    if (!matmul || !reachable.contains(matmul))
      return failure();
    ops.insert(matmul);
    return addProduct(value, matmul,
                      *getConstantIntValue(slice.getMixedOffsets().back()));
  }
  for (Value operand : op->getOperands())
    if (isa<RankedTensorType>(operand.getType()) && failed(visit(operand)))
      return failure();
  return success();
}

bool Matcher::isClosed() const {
  for (Operation *op : ops)
    if (op != ops.back() && !llvm::all_of(op->getUsers(), [&](Operation *user) {
          return ops.contains(user);
        }))
      return false;
  return true;
}

Value Matcher::emit(Value value, OpBuilder &builder, Location loc,
                    ValueRange numbers, DenseMap<Value, Value> &done) const {
  if (Value known = done.lookup(value))
    return known;
  auto constant = [&](double number) -> Value {
    return arith::ConstantOp::create(builder, loc,
                                     builder.getF32FloatAttr(number));
  };
  Value number;
  auto found = sources.find(value);
  if (found != sources.end()) {
    const Source &source = found->second;
    if (source.kind == Source::Splat) {
      number = constant(source.value);
    } else if (source.kind == Source::Operand) {
      number = numbers[products.size() + source.number];
    } else {
      number = numbers[source.number];
      if (std::optional<size_t> bias = biases[source.number])
        number = arith::AddFOp::create(builder, loc, number,
                                       numbers[products.size() + *bias]);
    }
  } else {
    Operation *op = value.getDefiningOp();
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      if (isa<RankedTensorType>(operand.getType()))
        operands.push_back(emit(operand, builder, loc, numbers, done));
    if (movesNothing(op)) {
      number = operands.front();
    } else if (auto activate = dyn_cast<ActivateOp>(op)) {
      number = emitActivation(builder, loc, activate.getFunction(),
                              operands.front());
    } else {
      OperationState state(loc, op->getName(), operands, builder.getF32Type(),
                           op->getAttrs());
      number = builder.create(state)->getResult(0);
    }
  }
  done[value] = number;
  return number;
}

/// Whether a kernel can have that shape, with what it holds in registers.
bool Matcher::isShapePossible() {
  GemmShape &shape = result.shape;
  if (shape.n % 8 != 0 || !llvm::is_contained(ops, first.getOperation()))
    return false;
  bool hasSlice = false;
  for (Product &product : products) {
    int64_t columns =
        cast<RankedTensorType>(product.op.getInputs()[1].getType())
            .getDimSize(1);
    hasSlice |= columns != shape.n;
    shape.rights.push_back({columns, product.column});
  }
  if (!hasSlice && products.size() == 1)
    shape.rights.clear();
  return !getGemmCandidates(target, shape).empty();
}

std::optional<GemmMatch> Matcher::match(Operation *last) {
  auto a = cast<RankedTensorType>(first.getInputs()[0].getType());
  Value value = last->getResult(0);
  Type element = getElementTypeOrSelf(value.getType());
  result.a = first.getInputs()[0];
  result.shape = {a.getDimSize(0),
                  cast<RankedTensorType>(value.getType()).getShape().back(),
                  a.getDimSize(1), a.getElementType(), element};
  if ((!element.isF32() && element != a.getElementType()) ||
      failed(visit(value)) || products.empty())
    return std::nullopt;
  result.ops = llvm::to_vector(ops);
  llvm::sort(result.ops,
             [](Operation *x, Operation *y) { return x->isBeforeInBlock(y); });
  ops = SetVector<Operation *>(result.ops.begin(), result.ops.end());
  if (!isClosed() || !isShapePossible())
    return std::nullopt;
  for (Operation *op : result.ops) {
    if (auto activate = dyn_cast<ActivateOp>(op))
      result.suffix += "_" + stringifyActivation(activate.getFunction()).str();
    else if (!movesNothing(op) &&
             !isa<linalg::MatmulOp, tensor::ExtractSliceOp>(op))
      result.suffix += "_" + op->getName().stripDialect().str();
    else if (auto matmul = dyn_cast<linalg::MatmulOp>(op);
             matmul && getBias(matmul))
      result.suffix += "_bias";
  }
  if (!result.suffix.empty()) {
    // Read while the operations are there still.
    Matcher self = *this;
    result.shape.epilogue.compute =
        [self, value](OpBuilder &builder, Location loc, ValueRange numbers) {
          DenseMap<Value, Value> done;
          return self.emit(value, builder, loc, numbers, done);
        };
  }
  return std::move(result);
}

/// Operations of the block that follow a product with that left operand, and
/// are elementwise. In program order.
static SetVector<Operation *> findReachable(linalg::MatmulOp first) {
  SetVector<Operation *> reachable;
  Value a = first.getInputs()[0];
  for (Operation *user : a.getUsers()) {
    auto matmul = dyn_cast<linalg::MatmulOp>(user);
    if (matmul && matmul.getInputs()[0] == a &&
        matmul->getBlock() == first->getBlock() && isProduct(matmul))
      reachable.insert(matmul);
  }
  for (size_t i = 0; i < reachable.size(); ++i)
    for (Operation *user : reachable[i]->getUsers())
      if (user->getBlock() == first->getBlock() && isElementwise(user))
        reachable.insert(user);
  SmallVector<Operation *> sorted = reachable.takeVector();
  llvm::sort(sorted,
             [](Operation *x, Operation *y) { return x->isBeforeInBlock(y); });
  return SetVector<Operation *>(sorted.begin(), sorted.end());
}

std::optional<GemmMatch> transmamba::matchGemm(linalg::MatmulOp op,
                                               const tile::Target &target) {
  if (!isProduct(op))
    return std::nullopt;
  SetVector<Operation *> reachable = findReachable(op);
  for (Operation *last : llvm::reverse(reachable)) {
    // The kernel's result is a matrix; what gives it another shape comes after.
    if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp,
            tensor::ExtractSliceOp>(last) ||
        (isa<linalg::MatmulOp>(last) && last != op))
      continue;
    if (std::optional<GemmMatch> match =
            Matcher(op, reachable, target).match(last))
      return match;
  }
  return std::nullopt;
}
