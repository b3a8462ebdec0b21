//===- Json.cpp - Strict reading of JSON ----------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Json.h"

#include <algorithm>
#include <cmath>
#include <vector>

using nlohmann::json;

namespace transmamba::package {

/// Values nest at most this deep; manifests need about 40 with the deepest
/// expression.
static constexpr size_t maxNesting = 64;

/// Appends `/key` with the escapes of RFC 6901.
static void appendPointer(std::string &pointer, std::string_view key) {
  pointer += '/';
  for (char c : key) {
    if (c == '~')
      pointer += "~0";
    else if (c == '/')
      pointer += "~1";
    else
      pointer += c;
  }
}

std::string printable(std::string text) {
  for (char &c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      c = '?';
  if (text.size() > 500)
    text.replace(500, std::string::npos, "...");
  return text;
}

bool isUtf8(const std::string &text) {
  try {
    (void)json(text).dump();
    return true;
  } catch (const json::type_error &) {
    return false;
  }
}

namespace {
/// Builds the document from the parser's events. The library's own builder
/// lets a repeated key win silently and nests without a bound.
class Builder final : public nlohmann::json_sax<json> {
public:
  explicit Builder(std::string_view text) : text(text) {}

  json root;

  bool null() override { return scalar(nullptr); }
  bool boolean(bool value) override { return scalar(value); }
  bool number_integer(number_integer_t value) override { return scalar(value); }
  bool number_unsigned(number_unsigned_t value) override {
    return scalar(value);
  }
  bool number_float(number_float_t value, const string_t &) override {
    return scalar(value);
  }
  bool string(string_t &value) override { return scalar(std::move(value)); }
  bool binary(binary_t &) override { return false; }

  bool start_object(std::size_t) override { return open(json::object()); }
  bool start_array(std::size_t) override { return open(json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t &value) override {
    if (levels.back().container->contains(value))
      throw JsonFailure{printable("at " + pointer() + ": the key '" + value +
                                  "' appears twice")};
    levels.back().key = std::move(value);
    return true;
  }

  bool parse_error(std::size_t position, const std::string &,
                   const nlohmann::detail::exception &error) override {
    // The message reads "[json.exception.parse_error.101] parse error at line
    // 1, column 2: syntax error ...: ..."; the place is put in front instead.
    std::string message = error.what();
    size_t colon = message.find(": ");
    if (colon != std::string::npos)
      message.erase(0, colon + 2);
    size_t end = std::min(position == 0 ? 0 : position - 1, text.size());
    std::string_view before = text.substr(0, end);
    size_t line = std::count(before.begin(), before.end(), '\n') + 1;
    size_t newline = before.rfind('\n');
    size_t column = newline == std::string_view::npos ? before.size() + 1
                                                      : before.size() - newline;
    throw JsonFailure{"line " + std::to_string(line) + ", column " +
                      std::to_string(column) + ": " + printable(message)};
  }

private:
  struct Level {
    json *container;
    std::string key;
  };

  std::string pointer() const {
    std::string result;
    for (size_t i = 0; i + 1 < levels.size(); ++i) {
      const Level &level = levels[i];
      appendPointer(result, level.container->is_array()
                                ? std::to_string(level.container->size() - 1)
                                : level.key);
    }
    return result.empty() ? "/" : result;
  }
  json *place(json value) {
    if (levels.empty())
      return &(root = std::move(value));
    Level &level = levels.back();
    if (level.container->is_array()) {
      level.container->push_back(std::move(value));
      return &level.container->back();
    }
    return &((*level.container)[level.key] = std::move(value));
  }
  bool scalar(json value) {
    place(std::move(value));
    return true;
  }
  bool open(json value) {
    if (levels.size() >= maxNesting)
      throw JsonFailure{"at " + printable(pointer()) +
                        ": values nest deeper than " +
                        std::to_string(maxNesting) + " levels"};
    json *container = place(std::move(value));
    levels.push_back({container, {}});
    return true;
  }
  bool close() {
    levels.pop_back();
    return true;
  }

  std::string_view text;
  std::vector<Level> levels;
};
} // namespace

json parseJson(std::string_view text) {
  // The parser takes a zero byte for the end of the text.
  size_t zero = text.find('\0');
  if (zero != std::string_view::npos)
    throw JsonFailure{"byte " + std::to_string(zero) + " is zero"};
  Builder builder(text);
  if (!json::sax_parse(text.begin(), text.end(), &builder))
    throw JsonFailure{"not a JSON document"};
  return std::move(builder.root);
}

std::string JsonNode::pointer() const {
  std::vector<const JsonNode *> way;
  for (const JsonNode *node = this; node->parent; node = node->parent)
    way.push_back(node);
  std::string result;
  for (auto it = way.rbegin(); it != way.rend(); ++it)
    appendPointer(result,
                  (*it)->key ? (*it)->key : std::to_string((*it)->index));
  return result.empty() ? "/" : result;
}

void JsonNode::fail(const std::string &message) const {
  throw JsonFailure{printable("at " + pointer()) + ": " + printable(message)};
}

/// What the value is, for "expected ..., found ...".
static std::string describe(const json &value) {
  if (value.is_number_float())
    return "a number that is not a 64-bit integer";
  if (value.is_number())
    return "the integer " + value.dump();
  if (value.is_string())
    return "the string '" + value.get_ref<const std::string &>() + "'";
  if (value.is_array())
    return "an array";
  if (value.is_object())
    return "an object";
  return value.dump();
}

void JsonNode::requireObject() const {
  if (!value.is_object())
    fail("expected an object, found " + describe(value));
}

std::optional<JsonNode> JsonNode::find(const char *key) const {
  requireObject();
  auto it = value.find(key);
  if (it == value.end())
    return std::nullopt;
  return JsonNode(*it, this, key, 0);
}

JsonNode JsonNode::operator[](const char *key) const {
  requireObject();
  auto it = value.find(key);
  if (it == value.end())
    fail(std::string("the key '") + key + "' is missing");
  return JsonNode(*it, this, key, 0);
}

void JsonNode::onlyKeys(std::initializer_list<const char *> keys) const {
  requireObject();
  for (auto it = value.begin(), e = value.end(); it != e; ++it) {
    if (std::find(keys.begin(), keys.end(), it.key()) != keys.end())
      continue;
    std::string known;
    for (const char *key : keys)
      known += (known.empty() ? "" : ", ") + std::string(key);
    fail("the key '" + it.key() + "' is not known here; known are " + known);
  }
}

size_t JsonNode::size() const {
  if (!value.is_array())
    fail("expected an array, found " + describe(value));
  return value.size();
}

JsonNode JsonNode::at(size_t index) const {
  return JsonNode(value[index], this, nullptr, index);
}

int64_t JsonNode::integer(int64_t low, int64_t high) const {
  bool tooLarge =
      value.is_number_unsigned() &&
      value.get<uint64_t>() >
          static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  if (!value.is_number_integer() || tooLarge)
    fail("expected an integer, found " + describe(value));
  int64_t result = value.get<int64_t>();
  if (result < low || result > high) {
    std::string range =
        high == std::numeric_limits<int64_t>::max()
            ? "at least " + std::to_string(low)
            : "in [" + std::to_string(low) + ", " + std::to_string(high) + "]";
    fail("expected an integer " + range + ", found " + std::to_string(result));
  }
  return result;
}

float JsonNode::single() const {
  if (!value.is_number())
    fail("expected a number, found " + describe(value));
  float result = static_cast<float>(value.get<double>());
  if (!std::isfinite(result))
    fail("expected a number that is finite in single precision");
  return result;
}

bool JsonNode::boolean() const {
  if (!value.is_boolean())
    fail("expected true or false, found " + describe(value));
  return value.get<bool>();
}

const std::string &JsonNode::text() const {
  if (!value.is_string())
    fail("expected a string, found " + describe(value));
  return value.get_ref<const std::string &>();
}

} // namespace transmamba::package
