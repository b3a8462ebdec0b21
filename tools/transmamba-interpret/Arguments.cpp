//===- Arguments.cpp - Steps and values of the command line ---------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"

#include "transmamba/Package/Npy.h"

using namespace transmamba;
using namespace transmamba::interpret;
using llvm::Expected;
using llvm::StringRef;
using reference::fail;
using reference::FloatTensor;
using reference::IntTensor;
using reference::Shape;
using reference::Value;

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

Expected<NamedText> interpret::parseNamedText(StringRef text) {
  auto [name, value] = text.split('=');
  if (name.empty() || value.empty())
    return fail("'" + text + "' is not NAME=VALUE");
  return NamedText{name.str(), value.str()};
}

Expected<Step> interpret::parseStep(StringRef text) {
  auto [entry, rest] = text.split(':');
  Step step;
  step.entry = entry.str();
  if (entry.empty())
    return fail("'" + text + "' is not ENTRY:NAME=VALUE,...");
  while (!rest.empty()) {
    StringRef piece;
    std::tie(piece, rest) = rest.split(',');
    if (!piece.contains('=')) {
      if (step.inputs.empty())
        return fail("'" + piece + "' in the step '" + text +
                    "' is not NAME=VALUE");
      step.inputs.back().text += ("," + piece).str();
      continue;
    }
    Expected<NamedText> input = parseNamedText(piece);
    if (!input)
      return input.takeError();
    step.inputs.push_back(std::move(*input));
  }
  return step;
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

Expected<Value> interpret::readTensor(const std::string &path) {
  package::Result<package::NpyArray> array = package::readNpy(path);
  if (!array)
    return fail(array.error().str());
  if (Expected<int64_t> size = reference::checkedSize(array->shape); !size)
    return fail(path + ": " + llvm::toString(size.takeError()));
  if (package::isInteger(array->type)) {
    IntTensor tensor(array->shape);
    for (int64_t i = 0; i < tensor.size(); ++i)
      tensor[i] = package::loadAsInteger(array->type, array->data.data(), i);
    return Value(std::move(tensor));
  }
  FloatTensor tensor(array->shape);
  for (int64_t i = 0; i < tensor.size(); ++i)
    tensor[i] = package::loadAsDouble(array->type, array->data.data(), i);
  return Value(std::move(tensor));
}

/// The numbers of a literal, in rows of equal length, as a tensor of the rank
/// of the type. `parse` returns true where a text is not a number.
template <typename Tensor, typename Parse>
static Expected<Value> parseNumbers(const reference::InputInfo &input,
                                    StringRef text, Parse parse) {
  std::vector<typename Tensor::Element> numbers;
  int64_t rows = 0, columns = 0;
  while (!text.empty()) {
    StringRef row;
    std::tie(row, text) = text.split(';');
    int64_t count = 0;
    while (!row.empty()) {
      StringRef piece;
      std::tie(piece, row) = row.split(',');
      typename Tensor::Element number;
      if (parse(piece.trim(), number))
        return fail("input '" + input.name + "': '" + piece +
                    "' is not a number of the element type");
      numbers.push_back(number);
      ++count;
    }
    if (rows++ > 0 && count != columns)
      return fail("input '" + input.name + "': its rows differ in length");
    columns = count;
  }
  const int64_t rank = input.type.getRank();
  Shape shape;
  if (rank == 2)
    shape = {rows, columns};
  else if (rank == 1 && rows == 1)
    shape = {columns};
  else if (rank != 0 || rows != 1 || columns != 1)
    return fail("input '" + input.name +
                "': numbers are for lists and matrices; give @FILE.npy");
  return Value(Tensor(shape, std::move(numbers)));
}

static Expected<Value> parseLiteral(const reference::InputInfo &input,
                                    StringRef text) {
  if (llvm::isa<mlir::FloatType>(input.type.getElementType()))
    return parseNumbers<FloatTensor>(input, text,
                                     [](StringRef piece, double &number) {
                                       return piece.getAsDouble(number);
                                     });
  return parseNumbers<IntTensor>(input, text,
                                 [](StringRef piece, int64_t &number) {
                                   return piece.getAsInteger(10, number);
                                 });
}

Expected<reference::NamedValues>
interpret::readInputs(const Step &step, const reference::Session &session) {
  Expected<std::vector<reference::InputInfo>> infos =
      session.inputs(step.entry);
  if (!infos)
    return infos.takeError();
  reference::NamedValues values;
  for (const NamedText &input : step.inputs) {
    auto info = llvm::find_if(*infos, [&](const reference::InputInfo &info) {
      return info.name == input.name;
    });
    StringRef text = input.text;
    // The session says what is wrong with a name that it does not know.
    Expected<Value> value = text.consume_front("@") ? readTensor(text.str())
                            : info == infos->end()  ? Expected<Value>(Value())
                                                    : parseLiteral(*info, text);
    if (!value)
      return value.takeError();
    if (!values.emplace(input.name, std::move(*value)).second)
      return fail("the input '" + input.name + "' is given twice");
  }
  return values;
}
