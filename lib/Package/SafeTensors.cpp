//===- SafeTensors.cpp - Reading safetensors files ------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// The format: 8 bytes with the length of the header, the header (JSON: name to
// dtype, shape and data_offsets), the data. As in the reference implementation,
// the tensors cover the data without gap or overlap.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Package/SafeTensors.h"

#include "Json.h"
#include "transmamba/Package/CheckedMath.h"

#include <algorithm>

namespace transmamba::package {

/// The bound of the reference implementation.
static constexpr uint64_t maxHeaderSize = 100'000'000;
static constexpr uint64_t lengthSize = 8;

namespace {
struct DtypeInfo {
  std::string_view name;
  unsigned bytes;
  std::optional<ElementType> type;
};
} // namespace

static const DtypeInfo dtypeTable[] = {
    {"F64", 8, ElementType::F64}, {"F32", 4, ElementType::F32},
    {"F16", 2, ElementType::F16}, {"BF16", 2, ElementType::BF16},
    {"I64", 8, ElementType::I64}, {"I32", 4, ElementType::I32},
    {"I8", 1, ElementType::I8},   {"I16", 2, std::nullopt},
    {"U8", 1, std::nullopt},      {"U16", 2, std::nullopt},
    {"U32", 4, std::nullopt},     {"U64", 8, std::nullopt},
    {"BOOL", 1, std::nullopt},    {"F8_E4M3", 1, std::nullopt},
    {"F8_E5M2", 1, std::nullopt}, {"F8_E8M0", 1, std::nullopt},
    {"C64", 8, std::nullopt},
};

static const DtypeInfo &parseDtype(const JsonNode &node) {
  for (const DtypeInfo &info : dtypeTable)
    if (info.name == node.text())
      return info;
  std::string known;
  for (const DtypeInfo &info : dtypeTable)
    known += (known.empty() ? "" : ", ") + std::string(info.name);
  node.fail("there is no dtype '" + node.text() + "'; there are " + known);
}

static SafeTensor parseTensor(const std::string &name, const JsonNode &node,
                              ByteView data) {
  node.onlyKeys({"dtype", "shape", "data_offsets"});
  const DtypeInfo &dtype = parseDtype(node["dtype"]);
  SafeTensor tensor;
  tensor.name = name;
  tensor.dtype = dtype.name;
  tensor.type = dtype.type;
  JsonNode shape = node["shape"];
  shape.forEach([&](const JsonNode &extent) {
    tensor.shape.push_back(extent.integer(0));
  });
  std::optional<int64_t> count = checkedElementCount(tensor.shape);
  std::optional<int64_t> bytes =
      count ? checkedMul<int64_t>(*count, dtype.bytes) : std::nullopt;
  if (!bytes)
    shape.fail("the size of the tensor does not fit into 63 bits");

  JsonNode offsets = node["data_offsets"];
  if (offsets.size() != 2)
    offsets.fail("expected [begin, end]");
  int64_t begin = offsets.at(0).integer(0);
  int64_t end = offsets.at(1).integer(0);
  if (begin > end)
    offsets.fail("the tensor ends before it begins");
  if (static_cast<uint64_t>(end) > data.size())
    offsets.fail("the tensor ends at " + std::to_string(end) +
                 ", but the file has " + std::to_string(data.size()) +
                 " bytes of data; it may be cut off");
  if (end - begin != *bytes)
    offsets.fail("the tensor takes " + std::to_string(end - begin) +
                 " bytes, but dtype and shape need " + std::to_string(*bytes));
  tensor.data = data.slice(begin, end - begin);
  return tensor;
}

/// Checks that the tensors, sorted by their data, cover all of it once.
static void checkCoverage(const std::vector<SafeTensor> &tensors,
                          ByteView data) {
  const uint8_t *end = data.begin();
  for (const SafeTensor &tensor : tensors) {
    if (tensor.data.begin() < end)
      throw JsonFailure{"the data of '" + tensor.name +
                        "' overlaps that of another tensor"};
    if (tensor.data.begin() > end)
      throw JsonFailure{std::to_string(tensor.data.begin() - end) +
                        " bytes before the data of '" + tensor.name +
                        "' belong to no tensor"};
    end = tensor.data.end();
  }
  if (end != data.end())
    throw JsonFailure{std::to_string(data.end() - end) +
                      " bytes at the end belong to no tensor"};
}

Result<std::shared_ptr<const SafeTensorsFile>>
SafeTensorsFile::open(const std::string &path) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.takeError();
  return load(std::move(*file));
}

Result<std::shared_ptr<const SafeTensorsFile>>
SafeTensorsFile::fromMemory(ByteView bytes, std::string name) {
  Result<MappedFile> file = MappedFile::copy(bytes, std::move(name));
  if (!file)
    return file.takeError();
  return load(std::move(*file));
}

Result<std::shared_ptr<const SafeTensorsFile>>
SafeTensorsFile::load(MappedFile mapped) {
  std::shared_ptr<SafeTensorsFile> result(new SafeTensorsFile());
  result->file = std::move(mapped);
  const std::string &path = result->path();
  ByteView bytes = result->file.bytes();
  if (bytes.size() < lengthSize)
    return Error(path, "has " + std::to_string(bytes.size()) +
                           " bytes, too few for a safetensors file");
  uint64_t headerSize = 0;
  for (unsigned i = 0; i < lengthSize; ++i)
    headerSize |= static_cast<uint64_t>(bytes.data()[i]) << (8 * i);
  if (headerSize > maxHeaderSize || !bytes.contains(lengthSize, headerSize))
    return Error(
        path, "the header is said to have " + std::to_string(headerSize) +
                  " bytes, but the file has " + std::to_string(bytes.size()) +
                  "; it is cut off, or is not a safetensors file");
  std::string_view header = bytes.slice(lengthSize, headerSize).text();
  uint64_t dataOffset = lengthSize + headerSize;
  ByteView data = bytes.slice(dataOffset, bytes.size() - dataOffset);
  try {
    nlohmann::json document = parseJson(header);
    JsonNode root(document);
    root.forEachMember([&](const std::string &name, const JsonNode &node) {
      if (name != "__metadata__") {
        result->list.push_back(parseTensor(name, node, data));
        return;
      }
      node.forEachMember([&](const std::string &key, const JsonNode &value) {
        result->notes.emplace_back(key, value.text());
      });
    });
    std::vector<SafeTensor> &list = result->list;
    // Empty tensors come before the one that starts at the same place.
    std::sort(list.begin(), list.end(),
              [](const SafeTensor &a, const SafeTensor &b) {
                return std::make_pair(a.data.begin(), a.data.end()) <
                       std::make_pair(b.data.begin(), b.data.end());
              });
    checkCoverage(list, data);
  } catch (const JsonFailure &failure) {
    return Error(path, "safetensors header: " + printable(failure.message));
  }
  for (size_t i = 0; i < result->list.size(); ++i)
    result->byName.push_back(i);
  std::sort(result->byName.begin(), result->byName.end(),
            [&](size_t a, size_t b) {
              return result->list[a].name < result->list[b].name;
            });
  return std::shared_ptr<const SafeTensorsFile>(std::move(result));
}

const SafeTensor *SafeTensorsFile::find(std::string_view name) const {
  auto it = std::lower_bound(
      byName.begin(), byName.end(), name,
      [&](size_t index, std::string_view n) { return list[index].name < n; });
  if (it == byName.end() || list[*it].name != name)
    return nullptr;
  return &list[*it];
}

} // namespace transmamba::package
