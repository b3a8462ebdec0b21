//===- PtxModule.h - PTX text by kernel -------------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_TARGET_NVPTX_PTXMODULE_H
#define TRANSMAMBA_LIB_TARGET_NVPTX_PTXMODULE_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"

#include <string>
#include <vector>

namespace transmamba {

/// The PTX that LLVM writes, taken apart: what all kernels share, and the
/// kernels.
class PtxModule {
public:
  explicit PtxModule(llvm::StringRef ptx);

  /// The whole module, or only the kernels that `select` wants.
  std::string getText() const;
  std::string
  getText(llvm::function_ref<bool(llvm::StringRef name)> select) const;

  /// Has fewer blocks of a kernel share the registers of a multiprocessor, a
  /// quarter at a time. False if it is one already, or nothing is said.
  bool lowerResidentBlocks(llvm::StringRef name);

private:
  struct Kernel {
    std::string name, text;
  };

  std::string shared;
  std::vector<Kernel> kernels;
};

} // namespace transmamba

#endif // TRANSMAMBA_LIB_TARGET_NVPTX_PTXMODULE_H
