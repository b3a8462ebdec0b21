//===- Expander.cpp - Graph to model --------------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Expander.h"
#include "Limits.h"
#include "Source.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/CheckedArithmetic.h"
#include <cmath>

using namespace mlir;
using namespace transmamba;
using namespace transmamba::graph;
using Kind = JsonNode::Kind;

//===----------------------------------------------------------------------===//
// Locations
//===----------------------------------------------------------------------===//

InFlightDiagnostic Expander::error(const JsonNode &node) const {
  InFlightDiagnostic diagnostic = source.error(node);
  for (const Frame *at = frame; at && at->call; at = at->caller)
    diagnostic.attachNote(source.locate(*at->call->json))
        << "in the block '" << at->block->name << "', expansion " << at->number
        << " of " << at->call->json->getPointer();
  return diagnostic;
}

Location Expander::locate(const JsonNode &node) const {
  Location loc = source.locate(node);
  return frame && frame->loc ? CallSiteLoc::get(loc, *frame->loc) : loc;
}

//===----------------------------------------------------------------------===//
// Expressions
//===----------------------------------------------------------------------===//

std::optional<Number> Expander::lookup(StringRef name, std::string &why) {
  if (frame) {
    auto parameter = frame->parameters.find(name);
    if (parameter != frame->parameters.end())
      return parameter->second;
  }
  return lookupConstant(name, why);
}

std::optional<Number> Expander::lookupConstant(StringRef name,
                                               std::string &why) {
  if (name == "max_batch")
    return Number::of(graph.maxBatch);
  if (name == "max_sequence")
    return Number::of(graph.maxSequence);
  if (name == "vocabulary" && graph.vocabulary != 0)
    return Number::of(graph.vocabulary);
  const JsonNode *node =
      graph.constants ? graph.constants->find(name) : nullptr;
  if (!node) {
    why = ("there is no constant or parameter '" + name + "'").str();
    return std::nullopt;
  }
  auto [known, isNew] = constants.try_emplace(name, std::nullopt);
  if (!isNew) {
    if (!known->second)
      why = ("the constant '" + name + "' depends on itself").str();
    return known->second;
  }
  std::optional<Number> value;
  if (node->is(Kind::Integer))
    value = Number::of(node->integer);
  else if (node->is(Kind::Float))
    value = Number::of(node->number);
  else
    value = evaluate(
        node->text,
        [&](StringRef other, std::string &reason) {
          return lookupConstant(other, reason);
        },
        why);
  constants[name] = value;
  return value;
}

FailureOr<Number> Expander::evaluateNumber(const JsonNode &node) {
  if (node.is(Kind::Integer))
    return Number::of(node.integer);
  if (node.is(Kind::Float))
    return Number::of(node.number);
  std::string why;
  std::optional<Number> value = evaluate(
      node.text,
      [&](StringRef name, std::string &reason) { return lookup(name, reason); },
      why);
  if (!value)
    return error(node) << "cannot evaluate '" << printable(node.text)
                       << "': " << why;
  return *value;
}

FailureOr<int64_t> Expander::evaluateInteger(const JsonNode &node) {
  FailureOr<Number> value = evaluateNumber(node);
  if (failed(value))
    return failure();
  if (!value->isInteger)
    return error(node) << "must be an integer, not the float "
                       << printNumber(value->real);
  return value->integer;
}

FailureOr<double> Expander::evaluateFloat(const JsonNode &node) {
  FailureOr<Number> value = evaluateNumber(node);
  if (failed(value))
    return failure();
  return value->real;
}

FailureOr<std::string> Expander::expandText(const JsonNode &node,
                                            StringRef block) {
  std::string result;
  StringRef rest = node.text;
  while (!rest.empty()) {
    size_t open = rest.find('{');
    result += rest.take_front(open);
    rest = rest.drop_front(std::min(open, rest.size()));
    if (rest.empty())
      break;
    size_t close = rest.find('}');
    if (close == StringRef::npos)
      return error(node) << "a '}' is missing in '" << printable(node.text)
                         << "'";
    StringRef expression = rest.slice(1, close);
    rest = rest.drop_front(close + 1);
    if (expression == "block" && !block.empty()) {
      result += block;
      continue;
    }
    std::string why;
    std::optional<Number> value = evaluate(
        expression,
        [&](StringRef name, std::string &reason) {
          return lookup(name, reason);
        },
        why);
    if (!value || !value->isInteger)
      return error(node) << "cannot expand '{" << printable(expression)
                         << "}': " << (value ? "it is not an integer" : why);
    result += std::to_string(value->integer);
  }
  if (result.size() > kMaxNameLength)
    return error(node) << "the name is longer than " << kMaxNameLength
                       << " characters";
  return result;
}

FailureOr<std::string> Expander::expandName(const JsonNode &node,
                                            StringRef block) {
  FailureOr<std::string> name = expandText(node, block);
  if (failed(name) || name->front() != '.')
    return name;
  if (!frame || frame->prefix.empty())
    return error(node) << "'" << *name << "' is relative, but there is no "
                       << "prefix here: give \"prefix\" where the block is "
                          "called, or a name without the dot";
  std::string absolute = frame->prefix + *name;
  if (absolute.size() > kMaxNameLength)
    return error(node) << "the name is longer than " << kMaxNameLength
                       << " characters";
  return absolute;
}

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

LogicalResult Expander::run() {
  if (failed(checkConstants()))
    return failure();
  Frame main;
  main.block = &graph.main;
  frame = &main;
  if (failed(addInputs()) || failed(expandOps(graph.main)) ||
      failed(addOutputs()))
    return failure();
  return resolveSchedule();
}

/// Also those that nothing uses.
LogicalResult Expander::checkConstants() {
  if (!graph.constants)
    return success();
  for (const JsonNode *node : graph.constants->children) {
    std::string why;
    if (!lookupConstant(node->key, why))
      return error(*node) << "cannot evaluate '" << printable(node->text)
                          << "': " << why;
  }
  return success();
}

LogicalResult Expander::addInputs() {
  for (const InputNode &input : graph.inputs) {
    GraphTensor type;
    type.element = Element::I32;
    if (input.width) {
      FailureOr<int64_t> width = evaluateInteger(*input.width);
      if (failed(width))
        return failure();
      if (*width < 1 || *width > kMaxDim)
        return error(*input.width) << "the width is " << *width
                                   << ", it must be in [1, " << kMaxDim << "]";
      type.dims = {*width};
      type.element =
          graph.isBF16 && input.isModelElement ? Element::BF16 : Element::F32;
    }
    frame->tensors[input.name] = model.tensors.size();
    model.inputs.push_back(model.tensors.size());
    model.tensors.push_back(type);
  }
  return success();
}

LogicalResult Expander::addOutputs() {
  for (const JsonNode *output : graph.main.outputs) {
    unsigned number = frame->tensors.lookup(output->text);
    if (llvm::is_contained(model.inputs, number))
      return error(*output) << "'" << output->text
                            << "' is an input: an output must be computed";
    if (model.tensors[number].element != Element::F32)
      return error(*output)
             << "the output '" << output->text << "' is "
             << model.tensors[number].str()
             << ", but outputs are f32: give \"element_type\": \"f32\" to the "
                "linear that makes it, or cast it";
    model.outputs.push_back(number);
  }
  return success();
}

LogicalResult Expander::expandOps(const BlockNode &block) {
  for (const OpNode &node : block.ops) {
    if (++numExpansions > kMaxOps)
      return error(*node.json)
             << "the graph expands to more than " << kMaxOps
             << " operations: check the counts of its repetitions";
    LogicalResult result = success();
    if (node.spec->kind == OpKind::Call)
      result = expandCall(node);
    else if (node.spec->kind == OpKind::Repeat)
      result = expandRepeat(node);
    else
      result = expandOp(node);
    if (failed(result))
      return failure();
  }
  return success();
}

LogicalResult Expander::expandOp(const OpNode &node) {
  ModelOp op{node.spec, locate(*node.json), {}, {}};
  op.parameters.resize(node.spec->attributes.size());
  if (failed(evaluateAttributes(node, op)))
    return failure();
  for (const JsonNode *input : node.inputs)
    op.inputs.push_back(frame->tensors.lookup(input->text));
  for (const JsonNode *output : node.outputs) {
    op.outputs.push_back(model.tensors.size());
    frame->tensors[output->text] = model.tensors.size();
    model.tensors.emplace_back();
  }
  OpContext context(*this, node, op);
  if (failed(isSequenceOp(node.spec->kind) ? inferSequenceOp(context)
                                           : inferTensorOp(context)))
    return failure();
  model.ops.push_back(std::move(op));
  return success();
}

LogicalResult Expander::evaluateAttributes(const OpNode &node, ModelOp &op) {
  for (auto [spec, json] :
       llvm::zip_equal(node.spec->attributes, node.attributes)) {
    AttrValue &value = op.attributes.emplace_back();
    if (!json)
      continue;
    switch (spec.kind) {
    case AttrKind::Integer: {
      FailureOr<int64_t> integer = evaluateInteger(*json);
      if (failed(integer))
        return failure();
      value = *integer;
      break;
    }
    case AttrKind::Integers: {
      SmallVector<int64_t> integers;
      for (const JsonNode *element : json->children) {
        FailureOr<int64_t> integer = evaluateInteger(*element);
        if (failed(integer))
          return failure();
        integers.push_back(*integer);
      }
      value = integers;
      break;
    }
    case AttrKind::Float: {
      FailureOr<double> number = evaluateFloat(*json);
      if (failed(number))
        return failure();
      value = *number;
      break;
    }
    case AttrKind::Boolean:
      value = json->boolean;
      break;
    case AttrKind::Weight: {
      FailureOr<std::string> name = expandName(*json);
      if (failed(name))
        return failure();
      value = *name;
      break;
    }
    case AttrKind::Choice:
    case AttrKind::Identifier:
      value = json->text;
      break;
    case AttrKind::Text:
    case AttrKind::Block:
    case AttrKind::Blocks:
    case AttrKind::Arguments:
      // Calls read theirs themselves, and no other operation has any.
      return error(*json) << "'" << spec.name << "' of '" << node.spec->name
                          << "' belongs to calls of blocks only";
    }
  }
  return success();
}

/// The arguments of "with" that the block has parameters for. They are
/// evaluated where the call stands, except that the counters of a repetition
/// are known already.
LogicalResult Expander::bindArguments(const OpNode &node,
                                      const BlockNode &block, Frame &callee) {
  const JsonNode *with = node.get("with");
  if (!with)
    return success();
  for (const JsonNode *parameter : block.parameters) {
    const JsonNode *argument = with->find(parameter->text);
    if (!argument)
      continue;
    FailureOr<Number> value = evaluateNumber(*argument);
    if (failed(value))
      return failure();
    callee.parameters[parameter->text] = *value;
  }
  return success();
}

FailureOr<SmallVector<unsigned>>
Expander::expandBlock(const OpNode &node, const BlockNode &block,
                      ArrayRef<unsigned> inputs, int64_t number,
                      Frame &callee) {
  if (failed(bindArguments(node, block, callee)))
    return failure();
  callee.block = &block;
  callee.call = &node;
  callee.number = number;
  callee.caller = frame;
  callee.loc = locate(*node.json);
  callee.prefix = frame->prefix;
  if (const JsonNode *prefix = node.get("prefix")) {
    FailureOr<std::string> name = expandName(*prefix, block.name);
    if (failed(name))
      return failure();
    callee.prefix = *name;
  }
  for (auto [name, input] : llvm::zip_equal(block.inputs, inputs))
    callee.tensors[name->text] = input;

  Frame *caller = frame;
  auto restore = llvm::scope_exit([&] { frame = caller; });
  frame = &callee;
  if (failed(expandOps(block)))
    return failure();
  SmallVector<unsigned> outputs;
  for (const JsonNode *output : block.outputs)
    outputs.push_back(callee.tensors.lookup(output->text));
  return outputs;
}

LogicalResult Expander::expandCall(const OpNode &node) {
  const BlockNode &block = *graph.blockByName.lookup(node.get("block")->text);
  SmallVector<unsigned> inputs;
  for (const JsonNode *input : node.inputs)
    inputs.push_back(frame->tensors.lookup(input->text));
  Frame callee;
  FailureOr<SmallVector<unsigned>> outputs =
      expandBlock(node, block, inputs, 0, callee);
  if (failed(outputs))
    return failure();
  for (auto [name, output] : llvm::zip_equal(node.outputs, *outputs))
    frame->tensors[name->text] = output;
  return success();
}

LogicalResult Expander::expandRepeat(const OpNode &node) {
  FailureOr<int64_t> count = evaluateInteger(*node.get("count"));
  if (failed(count))
    return failure();
  SmallVector<const JsonNode *> names = getCallees(node);
  // Several blocks may make one layer, hence not the product.
  if (*count < 1 || *count > kMaxLayers)
    return error(*node.get("count"))
           << "the count is " << *count << ", it must be in [1, " << kMaxLayers
           << "]";

  SmallVector<unsigned> values;
  for (const JsonNode *input : node.inputs)
    values.push_back(frame->tensors.lookup(input->text));
  const JsonNode *index = node.get("index"), *number = node.get("number");
  // The counters are visible in "with" and "prefix", as if they were
  // parameters of the block that holds the repetition.
  llvm::StringMap<Number> outer = frame->parameters;
  auto restore =
      llvm::scope_exit([&] { frame->parameters = std::move(outer); });
  int64_t done = 0;
  for (int64_t i = 0; i < *count; ++i) {
    for (const JsonNode *name : names) {
      const BlockNode &block = *graph.blockByName.lookup(name->text);
      Frame callee;
      for (auto [counter, value] :
           {std::pair(index, i), std::pair(number, done)}) {
        if (!counter)
          continue;
        frame->parameters[counter->text] = Number::of(value);
        for (const JsonNode *parameter : block.parameters)
          if (parameter->text == counter->text)
            callee.parameters[counter->text] = Number::of(value);
      }
      SmallVector<GraphTensor> before;
      for (unsigned value : values)
        before.push_back(model.tensors[value]);
      FailureOr<SmallVector<unsigned>> outputs =
          expandBlock(node, block, values, done, callee);
      if (failed(outputs))
        return failure();
      for (auto [position, output] : llvm::enumerate(*outputs)) {
        if (!(model.tensors[output] == before[position]))
          return error(*node.json)
                 << "output " << position << " of the block '" << block.name
                 << "' is " << model.tensors[output].str()
                 << ", but the input that it becomes is "
                 << before[position].str();
        values[position] = output;
      }
      ++done;
    }
  }
  for (auto [position, name] : llvm::enumerate(node.outputs))
    frame->tensors[name->text] = values[position];
  return success();
}

/// Layers of plain attention attend at every length, whatever the schedule
/// says, and their cache must hold a whole sequence.
LogicalResult Expander::resolveSchedule() {
  auto point = [&](int64_t layer) -> int64_t {
    auto found = attends.find(layer);
    if (found != attends.end() && found->second)
      return graph.maxSequence;
    return graph.schedule.empty()
               ? 0
               : graph.schedule[layer % graph.schedule.size()];
  };
  bool hasPlainAttention =
      llvm::any_of(attends, [](auto &entry) { return entry.second; });
  if (!hasPlainAttention) {
    model.schedule = graph.schedule;
    if (model.schedule.empty())
      model.schedule.push_back(0);
    return success();
  }
  for (int64_t layer = 0; layer < numLayers; ++layer)
    model.schedule.push_back(point(layer));
  if (llvm::all_equal(model.schedule))
    model.schedule.truncate(1);
  return success();
}

/// A name for a parameter. The first form of a tensor has the tensor's name,
/// other forms (a tied embedding is also read transposed) say what they are.
static std::string makeSymbol(const Parameter &parameter,
                              llvm::StringSet<> &symbols) {
  std::string base = parameter.source;
  if (parameter.transform == WeightTransform::NegExp &&
      StringRef(base).ends_with("_log"))
    base.resize(base.size() - StringRef("_log").size());
  if (symbols.insert(base).second)
    return base;
  base += "." + stringifyWeightTransform(parameter.transform).str() + "." +
          getName(parameter.element).str();
  std::string symbol = base;
  for (unsigned i = 1; !symbols.insert(symbol).second; ++i)
    symbol = base + "." + std::to_string(i);
  return symbol;
}

FailureOr<unsigned> Expander::addParameter(Parameter parameter) {
  SmallVector<unsigned, 1> &forms = parametersBySource[parameter.source];
  for (unsigned number : forms) {
    const Parameter &form = model.parameters[number];
    if (form.storedShape != parameter.storedShape) {
      InFlightDiagnostic diagnostic =
          error(*parameter.json)
          << "the weight '" << parameter.source << "' is "
          << printShape(parameter.storedShape) << " here, but "
          << printShape(form.storedShape) << " where it was used first";
      diagnostic.attachNote(form.loc) << "used first here";
      return diagnostic;
    }
    if (form.transform == parameter.transform &&
        form.element == parameter.element)
      return number;
  }
  std::optional<int64_t> elements = 1;
  for (int64_t size : parameter.storedShape)
    if (elements)
      elements = llvm::checkedMul(*elements, size);
  if (elements)
    elements = llvm::checkedAdd(*elements, parameterElements);
  if (!elements || *elements > kMaxParameterElements)
    return error(*parameter.json)
           << "the parameters have more than " << kMaxParameterElements
           << " elements in all: check the sizes";
  parameterElements = *elements;
  parameter.symbol = makeSymbol(parameter, symbols);
  forms.push_back(model.parameters.size());
  model.parameters.push_back(std::move(parameter));
  return forms.back();
}

FailureOr<Model> transmamba::graph::expandGraph(const Source &source,
                                                const Graph &graph) {
  Expander expander(source, graph);
  if (failed(expander.run()))
    return failure();
  return std::move(expander.model);
}
