//===- CudaContext.cpp - Contexts and memory of GPUs ----------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "CudaContext.h"

#include "Failure.h"

#include <utility>

namespace transmamba::runtime::cuda {

/// Drivers since CUDA 12.3 capture programmatic launches into graphs.
static constexpr int overlappingVersion = 12030;

Context::Context(int ordinal) : deviceName("cuda:" + std::to_string(ordinal)) {
  if (!api().problem.empty())
    throw Failure(TM_UNSUPPORTED, deviceName,
                  api().problem + "; use the device cpu");
  int count = 0;
  check(api().cuDeviceGetCount(&count), "counting the GPUs");
  if (ordinal >= count)
    throw Failure(TM_INVALID_ARGUMENT, deviceName,
                  "there is no such GPU; the driver shows " +
                      std::to_string(count));
  check(api().cuDeviceGet(&device, ordinal), "finding the GPU");
  computeMajor = attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
  computeMinor = attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  processors = attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  int version = 0;
  check(api().cuDriverGetVersion(&version), "asking for the driver's version");
  overlaps = computeMajor >= 9 && version >= overlappingVersion &&
             api().cuLaunchKernelEx;
  check(api().cuDevicePrimaryCtxRetain(&context, device),
        "starting the GPU's context");
}

Context::~Context() {
  if (context)
    api().cuDevicePrimaryCtxRelease(device);
}

int Context::attribute(int which) const {
  int value = 0;
  check(api().cuDeviceGetAttribute(&value, which, device),
        "asking for an attribute of the GPU");
  return value;
}

Memory::Memory(Memory &&other) noexcept
    : context(std::move(other.context)), kind(other.kind), what(other.what),
      deviceAddress(std::exchange(other.deviceAddress, 0)),
      hostAddress(std::exchange(other.hostAddress, nullptr)),
      length(std::exchange(other.length, 0)) {}

Memory Memory::detach() {
  Memory result(context, kind, what);
  std::swap(result.deviceAddress, deviceAddress);
  std::swap(result.hostAddress, hostAddress);
  std::swap(result.length, length);
  return result;
}

void Memory::reserve(uint64_t bytes) {
  if (holds(bytes))
    return;
  release();
  uint64_t size = bytes == 0 ? 1 : bytes;
  std::string action =
      "allocating " + std::to_string(size) + " bytes for " + what;
  if (kind == Kind::Device)
    context->check(api().cuMemAlloc(&deviceAddress, size), action);
  else
    context->check(api().cuMemAllocHost(&hostAddress, size), action);
  length = size;
}

void Memory::release() noexcept {
  if (length == 0)
    return;
  // Nothing can be done about an error here; the driver frees all memory of a
  // context that has failed.
  CUcontext popped;
  api().cuCtxPushCurrent(context->handle());
  if (kind == Kind::Device)
    api().cuMemFree(deviceAddress);
  else
    api().cuMemFreeHost(hostAddress);
  api().cuCtxPopCurrent(&popped);
  deviceAddress = 0;
  hostAddress = nullptr;
  length = 0;
}

} // namespace transmamba::runtime::cuda
