//===- PackageTest.cpp - Writing and opening packages ---------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Samples.h"
#include "transmamba/Package/PackageReader.h"

#include <gtest/gtest.h>

#include <cstring>

using namespace transmamba::package;
using namespace transmamba::package::test;

/// The bytes of the sample package.
static std::string sampleBytes(WriteOptions options = {}) {
  TemporaryDirectory directory;
  Error error = writeSample(directory.file("sample.tmpkg"), options);
  EXPECT_FALSE(error) << error.str();
  return readFile(directory.file("sample.tmpkg"));
}

/// The error of opening and verifying these bytes; empty where there is none.
static std::string problemOf(const std::string &bytes) {
  Result<std::shared_ptr<const Package>> package =
      Package::fromMemory(view(bytes), "p.tmpkg");
  if (!package)
    return package.error().str();
  Error error = (*package)->verify();
  return error ? error.str() : "";
}

/// Opening fails with one line that names the file and says `message`.
static void expectProblem(const std::string &bytes, const char *message) {
  std::string problem = problemOf(bytes);
  EXPECT_EQ(problem.find("p.tmpkg: error: "), 0u) << problem;
  EXPECT_NE(problem.find(message), std::string::npos) << problem;
  EXPECT_EQ(problem.find('\n'), std::string::npos) << problem;
}

static uint64_t load(const std::string &bytes, size_t offset, unsigned size) {
  uint64_t value = 0;
  std::memcpy(&value, bytes.data() + offset, size);
  return value;
}

static void store(std::string &bytes, size_t offset, uint64_t value,
                  unsigned size) {
  std::memcpy(bytes.data() + offset, &value, size);
}

/// Offset of the end record, whose comment has a fixed length.
static size_t endOffset(const std::string &bytes) {
  return bytes.rfind("PK\x05\x06");
}

/// Offset of the directory's record of entry `index`.
static size_t centralOffset(const std::string &bytes, unsigned index) {
  size_t offset = load(bytes, endOffset(bytes) + 16, 4);
  while (index-- > 0)
    offset += 46 + load(bytes, offset + 28, 2) + load(bytes, offset + 30, 2);
  return offset;
}

TEST(Package, RoundTrip) {
  TemporaryDirectory directory;
  std::string path = directory.file("sample.tmpkg");
  Error error = writeSample(path);
  ASSERT_FALSE(error) << error.str();
  Result<std::shared_ptr<const Package>> opened = Package::open(path);
  ASSERT_TRUE(opened) << opened.error().str();
  const Package &package = **opened;
  EXPECT_EQ(package.path(), path);
  EXPECT_EQ(package.manifest().model.name, "sample");
  EXPECT_EQ(package.manifest().model.layers[0].stateBytesPerRow,
            8 * 2 * 16 * 2);
  EXPECT_FALSE(package.verify());
  Result<ByteView> code = package.verifiedData("code/cpu.so");
  ASSERT_TRUE(code);
  EXPECT_EQ(code->text(), "processor code");
  EXPECT_FALSE(package.data("code/other.so"));

  ASSERT_EQ(package.manifest().parameters.size(), 3u);
  for (size_t i = 0; i < 3; ++i)
    EXPECT_EQ(reinterpret_cast<uintptr_t>(package.parameter(i).data()) % 64,
              0u);
  EXPECT_EQ(package.parameter(0).size(), 60u);
  EXPECT_EQ(loadAsDouble(ElementType::F32, package.parameter(0).data(), 3),
            1.5);
  EXPECT_EQ(loadAsDouble(ElementType::F32, package.parameter(1).data(), 0),
            10.0);
  EXPECT_EQ(package.parameter(2).data(), package.parameter(0).data());
}

TEST(Package, SameContentsGiveTheSameBytes) {
  EXPECT_EQ(sampleBytes(), sampleBytes());
}

TEST(Package, DataOfEveryEntryIsAligned) {
  for (bool zip64 : {false, true}) {
    std::string bytes = sampleBytes({zip64});
    Result<std::shared_ptr<const Package>> package =
        Package::fromMemory(view(bytes), "p");
    ASSERT_TRUE(package) << package.error().str();
    const char *base = (*package)->manifestText().data();
    EXPECT_EQ(bytes.find((*package)->manifestText()) % 64, 0u);
    for (const FileInfo &file : (*package)->manifest().files)
      EXPECT_EQ(
          (reinterpret_cast<const char *>((*package)->data(file.name)->data()) -
           base) %
              64,
          0)
          << file.name;
  }
}

TEST(Package, Zip64RoundTrip) {
  std::string bytes = sampleBytes({/*forceZip64=*/true});
  EXPECT_NE(bytes, sampleBytes());
  EXPECT_EQ(problemOf(bytes), "");
}

/// Large weights are streamed: the producer's chunks are never together.
TEST(Package, StreamsWeights) {
  TemporaryDirectory directory;
  Manifest manifest = sampleManifest();
  WeightsBuilder weights;
  constexpr int64_t rows = 1000, columns = 1000;
  std::vector<float> row(columns);
  weights.add("big", ElementType::F32, {rows, columns},
              [&](const ByteSink &sink) {
                for (int64_t r = 0; r < rows; ++r) {
                  std::fill(row.begin(), row.end(), static_cast<float>(r));
                  if (Error error = sink(ByteView(row.data(), columns * 4)))
                    return error;
                }
                return Error::success();
              });
  float scale = 3;
  weights.add("scale", ElementType::F32, {}, &scale);
  manifest.parameters = weights.parameters();
  Error error =
      writePackage(directory.file("big.tmpkg"), manifest,
                   {weights.blob(), Blob::fromString("code/cpu.so", "a"),
                    Blob::fromString("code/gpu.cubin", "b"),
                    Blob::fromString("code/gpu.ptx", "c")});
  ASSERT_FALSE(error) << error.str();
  Result<std::shared_ptr<const Package>> package =
      Package::open(directory.file("big.tmpkg"));
  ASSERT_TRUE(package);
  EXPECT_FALSE((*package)->verify());
  manifest = (*package)->manifest();
  EXPECT_EQ(loadAsDouble(ElementType::F32, (*package)->parameter(0).data(),
                         999 * 1000 + 7),
            999.0);
}

//===----------------------------------------------------------------------===//
// Damage
//===----------------------------------------------------------------------===//

TEST(PackageDamage, EveryTruncationIsRejected) {
  std::string bytes = sampleBytes();
  for (unsigned i = 0; i < 16; ++i) {
    std::string problem = problemOf(bytes.substr(0, bytes.size() * i / 16));
    EXPECT_NE(problem, "") << i;
  }
  for (size_t cut = 1; cut < 200; ++cut)
    EXPECT_NE(problemOf(bytes.substr(0, bytes.size() - cut)), "") << cut;
}

/// The bytes of a package with little in it.
static std::string smallBytes(WriteOptions options) {
  TemporaryDirectory directory;
  Manifest manifest = sampleManifest();
  manifest.variants.erase(manifest.variants.begin());
  EntryPoint &entry = manifest.variants[0].entries[1];
  entry.commands.clear();
  manifest.variants[0].entries = {EntryPoint(entry)};
  WeightsBuilder weights = sampleWeights();
  manifest.parameters = weights.parameters();
  std::string path = directory.file("small.tmpkg");
  Error error = writePackage(
      path, manifest, {weights.blob(), Blob::fromString("code/cpu.so", "x")},
      options);
  EXPECT_FALSE(error) << error.str();
  return readFile(path);
}

/// There is no byte in a package that nobody looks at.
TEST(PackageDamage, EveryFlippedByteIsRejected) {
  for (bool zip64 : {false, true}) {
    std::string bytes = smallBytes({zip64});
    EXPECT_EQ(problemOf(bytes), "");
    for (size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] ^= static_cast<char>(1 << (i % 8));
      EXPECT_NE(problemOf(bytes), "") << "byte " << i;
      bytes[i] ^= static_cast<char>(1 << (i % 8));
    }
  }
}

TEST(PackageDamage, BytesAroundAreRejected) {
  std::string bytes = sampleBytes();
  EXPECT_NE(problemOf(bytes + '\0'), "");
  EXPECT_NE(problemOf('\0' + bytes), "");
}

TEST(PackageDamage, BadChecksumNamesTheFile) {
  std::string bytes = sampleBytes();
  bytes[bytes.find("processor code")] = 'P';
  expectProblem(bytes, "'code/cpu.so' is damaged: its checksum is ");
}

TEST(PackageDamage, ManifestChecksum) {
  std::string bytes = sampleBytes();
  bytes[bytes.find("\"tests\"") + 1] = 'T';
  expectProblem(bytes, "manifest.json is damaged");
}

TEST(PackageDamage, CompressedEntry) {
  std::string bytes = sampleBytes();
  store(bytes, centralOffset(bytes, 1) + 10, 8, 2);
  expectProblem(bytes, "'code/cpu.so' is compressed");
}

TEST(PackageDamage, OverlappingEntries) {
  std::string bytes = sampleBytes();
  uint64_t first = load(bytes, centralOffset(bytes, 1) + 42, 4);
  store(bytes, centralOffset(bytes, 2) + 42, first, 4);
  expectProblem(bytes, "inside the entry before it");
}

TEST(PackageDamage, GapBetweenEntries) {
  std::string bytes = sampleBytes();
  size_t field = centralOffset(bytes, 2) + 42;
  store(bytes, field, load(bytes, field, 4) + 1, 4);
  expectProblem(bytes, "leaves a gap");
}

TEST(PackageDamage, OffsetBeyondTheFile) {
  std::string bytes = sampleBytes();
  store(bytes, centralOffset(bytes, 2) + 42, 0xfffffff0, 4);
  expectProblem(bytes, "'code/gpu.cubin' claims 200 bytes at 4294967280");
}

TEST(PackageDamage, AbsurdSize) {
  std::string bytes = sampleBytes();
  store(bytes, centralOffset(bytes, 1) + 20, 0xfffffff0, 4);
  store(bytes, centralOffset(bytes, 1) + 24, 0xfffffff0, 4);
  expectProblem(bytes, "'code/cpu.so' claims 4294967280 bytes");
}

TEST(PackageDamage, AbsurdSizeInZip64) {
  std::string bytes = sampleBytes({/*forceZip64=*/true});
  size_t directory = bytes.find("PK\x01\x02");
  size_t extra = directory + 46 + load(bytes, directory + 28, 2);
  store(bytes, extra + 4, ~uint64_t(0), 8);
  store(bytes, extra + 12, ~uint64_t(0), 8);
  expectProblem(bytes, "claims 18446744073709551615 bytes");
}

TEST(PackageDamage, DuplicateEntry) {
  // Both names have the same length, so that nothing else moves.
  TemporaryDirectory directory;
  Manifest manifest = sampleManifest();
  WeightsBuilder weights = sampleWeights();
  manifest.parameters = weights.parameters();
  std::string path = directory.file("p.tmpkg");
  ASSERT_FALSE(
      writePackage(path, manifest,
                   {Blob::fromString("code/cpu.so", "x"),
                    Blob::fromString("code/gpu.cubin", "x"),
                    Blob::fromString("code/gpu.ptx", "x"),
                    Blob::fromString("code/cpu.os", "x"), weights.blob()}));
  std::string bytes = readFile(path);
  for (size_t at = bytes.find("code/cpu.os"); at != std::string::npos;
       at = bytes.find("code/cpu.os", at + 1))
    bytes.replace(at, 11, "code/cpu.so");
  expectProblem(bytes, "the entry 'code/cpu.so' appears twice");
}

TEST(PackageDamage, WrongCountOfEntries) {
  std::string bytes = sampleBytes();
  store(bytes, endOffset(bytes) + 8, 4, 2);
  store(bytes, endOffset(bytes) + 10, 4, 2);
  expectProblem(bytes, "does not hold the 4 entries it announces");
}

TEST(PackageDamage, AbsurdCountOfEntries) {
  std::string bytes = sampleBytes();
  store(bytes, endOffset(bytes) + 8, 60000, 2);
  store(bytes, endOffset(bytes) + 10, 60000, 2);
  expectProblem(bytes, "too small for its 60000 entries");
}

TEST(PackageDamage, DirectoryElsewhere) {
  std::string bytes = sampleBytes();
  size_t field = endOffset(bytes) + 16;
  store(bytes, field, load(bytes, field, 4) + 1, 4);
  expectProblem(bytes, "the directory is said to take");
}

TEST(PackageDamage, LongName) {
  std::string bytes = sampleBytes();
  store(bytes, centralOffset(bytes, 1) + 28, 0xffff, 2);
  expectProblem(bytes, "a name of 65535 bytes");
}

TEST(PackageDamage, EncryptedFlag) {
  std::string bytes = sampleBytes();
  store(bytes, centralOffset(bytes, 1) + 8, 1, 2);
  expectProblem(bytes, "the directory's record of 'code/cpu.so' is damaged");
}

TEST(PackageDamage, OtherFiles) {
  expectProblem("", "too few for a package");
  expectProblem(std::string(10000, '\0'), "the end of a package is missing");
  expectProblem(std::string(10000, '\xff'), "the end of a package is missing");
}

TEST(PackageDamage, MissingAndSpecialFiles) {
  TemporaryDirectory directory;
  Result<std::shared_ptr<const Package>> missing =
      Package::open(directory.file("none.tmpkg"));
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().what().find("No such file"), std::string::npos);
  EXPECT_FALSE(Package::open(directory.file("")));
  EXPECT_FALSE(Package::open("/dev/zero"));
  writeFile(directory.file("empty"), "");
  Result<std::shared_ptr<const Package>> empty =
      Package::open(directory.file("empty"));
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().what(), "is empty");
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

/// The error of writing the sample after `change` has changed it.
template <typename Change> static std::string writingProblem(Change &&change) {
  TemporaryDirectory directory;
  Manifest manifest = sampleManifest();
  WeightsBuilder weights = sampleWeights();
  manifest.parameters = weights.parameters();
  std::vector<Blob> blobs = {Blob::fromString("code/cpu.so", "a"),
                             Blob::fromString("code/gpu.cubin", "b"),
                             Blob::fromString("code/gpu.ptx", "c"),
                             weights.blob()};
  change(manifest, blobs);
  Error error = writePackage(directory.file("p.tmpkg"), manifest, blobs);
  EXPECT_TRUE(error);
  EXPECT_TRUE(directory.list().empty()) << "a file was left behind";
  return error ? error.str() : "";
}

TEST(PackageWriter, InvalidManifest) {
  std::string problem = writingProblem([](Manifest &manifest, auto &) {
    manifest.variants[1].entries[0].commands[0].kernel = "none";
  });
  EXPECT_NE(problem.find("at /variants/1/entries/0/commands/0/kernel"),
            std::string::npos)
      << problem;
}

TEST(PackageWriter, NamesThatAreNotUtf8) {
  std::string problem = writingProblem([](Manifest &manifest, auto &blobs) {
    manifest.producer = "\xff\xfe";
    blobs.pop_back();
  });
  EXPECT_NE(problem, "");
}

TEST(PackageWriter, MissingFile) {
  std::string problem = writingProblem(
      [](Manifest &, std::vector<Blob> &blobs) { blobs.erase(blobs.begin()); });
  EXPECT_NE(problem.find("no file 'code/cpu.so'"), std::string::npos)
      << problem;
}

TEST(PackageWriter, DuplicateBlob) {
  std::string problem = writingProblem(
      [](Manifest &, std::vector<Blob> &blobs) { blobs.push_back(blobs[0]); });
  EXPECT_NE(problem.find("appears twice"), std::string::npos) << problem;
}

TEST(PackageWriter, ProducerThatFails) {
  std::string problem =
      writingProblem([](Manifest &, std::vector<Blob> &blobs) {
        blobs[2].produce = [](const ByteSink &) {
          return Error("input.safetensors", "cannot be read");
        };
      });
  EXPECT_NE(problem.find("input.safetensors"), std::string::npos) << problem;
}

TEST(PackageWriter, ProducerOfTheWrongLength) {
  for (const char *contents : {"", "cc"}) {
    std::string problem =
        writingProblem([&](Manifest &, std::vector<Blob> &blobs) {
          blobs[2].produce = Blob::fromString("x", contents).produce;
        });
    EXPECT_NE(problem.find("announced"), std::string::npos) << problem;
  }
}

TEST(PackageWriter, ReplacesTheTargetOnlyWhenComplete) {
  TemporaryDirectory directory;
  std::string path = directory.file("p.tmpkg");
  writeFile(path, "old");
  Manifest manifest = sampleManifest();
  manifest.model.maxBatch = 0;
  EXPECT_TRUE(writePackage(path, manifest, {}));
  EXPECT_EQ(readFile(path), "old");
  Error error = writeSample(path);
  EXPECT_FALSE(error) << error.str();
  EXPECT_EQ(directory.list().size(), 1u);
  EXPECT_TRUE(Package::open(path));
}

TEST(PackageWriter, PlacesThatCannotBeWritten) {
  TemporaryDirectory directory;
  EXPECT_TRUE(writeSample(directory.file("no/such/directory.tmpkg")));
  EXPECT_TRUE(writeSample(directory.file("")));
  EXPECT_TRUE(writeSample("/dev/null"));
}
