//===- Json.cpp - JSON with positions -------------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Json.h"
#include "Limits.h"
#include "Source.h"
#include "llvm/ADT/StringExtras.h"
#include <nlohmann/json.hpp>

using namespace mlir;
using namespace transmamba::graph;

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

const JsonNode *JsonNode::find(StringRef name) const {
  return members.lookup(name);
}

std::string JsonNode::getPointer() const {
  SmallVector<const JsonNode *> path;
  for (const JsonNode *node = this; node->parent; node = node->parent)
    path.push_back(node);
  if (path.empty())
    return "/";
  std::string pointer;
  for (const JsonNode *node : llvm::reverse(path)) {
    pointer += '/';
    if (node->parent->is(Kind::Array)) {
      pointer += std::to_string(node->index);
      continue;
    }
    for (char c : printable(node->key)) {
      if (c == '~')
        pointer += "~0";
      else if (c == '/')
        pointer += "~1";
      else
        pointer += c;
    }
  }
  return pointer;
}

StringRef transmamba::graph::describe(JsonNode::Kind kind) {
  switch (kind) {
  case JsonNode::Kind::Null:
    return "null";
  case JsonNode::Kind::Boolean:
    return "a boolean";
  case JsonNode::Kind::Integer:
    return "an integer";
  case JsonNode::Kind::Float:
    return "a number";
  case JsonNode::Kind::String:
    return "a string";
  case JsonNode::Kind::Array:
    return "an array";
  case JsonNode::Kind::Object:
    break;
  }
  return "an object";
}

//===----------------------------------------------------------------------===//
// The event parser
//===----------------------------------------------------------------------===//

namespace {
/// Gives the parser its characters and tells us how far it has read: the
/// events carry no position.
class ReadingIterator {
public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char *;
  using reference = const char &;

  ReadingIterator(const char *at, const char **read) : at(at), read(read) {}
  const char &operator*() const { return *at; }
  ReadingIterator &operator++() {
    *read = ++at;
    return *this;
  }
  ReadingIterator operator++(int) {
    ReadingIterator old = *this;
    ++*this;
    return old;
  }
  bool operator==(const ReadingIterator &other) const { return at == other.at; }
  bool operator!=(const ReadingIterator &other) const { return at != other.at; }

private:
  const char *at;
  const char **read;
};
} // namespace

namespace transmamba::graph {
/// Receives the events of nlohmann's parser. A function that returns false
/// stops the parser; the error has been reported then.
class JsonBuilder {
public:
  JsonBuilder(const Source &source) : source(source) {
    begin = read = last = source.getText().data();
  }

  FailureOr<JsonDocument> run() {
    bool valid = false;
    // The event interface reports errors through `parse_error`; exceptions
    // would be those of the input adapter.
    try {
      const char *end = begin + source.getText().size();
      valid = nlohmann::json::sax_parse(ReadingIterator(begin, &read),
                                        ReadingIterator(end, &read), this);
    } catch (const nlohmann::json::exception &error) {
      source.errorAt(0) << error.what();
    }
    if (!valid)
      return failure();
    return std::move(document);
  }

  bool null() { return add(JsonNode::Kind::Null) != nullptr; }
  bool boolean(bool value) {
    JsonNode *node = add(JsonNode::Kind::Boolean);
    if (node)
      node->boolean = value;
    return node != nullptr;
  }
  bool number_integer(int64_t value) {
    JsonNode *node = add(JsonNode::Kind::Integer);
    if (node)
      node->integer = value;
    return node != nullptr;
  }
  bool number_unsigned(uint64_t value) {
    JsonNode *node = add(JsonNode::Kind::Integer);
    if (!node)
      return false;
    node->integer = static_cast<int64_t>(value);
    if (value <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      return true;
    return outOfRange(*node, std::to_string(value));
  }
  bool number_float(double value, const std::string &literal) {
    JsonNode *node = add(JsonNode::Kind::Float);
    if (!node)
      return false;
    node->number = value;
    // The parser turns an integer that fits no 64 bits into a float.
    if (literal.find_first_of(".eE") != std::string::npos)
      return true;
    return outOfRange(*node, literal);
  }
  bool string(std::string &value) {
    JsonNode *node = add(JsonNode::Kind::String);
    if (node)
      node->text = std::move(value);
    return node != nullptr;
  }
  bool binary(nlohmann::json::binary_t &) { return false; }

  bool start_object(size_t) { return open(JsonNode::Kind::Object); }
  bool start_array(size_t) { return open(JsonNode::Kind::Array); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(std::string &value) {
    keyOffset = advance();
    nextKey = std::move(value);
    const JsonNode *previous = stack.back()->find(nextKey);
    if (!previous)
      return true;
    InFlightDiagnostic error =
        source.errorAt(keyOffset, stack.back()->getPointer());
    error << "the key '" << printable(nextKey)
          << "' is given twice: remove one of the two";
    error.attachNote(source.locate(*previous)) << "given here";
    return false;
  }

  bool parse_error(size_t position, const std::string &,
                   const nlohmann::json::exception &error) {
    // "[json.exception...] parse error at line 1, column 2: why": our own
    // location comes first, so only the reason is kept.
    StringRef why = error.what();
    size_t column = why.find(", column ");
    if (column != StringRef::npos)
      why = why.substr(why.find(": ", column) + 2);
    else
      why = why.substr(why.find("] ") + 2);
    size_t offset = position == 0 ? 0 : position - 1;
    source.errorAt(std::min(offset, source.getText().size()))
        << "not valid JSON: " << printable(why);
    return false;
  }

private:
  /// The offset of the token that was read last: what lies before it is space
  /// and separators only.
  size_t advance() {
    StringRef skipped(last, read - last);
    size_t first = skipped.find_first_not_of(" \t\r\n,:\xEF\xBB\xBF");
    size_t offset =
        (last - begin) + (first == StringRef::npos ? skipped.size() : first);
    last = read;
    return offset;
  }

  bool outOfRange(const JsonNode &node, StringRef literal) {
    source.error(node) << "the number " << printable(literal)
                       << " is out of range: integers have 64 bits";
    return false;
  }

  JsonNode *add(JsonNode::Kind kind) {
    size_t offset = advance();
    if (document.nodes.size() >= kMaxNodes) {
      source.errorAt(offset) << "the graph has more than " << kMaxNodes
                             << " values: move what repeats into blocks";
      return nullptr;
    }
    JsonNode &node = document.nodes.emplace_back();
    node.kind = kind;
    node.offset = offset;
    if (stack.empty())
      return &node;
    JsonNode *parent = stack.back();
    node.parent = parent;
    node.index = parent->children.size();
    parent->children.push_back(&node);
    if (parent->is(JsonNode::Kind::Object)) {
      node.key = nextKey;
      parent->members[nextKey] = &node;
    }
    return &node;
  }

  bool open(JsonNode::Kind kind) {
    JsonNode *node = add(kind);
    if (!node)
      return false;
    if (stack.size() >= kMaxNesting) {
      source.errorAt(node->offset)
          << "values are nested deeper than " << kMaxNesting
          << " levels: a graph needs no more than 8";
      return false;
    }
    stack.push_back(node);
    return true;
  }

  bool close() {
    last = read;
    stack.pop_back();
    return true;
  }

  const Source &source;
  JsonDocument document;
  SmallVector<JsonNode *> stack;
  std::string nextKey;
  size_t keyOffset = 0;
  /// The text, how far the parser has read it, and where the last token ended.
  const char *begin, *read, *last;
};
} // namespace transmamba::graph

FailureOr<JsonDocument> transmamba::graph::parseJson(const Source &source) {
  if (source.getText().size() > kMaxFileSize) {
    source.errorAt(0) << "the graph has " << source.getText().size()
                      << " bytes, more than " << kMaxFileSize
                      << ": weights belong in a safetensors file";
    return failure();
  }
  // The parser takes a zero byte for the end of the text.
  size_t zero = source.getText().find('\0');
  if (zero != StringRef::npos) {
    source.errorAt(zero) << "not valid JSON: a zero byte in the text";
    return failure();
  }
  return JsonBuilder(source).run();
}
