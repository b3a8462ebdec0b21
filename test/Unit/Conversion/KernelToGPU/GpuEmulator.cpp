//===- GpuEmulator.cpp - A thread block on the CPU ------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "GpuEmulator.h"

#include "transmamba/Conversion/KernelToGPU/KernelToGPU.h"

#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace transmamba::test {

static constexpr size_t kStackBytes = 256 * 1024;
static constexpr int64_t kWarpSize = 32;
static constexpr size_t kMaxProblems = 8;

GpuEmulator::GpuEmulator(gpu::GPUFuncOp kernel) : kernel(kernel) {
  kernel->walk([&](Block *block) {
    for (BlockArgument argument : block->getArguments())
      numbers.try_emplace(argument, numbers.size());
    for (Operation &op : *block)
      for (Value result : op.getResults())
        numbers.try_emplace(result, numbers.size());
  });
}

void GpuEmulator::report(Operation *op, const std::string &what) {
  if (problems.size() >= kMaxProblems)
    return;
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << what << " (block " << blockNumber << ", thread " << current->id
         << ") at ";
  op->print(stream, OpPrintingFlags().skipRegions());
  problems.push_back(text);
}

//===----------------------------------------------------------------------===//
// Running threads
//===----------------------------------------------------------------------===//

std::vector<std::string>
GpuEmulator::launch(std::array<int64_t, 3> grid,
                    ArrayRef<KernelArgument> arguments) {
  problems.clear();
  isAborted = false;
  blockSize = getLaunchRequirements(kernel).blockSize;
  threads = std::vector<Thread>(blockSize);
  blockNumber = 0;
  for (int64_t z = 0; z < grid[2]; ++z)
    for (int64_t y = 0; y < grid[1]; ++y)
      for (int64_t x = 0; x < grid[0]; ++x, ++blockNumber) {
        blockId = {x, y, z};
        if (!isAborted)
          runBlock(arguments);
      }
  return problems;
}

void GpuEmulator::runBlock(ArrayRef<KernelArgument> arguments) {
  epoch = 0;
  sharedMemory.clear();
  for (BlockArgument buffer : kernel.getWorkgroupAttributions()) {
    int64_t size = cast<MemRefType>(buffer.getType()).getNumElements();
    sharedMemory.push_back(
        std::make_unique<Memory>("shared memory", size, false));
  }
  int64_t dynamicBytes = getLaunchRequirements(kernel).dynamicSharedBytes;
  sharedMemory.push_back(
      std::make_unique<Memory>("dynamic shared memory", dynamicBytes, false));
  dynamicShared = sharedMemory.back().get();

  for (int64_t id = 0; id < blockSize; ++id) {
    threads[id].id = id;
    prepareThread(threads[id], arguments);
  }
  do {
    for (Thread &thread : threads) {
      if (thread.isFinished || thread.waitsAt)
        continue;
      current = &thread;
      swapcontext(&scheduler, &thread.context);
    }
  } while (!isAborted && releaseWaiting());
}

void GpuEmulator::prepareThread(Thread &thread,
                                ArrayRef<KernelArgument> arguments) {
  thread.isFinished = false;
  thread.waitsAt = nullptr;
  thread.values.assign(numbers.size(), RuntimeValue());
  current = &thread;
  Block &entry = kernel.getBody().front();
  for (auto [parameter, argument] :
       llvm::zip(entry.getArguments(), arguments)) {
    if (auto *number = std::get_if<int64_t>(&argument))
      setInteger(parameter, *number);
    else
      setView(parameter, View{std::get<Memory *>(argument), 0, 0, {}, {}});
  }
  for (auto [index, buffer] :
       llvm::enumerate(kernel.getWorkgroupAttributions())) {
    Memory *memory = sharedMemory[index].get();
    setView(
        buffer,
        View{memory, 0, 0, {static_cast<int64_t>(memory->bytes.size())}, {1}});
  }

  thread.stack.resize(kStackBytes);
  getcontext(&thread.context);
  thread.context.uc_stack.ss_sp = thread.stack.data();
  thread.context.uc_stack.ss_size = thread.stack.size();
  thread.context.uc_link = &scheduler;
  // makecontext passes ints; the pointer goes in two halves.
  auto self = reinterpret_cast<uint64_t>(this);
  makecontext(&thread.context, reinterpret_cast<void (*)()>(threadMain), 2,
              static_cast<unsigned>(self >> 32), static_cast<unsigned>(self));
}

void GpuEmulator::threadMain(unsigned high, unsigned low) {
  auto *self = reinterpret_cast<GpuEmulator *>(
      (static_cast<uint64_t>(high) << 32) | low);
  self->runRegion(self->kernel.getBody());
  self->current->isFinished = true;
}

void GpuEmulator::waitAt(Operation *op) {
  current->waitsAt = op;
  swapcontext(&current->context, &scheduler);
}

/// Lets go whoever may go on. Returns whether somebody can.
bool GpuEmulator::releaseWaiting() {
  if (llvm::all_of(threads, [](Thread &t) { return t.isFinished; }))
    return false;
  Operation *first = threads.front().waitsAt;
  bool together = llvm::all_of(
      threads, [&](Thread &t) { return !t.isFinished && t.waitsAt == first; });
  if (together && isa<gpu::BarrierOp>(first)) {
    ++epoch;
    for (Thread &thread : threads)
      thread.waitsAt = nullptr;
    return true;
  }
  bool released = false;
  for (int64_t begin = 0; begin < blockSize; begin += kWarpSize) {
    MutableArrayRef<Thread> warp(&threads[begin], kWarpSize);
    Operation *op = warp.front().waitsAt;
    if (!op || !isa<gpu::ShuffleOp>(op) ||
        !llvm::all_of(warp, [&](Thread &t) { return t.waitsAt == op; }))
      continue;
    releaseShuffle(warp);
    released = true;
  }
  if (released)
    return true;
  for (Thread &thread : threads) {
    if (!thread.waitsAt)
      continue;
    current = &thread;
    report(thread.waitsAt, "not all threads reach this");
    break;
  }
  return false;
}

/// Only the butterfly is made by the compiler.
void GpuEmulator::releaseShuffle(MutableArrayRef<Thread> warp) {
  auto op = cast<gpu::ShuffleOp>(warp.front().waitsAt);
  SmallVector<RuntimeValue> sent;
  for (Thread &thread : warp)
    sent.push_back(thread.values[numbers.lookup(op.getValue())]);
  for (auto [lane, thread] : llvm::enumerate(warp)) {
    int64_t offset = thread.values[numbers.lookup(op.getOffset())].integer;
    thread.values[numbers.lookup(op.getShuffleResult())] = sent[lane ^ offset];
    thread.values[numbers.lookup(op.getValid())].integer = 1;
    thread.waitsAt = nullptr;
  }
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

std::byte *GpuEmulator::access(Operation *op, const View &view,
                               ArrayRef<int64_t> indices, int64_t width,
                               bool isWrite) {
  int64_t offset = view.base + view.offset;
  for (auto [index, size, stride] :
       llvm::zip(indices, view.sizes, view.strides)) {
    if (index < 0 || index >= size) {
      report(op, "index " + std::to_string(index) + " outside of size " +
                     std::to_string(size));
      return nullptr;
    }
    offset += index * stride * width;
  }
  Memory &memory = *view.memory;
  if (offset < 0 ||
      offset + width > static_cast<int64_t>(memory.bytes.size())) {
    report(op, "byte " + std::to_string(offset) + " outside of " + memory.name);
    return nullptr;
  }
  for (int64_t byte = offset; byte < offset + width; ++byte)
    recordAccess(op, memory, byte, isWrite);
  return memory.bytes.data() + offset;
}

/// Two threads race if they touch a byte, one of them writing, and no barrier
/// of a common block stands between the two. Blocks share no barriers.
void GpuEmulator::recordAccess(Operation *op, Memory &memory, int64_t index,
                               bool isWrite) {
  ByteHistory &byte = memory.history[index];
  int64_t self = blockNumber * blockSize + current->id;
  auto isConcurrent = [&](int64_t other, int64_t otherEpoch) {
    return other >= 0 && other != self &&
           (other / blockSize != blockNumber || otherEpoch == epoch);
  };
  auto where = [&] {
    return " of byte " + std::to_string(index) + " of " + memory.name;
  };
  if (isConcurrent(byte.writer, byte.writeEpoch))
    report(op, (isWrite ? "write-write race" : "write-read race") + where());
  bool sameBlock = byte.reader >= 0 && byte.reader / blockSize == blockNumber;
  bool sameEpoch = sameBlock && byte.readEpoch == epoch;
  if (isWrite) {
    if (isConcurrent(byte.reader, byte.readEpoch) || byte.severalBlocks ||
        (sameEpoch && byte.severalReaders))
      report(op, "read-write race" + where());
    byte.writer = self;
    byte.writeEpoch = epoch;
    byte.hasValue = true;
    return;
  }
  if (!byte.hasValue)
    report(op, "read of a value that nobody wrote" + where());
  byte.severalBlocks |= byte.reader >= 0 && !sameBlock;
  byte.severalReaders =
      sameEpoch && (byte.severalReaders || byte.reader != self);
  byte.reader = self;
  byte.readEpoch = epoch;
}

} // namespace transmamba::test
