//===- OpContext.h - Checking one operation ---------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_IMPORT_OPCONTEXT_H
#define TRANSMAMBA_LIB_IMPORT_OPCONTEXT_H

#include "Model.h"
#include "mlir/IR/Diagnostics.h"

namespace transmamba::graph {

class Expander;

/// What shape inference of one operation sees, and says.
class OpContext {
public:
  OpContext(Expander &expander, const OpNode &node, ModelOp &op)
      : expander(expander), node(node), op(op) {}

  const ModelOp &getOp() const { return op; }
  const GraphTensor &getInput(unsigned number) const;
  unsigned getNumInputs() const { return op.inputs.size(); }
  unsigned getNumOutputs() const { return op.outputs.size(); }
  /// The element type of the model.
  Element getModelElement() const;
  mlir::Type getIRElement(Element element) const;
  mlir::MLIRContext *getContext() const;
  int64_t getVocabulary() const;

  /// An error at the operation, an attribute or an input.
  mlir::InFlightDiagnostic error() const;
  mlir::InFlightDiagnostic errorAt(llvm::StringRef attribute) const;
  mlir::InFlightDiagnostic errorAtInput(unsigned number) const;

  /// Checks shared by many operations.
  mlir::LogicalResult expectPositive(llvm::StringRef attribute) const;
  mlir::LogicalResult expectPositiveFloat(llvm::StringRef attribute) const;
  mlir::LogicalResult expectElement(unsigned number, Element element) const;
  mlir::LogicalResult expectFloat(unsigned number) const;
  /// Rows by tokens by `rank` sizes.
  mlir::LogicalResult expectTokens(unsigned number, unsigned rank,
                                   llvm::StringRef shape) const;
  mlir::LogicalResult expectType(unsigned number,
                                 const GraphTensor &type) const;

  mlir::LogicalResult setOutput(GraphTensor type, unsigned number = 0);
  /// Declares the weight that an attribute names, if it is there.
  mlir::LogicalResult
  addParameter(llvm::StringRef attribute, llvm::ArrayRef<int64_t> storedShape,
               Element element,
               WeightTransform transform = WeightTransform::None);
  /// Declares state `layers.N.<name>`.
  mlir::LogicalResult addState(llvm::StringRef name, mlir::Type type);
  /// The layer, once it is known to be one.
  mlir::FailureOr<int64_t> getLayer() const;
  /// Notes how the layer attends: by the schedule, or always.
  mlir::LogicalResult setAttends(int64_t layer, bool always);
  bool hasEntry(Entry entry) const;

private:
  Expander &expander;
  const OpNode &node;
  ModelOp &op;
};

/// Checks inputs and attributes, and declares outputs, parameters and states.
/// One function a kind of operation, by family.
mlir::LogicalResult inferTensorOp(OpContext &context);
mlir::LogicalResult inferSequenceOp(OpContext &context);
bool isSequenceOp(OpKind kind);

} // namespace transmamba::graph

#endif // TRANSMAMBA_LIB_IMPORT_OPCONTEXT_H
