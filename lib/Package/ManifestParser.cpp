//===- ManifestParser.cpp - JSON to manifest ------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// From JSON to structures: types, ranges and known keys. What fields mean for
// one another is the business of ManifestValidator.cpp.
//
//===----------------------------------------------------------------------===//

#include "ExpressionJson.h"
#include "ManifestNames.h"
#include "transmamba/Package/Manifest.h"

#include <limits>

namespace transmamba::package {

/// Counts, extents and offsets are non-negative.
static int64_t parseCount(const JsonNode &node) { return node.integer(0); }

static ElementType parseType(const JsonNode &node) {
  if (std::optional<ElementType> type = parseElementType(node.text()))
    return *type;
  node.fail("there is no element type '" + node.text() +
            "'; there are f32, bf16, f16, f64, i8, i32 and i64");
}

template <typename Function>
static auto parseList(const JsonNode &node, Function &&parse) {
  std::vector<decltype(parse(node))> result;
  result.reserve(node.size());
  node.forEach([&](const JsonNode &item) { result.push_back(parse(item)); });
  return result;
}

static std::vector<int64_t> parseIntegers(const JsonNode &node) {
  return parseList(node, parseCount);
}

static std::vector<Expression> parseShape(const JsonNode &node) {
  return parseList(node, parseExpression);
}

static FileInfo parseFile(const JsonNode &node) {
  node.onlyKeys({"name", "size", "xxh3"});
  FileInfo file;
  file.name = node["name"].text();
  file.size = static_cast<uint64_t>(parseCount(node["size"]));
  JsonNode hash = node["xxh3"];
  const std::string &digits = hash.text();
  if (digits.size() != 16 ||
      digits.find_first_not_of("0123456789abcdef") != std::string::npos)
    hash.fail("expected 16 lower-case hexadecimal digits");
  file.xxh3 = std::stoull(digits, nullptr, 16);
  return file;
}

static LayerInfo parseLayer(const JsonNode &node) {
  node.onlyKeys({"index", "transpoint", "state_bytes_per_row"});
  LayerInfo layer;
  layer.index = parseCount(node["index"]);
  if (std::optional<JsonNode> point = node.find("transpoint"))
    layer.transPoint = parseCount(*point);
  layer.stateBytesPerRow = parseCount(node["state_bytes_per_row"]);
  return layer;
}

static ModelInfo parseModel(const JsonNode &node) {
  node.onlyKeys({"name", "tokenizer", "vocabulary", "max_batch", "max_sequence",
                 "element_type", "layers"});
  ModelInfo model;
  model.name = node["name"].text();
  model.tokenizer = node["tokenizer"].text();
  model.vocabulary = parseCount(node["vocabulary"]);
  model.maxBatch = parseCount(node["max_batch"]);
  model.maxSequence = parseCount(node["max_sequence"]);
  model.elementType = parseType(node["element_type"]);
  model.layers = parseList(node["layers"], parseLayer);
  return model;
}

static Parameter parseParameter(const JsonNode &node) {
  node.onlyKeys({"name", "type", "shape", "offset"});
  Parameter parameter;
  parameter.name = node["name"].text();
  parameter.type = parseType(node["type"]);
  parameter.shape = parseIntegers(node["shape"]);
  parameter.offset = static_cast<uint64_t>(parseCount(node["offset"]));
  return parameter;
}

static State parseState(const JsonNode &node) {
  node.onlyKeys({"name", "kind", "layer", "type", "shape", "sequence_dim"});
  State state;
  state.name = node["name"].text();
  state.kind = node["kind"].text();
  if (std::optional<JsonNode> layer = node.find("layer"))
    state.layer = parseCount(*layer);
  state.type = parseType(node["type"]);
  JsonNode shape = node["shape"];
  size_t first = 0;
  if (!state.isWorkspace()) {
    if (shape.size() == 0 || !shape.at(0).isString() ||
        shape.at(0).text() != "B")
      shape.fail("dimension 0 of a state is \"B\", the row");
    first = 1;
  }
  for (size_t i = first; i < shape.size(); ++i)
    state.rowShape.push_back(parseCount(shape.at(i)));
  if (std::optional<JsonNode> dim = node.find("sequence_dim"))
    state.sequenceDim = parseCount(*dim);
  return state;
}

static Kernel parseKernel(const JsonNode &node) {
  node.onlyKeys(
      {"name", "registers", "shared_bytes", "spill_bytes", "config", "waits"});
  Kernel kernel;
  kernel.name = node["name"].text();
  kernel.registers = node["registers"].integer(-1);
  kernel.sharedBytes = node["shared_bytes"].integer(-1);
  kernel.spillBytes = node["spill_bytes"].integer(-1);
  if (std::optional<JsonNode> config = node.find("config"))
    kernel.config = config->text();
  if (std::optional<JsonNode> waits = node.find("waits"))
    kernel.waits = waits->boolean();
  return kernel;
}

static Symbol parseSymbol(const JsonNode &node) {
  node.onlyKeys({"name", "max", "input", "dim"});
  Symbol symbol;
  symbol.name = node["name"].text();
  symbol.max = node["max"].integer(1);
  symbol.input = node["input"].text();
  symbol.dim = parseCount(node["dim"]);
  return symbol;
}

static Input parseInput(const JsonNode &node) {
  node.onlyKeys({"name", "type", "shape", "range", "valid", "role"});
  Input input;
  input.name = node["name"].text();
  input.type = parseType(node["type"]);
  input.shape = parseShape(node["shape"]);
  if (std::optional<JsonNode> range = node.find("range")) {
    if (range->size() != 2)
      range->fail("expected [low, high)");
    input.range = {range->at(0).integer(), range->at(1).integer()};
  }
  if (std::optional<JsonNode> valid = node.find("valid"))
    input.valid = valid->text();
  if (std::optional<JsonNode> role = node.find("role")) {
    if (role->text() == roleName(Input::Role::Lengths))
      input.role = Input::Role::Lengths;
    else if (role->text() == roleName(Input::Role::Positions))
      input.role = Input::Role::Positions;
    else
      role->fail("there is no role '" + role->text() +
                 "'; there are lengths and positions");
  }
  return input;
}

static Output parseOutput(const JsonNode &node) {
  node.onlyKeys({"name", "type", "shape"});
  return {node["name"].text(), parseType(node["type"]),
          parseShape(node["shape"])};
}

static PositionRule parsePositions(const JsonNode &node) {
  node.onlyKeys({"set", "advance"});
  std::optional<JsonNode> set = node.find("set");
  std::optional<JsonNode> advance = node.find("advance");
  if (set.has_value() == advance.has_value())
    node.fail("expected either 'set' or 'advance'");
  PositionRule rule;
  rule.kind = set ? PositionRule::Kind::Set : PositionRule::Kind::Advance;
  if (set)
    rule.input = set->text();
  else
    rule.amount = advance->integer(1);
  return rule;
}

/// The value of the enumeration whose name `nameOf` gives as the node's text.
template <typename Enum>
static Enum parseEnum(const JsonNode &node, std::string_view (*nameOf)(Enum),
                      std::initializer_list<Enum> values) {
  std::string known;
  for (Enum value : values) {
    if (nameOf(value) == node.text())
      return value;
    known += (known.empty() ? "" : ", ") + std::string(nameOf(value));
  }
  node.fail("'" + node.text() + "' is not known here; known are " + known);
}

static TensorMap parseTensorMap(const JsonNode &node) {
  node.onlyKeys({"type", "extents", "strides", "box", "swizzle", "promotion"});
  using Swizzle = TensorMap::Swizzle;
  using Promotion = TensorMap::Promotion;
  TensorMap map;
  map.type = parseType(node["type"]);
  map.extents = parseShape(node["extents"]);
  map.strides = parseShape(node["strides"]);
  map.box = parseIntegers(node["box"]);
  map.swizzle = parseEnum<Swizzle>(
      node["swizzle"], swizzleName,
      {Swizzle::None, Swizzle::B32, Swizzle::B64, Swizzle::B128});
  map.promotion = parseEnum<Promotion>(
      node["promotion"], promotionName,
      {Promotion::None, Promotion::B64, Promotion::B128, Promotion::B256});
  return map;
}

static Argument parseArgument(const JsonNode &node) {
  node.onlyKeys({"input", "output", "parameter", "state", "arena", "scalar",
                 "f32", "map"});
  Argument arg;
  unsigned kinds = 0;
  for (Argument::Kind kind : argumentKinds) {
    std::optional<JsonNode> value = node.find(argumentKindName(kind).data());
    if (!value)
      continue;
    ++kinds;
    arg.kind = kind;
    if (kind == Argument::Kind::Arena || kind == Argument::Kind::Scalar)
      arg.value = parseExpression(*value);
    else if (kind == Argument::Kind::F32)
      arg.number = value->single();
    else
      arg.index = static_cast<uint64_t>(parseCount(*value));
  }
  if (kinds != 1)
    node.fail("expected exactly one of input, output, parameter, state, arena, "
              "scalar and f32");
  if (std::optional<JsonNode> map = node.find("map"))
    arg.map = parseTensorMap(*map);
  return arg;
}

static Work parseWork(const JsonNode &node) {
  node.onlyKeys({"flop", "bytes"});
  Work work;
  if (std::optional<JsonNode> flop = node.find("flop"))
    work.flop = parseExpression(*flop);
  if (std::optional<JsonNode> bytes = node.find("bytes"))
    work.bytes = parseExpression(*bytes);
  if (!work.flop && !work.bytes)
    node.fail("expected 'flop', 'bytes' or both");
  return work;
}

static Command parseCommand(const JsonNode &node) {
  node.onlyKeys({"kernel", "grid", "block", "shared", "args", "work"});
  Command command;
  command.kernel = node["kernel"].text();
  JsonNode grid = node["grid"];
  JsonNode block = node["block"];
  if (grid.size() != 3)
    grid.fail("expected three extents");
  if (block.size() != 3)
    block.fail("expected three extents");
  for (size_t i = 0; i < 3; ++i) {
    command.grid[i] = parseExpression(grid.at(i));
    command.block[i] = block.at(i).integer(1);
  }
  command.shared = parseCount(node["shared"]);
  command.args = parseList(node["args"], parseArgument);
  if (std::optional<JsonNode> work = node.find("work"))
    command.work = parseWork(*work);
  return command;
}

static EntryPoint parseEntry(const JsonNode &node) {
  node.onlyKeys({"name", "symbols", "inputs", "outputs", "positions", "arena",
                 "commands"});
  EntryPoint entry;
  entry.name = node["name"].text();
  entry.symbols = parseList(node["symbols"], parseSymbol);
  entry.inputs = parseList(node["inputs"], parseInput);
  entry.outputs = parseList(node["outputs"], parseOutput);
  if (std::optional<JsonNode> positions = node.find("positions"))
    entry.positions = parsePositions(*positions);
  entry.arena = parseExpression(node["arena"]);
  entry.commands = parseList(node["commands"], parseCommand);
  return entry;
}

static Variant parseVariant(const JsonNode &node) {
  node.onlyKeys({"target", "files", "kernels", "entries"});
  Variant variant;
  variant.target = node["target"].text();
  JsonNode files = node["files"];
  files.onlyKeys({"object", "cubin", "ptx"});
  if (std::optional<JsonNode> object = files.find("object"))
    variant.object = object->text();
  if (std::optional<JsonNode> cubin = files.find("cubin"))
    variant.cubin = cubin->text();
  if (std::optional<JsonNode> ptx = files.find("ptx"))
    variant.ptx = ptx->text();
  variant.kernels = parseList(node["kernels"], parseKernel);
  variant.entries = parseList(node["entries"], parseEntry);
  return variant;
}

static Manifest parseRoot(const JsonNode &node) {
  // The version comes first: an unknown key is expected of a later version.
  JsonNode format = node["format"];
  if (format.text() != formatName)
    format.fail("expected '" + std::string(formatName) + "'");
  JsonNode version = node["version"];
  if (version.integer() != formatVersion)
    version.fail(
        "the package has format version " + std::to_string(version.integer()) +
        ", this program reads version " + std::to_string(formatVersion) +
        "; use the matching release, or compile the model again");
  node.onlyKeys({"format", "version", "producer", "files", "model",
                 "parameters", "states", "variants"});
  Manifest manifest;
  manifest.producer = node["producer"].text();
  manifest.files = parseList(node["files"], parseFile);
  manifest.model = parseModel(node["model"]);
  manifest.parameters = parseList(node["parameters"], parseParameter);
  manifest.states = parseList(node["states"], parseState);
  manifest.variants = parseList(node["variants"], parseVariant);
  return manifest;
}

Result<Manifest> parseManifest(std::string_view text, const std::string &file) {
  try {
    nlohmann::json document = parseJson(text);
    Manifest manifest = parseRoot(JsonNode(document));
    if (Error error = validateManifest(manifest, file))
      return error;
    return manifest;
  } catch (const JsonFailure &failure) {
    return Error(file, std::string(manifestFileName) + " " + failure.message);
  }
}

} // namespace transmamba::package
