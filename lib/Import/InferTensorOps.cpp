//===- InferTensorOps.cpp - Operations on each token by itself ------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Limits.h"
#include "OpContext.h"
#include "llvm/Support/CheckedArithmetic.h"

using namespace mlir;
using namespace transmamba;
using namespace transmamba::graph;

static LogicalResult inferEmbedding(OpContext &context) {
  const GraphTensor &tokens = context.getInput(0);
  if (tokens.element != Element::I32)
    return context.errorAtInput(0)
           << "'embedding' looks up tokens, but the tensor is " << tokens.str();
  if (failed(context.expectPositive("width")) ||
      failed(context.expectPositive("rows")))
    return failure();
  const ModelOp &op = context.getOp();
  int64_t rows = op.getInteger("rows").value_or(context.getVocabulary());
  int64_t width = *op.getInteger("width");
  // A token is below the vocabulary; the table must have a row for each.
  if (rows < context.getVocabulary())
    return context.errorAt("rows")
           << "the table has " << rows << " rows, but the vocabulary is "
           << context.getVocabulary();
  if (failed(context.addParameter("weight", {rows, width},
                                  context.getModelElement())))
    return failure();
  return context.setOutput({true, {width}, context.getModelElement()});
}

static LogicalResult inferLinear(OpContext &context) {
  const GraphTensor &input = context.getInput(0);
  if (failed(context.expectFloat(0)) ||
      failed(context.expectElement(0, context.getModelElement())) ||
      failed(context.expectPositive("width")))
    return failure();
  if (input.dims.size() != 1)
    return context.errorAtInput(0)
           << "'linear' needs [B, T, channels] here, but the tensor is "
           << input.str() << ": join the heads first";
  const ModelOp &op = context.getOp();
  int64_t width = *op.getInteger("width");
  // The bias is added to the float32 accumulator.
  if (failed(context.addParameter("weight", {width, input.dims[0]},
                                  context.getModelElement(),
                                  WeightTransform::Transpose)) ||
      failed(context.addParameter("bias", {width}, Element::F32)))
    return failure();
  Element element = op.getText("element_type") == "f32"
                        ? Element::F32
                        : context.getModelElement();
  return context.setOutput({input.hasTokens, {width}, element});
}

/// The channels that a norm or a slice works on: the last size.
static FailureOr<int64_t> getChannels(OpContext &context) {
  const GraphTensor &input = context.getInput(0);
  if (failed(context.expectFloat(0)))
    return failure();
  if (input.dims.empty())
    return context.errorAtInput(0) << "the tensor has no channels";
  return input.dims.back();
}

static LogicalResult inferRMSNorm(OpContext &context) {
  FailureOr<int64_t> channels = getChannels(context);
  if (failed(channels) || failed(context.expectPositiveFloat("eps")) ||
      failed(context.addParameter("weight", {*channels},
                                  context.getModelElement())))
    return failure();
  return context.setOutput(context.getInput(0));
}

static LogicalResult inferGatedRMSNorm(OpContext &context) {
  if (failed(context.expectFloat(0)) ||
      failed(context.expectTokens(0, 1, "[B, T, channels]")) ||
      failed(context.expectType(1, context.getInput(0))) ||
      failed(context.expectPositiveFloat("eps")) ||
      failed(context.expectPositive("groups")))
    return failure();
  int64_t channels = context.getInput(0).dims[0];
  int64_t groups = context.getOp().getInteger("groups").value_or(1);
  if (channels % groups != 0)
    return context.errorAt("groups")
           << groups << " groups do not divide " << channels << " channels";
  if (failed(context.addParameter("weight", {channels},
                                  context.getModelElement())))
    return failure();
  return context.setOutput(context.getInput(0));
}

static LogicalResult inferPointwise(OpContext &context) {
  for (unsigned number = 0; number < context.getNumInputs(); ++number)
    if (failed(context.expectFloat(number)) ||
        failed(context.expectType(number, context.getInput(0))))
      return failure();
  return context.setOutput(context.getInput(0));
}

static LogicalResult inferCast(OpContext &context) {
  if (failed(context.expectFloat(0)))
    return failure();
  GraphTensor type = context.getInput(0);
  type.element = context.getOp().getText("element_type") == "f32"
                     ? Element::F32
                     : context.getModelElement();
  return context.setOutput(std::move(type));
}

static LogicalResult inferSlice(OpContext &context) {
  FailureOr<int64_t> channels = getChannels(context);
  if (failed(channels) || failed(context.expectPositive("size")))
    return failure();
  int64_t offset = *context.getOp().getInteger("offset");
  int64_t size = *context.getOp().getInteger("size");
  if (offset < 0 || offset > *channels || size > *channels - offset)
    return context.error() << "channels " << offset << " to "
                           << Twine(offset + static_cast<uint64_t>(size)).str()
                           << " are not within the tensor's " << *channels;
  GraphTensor type = context.getInput(0);
  type.dims.back() = size;
  return context.setOutput(std::move(type));
}

static LogicalResult inferSplit(OpContext &context) {
  FailureOr<int64_t> channels = getChannels(context);
  if (failed(channels))
    return failure();
  SmallVector<int64_t> sizes = context.getOp().getIntegers("sizes");
  if (sizes.size() != context.getNumOutputs())
    return context.errorAt("sizes")
           << "there are " << sizes.size() << " sizes for "
           << context.getNumOutputs() << " tensors in 'out'";
  std::optional<int64_t> sum = 0;
  for (int64_t size : sizes) {
    if (size < 1 || size > kMaxDim)
      return context.errorAt("sizes")
             << "the size " << size << " must be in [1, " << kMaxDim << "]";
    sum = sum ? llvm::checkedAdd(*sum, size) : sum;
  }
  if (sum != *channels)
    return context.errorAt("sizes")
           << "the sizes " << printShape(sizes) << " add up to "
           << sum.value_or(0) << ", but the tensor is "
           << context.getInput(0).str();
  for (auto [number, size] : llvm::enumerate(sizes)) {
    GraphTensor type = context.getInput(0);
    type.dims.back() = size;
    if (failed(context.setOutput(std::move(type), number)))
      return failure();
  }
  return success();
}

static LogicalResult inferSplitHeads(OpContext &context) {
  if (failed(context.expectFloat(0)) ||
      failed(context.expectTokens(0, 1, "[B, T, channels]")) ||
      failed(context.expectPositive("heads")))
    return failure();
  GraphTensor type = context.getInput(0);
  int64_t heads = *context.getOp().getInteger("heads");
  if (type.dims[0] % heads != 0)
    return context.errorAt("heads")
           << heads << " heads do not divide the channels of " << type.str();
  type.dims = {heads, type.dims[0] / heads};
  return context.setOutput(std::move(type));
}

static LogicalResult inferJoinHeads(OpContext &context) {
  if (failed(context.expectFloat(0)) ||
      failed(context.expectTokens(0, 2, "[B, T, heads, head dimension]")))
    return failure();
  GraphTensor type = context.getInput(0);
  // Two sizes below 2^31: no overflow.
  type.dims = {type.dims[0] * type.dims[1]};
  return context.setOutput(std::move(type));
}

static LogicalResult inferLastToken(OpContext &context) {
  if (failed(context.expectFloat(0)) ||
      failed(context.expectTokens(0, 1, "[B, T, channels]")))
    return failure();
  GraphTensor type = context.getInput(0);
  type.hasTokens = false;
  return context.setOutput(std::move(type));
}

LogicalResult transmamba::graph::inferTensorOp(OpContext &context) {
  switch (context.getOp().spec->kind) {
  case OpKind::Embedding:
    return inferEmbedding(context);
  case OpKind::Linear:
    return inferLinear(context);
  case OpKind::RMSNorm:
    return inferRMSNorm(context);
  case OpKind::GatedRMSNorm:
    return inferGatedRMSNorm(context);
  case OpKind::Activate:
  case OpKind::Add:
  case OpKind::Multiply:
    return inferPointwise(context);
  case OpKind::Cast:
    return inferCast(context);
  case OpKind::Slice:
    return inferSlice(context);
  case OpKind::Split:
    return inferSplit(context);
  case OpKind::SplitHeads:
    return inferSplitHeads(context);
  case OpKind::JoinHeads:
    return inferJoinHeads(context);
  case OpKind::LastToken:
    return inferLastToken(context);
  default:
    return context.error() << "the compiler has no checks of '"
                           << context.getOp().spec->name << "'";
  }
}
