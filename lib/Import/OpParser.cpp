//===- OpParser.cpp - JSON to blocks and operations -----------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Expression.h"
#include "GraphParser.h"
#include "Limits.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace transmamba;
using namespace transmamba::graph;
using Kind = JsonNode::Kind;

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
        if (failed(checkNewName(*parameter)))
          return failure();
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

/// "1 tensor", "2 or more tensors", "4 to 5 tensors".
static std::string describeCount(unsigned min, unsigned max) {
  std::string text = std::to_string(min);
  if (max == ~0u)
    text += " or more";
  else if (max != min)
    text += " to " + std::to_string(max);
  return text + (max == 1 ? " tensor" : " tensors");
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
      return error(*node) << "'" << key << "' of '" << op.spec->name
                          << "' must name " << describeCount(min, max)
                          << ", not " << names->size();
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
    break;
  }
  if (failed(expect(value, Kind::Object, what)))
    return failure();
  for (const JsonNode *argument : value.children)
    if (!isExpression(*argument) && !argument->is(Kind::Float))
      return error(*argument)
             << "an argument must be a number or an expression, not "
             << describe(argument->kind);
  return success();
}
