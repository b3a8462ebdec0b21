//===- Elf.cpp - A first look at object files -----------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Elf.h"

#include <cstring>
#include <elf.h>

namespace transmamba::runtime {

using package::ByteView;

/// Record `index` of the table at `offset`; the table has been checked.
template <typename Record>
static Record record(ByteView bytes, uint64_t offset, uint64_t index) {
  Record result;
  std::memcpy(&result, bytes.data() + offset + index * sizeof(Record),
              sizeof(Record));
  return result;
}

/// True where a table of `count` records at `offset` lies inside the file.
template <typename Record>
static bool tableFits(ByteView bytes, uint64_t offset, uint64_t count,
                      uint64_t recordSize) {
  return count == 0 || (recordSize == sizeof(Record) &&
                        bytes.contains(offset, count * sizeof(Record)));
}

std::string checkElf(ByteView bytes, unsigned machine) {
  if (!bytes.contains(0, sizeof(Elf64_Ehdr)) ||
      std::memcmp(bytes.data(), ELFMAG, SELFMAG) != 0)
    return "is not an ELF file";
  Elf64_Ehdr header = record<Elf64_Ehdr>(bytes, 0, 0);
  if (header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_ident[EI_DATA] != ELFDATA2LSB)
    return "is not a 64-bit little-endian ELF file";
  if (header.e_machine != machine)
    return "is for ELF machine " + std::to_string(header.e_machine) +
           ", expected " + std::to_string(machine);
  if (!tableFits<Elf64_Phdr>(bytes, header.e_phoff, header.e_phnum,
                             header.e_phentsize) ||
      !tableFits<Elf64_Shdr>(bytes, header.e_shoff, header.e_shnum,
                             header.e_shentsize))
    return "has a table of segments or sections beyond its end";
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    auto segment = record<Elf64_Phdr>(bytes, header.e_phoff, i);
    if (!bytes.contains(segment.p_offset, segment.p_filesz) ||
        segment.p_filesz > segment.p_memsz)
      return "has a segment that reaches beyond its end";
  }
  for (unsigned i = 0; i < header.e_shnum; ++i) {
    auto section = record<Elf64_Shdr>(bytes, header.e_shoff, i);
    if (section.sh_type != SHT_NOBITS && section.sh_type != SHT_NULL &&
        !bytes.contains(section.sh_offset, section.sh_size))
      return "has a section that reaches beyond its end";
  }
  return "";
}

} // namespace transmamba::runtime
