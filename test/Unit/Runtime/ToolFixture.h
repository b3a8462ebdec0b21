//===- ToolFixture.h - Running the tools in tests ---------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TEST_UNIT_RUNTIME_TOOLFIXTURE_H
#define TRANSMAMBA_TEST_UNIT_RUNTIME_TOOLFIXTURE_H

#include "TestPackage.h"
#include "transmamba/Package/Npy.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <sys/wait.h>

namespace transmamba::runtime::test {

struct ToolResult {
  int code = -1;
  std::string out;
  std::string err;
};

/// The test package as a file, and the tools run on it.
class ToolFixture : public testing::Test {
protected:
  void SetUp() override {
    path = directory.file("sums.tmpkg");
    Error error = writeTestPackage(path, testManifest(),
                                   readFile(TRANSMAMBA_TEST_KERNELS));
    ASSERT_FALSE(error) << error.str();
  }

  /// Runs a tool with arguments as a shell reads them, in the directory.
  ToolResult tool(const char *program, const std::string &arguments) {
    std::string command = "cd " + directory.file("") + " && exec " + program +
                          " " + arguments + " >out.txt 2>err.txt";
    int status = std::system(command.c_str());
    ToolResult result;
    // A crash is not an exit.
    if (WIFEXITED(status))
      result.code = WEXITSTATUS(status);
    result.out = readFile(directory.file("out.txt"));
    result.err = readFile(directory.file("err.txt"));
    return result;
  }
  void writeInts(const char *name, std::vector<int64_t> shape,
                 std::vector<int64_t> values) {
    ASSERT_FALSE(
        writeNpy(directory.file(name), ElementType::I64, shape, values.data()));
  }
  void writeFloats(const char *name, std::vector<int64_t> shape,
                   std::vector<float> values) {
    ASSERT_FALSE(
        writeNpy(directory.file(name), ElementType::F32, shape, values.data()));
  }

  TemporaryDirectory directory;
  std::string path;
};
/// Success, with nothing on stderr.
inline void expectSuccess(const ToolResult &result) {
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.err, "");
}

/// Failure with that code and one line that holds `message`.
inline void expectFailure(const ToolResult &result, const std::string &message,
                          int code = 1) {
  EXPECT_EQ(result.code, code) << result.out << result.err;
  EXPECT_NE(result.err.find(message), std::string::npos) << result.err;
}

} // namespace transmamba::runtime::test

#endif // TRANSMAMBA_TEST_UNIT_RUNTIME_TOOLFIXTURE_H
