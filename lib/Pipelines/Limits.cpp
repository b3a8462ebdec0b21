//===- Limits.cpp - What no package can hold ------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Limits.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "transmamba/Target/LaunchPlan.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace transmamba;

//===----------------------------------------------------------------------===//
// The model
//===----------------------------------------------------------------------===//

/// A package knows the tokenizers "bytes" and "none".
static LogicalResult checkTokenizer(ModuleOp module) {
  constexpr int64_t bytes = 256;
  auto tokenizer =
      module->getAttrOfType<StringAttr>(TransMambaDialect::kTokenizerAttr);
  if (!tokenizer || tokenizer.getValue() == "none")
    return success();
  if (tokenizer.getValue() != "bytes")
    return module.emitError("there is no tokenizer ")
           << tokenizer << ": give \"bytes\", or \"none\"";
  auto vocabulary =
      module->getAttrOfType<IntegerAttr>(TransMambaDialect::kVocabularyAttr);
  if (!vocabulary || vocabulary.getInt() < bytes)
    return module.emitError("the tokenizer \"bytes\" needs '")
           << TransMambaDialect::kVocabularyAttr << "' of at least " << bytes;
  return success();
}

LogicalResult transmamba::checkLimits(ModuleOp module) {
  constexpr int64_t maxSize = (int64_t(1) << 31) - 1;
  constexpr int64_t maxRank = 8;
  for (StringRef name : {TransMambaDialect::kMaxBatchAttr,
                         TransMambaDialect::kMaxSequenceAttr}) {
    auto value = module->getAttrOfType<IntegerAttr>(name);
    if (value && (value.getValue().slt(1) || value.getValue().sgt(maxSize)))
      return module.emitError("'")
             << name << "' must be in [1, " << maxSize << "], not "
             << value.getValue().getSExtValue();
  }
  if (failed(checkTokenizer(module)))
    return failure();
  auto isTooLarge = [&](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && (tensor.getRank() > maxRank ||
                      llvm::any_of(tensor.getShape(), [&](int64_t size) {
                        return !ShapedType::isDynamic(size) && size > maxSize;
                      }));
  };
  for (auto function : module.getOps<func::FuncOp>()) {
    FunctionType type = function.getFunctionType();
    for (Type value :
         llvm::concat<const Type>(type.getInputs(), type.getResults()))
      if (isTooLarge(value))
        return function.emitError("type ")
               << value << ": a tensor has at most " << maxRank
               << " dimensions, each of at most " << maxSize;
    llvm::StringSet<> names;
    for (unsigned i = 0; i < type.getNumInputs(); ++i) {
      auto name = function.getArgAttrOfType<StringAttr>(
          i, TransMambaDialect::kNameAttr);
      if (name && !names.insert(name.getValue()).second)
        return function.emitError("two arguments have the name '")
               << name.getValue() << "'";
      auto range = function.getArgAttr(i, TransMambaDialect::kRangeAttr);
      if (!range)
        continue;
      auto bounds = dyn_cast<ArrayAttr>(range);
      auto bound = [&](unsigned side) {
        auto value = dyn_cast<IntegerAttr>(bounds[side]);
        return value && value.getType().isSignlessInteger(64)
                   ? std::optional(value.getInt())
                   : std::nullopt;
      };
      if (!bounds || bounds.size() != 2 || !bound(0) || !bound(1) ||
          *bound(0) >= *bound(1))
        return function.emitError("argument ")
               << i << ": the range " << range
               << " must be two integers [low, high) with low < high";
    }
  }
  return success();
}

//===----------------------------------------------------------------------===//
// The launch plans
//===----------------------------------------------------------------------===//

LogicalResult transmamba::checkPlans(ModuleOp module,
                                     const CompiledModel &model,
                                     package::Variant variant) {
  // The code and the data do not exist yet: their names and sizes do.
  llvm::StringSet<> kernels;
  for (const package::EntryPoint &entry : variant.entries)
    for (const package::Command &command : entry.commands)
      if (kernels.insert(command.kernel).second)
        variant.kernels.push_back({command.kernel, -1, -1, -1});
  package::WeightsBuilder weights;
  for (ParameterOp parameter : model.parameters) {
    auto type = cast<RankedTensorType>(parameter.getType());
    FailureOr<package::ElementType> element =
        toElementType(type.getElementType());
    if (failed(element))
      return parameter.emitError("a package cannot hold elements of type ")
             << type.getElementType();
    weights.add(parameter.getSymName().str(), *element, type.getShape().vec(),
                package::ByteProducer());
  }
  package::Manifest manifest = model.manifest;
  const std::string code = "code/kernels";
  (StringRef(variant.target).starts_with("cpu") ? variant.object
                                                : variant.ptx) = code;
  manifest.files = {{code, 0, 0},
                    {package::weightsFileName, weights.blob().size, 0}};
  manifest.parameters = weights.parameters();
  manifest.variants.assign(1, std::move(variant));
  if (package::Error error = package::validateManifest(manifest, ""))
    return module.emitError("a package cannot hold this model: ")
           << error.what();
  return success();
}
