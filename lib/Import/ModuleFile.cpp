//===- ModuleFile.cpp - Models in MLIR ------------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Import/ModuleFile.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Location.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace transmamba;

//===----------------------------------------------------------------------===//
// Nesting
//===----------------------------------------------------------------------===//

/// Loops in kernels nest some 20 levels deep, with four brackets each.
static constexpr unsigned maxNesting = 256;

/// The offset of the bracket, or of the sign, that nests too deep.
static std::optional<size_t> findTooDeep(StringRef text) {
  unsigned depth = 0, signs = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    char next = i + 1 < text.size() ? text[i + 1] : '\0';
    switch (text[i]) {
    case '"':
      for (++i; i < text.size() && text[i] != '"' && text[i] != '\n'; ++i)
        i += text[i] == '\\';
      break;
    case '/':
      if (next == '/')
        i = std::min(text.find('\n', i), text.size() - 1);
      break;
    case '<':
      depth += next != '='; // a constraint: <=
      break;
    case '(':
    case '[':
    case '{':
      ++depth;
      break;
    case '>':
      depth -= next != '=' && depth > 0;
      break;
    case ')':
    case ']':
    case '}':
      depth -= depth > 0;
      break;
    case '-':
      if (next == '>')
        ++i; // an arrow
      else
        ++signs;
      if (signs > maxNesting)
        return i;
      continue;
    case ' ':
    case '\n':
      continue;
    default:
      break;
    }
    signs = 0;
    if (depth > maxNesting)
      return i;
  }
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// What verifiers of others take for granted
//===----------------------------------------------------------------------===//

/// The number that stands for a size which is an operand may be written down
/// as well, where there is no such operand.
static bool lacksOperands(Operation *op) {
  int64_t dynamic = 0;
  for (NamedAttribute attribute : op->getAttrs())
    if (auto sizes = dyn_cast<DenseI64ArrayAttr>(attribute.getValue());
        sizes && attribute.getName().strref().starts_with("static_"))
      dynamic += llvm::count(sizes.asArrayRef(), ShapedType::kDynamic);
  return dynamic > llvm::count_if(op->getOperandTypes(), [](Type type) {
           return type.isIntOrIndex();
         });
}

/// Refuses what MLIR's verifiers and printers read out of bounds on: sizes
/// without operands, and attributes of reshapes and concatenations.
static LogicalResult checkForVerifiers(ModuleOp module) {
  auto check = [](Operation *op) -> WalkResult {
    if (lacksOperands(op))
      return op->emitOpError("has fewer operands than dynamic sizes");
    if (auto groups = op->getAttrOfType<ArrayAttr>("reassociation"))
      for (Attribute group : groups)
        if (auto dims = dyn_cast<ArrayAttr>(group); dims && dims.empty())
          return op->emitOpError("has an empty group in 'reassociation'");
    auto dim = op->getAttrOfType<IntegerAttr>("dim");
    if (!isa<tensor::ConcatOp>(op) || !dim)
      return WalkResult::advance();
    for (Type type : op->getOperandTypes())
      if (auto tensor = dyn_cast<RankedTensorType>(type))
        if (dim.getInt() < 0 || dim.getInt() >= tensor.getRank())
          return op->emitOpError("concatenates dimension ")
                 << dim.getInt() << " of " << tensor;
    return WalkResult::advance();
  };
  return failure(module.walk(check).wasInterrupted());
}

/// Line and column of an offset, from 1 on.
static Location locate(MLIRContext *context, StringRef file, StringRef text,
                       size_t offset) {
  StringRef before = text.take_front(offset);
  size_t newline = before.rfind('\n');
  size_t column = newline == StringRef::npos ? offset : offset - newline - 1;
  return FileLineColLoc::get(context, file, before.count('\n') + 1, column + 1);
}

OwningOpRef<ModuleOp> transmamba::parseModuleFile(StringRef path,
                                                  llvm::SourceMgr &sources,
                                                  MLIRContext *context) {
  auto buffer = llvm::MemoryBuffer::getFileOrSTDIN(path);
  if (!buffer) {
    emitError(FileLineColLoc::get(context, path, 0, 0))
        << "cannot be read: " << buffer.getError().message();
    return nullptr;
  }
  StringRef name = (*buffer)->getBufferIdentifier();
  StringRef text = (*buffer)->getBuffer();
  sources.AddNewSourceBuffer(std::move(*buffer), llvm::SMLoc());
  if (std::optional<size_t> offset = findTooDeep(text)) {
    emitError(locate(context, name, text, *offset))
        << "brackets or signs nest deeper than " << maxNesting << " levels";
    return nullptr;
  }
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(
      sources, ParserConfig(context, /*verifyAfterParse=*/false));
  if (!module || failed(checkForVerifiers(*module)) || failed(verify(*module)))
    return nullptr;
  return module;
}
