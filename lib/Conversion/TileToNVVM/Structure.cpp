//===- Structure.cpp - Kernels, roles and barriers ------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "transmamba/Conversion/KernelToGPU/KernelToGPU.h"
#include "transmamba/Conversion/TileToNVVM/EarlyStart.h"
#include "transmamba/Conversion/TileToNVVM/TileToNVVM.h"

using namespace mlir;

namespace transmamba::tile {

static constexpr llvm::StringLiteral kSharedName = "tile_shared";

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

static DictionaryAttr describe(Builder &builder, const Parameter &parameter) {
  SmallVector<NamedAttribute> entries;
  auto set = [&](StringRef name, Attribute value) {
    entries.push_back(builder.getNamedAttr(name, value));
  };
  constexpr StringRef names[] = {"map", "pointer", "size", "scalar"};
  set("kind", builder.getStringAttr(names[parameter.kind]));
  set("argument", builder.getI64IntegerAttr(parameter.argument));
  if (parameter.kind == Parameter::Size)
    set("dim", builder.getI64IntegerAttr(parameter.dim));
  if (parameter.kind == Parameter::Map) {
    SharedType box = parameter.tile;
    set("box", builder.getI64ArrayAttr({box.getColumns(), box.getRows()}));
    set("swizzle", builder.getI64IntegerAttr(
                       box.isSwizzled() ? box.getPanelRowBytes() : 0));
  }
  return builder.getDictionaryAttr(entries);
}

ArrayAttr describeParameters(MLIRContext *context,
                             ArrayRef<Parameter> parameters) {
  Builder builder(context);
  SmallVector<Attribute> descriptions;
  for (const Parameter &parameter : parameters)
    descriptions.push_back(describe(builder, parameter));
  return builder.getArrayAttr(descriptions);
}

/// A tensor map is 128 bytes that the launch copies to constant memory.
static void addTensorMapAttributes(LLVM::LLVMFuncOp function, unsigned number) {
  Builder builder(function.getContext());
  Type bytes = LLVM::LLVMArrayType::get(builder.getI64Type(), 16);
  function.setArgAttr(number, LLVM::LLVMDialect::getByValAttrName(),
                      TypeAttr::get(bytes));
  function.setArgAttr(number, LLVM::LLVMDialect::getAlignAttrName(),
                      builder.getI64IntegerAttr(64));
  function.setArgAttr(number, NVVM::NVVMDialect::getGridConstantAttrName(),
                      builder.getUnitAttr());
}

//===----------------------------------------------------------------------===//
// Early starts
//===----------------------------------------------------------------------===//

static bool isConstant(Value tensor) {
  auto argument = dyn_cast<BlockArgument>(tensor);
  auto kernel = argument
                    ? dyn_cast<KernelOp>(argument.getOwner()->getParentOp())
                    : nullptr;
  return kernel &&
         kernel.getArgAttr(argument.getArgNumber(), kTileConstantAttrName);
}

/// True where the operation may come before the end of earlier launches: of
/// global memory it and all inside read constants alone.
static bool mayComeEarly(Operation *op) {
  if (auto load = dyn_cast<LoadOp>(op))
    return isConstant(load.getSource());
  if (isa<scf::ForOp, scf::IfOp>(op))
    return llvm::all_of(op->getRegions(), [](Region &region) {
      return llvm::all_of(region.getOps(), [](Operation &inner) {
        return mayComeEarly(&inner);
      });
    });
  return isa<RingOp, AllocOp>(op) || isMemoryEffectFree(op);
}

static SmallVector<Operation *> findWaits(KernelOp kernel) {
  SmallVector<Operation *> waits;
  if (llvm::none_of(kernel.getArguments(), isConstant))
    return waits;
  auto findLate = [](Block &body) {
    return llvm::find_if(body, [](Operation &op) {
      return !isa<ProducerOp, ConsumersOp>(op) && !mayComeEarly(&op);
    });
  };
  Block &entry = kernel.getBody().front();
  if (auto late = findLate(entry); late != entry.end())
    return {&*late};
  for (Operation &role : entry)
    if (isa<ProducerOp, ConsumersOp>(role)) {
      Block &body = role.getRegion(0).front();
      auto late = findLate(body);
      waits.push_back(late == body.end() ? body.getTerminator() : &*late);
    }
  return waits;
}

// Before the first operations that may touch what an earlier launch writes or
// reads: one in each role, or one before them. A kernel without constants waits
// at its start, as all others do. NVVM's operation would not keep loads behind
// it: to LLVM it touches no memory.
static void emitWaits(KernelOp kernel, LLVM::LLVMFuncOp function,
                      ConversionPatternRewriter &rewriter) {
  for (Operation *op : findWaits(kernel)) {
    rewriter.setInsertionPoint(op);
    Emitter(rewriter, op->getLoc())
        .assembly("griddepcontrol.wait;", "~{memory}", {});
    function->setAttr(kTileWaitsAttrName, rewriter.getUnitAttr());
  }
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

namespace {

class KernelPattern final : public TilePattern<KernelOp> {
public:
  using TilePattern::TilePattern;

  // tile.kernel @k(...) { shared; producer { A }; consumers { B } } ->
  // llvm.func @k(...) { barriers; if warpgroup == 0 { A } else { B } }
  LogicalResult
  matchAndRewrite(KernelOp kernel, Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    ArrayRef<Parameter> parameters = plan.parameters.at(kernel);
    LLVM::LLVMFuncOp function = createFunction(kernel, parameters, rewriter);
    if (plan.target.hasTensorMaps)
      emitWaits(kernel, function, rewriter);

    // The roles' bodies first: the conversion of the entry block is the last
    // that is done with the original.
    Block *entry = &kernel.getBody().front();
    ProducerOp producer = kernel.getProducer();
    ConsumersOp consumers = kernel.getConsumers();

    TypeConverter::SignatureConversion signature(entry->getNumArguments());
    addInputs(kernel, parameters, signature);
    rewriter.inlineRegionBefore(kernel.getBody(), function.getBody(),
                                function.getBody().end());
    entry = rewriter.applySignatureConversion(&function.getBody().front(),
                                              signature, getTypeConverter());

    rewriter.setInsertionPoint(consumers);
    bool takesTurns = false;
    consumers.walk([&](TurnWaitOp) { takesTurns = true; });
    emitRoles(producer, consumers, takesTurns, rewriter);
    rewriter.setInsertionPointToStart(entry);
    emitBarriers(kernel, function, bool(producer), consumers.getCount(),
                 rewriter);
    rewriter.setInsertionPointToEnd(entry);
    Operation *end = entry->getTerminator();
    LLVM::ReturnOp::create(rewriter, end->getLoc(), ValueRange());
    rewriter.eraseOp(end);
    rewriter.eraseOp(kernel);
    return success();
  }

private:
  LLVM::LLVMFuncOp createFunction(KernelOp kernel,
                                  ArrayRef<Parameter> parameters,
                                  ConversionPatternRewriter &rewriter) const;
  void addInputs(KernelOp kernel, ArrayRef<Parameter> parameters,
                 TypeConverter::SignatureConversion &signature) const;
  void emitBarriers(KernelOp kernel, LLVM::LLVMFuncOp function,
                    bool hasProducer, int64_t warpgroups,
                    ConversionPatternRewriter &rewriter) const;
  void emitRoles(ProducerOp producer, ConsumersOp consumers, bool takesTurns,
                 ConversionPatternRewriter &rewriter) const;
};

} // namespace

static Type getParameterType(KernelOp kernel, const Parameter &parameter) {
  MLIRContext *context = kernel.getContext();
  switch (parameter.kind) {
  case Parameter::Map:
    return LLVM::LLVMPointerType::get(context);
  case Parameter::Pointer:
    return LLVM::LLVMPointerType::get(context, 1);
  case Parameter::Size:
    return IntegerType::get(context, 64);
  case Parameter::Scalar:
    break;
  }
  // A launch hands over 64 bits, of which a thread keeps 32.
  Type type = kernel.getArgumentTypes()[parameter.argument];
  return type.isIndex() ? Type(IntegerType::get(context, 64)) : type;
}

LLVM::LLVMFuncOp
KernelPattern::createFunction(KernelOp kernel, ArrayRef<Parameter> parameters,
                              ConversionPatternRewriter &rewriter) const {
  SmallVector<Type> types;
  for (const Parameter &parameter : parameters)
    types.push_back(getParameterType(kernel, parameter));
  rewriter.setInsertionPoint(kernel);
  auto type = LLVM::LLVMFunctionType::get(
      LLVM::LLVMVoidType::get(rewriter.getContext()), types);
  auto function = LLVM::LLVMFuncOp::create(rewriter, kernel.getLoc(),
                                           kernel.getSymName(), type);
  int32_t threads = kernel.getThreads();
  function->setAttr(gpu::GPUDialect::getKernelFuncAttrName(),
                    rewriter.getUnitAttr());
  function->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(),
                    rewriter.getUnitAttr());
  function->setAttr(NVVM::NVVMDialect::getReqntidAttrName(),
                    rewriter.getDenseI32ArrayAttr({threads, 1, 1}));
  // setmaxnreg is ignored without it.
  function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                    rewriter.getI32IntegerAttr(kernel.getOccupancy()));
  function->setAttr(kDynamicSharedMemoryAttrName,
                    rewriter.getI64IntegerAttr(plan.sharedBytes.at(kernel)));
  function->setAttr(kTileChipAttrName,
                    rewriter.getStringAttr(plan.target.chip));
  function->setAttr(kTileParametersAttrName,
                    describeParameters(rewriter.getContext(), parameters));
  for (auto [number, parameter] : llvm::enumerate(parameters))
    if (parameter.kind == Parameter::Map)
      addTensorMapAttributes(function, number);
  return function;
}

/// The parameters of an argument follow one another; maps belong to none.
void KernelPattern::addInputs(
    KernelOp kernel, ArrayRef<Parameter> parameters,
    TypeConverter::SignatureConversion &signature) const {
  SmallVector<SmallVector<Type>> types(kernel.getNumArguments());
  SmallVector<Type> maps;
  for (const Parameter &parameter : parameters) {
    Type type = getParameterType(kernel, parameter);
    if (parameter.kind == Parameter::Map)
      maps.push_back(type);
    else
      types[parameter.argument].push_back(type);
  }
  for (auto [number, list] : llvm::enumerate(types))
    signature.addInputs(number, list);
  signature.addInputs(maps);
}

static Value getSharedBase(Emitter &emit, LLVM::LLVMFuncOp function) {
  auto module = function->getParentOfType<gpu::GPUModuleOp>();
  auto global = module.lookupSymbol<LLVM::GlobalOp>(kSharedName);
  if (!global) {
    OpBuilder::InsertionGuard guard(emit.builder);
    emit.builder.setInsertionPointToStart(module.getBody());
    auto type = LLVM::LLVMArrayType::get(emit.builder.getI8Type(), 0);
    global = LLVM::GlobalOp::create(
        emit.builder, emit.loc, type, /*isConstant=*/false,
        LLVM::Linkage::External, kSharedName, Attribute(), kTileAlignment, 3);
  }
  auto pointer = LLVM::LLVMPointerType::get(emit.builder.getContext(), 3);
  Value address =
      LLVM::AddressOfOp::create(emit.builder, emit.loc, pointer, kSharedName);
  return LLVM::PtrToIntOp::create(emit.builder, emit.loc, emit.i32, address);
}

void KernelPattern::emitBarriers(KernelOp kernel, LLVM::LLVMFuncOp function,
                                 bool hasProducer, int64_t warpgroups,
                                 ConversionPatternRewriter &rewriter) const {
  Emitter emit(rewriter, kernel.getLoc());
  Value base = getSharedBase(emit, function);
  auto only =
      scf::IfOp::create(rewriter, emit.loc, emit.equal(emit.threadId(), 0));
  {
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPointToStart(only.thenBlock());
    for (Operation &op : function.getBody().front()) {
      auto entry = plan.rings.find(&op);
      if (entry == plan.rings.end())
        continue;
      const RingPlan &ring = entry->second;
      int64_t frees = warpgroups * (ring.releasedByWarps ? 4 : 1);
      int64_t stages = cast<RingOp>(op).getType().getStages();
      for (int64_t i = 0; i < stages; ++i)
        for (int64_t empty : {0, 1}) {
          Value address =
              emit.add(base, ring.barriers + kBarrierBytes * i + 8 * empty);
          NVVM::MBarrierInitOp::create(
              rewriter, emit.loc, emit.sharedPointer(address),
              emit.constant(empty ? frees : plan.target.producerThreads),
              Value());
        }
    }
    if (plan.target.hasAsyncProxy)
      NVVM::FenceMbarrierInitOp::create(rewriter, emit.loc);
  }
  NVVM::Barrier0Op::create(rewriter, emit.loc);
}

void moveBody(Block &body, ValueRange arguments, Operation *before,
              ConversionPatternRewriter &rewriter) {
  rewriter.eraseOp(body.getTerminator());
  rewriter.inlineBlockBefore(&body, before, arguments);
}

/// The last warpgroup gives the first its first turn.
static void openTurns(Emitter &emit, Value warpgroup, int64_t count) {
  if (count < 2)
    return;
  Value last = arith::ExtUIOp::create(emit.builder, emit.loc, emit.i32,
                                      emit.equal(warpgroup, count - 1));
  emit.assembly("{ .reg .pred p; setp.ne.b32 p, $2, 0; @p bar.arrive $0, $1; }",
                "r,r,r",
                {emit.constant(kTurnBarrier),
                 emit.constant(2 * kWarpgroupThreads), last});
}

/// The block that one thread of the first warp runs.
static Block *electThread(Emitter &emit) {
  auto warp =
      scf::IfOp::create(emit.builder, emit.loc, emit.equal(emit.warp(), 0));
  emit.builder.setInsertionPointToStart(warp.thenBlock());
  Value elected =
      NVVM::ElectSyncOp::create(emit.builder, emit.loc, emit.i1, Value());
  return scf::IfOp::create(emit.builder, emit.loc, elected).thenBlock();
}

void KernelPattern::emitRoles(ProducerOp producer, ConsumersOp consumers,
                              bool takesTurns,
                              ConversionPatternRewriter &rewriter) const {
  Emitter emit(rewriter, consumers.getLoc());
  TypeConverter::SignatureConversion signature(1);
  signature.addInputs(0, emit.i32);
  Block *body = rewriter.applySignatureConversion(
      &consumers.getBody().front(), signature, getTypeConverter());
  int64_t count = consumers.getCount();
  if (!producer) {
    Value index = emit.warpgroup(/*hasProducer=*/false);
    if (takesTurns)
      openTurns(emit, index, count);
    moveBody(*body, index, consumers, rewriter);
    rewriter.eraseOp(consumers);
    return;
  }
  auto setRegisters = [&](int64_t count, NVVM::SetMaxRegisterAction action) {
    if (plan.target.setsRegisters)
      NVVM::SetMaxRegisterOp::create(rewriter, emit.loc, count, action);
  };
  // Not emit.warp(), which LLVM would make one value with that of the roles:
  // ptxas keeps in memory what lives where registers are handed over.
  Value warp = emit.assembly("shfl.sync.idx.b32 $0, $1, 0, 31, -1;", "=r,r",
                             emit.shiftRight(emit.threadId(), 5), emit.i32,
                             /*sideEffects=*/true)[0];
  Value loads = emit.equal(emit.shiftRight(warp, 2), 0);
  auto roles = scf::IfOp::create(rewriter, emit.loc, loads, /*withElse=*/true);

  rewriter.setInsertionPointToStart(roles.thenBlock());
  setRegisters(producer.getRegisters(), NVVM::SetMaxRegisterAction::decrease);
  Block *loader = roles.thenBlock();
  if (plan.target.producerThreads == 1)
    loader = electThread(emit);
  moveBody(producer.getBody().front(), {}, loader->getTerminator(), rewriter);
  if (!plan.target.hasTensorMaps) {
    // A thread does not end before its copies.
    rewriter.setInsertionPoint(loader->getTerminator());
    emit.assembly("cp.async.wait_all;", "", {});
  }

  rewriter.setInsertionPointToStart(roles.elseBlock());
  setRegisters(consumers.getRegisters(), NVVM::SetMaxRegisterAction::increase);
  Value index = emit.warpgroup(/*hasProducer=*/true);
  if (takesTurns)
    openTurns(emit, index, count);
  moveBody(*body, index, roles.elseBlock()->getTerminator(), rewriter);
  rewriter.eraseOp(producer);
  rewriter.eraseOp(consumers);
}

//===----------------------------------------------------------------------===//
// Barriers and turns
//===----------------------------------------------------------------------===//

namespace {

class BarrierPattern final : public TilePattern<BarrierOp> {
public:
  using TilePattern::TilePattern;

  // What threads wrote must be visible to the matrix units and the copy engine,
  // which read through another proxy.
  LogicalResult
  matchAndRewrite(BarrierOp op, Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    if (plan.target.hasAsyncProxy)
      emit.assembly("fence.proxy.async.shared::cta;", "", {});
    bool all = op.getConsumers();
    Value id = all ? emit.constant(kConsumersBarrier)
                   : emit.add(emit.warpgroup(plan.warpgroups.at(op).producer),
                              kWarpgroupBarrier);
    int64_t threads =
        kWarpgroupThreads * (all ? plan.warpgroups.at(op).consumers : 1);
    emit.assembly("bar.sync $0, $1;", "r,r", {id, emit.constant(threads)});
    rewriter.eraseOp(op);
    return success();
  }
};

class TurnWaitPattern final : public TilePattern<TurnWaitOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(TurnWaitOp op, Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    if (plan.warpgroups.at(op).consumers > 1) {
      Value id = emit.add(emit.warpgroup(plan.warpgroups.at(op).producer),
                          kTurnBarrier);
      emit.assembly("bar.sync $0, $1;", "r,r",
                    {id, emit.constant(2 * kWarpgroupThreads)});
    }
    rewriter.eraseOp(op);
    return success();
  }
};

class TurnPassPattern final : public TilePattern<TurnPassOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(TurnPassOp op, Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    int64_t count = plan.warpgroups.at(op).consumers;
    if (count > 1) {
      Value next = emit.add(emit.warpgroup(plan.warpgroups.at(op).producer), 1);
      next = emit.select(emit.equal(next, count), emit.constant(0), next);
      emit.assembly(
          "bar.arrive $0, $1;", "r,r",
          {emit.add(next, kTurnBarrier), emit.constant(2 * kWarpgroupThreads)});
    }
    rewriter.eraseOp(op);
    return success();
  }
};

} // namespace

void populateStructurePatterns(TypeConverter &converter, const KernelPlan &plan,
                               RewritePatternSet &patterns) {
  patterns.add<KernelPattern, BarrierPattern, TurnWaitPattern, TurnPassPattern>(
      converter, patterns.getContext(), plan);
}

} // namespace transmamba::tile
