//===- ManifestChecks.h - What the checks of a manifest share ---*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_PACKAGE_MANIFESTCHECKS_H
#define TRANSMAMBA_LIB_PACKAGE_MANIFESTCHECKS_H

#include "transmamba/Package/Manifest.h"

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace transmamba::package {

/// Nothing that a package describes is larger than this (2^48 bytes), so that
/// sums of a few such sizes cannot overflow.
inline constexpr int64_t maxBytes = int64_t(1) << 48;

std::string inQuotes(std::string_view text);
/// A JSON pointer one step further.
std::string at(const std::string &place, std::string_view key);
std::string at(const std::string &place, size_t index);

[[noreturn]] void fail(const std::string &place, const std::string &message);

/// Names go to terminals and file systems: no control characters, no absurd
/// lengths.
void checkName(const std::string &place, const std::string &name);

/// Names that end up in object code or in file names.
void checkPlainName(const std::string &place, const std::string &name,
                    std::string_view alsoAllowed);

/// Checks an integer shape and returns its size in bytes.
int64_t checkShape(const std::string &place, const std::vector<int64_t> &shape,
                   ElementType type);

/// Checks that the names of a list are names, and different.
template <typename T>
void checkNames(const std::string &place, const std::vector<T> &items) {
  std::set<std::string_view> seen;
  for (size_t i = 0; i < items.size(); ++i) {
    std::string itemPlace = at(at(place, i), "name");
    checkName(itemPlace, items[i].name);
    if (!seen.insert(items[i].name).second)
      fail(itemPlace, "the name " + inQuotes(items[i].name) + " appears twice");
  }
}

template <typename T>
const T *findNamed(const std::vector<T> &items, std::string_view name) {
  for (const T &item : items)
    if (item.name == name)
      return &item;
  return nullptr;
}

/// Checks one entry point of a variant, `place` being where it stands. Throws.
void checkEntry(const Manifest &manifest, const Variant &variant,
                const EntryPoint &entry, const std::string &place);

} // namespace transmamba::package

#endif // TRANSMAMBA_LIB_PACKAGE_MANIFESTCHECKS_H
