//===- ManifestNames.h - How enumerations read in a manifest ----*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Private to lib/Package.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_PACKAGE_MANIFESTNAMES_H
#define TRANSMAMBA_LIB_PACKAGE_MANIFESTNAMES_H

#include "transmamba/Package/Manifest.h"

#include <string_view>

namespace transmamba::package {

inline constexpr const char *formatName = "transmamba-package";

inline constexpr Argument::Kind argumentKinds[] = {
    Argument::Kind::Input, Argument::Kind::Output, Argument::Kind::Parameter,
    Argument::Kind::State, Argument::Kind::Arena,  Argument::Kind::Scalar,
    Argument::Kind::F32};

std::string_view argumentKindName(Argument::Kind kind);
/// Empty for no role.
std::string_view roleName(Input::Role role);
std::string_view swizzleName(TensorMap::Swizzle swizzle);
std::string_view promotionName(TensorMap::Promotion promotion);

} // namespace transmamba::package

#endif // TRANSMAMBA_LIB_PACKAGE_MANIFESTNAMES_H
