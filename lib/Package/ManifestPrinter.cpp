//===- ManifestPrinter.cpp - Manifest to JSON -----------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "ExpressionJson.h"
#include "ManifestNames.h"
#include "transmamba/Package/Manifest.h"
#include "transmamba/Package/PackageReader.h"

using Json = nlohmann::ordered_json;

namespace transmamba::package {

static std::string typeName(ElementType type) {
  return std::string(name(type));
}

template <typename T, typename Function>
static Json list(const std::vector<T> &items, Function &&print) {
  Json result = Json::array();
  for (const T &item : items)
    result.push_back(print(item));
  return result;
}

static Json toJson(const std::vector<Expression> &shape) {
  return list(shape, expressionToJson);
}

static Json toJson(const FileInfo &file) {
  return {{"name", file.name},
          {"size", file.size},
          {"xxh3", checksumText(file.xxh3)}};
}

static Json toJson(const LayerInfo &layer) {
  Json result = {{"index", layer.index}};
  if (layer.transPoint)
    result["transpoint"] = *layer.transPoint;
  result["state_bytes_per_row"] = layer.stateBytesPerRow;
  return result;
}

static Json toJson(const ModelInfo &model) {
  return {{"name", model.name},
          {"tokenizer", model.tokenizer},
          {"vocabulary", model.vocabulary},
          {"max_batch", model.maxBatch},
          {"max_sequence", model.maxSequence},
          {"element_type", typeName(model.elementType)},
          {"layers",
           list(model.layers, [](const LayerInfo &l) { return toJson(l); })}};
}

static Json toJson(const Parameter &parameter) {
  return {{"name", parameter.name},
          {"type", typeName(parameter.type)},
          {"shape", parameter.shape},
          {"offset", parameter.offset}};
}

static Json toJson(const State &state) {
  Json result = {{"name", state.name}, {"kind", state.kind}};
  if (state.layer)
    result["layer"] = *state.layer;
  result["type"] = typeName(state.type);
  Json shape = Json::array();
  if (!state.isWorkspace())
    shape.push_back("B");
  for (int64_t extent : state.rowShape)
    shape.push_back(extent);
  result["shape"] = std::move(shape);
  if (state.sequenceDim)
    result["sequence_dim"] = *state.sequenceDim;
  return result;
}

static Json toJson(const Kernel &kernel) {
  Json result = {{"name", kernel.name},
                 {"registers", kernel.registers},
                 {"shared_bytes", kernel.sharedBytes},
                 {"spill_bytes", kernel.spillBytes}};
  if (!kernel.config.empty())
    result["config"] = kernel.config;
  if (kernel.waits)
    result["waits"] = true;
  return result;
}

static Json toJson(const Symbol &symbol) {
  return {{"name", symbol.name},
          {"max", symbol.max},
          {"input", symbol.input},
          {"dim", symbol.dim}};
}

static Json toJson(const Input &input) {
  Json result = {{"name", input.name},
                 {"type", typeName(input.type)},
                 {"shape", toJson(input.shape)}};
  if (input.range)
    result["range"] = {input.range->first, input.range->second};
  if (!input.valid.empty())
    result["valid"] = input.valid;
  if (input.role != Input::Role::None)
    result["role"] = std::string(roleName(input.role));
  return result;
}

static Json toJson(const Output &output) {
  return {{"name", output.name},
          {"type", typeName(output.type)},
          {"shape", toJson(output.shape)}};
}

static Json toJson(const TensorMap &map) {
  return {{"type", typeName(map.type)},
          {"extents", toJson(map.extents)},
          {"strides", toJson(map.strides)},
          {"box", map.box},
          {"swizzle", std::string(swizzleName(map.swizzle))},
          {"promotion", std::string(promotionName(map.promotion))}};
}

static Json toJson(const Argument &arg) {
  std::string kind(argumentKindName(arg.kind));
  Json result = Json::object();
  if (arg.kind == Argument::Kind::F32)
    result[kind] = arg.number;
  else if (arg.kind == Argument::Kind::Arena ||
           arg.kind == Argument::Kind::Scalar)
    result[kind] = expressionToJson(arg.value);
  else
    result[kind] = arg.index;
  if (arg.map)
    result["map"] = toJson(*arg.map);
  return result;
}

static Json toJson(const Command &command) {
  Json grid = Json::array();
  for (const Expression &extent : command.grid)
    grid.push_back(expressionToJson(extent));
  Json result = {{"kernel", command.kernel},
                 {"grid", std::move(grid)},
                 {"block", command.block},
                 {"shared", command.shared},
                 {"args", list(command.args,
                               [](const Argument &a) { return toJson(a); })}};
  Json work = Json::object();
  if (command.work.flop)
    work["flop"] = expressionToJson(*command.work.flop);
  if (command.work.bytes)
    work["bytes"] = expressionToJson(*command.work.bytes);
  if (!work.empty())
    result["work"] = std::move(work);
  return result;
}

static Json toJson(const EntryPoint &entry) {
  Json result = {
      {"name", entry.name},
      {"symbols",
       list(entry.symbols, [](const Symbol &s) { return toJson(s); })},
      {"inputs", list(entry.inputs, [](const Input &i) { return toJson(i); })},
      {"outputs",
       list(entry.outputs, [](const Output &o) { return toJson(o); })}};
  if (entry.positions.kind == PositionRule::Kind::Set)
    result["positions"] = {{"set", entry.positions.input}};
  else if (entry.positions.kind == PositionRule::Kind::Advance)
    result["positions"] = {{"advance", entry.positions.amount}};
  result["arena"] = expressionToJson(entry.arena);
  result["commands"] =
      list(entry.commands, [](const Command &c) { return toJson(c); });
  return result;
}

static Json toJson(const Variant &variant) {
  Json files = Json::object();
  if (!variant.object.empty())
    files["object"] = variant.object;
  if (!variant.cubin.empty())
    files["cubin"] = variant.cubin;
  if (!variant.ptx.empty())
    files["ptx"] = variant.ptx;
  return {{"target", variant.target},
          {"files", std::move(files)},
          {"kernels",
           list(variant.kernels, [](const Kernel &k) { return toJson(k); })},
          {"entries", list(variant.entries,
                           [](const EntryPoint &e) { return toJson(e); })}};
}

std::string printManifest(const Manifest &manifest) {
  Json result = {
      {"format", formatName},
      {"version", formatVersion},
      {"producer", manifest.producer},
      {"files",
       list(manifest.files, [](const FileInfo &f) { return toJson(f); })},
      {"model", toJson(manifest.model)},
      {"parameters",
       list(manifest.parameters, [](const Parameter &p) { return toJson(p); })},
      {"states",
       list(manifest.states, [](const State &s) { return toJson(s); })},
      {"variants",
       list(manifest.variants, [](const Variant &v) { return toJson(v); })}};
  // Names that are not UTF-8 are rejected by validation; here they must not
  // throw.
  return result.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace transmamba::package
