//===- CudaContext.h - Contexts and memory of GPUs --------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Owners of what the CUDA driver hands out.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_RUNTIME_CUDACONTEXT_H
#define TRANSMAMBA_LIB_RUNTIME_CUDACONTEXT_H

#include "CudaApi.h"

#include <memory>
#include <string>

namespace transmamba::runtime::cuda {

/// The primary context of a GPU. Owners of anything in it hold it too.
class Context {
public:
  /// Throws Failure.
  explicit Context(int ordinal);
  Context(const Context &) = delete;
  Context &operator=(const Context &) = delete;
  ~Context();

  CUcontext handle() const { return context; }
  CUdevice ordinal() const { return device; }
  const std::string &name() const { return deviceName; }
  int attribute(int which) const;
  int major() const { return computeMajor; }
  int minor() const { return computeMinor; }
  int multiprocessors() const { return processors; }
  /// True where a kernel may be launched while the one before it still runs
  /// (programmatic dependent launch), in graphs too.
  bool overlapsLaunches() const { return overlaps; }

  /// Throws a Failure that names this device.
  void check(CUresult result, const std::string &action) const {
    api().check(result, deviceName, action);
  }

private:
  CUdevice device = 0;
  CUcontext context = nullptr;
  std::string deviceName;
  int computeMajor = 0;
  int computeMinor = 0;
  int processors = 0;
  bool overlaps = false;
};

/// Makes a context the current one of this thread for the time of a scope.
class ContextScope {
public:
  explicit ContextScope(const Context &context) {
    context.check(api().cuCtxPushCurrent(context.handle()),
                  "making the context current");
  }
  ContextScope(const ContextScope &) = delete;
  ContextScope &operator=(const ContextScope &) = delete;
  ~ContextScope() {
    CUcontext popped;
    api().cuCtxPopCurrent(&popped);
  }
};

/// Memory of a GPU, or pinned memory of the host. Never empty once reserved:
/// kernels may be handed the address of an empty buffer.
class Memory {
public:
  enum class Kind { Device, Pinned };

  Memory(std::shared_ptr<const Context> context, Kind kind, const char *what)
      : context(std::move(context)), kind(kind), what(what) {}
  Memory(Memory &&other) noexcept;
  Memory(const Memory &) = delete;
  Memory &operator=(const Memory &) = delete;
  ~Memory() { release(); }

  /// Grows to at least `bytes`, losing the contents and the address. The
  /// context is current. Throws Failure.
  void reserve(uint64_t bytes);
  /// True where reserve has nothing to do.
  bool holds(uint64_t bytes) const { return length != 0 && bytes <= length; }

  /// The allocation, which this object no longer has.
  Memory detach();

  CUdeviceptr address() const { return deviceAddress; }
  uint8_t *host() const { return static_cast<uint8_t *>(hostAddress); }

private:
  void release() noexcept;

  std::shared_ptr<const Context> context;
  Kind kind;
  /// Named in errors.
  const char *what;
  CUdeviceptr deviceAddress = 0;
  void *hostAddress = nullptr;
  uint64_t length = 0;
};

} // namespace transmamba::runtime::cuda

#endif // TRANSMAMBA_LIB_RUNTIME_CUDACONTEXT_H
