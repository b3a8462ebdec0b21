//===- GraphParser.cpp - JSON to the graph --------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Expression.h"
#include "Graph.h"
#include "Limits.h"
#include "Source.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

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
    return "forward";
  }
  llvm_unreachable("all entries are handled");
}

static std::optional<Entry> parseEntry(StringRef name) {
  for (Entry entry : {Entry::Prefill, Entry::Decode, Entry::Forward})
    if (getName(entry) == name)
      return entry;
  return std::nullopt;
}

/// Names of tensors, blocks and the model: they appear in names of the IR.
static bool isName(StringRef text) {
  return !text.empty() && text.size() <= kMaxNameLength &&
         llvm::all_of(text, [](char c) {
           return llvm::isAlnum(c) || StringRef("_.-/").contains(c);
         });
}

namespace {
class GraphParser {
public:
  GraphParser(const Source &source, const ImportOptions &options)
      : source(source), options(options) {}

  LogicalResult run(const JsonNode &root);
  Graph graph;

private:
  InFlightDiagnostic error(const JsonNode &node) { return source.error(node); }

  // Values.
  LogicalResult expect(const JsonNode &node, Kind kind, StringRef what);
  LogicalResult checkKeys(const JsonNode &object, ArrayRef<StringRef> known);
  FailureOr<const JsonNode *> require(const JsonNode &object, StringRef key,
                                      Kind kind);
  LogicalResult expectName(const JsonNode &node, StringRef what);
  FailureOr<int64_t> parseSize(const JsonNode &node, StringRef what);
  LogicalResult parseNames(const JsonNode &node, StringRef what,
                           SmallVectorImpl<const JsonNode *> &names);

  // The model.
  LogicalResult parseHeader(const JsonNode &root);
  LogicalResult parseNumbers(const JsonNode &root);
  LogicalResult parseElementType(const JsonNode &root);
  LogicalResult parseScheduleOf(const JsonNode &root);
  LogicalResult parseEntries(const JsonNode &root);
  LogicalResult parseConstants(const JsonNode &root);
  LogicalResult parseInputs(const JsonNode &root);

  // Blocks and operations.
  LogicalResult parseBlocks(const JsonNode &root);
  LogicalResult parseOps(const JsonNode &object, BlockNode &block);
  LogicalResult parseOp(const JsonNode &json, OpNode &op);
  LogicalResult parseAttribute(const JsonNode &value, const AttrSpec &spec);
  LogicalResult checkTensors(const BlockNode &block,
                             ArrayRef<const JsonNode *> inputs);
  LogicalResult checkCalls(const BlockNode &block);
  LogicalResult checkCall(const OpNode &op, const JsonNode &name);
  LogicalResult checkRepeat(const OpNode &op);
  LogicalResult checkRecursion();

  const Source &source;
  const ImportOptions &options;
};
} // namespace

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
  for (const JsonNode *member : object.children)
    if (!llvm::is_contained(known, member->key))
      return error(*member) << "there is no '" << printable(member->key)
                            << "' here" << suggest(member->key, known)
                            << " (known: " << llvm::join(known, ", ") << ")";
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
      parseSchedule(text, graph.maxSequence, why);
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
    if (name == "vocabulary" || name == "max_batch" || name == "max_sequence")
      return error(*constant) << "'" << name << "' is the model's attribute of "
                              << "that name already: choose another name";
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

//===----------------------------------------------------------------------===//
// Blocks and operations
//===----------------------------------------------------------------------===//

LogicalResult GraphParser::parseBlocks(const JsonNode &root) {
  const JsonNode *blocks = root.find("blocks");
  if (!blocks)
    return success();
  if (failed(expect(*blocks, Kind::Object, "'blocks'")))
    return failure();
  if (blocks->children.size() > kMaxBlocks)
    return error(*blocks) << "there are more than " << kMaxBlocks << " blocks";
  for (const JsonNode *json : blocks->children) {
    if (!isName(json->key))
      return error(*json) << "'" << printable(json->key)
                          << "' cannot name a block: use letters, digits and "
                             "'_', '.', '-', '/'";
    auto block = std::make_unique<BlockNode>();
    block->json = json;
    block->name = json->key;
    if (failed(expect(*json, Kind::Object, "a block")) ||
        failed(checkKeys(
            *json, {"comment", "inputs", "outputs", "parameters", "ops"})))
      return failure();
    FailureOr<const JsonNode *> inputs = require(*json, "inputs", Kind::Array);
    if (failed(inputs) ||
        failed(parseNames(**inputs, "an input", block->inputs)))
      return failure();
    FailureOr<const JsonNode *> outputs =
        require(*json, "outputs", Kind::Array);
    if (failed(outputs) ||
        failed(parseNames(**outputs, "an output", block->outputs)))
      return failure();
    if (block->inputs.empty() || block->outputs.empty())
      return error(block->inputs.empty() ? **inputs : **outputs)
             << "a block needs inputs and outputs";
    if (const JsonNode *parameters = json->find("parameters")) {
      if (failed(expect(*parameters, Kind::Array, "'parameters'")) ||
          failed(parseNames(*parameters, "a parameter", block->parameters)))
        return failure();
      llvm::StringSet<> seen;
      for (const JsonNode *parameter : block->parameters) {
        if (!isIdentifier(parameter->text))
          return error(*parameter) << "'" << parameter->text
                                   << "' cannot name a parameter: use letters, "
                                      "digits and '_'";
        if (!seen.insert(parameter->text).second)
          return error(*parameter)
                 << "the parameter '" << parameter->text << "' is given twice";
        if (graph.constants && graph.constants->find(parameter->text))
          return error(*parameter) << "the parameter '" << parameter->text
                                   << "' hides the constant of that name: "
                                      "rename one of the two";
      }
    }
    if (failed(parseOps(*json, *block)))
      return failure();
    graph.blockByName[block->name] = block.get();
    graph.blocks.push_back(std::move(block));
  }
  return success();
}

LogicalResult GraphParser::parseOps(const JsonNode &object, BlockNode &block) {
  FailureOr<const JsonNode *> ops = require(object, "ops", Kind::Array);
  if (failed(ops))
    return failure();
  if ((*ops)->children.empty())
    return error(**ops) << "there are no operations: add at least one";
  for (const JsonNode *json : (*ops)->children)
    if (failed(parseOp(*json, block.ops.emplace_back())))
      return failure();
  return success();
}

/// "1", "2 or more", "4 to 5".
static std::string describeCount(unsigned min, unsigned max) {
  std::string text = std::to_string(min);
  if (max == ~0u)
    return text + " or more";
  return max == min ? text : text + " to " + std::to_string(max);
}

LogicalResult GraphParser::parseOp(const JsonNode &json, OpNode &op) {
  op.json = &json;
  if (failed(expect(json, Kind::Object, "an operation")))
    return failure();
  FailureOr<const JsonNode *> name = require(json, "op", Kind::String);
  if (failed(name))
    return failure();
  op.spec = findOpSpec((*name)->text);
  if (!op.spec) {
    SmallVector<StringRef> known;
    for (const OpSpec &spec : getOpSpecs())
      known.push_back(spec.name);
    return error(**name) << "the operation '" << printable((*name)->text)
                         << "' is not known" << suggest((*name)->text, known)
                         << " (docs/graph.md lists them)";
  }

  SmallVector<StringRef> known = {"op", "in", "out", "comment"};
  for (const AttrSpec &attribute : op.spec->attributes)
    known.push_back(attribute.name);
  if (failed(checkKeys(json, known)))
    return failure();
  for (auto [key, names, min, max] :
       {std::tuple("in", &op.inputs, op.spec->minInputs, op.spec->maxInputs),
        std::tuple("out", &op.outputs, op.spec->minOutputs,
                   op.spec->maxOutputs)}) {
    const JsonNode *node = json.find(key);
    if (!node)
      return error(json) << "'" << key << "' is missing: name the tensors";
    if (failed(parseNames(*node, "a tensor", *names)))
      return failure();
    if (names->size() < min || names->size() > max)
      return error(*node) << "'" << op.spec->name << "' has "
                          << describeCount(min, max) << " tensors in '" << key
                          << "', not " << names->size();
  }
  for (const AttrSpec &attribute : op.spec->attributes) {
    const JsonNode *value = json.find(attribute.name);
    op.attributes.push_back(value);
    if (!value && attribute.required)
      return error(json) << "'" << op.spec->name << "' needs '"
                         << attribute.name << "': add it";
    if (value && failed(parseAttribute(*value, attribute)))
      return failure();
  }
  return success();
}

LogicalResult GraphParser::parseAttribute(const JsonNode &value,
                                          const AttrSpec &spec) {
  std::string what = ("'" + spec.name + "'").str();
  auto isExpression = [](const JsonNode &node) {
    return node.is(Kind::Integer) || node.is(Kind::String);
  };
  switch (spec.kind) {
  case AttrKind::Integer:
    if (isExpression(value))
      return success();
    return error(value) << what << " must be an integer or an expression, not "
                        << describe(value.kind);
  case AttrKind::Float:
    if (isExpression(value) || value.is(Kind::Float))
      return success();
    return error(value) << what << " must be a number or an expression, not "
                        << describe(value.kind);
  case AttrKind::Integers:
    if (failed(expect(value, Kind::Array, what)))
      return failure();
    for (const JsonNode *element : value.children)
      if (!isExpression(*element))
        return error(*element)
               << what << " must hold integers or expressions, not "
               << describe(element->kind);
    return success();
  case AttrKind::Boolean:
    return expect(value, Kind::Boolean, what);
  case AttrKind::Choice: {
    if (failed(expect(value, Kind::String, what)))
      return failure();
    SmallVector<StringRef> choices(spec.choices.begin(), spec.choices.end());
    if (llvm::is_contained(choices, value.text))
      return success();
    return error(value) << what << " cannot be '" << printable(value.text)
                        << "'" << suggest(value.text, choices)
                        << " (known: " << llvm::join(choices, ", ") << ")";
  }
  case AttrKind::Weight:
  case AttrKind::Text:
    if (failed(expect(value, Kind::String, what)))
      return failure();
    if (!value.text.empty() && value.text.size() <= kMaxNameLength &&
        llvm::all_of(value.text, [](char c) { return llvm::isPrint(c); }))
      return success();
    return error(value) << what << " must be 1 to " << kMaxNameLength
                        << " printable ASCII characters";
  case AttrKind::Identifier:
    if (failed(expect(value, Kind::String, what)))
      return failure();
    if (isIdentifier(value.text))
      return success();
    return error(value) << what << " '" << printable(value.text)
                        << "' must consist of letters, digits and '_'";
  case AttrKind::Block:
    return expectName(value, what);
  case AttrKind::Blocks: {
    SmallVector<const JsonNode *> names;
    if (failed(parseNames(value, what, names)))
      return failure();
    if (names.empty())
      return error(value) << what << " is empty: name the blocks to repeat";
    return success();
  }
  case AttrKind::Arguments:
    if (failed(expect(value, Kind::Object, what)))
      return failure();
    for (const JsonNode *argument : value.children)
      if (!isExpression(*argument) && !argument->is(Kind::Float))
        return error(*argument)
               << "an argument must be a number or an expression, not "
               << describe(argument->kind);
    return success();
  }
  llvm_unreachable("all kinds are handled");
}

//===----------------------------------------------------------------------===//
// Names that are used
//===----------------------------------------------------------------------===//

/// Every tensor is defined once, before its uses.
LogicalResult GraphParser::checkTensors(const BlockNode &block,
                                        ArrayRef<const JsonNode *> inputs) {
  llvm::StringMap<const JsonNode *> defined;
  SmallVector<StringRef> names;
  auto define = [&](const JsonNode &name) -> LogicalResult {
    auto [previous, isNew] = defined.try_emplace(name.text, &name);
    if (isNew) {
      names.push_back(name.text);
      return success();
    }
    InFlightDiagnostic diagnostic =
        error(name) << "the tensor '" << name.text
                    << "' is defined already: choose another name";
    diagnostic.attachNote(source.locate(*previous->second)) << "defined here";
    return diagnostic;
  };
  auto use = [&](const JsonNode &name) -> LogicalResult {
    if (defined.contains(name.text))
      return success();
    return error(name) << "the tensor '" << name.text << "' is not defined here"
                       << suggest(name.text, names)
                       << ": only inputs and outputs of earlier operations of "
                          "the same list can be used";
  };
  // The default input has no place in the file.
  bool isMain = &block == &graph.main;
  if (isMain && inputs.empty()) {
    defined["tokens"] = graph.json;
    names.push_back("tokens");
  }
  for (const JsonNode *input : inputs)
    if (failed(define(*input)))
      return failure();
  for (const OpNode &op : block.ops) {
    for (const JsonNode *input : op.inputs)
      if (failed(use(*input)))
        return failure();
    for (const JsonNode *output : op.outputs)
      if (failed(define(*output)))
        return failure();
  }
  llvm::StringSet<> seen;
  for (const JsonNode *output : block.outputs) {
    if (failed(use(*output)))
      return failure();
    if (isMain && !seen.insert(output->text).second)
      return error(*output)
             << "the output '" << output->text << "' is given twice";
  }
  return success();
}

LogicalResult GraphParser::checkCalls(const BlockNode &block) {
  for (const OpNode &op : block.ops) {
    if (op.spec->kind == OpKind::Call &&
        failed(checkCall(op, *op.get("block"))))
      return failure();
    if (op.spec->kind == OpKind::Repeat && failed(checkRepeat(op)))
      return failure();
  }
  return success();
}

/// The block exists, and takes and gives as many tensors.
LogicalResult GraphParser::checkCall(const OpNode &op, const JsonNode &name) {
  const BlockNode *block = graph.blockByName.lookup(name.text);
  if (!block) {
    SmallVector<StringRef> known;
    for (const std::unique_ptr<BlockNode> &other : graph.blocks)
      known.push_back(other->name);
    return error(name) << "there is no block '" << name.text << "'"
                       << suggest(name.text, known);
  }
  if (op.inputs.size() != block->inputs.size())
    return error(*op.json->find("in"))
           << "the block '" << block->name << "' has " << block->inputs.size()
           << " inputs, not " << op.inputs.size();
  if (op.outputs.size() != block->outputs.size())
    return error(*op.json->find("out"))
           << "the block '" << block->name << "' has " << block->outputs.size()
           << " outputs, not " << op.outputs.size();
  const JsonNode *with = op.get("with");
  auto isGiven = [&](StringRef parameter) {
    if (with && with->find(parameter))
      return true;
    if (op.spec->kind != OpKind::Repeat)
      return false;
    const JsonNode *index = op.get("index"), *number = op.get("number");
    return (index && index->text == parameter) ||
           (number && number->text == parameter);
  };
  for (const JsonNode *parameter : block->parameters)
    if (!isGiven(parameter->text))
      return error(*op.json)
             << "the block '" << block->name << "' needs the parameter '"
             << parameter->text << "': give it in \"with\"";
  return success();
}

LogicalResult GraphParser::checkRepeat(const OpNode &op) {
  const JsonNode *pattern = op.get("pattern");
  SmallVector<const JsonNode *> names;
  if (failed(parseNames(*pattern, "'pattern'", names)))
    return failure();
  if (op.outputs.size() > op.inputs.size())
    return error(*op.json->find("out"))
           << "a repetition feeds its outputs back to its first inputs: it "
              "cannot have more outputs than inputs";
  for (const JsonNode *name : names)
    if (failed(checkCall(op, *name)))
      return failure();
  const JsonNode *index = op.get("index"), *number = op.get("number");
  if (index && number && index->text == number->text)
    return error(*number) << "'index' and 'number' have the same name";
  for (const JsonNode *counter : {index, number})
    if (counter && graph.constants && graph.constants->find(counter->text))
      return error(*counter) << "'" << counter->text
                             << "' is a constant already: choose another name";
  return success();
}

/// Blocks that call themselves would be expanded without end.
LogicalResult GraphParser::checkRecursion() {
  llvm::StringMap<bool> finished;
  // Depth is bounded by the number of blocks.
  std::function<LogicalResult(const BlockNode &)> visit =
      [&](const BlockNode &block) -> LogicalResult {
    finished[block.name] = false;
    for (const OpNode &op : block.ops) {
      SmallVector<const JsonNode *> callees;
      if (op.spec->kind == OpKind::Call)
        callees.push_back(op.get("block"));
      else if (op.spec->kind == OpKind::Repeat &&
               failed(parseNames(*op.get("pattern"), "'pattern'", callees)))
        return failure();
      for (const JsonNode *callee : callees) {
        auto state = finished.find(callee->text);
        if (state == finished.end()) {
          if (failed(visit(*graph.blockByName.lookup(callee->text))))
            return failure();
        } else if (!state->second) {
          return error(*callee) << "the block '" << callee->text
                                << "' calls itself: blocks are expanded, so "
                                   "they cannot be recursive";
        }
      }
    }
    finished[block.name] = true;
    return success();
  };
  for (const std::unique_ptr<BlockNode> &block : graph.blocks)
    if (!finished.contains(block->name) && failed(visit(*block)))
      return failure();
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
