//===- CudaProgram.cpp - Packages on a GPU --------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "CudaProgram.h"

#include "Elf.h"
#include "Failure.h"

#include <algorithm>
#include <cstring>

namespace transmamba::runtime::cuda {

/// The driver's log of a PTX compilation that failed.
static constexpr size_t jitLogSize = 16384;
/// The ELF machine of a cubin (EM_CUDA).
static constexpr unsigned cubinMachine = 190;

CudaProgram::CudaProgram(std::shared_ptr<const package::Package> source,
                         const package::Variant &chosen,
                         std::shared_ptr<const Context> owner)
    : Program(std::move(source), chosen), context(std::move(owner)),
      weights(context, Memory::Kind::Device, "the weights") {
  ContextScope scope(*context);
  try {
    loadModule();
    for (size_t i = 0; i < variant().kernels.size(); ++i)
      prepareKernel(i);
    uploadWeights();
  } catch (...) {
    if (module)
      api().cuModuleUnload(module);
    throw;
  }
}

CudaProgram::~CudaProgram() {
  CUcontext popped;
  api().cuCtxPushCurrent(context->handle());
  api().cuModuleUnload(module);
  api().cuCtxPopCurrent(&popped);
}

std::unique_ptr<Executor>
CudaProgram::createExecutor(int64_t rows, const ExecutorOptions &options) {
  return std::make_unique<CudaExecutor>(*this, rows, options);
}

/// Loads a cubin or PTX text; returns the reason where that fails.
std::string CudaProgram::tryLoad(const void *image) {
  std::vector<char> log(jitLogSize, '\0');
  int options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  // The driver takes the size as the value of the pointer.
  void *values[] = {log.data(), reinterpret_cast<void *>(jitLogSize - 1)};
  CUresult result =
      api().cuModuleLoadDataEx(&module, image, 2, options, values);
  if (result == CUDA_SUCCESS)
    return "";
  module = nullptr;
  std::string text = log.data();
  return api().describe(result) + (text.empty() ? "" : "; " + text);
}

/// Loads the cubin where there is one for this GPU, otherwise, or where the
/// driver refuses it, the PTX.
void CudaProgram::loadModule() {
  const std::string &path = package().path();
  package::Target target = *package::Target::parse(variant().target);
  std::string cubinProblem;
  if (!variant().cubin.empty() && target.major == context->major() &&
      target.minor <= context->minor()) {
    package::ByteView cubin =
        unwrap(package().verifiedData(variant().cubin), TM_BAD_PACKAGE);
    cubinProblem = checkElf(cubin, cubinMachine);
    if (!cubinProblem.empty())
      throw Failure(TM_BAD_PACKAGE, path,
                    inQuotes(variant().cubin) + " " + cubinProblem);
    cubinProblem = tryLoad(cubin.data());
    if (cubinProblem.empty())
      return;
  }
  // The driver wants a terminating zero.
  std::string ptx(
      unwrap(package().verifiedData(variant().ptx), TM_BAD_PACKAGE).text());
  std::string problem = tryLoad(ptx.c_str());
  if (problem.empty())
    return;
  throw Failure(
      TM_DEVICE_ERROR, path,
      context->name() + " cannot load " + inQuotes(variant().ptx) + ": " +
          problem +
          (cubinProblem.empty()
               ? ""
               : "; nor " + inQuotes(variant().cubin) + ": " + cubinProblem));
}

/// Finds a kernel, and checks that all its launches are possible.
void CudaProgram::prepareKernel(size_t index) {
  const std::string &name = variant().kernels[index].name;
  CUfunction function;
  CUresult found = api().cuModuleGetFunction(&function, module, name.c_str());
  if (found != CUDA_SUCCESS)
    throw Failure(TM_BAD_PACKAGE, package().path(),
                  "the GPU code has no kernel " + inQuotes(name) + " (" +
                      api().describe(found) + ")");
  kernels.push_back(function);
  auto attribute = [&](int which) {
    int value = 0;
    context->check(api().cuFuncGetAttribute(&value, which, function),
                   "asking for an attribute of " + inQuotes(name));
    return value;
  };
  int64_t dynamicBytes = 0;
  int64_t threads = 1;
  for (const package::EntryPoint &entry : variant().entries)
    for (const package::Command &command : entry.commands) {
      if (command.kernel != name)
        continue;
      checkParameters(index, command);
      dynamicBytes = std::max(dynamicBytes, command.shared);
      threads = std::max(threads, command.block[0] * command.block[1] *
                                      command.block[2]);
    }
  int maxThreads = attribute(CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
  if (threads > maxThreads)
    throw Failure(TM_UNSUPPORTED, package().path(),
                  "the kernel " + inQuotes(name) + " is launched with " +
                      std::to_string(threads) + " threads, but on " +
                      context->name() + " it can have " +
                      std::to_string(maxThreads));
  int64_t staticBytes = attribute(CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES);
  int64_t available =
      context->attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
  if (staticBytes + dynamicBytes > available)
    throw Failure(TM_UNSUPPORTED, package().path(),
                  "the kernel " + inQuotes(name) + " needs " +
                      std::to_string(staticBytes + dynamicBytes) +
                      " bytes of shared memory, but a block on " +
                      context->name() + " has " + std::to_string(available));
  // More than 48 KB are granted to kernels that ask only.
  if (dynamicBytes > 0)
    context->check(api().cuFuncSetAttribute(
                       function,
                       CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                       static_cast<int>(dynamicBytes)),
                   "granting " + inQuotes(name) + " its shared memory");
}

/// The size of the kernel's parameter for an argument.
static size_t parameterBytes(const package::Argument &arg) {
  if (arg.map)
    return sizeof(CUtensorMap);
  return arg.kind == package::Argument::Kind::F32 ? sizeof(float) : 8;
}

/// Compares the arguments of a command with the kernel's parameters, where the
/// driver can tell (from CUDA 12.4 on).
void CudaProgram::checkParameters(size_t index,
                                  const package::Command &command) const {
  if (!api().cuFuncGetParamInfo)
    return;
  size_t count = command.args.size();
  for (size_t i = 0; i <= count; ++i) {
    size_t offset, size = 0;
    CUresult result =
        api().cuFuncGetParamInfo(kernels[index], i, &offset, &size);
    bool exists = result == CUDA_SUCCESS;
    size_t expected = i < count ? parameterBytes(command.args[i]) : 0;
    if (exists != (i < count) || (exists && size != expected))
      throw Failure(TM_BAD_PACKAGE, package().path(),
                    "the kernel " + inQuotes(command.kernel) +
                        " does not take the " + std::to_string(count) +
                        " arguments of its command: parameter " +
                        std::to_string(i) +
                        (exists ? " has " + std::to_string(size) + " bytes"
                                : " does not exist"));
  }
}

void CudaProgram::uploadWeights() {
  if (package().manifest().parameters.empty())
    return;
  package::ByteView bytes =
      unwrap(package().verifiedData(package::weightsFileName), TM_BAD_PACKAGE);
  weights.reserve(bytes.size());
  context->check(api().cuMemcpyHtoDAsync(weights.address(), bytes.data(),
                                         bytes.size(), nullptr),
                 "uploading the weights");
  context->check(api().cuStreamSynchronize(nullptr), "uploading the weights");
}

//===----------------------------------------------------------------------===//
// The device
//===----------------------------------------------------------------------===//

/// Name, compute capability, processors and memory of a GPU, in one line.
static std::string describe(int ordinal) {
  const Api &driver = api();
  std::string name = "cuda:" + std::to_string(ordinal);
  CUdevice device = 0;
  char model[256] = {};
  size_t memory = 0;
  int values[3] = {};
  const int attributes[3] = {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
                             CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
                             CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT};
  driver.check(driver.cuDeviceGet(&device, ordinal), name, "finding the GPU");
  driver.check(driver.cuDeviceGetName(model, sizeof(model) - 1, device), name,
               "asking for the GPU's name");
  driver.check(driver.cuDeviceTotalMem(&memory, device), name,
               "asking for the GPU's memory");
  for (int i = 0; i < 3; ++i)
    driver.check(driver.cuDeviceGetAttribute(&values[i], attributes[i], device),
                 name, "asking for an attribute of the GPU");
  return std::string(model) + ", compute capability " +
         std::to_string(values[0]) + "." + std::to_string(values[1]) + ", " +
         std::to_string(values[2]) + " multiprocessors, " +
         std::to_string(memory >> 20) + " MiB";
}

namespace {
class CudaDevice final : public Device {
public:
  explicit CudaDevice(std::shared_ptr<const Context> owner, int ordinal)
      : Device(owner->name(), describe(ordinal)), context(std::move(owner)) {}

protected:
  std::string refusal(const package::Target &target,
                      const package::Variant &) const override {
    if (target.kind != package::Target::Kind::Nvidia)
      return "is for a processor";
    int wanted = target.major * 10 + target.minor;
    int present = context->major() * 10 + context->minor();
    if (present == wanted || (present > wanted && !target.exact))
      return "";
    return std::string("needs compute capability ") +
           std::to_string(target.major) + "." + std::to_string(target.minor) +
           (target.exact ? " exactly" : " or later") + ", the GPU has " +
           std::to_string(context->major()) + "." +
           std::to_string(context->minor());
  }
  std::unique_ptr<Program>
  loadVariant(std::shared_ptr<const package::Package> package,
              const package::Variant &variant) override {
    return std::make_unique<CudaProgram>(std::move(package), variant, context);
  }

private:
  std::shared_ptr<const Context> context;
};
} // namespace

} // namespace transmamba::runtime::cuda

namespace transmamba::runtime {

int cudaDeviceCount() {
  const cuda::Api &driver = cuda::api();
  int count = 0;
  if (!driver.problem.empty() ||
      driver.cuDeviceGetCount(&count) != cuda::CUDA_SUCCESS)
    return 0;
  return count;
}

std::string describeCudaDevice(int ordinal) { return cuda::describe(ordinal); }

std::shared_ptr<Device> openCudaDevice(int ordinal) {
  return std::make_shared<cuda::CudaDevice>(
      std::make_shared<const cuda::Context>(ordinal), ordinal);
}

} // namespace transmamba::runtime
