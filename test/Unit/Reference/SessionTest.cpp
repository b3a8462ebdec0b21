//===- SessionTest.cpp - Positions, states, inputs ------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Testing.h"

using namespace transmamba;
using namespace transmamba::reference;

namespace {

/// Two entry points that count what they see in a window.
constexpr const char *counter = R"(
module attributes {transmamba.max_batch = 3 : i64, transmamba.max_sequence = 6 : i64,
                   transmamba.schedule = #transmamba.schedule<[4]>} {
  func.func @prefill(%x: tensor<?x?x1xf32> {transmamba.name = "x", transmamba.dims = ["B", "T"]},
                     %tokens: tensor<?x?xi32> {transmamba.name = "tokens", transmamba.dims = ["B", "T"], transmamba.range = [0, 9]},
                     %lengths: tensor<?xi32> {transmamba.name = "lengths", transmamba.dims = ["B"], transmamba.role = "lengths"},
                     %cache: !transmamba.kv_cache<layer = 0, 1x1xf32> {transmamba.name = "kv"})
      -> (tensor<?x?x1xf32> {transmamba.name = "y"}, !transmamba.kv_cache<layer = 0, 1x1xf32>,
          !transmamba.conv_window<layer = 0, 1x1xf32> {transmamba.name = "window"})
      attributes {transmamba.entry, transmamba.positions = "set"} {
    %w = arith.constant dense<1.0> : tensor<1x2xf32>
    %y, %next = transmamba.causal_conv1d %x, %w lengths(%lengths : tensor<?xi32>)
        : tensor<?x?x1xf32>, tensor<1x2xf32> -> !transmamba.conv_window<layer = 0, 1x1xf32>
    return %y, %cache, %next : tensor<?x?x1xf32>, !transmamba.kv_cache<layer = 0, 1x1xf32>, !transmamba.conv_window<layer = 0, 1x1xf32>
  }
  func.func @decode(%x: tensor<?x1x1xf32> {transmamba.name = "x", transmamba.dims = ["B"]},
                    %positions: tensor<?xi32> {transmamba.name = "positions", transmamba.dims = ["B"], transmamba.role = "positions"},
                    %window: !transmamba.conv_window<layer = 0, 1x1xf32> {transmamba.name = "window"})
      -> (tensor<?x1x1xf32> {transmamba.name = "y"}, tensor<?xi32> {transmamba.name = "seen"}, !transmamba.conv_window<layer = 0, 1x1xf32>)
      attributes {transmamba.entry, transmamba.positions = "advance"} {
    %w = arith.constant dense<1.0> : tensor<1x2xf32>
    %y, %next = transmamba.causal_conv1d %x, %w window(%window : !transmamba.conv_window<layer = 0, 1x1xf32>)
        : tensor<?x1x1xf32>, tensor<1x2xf32> -> !transmamba.conv_window<layer = 0, 1x1xf32>
    return %y, %positions, %next : tensor<?x1x1xf32>, tensor<?xi32>, !transmamba.conv_window<layer = 0, 1x1xf32>
  }
})";

class SessionTest : public testing::Test {
protected:
  void SetUp() override {
    module = context.parse(counter);
    ASSERT_TRUE(module);
    interpreter.emplace(load(*module));
    session.emplace(*interpreter);
  }
  NamedValues prefillInputs() {
    return {{"x", Value(floats({2, 3, 1}, {1, 2, 3, 4, 5, 6}))},
            {"tokens", Value(integers({2, 3}, {0, 1, 2, 3, 77, 77}))},
            {"lengths", Value(integers({2}, {3, 1}))}};
  }
  NamedValues decodeInputs(int64_t rows = 2) {
    return {{"x", Value(FloatTensor({rows, 1, 1}, 10))}};
  }
  std::string prefillError(const char *name, Value value) {
    NamedValues inputs = prefillInputs();
    inputs[name] = std::move(value);
    return errorOf(session->run("prefill", inputs));
  }

  Context context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::optional<Interpreter> interpreter;
  std::optional<Session> session;
};

} // namespace

TEST_F(SessionTest, KeepsStatesAndPositions) {
  expectNear(get(session->run("prefill", prefillInputs()))["y"].floats(),
             {1, 3, 5, 4, 9, 11});
  EXPECT_EQ(session->positions(), std::vector<int64_t>({3, 1}));
  EXPECT_EQ(session->states().at("kv").shape(),
            llvm::ArrayRef<int64_t>({2, 2, 1, 4, 1}));
  NamedValues outputs = get(session->run("decode", decodeInputs()));
  expectNear(outputs["y"].floats(), {13, 14});
  EXPECT_EQ(outputs["seen"].integers().values(), std::vector<int64_t>({3, 1}));
  EXPECT_EQ(session->positions(), std::vector<int64_t>({4, 2}));
  outputs = get(session->run("decode", decodeInputs()));
  expectNear(outputs["y"].floats(), {20, 20});
}

TEST_F(SessionTest, SetsPositionsWhateverTheyWere) {
  get(session->run("prefill", prefillInputs()));
  get(session->run("decode", decodeInputs()));
  get(session->run("prefill", prefillInputs()));
  EXPECT_EQ(session->positions(), std::vector<int64_t>({3, 1}));
}

TEST_F(SessionTest, RefusesADecodeBeforeAPrefill) {
  EXPECT_TRUE(contains(errorOf(session->run("decode", decodeInputs())),
                       "row 0 has seen no token yet"));
  EXPECT_TRUE(session->positions().empty());
}

TEST_F(SessionTest, RefusesMoreThanTheLongestSequence) {
  get(session->run("prefill", prefillInputs()));
  for (int step = 0; step < 3; ++step)
    get(session->run("decode", decodeInputs()));
  EXPECT_TRUE(contains(errorOf(session->run("decode", decodeInputs())),
                       "row 0 has seen 6 tokens and cannot take 1 more: the "
                       "model's longest sequence is 6"));
  EXPECT_EQ(session->positions(), std::vector<int64_t>({6, 4}));
}

TEST_F(SessionTest, RefusesAnotherBatch) {
  get(session->run("prefill", prefillInputs()));
  EXPECT_TRUE(contains(errorOf(session->run("decode", decodeInputs(1))),
                       "the inputs have 1 rows, but the session has 2"));
  SessionOptions options;
  options.rows = 1;
  Session narrow(*interpreter, options);
  EXPECT_TRUE(contains(errorOf(narrow.run("prefill", prefillInputs())),
                       "the inputs have 2 rows, but the session has 1"));
  options.rows = 4;
  Session wide(*interpreter, options);
  EXPECT_TRUE(contains(errorOf(wide.run("prefill", prefillInputs())),
                       "a session has 1 to 3 rows, not 4"));
}

TEST_F(SessionTest, ChecksInputs) {
  EXPECT_TRUE(contains(errorOf(session->run("encode", {})),
                       "there is no entry point 'encode'; there are 'prefill', "
                       "'decode'"));
  EXPECT_TRUE(contains(errorOf(session->run("prefill", {})),
                       "entry point 'prefill': the input 'x' is missing"));
  EXPECT_TRUE(contains(prefillError("z", Value(FloatTensor({1}))),
                       "there is no input 'z'; there are 'x', 'tokens', "
                       "'lengths'"));
  NamedValues inputs = decodeInputs();
  inputs["positions"] = Value(integers({2}, {0, 0}));
  EXPECT_TRUE(contains(errorOf(session->run("decode", inputs)),
                       "the session keeps the positions itself"));
  EXPECT_TRUE(contains(prefillError("lengths", Value(integers({2}, {0, 1}))),
                       "the length of row 0 in 'lengths' is 0; it lies in "
                       "[1, 3]"));
  EXPECT_TRUE(contains(prefillError("lengths", Value(integers({2}, {3, 4}))),
                       "the length of row 1"));
  EXPECT_TRUE(contains(prefillError("lengths", Value(integers({3}, {1, 1, 1}))),
                       "B, dimension 0 of the input 'lengths', is 3, but "
                       "another input has 2"));
  EXPECT_TRUE(contains(prefillError("x", Value(FloatTensor({4, 3, 1}))),
                       "B, dimension 0 of the input 'x', is 4; it lies in "
                       "[1, 3]"));
  EXPECT_TRUE(contains(prefillError("x", Value(FloatTensor({2, 7, 1}))),
                       "T, dimension 1 of the input 'x', is 7; it lies in "
                       "[1, 6]"));
  EXPECT_TRUE(contains(prefillError("x", Value(FloatTensor({2, 3, 2}))),
                       "the value is 2x3x2, which its type"));
  EXPECT_TRUE(contains(prefillError("x", Value(IntTensor({2, 3, 1}))),
                       "the value is not a tensor<?x?x1xf32>"));
}

TEST_F(SessionTest, ChecksRangesOfValidTokensOnly) {
  // 77 stands behind the length of row 1.
  get(session->run("prefill", prefillInputs()));
  EXPECT_TRUE(contains(
      prefillError("tokens", Value(integers({2, 3}, {0, 9, 2, 3, 0, 0}))),
      "element 1 of the input 'tokens' is 9; it lies in [0, 9)"));
  EXPECT_TRUE(contains(
      prefillError("tokens", Value(integers({2, 3}, {0, 1, 2, -1, 0, 0}))),
      "element 3 of the input 'tokens' is -1"));
  EXPECT_TRUE(contains(
      prefillError("tokens",
                   Value(integers({2, 3}, {int64_t(1) << 40, 1, 2, 3, 0, 0}))),
      "which its type cannot hold"));
}

TEST_F(SessionTest, RoundsInputsToTheirTypes) {
  NamedValues inputs = prefillInputs();
  inputs["x"] = Value(FloatTensor({2, 3, 1}, 0.1));
  FloatTensor y = get(session->run("prefill", inputs))["y"].floats();
  EXPECT_EQ(y[0], static_cast<double>(0.1f));
  EXPECT_EQ(y[1], 2 * static_cast<double>(0.1f));
}
