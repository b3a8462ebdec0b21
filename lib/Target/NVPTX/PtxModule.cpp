//===- PtxModule.cpp - PTX text by kernel ---------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "PtxModule.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;

namespace transmamba {

static constexpr StringLiteral kEntry = "\n.visible .entry ";
static constexpr StringLiteral kResidentBlocks = "\n.minnctapersm ";

PtxModule::PtxModule(StringRef ptx) {
  size_t begin = ptx.find(kEntry);
  shared = ptx.take_front(begin).str();
  while (begin != StringRef::npos) {
    size_t end = ptx.find(kEntry, begin + kEntry.size());
    StringRef text = ptx.slice(begin, end);
    StringRef name = text.drop_front(kEntry.size()).take_until([](char c) {
      return c == '(' || isSpace(c);
    });
    kernels.push_back({name.str(), text.str()});
    begin = end;
  }
}

std::string PtxModule::getText() const {
  return getText([](StringRef) { return true; });
}

std::string
PtxModule::getText(function_ref<bool(StringRef name)> select) const {
  std::string text = shared;
  for (const Kernel &kernel : kernels)
    if (select(kernel.name))
      text += kernel.text;
  return text;
}

bool PtxModule::lowerResidentBlocks(StringRef name) {
  auto it = find_if(kernels,
                    [&](const Kernel &kernel) { return kernel.name == name; });
  if (it == kernels.end())
    return false;
  std::string &text = it->text;
  size_t begin = text.find(kResidentBlocks.str());
  if (begin == std::string::npos)
    return false;
  begin += kResidentBlocks.size();
  size_t end = text.find('\n', begin);
  unsigned blocks = 0;
  if (StringRef(text).slice(begin, end).trim().getAsInteger(10, blocks) ||
      blocks <= 1)
    return false;
  text.replace(begin, end - begin, std::to_string(blocks * 3 / 4));
  return true;
}

} // namespace transmamba
