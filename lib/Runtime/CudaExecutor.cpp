//===- CudaExecutor.cpp - Running plans on a GPU --------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "CudaProgram.h"

#include "Failure.h"

#include <algorithm>

namespace transmamba::runtime::cuda {

/// Graphs of this many different sizes are kept.
static constexpr size_t maxGraphs = 16;
/// What poisoned memory is filled with: NaN in every floating-point type.
static constexpr unsigned char poisonByte = 0xff;
/// A kernel has at most 4 KB of parameters (32 KB from CUDA 12.1 on), which are
/// at least one byte each.
static constexpr size_t maxParameters = 4096;

CudaExecutor::CudaExecutor(const CudaProgram &program, int64_t rows,
                           ExecutorOptions options)
    : program(program), options(options),
      inputs(program.contextPtr(), Memory::Kind::Device, "the inputs"),
      outputs(program.contextPtr(), Memory::Kind::Device, "the outputs"),
      arena(program.contextPtr(), Memory::Kind::Device, "the scratch arena"),
      hostInputs(program.contextPtr(), Memory::Kind::Pinned,
                 "the inputs (pinned memory)"),
      hostOutputs(program.contextPtr(), Memory::Kind::Pinned,
                  "the outputs (pinned memory)") {
  ContextScope scope(context());
  for (const package::State &state : program.package().manifest().states) {
    states.emplace_back(program.contextPtr(), Memory::Kind::Device,
                        "the state of a session");
    states.back().reserve(state.bytes(rows));
    stateBytes.push_back(state.bytes(rows));
  }
  check(api().cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING),
        "creating a stream");
  try {
    check(api().cuEventCreate(&lastCall, CU_EVENT_DISABLE_TIMING),
          "creating an event");
    clearStates();
  } catch (...) {
    if (lastCall)
      api().cuEventDestroy(lastCall);
    api().cuStreamDestroy(stream);
    throw;
  }
}

CudaExecutor::~CudaExecutor() {
  CUcontext popped;
  api().cuCtxPushCurrent(context().handle());
  if (callsPending)
    api().cuEventSynchronize(lastCall);
  dropGraphs();
  api().cuEventDestroy(lastCall);
  for (CUevent event : events)
    api().cuEventDestroy(event);
  api().cuStreamDestroy(stream);
  api().cuCtxPopCurrent(&popped);
}

/// Waits for the executor's stream; what runs there has waited for all calls.
void CudaExecutor::synchronize(const char *action) {
  check(api().cuStreamSynchronize(stream), action);
  callsPending = false;
}

/// What follows on that stream comes after all calls that have been enqueued.
void CudaExecutor::waitForCalls(CUstream waiting) {
  if (callsPending)
    check(api().cuStreamWaitEvent(waiting, lastCall, 0),
          "waiting for an earlier call");
}

uint8_t *CudaExecutor::inputStaging(uint64_t bytes) {
  ContextScope scope(context());
  hostInputs.reserve(bytes);
  return hostInputs.host();
}

void CudaExecutor::readState(size_t index, void *data) {
  ContextScope scope(context());
  waitForCalls(stream);
  check(api().cuMemcpyDtoHAsync(data, states[index].address(),
                                stateBytes[index], stream),
        "reading a state");
  synchronize("reading a state");
}

void CudaExecutor::writeState(size_t index, const void *data) {
  ContextScope scope(context());
  waitForCalls(stream);
  check(api().cuMemcpyHtoDAsync(states[index].address(), data,
                                stateBytes[index], stream),
        "writing a state");
  synchronize("writing a state");
}

void CudaExecutor::clearStates() {
  ContextScope scope(context());
  waitForCalls(stream);
  for (size_t i = 0; i < states.size(); ++i)
    check(api().cuMemsetD8Async(states[i].address(), 0, stateBytes[i], stream),
          "clearing a state");
  synchronize("clearing the states");
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

bool CudaExecutor::holds(const Blocks &blocks) const {
  return inputs.holds(blocks.inputs) && outputs.holds(blocks.outputs) &&
         arena.holds(blocks.arena);
}

/// Makes room. Graphs hold addresses, so they go before a buffer moves: making
/// room may fail half way.
void CudaExecutor::reserveBlocks(const Blocks &blocks) {
  if (holds(blocks))
    return;
  if (callsPending)
    check(api().cuEventSynchronize(lastCall), "waiting for an earlier call");
  dropGraphs();
  auto grow = [&](Memory &memory, uint64_t bytes) {
    if (memory.holds(bytes))
      return;
    if (captured)
      retired.push_back(memory.detach());
    memory.reserve(bytes);
  };
  grow(inputs, blocks.inputs);
  grow(outputs, blocks.outputs);
  grow(arena, blocks.arena);
}

void CudaExecutor::poison(CUdeviceptr address, uint64_t bytes,
                          CUstream target) {
  if (bytes != 0)
    check(api().cuMemsetD8Async(address, poisonByte, bytes, target),
          "poisoning memory");
}

void CudaExecutor::poisonAll(const Launch &run) {
  for (size_t i = 0; i < run.plan.outputs.size(); ++i)
    poison(output(run, i), run.plan.outputs[i].bytes, run.stream);
  poison(arena.address(), run.plan.arenaBytes, run.stream);
}

const uint8_t *CudaExecutor::run(const Plan &plan,
                                 const std::vector<bool> &wanted) {
  ContextScope scope(context());
  static const CallerMemory none;
  Launch launch{plan, none, stream};
  waitForCalls(stream);
  reserveBlocks({plan.inputBytes, plan.outputBytes, plan.arenaBytes});
  hostInputs.reserve(plan.inputBytes);
  hostOutputs.reserve(plan.outputBytes);
  if (options.poison)
    poisonAll(launch);
  if (plan.inputBytes != 0)
    check(api().cuMemcpyHtoDAsync(inputs.address(), hostInputs.host(),
                                  plan.inputBytes, stream),
          "copying the inputs");
  if (options.profile)
    launchProfiled(launch);
  else if (options.graphs)
    launchGraph(launch);
  else
    launchAll(launch);
  for (size_t i = 0; i < plan.outputs.size(); ++i) {
    const PlanTensor &tensor = plan.outputs[i];
    if (wanted[i] && tensor.bytes != 0)
      check(api().cuMemcpyDtoHAsync(hostOutputs.host() + tensor.offset,
                                    outputs.address() + tensor.offset,
                                    tensor.bytes, stream),
            "copying the outputs");
  }
  synchronize("running the entry point");
  return hostOutputs.host();
}

CUdeviceptr CudaExecutor::input(const Launch &run, size_t index) const {
  if (!run.memory.inputs.empty() && run.memory.inputs[index] != 0)
    return run.memory.inputs[index];
  return inputs.address() + run.plan.inputs[index].offset;
}

CUdeviceptr CudaExecutor::output(const Launch &run, size_t index) const {
  if (!run.memory.outputs.empty() && run.memory.outputs[index] != 0)
    return run.memory.outputs[index];
  return outputs.address() + run.plan.outputs[index].offset;
}

CUdeviceptr CudaExecutor::resolve(const Launch &run,
                                  const PlanArgument &arg) const {
  using Kind = package::Argument::Kind;
  switch (arg.kind) {
  case Kind::Input:
    return input(run, arg.index);
  case Kind::Output:
    return output(run, arg.index);
  case Kind::Arena:
    return arena.address() + arg.value;
  case Kind::Parameter:
    return program.parameter(arg.index);
  case Kind::State:
    return states[arg.index].address();
  case Kind::Scalar:
  case Kind::F32:
    break;
  }
  return arg.value;
}

static int mapDataType(package::ElementType type) {
  switch (type) {
  case package::ElementType::F32:
    return CU_TENSOR_MAP_DATA_TYPE_FLOAT32;
  case package::ElementType::BF16:
    return CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;
  case package::ElementType::F16:
    return CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
  case package::ElementType::F64:
    return CU_TENSOR_MAP_DATA_TYPE_FLOAT64;
  case package::ElementType::I32:
    return CU_TENSOR_MAP_DATA_TYPE_INT32;
  case package::ElementType::I64:
    return CU_TENSOR_MAP_DATA_TYPE_INT64;
  case package::ElementType::I8:
    break;
  }
  return CU_TENSOR_MAP_DATA_TYPE_UINT8;
}

CUtensorMap CudaExecutor::encode(const PlanTensorMap &map, CUdeviceptr address,
                                 const std::string &kernel) const {
  if (!api().cuTensorMapEncodeTiled)
    throw Failure(TM_UNSUPPORTED, context().name(),
                  "the driver has no tensor maps, which " + inQuotes(kernel) +
                      " needs; version 525 (CUDA 12.0) has them");
  const package::TensorMap &description = *map.description;
  size_t rank = map.extents.size();
  std::vector<uint32_t> box(description.box.begin(), description.box.end());
  std::vector<uint32_t> steps(rank, 1);
  CUtensorMap result;
  // The enumerations of the manifest and of the driver have the same order.
  check(api().cuTensorMapEncodeTiled(
            &result, mapDataType(description.type), static_cast<uint32_t>(rank),
            reinterpret_cast<void *>(address), map.extents.data(),
            map.strides.data(), box.data(), steps.data(),
            /*interleave=*/0, static_cast<int>(description.swizzle),
            static_cast<int>(description.promotion), /*oobFill=*/0),
        "making a tensor map for " + inQuotes(kernel));
  return result;
}

/// `overlaps`: begins while what was launched before still runs, for which the
/// kernel waits by itself.
void CudaExecutor::launch(const Launch &run, const PlanCommand &command,
                          bool overlaps) {
  const package::Command &description = *command.description;
  std::vector<CUtensorMap> maps;
  maps.reserve(command.args.size());
  std::vector<CUdeviceptr> values(command.args.size());
  // An old driver cannot tell how many parameters a kernel has; were they more
  // than the arguments, it would read on. It finds zeros.
  static CUtensorMap zeros{};
  std::vector<void *> pointers(
      api().cuFuncGetParamInfo ? command.args.size() : maxParameters, &zeros);
  for (size_t i = 0; i < command.args.size(); ++i) {
    const PlanArgument &arg = command.args[i];
    values[i] = resolve(run, arg);
    pointers[i] = &values[i];
    if (arg.map >= 0) {
      maps.push_back(
          encode(run.plan.maps[arg.map], values[i], description.kernel));
      pointers[i] = &maps.back();
    }
  }
  auto extent = [](int64_t value) { return static_cast<unsigned>(value); };
  CUfunction function = program.kernel(command.kernel);
  CUlaunchAttribute attribute{};
  attribute.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
  attribute.value.programmaticStreamSerializationAllowed = 1;
  CUlaunchConfig config{extent(command.grid[0]),
                        extent(command.grid[1]),
                        extent(command.grid[2]),
                        extent(description.block[0]),
                        extent(description.block[1]),
                        extent(description.block[2]),
                        extent(description.shared),
                        run.stream,
                        &attribute,
                        /*numAttrs=*/1};
  CUresult result =
      overlaps
          ? api().cuLaunchKernelEx(&config, function, pointers.data(), nullptr)
          : api().cuLaunchKernel(
                function, config.gridDimX, config.gridDimY, config.gridDimZ,
                config.blockDimX, config.blockDimY, config.blockDimZ,
                config.sharedMemBytes, run.stream, pointers.data(), nullptr);
  check(result, "launching " + inQuotes(description.kernel));
}

/// The first command comes after copies, events and whatever the caller has put
/// on the stream: all of that ends before it begins. Of long commands, blocks
/// that wait take room from those that run.
void CudaExecutor::launchAll(const Launch &run) {
  bool first = true;
  for (const PlanCommand &command : run.plan.commands) {
    bool waits = program.variant().kernels[command.kernel].waits;
    launch(run, command,
           waits && !first && run.plan.isShort && !options.serial &&
               context().overlapsLaunches());
    first = false;
  }
}

/// Launches the commands between events, and waits for the times.
void CudaExecutor::launchProfiled(const Launch &run) {
  size_t count = run.plan.commands.size();
  while (events.size() < count + 1) {
    CUevent event;
    check(api().cuEventCreate(&event, CU_EVENT_DEFAULT), "creating an event");
    events.push_back(event);
  }
  for (size_t i = 0; i < count; ++i) {
    check(api().cuEventRecord(events[i], run.stream), "recording an event");
    launch(run, run.plan.commands[i], /*overlaps=*/false);
  }
  check(api().cuEventRecord(events[count], run.stream), "recording an event");
  check(api().cuEventSynchronize(events[count]), "running the entry point");
  milliseconds.resize(count);
  for (size_t i = 0; i < count; ++i) {
    float elapsed = 0;
    check(api().cuEventElapsedTime(&elapsed, events[i], events[i + 1]),
          "measuring a time");
    milliseconds[i] = elapsed;
  }
}

/// Launches the commands one by one at the first call, as a graph from the
/// second on.
void CudaExecutor::launchGraph(const Launch &run) {
  auto graph = std::find_if(graphs.begin(), graphs.end(), [&](const Graph &g) {
    return g.plan == run.plan.id && g.memory == run.memory;
  });
  if (graph == graphs.end()) {
    launchAll(run);
    graphs.push_front({run.plan.id, run.memory, nullptr});
    if (graphs.size() > maxGraphs) {
      if (graphs.back().handle)
        api().cuGraphExecDestroy(graphs.back().handle);
      graphs.pop_back();
    }
    return;
  }
  graphs.splice(graphs.begin(), graphs, graph);
  if (!graph->handle)
    graph->handle = capture(run.plan, run.memory);
  check(api().cuGraphLaunch(graph->handle, run.stream), "launching a graph");
}

/// Captures on the executor's stream, wherever the graph is to run.
CUgraphExec CudaExecutor::capture(const Plan &plan,
                                  const CallerMemory &memory) {
  check(api().cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
        "starting a capture");
  CUgraph graph = nullptr;
  try {
    launchAll({plan, memory, stream});
  } catch (...) {
    // Ends the capture, so that the stream can be used again.
    if (api().cuStreamEndCapture(stream, &graph) == CUDA_SUCCESS)
      api().cuGraphDestroy(graph);
    throw;
  }
  check(api().cuStreamEndCapture(stream, &graph), "ending a capture");
  CUgraphExec handle = nullptr;
  CUresult result = api().cuGraphInstantiate(&handle, graph, 0);
  api().cuGraphDestroy(graph);
  check(result, "making a graph");
  return handle;
}

void CudaExecutor::dropGraphs() noexcept {
  for (const Graph &graph : graphs)
    if (graph.handle)
      api().cuGraphExecDestroy(graph.handle);
  graphs.clear();
}

//===----------------------------------------------------------------------===//
// Running on a stream of the caller
//===----------------------------------------------------------------------===//

Place CudaExecutor::placeOf(const void *pointer) const {
  ContextScope scope(context());
  CUdeviceptr address = reinterpret_cast<CUdeviceptr>(pointer);
  unsigned type = 0;
  CUresult result = api().cuPointerGetAttribute(
      &type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, address);
  // The driver knows nothing of memory that it has not allocated.
  if (result == CUDA_ERROR_INVALID_VALUE)
    return Place::Host;
  check(result, "asking where memory lies");
  if (type != CU_MEMORYTYPE_DEVICE)
    return Place::Host;
  int ordinal = 0;
  check(api().cuPointerGetAttribute(
            &ordinal, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, address),
        "asking where memory lies");
  return ordinal == context().ordinal() ? Place::Device : Place::OtherDevice;
}

bool CudaExecutor::isCapturing(void *callerStream) const {
  ContextScope scope(context());
  CUstream target = static_cast<CUstream>(callerStream);
  CUcontext owner = nullptr;
  if (api().cuStreamGetCtx(target, &owner) != CUDA_SUCCESS ||
      owner != context().handle())
    throw Failure(TM_INVALID_ARGUMENT, context().name(),
                  "the stream does not belong to the primary context of this "
                  "GPU");
  int status = CU_STREAM_CAPTURE_STATUS_NONE;
  CUresult result = api().cuStreamIsCapturing(target, &status);
  if (result != CUDA_SUCCESS)
    throw Failure(TM_BAD_STATE, context().name(),
                  "the stream takes no work now (" + api().describe(result) +
                      ")");
  return status != CU_STREAM_CAPTURE_STATUS_NONE;
}

uint8_t *CudaExecutor::enqueueStaging(uint64_t bytes) {
  stagedInputs.reserve(bytes, "the inputs of a call");
  return stagedInputs.data();
}

/// True where the caller gives an address for each tensor that has any bytes.
static bool coversAll(const std::vector<PlanTensor> &tensors,
                      const std::vector<uint64_t> &addresses) {
  for (size_t i = 0; i < tensors.size(); ++i)
    if (tensors[i].bytes != 0 && addresses[i] == 0)
      return false;
  return true;
}

/// Copies what has been staged to the executor's block.
void CudaExecutor::copyStaged(const Launch &run) {
  for (size_t i = 0; i < run.plan.inputs.size(); ++i) {
    const PlanTensor &tensor = run.plan.inputs[i];
    if (tensor.bytes != 0 && run.memory.inputs[i] == 0)
      check(api().cuMemcpyHtoDAsync(inputs.address() + tensor.offset,
                                    stagedInputs.data() + tensor.offset,
                                    tensor.bytes, run.stream),
            "copying the inputs");
  }
}

void CudaExecutor::enqueue(const Plan &plan, const CallerMemory &memory,
                           void *callerStream) {
  bool capturing = isCapturing(callerStream);
  ContextScope scope(context());
  Launch run{plan, memory, static_cast<CUstream>(callerStream)};
  Blocks blocks{coversAll(plan.inputs, memory.inputs) ? 0 : plan.inputBytes,
                coversAll(plan.outputs, memory.outputs) ? 0 : plan.outputBytes,
                plan.arenaBytes};
  if (capturing) {
    if (options.profile)
      throw Failure(TM_BAD_STATE, context().name(),
                    "a session that measures times cannot be captured");
    if (!holds(blocks))
      throw Failure(TM_BAD_STATE, context().name(),
                    "the first call with these sizes allocates memory, which a "
                    "capture does not allow; make one before the capture");
    captured = true;
    if (options.poison)
      poisonAll(run);
    return launchAll(run);
  }
  waitForCalls(run.stream);
  reserveBlocks(blocks);
  if (options.poison)
    poisonAll(run);
  copyStaged(run);
  if (options.profile)
    launchProfiled(run);
  else if (options.graphs)
    launchGraph(run);
  else
    launchAll(run);
  check(api().cuEventRecord(lastCall, run.stream), "recording an event");
  callsPending = true;
}

} // namespace transmamba::runtime::cuda
