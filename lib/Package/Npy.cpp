//===- Npy.cpp - NumPy array files ----------------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// The format: "\x93NUMPY", version, length of the header, the header (a Python
// dictionary literal), the data.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Package/Npy.h"

#include "AtomicFile.h"
#include "transmamba/Package/CheckedMath.h"
#include "transmamba/Package/Manifest.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace transmamba::package {

static constexpr std::string_view magic("\x93NUMPY", 6);
/// NumPy itself allows 32 dimensions (64 since 2.0).
static constexpr size_t maxNpyRank = 32;

namespace {
struct HeaderFailure {
  std::string message;
};

struct Header {
  std::string descr;
  bool fortranOrder = false;
  std::vector<int64_t> shape;
};

/// Parses the one form of Python literal that NumPy writes:
/// {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
class HeaderParser {
public:
  explicit HeaderParser(std::string_view text) : text(text) {}

  Header parse() {
    Header header;
    bool hasDescr = false, hasOrder = false, hasShape = false;
    expect('{');
    while (!accept('}')) {
      std::string key = string();
      expect(':');
      if (key == "descr" && !hasDescr) {
        hasDescr = true;
        header.descr = descr();
      } else if (key == "fortran_order" && !hasOrder) {
        hasOrder = true;
        header.fortranOrder = boolean();
      } else if (key == "shape" && !hasShape) {
        hasShape = true;
        header.shape = tuple();
      } else {
        throw HeaderFailure{"the header has the key '" + key +
                            "' unexpectedly"};
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skipSpace();
    if (position != text.size())
      throw HeaderFailure{"there is text after the header's dictionary"};
    if (!hasDescr || !hasOrder || !hasShape)
      throw HeaderFailure{
          "the header lacks one of descr, fortran_order and shape"};
    return header;
  }

private:
  void skipSpace() {
    while (position < text.size() &&
           (text[position] == ' ' || text[position] == '\n'))
      ++position;
  }
  bool accept(char c) {
    skipSpace();
    if (position == text.size() || text[position] != c)
      return false;
    ++position;
    return true;
  }
  void expect(char c) {
    if (!accept(c))
      throw HeaderFailure{std::string("expected '") + c + "' at byte " +
                          std::to_string(position) + " of the header"};
  }
  bool acceptWord(std::string_view word) {
    skipSpace();
    if (text.substr(position, word.size()) != word)
      return false;
    position += word.size();
    return true;
  }
  std::string string() {
    char quote = accept('"') ? '"' : '\'';
    if (quote == '\'')
      expect('\'');
    std::string result;
    while (position < text.size() && text[position] != quote) {
      char c = text[position++];
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\')
        throw HeaderFailure{"a string in the header holds a control character "
                            "or an escape"};
      result += c;
    }
    expect(quote);
    return result;
  }
  std::string descr() {
    skipSpace();
    if (position < text.size() && text[position] == '[')
      throw HeaderFailure{"the array is structured; only arrays of numbers are "
                          "read"};
    return string();
  }
  bool boolean() {
    if (acceptWord("True"))
      return true;
    if (acceptWord("False"))
      return false;
    throw HeaderFailure{"fortran_order is neither True nor False"};
  }
  int64_t integer() {
    skipSpace();
    size_t start = position;
    int64_t value = 0;
    while (position < text.size() && text[position] >= '0' &&
           text[position] <= '9') {
      std::optional<int64_t> scaled = checkedMul<int64_t>(value, 10);
      std::optional<int64_t> next =
          scaled ? checkedAdd<int64_t>(*scaled, text[position] - '0')
                 : std::nullopt;
      if (!next)
        throw HeaderFailure{"an extent does not fit into 63 bits"};
      value = *next;
      ++position;
    }
    if (position == start)
      throw HeaderFailure{"the shape holds something that is not an extent"};
    return value;
  }
  std::vector<int64_t> tuple() {
    std::vector<int64_t> result;
    expect('(');
    while (!accept(')')) {
      if (result.size() == maxNpyRank)
        throw HeaderFailure{"the array has more than " +
                            std::to_string(maxNpyRank) + " dimensions"};
      result.push_back(integer());
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return result;
  }

  std::string_view text;
  size_t position = 0;
};
} // namespace

static ElementType parseDescr(const std::string &descr) {
  struct Known {
    std::string_view name;
    ElementType type;
  };
  static constexpr Known known[] = {
      {"f2", ElementType::F16}, {"f4", ElementType::F32},
      {"f8", ElementType::F64}, {"i1", ElementType::I8},
      {"i4", ElementType::I32}, {"i8", ElementType::I64},
      {"b1", ElementType::I8},
  };
  if (descr.size() > 1 && descr.front() == '>')
    throw HeaderFailure{"the array is big-endian ('" + descr +
                        "'); convert it with a.astype(a.dtype.newbyteorder("
                        "'<'))"};
  std::string_view base = std::string_view(descr).substr(descr.empty() ? 0 : 1);
  if (!descr.empty() && std::strchr("<|=", descr.front()))
    for (const Known &entry : known)
      if (entry.name == base)
        return entry.type;
  throw HeaderFailure{"the element type '" + descr +
                      "' is not read; f2, f4, f8, i1, i4, i8 and b1 are. "
                      "Convert the array with astype"};
}

static uint64_t littleEndian(ByteView bytes) {
  uint64_t value = 0;
  for (uint64_t i = 0; i < bytes.size(); ++i)
    value |= static_cast<uint64_t>(bytes.data()[i]) << (8 * i);
  return value;
}

static NpyArray parse(ByteView bytes) {
  // Magic, two bytes of version, and two or four of the header's length.
  if (!bytes.contains(0, 10) || bytes.slice(0, 6).text() != magic)
    throw HeaderFailure{"is not an .npy file"};
  unsigned major = bytes.data()[6];
  if (major < 1 || major > 3 || bytes.data()[7] != 0)
    throw HeaderFailure{".npy format " + std::to_string(major) + "." +
                        std::to_string(bytes.data()[7]) +
                        " is not read; 1.0, 2.0 and 3.0 are"};
  uint64_t lengthBytes = major == 1 ? 2 : 4;
  uint64_t start = 8 + lengthBytes;
  if (!bytes.contains(8, lengthBytes))
    throw HeaderFailure{"the file ends inside the header"};
  uint64_t length = littleEndian(bytes.slice(8, lengthBytes));
  if (!bytes.contains(start, length))
    throw HeaderFailure{"the header is said to have " + std::to_string(length) +
                        " bytes, but the file ends before"};
  Header header = HeaderParser(bytes.slice(start, length).text()).parse();

  NpyArray array;
  array.type = parseDescr(header.descr);
  array.shape = std::move(header.shape);
  // An array with at most one dimension is in both orders.
  if (header.fortranOrder && array.shape.size() > 1)
    throw HeaderFailure{"the array is in Fortran order; save "
                        "numpy.ascontiguousarray(a) instead"};
  std::optional<int64_t> count = checkedElementCount(array.shape);
  std::optional<int64_t> size =
      count ? checkedMul<int64_t>(*count, byteSize(array.type)) : std::nullopt;
  uint64_t dataStart = start + length;
  uint64_t available = bytes.size() - dataStart;
  if (!size || static_cast<uint64_t>(*size) != available)
    throw HeaderFailure{
        "the shape needs " +
        (size ? std::to_string(*size) : std::string("more than 2^63")) +
        " bytes of data, but the file has " + std::to_string(available)};
  ByteView data = bytes.slice(dataStart, available);
  array.data.assign(data.begin(), data.end());
  return array;
}

Result<NpyArray> parseNpy(ByteView bytes, const std::string &name) {
  try {
    return parse(bytes);
  } catch (const HeaderFailure &failure) {
    return Error(name, failure.message);
  }
}

Result<NpyArray> readNpy(const std::string &path) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.takeError();
  return parseNpy(file->bytes(), path);
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

static std::string_view descrOf(ElementType type) {
  switch (type) {
  case ElementType::F16:
    return "<f2";
  case ElementType::F64:
    return "<f8";
  case ElementType::I8:
    return "|i1";
  case ElementType::I32:
    return "<i4";
  case ElementType::I64:
    return "<i8";
  case ElementType::F32:
  case ElementType::BF16: // written as f32
    break;
  }
  return "<f4";
}

static std::string npyHeader(ElementType type,
                             const std::vector<int64_t> &shape) {
  std::string text = "{'descr': '" + std::string(descrOf(type)) +
                     "', 'fortran_order': False, 'shape': (";
  for (int64_t extent : shape)
    text += std::to_string(extent) + ", ";
  text += "), }";
  // Padded with spaces and a newline so that the data is aligned.
  size_t fixed = magic.size() + 4;
  while ((fixed + text.size() + 1) % dataAlignment)
    text += ' ';
  text += '\n';
  std::string header(magic);
  header += '\x01';
  header += '\0';
  header += static_cast<char>(text.size() & 0xff);
  header += static_cast<char>(text.size() >> 8);
  return header + text;
}

Error writeNpy(const std::string &path, ElementType type,
               const std::vector<int64_t> &shape, const void *data) {
  std::optional<int64_t> count = checkedElementCount(shape);
  std::optional<int64_t> bytes =
      count ? checkedMul<int64_t>(*count, 8) : std::nullopt;
  if (!bytes || shape.size() > maxNpyRank)
    return Error(path, "cannot be written: the array's shape is invalid");
  std::vector<float> widened;
  if (type == ElementType::BF16) {
    widened.resize(static_cast<size_t>(*count));
    for (size_t i = 0; i < widened.size(); ++i)
      widened[i] = static_cast<float>(loadAsDouble(type, data, i));
    type = ElementType::F32;
    data = widened.data();
  }
  AtomicFile file(path);
  if (Error error = file.open())
    return error;
  std::string header = npyHeader(type, shape);
  if (Error error = file.append(ByteView(header.data(), header.size())))
    return error;
  uint64_t size = static_cast<uint64_t>(*count) * byteSize(type);
  if (Error error = file.append(ByteView(data, size)))
    return error;
  return file.commit();
}

//===----------------------------------------------------------------------===//
// Conversion
//===----------------------------------------------------------------------===//

template <typename T> static void storeAs(void *data, uint64_t index, T value) {
  std::memcpy(static_cast<char *>(data) + index * sizeof(T), &value, sizeof(T));
}

static void storeDouble(ElementType type, void *data, uint64_t index,
                        double value) {
  switch (type) {
  case ElementType::F64:
    return storeAs(data, index, value);
  case ElementType::BF16:
    return storeAs(data, index, floatToBFloat16(static_cast<float>(value)));
  case ElementType::F16:
    return storeAs(data, index, floatToFloat16(static_cast<float>(value)));
  default:
    return storeAs(data, index, static_cast<float>(value));
  }
}

template <typename T>
static bool storeInteger(void *data, uint64_t index, int64_t value) {
  if (value < std::numeric_limits<T>::min() ||
      value > std::numeric_limits<T>::max())
    return false;
  storeAs(data, index, static_cast<T>(value));
  return true;
}

static bool storeInteger(ElementType type, void *data, uint64_t index,
                         int64_t value) {
  switch (type) {
  case ElementType::I8:
    return storeInteger<int8_t>(data, index, value);
  case ElementType::I32:
    return storeInteger<int32_t>(data, index, value);
  default:
    return storeInteger<int64_t>(data, index, value);
  }
}

Result<NpyArray> convert(const NpyArray &array, ElementType type,
                         const std::string &name) {
  if (array.type == type)
    return array;
  std::string types = std::string(package::name(array.type)) + " to " +
                      std::string(package::name(type));
  if (isInteger(array.type) != isInteger(type))
    return Error(name, "cannot be converted from " + types +
                           ": one is an integer type, the other is not");
  NpyArray result;
  result.type = type;
  result.shape = array.shape;
  uint64_t count = array.elementCount();
  result.data.resize(count * byteSize(type));
  for (uint64_t i = 0; i < count; ++i) {
    const void *from = array.data.data();
    if (!isInteger(type))
      storeDouble(type, result.data.data(), i,
                  loadAsDouble(array.type, from, i));
    else if (int64_t value = loadAsInteger(array.type, from, i);
             !storeInteger(type, result.data.data(), i, value))
      return Error(name, "cannot be converted from " + types + ": element " +
                             std::to_string(i) + " is " +
                             std::to_string(value));
  }
  return result;
}

} // namespace transmamba::package
