//===- Device.cpp - Choosing the variant to run ---------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Device.h"

#include "Failure.h"

namespace transmamba::runtime {

std::shared_ptr<Program>
Device::load(const std::shared_ptr<const package::Package> &package) {
  std::lock_guard<std::mutex> lock(mutex);
  if (std::shared_ptr<Program> program = programs[package.get()].lock())
    return program;
  std::shared_ptr<Program> program;
  std::string selection;
  for (const package::Variant &variant : package->manifest().variants) {
    selection += (selection.empty() ? "" : "\n") + variant.target + ": ";
    if (program) {
      selection += "not needed, an earlier variant runs";
      continue;
    }
    // Validation has parsed every target.
    std::string reason =
        refusal(*package::Target::parse(variant.target), variant);
    if (reason.empty())
      program = loadVariant(package, variant);
    selection += reason.empty() ? "taken" : reason;
  }
  if (!program) {
    std::string reasons = selection;
    for (char &c : reasons)
      if (c == '\n')
        c = ';';
    throw Failure(TM_UNSUPPORTED, package->path(),
                  "has no variant that " + name() + " (" + description() +
                      ") can run: " + reasons +
                      "; compile the model for a target of this machine");
  }
  program->choice = selection;
  programs[package.get()] = program;
  return program;
}

} // namespace transmamba::runtime
