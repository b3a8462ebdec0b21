//===- MutationTest.cpp - Damaged graphs ----------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// A damaged graph is either still a graph or refused with exactly one error
// that has a place in the file.
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "transmamba/Import/ImportGraph.h"
#include <fstream>
#include <gtest/gtest.h>
#include <random>

using namespace mlir;
using namespace transmamba;

static std::string readInput(StringRef name) {
  std::ifstream file(TRANSMAMBA_SOURCE_DIR "/test/Import/Inputs/" + name.str());
  return std::string((std::istreambuf_iterator<char>(file)),
                     std::istreambuf_iterator<char>());
}

/// Imports a text and checks what must hold for any.
static void importAny(MLIRContext &context, const std::string &text) {
  unsigned errors = 0;
  bool isLocated = true;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
      ++errors;
    auto loc = diagnostic.getLocation()->findInstanceOf<FileLineColLoc>();
    isLocated &= loc && loc.getLine() >= 1 && loc.getColumn() >= 1;
    return success();
  });
  OwningOpRef<ModuleOp> module =
      importGraph(llvm::MemoryBufferRef(text, "mutated.json"), &context);
  EXPECT_EQ(errors, module ? 0u : 1u) << text;
  EXPECT_TRUE(isLocated) << text;
  if (module) {
    EXPECT_TRUE(succeeded(verify(*module))) << text;
  }
}

class Mutation : public testing::TestWithParam<const char *> {};

TEST_P(Mutation, Truncated) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  std::string text = readInput(GetParam());
  ASSERT_FALSE(text.empty());
  for (size_t size = 0; size < text.size(); size += 7)
    importAny(context, text.substr(0, size));
}

/// One byte replaced by one that means something in JSON or in an expression.
TEST_P(Mutation, Bytes) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  std::string text = readInput(GetParam());
  std::mt19937 random(1);
  const std::string bytes = "\"{}[]:,.-+*/%()0123456789eabxy \n\\\xFF\x01";
  for (int i = 0; i < 1500; ++i) {
    std::string mutated = text;
    mutated[random() % mutated.size()] = bytes[random() % bytes.size()];
    importAny(context, mutated);
  }
}

/// A value replaced by another value: well-formed JSON, another graph.
TEST_P(Mutation, Values) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  std::string text = readInput(GetParam());
  std::mt19937 random(2);
  const std::vector<std::string> values = {"null",    "true",
                                           "0",       "-1",
                                           "1.5",     "2147483647",
                                           "1e300",   "\"x\"",
                                           "\"i\"",   "\"9 * 9\"",
                                           "[]",      "{}",
                                           "[\"x\"]", "4611686018427387904",
                                           "\"\"",    "\"layers.{i}.{block}\""};
  // Where a value begins: after ": ", "[" or ", ".
  std::vector<std::pair<size_t, size_t>> places;
  for (size_t at = 0; at + 1 < text.size(); ++at) {
    if (text.compare(at, 2, ": ") != 0 && text.compare(at, 2, ", ") != 0)
      continue;
    size_t begin = at + 2;
    size_t end = text[begin] == '"' ? text.find('"', begin + 1) + 1
                                    : text.find_first_of(",]}\n", begin);
    if (end != std::string::npos && end > begin)
      places.push_back({begin, end});
  }
  ASSERT_FALSE(places.empty());
  for (int i = 0; i < 1500; ++i) {
    auto [begin, end] = places[random() % places.size()];
    std::string mutated = text;
    mutated.replace(begin, end - begin, values[random() % values.size()]);
    importAny(context, mutated);
  }
}

INSTANTIATE_TEST_SUITE_P(Graphs, Mutation,
                         testing::Values("tiny.json", "hybrid.json"));
