//===- Archive.cpp - The zip records of a package -------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Field names and signatures are those of PKWARE's APPNOTE.TXT 6.3.
//
//===----------------------------------------------------------------------===//

#include "Archive.h"

#include "transmamba/Package/CheckedMath.h"
#include "transmamba/Package/Manifest.h"
#include "transmamba/Package/PackageReader.h"

#include <set>

namespace transmamba::package {

static constexpr uint32_t localSignature = 0x04034b50;
static constexpr uint32_t centralSignature = 0x02014b50;
static constexpr uint32_t endSignature = 0x06054b50;
static constexpr uint32_t end64Signature = 0x06064b50;
static constexpr uint32_t locatorSignature = 0x07064b50;

static constexpr uint64_t localFixedSize = 30;
static constexpr uint64_t centralFixedSize = 46;
static constexpr uint64_t endFixedSize = 22;
static constexpr uint64_t end64Size = 56;
static constexpr uint64_t locatorSize = 20;

static constexpr uint16_t methodStored = 0;
static constexpr uint16_t dosTime = 0;
/// 1 January 1980: the same contents give the same archive.
static constexpr uint16_t dosDate = (1 << 5) | 1;
static constexpr uint16_t versionStored = 10;
static constexpr uint16_t versionZip64 = 45;
static constexpr uint16_t madeByUnix = (3 << 8) | versionZip64;
static constexpr uint32_t regularFile0644 = 0100644u << 16;
static constexpr uint16_t zip64Field = 0x0001;
/// The field that Android's zipalign pads with: the alignment, then zeros.
static constexpr uint16_t alignmentField = 0xd935;
static constexpr uint16_t mask16 = 0xffff;
static constexpr uint32_t mask32 = 0xffffffff;
static constexpr size_t maxNameLength = 512;

static const std::string commentPrefix = "transmamba-package manifest-xxh3=";
static constexpr size_t checksumDigits = 16;

//===----------------------------------------------------------------------===//
// Building records
//===----------------------------------------------------------------------===//

namespace {
/// A record under construction; integers are little-endian.
class Record {
public:
  Record &u16(uint64_t value) { return integer(value, 2); }
  Record &u32(uint64_t value) { return integer(value, 4); }
  Record &u64(uint64_t value) { return integer(value, 8); }
  Record &raw(const std::string &text) {
    bytes += text;
    return *this;
  }
  Record &zeros(size_t count) {
    bytes.append(count, '\0');
    return *this;
  }
  std::string take() { return std::move(bytes); }

private:
  Record &integer(uint64_t value, unsigned size) {
    for (unsigned i = 0; i < size; ++i)
      bytes += static_cast<char>(value >> (8 * i));
    return *this;
  }
  std::string bytes;
};
} // namespace

bool needsZip64(uint64_t size, uint64_t offset) {
  return size >= mask32 || offset >= mask32;
}

/// The extra fields of a local header: zip64 sizes where needed, then the
/// padding up to the data's alignment.
static std::string localExtra(const ArchiveEntry &entry) {
  Record extra;
  uint64_t fixed = localFixedSize + entry.name.size();
  if (entry.zip64) {
    extra.u16(zip64Field).u16(16).u64(entry.size).u64(entry.size);
    fixed += 20;
  }
  // The field's own six bytes: identifier, length, alignment.
  uint64_t end = entry.offset + fixed + 6;
  uint64_t padding = (dataAlignment - end % dataAlignment) % dataAlignment;
  extra.u16(alignmentField).u16(2 + padding).u16(dataAlignment).zeros(padding);
  return extra.take();
}

std::string localHeader(const ArchiveEntry &entry) {
  std::string extra = localExtra(entry);
  uint64_t size = entry.zip64 ? mask32 : entry.size;
  return Record()
      .u32(localSignature)
      .u16(entry.zip64 ? versionZip64 : versionStored)
      .u16(0) // flags
      .u16(methodStored)
      .u16(dosTime)
      .u16(dosDate)
      .u32(entry.crc)
      .u32(size)
      .u32(size)
      .u16(entry.name.size())
      .u16(extra.size())
      .raw(entry.name)
      .raw(extra)
      .take();
}

uint64_t ArchiveEntry::dataOffset() const {
  return offset + localFixedSize + name.size() + localExtra(*this).size();
}

static std::string centralHeader(const ArchiveEntry &entry) {
  Record extra;
  if (entry.zip64)
    extra.u16(zip64Field)
        .u16(24)
        .u64(entry.size)
        .u64(entry.size)
        .u64(entry.offset);
  std::string extraBytes = extra.take();
  uint64_t size = entry.zip64 ? mask32 : entry.size;
  return Record()
      .u32(centralSignature)
      .u16(madeByUnix)
      .u16(entry.zip64 ? versionZip64 : versionStored)
      .u16(0) // flags
      .u16(methodStored)
      .u16(dosTime)
      .u16(dosDate)
      .u32(entry.crc)
      .u32(size)
      .u32(size)
      .u16(entry.name.size())
      .u16(extraBytes.size())
      .u16(0) // comment length
      .u16(0) // disk
      .u16(0) // internal attributes
      .u32(regularFile0644)
      .u32(entry.zip64 ? mask32 : entry.offset)
      .raw(entry.name)
      .raw(extraBytes)
      .take();
}

/// The records after the directory of `count` entries, which takes `size` bytes
/// from `offset` on.
static std::string endRecords(uint64_t count, uint64_t offset, uint64_t size,
                              const std::string &comment, bool zip64) {
  Record record;
  if (zip64)
    record.u32(end64Signature)
        .u64(end64Size - 12)
        .u16(madeByUnix)
        .u16(versionZip64)
        .u32(0) // this disk
        .u32(0) // disk of the directory
        .u64(count)
        .u64(count)
        .u64(size)
        .u64(offset)
        .u32(locatorSignature)
        .u32(0) // disk of the record
        .u64(offset + size)
        .u32(1); // disks
  uint64_t shortCount = zip64 ? mask16 : count;
  return record.u32(endSignature)
      .u16(0) // this disk
      .u16(0) // disk of the directory
      .u16(shortCount)
      .u16(shortCount)
      .u32(zip64 ? mask32 : size)
      .u32(zip64 ? mask32 : offset)
      .u16(comment.size())
      .raw(comment)
      .take();
}

std::string directory(const std::vector<ArchiveEntry> &entries, uint64_t offset,
                      const std::string &comment, bool zip64) {
  std::string result;
  for (const ArchiveEntry &entry : entries) {
    result += centralHeader(entry);
    zip64 |= entry.zip64;
  }
  zip64 |= entries.size() >= mask16 || needsZip64(result.size(), offset);
  return result +
         endRecords(entries.size(), offset, result.size(), comment, zip64);
}

std::string archiveComment(uint64_t manifestChecksum) {
  return commentPrefix + checksumText(manifestChecksum);
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

namespace {
/// Thrown where the archive is not what it should be.
struct ArchiveFailure {
  std::string message;
};

/// Reads the records of an archive.
class ArchiveReader {
public:
  explicit ArchiveReader(ByteView bytes) : bytes(bytes) {}

  ArchiveContents read();

private:
  uint64_t integer(uint64_t offset, unsigned size) const {
    if (!bytes.contains(offset, size))
      throw ArchiveFailure{"a record reaches beyond the end of the file"};
    uint64_t value = 0;
    for (unsigned i = 0; i < size; ++i)
      value |= static_cast<uint64_t>(bytes.data()[offset + i]) << (8 * i);
    return value;
  }
  std::string_view text(uint64_t offset, uint64_t size) const {
    if (!bytes.contains(offset, size))
      throw ArchiveFailure{"a record reaches beyond the end of the file"};
    return bytes.slice(offset, size).text();
  }
  bool matches(uint64_t offset, const std::string &expected) const {
    return bytes.contains(offset, expected.size()) &&
           bytes.slice(offset, expected.size()).text() == expected;
  }

  uint64_t readComment(uint64_t endOffset) const;
  ArchiveEntry readCentralHeader(uint64_t &offset) const;
  void checkEntries(const std::vector<ArchiveEntry> &entries,
                    uint64_t directoryOffset) const;

  ByteView bytes;
};
} // namespace

uint64_t ArchiveReader::readComment(uint64_t endOffset) const {
  std::string_view comment =
      text(endOffset + endFixedSize, commentPrefix.size() + checksumDigits);
  std::string_view digits = comment.substr(commentPrefix.size());
  bool fine =
      integer(endOffset, 4) == endSignature &&
      integer(endOffset + 20, 2) == comment.size() &&
      comment.substr(0, commentPrefix.size()) == commentPrefix &&
      digits.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  if (!fine)
    throw ArchiveFailure{"the end of a package is missing: the file is cut "
                         "off, or is not a package; copy it again, or compile "
                         "the model again"};
  return std::stoull(std::string(digits), nullptr, 16);
}

/// Reads the entry whose central header is at `offset`, and moves `offset` to
/// the next. Only the fields that tell entries apart are read; that the others
/// are as they should be is seen by building the record again.
ArchiveEntry ArchiveReader::readCentralHeader(uint64_t &offset) const {
  if (integer(offset, 4) != centralSignature)
    throw ArchiveFailure{"the directory is damaged at byte " +
                         std::to_string(offset)};
  uint64_t nameLength = integer(offset + 28, 2);
  if (nameLength == 0 || nameLength > maxNameLength)
    throw ArchiveFailure{"the directory has a name of " +
                         std::to_string(nameLength) + " bytes; 1 to " +
                         std::to_string(maxNameLength) + " are allowed"};
  ArchiveEntry entry;
  entry.name = text(offset + centralFixedSize, nameLength);
  if (integer(offset + 10, 2) != methodStored)
    throw ArchiveFailure{"the entry '" + entry.name +
                         "' is compressed; a package stores its entries. Do "
                         "not pack it again with a zip tool"};
  entry.crc = static_cast<uint32_t>(integer(offset + 16, 4));
  entry.size = integer(offset + 24, 4);
  entry.offset = integer(offset + 42, 4);
  entry.zip64 = entry.size == mask32;
  if (entry.zip64) {
    uint64_t extra = offset + centralFixedSize + nameLength;
    entry.size = integer(extra + 4, 8);
    entry.offset = integer(extra + 20, 8);
  }
  if (!bytes.contains(entry.offset, 0) || !bytes.contains(0, entry.size))
    throw ArchiveFailure{"the entry '" + entry.name + "' claims " +
                         std::to_string(entry.size) + " bytes at " +
                         std::to_string(entry.offset) + ", but the file has " +
                         std::to_string(bytes.size())};
  std::string expected = centralHeader(entry);
  if (!matches(offset, expected))
    throw ArchiveFailure{"the directory's record of '" + entry.name +
                         "' is damaged or was not written by the package "
                         "writer"};
  offset += expected.size();
  return entry;
}

/// Entries follow one another without gap or overlap, and their local headers
/// say what the directory says.
void ArchiveReader::checkEntries(const std::vector<ArchiveEntry> &entries,
                                 uint64_t directoryOffset) const {
  uint64_t end = 0;
  std::set<std::string_view> names;
  for (const ArchiveEntry &entry : entries) {
    if (!names.insert(entry.name).second)
      throw ArchiveFailure{"the entry '" + entry.name + "' appears twice"};
    if (entry.offset != end)
      throw ArchiveFailure{"the entry '" + entry.name + "' starts at byte " +
                           std::to_string(entry.offset) +
                           (entry.offset < end ? ", inside the entry before it"
                                               : ", which leaves a gap") +
                           "; expected " + std::to_string(end)};
    if (!matches(entry.offset, localHeader(entry)))
      throw ArchiveFailure{"the header of '" + entry.name +
                           "' is damaged or disagrees with the directory"};
    uint64_t data = entry.dataOffset();
    if (data > directoryOffset || entry.size > directoryOffset - data)
      throw ArchiveFailure{"the data of '" + entry.name +
                           "' reaches beyond the end of the entries"};
    end = data + entry.size;
  }
  if (end != directoryOffset)
    throw ArchiveFailure{std::to_string(directoryOffset - end) +
                         " bytes between the entries and the directory belong "
                         "to nothing"};
}

ArchiveContents ArchiveReader::read() {
  uint64_t tail = endFixedSize + commentPrefix.size() + checksumDigits;
  if (bytes.size() < tail)
    throw ArchiveFailure{"the file has " + std::to_string(bytes.size()) +
                         " bytes, too few for a package"};
  uint64_t endOffset = bytes.size() - tail;
  ArchiveContents contents;
  contents.manifestChecksum = readComment(endOffset);

  uint64_t count = integer(endOffset + 10, 2);
  uint64_t size = integer(endOffset + 12, 4);
  uint64_t offset = integer(endOffset + 16, 4);
  bool zip64 = count == mask16;
  uint64_t directoryEnd = endOffset;
  if (zip64) {
    if (endOffset < locatorSize + end64Size)
      throw ArchiveFailure{"the zip64 end record is missing"};
    directoryEnd = endOffset - locatorSize - end64Size;
    count = integer(directoryEnd + 32, 8);
    size = integer(directoryEnd + 40, 8);
    offset = integer(directoryEnd + 48, 8);
  }
  if (offset > directoryEnd || size != directoryEnd - offset)
    throw ArchiveFailure{"the directory is said to take " +
                         std::to_string(size) + " bytes at " +
                         std::to_string(offset) + ", which is not so"};
  if (!matches(directoryEnd,
               endRecords(count, offset, size,
                          archiveComment(contents.manifestChecksum), zip64)))
    throw ArchiveFailure{"the end record is damaged"};
  if (count > size / centralFixedSize)
    throw ArchiveFailure{"the directory is too small for its " +
                         std::to_string(count) + " entries"};
  uint64_t next = offset;
  while (next < directoryEnd)
    contents.entries.push_back(readCentralHeader(next));
  if (contents.entries.size() != count || next != directoryEnd)
    throw ArchiveFailure{"the directory does not hold the " +
                         std::to_string(count) + " entries it announces"};
  checkEntries(contents.entries, offset);
  return contents;
}

Result<ArchiveContents> readArchive(ByteView bytes, const std::string &path) {
  try {
    return ArchiveReader(bytes).read();
  } catch (const ArchiveFailure &failure) {
    return Error(path, failure.message);
  }
}

} // namespace transmamba::package
