//===- LastTokenOnly.cpp - What only the last token is asked of -----------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Dimensions.h"

#include "TransMamba/IR/TransMambaOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "transmamba/Transforms/Passes.h"
#include "llvm/ADT/SetVector.h"

namespace transmamba {
#define GEN_PASS_DEF_LASTTOKENONLY
#include "transmamba/Transforms/Passes.h.inc"
} // namespace transmamba

using namespace mlir;
using namespace transmamba;

namespace {
/// What stands before one `last_token`, for that token alone. Values over
/// tokens are [B, T, ...], or [B T, ...] where a projection sees a matrix; what
/// replaces them has T = 1.
class TokenSelector {
public:
  explicit TokenSelector(LastTokenOp root)
      : root(root), batch(getOrigin(root.getInput(), 0)),
        builder(root.getContext()) {}

  /// Whether there was anything to move behind the selection.
  bool run();

private:
  void collectMembers();
  bool mayMove(Operation *op) const;
  bool hasSelectableOperands(Operation *op) const;
  bool isRowsOfTokens(Value matrix) const;

  void move(Operation *op);
  Value select(Value value);
  SmallVector<OpFoldResult> getSizes(int64_t channels);
  Value remakeInit(Value init);
  Value getPositions(Value positions);
  Value fill(int32_t number);

  LastTokenOp root;
  SizeOrigin batch;
  OpBuilder builder;
  /// The size of the batch.
  Value rows;
  /// What nothing but the last token is asked of, and what takes its place.
  llvm::SetVector<Operation *> members;
  IRMapping selected;
};
} // namespace

/// A shape whose tokens, or whose rows of tokens, are those of one token.
static RankedTensorType getSelectedType(RankedTensorType type) {
  SmallVector<int64_t> shape(type.getShape());
  if (shape.size() == 2)
    shape[0] = ShapedType::kDynamic;
  else
    shape[1] = 1;
  return type.clone(shape);
}

/// [B, T, C] as [B T, C]
static bool joinsTokens(ArrayRef<ReassociationIndices> groups) {
  return groups.size() == 2 && groups[0] == ReassociationIndices{0, 1} &&
         groups[1] == ReassociationIndices{2};
}

//===----------------------------------------------------------------------===//
// What can move
//===----------------------------------------------------------------------===//

/// Whether each token of the result depends on the same token of the operands
/// alone.
bool TokenSelector::mayMove(Operation *op) const {
  if (op->getNumResults() != 1)
    return false;
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  if (!type || type.getRank() < 2 || type.getRank() > 3)
    return false;
  if (isa<RMSNormOp, ActivateOp, GatedRMSNormOp>(op))
    return true;
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op))
    return joinsTokens(collapse.getReassociationIndices()) &&
           getOrigin(collapse.getSrc(), 0) == batch;
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    return joinsTokens(expand.getReassociationIndices()) &&
           getOrigin(expand.getResult(), 0) == batch;
  if (auto matmul = dyn_cast<linalg::MatmulOp>(op)) {
    Operation *init = matmul.getOutputs()[0].getDefiningOp();
    return !matmul.hasUserDefinedMaps() &&
           isa_and_present<linalg::FillOp, linalg::BroadcastOp>(init) &&
           cast<DestinationStyleOpInterface>(init)
               .getDpsInitOperand(0)
               ->get()
               .getDefiningOp<tensor::EmptyOp>();
  }
  return OpTrait::hasElementwiseMappableTraits(op) &&
         llvm::all_of(op->getOperandTypes(), [&](Type operand) {
           auto shaped = dyn_cast<RankedTensorType>(operand);
           return shaped && shaped.getShape() == type.getShape();
         });
}

/// Whether the rows of a matrix are the tokens of this batch, as a collapse of
/// all of them says.
bool TokenSelector::isRowsOfTokens(Value matrix) const {
  auto collapse = matrix.getDefiningOp<tensor::CollapseShapeOp>();
  return collapse && mayMove(collapse);
}

/// Whether what `op` reads for its last token can be had: a tensor [B, T, C] is
/// selected from, a matrix is what it was made of.
bool TokenSelector::hasSelectableOperands(Operation *op) const {
  unsigned count = isa<linalg::MatmulOp, RMSNormOp>(op) ? 1
                   : isa<GatedRMSNormOp>(op)            ? 2
                                                        : op->getNumOperands();
  if (isa<tensor::ExpandShapeOp>(op))
    count = 1; // The others are sizes.
  return llvm::all_of(op->getOperands().take_front(count), [&](Value operand) {
    Operation *def = operand.getDefiningOp();
    if (def && members.contains(def))
      return true;
    auto type = cast<RankedTensorType>(operand.getType());
    if (type.getRank() == 2)
      return isRowsOfTokens(operand);
    return type.getRank() == 3 && isa<FloatType>(type.getElementType());
  });
}

/// From the last op to the first, so that those that use a value are known;
/// then what lacks an operand leaves, and what it has used with it.
void TokenSelector::collectMembers() {
  for (Operation *op = root->getPrevNode(); op; op = op->getPrevNode())
    if (!op->use_empty() && mayMove(op) &&
        llvm::all_of(op->getUsers(), [&](Operation *user) {
          return user == root || members.contains(user);
        }))
      members.insert(op);
  auto mustStay = [&](Operation *op) {
    return !hasSelectableOperands(op) ||
           !llvm::all_of(op->getUsers(), [&](Operation *user) {
             return user == root || members.contains(user);
           });
  };
  while (members.remove_if(mustStay))
    ;
}

//===----------------------------------------------------------------------===//
// The same for one token
//===----------------------------------------------------------------------===//

/// The last token of a value that stays as it is.
Value TokenSelector::select(Value value) {
  if (Value known = selected.lookupOrNull(value))
    return known;
  Location loc = root.getLoc();
  auto type = cast<RankedTensorType>(value.getType());
  Value result;
  if (type.getRank() == 2) {
    auto collapse = value.getDefiningOp<tensor::CollapseShapeOp>();
    result = tensor::CollapseShapeOp::create(
        builder, loc, getSelectedType(type), select(collapse.getSrc()),
        collapse.getReassociationIndices());
  } else {
    auto tokenType = RankedTensorType::get(
        {type.getDimSize(0), type.getDimSize(2)}, type.getElementType());
    Value token =
        LastTokenOp::create(builder, loc, tokenType, value, root.getLengths());
    result = tensor::ExpandShapeOp::create(
        builder, loc, getSelectedType(type), token,
        ArrayRef<ReassociationIndices>{{0, 1}, {2}},
        getSizes(type.getDimSize(2)));
  }
  selected.map(value, result);
  return result;
}

/// One token of each row.
SmallVector<OpFoldResult> TokenSelector::getSizes(int64_t channels) {
  return {rows, builder.getIndexAttr(1), builder.getIndexAttr(channels)};
}

/// What the sums of a product start from, for as many rows as there are now.
Value TokenSelector::remakeInit(Value init) {
  Operation *def = init.getDefiningOp();
  auto type = getSelectedType(cast<RankedTensorType>(init.getType()));
  Value empty = tensor::EmptyOp::create(builder, root.getLoc(), type, rows);
  IRMapping map;
  map.map(cast<DestinationStyleOpInterface>(def).getDpsInitOperand(0)->get(),
          empty);
  Operation *copy = builder.clone(*def, map);
  copy->getResult(0).setType(type);
  return copy->getResult(0);
}

/// A number for each row.
Value TokenSelector::fill(int32_t number) {
  Location loc = root.getLoc();
  auto type =
      RankedTensorType::get({ShapedType::kDynamic}, builder.getI32Type());
  Value empty = tensor::EmptyOp::create(builder, loc, type, rows);
  Value constant =
      arith::ConstantIntOp::create(builder, loc, number, /*width=*/32);
  return linalg::FillOp::create(builder, loc, constant, empty).getResult(0);
}

/// Where the last tokens stand: `positions` more than in the sequence. A row
/// without tokens gives its first, as `last_token` does.
Value TokenSelector::getPositions(Value positions) {
  Location loc = root.getLoc();
  Value last = arith::SubIOp::create(builder, loc, root.getLengths(), fill(1));
  last = arith::MaxSIOp::create(builder, loc, last, fill(0));
  return positions ? arith::AddIOp::create(builder, loc, last, positions)
                   : last;
}

void TokenSelector::move(Operation *op) {
  Location loc = op->getLoc();
  Value result = op->getResult(0);
  auto type = getSelectedType(cast<RankedTensorType>(result.getType()));
  IRMapping map;
  for (Value operand : op->getOperands())
    if (auto tensor = dyn_cast<RankedTensorType>(operand.getType());
        tensor && selected.contains(operand))
      map.map(operand, selected.lookup(operand));
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
    selected.map(result, tensor::ExpandShapeOp::create(
                             builder, loc, type, map.lookup(expand.getSrc()),
                             expand.getReassociationIndices(),
                             getSizes(type.getDimSize(2))));
    return;
  }
  if (auto matmul = dyn_cast<linalg::MatmulOp>(op)) {
    Value init = matmul.getOutputs()[0];
    map.map(init, remakeInit(init));
  }
  Operation *copy = builder.clone(*op, map);
  copy->getResult(0).setType(type);
  if (auto norm = dyn_cast<GatedRMSNormOp>(copy); norm && norm.getPoint()) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(norm);
    norm.getPositionsMutable().assign(getPositions(norm.getPositions()));
  }
  selected.map(result, copy->getResult(0));
}

bool TokenSelector::run() {
  RankedTensorType input = root.getInput().getType();
  if (!input.isDynamicDim(0) || !input.isDynamicDim(1) ||
      !root.getLengths().getType().isDynamicDim(0))
    return false;
  collectMembers();
  // A selection that only a reshape separates from the next gains nothing.
  if (llvm::all_of(members, [](Operation *op) {
        return isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(op);
      }))
    return false;
  builder.setInsertionPoint(root);
  rows = tensor::DimOp::create(builder, root.getLoc(), root.getLengths(), 0);
  // Members are from the last to the first.
  for (Operation *op : llvm::reverse(members)) {
    for (Value operand : op->getOperands()) {
      auto type = dyn_cast<RankedTensorType>(operand.getType());
      bool isWeight =
          isa<linalg::MatmulOp, RMSNormOp>(op) && operand != op->getOperand(0);
      if (type && type.getRank() > 1 && !isWeight)
        select(operand);
    }
    move(op);
  }
  Value token = selected.lookup(root.getInput());
  Value result = tensor::CollapseShapeOp::create(
      builder, root.getLoc(), root.getType(), token,
      ArrayRef<ReassociationIndices>{{0, 1}, {2}});
  root.replaceAllUsesWith(result);
  root.erase();
  // The first of them use the others.
  for (Operation *op : members)
    op->erase();
  return true;
}

namespace {
class LastTokenOnly final
    : public transmamba::impl::LastTokenOnlyBase<LastTokenOnly> {
public:
  using LastTokenOnlyBase::LastTokenOnlyBase;

  void runOnOperation() override {
    SmallVector<LastTokenOp> roots;
    getOperation()->walk([&](LastTokenOp op) { roots.push_back(op); });
    for (LastTokenOp root : roots)
      numMoved += TokenSelector(root).run();
  }
};
} // namespace
