//===- ImportGraph.cpp - JSON model graphs to the dialect -----------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Import/ImportGraph.h"
#include "EntryBuilder.h"
#include "Source.h"
#include "TransMamba/IR/TransMambaOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace transmamba;
using namespace transmamba::graph;

void transmamba::registerImportDialects(DialectRegistry &registry) {
  registry.insert<TransMambaDialect, arith::ArithDialect, func::FuncDialect,
                  linalg::LinalgDialect, tensor::TensorDialect>();
}

static void setModelAttributes(ModuleOp module, const Model &model) {
  const Graph &graph = *model.graph;
  Builder builder(module.getContext());
  auto set = [&](StringRef name, Attribute value) {
    module->setAttr(name, value);
  };
  set(TransMambaDialect::kNameAttr, builder.getStringAttr(graph.name));
  set(TransMambaDialect::kScheduleAttr,
      ScheduleAttr::get(module.getContext(), model.schedule));
  set(TransMambaDialect::kMaxBatchAttr,
      builder.getI64IntegerAttr(graph.maxBatch));
  set(TransMambaDialect::kMaxSequenceAttr,
      builder.getI64IntegerAttr(graph.maxSequence));
  if (graph.vocabulary != 0)
    set(TransMambaDialect::kVocabularyAttr,
        builder.getI64IntegerAttr(graph.vocabulary));
  if (!graph.tokenizer.empty())
    set(TransMambaDialect::kTokenizerAttr,
        builder.getStringAttr(graph.tokenizer));
  if (!graph.weights.empty())
    set(kWeightsAttr, builder.getStringAttr(graph.weights));
}

static OwningOpRef<ModuleOp> buildModule(const Source &source,
                                         const Model &model) {
  OwningOpRef<ModuleOp> module =
      ModuleOp::create(source.locate(*model.graph->json));
  setModelAttributes(*module, model);
  OpBuilder builder = OpBuilder::atBlockEnd(module->getBody());
  for (const Parameter &parameter : model.parameters) {
    Type element = parameter.element == Element::BF16
                       ? Type(builder.getBF16Type())
                       : Type(builder.getF32Type());
    ParameterOp::create(builder, parameter.loc, parameter.symbol,
                        RankedTensorType::get(parameter.getShape(), element),
                        builder.getStringAttr(parameter.source),
                        parameter.transform, RopeTableAttr());
  }
  for (Entry entry : model.graph->entries)
    if (failed(EntryBuilder(*module, model, entry).build()))
      return nullptr;
  return module;
}

OwningOpRef<ModuleOp> transmamba::importGraph(llvm::MemoryBufferRef buffer,
                                              MLIRContext *context,
                                              const ImportOptions &options) {
  context
      ->loadDialect<TransMambaDialect, arith::ArithDialect, func::FuncDialect,
                    linalg::LinalgDialect, tensor::TensorDialect>();
  Source source(context, buffer.getBufferIdentifier(), buffer.getBuffer());
  FailureOr<JsonDocument> document = parseJson(source);
  if (failed(document))
    return nullptr;
  FailureOr<Graph> graph = parseGraph(source, *document, options);
  if (failed(graph))
    return nullptr;
  FailureOr<Model> model = expandGraph(source, *graph);
  if (failed(model))
    return nullptr;
  if (options.checkWeights && failed(checkWeights(source, *model, options)))
    return nullptr;
  OwningOpRef<ModuleOp> module = buildModule(source, *model);
  // The checks above are meant to be complete; this one keeps a mistake in
  // them from reaching the passes.
  if (!module || failed(verify(*module)))
    return nullptr;
  return module;
}

OwningOpRef<ModuleOp>
transmamba::importGraphFile(StringRef path, MLIRContext *context,
                            const ImportOptions &options) {
  llvm::ErrorOr<std::unique_ptr<llvm::MemoryBuffer>> buffer =
      llvm::MemoryBuffer::getFile(path);
  if (std::error_code error = buffer.getError()) {
    emitError(FileLineColLoc::get(context, path, 0, 0))
        << "cannot read the graph: " << error.message();
    return nullptr;
  }
  return importGraph((*buffer)->getMemBufferRef(), context, options);
}
