//===- Source.cpp - Locations in a graph file -----------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Source.h"
#include "Json.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace transmamba::graph;

std::string transmamba::graph::printable(StringRef text) {
  constexpr size_t kLongest = 160;
  bool cut = text.size() > kLongest;
  StringRef shown = text.take_front(kLongest);
  // Nothing but valid UTF-8 may reach a terminal or a log.
  const auto *begin = reinterpret_cast<const llvm::UTF8 *>(shown.begin());
  const auto *end = reinterpret_cast<const llvm::UTF8 *>(shown.end());
  bool valid = llvm::isLegalUTF8String(&begin, end);
  std::string result;
  for (char c : shown) {
    unsigned char byte = c;
    if (byte < 0x20 || byte == 0x7F || (byte >= 0x80 && !valid)) {
      result += "\\x";
      result += llvm::utohexstr(byte, /*LowerCase=*/false, /*Width=*/2);
    } else {
      result += c;
    }
  }
  return cut ? result + "..." : result;
}

std::string transmamba::graph::printNumber(double number) {
  return llvm::formatv("{0}", llvm::format("%g", number)).str();
}

std::string transmamba::graph::suggest(StringRef name,
                                       ArrayRef<StringRef> known) {
  // Further away it is another word. Of two that are as near, the one of equal
  // length is more likely meant.
  unsigned limit = std::min<size_t>(2, name.size() / 2);
  StringRef best;
  std::pair<unsigned, size_t> bestDistance;
  for (StringRef candidate : known) {
    unsigned edits = name.edit_distance(candidate, true, limit);
    if (edits > limit)
      continue;
    size_t lengths = std::max(name.size(), candidate.size()) -
                     std::min(name.size(), candidate.size());
    std::pair<unsigned, size_t> distance{edits, lengths};
    if (best.empty() || distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best.empty() ? std::string()
                      : (", did you mean '" + best + "'?").str();
}

Source::Source(MLIRContext *context, StringRef path, StringRef text)
    : context(context), path(path), text(text) {
  lineStarts.push_back(0);
  for (size_t at = text.find('\n'); at != StringRef::npos;
       at = text.find('\n', at + 1))
    lineStarts.push_back(at + 1);
}

FileLineColLoc Source::locate(size_t offset) const {
  auto next = std::upper_bound(lineStarts.begin(), lineStarts.end(), offset);
  size_t line = next - lineStarts.begin();
  return FileLineColLoc::get(context, path, line,
                             offset - lineStarts[line - 1] + 1);
}

Location Source::locate(const JsonNode &node) const {
  return NameLoc::get(StringAttr::get(context, node.getPointer()),
                      locate(node.offset));
}

InFlightDiagnostic Source::error(const JsonNode &node) const {
  return errorAt(node.offset, node.getPointer());
}

InFlightDiagnostic Source::errorAt(size_t offset, StringRef pointer) const {
  InFlightDiagnostic diagnostic = emitError(locate(offset));
  if (!pointer.empty())
    diagnostic << pointer << ": ";
  return diagnostic;
}
