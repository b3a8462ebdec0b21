//===- Target.h - What a variant was compiled for ---------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_PACKAGE_TARGET_H
#define TRANSMAMBA_PACKAGE_TARGET_H

#include <optional>
#include <string>
#include <string_view>

namespace transmamba::package {

/// A target's name, taken apart.
struct Target {
  enum class Kind { Cpu, Nvidia };

  Kind kind = Kind::Cpu;
  /// Cpu: "x86-64", "x86-64-v2", "x86-64-v3" or "x86-64-v4".
  std::string level;
  /// Nvidia: compute capability, and whether the code runs on exactly that
  /// (sm_90a) rather than on it and its successors.
  int major = 0;
  int minor = 0;
  bool exact = false;

  /// Takes "cpu:x86-64-v3" or "nvidia:sm_90a" apart; nothing for other text.
  static std::optional<Target> parse(std::string_view name);
};

} // namespace transmamba::package

#endif // TRANSMAMBA_PACKAGE_TARGET_H
