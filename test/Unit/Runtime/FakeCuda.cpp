//===- FakeCuda.cpp - A CUDA driver that runs on the processor ------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "FakeCuda.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace {

enum {
  Success = 0,
  InvalidValue = 1,
  OutOfMemory = 2,
  InvalidImage = 200,
  InvalidContext = 201,
  InvalidPtx = 218,
  InvalidHandle = 400,
  NotFound = 500,
  CaptureUnsupported = 900,
};

using Kernel = void (*)(const uint64_t *, int64_t, int64_t, int64_t);

struct Function {
  const char *name;
  Kernel run;
  unsigned parameters;
};

struct Launch {
  const Function *function;
  int64_t grid[3];
  std::vector<uint64_t> args;
};

struct Stream {
  bool capturing = false;
  /// The last that was put on it is a launch.
  bool endsInLaunch = false;
  std::vector<Launch> captured;
};

struct Graph {
  std::vector<Launch> launches;
};

/// 64 MiB, or what the environment says, for programs that tests start.
uint64_t memoryOf(const char *mebibytes) {
  return uint64_t(mebibytes ? std::atoi(mebibytes) : 64) << 20;
}

struct State {
  int major = 9, minor = 0;
  uint64_t memory = memoryOf(std::getenv("FAKE_CUDA_MEMORY_MIB"));
  uint64_t allocated = 0;
  int contexts = 0;
  int memoryOrdinal = 0;
  int driverVersion = 12080;
  Stream defaultStream;
  std::map<const Function *, unsigned> shared;
  std::map<uint64_t, uint64_t> deviceMemory;
  std::set<void *> objects;
  FakeCudaCounters counters{};
  struct Failure {
    int code;
    int skip;
  };
  std::map<std::string, Failure> failures;
};

} // namespace

static State state;
static int theContext;
static thread_local std::vector<void *> contextStack;

extern "C" {
void scale_tokens(const uint64_t *, int64_t, int64_t, int64_t);
void sum_row(const uint64_t *, int64_t, int64_t, int64_t);
void add_token(const uint64_t *, int64_t, int64_t, int64_t);
void copy_tokens(const uint64_t *, int64_t, int64_t, int64_t);
void count_point(const uint64_t *, int64_t, int64_t, int64_t);
void clear_count(const uint64_t *, int64_t, int64_t, int64_t);
void leak_scratch(const uint64_t *, int64_t, int64_t, int64_t);
void persist(const uint64_t *, int64_t, int64_t, int64_t);
}

static const Function functions[] = {
    {"scale_tokens", scale_tokens, 4}, {"sum_row", sum_row, 5},
    {"add_token", add_token, 6},       {"copy_tokens", copy_tokens, 3},
    {"count_point", count_point, 4},   {"clear_count", clear_count, 1},
    {"leak_scratch", leak_scratch, 2}, {"persist", persist, 6},
};

/// Shared memory of a block that needs no asking, and the most there is.
static constexpr unsigned grantedShared = 49152, maxShared = 232448;
/// The static shared memory of every kernel.
static constexpr unsigned staticShared = 1024;

/// Returns from the function with the failure that a test has asked for.
#define FAIL_IF_ASKED()                                                        \
  if (auto it = state.failures.find(__func__);                                 \
      it != state.failures.end() && it->second.skip-- == 0) {                  \
    int code = it->second.code;                                                \
    state.failures.erase(it);                                                  \
    return code;                                                               \
  }

#define NEED_CONTEXT()                                                         \
  FAIL_IF_ASKED();                                                             \
  if (contextStack.empty())                                                    \
    return InvalidContext;

template <typename T> static T *create() {
  T *object = new T();
  state.objects.insert(object);
  return object;
}

template <typename T> static int destroy(T *object) {
  if (state.objects.erase(object) == 0)
    return InvalidHandle;
  delete object;
  return Success;
}

static bool isAlive(void *object) { return state.objects.count(object) != 0; }

/// The default stream is always there, and captures nothing.
static bool isStream(Stream *stream) { return !stream || isAlive(stream); }
static bool isCapturing(Stream *stream) { return stream && stream->capturing; }
static bool &endsInLaunch(Stream *stream) {
  return (stream ? stream : &state.defaultStream)->endsInLaunch;
}

/// True where the range lies in one allocation.
static bool isDevice(uint64_t address, uint64_t bytes) {
  auto it = state.deviceMemory.upper_bound(address);
  if (it == state.deviceMemory.begin())
    return false;
  --it;
  return address - it->first <= it->second &&
         bytes <= it->second - (address - it->first);
}

static void runLaunch(const Launch &launch) {
  for (int64_t z = 0; z < launch.grid[2]; ++z)
    for (int64_t y = 0; y < launch.grid[1]; ++y)
      for (int64_t x = 0; x < launch.grid[0]; ++x)
        launch.function->run(launch.args.data(), x, y, z);
}

extern "C" {

FakeCudaCounters fakeCudaCounters(void) {
  FakeCudaCounters counters = state.counters;
  counters.liveObjects =
      static_cast<int>(state.objects.size() + state.deviceMemory.size()) +
      state.contexts;
  return counters;
}

void fakeCudaResetCounters(void) { state.counters = {}; }

void fakeCudaFailNext(const char *name, int code, int skip) {
  state.failures[name] = {code, skip};
}

void fakeCudaSetDevice(int major, int minor, uint64_t memoryBytes) {
  state.major = major;
  state.minor = minor;
  state.memory = memoryBytes;
}

void fakeCudaSetDriverVersion(int version) { state.driverVersion = version; }

void fakeCudaSetMemoryOrdinal(int ordinal) { state.memoryOrdinal = ordinal; }

int cuInit(unsigned) { return Success; }

int cuDriverGetVersion(int *version) {
  *version = state.driverVersion;
  return Success;
}

int cuGetErrorName(int, const char **text) {
  *text = "CUDA_ERROR_FAKE";
  return Success;
}

int cuGetErrorString(int, const char **text) {
  *text = "as a test has asked for";
  return Success;
}

int cuDeviceGetCount(int *count) {
  *count = 1;
  return Success;
}

int cuDeviceGet(int *device, int ordinal) {
  *device = ordinal;
  return ordinal == 0 ? Success : InvalidValue;
}

int cuDeviceGetName(char *name, int size, int) {
  std::strncpy(name, "Fake GPU", static_cast<size_t>(size));
  return Success;
}

int cuDeviceGetAttribute(int *value, int which, int) {
  switch (which) {
  case 13: // clock in kHz
    *value = 1000000;
    return Success;
  case 16: // multiprocessors
    *value = 4;
    return Success;
  case 75:
    *value = state.major;
    return Success;
  case 76:
    *value = state.minor;
    return Success;
  case 97: // shared memory of a block
    *value = maxShared;
    return Success;
  }
  return InvalidValue;
}

int cuDeviceTotalMem_v2(size_t *bytes, int) {
  *bytes = state.memory;
  return Success;
}

int cuDevicePrimaryCtxRetain(void **context, int) {
  FAIL_IF_ASKED();
  ++state.contexts;
  *context = &theContext;
  return Success;
}

int cuDevicePrimaryCtxRelease_v2(int) {
  --state.contexts;
  return Success;
}

int cuCtxPushCurrent_v2(void *context) {
  if (context != &theContext || state.contexts <= 0)
    return InvalidContext;
  contextStack.push_back(context);
  return Success;
}

int cuCtxPopCurrent_v2(void **context) {
  if (contextStack.empty())
    return InvalidContext;
  *context = contextStack.back();
  contextStack.pop_back();
  return Success;
}

int cuMemAlloc_v2(unsigned long long *address, size_t bytes) {
  NEED_CONTEXT();
  if (bytes == 0)
    return InvalidValue;
  if (bytes > state.memory - state.allocated)
    return OutOfMemory;
  void *memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  // Memory of a GPU is not zeroed.
  std::memset(memory, 0xa5, bytes);
  *address = reinterpret_cast<uint64_t>(memory);
  state.deviceMemory[*address] = bytes;
  state.allocated += bytes;
  return Success;
}

int cuMemFree_v2(unsigned long long address) {
  NEED_CONTEXT();
  auto it = state.deviceMemory.find(address);
  if (it == state.deviceMemory.end())
    return InvalidValue;
  state.allocated -= it->second;
  state.deviceMemory.erase(it);
  std::free(reinterpret_cast<void *>(address));
  return Success;
}

int cuMemAllocHost_v2(void **memory, size_t bytes) {
  NEED_CONTEXT();
  *memory = std::malloc(bytes);
  state.objects.insert(*memory);
  return Success;
}

int cuMemFreeHost(void *memory) {
  NEED_CONTEXT();
  if (state.objects.erase(memory) == 0)
    return InvalidValue;
  std::free(memory);
  return Success;
}

static int copy(void *to, const void *from, size_t bytes, uint64_t device,
                Stream *stream) {
  if (!isStream(stream) || isCapturing(stream))
    return CaptureUnsupported;
  if (!isDevice(device, bytes))
    return InvalidValue;
  endsInLaunch(stream) = false;
  std::memcpy(to, from, bytes);
  return Success;
}

int cuMemcpyHtoDAsync_v2(unsigned long long to, const void *from, size_t bytes,
                         Stream *stream) {
  NEED_CONTEXT();
  ++state.counters.uploads;
  return copy(reinterpret_cast<void *>(to), from, bytes, to, stream);
}

int cuMemcpyDtoHAsync_v2(void *to, unsigned long long from, size_t bytes,
                         Stream *stream) {
  NEED_CONTEXT();
  return copy(to, reinterpret_cast<void *>(from), bytes, from, stream);
}

int cuMemsetD8Async(unsigned long long to, unsigned char value, size_t bytes,
                    Stream *stream) {
  NEED_CONTEXT();
  if (bytes == 0 || !isDevice(to, bytes) || !isStream(stream) ||
      isCapturing(stream))
    return InvalidValue;
  endsInLaunch(stream) = false;
  std::memset(reinterpret_cast<void *>(to), value, bytes);
  return Success;
}

int cuStreamCreate(Stream **stream, unsigned) {
  NEED_CONTEXT();
  *stream = create<Stream>();
  return Success;
}

int cuStreamDestroy_v2(Stream *stream) {
  NEED_CONTEXT();
  return destroy(stream);
}

int cuStreamSynchronize(Stream *stream) {
  NEED_CONTEXT();
  return isStream(stream) && !isCapturing(stream) ? Success
                                                  : CaptureUnsupported;
}

int cuStreamWaitEvent(Stream *stream, int *event, unsigned) {
  NEED_CONTEXT();
  if (!isStream(stream) || !isAlive(event) || isCapturing(stream))
    return InvalidValue;
  endsInLaunch(stream) = false;
  ++state.counters.waits;
  return Success;
}

int cuStreamGetCtx(Stream *stream, void **context) {
  NEED_CONTEXT();
  if (!isStream(stream))
    return InvalidHandle;
  *context = &theContext;
  return Success;
}

int cuStreamIsCapturing(Stream *stream, int *status) {
  NEED_CONTEXT();
  *status = isCapturing(stream);
  return isStream(stream) ? Success : InvalidHandle;
}

int cuPointerGetAttribute(void *value, int which, unsigned long long address) {
  NEED_CONTEXT();
  if (!isDevice(address, 1))
    return InvalidValue;
  if (which == 2) // memory type: a device's
    *static_cast<unsigned *>(value) = 2;
  else if (which == 9) // ordinal of the device
    *static_cast<int *>(value) = state.memoryOrdinal;
  else
    return InvalidValue;
  return Success;
}

int cuMemcpyDtoDAsync_v2(unsigned long long to, unsigned long long from,
                         size_t bytes, Stream *stream) {
  NEED_CONTEXT();
  if (!isDevice(from, bytes))
    return InvalidValue;
  return copy(reinterpret_cast<void *>(to), reinterpret_cast<void *>(from),
              bytes, to, stream);
}

int cuStreamBeginCapture_v2(Stream *stream, unsigned) {
  NEED_CONTEXT();
  if (!isAlive(stream) || stream->capturing)
    return InvalidValue;
  stream->capturing = true;
  stream->endsInLaunch = false;
  ++state.counters.captures;
  return Success;
}

int cuStreamEndCapture(Stream *stream, Graph **graph) {
  if (!isAlive(stream) || !stream->capturing)
    return InvalidValue;
  stream->capturing = false;
  stream->endsInLaunch = false;
  *graph = create<Graph>();
  (*graph)->launches = std::move(stream->captured);
  stream->captured.clear();
  return Success;
}

int cuGraphInstantiateWithFlags(Graph **exec, Graph *graph,
                                unsigned long long) {
  NEED_CONTEXT();
  if (!isAlive(graph))
    return InvalidValue;
  *exec = create<Graph>();
  **exec = *graph;
  return Success;
}

int cuGraphLaunch(Graph *exec, Stream *stream) {
  NEED_CONTEXT();
  if (!isAlive(exec) || !isStream(stream) || isCapturing(stream))
    return InvalidValue;
  endsInLaunch(stream) = false;
  ++state.counters.graphLaunches;
  for (const Launch &launch : exec->launches)
    runLaunch(launch);
  return Success;
}

int cuGraphDestroy(Graph *graph) { return destroy(graph); }

int cuGraphExecDestroy(Graph *exec) { return destroy(exec); }

int cuModuleLoadDataEx(int **module, const void *image, unsigned count,
                       int *options, void **values) {
  NEED_CONTEXT();
  const char *text = static_cast<const char *>(image);
  bool cubin = std::memcmp(text,
                           "\x7f"
                           "ELF",
                           4) == 0;
  if (cubin && std::strstr(text + 64, "too old"))
    return InvalidImage;
  if (!cubin && std::strncmp(text, ".version", 8) != 0) {
    for (unsigned i = 0; i < count; ++i)
      if (options[i] == 5) // error log
        std::strcpy(static_cast<char *>(values[i]), "line 1: syntax error");
    return InvalidPtx;
  }
  *module = create<int>();
  return Success;
}

int cuModuleUnload(int *module) {
  NEED_CONTEXT();
  return destroy(module);
}

int cuModuleGetFunction(const Function **function, int *, const char *name) {
  NEED_CONTEXT();
  for (const Function &candidate : functions)
    if (std::strcmp(candidate.name, name) == 0) {
      *function = &candidate;
      return Success;
    }
  return NotFound;
}

int cuFuncGetAttribute(int *value, int which, const Function *) {
  *value = which == 0 ? 512 : which == 1 ? int(staticShared) : 0;
  return Success;
}

int cuFuncSetAttribute(const Function *function, int which, int value) {
  if (which != 8 || value < 0 || unsigned(value) > maxShared - staticShared)
    return InvalidValue;
  state.shared[function] = static_cast<unsigned>(value);
  return Success;
}

int cuFuncGetParamInfo(const Function *function, size_t index, size_t *offset,
                       size_t *size) {
  if (index >= function->parameters)
    return InvalidValue;
  *offset = index * 8;
  // leak_scratch takes its scratch as a tensor map where a test makes one.
  bool map = std::strcmp(function->name, "leak_scratch") == 0 && index == 0 &&
             state.major == 10;
  bool single = std::strcmp(function->name, "persist") == 0 && index == 3;
  *size = map ? 128 : single ? 4 : 8;
  return Success;
}

int cuLaunchKernel(const Function *function, unsigned gx, unsigned gy,
                   unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared, Stream *stream, void **parameters,
                   void **) {
  NEED_CONTEXT();
  if (!isStream(stream) || gx == 0 || gy == 0 || gz == 0 || bx * by * bz == 0)
    return InvalidValue;
  auto granted = state.shared.find(function);
  if (shared + staticShared > grantedShared &&
      (granted == state.shared.end() || shared > granted->second))
    return InvalidValue;
  Launch launch{function, {gx, gy, gz}, {}};
  for (unsigned i = 0; i < function->parameters; ++i) {
    size_t offset, size;
    cuFuncGetParamInfo(function, i, &offset, &size);
    uint64_t value = 0;
    std::memcpy(&value, parameters[i], std::min(size, sizeof(value)));
    launch.args.push_back(value);
  }
  endsInLaunch(stream) = true;
  if (isCapturing(stream)) {
    stream->captured.push_back(std::move(launch));
    return Success;
  }
  ++state.counters.directLaunches;
  runLaunch(launch);
  return Success;
}

/// CUlaunchConfig, with one attribute at most.
struct LaunchConfig {
  unsigned grid[3], block[3], shared;
  Stream *stream;
  struct {
    int id, unused, allowed;
  } *attributes;
  unsigned numAttributes;
};

int cuLaunchKernelEx(const LaunchConfig *config, const Function *function,
                     void **parameters, void **extra) {
  if (config->numAttributes != 1 ||
      config->attributes->id != 6 || // programmatic stream serialization
      config->attributes->allowed != 1 || !endsInLaunch(config->stream))
    return InvalidValue;
  ++state.counters.overlappingLaunches;
  return cuLaunchKernel(function, config->grid[0], config->grid[1],
                        config->grid[2], config->block[0], config->block[1],
                        config->block[2], config->shared, config->stream,
                        parameters, extra);
}

int cuEventCreate(int **event, unsigned) {
  NEED_CONTEXT();
  *event = create<int>();
  return Success;
}

int cuEventDestroy_v2(int *event) {
  NEED_CONTEXT();
  return destroy(event);
}

int cuEventRecord(int *event, Stream *stream) {
  NEED_CONTEXT();
  if (!isAlive(event) || !isStream(stream) || isCapturing(stream))
    return InvalidValue;
  endsInLaunch(stream) = false;
  return Success;
}

int cuEventSynchronize(int *event) {
  NEED_CONTEXT();
  return isAlive(event) ? Success : InvalidHandle;
}

int cuEventElapsedTime(float *milliseconds, int *, int *) {
  *milliseconds = 0.25f;
  return Success;
}

/// The map begins with the address, so that kernels find the buffer.
int cuTensorMapEncodeTiled(void *map, int, uint32_t rank, void *address,
                           const uint64_t *extents, const uint64_t *strides,
                           const uint32_t *, const uint32_t *, int, int, int,
                           int) {
  FAIL_IF_ASKED();
  if (rank < 1 || rank > 5 || reinterpret_cast<uintptr_t>(map) % 64 ||
      reinterpret_cast<uintptr_t>(address) % 16)
    return InvalidValue;
  std::memset(map, 0, 128);
  std::memcpy(map, &address, sizeof(address));
  ++state.counters.tensorMaps;
  state.counters.lastMapRank = rank;
  for (uint32_t i = 0; i < rank; ++i)
    state.counters.lastMapExtents[i] = extents[i];
  for (uint32_t i = 0; i + 1 < rank; ++i)
    state.counters.lastMapStrides[i] = strides[i];
  return Success;
}

} // extern "C"
