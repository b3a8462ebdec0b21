//===- Json.h - Strict reading of JSON --------------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Private to lib/Package. Inside the library a failed check of a JSON document
// is a JsonFailure exception; the public functions turn it into an Error.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_PACKAGE_JSON_H
#define TRANSMAMBA_LIB_PACKAGE_JSON_H

#include <nlohmann/json.hpp>

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace transmamba::package {

/// Thrown where a document is not what it should be.
struct JsonFailure {
  std::string message;
};

/// `text` without control characters and not too long, for messages on a
/// terminal.
std::string printable(std::string text);

/// Whether a text can stand in JSON.
bool isUtf8(const std::string &text);

/// Parses `text` strictly: no duplicate keys, no trailing bytes, bounded
/// nesting. Throws JsonFailure with line and column, or with a JSON pointer.
nlohmann::json parseJson(std::string_view text);

/// A value inside a document, which knows the way to it. Children refer to
/// their parents, which must outlive them.
class JsonNode {
public:
  explicit JsonNode(const nlohmann::json &root) : value(root) {}

  /// Throws a JsonFailure that names the place.
  [[noreturn]] void fail(const std::string &message) const;
  /// The JSON pointer of this value.
  std::string pointer() const;

  bool isArray() const { return value.is_array(); }
  bool isObject() const { return value.is_object(); }
  bool isString() const { return value.is_string(); }
  bool isInteger() const { return value.is_number_integer(); }

  /// The member `key`; a failure where it is absent.
  JsonNode operator[](const char *key) const;
  /// The member `key`, or nothing.
  std::optional<JsonNode> find(const char *key) const;
  /// Fails unless this is an object whose keys are all among `keys`.
  void onlyKeys(std::initializer_list<const char *> keys) const;

  /// The number of elements of an array.
  size_t size() const;
  /// Element `index` of an array; the index is in bounds.
  JsonNode at(size_t index) const;
  /// Calls `visit(JsonNode)` for each element of an array.
  template <typename Visitor> void forEach(Visitor &&visit) const {
    for (size_t i = 0, e = size(); i != e; ++i)
      visit(at(i));
  }
  /// Calls `visit(key, JsonNode)` for each member of an object.
  template <typename Visitor> void forEachMember(Visitor &&visit) const {
    requireObject();
    for (auto it = value.begin(), e = value.end(); it != e; ++it)
      visit(it.key(), JsonNode(it.value(), this, it.key().c_str(), 0));
  }

  /// An integer in [low, high].
  int64_t integer(int64_t low = std::numeric_limits<int64_t>::min(),
                  int64_t high = std::numeric_limits<int64_t>::max()) const;
  /// A number that is finite in single precision, rounded to it.
  float single() const;
  const std::string &text() const;
  bool boolean() const;

private:
  JsonNode(const nlohmann::json &value, const JsonNode *parent, const char *key,
           size_t index)
      : value(value), parent(parent), key(key), index(index) {}
  void requireObject() const;

  const nlohmann::json &value;
  const JsonNode *parent = nullptr;
  /// The key in the parent, or null where the parent is an array.
  const char *key = nullptr;
  size_t index = 0;
};

} // namespace transmamba::package

#endif // TRANSMAMBA_LIB_PACKAGE_JSON_H
