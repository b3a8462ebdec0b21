//===- SharedMemory.cpp - Scratch buffers to shared memory ----------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "SharedMemory.h"

#include "transmamba/Conversion/KernelToGPU/KernelToGPU.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace transmamba {

/// Every buffer starts at a multiple of this: the widest vector access.
static constexpr int64_t kBufferAlignment = 16;

/// One scratch buffer: the bytes it needs, when it is live (positions of ops in
/// program order) and where it goes.
namespace {
struct Buffer {
  memref::AllocaOp alloca;
  int64_t size = 0;
  unsigned firstUse = 0, lastUse = 0;
  int64_t offset = 0;

  bool isLiveWith(const Buffer &other) const {
    return firstUse <= other.lastUse && other.firstUse <= lastUse;
  }
};
} // namespace

static int64_t getByteWidth(Type type) {
  if (type.isIndex())
    return 8;
  return llvm::divideCeil(type.getIntOrFloatBitWidth(), 8);
}

static int64_t getNumBytes(MemRefType type) {
  return type.getNumElements() * getByteWidth(type.getElementType());
}

/// All values that are views of `buffer`, itself included.
static SmallVector<Value> collectViews(Value buffer) {
  SmallVector<Value> views = {buffer};
  for (size_t i = 0; i < views.size(); ++i)
    for (Operation *user : views[i].getUsers())
      if (isa<ViewLikeOpInterface>(user))
        views.push_back(user->getResult(0));
  return views;
}

/// The last op nested in `op` in program order, or `op` itself.
static unsigned
getLastPosition(Operation *op,
                const DenseMap<Operation *, unsigned> &positions) {
  unsigned last = positions.lookup(op);
  op->walk([&](Operation *nested) {
    last = std::max(last, positions.lookup(nested));
  });
  return last;
}

/// Live from the first to the last use, seen from the block that holds the
/// alloca: a use in a loop there keeps the buffer for all iterations, while a
/// buffer of the loop's own body has no meaning in the next iteration.
static void computeLiveRange(Buffer &buffer,
                             const DenseMap<Operation *, unsigned> &positions) {
  Block *scope = buffer.alloca->getBlock();
  buffer.firstUse = positions.lookup(buffer.alloca);
  buffer.lastUse = buffer.firstUse;
  bool used = false;
  for (Value view : collectViews(buffer.alloca)) {
    for (Operation *user : view.getUsers()) {
      if (isa<ViewLikeOpInterface>(user))
        continue;
      Operation *ancestor = scope->findAncestorOpInBlock(*user);
      unsigned first = positions.lookup(ancestor);
      buffer.firstUse = used ? std::min(buffer.firstUse, first) : first;
      buffer.lastUse =
          std::max(buffer.lastUse, getLastPosition(ancestor, positions));
      used = true;
    }
  }
}

/// Side by side: no bytes are shared, so no barriers are needed between the
/// last use of one buffer and the first of another. Returns the total.
static int64_t placeSideBySide(MutableArrayRef<Buffer> buffers) {
  int64_t total = 0;
  for (Buffer &buffer : buffers) {
    buffer.offset = total;
    total += llvm::alignTo(buffer.size, kBufferAlignment);
  }
  return total;
}

/// First fit, large buffers first, over the bytes of buffers that are live at
/// the same time. Returns the total.
static int64_t placeByLiveRange(MutableArrayRef<Buffer> buffers) {
  SmallVector<Buffer *> order =
      llvm::map_to_vector(buffers, [](Buffer &buffer) { return &buffer; });
  // The pointers are in program order; ties keep it.
  llvm::sort(order, [](Buffer *a, Buffer *b) {
    return std::make_pair(-a->size, a) < std::make_pair(-b->size, b);
  });
  int64_t total = 0;
  SmallVector<Buffer *> placed; // Sorted by offset.
  for (Buffer *buffer : order) {
    buffer->offset = 0;
    for (Buffer *other : placed) {
      if (!buffer->isLiveWith(*other))
        continue;
      if (buffer->offset + buffer->size <= other->offset)
        break;
      buffer->offset = std::max<int64_t>(
          buffer->offset,
          llvm::alignTo(other->offset + other->size, kBufferAlignment));
    }
    placed.insert(llvm::upper_bound(placed, buffer,
                                    [](Buffer *a, Buffer *b) {
                                      return a->offset < b->offset;
                                    }),
                  buffer);
    total = std::max<int64_t>(
        total, llvm::alignTo(buffer->offset + buffer->size, kBufferAlignment));
  }
  return total;
}

static Attribute getSharedSpace(MLIRContext *context) {
  return gpu::AddressSpaceAttr::get(
      context, gpu::GPUDialect::getWorkgroupAddressSpace());
}

/// The bytes that the buffers are views of.
static Value createStorage(gpu::GPUFuncOp kernel, int64_t bytes,
                           OpBuilder &builder) {
  Location loc = kernel.getLoc();
  Type byte = builder.getI8Type();
  Attribute space = getSharedSpace(kernel.getContext());
  if (bytes > kMaxStaticSharedBytes) {
    kernel->setAttr(kDynamicSharedMemoryAttrName,
                    builder.getI64IntegerAttr(bytes));
    return gpu::DynamicSharedMemoryOp::create(
        builder, loc,
        MemRefType::get({ShapedType::kDynamic}, byte,
                        MemRefLayoutAttrInterface(), space));
  }
  Value storage = kernel.addWorkgroupAttribution(
      MemRefType::get({bytes}, byte, MemRefLayoutAttrInterface(), space), loc);
  kernel.setWorkgroupAttributionAttr(
      kernel.getNumWorkgroupAttributions() - 1,
      LLVM::LLVMDialect::getAlignAttrName(),
      builder.getI64IntegerAttr(kBufferAlignment));
  return storage;
}

/// alloca : memref<64x48xf32>
///   -> view of the storage : memref<64x48xf32, workgroup>,
/// and the memory space of every view of it follows.
static void replaceAlloca(memref::AllocaOp alloca, int64_t offset,
                          Value storage, OpBuilder &builder) {
  Attribute space = getSharedSpace(builder.getContext());
  auto inSharedSpace = [&](MemRefType type) {
    return MemRefType::Builder(type).setMemorySpace(space);
  };
  Location loc = alloca.getLoc();
  Value shift = arith::ConstantIndexOp::create(builder, loc, offset);
  Value view = memref::ViewOp::create(
      builder, loc, MemRefType(inSharedSpace(alloca.getType())), storage, shift,
      ValueRange());
  SmallVector<Value> views = collectViews(alloca);
  for (Value derived : llvm::drop_begin(views))
    derived.setType(
        MemRefType(inSharedSpace(cast<MemRefType>(derived.getType()))));
  alloca.getResult().replaceAllUsesWith(view);
  alloca->erase();
}

LogicalResult placeScratchInSharedMemory(gpu::GPUFuncOp kernel) {
  DenseMap<Operation *, unsigned> positions;
  SmallVector<Buffer> buffers;
  kernel.walk<WalkOrder::PreOrder>([&](Operation *op) {
    positions[op] = positions.size();
    if (auto alloca = dyn_cast<memref::AllocaOp>(op))
      buffers.push_back({alloca, getNumBytes(alloca.getType())});
  });
  if (buffers.empty())
    return success();

  int64_t total = placeSideBySide(buffers);
  if (total > kMaxStaticSharedBytes) {
    for (Buffer &buffer : buffers)
      computeLiveRange(buffer, positions);
    total = placeByLiveRange(buffers);
  }
  if (total > kMaxDynamicSharedBytes)
    return kernel.emitError()
           << "kernel @" << kernel.getName() << " needs " << total
           << " bytes of scratch at once; a thread block has at most "
           << kMaxDynamicSharedBytes
           << " bytes of shared memory, so its tiles have to be smaller";

  OpBuilder builder = OpBuilder::atBlockBegin(&kernel.getBody().front());
  Value storage = createStorage(
      kernel, std::max<int64_t>(total, kBufferAlignment), builder);
  for (const Buffer &buffer : buffers)
    replaceAlloca(buffer.alloca, buffer.offset, storage, builder);
  return success();
}

bool MemoryPlace::mayOverlap(const MemoryPlace &other) const {
  if (!argument != !other.argument)
    return false;
  if (!argument)
    return begin < other.end && other.begin < end;
  return argument == other.argument || !(noAlias || other.noAlias);
}

MemoryPlace getMemoryPlace(Value memref) {
  while (auto view = memref.getDefiningOp<ViewLikeOpInterface>()) {
    if (auto buffer = dyn_cast<memref::ViewOp>(view.getOperation())) {
      int64_t begin = *getConstantIntValue(buffer.getByteShift());
      return {Value(), false, begin, begin + getNumBytes(buffer.getType())};
    }
    memref = view.getViewSource();
  }
  auto argument = cast<BlockArgument>(memref);
  auto kernel = cast<gpu::GPUFuncOp>(argument.getOwner()->getParentOp());
  bool noAlias = static_cast<bool>(kernel.getArgAttr(
      argument.getArgNumber(), LLVM::LLVMDialect::getNoAliasAttrName()));
  return {argument, noAlias};
}

} // namespace transmamba
