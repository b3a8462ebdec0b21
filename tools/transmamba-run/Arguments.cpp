//===- Arguments.cpp - Tensors on the command line ------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"

#include "Failure.h"
#include "transmamba/Package/CheckedMath.h"

#include <cmath>
#include <cstdlib>
#include <cstring>

namespace transmamba::run {

using package::ElementType;
using package::NpyArray;

/// Tensors that are typed or made up are no larger than this.
static constexpr int64_t maxElements = int64_t(1) << 32;

NamedValue parseNamedValue(const std::string &text, const char *option) {
  size_t equals = text.find('=');
  if (equals == 0 || equals == std::string::npos || equals + 1 == text.size())
    failUsage(std::string(option) + " takes name=value, not '" + text + "'");
  return {text.substr(0, equals), text.substr(equals + 1)};
}

static bool isNumber(const std::string &text) {
  return !text.empty() && text.size() <= 9 &&
         text.find_first_not_of("0123456789") == std::string::npos;
}

StepFile parseStepFile(const std::string &text, const char *option) {
  NamedValue pair = parseNamedValue(text, option);
  if (pair.value.front() != '@' || pair.value.size() == 1)
    failUsage(std::string(option) + " takes [step:]name=@file.npy, not '" +
              text + "'");
  StepFile result;
  result.name = pair.name;
  result.file = pair.value.substr(1);
  size_t colon = pair.name.find(':');
  if (colon == std::string::npos)
    return result;
  std::string number = pair.name.substr(0, colon);
  if (!isNumber(number) || std::stoul(number) == 0)
    failUsage(std::string(option) + ": '" + number +
              "' is not the number of a step; they count from 1");
  result.step = std::stoul(number);
  result.name = pair.name.substr(colon + 1);
  return result;
}

/// Cuts the text at commas outside brackets.
static std::vector<std::string> splitOutsideBrackets(const std::string &text) {
  std::vector<std::string> pieces(1);
  int depth = 0;
  for (char c : text) {
    depth += (c == '[') - (c == ']');
    if (c == ',' && depth <= 0)
      pieces.emplace_back();
    else
      pieces.back() += c;
  }
  return pieces;
}

Step parseStep(const std::string &text) {
  size_t colon = text.find(':');
  Step step;
  step.entry = text.substr(0, colon);
  if (step.entry.empty())
    failUsage("--step takes entry:name=value,name=value, not '" + text + "'");
  if (colon == std::string::npos)
    return step;
  // A piece without '=' is the next number of a list: a=1,2,b=3.
  std::vector<std::string> items;
  for (const std::string &piece : splitOutsideBrackets(text.substr(colon + 1)))
    if (items.empty() || piece.find('=') != std::string::npos)
      items.push_back(piece);
    else
      items.back() += "," + piece;
  for (const std::string &item : items)
    if (!item.empty())
      step.inputs.push_back(parseNamedValue(item, "--step"));
  return step;
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

namespace {
/// Reads nested lists of numbers: [[1, 2], [3, 4]].
class ListParser {
public:
  ListParser(const std::string &text, const std::string &what)
      : text(text), what(what) {}

  std::vector<double> values;
  std::vector<int64_t> shape;

  void parse() {
    parseLevel(0);
    skipSpace();
    if (position != text.size())
      fail("there is something after the list");
  }

private:
  [[noreturn]] void fail(const std::string &message) const {
    failUsage(what + ": " + message + " in '" + text + "'");
  }
  void skipSpace() {
    while (position < text.size() && text[position] == ' ')
      ++position;
  }
  bool accept(char c) {
    skipSpace();
    if (position == text.size() || text[position] != c)
      return false;
    ++position;
    return true;
  }
  void parseNumber() {
    skipSpace();
    const char *start = text.c_str() + position;
    char *end;
    double value = std::strtod(start, &end);
    if (end == start)
      fail("expected a number at character " + std::to_string(position + 1));
    position += static_cast<size_t>(end - start);
    values.push_back(value);
  }
  /// Reads a list at that depth, or a number; all numbers are at one depth.
  void parseLevel(size_t depth) {
    if (!accept('[')) {
      if (values.empty())
        numberDepth = depth;
      if (depth != numberDepth)
        fail("lists of different depth");
      return parseNumber();
    }
    if (depth >= package::maxRank)
      fail("lists nest too deep");
    if (!values.empty() && depth >= numberDepth)
      fail("lists of different depth");
    bool first = depth == shape.size();
    if (first)
      shape.push_back(0);
    int64_t count = 0;
    do {
      parseLevel(depth + 1);
      ++count;
    } while (accept(','));
    if (!accept(']'))
      fail("expected ',' or ']' at character " + std::to_string(position + 1));
    if (first)
      shape[depth] = count;
    else if (shape[depth] != count)
      fail("lists of different length");
  }

  const std::string &text;
  const std::string &what;
  size_t position = 0;
  size_t numberDepth = 0;
};
} // namespace

template <typename T> static void append(std::vector<uint8_t> &data, T value) {
  size_t offset = data.size();
  data.resize(offset + sizeof(T));
  std::memcpy(data.data() + offset, &value, sizeof(T));
}

/// An f64 or i64 array of these values, to be converted further.
static NpyArray makeArray(std::vector<int64_t> shape,
                          const std::vector<double> &values, bool integer,
                          const std::string &what) {
  NpyArray array;
  array.type = integer ? ElementType::I64 : ElementType::F64;
  array.shape = std::move(shape);
  for (double value : values) {
    if (!integer) {
      append(array.data, value);
      continue;
    }
    // Beyond 2^53 a double is not exact.
    if (!(std::fabs(value) <= 0x1p53) || value != std::floor(value))
      failUsage(what + ": " + std::to_string(value) +
                " is not an integer in [-2^53, 2^53]");
    append(array.data, static_cast<int64_t>(value));
  }
  return array;
}

/// The shape of `zeros[2,3]`, or nothing where `value` does not start so.
static bool parseFill(const std::string &value, const char *word,
                      std::vector<int64_t> &shape, const std::string &what) {
  size_t length = std::strlen(word);
  if (value.compare(0, length, word) != 0)
    return false;
  std::string rest = value.substr(length);
  if (rest.size() < 2 || rest.front() != '[' || rest.back() != ']')
    failUsage(what + ": expected " + word + "[extent,...], not '" + value +
              "'");
  if (rest == "[]")
    return true;
  for (const std::string &extent :
       splitOutsideBrackets(rest.substr(1, rest.size() - 2))) {
    if (!isNumber(extent))
      failUsage(what + ": '" + extent + "' is not an extent");
    shape.push_back(std::stol(extent));
  }
  std::optional<int64_t> count = package::checkedElementCount(shape);
  if (!count || *count > maxElements)
    failUsage(what + ": more than 2^32 elements");
  return true;
}

/// Random numbers: uniform in the input's range, or normal.
static std::vector<double> randomValues(const package::Input &input,
                                        int64_t count,
                                        std::mt19937_64 &random) {
  std::vector<double> values(static_cast<size_t>(count));
  bool integer = package::isInteger(input.type);
  auto [low, high] = input.range.value_or(std::pair<int64_t, int64_t>(0, 2));
  std::uniform_int_distribution<int64_t> uniform(low, high - 1);
  std::normal_distribution<double> normal;
  for (double &value : values)
    value = integer ? static_cast<double>(uniform(random)) : normal(random);
  return values;
}

NpyArray makeTensor(const package::Input &input, const std::string &value,
                    std::mt19937_64 &random) {
  std::string what = "input '" + input.name + "'";
  if (value.front() == '@') {
    std::string path = value.substr(1);
    NpyArray array = unwrap(package::readNpy(path));
    return unwrap(package::convert(array, input.type, path));
  }
  bool integer = package::isInteger(input.type);
  std::vector<int64_t> shape;
  std::vector<double> values;
  if (parseFill(value, "zeros", shape, what)) {
    values.assign(*package::checkedElementCount(shape), 0.0);
  } else if (parseFill(value, "random", shape, what)) {
    values = randomValues(input, *package::checkedElementCount(shape), random);
  } else {
    std::string list = value.front() == '[' ? value : "[" + value + "]";
    ListParser parser(list, what);
    parser.parse();
    shape = std::move(parser.shape);
    values = std::move(parser.values);
  }
  return unwrap(package::convert(makeArray(shape, values, integer, what),
                                 input.type, what));
}

} // namespace transmamba::run
