//===- OpContext.cpp - Checking one operation -----------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "OpContext.h"
#include "Expander.h"
#include "Limits.h"
#include "Source.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/Support/CheckedArithmetic.h"

using namespace mlir;
using namespace transmamba;
using namespace transmamba::graph;

const GraphTensor &OpContext::getInput(unsigned number) const {
  return expander.model.tensors[op.inputs[number]];
}

Element OpContext::getModelElement() const {
  return expander.graph.isBF16 ? Element::BF16 : Element::F32;
}

MLIRContext *OpContext::getContext() const {
  return expander.source.getContext();
}

Type OpContext::getIRElement(Element element) const {
  return element == Element::BF16 ? Type(BFloat16Type::get(getContext()))
                                  : Type(Float32Type::get(getContext()));
}

int64_t OpContext::getVocabulary() const { return expander.graph.vocabulary; }

bool OpContext::hasEntry(Entry entry) const {
  return llvm::is_contained(expander.graph.entries, entry);
}

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

InFlightDiagnostic OpContext::error() const {
  return expander.error(*node.json);
}

InFlightDiagnostic OpContext::errorAt(StringRef attribute) const {
  const JsonNode *value = node.get(attribute);
  return expander.error(value ? *value : *node.json);
}

InFlightDiagnostic OpContext::errorAtInput(unsigned number) const {
  return expander.error(*node.inputs[number]);
}

LogicalResult OpContext::expectPositive(StringRef attribute) const {
  std::optional<int64_t> value = op.getInteger(attribute);
  if (!value || (*value >= 1 && *value <= kMaxDim))
    return success();
  return errorAt(attribute) << "'" << attribute << "' is " << *value
                            << ", it must be in [1, " << kMaxDim << "]";
}

LogicalResult OpContext::expectPositiveFloat(StringRef attribute) const {
  std::optional<double> value = op.getFloat(attribute);
  if (!value || *value > 0)
    return success();
  return errorAt(attribute) << "'" << attribute << "' is "
                            << printNumber(*value) << ", it must be positive";
}

LogicalResult OpContext::expectElement(unsigned number, Element element) const {
  if (getInput(number).element == element)
    return success();
  return errorAtInput(number)
         << "'" << op.spec->name << "' needs " << getName(element)
         << " here, but the tensor is " << getInput(number).str();
}

LogicalResult OpContext::expectFloat(unsigned number) const {
  if (getInput(number).element != Element::I32)
    return success();
  return errorAtInput(number) << "'" << op.spec->name
                              << "' needs numbers here, but these are tokens: "
                                 "look them up with 'embedding'";
}

LogicalResult OpContext::expectTokens(unsigned number, unsigned rank,
                                      StringRef shape) const {
  const GraphTensor &type = getInput(number);
  if (type.hasTokens && type.dims.size() == rank)
    return success();
  return errorAtInput(number) << "'" << op.spec->name << "' needs " << shape
                              << " here, but the tensor is " << type.str();
}

LogicalResult OpContext::expectType(unsigned number,
                                    const GraphTensor &type) const {
  if (getInput(number) == type)
    return success();
  return errorAtInput(number)
         << "'" << op.spec->name << "' needs " << type.str()
         << " here, but the tensor is " << getInput(number).str();
}

//===----------------------------------------------------------------------===//
// Declarations
//===----------------------------------------------------------------------===//

LogicalResult OpContext::setOutput(GraphTensor type, unsigned number) {
  for (int64_t size : type.dims)
    if (size < 1 || size > kMaxDim)
      return error() << "the result would be " << type.str()
                     << ": sizes must be in [1, " << kMaxDim << "]";
  expander.model.tensors[op.outputs[number]] = std::move(type);
  return success();
}

LogicalResult OpContext::addParameter(StringRef attribute,
                                      ArrayRef<int64_t> storedShape,
                                      Element element,
                                      WeightTransform transform) {
  unsigned number = op.spec->getAttribute(attribute);
  const JsonNode *json = node.attributes[number];
  if (!json)
    return success();
  std::string name = op.getText(attribute);
  Parameter parameter{"",  name, {}, transform, element, expander.locate(*json),
                      json};
  parameter.storedShape.assign(storedShape.begin(), storedShape.end());
  FailureOr<unsigned> declared = expander.addParameter(std::move(parameter));
  if (failed(declared))
    return failure();
  op.parameters[number] = *declared;
  return success();
}

LogicalResult OpContext::addState(StringRef name, Type type) {
  std::string full =
      ("layers." + Twine(*op.getInteger("layer")) + "." + name).str();
  auto [owner, isNew] = expander.stateOwners.try_emplace(full, node.json);
  if (!isNew) {
    InFlightDiagnostic diagnostic =
        errorAt("layer") << "the state '" << full
                         << "' has an owner already: give another 'layer', or "
                            "a 'state' of its own";
    diagnostic.attachNote(expander.source.locate(*owner->second))
        << "owned by this operation";
    return diagnostic;
  }
  std::optional<int64_t> elements = 1;
  for (int64_t size : cast<StateTypeInterface>(type).getShape())
    elements = elements ? llvm::checkedMul(*elements, size) : elements;
  if (!elements || *elements > kMaxParameterElements)
    return error() << "the state '" << full << "' would have more than "
                   << kMaxParameterElements
                   << " elements a row: check the sizes";
  op.states.push_back(expander.model.states.size());
  expander.model.states.push_back({full, type, op.loc});
  return success();
}

FailureOr<int64_t> OpContext::getLayer() const {
  int64_t layer = *op.getInteger("layer");
  if (layer < 0 || layer >= kMaxLayers)
    return errorAt("layer") << "the layer is " << layer
                            << ", it must be in [0, " << kMaxLayers << ")";
  expander.numLayers = std::max(expander.numLayers, layer + 1);
  return layer;
}

LogicalResult OpContext::setAttends(int64_t layer, bool always) {
  if (!always && expander.graph.schedule.empty())
    return error() << "'schedule' is missing from the model: the layer cannot "
                      "know its TransPoint";
  auto [known, isNew] = expander.attends.try_emplace(layer, always);
  if (isNew || known->second == always)
    return success();
  return errorAt("layer")
         << "layer " << layer
         << " has both 'hybrid_mixer' and 'attention', whose caches hold "
            "different numbers of tokens: give one of them another layer";
}
