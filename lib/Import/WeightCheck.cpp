//===- WeightCheck.cpp - The graph against its safetensors file -----------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Model.h"
#include "Source.h"
#include "transmamba/Package/SafeTensors.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace transmamba;
using namespace transmamba::graph;

/// The path that the option gives, or else the graph's, which is relative to
/// the graph.
static std::string getWeightsPath(const Source &source, const Graph &graph,
                                  const ImportOptions &options) {
  if (options.weights)
    return *options.weights;
  if (graph.weights.empty() || llvm::sys::path::is_absolute(graph.weights))
    return graph.weights;
  SmallString<128> path = llvm::sys::path::parent_path(source.getPath());
  llvm::sys::path::append(path, graph.weights);
  return path.str().str();
}

LogicalResult transmamba::graph::checkWeights(const Source &source,
                                              const Model &model,
                                              const ImportOptions &options) {
  const Graph &graph = *model.graph;
  const JsonNode &where = graph.weightsJson ? *graph.weightsJson : *graph.json;
  std::string path = getWeightsPath(source, graph, options);
  if (path.empty())
    return source.error(where)
           << "there are no weights to check: add \"weights\" to the graph, or "
              "name a file on the command line";
  package::Result<std::shared_ptr<const package::SafeTensorsFile>> file =
      package::SafeTensorsFile::open(path);
  if (!file)
    return source.error(where)
           << "the weights '" << printable(file.error().where())
           << "' cannot be read: " << printable(file.error().what());

  // At the attribute, with the blocks that lead there.
  auto fail = [](const Parameter &parameter) {
    InFlightDiagnostic diagnostic = emitError(parameter.loc);
    diagnostic << parameter.json->getPointer() << ": ";
    return diagnostic;
  };
  for (const Parameter &parameter : model.parameters) {
    const package::SafeTensor *tensor = (*file)->find(parameter.source);
    if (!tensor) {
      std::vector<StringRef> known;
      for (const package::SafeTensor &other : (*file)->tensors())
        known.push_back(other.name);
      return fail(parameter)
             << "the weight '" << printable(parameter.source) << "' is not in '"
             << printable(path) << "'" << suggest(parameter.source, known);
    }
    bool isFloat = tensor->type && *tensor->type != package::ElementType::I8 &&
                   *tensor->type != package::ElementType::I32 &&
                   *tensor->type != package::ElementType::I64;
    if (!isFloat)
      return fail(parameter)
             << "the weight '" << printable(parameter.source) << "' is "
             << printable(tensor->dtype) << " in '" << printable(path)
             << "', but weights are F64, F32, F16 or BF16";
    if (ArrayRef<int64_t>(tensor->shape) !=
        ArrayRef<int64_t>(parameter.storedShape))
      return fail(parameter)
             << "the weight '" << printable(parameter.source) << "' is "
             << printShape(tensor->shape) << " in '" << printable(path)
             << "', but the graph needs " << printShape(parameter.storedShape);
  }
  return success();
}
