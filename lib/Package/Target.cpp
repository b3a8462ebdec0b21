//===- Target.cpp - What a variant was compiled for -----------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Package/Target.h"

namespace transmamba::package {

static bool consume(std::string_view &text, std::string_view prefix) {
  if (text.substr(0, prefix.size()) != prefix)
    return false;
  text.remove_prefix(prefix.size());
  return true;
}

std::optional<Target> Target::parse(std::string_view name) {
  Target target;
  if (consume(name, "cpu:")) {
    for (const char *level : {"x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4"})
      if (name == level) {
        target.level = level;
        return target;
      }
    return std::nullopt;
  }
  if (!consume(name, "nvidia:sm_"))
    return std::nullopt;
  target.kind = Kind::Nvidia;
  target.exact = !name.empty() && name.back() == 'a';
  if (target.exact)
    name.remove_suffix(1);
  // The last digit is the minor number: sm_90, sm_103.
  if (name.size() < 2 || name.size() > 3 || name.front() == '0' ||
      name.find_first_not_of("0123456789") != std::string_view::npos)
    return std::nullopt;
  int number = std::stoi(std::string(name));
  target.major = number / 10;
  target.minor = number % 10;
  return target;
}

} // namespace transmamba::package
