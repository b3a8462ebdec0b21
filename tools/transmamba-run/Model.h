//===- Model.h - A package on a device --------------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TOOLS_TRANSMAMBA_RUN_MODEL_H
#define TRANSMAMBA_TOOLS_TRANSMAMBA_RUN_MODEL_H

#include "transmamba/Package/Manifest.h"
#include "transmamba/Package/Npy.h"
#include "transmamba/Runtime/runtime.h"

#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
} // namespace CLI

namespace transmamba::run {

struct ModelOptions {
  std::string path;
  /// A device's name, or "auto".
  std::string device = "cpu";
  int threads = 0;
  int64_t rows = 1;
  uint32_t flags = 0;
};

/// --device and --threads, in a group of the help.
void addDeviceOptions(CLI::App &app, const std::string &group,
                      ModelOptions &options);

/// An array with the name of an input or output.
struct NamedArray {
  std::string name;
  package::NpyArray array;
};

/// The C interface with C++ types; a failed call throws Failure.
class Model {
public:
  /// Opens the package; `start` must follow before anything runs.
  explicit Model(const std::string &path);

  const package::Manifest &manifest() const { return contents; }

  /// Opens the device and creates the session.
  void start(const ModelOptions &options);

  /// The entry point of the variant that runs; before `start`, of the first.
  const package::EntryPoint &entry(const std::string &name) const;

  /// Runs the entry point and returns all of its outputs.
  std::vector<NamedArray> invoke(const std::string &entry,
                                 std::vector<NamedArray> &inputs);

  void reset();
  std::vector<int64_t> positions() const;
  /// All states, by their names.
  std::vector<NamedArray> states() const;
  std::vector<tm_command_time> profile() const;

  /// The session, for what this class does not do.
  tm_session *handle() const { return session.get(); }

  std::string deviceName() const;
  std::string deviceDescription() const;
  std::string target() const { return tm_session_target(session.get()); }
  std::string selection() const { return tm_session_selection(session.get()); }

private:
  struct Release {
    void operator()(tm_package *handle) const { tm_package_release(handle); }
    void operator()(tm_device *handle) const { tm_device_release(handle); }
    void operator()(tm_session *handle) const { tm_session_release(handle); }
  };

  tm_status tryStart(const std::string &device, const ModelOptions &options);

  std::string path;
  std::unique_ptr<tm_package, Release> package;
  std::unique_ptr<tm_device, Release> device;
  std::unique_ptr<tm_session, Release> session;
  package::Manifest contents;
};

/// The array as a tensor of the C interface, which refers to it.
tm_tensor toTensor(const std::string &name, package::NpyArray &array);

/// Prints the devices of this machine.
void listDevices();

} // namespace transmamba::run

#endif // TRANSMAMBA_TOOLS_TRANSMAMBA_RUN_MODEL_H
