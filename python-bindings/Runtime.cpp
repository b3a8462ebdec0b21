//===- Runtime.cpp - The runtime's C interface for Python -----------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// The module transmamba._runtime: handles as objects, statuses as exceptions,
// arrays of any library that speaks DLPack or the buffer protocol as tensors.
// What is pleasant to use is in transmamba/__init__.py.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Runtime/runtime.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <mutex>
#include <stdexcept>

namespace nb = nanobind;

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

namespace {
/// A call of the runtime that has failed.
struct Failure : std::runtime_error {
  Failure(tm_status status, const std::string &what)
      : std::runtime_error(what), status(status) {}
  tm_status status;
};
} // namespace

static void check(tm_status status) {
  if (status != TM_OK)
    throw Failure(status, tm_last_error());
}

/// The exception of each status; the first is the base of the others.
static PyObject *exceptions[TM_INTERNAL_ERROR + 1];

static void addExceptions(nb::module_ &module) {
  struct Description {
    tm_status status;
    const char *name, *doc;
    PyObject *builtin;
  };
  const Description all[] = {
      {TM_OK, "Error", "What the runtime refuses or fails at.",
       PyExc_RuntimeError},
      {TM_INVALID_ARGUMENT, "InvalidArgument",
       "A name, a type, a shape or a value that is not allowed.",
       PyExc_ValueError},
      {TM_BAD_PACKAGE, "BadPackage",
       "The package is missing, damaged, or not a package.", PyExc_OSError},
      {TM_UNSUPPORTED, "Unsupported",
       "The package has nothing that this machine or device can run.", nullptr},
      {TM_OUT_OF_MEMORY, "OutOfMemory", "There is not enough memory.",
       PyExc_MemoryError},
      {TM_DEVICE_ERROR, "DeviceError",
       "The device has failed; the session cannot be used any more.", nullptr},
      {TM_BAD_STATE, "BadState",
       "The call does not fit the state of the session.", nullptr},
      {TM_INTERNAL_ERROR, "InternalError", "A mistake in the runtime.",
       nullptr},
  };
  for (const Description &one : all) {
    nb::object bases = one.status == TM_OK ? nb::borrow(one.builtin)
                       : one.builtin
                           ? nb::make_tuple(nb::handle(exceptions[TM_OK]),
                                            nb::handle(one.builtin))
                           : nb::borrow(exceptions[TM_OK]);
    std::string name = std::string("transmamba.") + one.name;
    exceptions[one.status] =
        PyErr_NewExceptionWithDoc(name.c_str(), one.doc, bases.ptr(), nullptr);
    if (!exceptions[one.status])
      throw nb::python_error();
    module.attr(one.name) = nb::handle(exceptions[one.status]);
  }
  nb::register_exception_translator(
      [](const std::exception_ptr &exception, void *) {
        try {
          std::rethrow_exception(exception);
        } catch (const Failure &failure) {
          bool known =
              failure.status > TM_OK && failure.status <= TM_INTERNAL_ERROR;
          PyErr_SetString(exceptions[known ? failure.status : TM_OK],
                          failure.what());
        }
      });
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

using Input = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;
using Output = nb::ndarray<nb::c_contig, nb::device::cpu>;

/// The type of an array's elements. NumPy has no bfloat16: uint16 is its bits.
static tm_type elementType(nb::dlpack::dtype type, const std::string &name) {
  auto is = [&](nb::dlpack::dtype_code code, int bits) {
    return type.code == static_cast<uint8_t>(code) && type.bits == bits &&
           type.lanes == 1;
  };
  using Code = nb::dlpack::dtype_code;
  if (is(Code::Float, 32))
    return TM_F32;
  if (is(Code::Bfloat, 16) || is(Code::UInt, 16))
    return TM_BF16;
  if (is(Code::Float, 16))
    return TM_F16;
  if (is(Code::Float, 64))
    return TM_F64;
  if (is(Code::Int, 8))
    return TM_I8;
  if (is(Code::Int, 32))
    return TM_I32;
  if (is(Code::Int, 64))
    return TM_I64;
  throw Failure(TM_INVALID_ARGUMENT,
                "'" + name +
                    "': error: the elements of this array have a type that no "
                    "tensor has; there are float32, bfloat16, float16, "
                    "float64, int8, int32 and int64");
}

template <typename Array>
static tm_tensor makeTensor(const std::string &name, const Array &array) {
  if (array.ndim() > TM_MAX_RANK)
    throw Failure(TM_INVALID_ARGUMENT,
                  "'" + name + "': error: a tensor has at most " +
                      std::to_string(TM_MAX_RANK) + " dimensions");
  tm_tensor tensor = {};
  tensor.name = name.c_str();
  tensor.type = elementType(array.dtype(), name);
  tensor.rank = static_cast<int32_t>(array.ndim());
  for (size_t dim = 0; dim < array.ndim(); ++dim)
    tensor.shape[dim] = static_cast<int64_t>(array.shape(dim));
  tensor.data = const_cast<void *>(static_cast<const void *>(array.data()));
  return tensor;
}

namespace {
/// Named arrays of one call, as tensors. Holds what the tensors point to.
template <typename Array> class Tensors {
public:
  /// `what` is "input" or "output". What is read may be copied to make it
  /// contiguous; what is written may not.
  Tensors(nb::dict arrays, const char *what, bool copy) {
    names.reserve(arrays.size());
    for (auto [name, value] : arrays) {
      names.push_back(nb::cast<std::string>(name));
      Array array;
      if (!nb::try_cast(value, array, copy))
        throw Failure(TM_INVALID_ARGUMENT,
                      std::string(what) + " '" + names.back() +
                          "': error: this is no array in the processor's "
                          "memory" +
                          (copy ? "" : ", contiguous and writable"));
      kept.push_back(array);
      tensors.push_back(makeTensor(names.back(), array));
    }
  }

  const tm_tensor *data() const { return tensors.data(); }
  size_t size() const { return tensors.size(); }

private:
  std::vector<std::string> names;
  std::vector<Array> kept;
  std::vector<tm_tensor> tensors;
};
} // namespace

using Description = std::tuple<std::string, std::string, std::vector<int64_t>>;

static Description describe(const tm_tensor &tensor, const char *name) {
  return {name, tm_type_name(tensor.type),
          std::vector<int64_t>(tensor.shape, tensor.shape + tensor.rank)};
}

//===----------------------------------------------------------------------===//
// Handles
//===----------------------------------------------------------------------===//

namespace {
struct Package {
  explicit Package(const std::string &path) {
    tm_package *opened = nullptr;
    check(tm_package_open(path.c_str(), &opened));
    handle.reset(opened);
  }

  struct Release {
    void operator()(tm_package *package) const { tm_package_release(package); }
  };
  std::unique_ptr<tm_package, Release> handle;
};

struct Device {
  Device(const std::string &name, int32_t threads) {
    tm_device_options options = {sizeof(tm_device_options), threads};
    tm_device *opened = nullptr;
    check(tm_device_open(name.c_str(), &options, &opened));
    handle.reset(opened);
  }

  struct Release {
    void operator()(tm_device *device) const { tm_device_release(device); }
  };
  std::unique_ptr<tm_device, Release> handle;
};

/// A session is used by one thread at a time, and other Python threads go on
/// while it works.
class Session {
public:
  Session(const Package &package, const Device &device, int64_t rows,
          uint32_t flags) {
    nb::gil_scoped_release release;
    tm_session_options options = {sizeof(tm_session_options), flags};
    tm_session *created = nullptr;
    check(tm_session_create(package.handle.get(), device.handle.get(), rows,
                            &options, &created));
    handle.reset(created);
  }

  /// Calls `function(tm_session *)`, which returns a status.
  template <typename Function> void call(Function function) {
    nb::gil_scoped_release release;
    std::lock_guard<std::mutex> lock(mutex);
    check(function(handle.get()));
  }

  void invoke(const std::string &entry, nb::dict inputs, nb::dict outputs) {
    Tensors<Input> in(inputs, "input", /*copy=*/true);
    Tensors<Output> out(outputs, "output", /*copy=*/false);
    call([&](tm_session *session) {
      return tm_session_invoke(session, entry.c_str(), in.data(), in.size(),
                               out.data(), out.size());
    });
  }

  Description outputShape(const std::string &entry, nb::dict inputs,
                          const std::string &name) {
    Tensors<Input> in(inputs, "input", /*copy=*/true);
    tm_tensor output = {};
    call([&](tm_session *session) {
      return tm_session_output_shape(session, entry.c_str(), in.data(),
                                     in.size(), name.c_str(), &output);
    });
    return describe(output, name.c_str());
  }

  std::vector<int64_t> positions() {
    std::vector<int64_t> values(tm_session_rows(handle.get()));
    call([&](tm_session *session) {
      return tm_session_positions(session, values.data());
    });
    return values;
  }

  std::vector<Description> states() {
    std::vector<Description> result;
    for (size_t i = 0, e = tm_session_state_count(handle.get()); i < e; ++i) {
      tm_tensor state = {};
      check(tm_session_describe_state(handle.get(), i, &state));
      result.push_back(describe(state, state.name));
    }
    return result;
  }

  void readState(const std::string &name, nb::handle array) {
    nb::dict one;
    one[name.c_str()] = array;
    Tensors<Output> out(one, "state", /*copy=*/false);
    call([&](tm_session *session) {
      return tm_session_read_state(session, name.c_str(), out.data()->data,
                                   byteSize(*out.data()));
    });
  }

  void writeState(const std::string &name, nb::handle array) {
    nb::dict one;
    one[name.c_str()] = array;
    Tensors<Input> in(one, "state", /*copy=*/true);
    call([&](tm_session *session) {
      return tm_session_write_state(session, name.c_str(), in.data()->data,
                                    byteSize(*in.data()));
    });
  }

  tm_session *get() const { return handle.get(); }

private:
  static size_t byteSize(const tm_tensor &tensor) {
    size_t size = tm_type_size(tensor.type);
    for (int32_t dim = 0; dim < tensor.rank; ++dim)
      size *= static_cast<size_t>(tensor.shape[dim]);
    return size;
  }

  struct Release {
    void operator()(tm_session *session) const { tm_session_release(session); }
  };
  std::unique_ptr<tm_session, Release> handle;
  std::mutex mutex;
};
} // namespace

static std::vector<std::pair<std::string, std::string>> devices() {
  std::vector<std::pair<std::string, std::string>> result;
  for (size_t i = 0, e = tm_device_count(); i < e; ++i) {
    const char *name, *description;
    check(tm_device_describe(i, &name, &description));
    result.emplace_back(name, description);
  }
  return result;
}

//===----------------------------------------------------------------------===//
// The module
//===----------------------------------------------------------------------===//

NB_MODULE(_runtime, module) {
  if (tm_abi_version() < TM_ABI_VERSION)
    throw std::runtime_error("libtransmamba_runtime is older than this module");
  addExceptions(module);
  module.attr("NO_GRAPHS") = static_cast<uint32_t>(TM_SESSION_NO_GRAPHS);
  module.attr("POISON") = static_cast<uint32_t>(TM_SESSION_POISON);
  module.def("version", tm_version);
  module.def("devices", devices);

  nb::class_<Package>(module, "Package")
      .def(nb::init<const std::string &>(), nb::arg("path"))
      .def_prop_ro("manifest",
                   [](const Package &package) {
                     return tm_package_manifest(package.handle.get());
                   })
      .def("verify", [](const Package &package) {
        nb::gil_scoped_release release;
        check(tm_package_verify(package.handle.get()));
      });

  nb::class_<Device>(module, "Device")
      .def(nb::init<const std::string &, int32_t>(), nb::arg("name"),
           nb::arg("threads"));

  nb::class_<Session>(module, "Session")
      .def(nb::init<const Package &, const Device &, int64_t, uint32_t>(),
           nb::arg("package"), nb::arg("device"), nb::arg("rows"),
           nb::arg("flags"))
      .def_prop_ro(
          "rows",
          [](const Session &session) { return tm_session_rows(session.get()); })
      .def_prop_ro("target",
                   [](const Session &session) {
                     return tm_session_target(session.get());
                   })
      .def_prop_ro("selection",
                   [](const Session &session) {
                     return tm_session_selection(session.get());
                   })
      .def("invoke", &Session::invoke, nb::arg("entry"), nb::arg("inputs"),
           nb::arg("outputs"))
      .def("output_shape", &Session::outputShape, nb::arg("entry"),
           nb::arg("inputs"), nb::arg("name"))
      .def("positions", &Session::positions)
      .def("reset", [](Session &session) { session.call(tm_session_reset); })
      .def("states", &Session::states)
      .def("read_state", &Session::readState, nb::arg("name"), nb::arg("array"))
      .def("write_state", &Session::writeState, nb::arg("name"),
           nb::arg("array"));
}
