//===- Linker.h - Object file to shared object ------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_TARGET_HOST_LINKER_H
#define TRANSMAMBA_LIB_TARGET_HOST_LINKER_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBufferRef.h"

namespace transmamba {

/// Fails if the object file needs a symbol that the ABI does not allow.
llvm::Error checkUndefinedSymbols(llvm::MemoryBufferRef objectFile);

/// Links object files to a shared object with `linker`, or with the first that
/// is found if it is empty.
llvm::Error linkSharedObject(llvm::ArrayRef<llvm::StringRef> objectFiles,
                             llvm::StringRef linker,
                             llvm::SmallVectorImpl<char> &sharedObject);

} // namespace transmamba

#endif // TRANSMAMBA_LIB_TARGET_HOST_LINKER_H
