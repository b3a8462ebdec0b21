//===- Reports.cpp - What is written and compared -------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Reports.h"

#include "transmamba/Package/Npy.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"

#include <cmath>

using namespace transmamba;
using namespace transmamba::interpret;
using llvm::Error;
using llvm::Expected;
using reference::fail;
using reference::Value;

/// Element `index` of a tensor.
static double elementAt(const Value &value, int64_t index) {
  return value.isFloatTensor() ? value.floats()[index]
                               : static_cast<double>(value.integers()[index]);
}

static int64_t sizeOf(const Value &value) {
  return value.isFloatTensor() ? value.floats().size()
                               : value.integers().size();
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

Error interpret::writeTensor(const std::string &path, const Value &value) {
  const bool isFloat = value.isFloatTensor();
  package::Error error = package::writeNpy(
      path, isFloat ? package::ElementType::F64 : package::ElementType::I64,
      value.shape().vec(),
      isFloat ? static_cast<const void *>(value.floats().data())
              : static_cast<const void *>(value.integers().data()));
  return error ? fail(error.str()) : Error::success();
}

Error interpret::dumpState(const std::string &directory,
                           const reference::Session &session) {
  if (std::error_code error = llvm::sys::fs::create_directories(directory))
    return fail(directory + ": error: " + error.message());
  auto pathOf = [&](llvm::StringRef name) {
    llvm::SmallString<128> path(directory);
    llvm::sys::path::append(path, name + ".npy");
    return path.str().str();
  };
  for (const auto &[name, state] : session.states())
    if (Error error = writeTensor(pathOf(name), Value(state)))
      return error;
  const std::vector<int64_t> &positions = session.positions();
  return writeTensor(pathOf("positions"),
                     Value(reference::IntTensor(
                         {static_cast<int64_t>(positions.size())}, positions)));
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

static void printElement(llvm::raw_ostream &stream, const Value &value,
                         int64_t index) {
  if (value.isFloatTensor())
    stream << llvm::format("%.15g", value.floats()[index]);
  else
    stream << value.integers()[index];
}

/// The elements in lines, one for each step of the dimensions but the last.
static void printElements(llvm::raw_ostream &stream, const Value &value) {
  const int64_t size = sizeOf(value);
  const int64_t row = value.shape().empty() ? 1 : value.shape().back();
  for (int64_t index = 0; index < size; ++index) {
    stream << (index % row == 0 ? "  " : " ");
    printElement(stream, value, index);
    if (index % row == row - 1)
      stream << "\n";
  }
}

void interpret::printTensor(llvm::raw_ostream &stream, llvm::StringRef name,
                            const Value &value, bool all) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  double sum = 0;
  int64_t undefined = 0, defined = 0;
  for (int64_t index = 0; index < sizeOf(value); ++index) {
    double element = elementAt(value, index);
    if (std::isnan(element)) {
      ++undefined;
      continue;
    }
    low = std::min(low, element);
    high = std::max(high, element);
    sum += element;
    ++defined;
  }
  stream << name << ": " << reference::shapeText(value.shape());
  if (defined)
    stream << llvm::format(", from %.6g to %.6g, mean %.6g", low, high,
                           sum / static_cast<double>(defined));
  if (undefined)
    stream << ", " << undefined << " NaN";
  stream << "\n";
  if (all)
    printElements(stream, value);
}

//===----------------------------------------------------------------------===//
// Comparison
//===----------------------------------------------------------------------===//

Expected<Difference> interpret::compare(const Value &value,
                                        const Value &other) {
  if (!other.isTensor() || value.shape() != other.shape())
    return fail("it is " + reference::shapeText(other.shape()) +
                ", but the interpreter says " +
                reference::shapeText(value.shape()));
  Difference result;
  double squares = 0, differences = 0;
  for (int64_t index = 0; index < sizeOf(value); ++index) {
    const double expected = elementAt(value, index);
    const double actual = elementAt(other, index);
    double difference = std::fabs(actual - expected);
    if (expected == actual || (std::isnan(expected) && std::isnan(actual)))
      difference = 0;
    else if (std::isnan(difference))
      difference = std::numeric_limits<double>::infinity();
    if (difference > result.largest) {
      result.largest = difference;
      result.largestAt = index;
    }
    differences += difference * difference;
    squares += std::isfinite(expected) ? expected * expected : 0;
  }
  if (differences > 0)
    result.relative = std::sqrt(differences) / std::sqrt(squares);
  return result;
}
