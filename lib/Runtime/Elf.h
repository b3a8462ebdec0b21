//===- Elf.h - A first look at object files ---------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_RUNTIME_ELF_H
#define TRANSMAMBA_LIB_RUNTIME_ELF_H

#include "transmamba/Package/Bytes.h"

#include <string>

namespace transmamba::runtime {

/// Why `bytes` cannot be a 64-bit little-endian ELF file for `machine`
/// (EM_X86_64, EM_CUDA), or empty. Neither the dynamic linker nor a GPU driver
/// checks that the parts of a file lie inside it, so this does: segments and
/// sections, with their tables.
std::string checkElf(package::ByteView bytes, unsigned machine);

} // namespace transmamba::runtime

#endif // TRANSMAMBA_LIB_RUNTIME_ELF_H
