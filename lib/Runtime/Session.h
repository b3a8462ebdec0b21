//===- Session.h - A package on a device, with state ------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_RUNTIME_SESSION_H
#define TRANSMAMBA_LIB_RUNTIME_SESSION_H

#include "Device.h"
#include "transmamba/Runtime/runtime.h"

#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace transmamba::runtime {

/// Checks what the caller hands in, binds sizes, keeps the positions, and has
/// an executor do the work. All functions throw Failure.
class Session {
public:
  Session(std::shared_ptr<Device> device, std::shared_ptr<Program> program,
          int64_t rows, const ExecutorOptions &options);

  void invoke(std::string_view entry, const tm_tensor *inputs,
              size_t inputCount, const tm_tensor *outputs, size_t outputCount);
  void enqueue(std::string_view entry, const tm_tensor *inputs,
               size_t inputCount, const tm_tensor *outputs, size_t outputCount,
               void *stream);
  void outputShape(std::string_view entry, const tm_tensor *inputs,
                   size_t inputCount, std::string_view name, tm_tensor &output);
  void reset();

  const std::vector<int64_t> &positions() const { return rowPositions; }
  int64_t rows() const { return rowCount; }
  const Program &loaded() const { return *program; }

  const std::vector<package::State> &states() const {
    return program->package().manifest().states;
  }
  void describeState(size_t index, tm_tensor &state) const;
  void readState(std::string_view name, void *data, size_t size);
  void writeState(std::string_view name, const void *data, size_t size);

  /// The commands of the last call, and their times where profiling is on.
  std::vector<tm_command_time> profile() const;

private:
  /// The caller's tensor for each input of an entry point; null for positions.
  using InputList = std::vector<const tm_tensor *>;

  const package::EntryPoint &findEntry(std::string_view name) const;
  InputList matchInputs(const package::EntryPoint &entry,
                        const tm_tensor *inputs, size_t count) const;
  package::Bindings bindSymbols(const package::EntryPoint &entry,
                                const InputList &inputs) const;
  const Plan &planFor(const package::EntryPoint &entry,
                      const InputList &inputs);
  std::vector<const tm_tensor *>
  matchOutputs(const Plan &plan, const tm_tensor *outputs, size_t count) const;
  void requireData(const Plan &plan, const InputList &inputs) const;
  void checkBatch(const Plan &plan) const;
  CallerMemory
  placeTensors(const Plan &plan, const InputList &inputs,
               const std::vector<const tm_tensor *> &outputs) const;
  uint64_t deviceAddress(const package::EntryPoint &entry,
                         const std::string &name,
                         const tm_tensor &tensor) const;
  void stageInputs(const Plan &plan, const InputList &inputs,
                   const CallerMemory *memory, uint8_t *block) const;
  void stageInput(const Plan &plan, size_t index, const InputList &inputs,
                  uint8_t *target) const;
  void stagePositions(const PlanTensor &tensor, uint8_t *target) const;
  std::vector<int64_t> checkedLengths(const Plan &plan, size_t index,
                                      const tm_tensor &tensor) const;
  std::vector<int64_t> nextPositions(const Plan &plan,
                                     const InputList &inputs) const;
  size_t findState(std::string_view name, size_t size) const;

  [[noreturn]] void fail(tm_status status, const std::string &message) const;
  [[noreturn]] void fail(tm_status status, const package::EntryPoint &entry,
                         const std::string &message) const;
  void requireUsable() const;

  /// First declared, last destroyed: the device outlives what runs on it.
  std::shared_ptr<Device> device;
  std::shared_ptr<Program> program;
  std::unique_ptr<Executor> executor;
  int64_t rowCount;
  bool profiling;
  std::vector<int64_t> rowPositions;
  /// Most recently used first.
  std::list<Plan> plans;
  uint64_t planCount = 0;
  /// The plan of the last call, for the profile.
  const Plan *lastPlan = nullptr;
  /// What the device said when it failed; empty while the session is fine.
  std::string broken;
};

} // namespace transmamba::runtime

#endif // TRANSMAMBA_LIB_RUNTIME_SESSION_H
