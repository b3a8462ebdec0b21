//===- NameChecks.cpp - Every name that is used exists --------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "GraphParser.h"
#include "llvm/ADT/StringSet.h"
#include <functional>

using namespace mlir;
using namespace transmamba;
using namespace transmamba::graph;
using Kind = JsonNode::Kind;

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

SmallVector<const JsonNode *> transmamba::graph::getCallees(const OpNode &op) {
  if (op.spec->kind == OpKind::Call)
    return {op.get("block")};
  if (op.spec->kind != OpKind::Repeat)
    return {};
  const JsonNode *pattern = op.get("pattern");
  if (pattern->is(Kind::String))
    return {pattern};
  return SmallVector<const JsonNode *>(pattern->children.begin(),
                                       pattern->children.end());
}

/// A parameter or counter must not hide what expressions can name already.
LogicalResult GraphParser::checkNewName(const JsonNode &name) {
  if (isModelNumber(name.text))
    return error(name) << "'" << name.text
                       << "' is an attribute of the model already: choose "
                          "another name";
  if (graph.constants && graph.constants->find(name.text))
    return error(name) << "'" << name.text
                       << "' is a constant already: choose another name";
  return success();
}

LogicalResult GraphParser::checkCalls(const BlockNode &block) {
  for (const OpNode &op : block.ops) {
    if (op.spec->kind == OpKind::Call &&
        failed(checkCall(op, *op.get("block"))))
      return failure();
    if (op.spec->kind == OpKind::Repeat && failed(checkRepeat(block, op)))
      return failure();
    if ((op.spec->kind == OpKind::Call || op.spec->kind == OpKind::Repeat) &&
        failed(checkArguments(op)))
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
  for (auto [key, inBlock, inCall] :
       {std::tuple("in", block->inputs.size(), op.inputs.size()),
        std::tuple("out", block->outputs.size(), op.outputs.size())})
    if (inBlock != inCall)
      return error(*op.json->find(key))
             << "the block '" << block->name << "' has " << inBlock << " "
             << key << (inBlock == 1 ? "put" : "puts") << ", not " << inCall;
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

/// Every argument is a parameter of one of the blocks.
LogicalResult GraphParser::checkArguments(const OpNode &op) {
  const JsonNode *with = op.get("with");
  if (!with)
    return success();
  SmallVector<StringRef> known;
  for (const JsonNode *name : getCallees(op))
    for (const JsonNode *parameter :
         graph.blockByName.lookup(name->text)->parameters)
      known.push_back(parameter->text);
  for (const JsonNode *argument : with->children)
    if (!llvm::is_contained(known, argument->key))
      return error(*argument)
             << "no block here has a parameter '" << printable(argument->key)
             << "'" << suggest(argument->key, known);
  return success();
}

LogicalResult GraphParser::checkRepeat(const BlockNode &holder,
                                       const OpNode &op) {
  if (op.outputs.size() > op.inputs.size())
    return error(*op.json->find("out"))
           << "a repetition feeds its outputs back to its first inputs: it "
              "cannot have more outputs than inputs";
  for (const JsonNode *name : getCallees(op))
    if (failed(checkCall(op, *name)))
      return failure();
  const JsonNode *index = op.get("index"), *number = op.get("number");
  if (index && number && index->text == number->text)
    return error(*number) << "'index' and 'number' have the same name";
  for (const JsonNode *counter : {index, number}) {
    if (!counter)
      continue;
    if (failed(checkNewName(*counter)))
      return failure();
    for (const JsonNode *parameter : holder.parameters)
      if (parameter->text == counter->text)
        return error(*counter)
               << "'" << counter->text << "' is a parameter of the block '"
               << holder.name << "' already: rename it";
  }
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
      for (const JsonNode *callee : getCallees(op)) {
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
