//===- CudaExecutor.cpp - Running plans on a GPU ---------------*- C++ -*-===//
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
    clearStates();
  } catch (...) {
    api().cuStreamDestroy(stream);
    throw;
  }
}

CudaExecutor::~CudaExecutor() {
  CUcontext popped;
  api().cuCtxPushCurrent(context().handle());
  dropGraphs();
  for (CUevent event : events)
    api().cuEventDestroy(event);
  api().cuStreamDestroy(stream);
  api().cuCtxPopCurrent(&popped);
}

void CudaExecutor::synchronize(const char *action) const {
  check(api().cuStreamSynchronize(stream), action);
}

uint8_t *CudaExecutor::inputStaging(uint64_t bytes) {
  ContextScope scope(context());
  hostInputs.reserve(bytes);
  return hostInputs.host();
}

void CudaExecutor::readState(size_t index, void *data) {
  ContextScope scope(context());
  check(api().cuMemcpyDtoHAsync(data, states[index].address(),
                                stateBytes[index], stream),
        "reading a state");
  synchronize("reading a state");
}

void CudaExecutor::writeState(size_t index, const void *data) {
  ContextScope scope(context());
  check(api().cuMemcpyHtoDAsync(states[index].address(), data,
                                stateBytes[index], stream),
        "writing a state");
  synchronize("writing a state");
}

void CudaExecutor::clearStates() {
  ContextScope scope(context());
  for (size_t i = 0; i < states.size(); ++i)
    check(api().cuMemsetD8Async(states[i].address(), 0, stateBytes[i], stream),
          "clearing a state");
  synchronize("clearing the states");
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

/// Makes room. Graphs hold addresses, so they go before a buffer moves: making
/// room may fail half way.
void CudaExecutor::reserveBuffers(const Plan &plan) {
  if (!inputs.holds(plan.inputBytes) || !outputs.holds(plan.outputBytes) ||
      !arena.holds(plan.arenaBytes))
    dropGraphs();
  inputs.reserve(plan.inputBytes);
  outputs.reserve(plan.outputBytes);
  arena.reserve(plan.arenaBytes);
  hostInputs.reserve(plan.inputBytes);
  hostOutputs.reserve(plan.outputBytes);
}

void CudaExecutor::poison(const Memory &memory, uint64_t bytes) {
  if (bytes != 0)
    check(api().cuMemsetD8Async(memory.address(), poisonByte, bytes, stream),
          "poisoning memory");
}

const uint8_t *CudaExecutor::run(const Plan &plan,
                                 const std::vector<bool> &wanted) {
  ContextScope scope(context());
  reserveBuffers(plan);
  if (options.poison) {
    poison(outputs, plan.outputBytes);
    poison(arena, plan.arenaBytes);
  }
  if (plan.inputBytes != 0)
    check(api().cuMemcpyHtoDAsync(inputs.address(), hostInputs.host(),
                                  plan.inputBytes, stream),
          "copying the inputs");
  milliseconds.clear();
  if (options.profile)
    launchProfiled(plan);
  else if (options.graphs)
    launchGraph(plan);
  else
    launchAll(plan);
  for (size_t i = 0; i < plan.outputs.size(); ++i) {
    const PlanTensor &tensor = plan.outputs[i];
    if (wanted[i] && tensor.bytes != 0)
      check(api().cuMemcpyDtoHAsync(hostOutputs.host() + tensor.offset,
                                    outputs.address() + tensor.offset,
                                    tensor.bytes, stream),
            "copying the outputs");
  }
  synchronize("running the entry point");
  if (options.profile) {
    milliseconds.resize(plan.commands.size());
    for (size_t i = 0; i < plan.commands.size(); ++i) {
      float elapsed = 0;
      check(api().cuEventElapsedTime(&elapsed, events[i], events[i + 1]),
            "measuring a time");
      milliseconds[i] = elapsed;
    }
  }
  return hostOutputs.host();
}

CUdeviceptr CudaExecutor::resolve(const PlanArgument &arg) const {
  using Kind = package::Argument::Kind;
  switch (arg.kind) {
  case Kind::Input:
    return inputs.address() + arg.value;
  case Kind::Output:
    return outputs.address() + arg.value;
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

void CudaExecutor::launch(const Plan &plan, const PlanCommand &command) {
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
    values[i] = resolve(arg);
    pointers[i] = &values[i];
    if (arg.map >= 0) {
      maps.push_back(encode(plan.maps[arg.map], values[i], description.kernel));
      pointers[i] = &maps.back();
    }
  }
  auto extent = [](int64_t value) { return static_cast<unsigned>(value); };
  check(api().cuLaunchKernel(
            program.kernel(command.kernel), extent(command.grid[0]),
            extent(command.grid[1]), extent(command.grid[2]),
            extent(description.block[0]), extent(description.block[1]),
            extent(description.block[2]), extent(description.shared), stream,
            pointers.data(), nullptr),
        "launching " + inQuotes(description.kernel));
}

void CudaExecutor::launchAll(const Plan &plan) {
  for (const PlanCommand &command : plan.commands)
    launch(plan, command);
}

void CudaExecutor::launchProfiled(const Plan &plan) {
  while (events.size() < plan.commands.size() + 1) {
    CUevent event;
    check(api().cuEventCreate(&event, CU_EVENT_DEFAULT), "creating an event");
    events.push_back(event);
  }
  for (size_t i = 0; i < plan.commands.size(); ++i) {
    check(api().cuEventRecord(events[i], stream), "recording an event");
    launch(plan, plan.commands[i]);
  }
  check(api().cuEventRecord(events[plan.commands.size()], stream),
        "recording an event");
}

/// Launches the commands one by one at the first call, as a graph from the
/// second on.
void CudaExecutor::launchGraph(const Plan &plan) {
  auto graph = std::find_if(graphs.begin(), graphs.end(),
                            [&](const Graph &g) { return g.plan == plan.id; });
  if (graph == graphs.end()) {
    launchAll(plan);
    graphs.push_front({plan.id, nullptr});
    if (graphs.size() > maxGraphs) {
      if (graphs.back().handle)
        api().cuGraphExecDestroy(graphs.back().handle);
      graphs.pop_back();
    }
    return;
  }
  graphs.splice(graphs.begin(), graphs, graph);
  if (!graph->handle)
    graph->handle = capture(plan);
  check(api().cuGraphLaunch(graph->handle, stream), "launching a graph");
}

CUgraphExec CudaExecutor::capture(const Plan &plan) {
  check(api().cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
        "starting a capture");
  CUgraph graph = nullptr;
  try {
    launchAll(plan);
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

} // namespace transmamba::runtime::cuda
