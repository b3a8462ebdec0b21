//===- Model.cpp - A package on a device ----------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Model.h"

#include "Failure.h"

#include <CLI/CLI.hpp>

#include <cstdio>

namespace transmamba::run {

using package::ElementType;
using package::NpyArray;

static void require(tm_status status) {
  if (status != TM_OK)
    throw Failure(std::string(tm_last_error()));
}

void addDeviceOptions(CLI::App &app, const std::string &group,
                      ModelOptions &options) {
  app.add_option(
         "--device", options.device,
         "cpu, cuda:N, or auto: a GPU if the package has code for it (cpu)")
      ->option_text("NAME")
      ->group(group);
  app.add_option("--threads", options.threads,
                 "Threads on the CPU; by default all")
      ->check(CLI::Range(1, 1024))
      ->option_text("N")
      ->group(group);
}

Model::Model(const std::string &path) : path(path) {
  tm_package *handle = nullptr;
  require(tm_package_open(path.c_str(), &handle));
  package.reset(handle);
  contents = unwrap(package::parseManifest(tm_package_manifest(handle), path));
}

tm_status Model::tryStart(const std::string &name,
                          const ModelOptions &options) {
  tm_device_options deviceOptions{sizeof(deviceOptions), options.threads};
  tm_device *deviceHandle = nullptr;
  tm_status status =
      tm_device_open(name.c_str(), &deviceOptions, &deviceHandle);
  if (status != TM_OK)
    return status;
  device.reset(deviceHandle);
  tm_session_options sessionOptions{sizeof(sessionOptions), options.flags};
  tm_session *sessionHandle = nullptr;
  status = tm_session_create(package.get(), deviceHandle, options.rows,
                             &sessionOptions, &sessionHandle);
  session.reset(sessionHandle);
  return status;
}

void Model::start(const ModelOptions &options) {
  if (options.device != "auto")
    return require(tryStart(options.device, options));
  // The GPUs first; a package without code for them is no error.
  for (size_t i = 1; i < tm_device_count(); ++i) {
    const char *name, *description;
    require(tm_device_describe(i, &name, &description));
    tm_status status = tryStart(name, options);
    if (status != TM_UNSUPPORTED)
      return require(status);
  }
  require(tryStart("cpu", options));
}

const package::EntryPoint &Model::entry(const std::string &name) const {
  const package::Variant *variant = &contents.variants.front();
  for (const package::Variant &candidate : contents.variants)
    if (session && candidate.target == target())
      variant = &candidate;
  std::string names;
  for (const package::EntryPoint &entry : variant->entries) {
    if (entry.name == name)
      return entry;
    names += (names.empty() ? "" : ", ") + entry.name;
  }
  throw Failure(path + ": error: there is no entry point '" + name +
                "'; there are " + names);
}

tm_tensor toTensor(const std::string &name, NpyArray &array) {
  if (array.shape.size() > TM_MAX_RANK)
    failUsage("'" + name + "' has more than " + std::to_string(TM_MAX_RANK) +
              " dimensions");
  tm_tensor tensor{};
  tensor.name = name.c_str();
  tensor.type = static_cast<tm_type>(array.type);
  tensor.rank = static_cast<int32_t>(array.shape.size());
  for (size_t i = 0; i < array.shape.size(); ++i)
    tensor.shape[i] = array.shape[i];
  tensor.data = array.data.data();
  return tensor;
}

/// Memory for a tensor that the runtime has described.
static NpyArray makeArray(const tm_tensor &tensor) {
  NpyArray array;
  array.type = static_cast<ElementType>(tensor.type);
  size_t bytes = tm_type_size(tensor.type);
  for (int32_t i = 0; i < tensor.rank; ++i) {
    array.shape.push_back(tensor.shape[i]);
    bytes *= static_cast<size_t>(tensor.shape[i]);
  }
  array.data.resize(bytes);
  return array;
}

std::vector<NamedArray> Model::invoke(const std::string &name,
                                      std::vector<NamedArray> &inputs) {
  std::vector<tm_tensor> inputTensors;
  for (NamedArray &input : inputs)
    inputTensors.push_back(toTensor(input.name, input.array));
  std::vector<NamedArray> outputs;
  for (const package::Output &output : entry(name).outputs) {
    tm_tensor described{};
    require(tm_session_output_shape(session.get(), name.c_str(),
                                    inputTensors.data(), inputTensors.size(),
                                    output.name.c_str(), &described));
    outputs.push_back({output.name, makeArray(described)});
  }
  std::vector<tm_tensor> outputTensors;
  for (NamedArray &output : outputs)
    outputTensors.push_back(toTensor(output.name, output.array));
  require(tm_session_invoke(session.get(), name.c_str(), inputTensors.data(),
                            inputTensors.size(), outputTensors.data(),
                            outputTensors.size()));
  return outputs;
}

void Model::reset() { require(tm_session_reset(session.get())); }

std::vector<int64_t> Model::positions() const {
  std::vector<int64_t> result(
      static_cast<size_t>(tm_session_rows(session.get())));
  require(tm_session_positions(session.get(), result.data()));
  return result;
}

std::vector<NamedArray> Model::states() const {
  std::vector<NamedArray> result;
  for (size_t i = 0; i < tm_session_state_count(session.get()); ++i) {
    tm_tensor described{};
    require(tm_session_describe_state(session.get(), i, &described));
    NpyArray array = makeArray(described);
    require(tm_session_read_state(session.get(), described.name,
                                  array.data.data(), array.data.size()));
    result.push_back({described.name, std::move(array)});
  }
  return result;
}

std::vector<tm_command_time> Model::profile() const {
  size_t count = 0;
  require(tm_session_profile(session.get(), nullptr, 0, &count));
  std::vector<tm_command_time> times(count);
  require(tm_session_profile(session.get(), times.data(), count, &count));
  return times;
}

std::string Model::deviceName() const { return tm_device_name(device.get()); }

std::string Model::deviceDescription() const {
  return tm_device_description(device.get());
}

void listDevices() {
  for (size_t i = 0, e = tm_device_count(); i != e; ++i) {
    const char *name, *description;
    require(tm_device_describe(i, &name, &description));
    std::printf("%-8s %s\n", name, description);
  }
}

} // namespace transmamba::run
