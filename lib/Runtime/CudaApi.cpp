//===- CudaApi.cpp - The part of the CUDA driver that is used -------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "CudaApi.h"

#include "Failure.h"

#include <dlfcn.h>

namespace transmamba::runtime::cuda {

/// Fills the table; sets `problem` where the driver cannot be used. The library
/// stays loaded: the driver does not survive being unloaded.
static void load(Api &api) {
  void *library = ::dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *message = ::dlerror();
    api.problem = std::string("there is no NVIDIA driver (") +
                  (message ? message : "libcuda.so.1 is missing") + ")";
    return;
  }
  auto find = [&](auto &member, const char *symbol, bool required) {
    void *address = ::dlsym(library, symbol);
    member =
        reinterpret_cast<std::remove_reference_t<decltype(member)>>(address);
    if (!address && required && api.problem.empty())
      api.problem = std::string("the NVIDIA driver is too old: it has no ") +
                    symbol + "; version 525 (CUDA 12.0) will do";
  };
#define TRANSMAMBA_CUDA_FIND(member, symbol, parameters)                       \
  find(api.member, symbol, true);
#define TRANSMAMBA_CUDA_FIND_OPTIONAL(member, symbol, parameters)              \
  find(api.member, symbol, false);
  TRANSMAMBA_CUDA_FUNCTIONS(TRANSMAMBA_CUDA_FIND)
  TRANSMAMBA_CUDA_OPTIONAL_FUNCTIONS(TRANSMAMBA_CUDA_FIND_OPTIONAL)
#undef TRANSMAMBA_CUDA_FIND
#undef TRANSMAMBA_CUDA_FIND_OPTIONAL
  if (!api.problem.empty())
    return;
  if (CUresult result = api.cuInit(0); result != CUDA_SUCCESS)
    api.problem =
        "the NVIDIA driver does not start (" + api.describe(result) + ")";
}

const Api &api() {
  static const Api *loaded = [] {
    auto *api = new Api;
    load(*api);
    return api;
  }();
  return *loaded;
}

std::string Api::describe(CUresult result) const {
  const char *name = nullptr;
  const char *text = nullptr;
  cuGetErrorName(result, &name);
  cuGetErrorString(result, &text);
  return (name ? name : "CUDA error " + std::to_string(result)) +
         (text ? std::string(": ") + text : "");
}

void Api::check(CUresult result, const std::string &device,
                const std::string &action) const {
  if (result == CUDA_SUCCESS)
    return;
  throw Failure(result == CUDA_ERROR_OUT_OF_MEMORY ? TM_OUT_OF_MEMORY
                                                   : TM_DEVICE_ERROR,
                device, action + " failed (" + describe(result) + ")");
}

} // namespace transmamba::runtime::cuda
