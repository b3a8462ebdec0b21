//===- Model.h - A graph with blocks expanded and shapes known --*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// What is between the graph and the IR: a list of operations on numbered
// tensors. Everything has been checked; building IR from it cannot fail.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_IMPORT_MODEL_H
#define TRANSMAMBA_LIB_IMPORT_MODEL_H

#include "Graph.h"
#include "TransMamba/IR/TransMambaDialect.h"
#include "mlir/IR/Location.h"
#include <variant>

namespace transmamba::graph {

enum class Element { I32, F32, BF16 };

/// A tensor of the model: rows by tokens by `dims`. After `last_token` the
/// tokens are those that logits are wanted of.
struct GraphTensor {
  bool hasTokens = true;
  llvm::SmallVector<int64_t, 2> dims;
  Element element = Element::F32;

  bool operator==(const GraphTensor &other) const {
    return hasTokens == other.hasTokens && dims == other.dims &&
           element == other.element;
  }
  /// "[B, T, 4, 64] f32".
  std::string str() const;
};

llvm::StringRef getName(Element element);
/// "[4, 64]".
std::string printShape(llvm::ArrayRef<int64_t> shape);

/// A weight in the form that operations read.
struct Parameter {
  std::string symbol;
  /// The name and the shape in the weights file.
  std::string source;
  llvm::SmallVector<int64_t, 2> storedShape;
  WeightTransform transform = WeightTransform::None;
  Element element = Element::F32;
  mlir::Location loc;
  /// The attribute that first named it.
  const JsonNode *json = nullptr;

  llvm::SmallVector<int64_t, 2> getShape() const;
};

/// State of a layer, an argument and a result of prefill and decode.
struct State {
  std::string name;
  mlir::Type type;
  mlir::Location loc;
};

using AttrValue = std::variant<std::monostate, int64_t, double, bool,
                               std::string, llvm::SmallVector<int64_t>>;

struct ModelOp {
  const OpSpec *spec = nullptr;
  mlir::Location loc;
  llvm::SmallVector<unsigned, 4> inputs, outputs;
  /// By the numbers of `spec`.
  llvm::SmallVector<AttrValue> attributes = {};
  /// The number of the parameter that an attribute names.
  llvm::SmallVector<std::optional<unsigned>> parameters = {};
  llvm::SmallVector<unsigned, 2> states = {};

  std::optional<int64_t> getInteger(llvm::StringRef name) const {
    return get<int64_t>(name);
  }
  std::optional<double> getFloat(llvm::StringRef name) const {
    return get<double>(name);
  }
  bool getFlag(llvm::StringRef name, bool otherwise = false) const {
    return get<bool>(name).value_or(otherwise);
  }
  std::string getText(llvm::StringRef name) const {
    return get<std::string>(name).value_or("");
  }
  llvm::SmallVector<int64_t> getIntegers(llvm::StringRef name) const {
    return get<llvm::SmallVector<int64_t>>(name).value_or(
        llvm::SmallVector<int64_t>());
  }
  std::optional<unsigned> getParameter(llvm::StringRef name) const {
    return parameters[spec->getAttribute(name)];
  }

private:
  template <typename T> std::optional<T> get(llvm::StringRef name) const {
    const AttrValue &value = attributes[spec->getAttribute(name)];
    if (const T *held = std::get_if<T>(&value))
      return *held;
    return std::nullopt;
  }
};

struct Model {
  const Graph *graph = nullptr;
  std::vector<GraphTensor> tensors;
  std::vector<ModelOp> ops;
  std::vector<Parameter> parameters;
  std::vector<State> states;
  llvm::SmallVector<unsigned> inputs, outputs;
  /// TransPoints by layer, cycled.
  llvm::SmallVector<int64_t> schedule;
};

/// Expands blocks, evaluates expressions and infers shapes; reports the first
/// contradiction. The graph must outlive the model.
mlir::FailureOr<Model> expandGraph(const Source &source, const Graph &graph);

/// Compares the parameters with a safetensors file.
mlir::LogicalResult checkWeights(const Source &source, const Model &model,
                                 const ImportOptions &options);

} // namespace transmamba::graph

#endif // TRANSMAMBA_LIB_IMPORT_MODEL_H
