//===- Json.h - JSON with positions -----------------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// A JSON document in which every value knows where it stands in the text. The
// text is read by nlohmann/json's event parser, which checks syntax, numbers
// and UTF-8; its own tree has no positions.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_IMPORT_JSON_H
#define TRANSMAMBA_LIB_IMPORT_JSON_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/StringMap.h"
#include <deque>
#include <string>
#include <vector>

namespace transmamba::graph {

class Source;

struct JsonNode {
  enum class Kind { Null, Boolean, Integer, Float, String, Array, Object };

  Kind kind = Kind::Null;
  bool boolean = false;
  int64_t integer = 0;
  double number = 0;
  /// The characters of a string; nothing else has text.
  std::string text;
  /// Elements of an array, or values of an object in the order of the text.
  std::vector<JsonNode *> children;
  /// The members of an object by key.
  llvm::StringMap<JsonNode *> members;

  /// The offset of the first byte.
  size_t offset = 0;
  const JsonNode *parent = nullptr;
  /// The key or the number of this value in its parent.
  std::string key;
  size_t index = 0;

  bool is(Kind other) const { return kind == other; }
  /// The member of an object, or null.
  const JsonNode *find(llvm::StringRef name) const;
  /// The JSON pointer (RFC 6901) of this value; "/" for the whole document.
  std::string getPointer() const;
};

/// "a string", "an object", ...
llvm::StringRef describe(JsonNode::Kind kind);

/// Owns the nodes of a document.
class JsonDocument {
public:
  const JsonNode &getRoot() const { return nodes.front(); }

private:
  friend class JsonBuilder;
  std::deque<JsonNode> nodes;
};

/// Reads the text of `source`; reports the first error.
mlir::FailureOr<JsonDocument> parseJson(const Source &source);

} // namespace transmamba::graph

#endif // TRANSMAMBA_LIB_IMPORT_JSON_H
