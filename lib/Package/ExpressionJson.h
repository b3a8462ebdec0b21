//===- ExpressionJson.h - Expressions in manifests --------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Private to lib/Package.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_PACKAGE_EXPRESSIONJSON_H
#define TRANSMAMBA_LIB_PACKAGE_EXPRESSIONJSON_H

#include "Json.h"
#include "transmamba/Package/Expression.h"

namespace transmamba::package {

/// The expression that `node` holds; throws JsonFailure.
Expression parseExpression(const JsonNode &node);

/// The inverse of parseExpression.
nlohmann::ordered_json expressionToJson(const Expression &expression);

/// True for what can name a symbol: a letter or underscore, then letters,
/// digits and underscores, 64 characters at most.
bool isIdentifier(std::string_view name);

} // namespace transmamba::package

#endif // TRANSMAMBA_LIB_PACKAGE_EXPRESSIONJSON_H
