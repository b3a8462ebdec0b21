//===- Linker.cpp - Object file to shared object ----------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Linker.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

Error transmamba::checkUndefinedSymbols(MemoryBufferRef objectFile) {
  Expected<std::unique_ptr<object::ObjectFile>> file =
      object::ObjectFile::createObjectFile(objectFile);
  if (!file)
    return file.takeError();
  SmallVector<std::string> unexpected;
  for (const object::SymbolRef &symbol : (*file)->symbols()) {
    Expected<uint32_t> flags = symbol.getFlags();
    if (!flags)
      return flags.takeError();
    if (!(*flags & object::SymbolRef::SF_Undefined))
      continue;
    Expected<StringRef> name = symbol.getName();
    if (!name)
      return name.takeError();
    // The first symbol of an ELF file has no name.
    if (name->empty() || is_contained({"memcpy", "memset", "memmove"}, *name))
      continue;
    unexpected.push_back(name->str());
  }
  if (unexpected.empty())
    return Error::success();
  return createStringError(
      "the kernels call " + join(unexpected, ", ") +
      ", which a package may not need: an operation on a type that has no "
      "inline expansion (for instance a math function on f64)");
}

/// The linker to run, by name on the path or in LLVM's own folder.
static Expected<std::string> findLinker(StringRef linker) {
  if (!linker.empty()) {
    if (ErrorOr<std::string> path = sys::findProgramByName(linker))
      return *path;
    return createStringError("linker '" + linker + "' not found");
  }
  for (StringRef name : {"ld.lld-22", "ld.lld", "ld", "cc"}) {
    if (ErrorOr<std::string> path = sys::findProgramByName(name))
      return *path;
    if (ErrorOr<std::string> path =
            sys::findProgramByName(name, {TRANSMAMBA_LLVM_TOOLS_DIR}))
      return *path;
  }
  return createStringError(
      "no linker found for CPU kernels: none of ld.lld-22, ld.lld, ld, cc is "
      "on the path; install lld-22 or binutils");
}

/// A file that goes away with this object.
namespace {
class TemporaryFile {
public:
  static Expected<TemporaryFile> create(StringRef suffix) {
    SmallString<128> path;
    if (std::error_code error =
            sys::fs::createTemporaryFile("transmamba", suffix, path))
      return createStringError(error, "cannot create a temporary file");
    return TemporaryFile(path);
  }
  TemporaryFile(TemporaryFile &&other) : name(std::move(other.name)) {
    other.name.clear();
  }
  TemporaryFile &operator=(TemporaryFile &&) = delete;
  ~TemporaryFile() {
    if (!name.empty())
      sys::fs::remove(name);
  }
  StringRef path() const { return name; }

private:
  explicit TemporaryFile(StringRef path) : name(path) {}

  SmallString<128> name;
};
} // namespace

static Error writeFile(StringRef path, StringRef bytes) {
  std::error_code error;
  raw_fd_ostream stream(path, error);
  stream << bytes;
  stream.close();
  if (!error && !stream.has_error())
    return Error::success();
  stream.clear_error();
  return createStringError("cannot write '" + path + "'");
}

Error transmamba::linkSharedObject(ArrayRef<StringRef> objectFiles,
                                   StringRef linker,
                                   SmallVectorImpl<char> &sharedObject) {
  Expected<std::string> program = findLinker(linker);
  if (!program)
    return program.takeError();
  std::vector<TemporaryFile> inputs;
  for (StringRef bytes : objectFiles) {
    Expected<TemporaryFile> input = TemporaryFile::create("o");
    if (!input)
      return input.takeError();
    inputs.push_back(std::move(*input));
    if (Error error = writeFile(inputs.back().path(), bytes))
      return error;
  }
  Expected<TemporaryFile> output = TemporaryFile::create("so");
  if (!output)
    return output.takeError();
  Expected<TemporaryFile> log = TemporaryFile::create("log");
  if (!log)
    return log.takeError();

  // A compiler driver takes the linker's options behind -Wl.
  StringRef stem = sys::path::filename(*program);
  bool isDriver = !stem.contains("ld");
  SmallVector<StringRef> arguments = {*program, "-shared", "-o",
                                      output->path()};
  for (const TemporaryFile &input : inputs)
    arguments.push_back(input.path());
  if (isDriver)
    arguments.append({"-nostdlib", "-Wl,-z,noexecstack,-z,now,--strip-all"});
  else
    arguments.append({"-z", "noexecstack", "-z", "now", "--strip-all",
                      "--build-id=none", "--hash-style=gnu"});
  std::string message;
  std::optional<StringRef> redirects[] = {std::nullopt, log->path(),
                                          log->path()};
  int code =
      sys::ExecuteAndWait(*program, arguments, std::nullopt, redirects,
                          /*SecondsToWait=*/0, /*MemoryLimit=*/0, &message);
  if (code != 0) {
    if (auto text = MemoryBuffer::getFile(log->path()))
      message += (*text)->getBuffer();
    return createStringError("linking with '" + *program +
                             "' failed: " + StringRef(message).trim().str());
  }
  ErrorOr<std::unique_ptr<MemoryBuffer>> linked =
      MemoryBuffer::getFile(output->path(), /*IsText=*/false,
                            /*RequiresNullTerminator=*/false);
  if (!linked)
    return createStringError(linked.getError(),
                             "cannot read what '" + *program + "' has linked");
  StringRef bytes = (*linked)->getBuffer();
  sharedObject.assign(bytes.begin(), bytes.end());
  return Error::success();
}
