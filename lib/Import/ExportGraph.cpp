//===- ExportGraph.cpp - The dialect to JSON model graphs -----------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "EntryReader.h"
#include "Equivalence.h"
#include "Source.h"
#include "mlir/IR/Diagnostics.h"
#include "transmamba/Import/ImportGraph.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace transmamba;
using namespace transmamba::graph;
using Json = nlohmann::ordered_json;

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

/// On one line, with a space after each separator.
static void printInline(const Json &value, raw_ostream &os) {
  if (!value.is_structured()) {
    // Names that are not UTF-8 must not throw.
    os << value.dump(-1, ' ', false, Json::error_handler_t::replace);
    return;
  }
  bool isObject = value.is_object();
  os << (isObject ? '{' : '[');
  const char *separator = "";
  for (const auto &item : value.items()) {
    os << separator;
    if (isObject) {
      printInline(Json(item.key()), os);
      os << ": ";
    }
    printInline(item.value(), os);
    separator = ", ";
  }
  os << (isObject ? '}' : ']');
}

/// One line an attribute of the model, and one an operation.
static void printGraph(const Json &graph, raw_ostream &os) {
  os << "{\n";
  const char *separator = "";
  for (const auto &item : graph.items()) {
    os << separator << "  ";
    printInline(Json(item.key()), os);
    os << ": ";
    separator = ",\n";
    if (item.key() != "ops") {
      printInline(item.value(), os);
      continue;
    }
    os << "[\n";
    const char *comma = "";
    for (const Json &op : item.value()) {
      os << comma << "    ";
      printInline(op, os);
      comma = ",\n";
    }
    os << "\n  ]";
  }
  os << "\n}\n";
}

//===----------------------------------------------------------------------===//
// The graph
//===----------------------------------------------------------------------===//

namespace {
class GraphExporter {
public:
  explicit GraphExporter(ModuleOp module) : module(module) {}

  FailureOr<Json> run();

private:
  LogicalResult findEntries();
  LogicalResult exportAttributes();
  LogicalResult exportInputs();
  LogicalResult exportOutputs();
  void keepFloat32();
  LogicalResult exportOps();
  FailureOr<std::string> getName(Value value, Operation *user);

  ModuleOp module;
  Json graph = Json::object();
  Json entries = Json::array();
  /// The entry point that is read; the others are compared.
  func::FuncOp function;
  Entry entry = Entry::Prefill;
  bool isBF16 = false;
  std::vector<ReadOp> ops;
  llvm::DenseMap<Value, std::string> names;
  llvm::StringSet<> taken;
  unsigned numTensors = 0;
};
} // namespace

/// Prefill says most: forward does not know the last token.
LogicalResult GraphExporter::findEntries() {
  for (Operation &op : *module.getBody()) {
    if (isa<ParameterOp>(op))
      continue;
    auto candidate = dyn_cast<func::FuncOp>(op);
    std::optional<Entry> kind;
    if (candidate)
      for (Entry known : {Entry::Prefill, Entry::Decode, Entry::Forward})
        if (graph::getName(known) == candidate.getName())
          kind = known;
    if (!kind || !candidate->hasAttr(TransMambaDialect::kEntryAttr) ||
        candidate.isExternal())
      return op.emitError("this has no JSON form: a graph has parameters and "
                          "the entry points prefill, decode and forward");
    entries.push_back(graph::getName(*kind).str());
    if (!function || *kind == Entry::Prefill ||
        (*kind == Entry::Decode && entry == Entry::Forward)) {
      function = candidate;
      entry = *kind;
    }
  }
  if (!function)
    return module.emitError("there is no entry point to export");
  for (ParameterOp parameter : module.getOps<ParameterOp>())
    isBF16 |= cast<ShapedType>(parameter.getType()).getElementType().isBF16();
  return success();
}

LogicalResult GraphExporter::exportAttributes() {
  graph["format"] = "transmamba-graph";
  graph["version"] = 1;
  for (auto [attribute, key, isRequired] :
       {std::tuple(TransMambaDialect::kNameAttr, "name", true),
        std::tuple(TransMambaDialect::kVocabularyAttr, "vocabulary", false),
        std::tuple(TransMambaDialect::kTokenizerAttr, "tokenizer", false),
        std::tuple(TransMambaDialect::kMaxBatchAttr, "max_batch", true),
        std::tuple(TransMambaDialect::kMaxSequenceAttr, "max_sequence",
                   true)}) {
    Attribute value = module->getAttr(attribute);
    if (auto text = dyn_cast_or_null<StringAttr>(value))
      graph[key] = text.str();
    else if (auto integer = dyn_cast_or_null<IntegerAttr>(value))
      graph[key] = integer.getInt();
    else if (isRequired)
      return module.emitError("the attribute '")
             << attribute << "' is missing: a graph needs it";
  }
  graph["element_type"] = isBF16 ? "bf16" : "f32";
  auto schedule =
      module->getAttrOfType<ScheduleAttr>(TransMambaDialect::kScheduleAttr);
  if (!schedule)
    return module.emitError("the attribute '")
           << TransMambaDialect::kScheduleAttr
           << "' is missing: a graph needs it";
  graph["schedule"] = Json(schedule.getPoints().vec());
  if (auto weights = module->getAttrOfType<StringAttr>(kWeightsAttr))
    graph["weights"] = weights.str();
  graph["entries"] = entries;
  return success();
}

/// Arguments that are neither states nor the runtime's.
LogicalResult GraphExporter::exportInputs() {
  graph["inputs"] = Json::array();
  for (BlockArgument argument : function.getArguments()) {
    unsigned number = argument.getArgNumber();
    if (isa<StateTypeInterface>(argument.getType()) ||
        function.getArgAttr(number, TransMambaDialect::kRoleAttr))
      continue;
    auto name = function.getArgAttrOfType<StringAttr>(
        number, TransMambaDialect::kNameAttr);
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!name || !type || type.getRank() < 2 || type.getRank() > 3)
      return function.emitError("argument ")
             << number << " has no JSON form: inputs are named tensors of "
             << "tokens or features";
    Json input = {{"name", name.str()}};
    if (type.getRank() == 2) {
      input["type"] = "tokens";
    } else {
      input["type"] = "features";
      input["width"] = type.getDimSize(2);
      if (isBF16 && type.getElementType().isF32())
        input["element_type"] = "f32";
    }
    names[argument] = name.str();
    taken.insert(name.getValue());
    graph["inputs"].push_back(std::move(input));
  }
  return success();
}

LogicalResult GraphExporter::exportOutputs() {
  graph["outputs"] = Json::array();
  Operation *end = function.getBody().front().getTerminator();
  for (OpOperand &operand : end->getOpOperands()) {
    if (isa<StateTypeInterface>(operand.get().getType()))
      continue;
    unsigned number = operand.getOperandNumber();
    auto name = function.getResultAttrOfType<StringAttr>(
        number, TransMambaDialect::kNameAttr);
    if (!name || !taken.insert(name.getValue()).second ||
        !names.try_emplace(operand.get(), name.str()).second)
      return function.emitError("result ")
             << number << " has no JSON form: outputs are tensors that are "
             << "computed once, each with a name of its own";
    graph["outputs"].push_back(name.str());
  }
  return success();
}

/// In a float32 model nothing shows which projections must not be rounded if it
/// is imported as bf16: those of time steps and outputs.
void GraphExporter::keepFloat32() {
  if (isBF16)
    return;
  llvm::DenseSet<Value> wide;
  for (Value value : function.getBody().front().getTerminator()->getOperands())
    wide.insert(value);
  for (ReadOp &op : llvm::reverse(ops)) {
    switch (op.kind) {
    case OpKind::HybridMixer:
    case OpKind::SSDScan:
      wide.insert(op.inputs[3]);
      break;
    case OpKind::SelectiveScan:
      wide.insert(op.inputs[1]);
      break;
    case OpKind::Linear:
      if (wide.contains(op.outputs[0]))
        op.attributes["element_type"] = "f32";
      break;
    case OpKind::Activate:
    case OpKind::Slice:
      if (wide.contains(op.outputs[0]))
        wide.insert(op.inputs[0]);
      break;
    default:
      break;
    }
  }
}

FailureOr<std::string> GraphExporter::getName(Value value, Operation *user) {
  auto found = names.find(value);
  if (found != names.end())
    return found->second;
  return user->emitError("'")
         << user->getName().getStringRef()
         << "' has no JSON form here: one of its operands is not the result of "
            "an operation of a graph";
}

LogicalResult GraphExporter::exportOps() {
  keepFloat32();
  graph["ops"] = Json::array();
  auto toJson = [](std::vector<std::string> tensors) {
    return tensors.size() == 1 ? Json(tensors[0]) : Json(tensors);
  };
  for (const ReadOp &op : ops) {
    Json json = {{"op", getOpSpec(op.kind).name.str()}};
    Operation *maker = op.outputs[0].getDefiningOp();
    std::vector<std::string> inputs, outputs;
    for (Value input : op.inputs) {
      FailureOr<std::string> name = getName(input, maker);
      if (failed(name))
        return failure();
      inputs.push_back(*name);
    }
    for (Value output : op.outputs) {
      std::string &name = names[output];
      while (name.empty()) {
        std::string candidate = "t" + std::to_string(numTensors++);
        if (taken.insert(candidate).second)
          name = candidate;
      }
      outputs.push_back(name);
    }
    json["in"] = toJson(inputs);
    json["out"] = toJson(outputs);
    json.update(op.attributes);
    graph["ops"].push_back(std::move(json));
  }
  Json outputs = std::move(graph["outputs"]);
  graph.erase("outputs");
  graph["outputs"] = std::move(outputs);
  return success();
}

FailureOr<Json> GraphExporter::run() {
  if (failed(findEntries()) || failed(exportAttributes()) ||
      failed(exportInputs()) || failed(exportOutputs()))
    return failure();
  FailureOr<std::vector<ReadOp>> read =
      EntryReader(function, entry, isBF16).read();
  if (failed(read))
    return failure();
  ops = std::move(*read);
  if (failed(exportOps()))
    return failure();
  return graph;
}

/// Imports the text and compares: an export that succeeds is faithful.
static LogicalResult checkExport(ModuleOp module, StringRef text) {
  std::string why;
  OwningOpRef<ModuleOp> imported;
  {
    ScopedDiagnosticHandler handler(module.getContext(),
                                    [&](Diagnostic &diagnostic) {
                                      if (why.empty())
                                        why = diagnostic.str();
                                      return success();
                                    });
    imported = importGraph(llvm::MemoryBufferRef(text, "exported.json"),
                           module.getContext());
  }
  if (!imported)
    return module.emitError("the module has no JSON form: the graph that says "
                            "it is not valid: ")
           << why;
  return checkEquivalent(module, *imported);
}

LogicalResult transmamba::exportGraph(ModuleOp module, raw_ostream &os) {
  FailureOr<Json> graph = GraphExporter(module).run();
  if (failed(graph))
    return failure();
  std::string text;
  llvm::raw_string_ostream textStream(text);
  printGraph(*graph, textStream);
  if (failed(checkExport(module, text)))
    return failure();
  os << text;
  return success();
}
