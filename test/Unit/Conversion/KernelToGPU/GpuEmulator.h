//===- GpuEmulator.h - A thread block on the CPU ----------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Runs a gpu.func on the CPU as a GPU would be allowed to run it, and says
// where the kernel relies on luck: the threads of a block are fibers that run
// until they reach a barrier or a shuffle, and every byte of memory remembers
// who touched it since the last barrier.
//
// Reported: races within a block and between blocks, accesses outside of a
// buffer or of a view, vectors that are not aligned, reads of memory that
// nobody wrote, barriers and shuffles that not all threads reach.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TEST_UNIT_CONVERSION_KERNELTOGPU_GPUEMULATOR_H
#define TRANSMAMBA_TEST_UNIT_CONVERSION_KERNELTOGPU_GPUEMULATOR_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <ucontext.h>
#include <variant>
#include <vector>

namespace transmamba::test {

/// Who touched a byte last. A thread is numbered over the whole grid.
struct ByteHistory {
  int64_t writer = -1, reader = -1;
  /// Barriers of its block that the access came after.
  int64_t writeEpoch = 0, readEpoch = 0;
  /// Other threads read it in the same epoch; other blocks read it at all.
  bool severalReaders = false, severalBlocks = false;
  bool hasValue = false;
};

/// A piece of global or shared memory.
struct Memory {
  std::string name;
  std::vector<std::byte> bytes;
  std::vector<ByteHistory> history;

  Memory(std::string name, size_t size, bool hasValues)
      : name(std::move(name)), bytes(size), history(size) {
    for (ByteHistory &byte : history)
      byte.hasValue = hasValues;
  }

  template <typename T>
  static Memory of(std::string name, const std::vector<T> &values) {
    Memory memory(std::move(name), values.size() * sizeof(T), true);
    std::memcpy(memory.bytes.data(), values.data(), memory.bytes.size());
    return memory;
  }
  template <typename T> std::vector<T> as() const {
    std::vector<T> values(bytes.size() / sizeof(T));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }
};

/// A memref descriptor: where its pointer points and the offset from there, in
/// bytes; sizes and strides in elements.
struct View {
  Memory *memory = nullptr;
  int64_t base = 0, offset = 0;
  llvm::SmallVector<int64_t, 4> sizes, strides;
};

/// What an SSA value holds. Floats are kept as double, rounded to their type
/// after every operation.
struct RuntimeValue {
  int64_t integer = 0;
  double real = 0;
  std::shared_ptr<View> view;
  /// Of a vector.
  std::shared_ptr<std::vector<RuntimeValue>> elements;
};

using KernelArgument = std::variant<Memory *, int64_t>;

class GpuEmulator {
public:
  explicit GpuEmulator(mlir::gpu::GPUFuncOp kernel);

  /// Runs the grid; returns what is wrong with the kernel, nothing if it is
  /// fine.
  std::vector<std::string> launch(std::array<int64_t, 3> grid,
                                  llvm::ArrayRef<KernelArgument> arguments);

private:
  /// One thread of the block that runs now.
  struct Thread {
    int64_t id = 0;
    ucontext_t context;
    std::vector<char> stack;
    std::vector<RuntimeValue> values;
    /// Where it waits: a barrier or a shuffle. Null while it can run.
    mlir::Operation *waitsAt = nullptr;
    bool isFinished = false;
  };

  // Running threads (GpuEmulator.cpp).
  void runBlock(llvm::ArrayRef<KernelArgument> arguments);
  void prepareThread(Thread &thread, llvm::ArrayRef<KernelArgument> arguments);
  static void threadMain(unsigned high, unsigned low);
  bool releaseWaiting();
  void releaseShuffle(llvm::MutableArrayRef<Thread> warp);
  void waitAt(mlir::Operation *op);

  // Memory (GpuEmulator.cpp).
  std::byte *access(mlir::Operation *op, const View &view,
                    llvm::ArrayRef<int64_t> indices, int64_t width,
                    bool isWrite);
  void recordAccess(mlir::Operation *op, Memory &memory, int64_t byte,
                    bool isWrite);
  void report(mlir::Operation *op, const std::string &what);

  // Operations (GpuEmulatorOps.cpp).
  void runRegion(mlir::Region &region);
  void runOp(mlir::Operation &op);
  void runFor(mlir::scf::ForOp op);
  void runIf(mlir::scf::IfOp op);
  bool runGpuOp(mlir::Operation &op);
  bool runMemoryOp(mlir::Operation &op);
  bool runIntegerOp(mlir::Operation &op);
  bool runFloatOp(mlir::Operation &op);
  bool runConversion(mlir::Operation &op);
  bool runViewOp(mlir::Operation &op);
  bool runVectorOp(mlir::Operation &op);
  void runReinterpretCast(mlir::memref::ReinterpretCastOp op);
  RuntimeValue readElement(mlir::Operation *op, mlir::Type type,
                           const View &view, llvm::ArrayRef<int64_t> indices);
  void writeElement(mlir::Operation *op, mlir::Type type, const View &view,
                    llvm::ArrayRef<int64_t> indices, const RuntimeValue &value);
  void checkAlignment(mlir::Operation *op, const View &view,
                      llvm::ArrayRef<int64_t> indices, int64_t width,
                      int64_t alignment);
  void yieldTo(mlir::Operation *terminator, mlir::ValueRange targets);

  RuntimeValue &value(mlir::Value v) {
    return current->values[numbers.lookup(v)];
  }
  int64_t integer(mlir::Value v) { return value(v).integer; }
  llvm::SmallVector<int64_t> integers(mlir::ValueRange values);
  void setInteger(mlir::Value v, int64_t x);
  void setReal(mlir::Value v, double x);
  void setView(mlir::Value v, View view);
  void setVector(mlir::Value v, mlir::DenseElementsAttr constants);

  mlir::gpu::GPUFuncOp kernel;
  /// The place of every SSA value in Thread::values.
  llvm::DenseMap<mlir::Value, unsigned> numbers;
  std::vector<std::string> problems;

  // The block that runs now.
  std::array<int64_t, 3> blockId{};
  int64_t blockSize = 0, blockNumber = 0, epoch = 0;
  std::vector<std::unique_ptr<Memory>> sharedMemory;
  Memory *dynamicShared = nullptr;
  std::vector<Thread> threads;
  Thread *current = nullptr;
  ucontext_t scheduler;
  bool isAborted = false;
};

} // namespace transmamba::test

#endif // TRANSMAMBA_TEST_UNIT_CONVERSION_KERNELTOGPU_GPUEMULATOR_H
