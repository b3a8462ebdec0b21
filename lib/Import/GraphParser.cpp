//===- GraphParser.cpp - JSON to the graph --------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "GraphParser.h"
#include "Expression.h"
#include "Limits.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace transmamba;
using namespace transmamba::graph;
using Kind = JsonNode::Kind;

StringRef transmamba::graph::getName(Entry entry) {
  switch (entry) {
  case Entry::Prefill:
    return "prefill";
  case Entry::Decode:
    return "decode";
  case Entry::Forward:
    break;
  }
  return "forward";
}

static std::optional<Entry> parseEntry(StringRef name) {
  for (Entry entry : {Entry::Prefill, Entry::Decode, Entry::Forward})
    if (getName(entry) == name)
      return entry;
  return std::nullopt;
}

bool transmamba::graph::isModelNumber(StringRef name) {
  return name == "vocabulary" || name == "max_batch" || name == "max_sequence";
}

bool transmamba::graph::isName(StringRef text) {
  return !text.empty() && text.size() <= kMaxNameLength &&
         llvm::all_of(text, [](char c) {
           return llvm::isAlnum(c) || StringRef("_.-/").contains(c);
         });
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

LogicalResult GraphParser::expect(const JsonNode &node, Kind kind,
                                  StringRef what) {
  if (node.is(kind))
    return success();
  return error(node) << what << " must be " << describe(kind) << ", not "
                     << describe(node.kind);
}

LogicalResult GraphParser::checkKeys(const JsonNode &object,
                                     ArrayRef<StringRef> known) {
  for (const JsonNode *member : object.children) {
    if (!llvm::is_contained(known, member->key))
      return error(*member) << "there is no '" << printable(member->key)
                            << "' here" << suggest(member->key, known)
                            << " (known: " << llvm::join(known, ", ") << ")";
    if (member->key == "comment" &&
        failed(expect(*member, Kind::String, "a comment")))
      return failure();
  }
  return success();
}

FailureOr<const JsonNode *> GraphParser::require(const JsonNode &object,
                                                 StringRef key, Kind kind) {
  const JsonNode *member = object.find(key);
  if (!member)
    return error(object) << "'" << key << "' is missing: add it";
  if (failed(expect(*member, kind, ("'" + key + "'").str())))
    return failure();
  return member;
}

LogicalResult GraphParser::expectName(const JsonNode &node, StringRef what) {
  if (failed(expect(node, Kind::String, what)))
    return failure();
  if (isName(node.text))
    return success();
  return error(node) << what << " '" << printable(node.text)
                     << "' is not a name: use 1 to " << kMaxNameLength
                     << " letters, digits and '_', '.', '-', '/'";
}

FailureOr<int64_t> GraphParser::parseSize(const JsonNode &node,
                                          StringRef what) {
  if (failed(expect(node, Kind::Integer, what)))
    return failure();
  if (node.integer < 1 || node.integer > kMaxDim)
    return error(node) << what << " is " << node.integer
                       << ", it must be in [1, " << kMaxDim << "]";
  return node.integer;
}

LogicalResult
GraphParser::parseNames(const JsonNode &node, StringRef what,
                        SmallVectorImpl<const JsonNode *> &names) {
  if (node.is(Kind::String)) {
    names.push_back(&node);
    return expectName(node, what);
  }
  if (!node.is(Kind::Array))
    return error(node) << what << " must be a name or an array of names, not "
                       << describe(node.kind);
  for (const JsonNode *element : node.children) {
    if (failed(expectName(*element, what)))
      return failure();
    names.push_back(element);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// The model
//===----------------------------------------------------------------------===//

LogicalResult GraphParser::run(const JsonNode &root) {
  graph.json = &root;
  if (failed(expect(root, Kind::Object, "a graph")))
    return failure();
  const JsonNode *format = root.find("format");
  if (!format || format->text != "transmamba-graph")
    return error(format ? *format : root)
           << "this is not a model graph: it must begin with \"format\": "
              "\"transmamba-graph\"";
  FailureOr<const JsonNode *> version = require(root, "version", Kind::Integer);
  if (failed(version))
    return failure();
  if ((*version)->integer != 1)
    return error(**version) << "version " << (*version)->integer
                            << " of the format is not known: this compiler "
                               "reads version 1";
  if (failed(checkKeys(root,
                       {"format", "version", "comment", "name", "vocabulary",
                        "tokenizer", "max_batch", "max_sequence",
                        "element_type", "schedule", "weights", "entries",
                        "constants", "blocks", "inputs", "ops", "outputs"})) ||
      failed(parseHeader(root)) || failed(parseConstants(root)) ||
      failed(parseInputs(root)) || failed(parseBlocks(root)))
    return failure();

  graph.main.json = &root;
  FailureOr<const JsonNode *> outputs = require(root, "outputs", Kind::Array);
  if (failed(outputs) ||
      failed(parseNames(**outputs, "an output", graph.main.outputs)) ||
      failed(parseOps(root, graph.main)))
    return failure();
  if (graph.main.outputs.empty())
    return error(**outputs) << "a model needs an output";
  SmallVector<const JsonNode *> inputs;
  for (const InputNode &input : graph.inputs)
    if (input.json)
      inputs.push_back(input.json->find("name"));
  for (const std::unique_ptr<BlockNode> &block : graph.blocks)
    if (failed(checkTensors(*block, block->inputs)) ||
        failed(checkCalls(*block)))
      return failure();
  if (failed(checkTensors(graph.main, inputs)) ||
      failed(checkCalls(graph.main)))
    return failure();
  return checkRecursion();
}

LogicalResult GraphParser::parseHeader(const JsonNode &root) {
  FailureOr<const JsonNode *> name = require(root, "name", Kind::String);
  if (failed(name) || failed(expectName(**name, "the model's name")))
    return failure();
  graph.name = (*name)->text;
  if (const JsonNode *tokenizer = root.find("tokenizer")) {
    if (failed(expect(*tokenizer, Kind::String, "'tokenizer'")))
      return failure();
    if (tokenizer->text != "bytes")
      return error(*tokenizer)
             << "the tokenizer '" << printable(tokenizer->text)
             << "' is not known: give \"bytes\", or leave it out if the "
                "caller makes tokens";
    graph.tokenizer = tokenizer->text;
  }
  if (const JsonNode *weights = root.find("weights")) {
    if (failed(expect(*weights, Kind::String, "'weights'")))
      return failure();
    if (weights->text.empty() || StringRef(weights->text).contains('\0'))
      return error(*weights) << "'weights' must be the path of a safetensors "
                                "file, relative to the graph";
    graph.weights = weights->text;
    graph.weightsJson = weights;
  }
  if (failed(parseNumbers(root)) || failed(parseElementType(root)) ||
      failed(parseScheduleOf(root)))
    return failure();
  return parseEntries(root);
}

LogicalResult GraphParser::parseNumbers(const JsonNode &root) {
  if (const JsonNode *vocabulary = root.find("vocabulary")) {
    FailureOr<int64_t> size = parseSize(*vocabulary, "'vocabulary'");
    if (failed(size))
      return failure();
    graph.vocabulary = *size;
  }
  if (graph.tokenizer == "bytes" && graph.vocabulary != 256)
    return error(*root.find("tokenizer"))
           << "the tokenizer \"bytes\" needs \"vocabulary\": 256";
  for (auto [key, option, size] :
       {std::tuple("max_batch", options.maxBatch, &graph.maxBatch),
        std::tuple("max_sequence", options.maxSequence, &graph.maxSequence)}) {
    FailureOr<const JsonNode *> node = require(root, key, Kind::Integer);
    if (failed(node))
      return failure();
    FailureOr<int64_t> value =
        parseSize(**node, ("'" + Twine(key) + "'").str());
    if (failed(value))
      return failure();
    *size = option.value_or(*value);
    if (*size < 1 || *size > kMaxDim)
      return error(**node) << "the option for '" << key << "' is " << *size
                           << ", it must be in [1, " << kMaxDim << "]";
  }
  return success();
}

LogicalResult GraphParser::parseElementType(const JsonNode &root) {
  const JsonNode *node = root.find("element_type");
  if (node && failed(expect(*node, Kind::String, "'element_type'")))
    return failure();
  std::string type = options.elementType.value_or(node ? node->text : "f32");
  if (type != "f32" && type != "bf16")
    return error(node ? *node : root)
           << "the element type '" << printable(type)
           << "' is not known: give \"f32\" or \"bf16\"";
  graph.isBF16 = type == "bf16";
  return success();
}

LogicalResult GraphParser::parseScheduleOf(const JsonNode &root) {
  const JsonNode *node = root.find("schedule");
  std::string text = options.schedule.value_or("");
  if (node) {
    if (!node->is(Kind::String) && !node->is(Kind::Array))
      return error(*node) << "'schedule' must be the name of a schedule or an "
                             "array of TransPoints, not "
                          << describe(node->kind);
    if (node->is(Kind::String) && text.empty())
      text = node->text;
    if (node->is(Kind::Array) && node->children.empty())
      return error(*node) << "the schedule is empty: give at least one "
                             "TransPoint; they are cycled over the layers";
    if (node->children.size() > kMaxLayers)
      return error(*node) << "the schedule is longer than " << kMaxLayers;
    for (const JsonNode *point : node->children) {
      if (failed(expect(*point, Kind::Integer, "a TransPoint")))
        return failure();
      std::string why = checkTransPoint(point->integer);
      if (!why.empty())
        return error(*point) << why;
      graph.schedule.push_back(point->integer);
    }
  }
  if (text.empty() && !(node && node->is(Kind::String)))
    return success();
  std::string why;
  std::optional<SmallVector<int64_t>> points =
      parseScheduleText(text, graph.maxSequence, why);
  if (!points)
    return error(node ? *node : root) << why;
  graph.schedule = *points;
  return success();
}

LogicalResult GraphParser::parseEntries(const JsonNode &root) {
  const JsonNode *node = root.find("entries");
  SmallVector<std::pair<const JsonNode *, StringRef>> names;
  if (node) {
    if (failed(expect(*node, Kind::Array, "'entries'")))
      return failure();
    for (const JsonNode *element : node->children) {
      if (failed(expect(*element, Kind::String, "an entry")))
        return failure();
      names.push_back({element, element->text});
    }
  }
  if (!options.entries.empty()) {
    names.clear();
    for (const std::string &entry : options.entries)
      names.push_back({node ? node : &root, entry});
  } else if (!node) {
    names = {{&root, "prefill"}, {&root, "decode"}};
  }
  for (auto [where, name] : names) {
    std::optional<Entry> entry = parseEntry(name);
    if (!entry)
      return error(*where) << "the entry '" << printable(name)
                           << "' is not known: give \"prefill\", \"decode\" "
                              "or \"forward\"";
    if (llvm::is_contained(graph.entries, *entry))
      return error(*where) << "the entry '" << name << "' is given twice";
    graph.entries.push_back(*entry);
  }
  if (graph.entries.empty())
    return error(*node) << "a model needs an entry: give \"prefill\", "
                           "\"decode\" or \"forward\"";
  return success();
}

LogicalResult GraphParser::parseConstants(const JsonNode &root) {
  graph.constants = root.find("constants");
  if (!graph.constants)
    return success();
  if (failed(expect(*graph.constants, Kind::Object, "'constants'")))
    return failure();
  if (graph.constants->children.size() > kMaxConstants)
    return error(*graph.constants)
           << "there are more than " << kMaxConstants << " constants";
  for (const JsonNode *constant : graph.constants->children) {
    StringRef name = constant->key;
    if (!isIdentifier(name))
      return error(*constant) << "'" << printable(name)
                              << "' cannot name a constant: use letters, "
                                 "digits and '_'";
    if (isModelNumber(name))
      return error(*constant)
             << "'" << name
             << "' is an attribute of the model already: choose another name";
    if (!constant->is(Kind::Integer) && !constant->is(Kind::Float) &&
        !constant->is(Kind::String))
      return error(*constant)
             << "a constant must be a number or an expression, not "
             << describe(constant->kind);
  }
  return success();
}

LogicalResult GraphParser::parseInputs(const JsonNode &root) {
  const JsonNode *node = root.find("inputs");
  if (!node) {
    graph.inputs.push_back({nullptr, "tokens"});
  } else {
    if (failed(expect(*node, Kind::Array, "'inputs'")))
      return failure();
    if (node->children.empty())
      return error(*node) << "a model needs an input";
    for (const JsonNode *json : node->children) {
      if (failed(expect(*json, Kind::Object, "an input")) ||
          failed(checkKeys(*json, {"name", "type", "width", "element_type"})))
        return failure();
      FailureOr<const JsonNode *> name = require(*json, "name", Kind::String);
      if (failed(name) || failed(expectName(**name, "an input's name")))
        return failure();
      if ((*name)->text == "lengths" || (*name)->text == "positions")
        return error(**name) << "'" << (*name)->text
                             << "' is an input that the compiler adds: choose "
                                "another name";
      FailureOr<const JsonNode *> type = require(*json, "type", Kind::String);
      if (failed(type))
        return failure();
      if ((*type)->text != "tokens" && (*type)->text != "features")
        return error(**type) << "the type '" << printable((*type)->text)
                             << "' is not known: give \"tokens\" or "
                                "\"features\"";
      bool isFeatures = (*type)->text == "features";
      InputNode input{json, (*name)->text, json->find("width")};
      if (isFeatures && !input.width)
        return error(*json) << "'width' is missing: features have a width";
      const JsonNode *element = json->find("element_type");
      if (!isFeatures && (input.width || element))
        return error(input.width ? *input.width : *element)
               << "tokens are int32, one a position: remove this";
      if (input.width && !input.width->is(Kind::Integer) &&
          !input.width->is(Kind::String))
        return error(*input.width)
               << "'width' must be an integer or an expression, not "
               << describe(input.width->kind);
      if (element) {
        if (failed(expect(*element, Kind::String, "'element_type'")))
          return failure();
        if (element->text != "f32" && element->text != "model")
          return error(*element) << "'element_type' must be \"model\" or "
                                    "\"f32\"";
        input.isModelElement = element->text == "model";
      }
      graph.inputs.push_back(std::move(input));
    }
  }
  for (const InputNode &input : graph.inputs)
    if (!input.width && graph.vocabulary == 0)
      return error(input.json ? *input.json : root)
             << "'vocabulary' is missing: tokens are numbers below it";
  return success();
}

FailureOr<Graph> transmamba::graph::parseGraph(const Source &source,
                                               const JsonDocument &document,
                                               const ImportOptions &options) {
  GraphParser parser(source, options);
  if (failed(parser.run(document.getRoot())))
    return failure();
  return std::move(parser.graph);
}
