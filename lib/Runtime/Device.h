//===- Device.h - What runs packages ----------------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
//   Device      a processor or a GPU
//   Program     a variant of a package, loaded on a device, with the weights
//   Executor    memory and launches of one session
//
// All functions throw Failure.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_RUNTIME_DEVICE_H
#define TRANSMAMBA_LIB_RUNTIME_DEVICE_H

#include "Plan.h"
#include "transmamba/Package/PackageReader.h"
#include "transmamba/Package/Target.h"

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace transmamba::runtime {

/// How an executor behaves.
struct ExecutorOptions {
  bool graphs = true;
  bool poison = false;
  bool profile = false;
  /// Of a GPU: no command begins before the one before it has ended.
  bool serial = false;
};

/// Tensors of the caller in the device's memory, which take the place of those
/// in the executor's blocks: for each input and output an address, or 0.
struct CallerMemory {
  std::vector<uint64_t> inputs;
  std::vector<uint64_t> outputs;

  bool operator==(const CallerMemory &other) const {
    return inputs == other.inputs && outputs == other.outputs;
  }
};

/// Where memory of the caller lies.
enum class Place { Host, Device, OtherDevice };

/// Memory and launches of one session.
class Executor {
public:
  virtual ~Executor() = default;

  /// True where enqueue and what it takes exist.
  virtual bool hasStreams() const { return false; }
  virtual Place placeOf(const void *) const { return Place::Host; }
  /// True while the caller captures the stream. A failure where the stream is
  /// not the device's.
  virtual bool isCapturing(void *) const { return false; }
  /// As inputStaging, for the next enqueue.
  virtual uint8_t *enqueueStaging(uint64_t) { return nullptr; }
  /// Launches the commands of the plan on a stream of the caller. Inputs
  /// without an address in `memory` have been staged.
  virtual void enqueue(const Plan &, const CallerMemory &, void *) {}

  /// Memory of the host in which the caller puts the inputs of the next run, at
  /// least `bytes` of it. Valid until the next call.
  virtual uint8_t *inputStaging(uint64_t bytes) = 0;
  /// Runs the commands of the plan on the staged inputs and waits for the end.
  /// Returns the block of outputs in memory of the host, of which those are
  /// valid that `wanted` says.
  virtual const uint8_t *run(const Plan &plan,
                             const std::vector<bool> &wanted) = 0;

  virtual void readState(size_t index, void *data) = 0;
  virtual void writeState(size_t index, const void *data) = 0;
  virtual void clearStates() = 0;

  /// Milliseconds of the commands of the last run, where profiling is on.
  virtual const std::vector<double> &times() const = 0;
};

/// A variant of a package on a device.
class Program {
public:
  virtual ~Program() = default;

  /// Creates memory for a session of that many rows, its state zeros.
  virtual std::unique_ptr<Executor>
  createExecutor(int64_t rows, const ExecutorOptions &options) = 0;

  /// The number of a GPU's multiprocessors; 1 on a processor.
  virtual int64_t multiprocessors() const = 0;

  const package::Package &package() const { return *source; }
  const package::Variant &variant() const { return *chosen; }
  /// One line for every variant: taken, or why not.
  const std::string &selection() const { return choice; }

protected:
  Program(std::shared_ptr<const package::Package> source,
          const package::Variant &chosen)
      : source(std::move(source)), chosen(&chosen) {}

private:
  friend class Device;
  std::shared_ptr<const package::Package> source;
  const package::Variant *chosen;
  std::string choice;
};

/// A processor or a GPU.
class Device {
public:
  virtual ~Device() = default;

  const std::string &name() const { return deviceName; }
  const std::string &description() const { return about; }

  /// The program for the first variant that this device can run; the sessions
  /// of one package share it.
  std::shared_ptr<Program>
  load(const std::shared_ptr<const package::Package> &package);

protected:
  Device(std::string name, std::string description)
      : deviceName(std::move(name)), about(std::move(description)) {}

  /// Why this device cannot run code for that target; empty where it can.
  virtual std::string refusal(const package::Target &target,
                              const package::Variant &variant) const = 0;
  virtual std::unique_ptr<Program>
  loadVariant(std::shared_ptr<const package::Package> package,
              const package::Variant &variant) = 0;

private:
  std::string deviceName;
  std::string about;
  std::mutex mutex;
  /// A live program keeps its package alive, so the key is unambiguous.
  std::map<const package::Package *, std::weak_ptr<Program>> programs;
};

/// Opens the processor; 0 threads means the default. Throws Failure.
std::shared_ptr<Device> openCpuDevice(int threads);
/// The line that describes the processor.
std::string describeCpu();

/// The number of GPUs; 0 without a driver.
int cudaDeviceCount();
std::string describeCudaDevice(int ordinal);
std::shared_ptr<Device> openCudaDevice(int ordinal);

} // namespace transmamba::runtime

#endif // TRANSMAMBA_LIB_RUNTIME_DEVICE_H
