//===- Translations.cpp - Graphs in transmamba-translate ------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "mlir/Tools/mlir-translate/Translation.h"
#include "transmamba/Import/ImportGraph.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace transmamba;
namespace cl = llvm::cl;

namespace {
/// The command line form of ImportOptions.
struct ImportFlags {
  cl::OptionCategory category{"Graph import options"};
  cl::opt<std::string> elementType{
      "element-type",
      cl::desc("Import as f32 or bf16, whatever the graph says"),
      cl::value_desc("type"), cl::cat(category)};
  cl::opt<std::string> schedule{
      "schedule",
      cl::desc("Import with V1 to V9, transformer, or TransPoints "
               "separated by commas"),
      cl::value_desc("schedule"), cl::cat(category)};
  cl::opt<int64_t> maxBatch{"max-batch", cl::desc("Import with this max_batch"),
                            cl::value_desc("rows"), cl::cat(category)};
  cl::opt<int64_t> maxSequence{"max-sequence",
                               cl::desc("Import with this max_sequence"),
                               cl::value_desc("tokens"), cl::cat(category)};
  cl::list<std::string> entries{
      "entries", cl::CommaSeparated,
      cl::desc("Import these entry points: prefill, decode, forward"),
      cl::value_desc("names"), cl::cat(category)};
  cl::opt<bool> checkWeights{
      "check-weights", cl::desc("Compare the graph with its safetensors file"),
      cl::cat(category)};
  cl::opt<std::string> weights{
      "weights", cl::desc("Check this safetensors file, not the graph's"),
      cl::value_desc("file"), cl::cat(category)};

  ImportOptions get() const {
    ImportOptions options;
    if (elementType.getNumOccurrences())
      options.elementType = elementType;
    if (schedule.getNumOccurrences())
      options.schedule = schedule;
    if (maxBatch.getNumOccurrences())
      options.maxBatch = maxBatch;
    if (maxSequence.getNumOccurrences())
      options.maxSequence = maxSequence;
    options.entries.assign(entries.begin(), entries.end());
    options.checkWeights = checkWeights;
    if (weights.getNumOccurrences())
      options.weights = weights;
    return options;
  }
};
} // namespace

void transmamba::registerGraphTranslations() {
  static ImportFlags flags;
  static TranslateToMLIRRegistration importing(
      "import-json", "import a JSON model graph (docs/graph.md)",
      [](llvm::SourceMgr &sources, MLIRContext *context) {
        return OwningOpRef<Operation *>(
            importGraph(sources.getMemoryBuffer(sources.getMainFileID())
                            ->getMemBufferRef(),
                        context, flags.get())
                .release());
      },
      registerImportDialects);
  static TranslateFromMLIRRegistration exporting(
      "export-json", "export a model as a JSON graph (docs/graph.md)",
      [](ModuleOp module, raw_ostream &os) { return exportGraph(module, os); },
      registerImportDialects);
}
