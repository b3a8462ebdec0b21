//===- EntryBuilder.cpp - Model to an entry point -------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "EntryBuilder.h"
#include "Source.h"
#include "TransMamba/IR/TransMambaOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace transmamba;
using namespace transmamba::graph;

static constexpr int64_t kDynamic = ShapedType::kDynamic;

EntryBuilder::EntryBuilder(ModuleOp module, const Model &model, Entry entry)
    : builder(module.getContext()), model(model), entry(entry),
      loc(module.getLoc()), values(model.tensors.size()),
      states(model.states.size()) {
  builder.setInsertionPointToEnd(module.getBody());
}

LogicalResult EntryBuilder::build() {
  createFunction();
  for (const ModelOp &op : model.ops) {
    loc = op.loc;
    if (failed(buildOp(op)))
      return failure();
  }
  buildReturn();
  return success();
}

//===----------------------------------------------------------------------===//
// Types and sizes
//===----------------------------------------------------------------------===//

Type EntryBuilder::getElement(Element element) {
  switch (element) {
  case Element::I32:
    return builder.getI32Type();
  case Element::F32:
    return builder.getF32Type();
  case Element::BF16:
    break;
  }
  return builder.getBF16Type();
}

RankedTensorType EntryBuilder::getType(ArrayRef<int64_t> shape, Type element) {
  return RankedTensorType::get(shape, element);
}

RankedTensorType EntryBuilder::getType(const GraphTensor &type) {
  SmallVector<int64_t> shape{kDynamic};
  if (hasTokens(type))
    shape.push_back(isDecode() ? 1 : kDynamic);
  llvm::append_range(shape, type.dims);
  return getType(shape, getElement(type.element));
}

OpFoldResult EntryBuilder::getTokens() {
  return isDecode() ? OpFoldResult(builder.getIndexAttr(1))
                    : OpFoldResult(tokens);
}

SmallVector<OpFoldResult> EntryBuilder::getSizes(const GraphTensor &type) {
  SmallVector<OpFoldResult> sizes{batch};
  if (hasTokens(type))
    sizes.push_back(getTokens());
  for (int64_t size : type.dims)
    sizes.push_back(builder.getIndexAttr(size));
  return sizes;
}

//===----------------------------------------------------------------------===//
// The function
//===----------------------------------------------------------------------===//

void EntryBuilder::addArgument(StringRef name, Type type,
                               ArrayRef<StringRef> dims, StringRef role,
                               Location argumentLoc) {
  Argument argument{name.str(), type, {}, argumentLoc};
  auto add = [&](StringRef key, Attribute value) {
    argument.attributes.push_back(builder.getNamedAttr(key, value));
  };
  add(TransMambaDialect::kNameAttr, builder.getStringAttr(name));
  if (!dims.empty())
    add(TransMambaDialect::kDimsAttr, builder.getStrArrayAttr(dims));
  if (!role.empty())
    add(TransMambaDialect::kRoleAttr, builder.getStringAttr(role));
  arguments.push_back(std::move(argument));
}

void EntryBuilder::createFunction() {
  SmallVector<StringRef> tensorDims{"B"};
  if (!isDecode())
    tensorDims.push_back("T");
  for (auto [input, number] :
       llvm::zip_equal(model.graph->inputs, model.inputs)) {
    const GraphTensor &type = model.tensors[number];
    addArgument(input.name, getType(type), tensorDims, "", loc);
    if (type.element == Element::I32)
      arguments.back().attributes.push_back(builder.getNamedAttr(
          TransMambaDialect::kRangeAttr,
          builder.getI64ArrayAttr({0, model.graph->vocabulary})));
  }
  size_t firstExtra = arguments.size();
  auto perRow = getType({kDynamic}, builder.getI32Type());
  if (entry == Entry::Prefill)
    addArgument("lengths", perRow, {"B"}, "lengths", loc);
  if (entry == Entry::Decode)
    addArgument("positions", perRow, {"B"}, "positions", loc);
  size_t firstState = arguments.size();
  if (entry != Entry::Forward)
    for (const State &state : model.states)
      addArgument(state.name, state.type, {}, "", state.loc);

  SmallVector<Type> inputs, results;
  for (const Argument &argument : arguments)
    inputs.push_back(argument.type);
  for (unsigned output : model.outputs)
    results.push_back(getType(model.tensors[output]));
  if (entry != Entry::Forward)
    for (const State &state : model.states)
      results.push_back(state.type);

  function = func::FuncOp::create(builder, loc, getName(entry),
                                  builder.getFunctionType(inputs, results));
  function->setAttr(TransMambaDialect::kEntryAttr, builder.getUnitAttr());
  if (entry != Entry::Forward)
    function->setAttr(TransMambaDialect::kPositionsAttr,
                      builder.getStringAttr(isDecode() ? "advance" : "set"));
  for (auto [number, output] : llvm::enumerate(model.graph->main.outputs))
    function.setResultAttr(number, TransMambaDialect::kNameAttr,
                           builder.getStringAttr(output->text));

  Block *body = function.addEntryBlock();
  for (auto [number, argument] : llvm::enumerate(arguments)) {
    function.setArgAttrs(number, argument.attributes);
    body->getArgument(number).setLoc(argument.loc);
  }
  builder.setInsertionPointToStart(body);
  for (auto [number, input] : llvm::enumerate(model.inputs))
    values[input] = body->getArgument(number);
  if (entry == Entry::Prefill)
    lengths = body->getArgument(firstExtra);
  if (entry == Entry::Decode)
    positions = body->getArgument(firstExtra);
  if (entry != Entry::Forward)
    for (size_t number = 0; number < states.size(); ++number)
      states[number] = body->getArgument(firstState + number);

  Value first = body->getArgument(0);
  batch = tensor::DimOp::create(builder, loc, first, getConstant(0));
  rows = batch;
  if (isDecode())
    return;
  tokens = tensor::DimOp::create(builder, loc, first, getConstant(1));
  rows = arith::MulIOp::create(builder, loc, batch, tokens);
}

LogicalResult EntryBuilder::buildOp(const ModelOp &op) {
  switch (op.spec->kind) {
  case OpKind::Embedding:
    return buildEmbedding(op), success();
  case OpKind::Linear:
    return buildLinear(op), success();
  case OpKind::RMSNorm:
  case OpKind::GatedRMSNorm:
    return buildNorm(op), success();
  case OpKind::Activate:
  case OpKind::Add:
  case OpKind::Multiply:
    return buildPointwise(op), success();
  case OpKind::Cast:
    return buildCast(op), success();
  case OpKind::Slice:
  case OpKind::Split:
    return buildSlices(op), success();
  case OpKind::SplitHeads:
  case OpKind::JoinHeads:
    return buildHeads(op), success();
  case OpKind::LastToken:
    return buildLastToken(op), success();
  case OpKind::CausalConv1D:
    return buildConv(op), success();
  case OpKind::Rope:
    return buildRope(op), success();
  case OpKind::Attention:
    return buildAttention(op), success();
  case OpKind::SSDScan:
    return buildSSDScan(op), success();
  case OpKind::SelectiveScan:
    return buildSelectiveScan(op), success();
  case OpKind::HybridMixer:
    return buildHybridMixer(op), success();
  case OpKind::Call:
  case OpKind::Repeat:
    break;
  }
  // Blocks have been expanded, so no call is left.
  return emitError(op.loc) << "the compiler cannot build '" << op.spec->name
                           << "'";
}

void EntryBuilder::buildReturn() {
  loc = function.getLoc();
  SmallVector<Value> results;
  for (unsigned output : model.outputs)
    results.push_back(values[output]);
  if (entry != Entry::Forward)
    llvm::append_range(results, states);
  func::ReturnOp::create(builder, loc, results);
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

Value EntryBuilder::getConstant(int64_t value) {
  Value &constant = constants[value];
  if (!constant)
    constant = arith::ConstantIndexOp::create(builder, loc, value);
  return constant;
}

Value EntryBuilder::getZero() {
  if (!zero)
    zero = arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(0));
  return zero;
}

Value EntryBuilder::getParameter(unsigned number) {
  Value &value = parameters[number];
  if (!value) {
    const Parameter &parameter = model.parameters[number];
    value = GetParameterOp::create(
        builder, loc,
        getType(parameter.getShape(), getElement(parameter.element)),
        parameter.symbol);
  }
  return value;
}

Value EntryBuilder::getParameter(const ModelOp &op, StringRef attribute) {
  std::optional<unsigned> number = op.getParameter(attribute);
  return number ? getParameter(*number) : Value();
}

FloatAttr EntryBuilder::getFloat(std::optional<double> value) {
  return value ? builder.getF64FloatAttr(*value) : FloatAttr();
}

IntegerAttr EntryBuilder::getInteger(std::optional<int64_t> value) {
  return value ? builder.getI64IntegerAttr(*value) : IntegerAttr();
}

UnitAttr EntryBuilder::getUnit(bool value) {
  return value ? builder.getUnitAttr() : UnitAttr();
}
