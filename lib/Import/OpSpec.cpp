//===- OpSpec.cpp - The operations of a graph -----------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "OpSpec.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/ErrorHandling.h"

using namespace transmamba::graph;
using llvm::ArrayRef;
using llvm::StringLiteral;
using llvm::StringRef;

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

static constexpr bool kRequired = true, kOptional = false;
static constexpr unsigned kAny = ~0u;

static constexpr StringLiteral kElementTypes[] = {"model", "f32"};
static constexpr StringLiteral kFunctions[] = {"silu",  "gelu",    "gelu_tanh",
                                               "relu2", "sigmoid", "softplus"};

static constexpr AttrSpec kEmbedding[] = {
    {"weight", AttrKind::Weight, kRequired},
    {"width", AttrKind::Integer, kRequired},
    {"rows", AttrKind::Integer, kOptional},
};
static constexpr AttrSpec kLinear[] = {
    {"weight", AttrKind::Weight, kRequired},
    {"bias", AttrKind::Weight, kOptional},
    {"width", AttrKind::Integer, kRequired},
    {"element_type", AttrKind::Choice, kOptional, kElementTypes},
};
static constexpr AttrSpec kRMSNorm[] = {
    {"weight", AttrKind::Weight, kRequired},
    {"eps", AttrKind::Float, kRequired},
};
static constexpr AttrSpec kCausalConv1D[] = {
    {"layer", AttrKind::Integer, kRequired},
    {"weight", AttrKind::Weight, kRequired},
    {"bias", AttrKind::Weight, kOptional},
    {"taps", AttrKind::Integer, kRequired},
    {"state", AttrKind::Identifier, kOptional},
};
static constexpr AttrSpec kActivate[] = {
    {"function", AttrKind::Choice, kRequired, kFunctions},
};
static constexpr AttrSpec kSlice[] = {
    {"offset", AttrKind::Integer, kRequired},
    {"size", AttrKind::Integer, kRequired},
};
static constexpr AttrSpec kSplit[] = {
    {"sizes", AttrKind::Integers, kRequired},
};
static constexpr AttrSpec kSplitHeads[] = {
    {"heads", AttrKind::Integer, kRequired},
};
static constexpr AttrSpec kRope[] = {
    {"theta", AttrKind::Float, kRequired},
    {"rotary_dim", AttrKind::Integer, kOptional},
    {"interleaved", AttrKind::Boolean, kOptional},
};
static constexpr AttrSpec kHybridMixer[] = {
    {"layer", AttrKind::Integer, kRequired},
    {"A_log", AttrKind::Weight, kRequired},
    {"D", AttrKind::Weight, kOptional},
    {"rope_theta", AttrKind::Float, kOptional},
    {"rotary_dim", AttrKind::Integer, kOptional},
    {"interleaved", AttrKind::Boolean, kOptional},
    {"scale", AttrKind::Float, kOptional},
    {"window", AttrKind::Integer, kOptional},
    {"chunk", AttrKind::Integer, kOptional},
    {"gate_weight", AttrKind::Weight, kOptional},
    {"eps", AttrKind::Float, kOptional},
    {"groups", AttrKind::Integer, kOptional},
    {"norm_before_gate", AttrKind::Boolean, kOptional},
};
static constexpr AttrSpec kAttention[] = {
    {"layer", AttrKind::Integer, kRequired},
    {"causal", AttrKind::Boolean, kOptional},
    {"scale", AttrKind::Float, kOptional},
    {"window", AttrKind::Integer, kOptional},
    {"state", AttrKind::Identifier, kOptional},
};
static constexpr AttrSpec kSSDScan[] = {
    {"layer", AttrKind::Integer, kRequired},
    {"A_log", AttrKind::Weight, kRequired},
    {"D", AttrKind::Weight, kOptional},
    {"chunk", AttrKind::Integer, kOptional},
    {"state", AttrKind::Identifier, kOptional},
};
static constexpr AttrSpec kSelectiveScan[] = {
    {"layer", AttrKind::Integer, kRequired},
    {"A_log", AttrKind::Weight, kRequired},
    {"D", AttrKind::Weight, kOptional},
    {"state", AttrKind::Identifier, kOptional},
};
static constexpr AttrSpec kGatedRMSNorm[] = {
    {"weight", AttrKind::Weight, kOptional},
    {"eps", AttrKind::Float, kRequired},
    {"groups", AttrKind::Integer, kOptional},
    {"norm_before_gate", AttrKind::Boolean, kOptional},
};
static constexpr AttrSpec kCast[] = {
    {"element_type", AttrKind::Choice, kRequired, kElementTypes},
};
static constexpr AttrSpec kCall[] = {
    {"block", AttrKind::Block, kRequired},
    {"with", AttrKind::Arguments, kOptional},
    {"prefix", AttrKind::Text, kOptional},
};
static constexpr AttrSpec kRepeat[] = {
    {"pattern", AttrKind::Blocks, kRequired},
    {"count", AttrKind::Integer, kRequired},
    {"index", AttrKind::Identifier, kOptional},
    {"number", AttrKind::Identifier, kOptional},
    {"with", AttrKind::Arguments, kOptional},
    {"prefix", AttrKind::Text, kOptional},
};

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

static constexpr OpSpec kSpecs[] = {
    {"embedding", OpKind::Embedding, 1, 1, 1, 1, kEmbedding},
    {"linear", OpKind::Linear, 1, 1, 1, 1, kLinear},
    {"rms_norm", OpKind::RMSNorm, 1, 1, 1, 1, kRMSNorm},
    {"causal_conv1d", OpKind::CausalConv1D, 1, 1, 1, 1, kCausalConv1D},
    {"activate", OpKind::Activate, 1, 1, 1, 1, kActivate},
    {"slice", OpKind::Slice, 1, 1, 1, 1, kSlice},
    {"split", OpKind::Split, 1, 1, 2, kAny, kSplit},
    {"split_heads", OpKind::SplitHeads, 1, 1, 1, 1, kSplitHeads},
    {"join_heads", OpKind::JoinHeads, 1, 1, 1, 1, {}},
    {"rope", OpKind::Rope, 1, 1, 1, 1, kRope},
    {"hybrid_mixer", OpKind::HybridMixer, 4, 5, 1, 1, kHybridMixer},
    {"attention", OpKind::Attention, 3, 3, 1, 1, kAttention},
    {"ssd_scan", OpKind::SSDScan, 4, 4, 1, 1, kSSDScan},
    {"selective_scan", OpKind::SelectiveScan, 4, 4, 1, 1, kSelectiveScan},
    {"gated_rms_norm", OpKind::GatedRMSNorm, 2, 2, 1, 1, kGatedRMSNorm},
    {"add", OpKind::Add, 2, 2, 1, 1, {}},
    {"multiply", OpKind::Multiply, 2, 2, 1, 1, {}},
    {"cast", OpKind::Cast, 1, 1, 1, 1, kCast},
    {"last_token", OpKind::LastToken, 1, 1, 1, 1, {}},
    {"call", OpKind::Call, 1, kAny, 1, kAny, kCall},
    {"repeat", OpKind::Repeat, 1, kAny, 1, kAny, kRepeat},
};

unsigned OpSpec::getAttribute(StringRef name) const {
  for (const auto &[number, attribute] : llvm::enumerate(attributes))
    if (attribute.name == name)
      return number;
  llvm_unreachable("attributes are asked for by the names of the table");
}

ArrayRef<OpSpec> transmamba::graph::getOpSpecs() { return kSpecs; }

const OpSpec *transmamba::graph::findOpSpec(StringRef name) {
  const auto *spec =
      llvm::find_if(kSpecs, [&](const OpSpec &s) { return s.name == name; });
  return spec == std::end(kSpecs) ? nullptr : spec;
}

const OpSpec &transmamba::graph::getOpSpec(OpKind kind) {
  return *llvm::find_if(kSpecs,
                        [&](const OpSpec &spec) { return spec.kind == kind; });
}
