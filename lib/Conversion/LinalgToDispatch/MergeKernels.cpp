//===- MergeKernels.cpp - One kernel for several constants ----------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "TransMamba/IR/TransMambaOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "transmamba/Conversion/LinalgToDispatch/LinalgToDispatch.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"

namespace transmamba {
#define GEN_PASS_DEF_MERGEKERNELS
#include "transmamba/Conversion/LinalgToDispatch/Passes.h.inc"
} // namespace transmamba

using namespace mlir;
using namespace transmamba;

//===----------------------------------------------------------------------===//
// Sizes in types become constants
//===----------------------------------------------------------------------===//

/// The sizes of a row-major buffer of this type are only seen by users whose
/// own type does not depend on them.
static bool isHiddenByViews(Value buffer, MemRefType type) {
  return llvm::all_of(buffer.getUses(), [&](OpOperand &use) {
    Operation *user = use.getOwner();
    if (isa<memref::LoadOp>(user))
      return true;
    if (auto store = dyn_cast<memref::StoreOp>(user))
      return store.getMemRef() == buffer;
    auto view = dyn_cast<memref::SubViewOp>(user);
    return view &&
           memref::SubViewOp::inferRankReducedResultType(
               view.getType().getShape(), type, view.getMixedOffsets(),
               view.getMixedSizes(), view.getMixedStrides()) == view.getType();
  });
}

// %b = memref.reinterpret_cast %p to sizes: [%n, 4, 16, 64], strides: ...
//   : memref<f32> to memref<?x4x16x64xf32>
//   -> sizes: [%n, %c4, %c16, 64], strides: [%s, %t, 64, 1]
//   : memref<f32> to memref<?x?x?x64xf32>
// where all views of %b are parts of a 16x64 slice. What no kernel differs in
// is folded back.
static void exposeSizes(memref::ReinterpretCastOp view) {
  MemRefType type = view.getType();
  if (!type.getLayout().isIdentity())
    return;
  SmallVector<int64_t> shape(type.getShape());
  auto withShape = [&](ArrayRef<int64_t> sizes) {
    return MemRefType::get(sizes, type.getElementType(), type.getLayout(),
                           type.getMemorySpace());
  };
  for (int64_t &size : shape) {
    if (ShapedType::isDynamic(size))
      continue;
    int64_t before = std::exchange(size, ShapedType::kDynamic);
    if (!isHiddenByViews(view, withShape(shape)))
      size = before;
  }
  if (ArrayRef(shape) == type.getShape())
    return;

  OpBuilder builder(view);
  Location loc = view.getLoc();
  MemRefType exposed = withShape(shape);
  SmallVector<OpFoldResult> sizes = view.getMixedSizes();
  SmallVector<OpFoldResult> strides(sizes.size(), builder.getIndexAttr(1));
  auto [staticStrides, offset] = exposed.getStridesAndOffset();
  auto asValue = [&](OpFoldResult value) -> Value {
    if (std::optional<int64_t> constant = getConstantIntValue(value))
      return arith::ConstantIndexOp::create(builder, loc, *constant);
    return cast<Value>(value);
  };
  for (auto [dim, size] : llvm::enumerate(sizes))
    if (exposed.isDynamicDim(dim))
      size = asValue(size);
  for (int64_t dim = sizes.size() - 2; dim >= 0; --dim) {
    if (!ShapedType::isDynamic(staticStrides[dim]))
      strides[dim] = builder.getIndexAttr(staticStrides[dim]);
    else
      strides[dim] =
          arith::MulIOp::create(builder, loc, asValue(sizes[dim + 1]),
                                asValue(strides[dim + 1]),
                                arith::IntegerOverflowFlags::nsw)
              .getResult();
  }
  auto replacement = memref::ReinterpretCastOp::create(
      builder, loc, exposed, view.getSource(), builder.getIndexAttr(0), sizes,
      strides);
  view.getResult().replaceAllUsesWith(replacement.getResult());
  view.erase();
}

//===----------------------------------------------------------------------===//
// What makes two kernels the same
//===----------------------------------------------------------------------===//

namespace {
/// A kernel as text, without the index constants that may become arguments, and
/// the places that read one.
class KernelForm {
public:
  explicit KernelForm(func::FuncOp kernel);

  const std::string &getText() const { return text; }
  ArrayRef<OpOperand *> getPlaces() const { return places; }
  /// The constant that a place reads.
  int64_t getValue(unsigned place) const {
    return *getConstantIntValue(places[place]->get());
  }

private:
  void add(Operation *op);
  void add(Block &block);
  void add(OpOperand &operand);
  void number(Value value) { numbers.try_emplace(value, numbers.size()); }

  std::string text;
  llvm::raw_string_ostream stream;
  DenseMap<Value, unsigned> numbers;
  SmallVector<OpOperand *> places;
};
} // namespace

/// Whether the code is as good with an argument in this place.
static bool mayBeArgument(OpOperand &operand) {
  Operation *op = operand.getOwner();
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return operand.get() != loop.getStep();
  // A division by a constant is a multiplication. Once a workgroup, to take its
  // point apart, it does not matter.
  if (isa<arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp,
          arith::CeilDivSIOp, arith::CeilDivUIOp, arith::FloorDivSIOp>(op))
    return isa<func::FuncOp>(op->getParentOp());
  return true;
}

KernelForm::KernelForm(func::FuncOp kernel) : stream(text) {
  for (NamedAttribute attribute : kernel->getAttrs())
    if (attribute.getName() != SymbolTable::getSymbolAttrName())
      stream << attribute.getName().getValue() << '=' << attribute.getValue()
             << ' ';
  add(kernel.getBody().front());
}

void KernelForm::add(Block &block) {
  stream << "{(";
  for (BlockArgument argument : block.getArguments()) {
    number(argument);
    stream << argument.getType() << ',';
  }
  stream << ")\n";
  for (Operation &op : block)
    if (!op.hasTrait<OpTrait::ConstantLike>())
      add(&op);
  stream << '}';
}

void KernelForm::add(OpOperand &operand) {
  Attribute constant;
  if (!matchPattern(operand.get(), m_Constant(&constant))) {
    stream << '%' << numbers.lookup(operand.get());
  } else if (operand.get().getType().isIndex() && mayBeArgument(operand)) {
    stream << '?';
    places.push_back(&operand);
  } else {
    stream << constant;
  }
  stream << ',';
}

void KernelForm::add(Operation *op) {
  stream << op->getName() << '(';
  for (OpOperand &operand : op->getOpOperands())
    add(operand);
  stream << ')' << op->getAttrDictionary() << "->";
  for (Value result : op->getResults()) {
    number(result);
    stream << result.getType() << ',';
  }
  for (Region &region : op->getRegions())
    for (Block &block : region)
      add(block);
  stream << '\n';
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {
/// One of several kernels that may be the same.
struct Member {
  func::FuncOp original;
  /// A copy with sizes as constants.
  OwningOpRef<func::FuncOp> exposed;
  std::unique_ptr<KernelForm> form;
};

struct MergeKernelsPass
    : public transmamba::impl::MergeKernelsBase<MergeKernelsPass> {
  void runOnOperation() override;

private:
  LogicalResult merge(MutableArrayRef<Member> members);

  llvm::StringMap<SmallVector<DispatchOp>> dispatches;
};
} // namespace

static Member makeMember(func::FuncOp kernel) {
  Member member{kernel, kernel.clone(), nullptr};
  SmallVector<memref::ReinterpretCastOp> casts;
  member.exposed->walk(
      [&](memref::ReinterpretCastOp cast) { casts.push_back(cast); });
  for (memref::ReinterpretCastOp cast : casts)
    exposeSizes(cast);
  member.form = std::make_unique<KernelForm>(*member.exposed);
  return member;
}

/// Folds the sizes back in which no kernel differs.
static LogicalResult foldSizes(func::FuncOp kernel) {
  MLIRContext *context = kernel.getContext();
  RewritePatternSet patterns(context);
  memref::ReinterpretCastOp::getCanonicalizationPatterns(patterns, context);
  memref::SubViewOp::getCanonicalizationPatterns(patterns, context);
  memref::CastOp::getCanonicalizationPatterns(patterns, context);
  return applyPatternsGreedily(kernel, std::move(patterns));
}

LogicalResult MergeKernelsPass::merge(MutableArrayRef<Member> members) {
  // The values of the members in one place; places with the same share an
  // argument.
  llvm::MapVector<SmallVector<int64_t>, Value> arguments;
  func::FuncOp kernel = *members.front().exposed;
  Block &body = kernel.getBody().front();
  for (auto [place, operand] :
       llvm::enumerate(members.front().form->getPlaces())) {
    SmallVector<int64_t> values;
    for (const Member &member : members)
      values.push_back(member.form->getValue(place));
    if (llvm::all_equal(values))
      continue;
    Value &argument = arguments[values];
    if (!argument)
      argument = body.addArgument(IndexType::get(&getContext()),
                                  operand->getOwner()->getLoc());
    operand->set(argument);
  }
  kernel.setFunctionType(
      FunctionType::get(&getContext(), body.getArgumentTypes(), {}));
  if (kernel.getArgAttrsAttr())
    for (size_t i = 0; i < arguments.size(); ++i)
      kernel.setArgAttrs(body.getNumArguments() - 1 - i, DictionaryAttr());
  if (failed(foldSizes(kernel)))
    return failure();

  for (auto [index, member] : llvm::enumerate(members)) {
    for (DispatchOp dispatch : dispatches[member.original.getName()]) {
      OpBuilder builder(dispatch);
      SmallVector<Value> values;
      for (const auto &entry : arguments)
        values.push_back(arith::ConstantIndexOp::create(
            builder, dispatch.getLoc(), entry.first[index]));
      dispatch.getArgumentsMutable().append(values);
      dispatch.setKernel(kernel.getName());
    }
  }
  members.front().original->getBlock()->getOperations().insert(
      Block::iterator(members.front().original),
      members.front().exposed.release());
  for (Member &member : members)
    member.original->erase();
  numMerged += members.size() - 1;
  numArguments += arguments.size();
  return success();
}

void MergeKernelsPass::runOnOperation() {
  getOperation().walk([&](DispatchOp dispatch) {
    dispatches[dispatch.getKernel()].push_back(dispatch);
  });
  llvm::MapVector<StringRef, SmallVector<Member>> groups;
  for (auto kernel : getOperation().getOps<func::FuncOp>()) {
    if (!kernel->hasAttr(TransMambaDialect::kKernelAttr) ||
        !kernel.getBody().hasOneBlock())
      continue;
    Member member = makeMember(kernel);
    StringRef text = member.form->getText();
    groups[text].push_back(std::move(member));
  }
  for (auto &[text, members] : groups)
    if (members.size() > 1 && failed(merge(members)))
      return signalPassFailure();
  dispatches.clear();
}
