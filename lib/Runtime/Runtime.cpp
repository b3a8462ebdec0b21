//===- Runtime.cpp - The C interface --------------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Handles, null pointers and exceptions; what the functions do is elsewhere.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Runtime/runtime.h"

#include "Failure.h"
#include "Session.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

using namespace transmamba;
using namespace transmamba::runtime;

struct tm_package {
  std::shared_ptr<const package::Package> impl;
  /// With a terminating zero.
  std::string manifest;
};

struct tm_device {
  std::shared_ptr<Device> impl;
};

struct tm_session {
  Session impl;
};

static thread_local std::string lastError;

/// Where errors come from that concern the call, not a file or a device.
static constexpr const char *callOrigin = "transmamba-runtime";

/// Remembers the error; even that may lack memory.
static tm_status report(tm_status status, const char *message) noexcept {
  try {
    lastError = message;
  } catch (...) {
    lastError.clear();
  }
  return status;
}

/// Runs `function`, and turns what it throws into a status and a message.
template <typename Function>
static tm_status guarded(Function &&function) noexcept {
  try {
    lastError.clear();
    function();
    return TM_OK;
  } catch (const Failure &failure) {
    try {
      return report(failure.status, failure.error.str().c_str());
    } catch (...) {
      return report(failure.status, "");
    }
  } catch (const std::bad_alloc &) {
    return report(TM_OUT_OF_MEMORY, "transmamba-runtime: error: out of memory");
  } catch (const std::exception &error) {
    return report(TM_INTERNAL_ERROR, error.what());
  } catch (...) {
    return report(TM_INTERNAL_ERROR,
                  "transmamba-runtime: error: an unknown exception");
  }
}

static void require(const void *pointer, const char *name) {
  if (!pointer)
    throw Failure(TM_INVALID_ARGUMENT, callOrigin,
                  "the argument " + inQuotes(name) + " is null");
}

/// The caller's options, as far as it knows them; the rest are zeros.
template <typename Options> static Options readOptions(const Options *given) {
  Options options{};
  if (!given)
    return options;
  if (given->struct_size < sizeof(size_t))
    throw Failure(TM_INVALID_ARGUMENT, callOrigin,
                  "struct_size of the options is not set");
  std::memcpy(&options, given,
              std::min<size_t>(given->struct_size, sizeof(Options)));
  return options;
}

extern "C" {

uint32_t tm_abi_version(void) { return TM_ABI_VERSION; }

const char *tm_version(void) { return TRANSMAMBA_VERSION; }

const char *tm_last_error(void) { return lastError.c_str(); }

const char *tm_status_name(tm_status status) {
  switch (status) {
  case TM_OK:
    return "TM_OK";
  case TM_INVALID_ARGUMENT:
    return "TM_INVALID_ARGUMENT";
  case TM_BAD_PACKAGE:
    return "TM_BAD_PACKAGE";
  case TM_UNSUPPORTED:
    return "TM_UNSUPPORTED";
  case TM_OUT_OF_MEMORY:
    return "TM_OUT_OF_MEMORY";
  case TM_DEVICE_ERROR:
    return "TM_DEVICE_ERROR";
  case TM_BAD_STATE:
    return "TM_BAD_STATE";
  case TM_INTERNAL_ERROR:
    return "TM_INTERNAL_ERROR";
  }
  return "unknown status";
}

static bool isType(tm_type type) {
  return static_cast<unsigned>(type) <= static_cast<unsigned>(TM_I64);
}

size_t tm_type_size(tm_type type) {
  return isType(type)
             ? package::byteSize(static_cast<package::ElementType>(type))
             : 0;
}

const char *tm_type_name(tm_type type) {
  return isType(type)
             ? package::name(static_cast<package::ElementType>(type)).data()
             : "?";
}

//===----------------------------------------------------------------------===//
// Packages
//===----------------------------------------------------------------------===//

tm_status tm_package_open(const char *path, tm_package **package) {
  return guarded([&] {
    require(path, "path");
    require(package, "package");
    auto handle = std::make_unique<tm_package>();
    handle->impl = unwrap(package::Package::open(path), TM_BAD_PACKAGE);
    handle->manifest = handle->impl->manifestText();
    *package = handle.release();
  });
}

void tm_package_release(tm_package *package) { delete package; }

tm_status tm_package_verify(const tm_package *package) {
  return guarded([&] {
    require(package, "package");
    check(package->impl->verify(), TM_BAD_PACKAGE);
  });
}

const char *tm_package_manifest(const tm_package *package) {
  return package ? package->manifest.c_str() : "";
}

//===----------------------------------------------------------------------===//
// Devices
//===----------------------------------------------------------------------===//

namespace {
struct DeviceEntry {
  std::string name;
  std::string description;
};
} // namespace

/// All devices of the machine; made once, and never destroyed, because their
/// strings are handed out.
static const std::vector<DeviceEntry> &allDevices() {
  static const std::vector<DeviceEntry> *devices = [] {
    auto *list = new std::vector<DeviceEntry>;
    list->push_back({"cpu", describeCpu()});
    for (int i = 0, e = cudaDeviceCount(); i < e; ++i)
      list->push_back({"cuda:" + std::to_string(i), describeCudaDevice(i)});
    return list;
  }();
  return *devices;
}

size_t tm_device_count(void) {
  size_t count = 0;
  (void)guarded([&] { count = allDevices().size(); });
  return count;
}

tm_status tm_device_describe(size_t index, const char **name,
                             const char **description) {
  return guarded([&] {
    require(name, "name");
    require(description, "description");
    const std::vector<DeviceEntry> &devices = allDevices();
    if (index >= devices.size())
      throw Failure(TM_INVALID_ARGUMENT, callOrigin,
                    "there is no device " + std::to_string(index) +
                        "; there are " + std::to_string(devices.size()));
    *name = devices[index].name.c_str();
    *description = devices[index].description.c_str();
  });
}

/// The N of "cuda:N", or -1.
static int parseOrdinal(const std::string &name) {
  if (name == "cuda")
    return 0;
  if (name.compare(0, 5, "cuda:") != 0)
    return -1;
  std::string digits = name.substr(5);
  if (digits.empty() || digits.size() > 4 ||
      digits.find_first_not_of("0123456789") != std::string::npos)
    return -1;
  return std::stoi(digits);
}

tm_status tm_device_open(const char *name, const tm_device_options *options,
                         tm_device **device) {
  return guarded([&] {
    require(name, "name");
    require(device, "device");
    tm_device_options chosen = readOptions(options);
    auto handle = std::make_unique<tm_device>();
    int ordinal = parseOrdinal(name);
    if (std::string_view(name) == "cpu")
      handle->impl = openCpuDevice(chosen.threads);
    else if (ordinal >= 0)
      handle->impl = openCudaDevice(ordinal);
    else
      throw Failure(TM_INVALID_ARGUMENT, callOrigin,
                    "there is no device " + inQuotes(name) +
                        "; a device is cpu, or cuda:N");
    *device = handle.release();
  });
}

void tm_device_release(tm_device *device) { delete device; }

const char *tm_device_name(const tm_device *device) {
  return device ? device->impl->name().c_str() : "";
}

const char *tm_device_description(const tm_device *device) {
  return device ? device->impl->description().c_str() : "";
}

//===----------------------------------------------------------------------===//
// Sessions
//===----------------------------------------------------------------------===//

tm_status tm_session_create(tm_package *package, tm_device *device,
                            int64_t rows, const tm_session_options *options,
                            tm_session **session) {
  return guarded([&] {
    require(package, "package");
    require(device, "device");
    require(session, "session");
    constexpr uint32_t known =
        TM_SESSION_NO_GRAPHS | TM_SESSION_POISON | TM_SESSION_PROFILE;
    uint32_t flags = readOptions(options).flags;
    if (flags & ~known)
      throw Failure(TM_INVALID_ARGUMENT, callOrigin,
                    "the session's flags hold bits that have no meaning");
    auto isSet = [](const char *name) {
      const char *value = std::getenv(name);
      return value && std::string_view(value) == "1";
    };
    ExecutorOptions chosen;
    chosen.poison = (flags & TM_SESSION_POISON) || isSet("TRANSMAMBA_POISON");
    chosen.serial = isSet("TRANSMAMBA_SERIAL");
    chosen.profile = flags & TM_SESSION_PROFILE;
    chosen.graphs = !(flags & TM_SESSION_NO_GRAPHS) && !chosen.profile;
    *session = new tm_session{
        Session(device->impl, device->impl->load(package->impl), rows, chosen)};
  });
}

void tm_session_release(tm_session *session) { delete session; }

tm_status tm_session_reset(tm_session *session) {
  return guarded([&] {
    require(session, "session");
    session->impl.reset();
  });
}

const char *tm_session_target(const tm_session *session) {
  return session ? session->impl.loaded().variant().target.c_str() : "";
}

const char *tm_session_selection(const tm_session *session) {
  return session ? session->impl.loaded().selection().c_str() : "";
}

int64_t tm_session_rows(const tm_session *session) {
  return session ? session->impl.rows() : 0;
}

tm_status tm_session_invoke(tm_session *session, const char *entry,
                            const tm_tensor *inputs, size_t input_count,
                            const tm_tensor *outputs, size_t output_count) {
  return guarded([&] {
    require(session, "session");
    require(entry, "entry");
    session->impl.invoke(entry, inputs, input_count, outputs, output_count);
  });
}

tm_status tm_session_enqueue(tm_session *session, const char *entry,
                             const tm_tensor *inputs, size_t input_count,
                             const tm_tensor *outputs, size_t output_count,
                             void *stream) {
  return guarded([&] {
    require(session, "session");
    require(entry, "entry");
    session->impl.enqueue(entry, inputs, input_count, outputs, output_count,
                          stream);
  });
}

tm_status tm_session_output_shape(tm_session *session, const char *entry,
                                  const tm_tensor *inputs, size_t input_count,
                                  const char *name, tm_tensor *output) {
  return guarded([&] {
    require(session, "session");
    require(entry, "entry");
    require(name, "name");
    require(output, "output");
    session->impl.outputShape(entry, inputs, input_count, name, *output);
  });
}

tm_status tm_session_positions(const tm_session *session, int64_t *positions) {
  return guarded([&] {
    require(session, "session");
    require(positions, "positions");
    const std::vector<int64_t> &values = session->impl.positions();
    std::copy(values.begin(), values.end(), positions);
  });
}

size_t tm_session_state_count(const tm_session *session) {
  return session ? session->impl.states().size() : 0;
}

tm_status tm_session_describe_state(const tm_session *session, size_t index,
                                    tm_tensor *state) {
  return guarded([&] {
    require(session, "session");
    require(state, "state");
    session->impl.describeState(index, *state);
  });
}

tm_status tm_session_read_state(tm_session *session, const char *name,
                                void *data, size_t size) {
  return guarded([&] {
    require(session, "session");
    require(name, "name");
    require(data, "data");
    session->impl.readState(name, data, size);
  });
}

tm_status tm_session_write_state(tm_session *session, const char *name,
                                 const void *data, size_t size) {
  return guarded([&] {
    require(session, "session");
    require(name, "name");
    require(data, "data");
    session->impl.writeState(name, data, size);
  });
}

tm_status tm_session_profile(const tm_session *session, tm_command_time *times,
                             size_t capacity, size_t *count) {
  return guarded([&] {
    require(session, "session");
    require(count, "count");
    if (capacity != 0)
      require(times, "times");
    std::vector<tm_command_time> list = session->impl.profile();
    std::copy_n(list.begin(), std::min(capacity, list.size()), times);
    *count = list.size();
  });
}

} // extern "C"
