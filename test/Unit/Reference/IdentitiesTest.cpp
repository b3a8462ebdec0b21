//===- IdentitiesTest.cpp - The identities of the semantics ---------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
// The numbers are those of section 5 of the semantics. The interpreter rounds
// to float64 only, so that equal mathematics gives 1e-12 and better.
//
//===----------------------------------------------------------------------===//

#include "Testing.h"

#include "mlir/Pass/PassManager.h"
#include "transmamba/Transforms/Passes.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <set>

using namespace transmamba;
using namespace transmamba::reference;

namespace {

constexpr double tolerance = 1e-12;
constexpr int64_t batch = 3, tokens = 11;

/// A model of the grid with random weights, and inputs for it.
class Model {
public:
  explicit Model(const std::string &name)
      : module(context.parseFile(std::string(TRANSMAMBA_IDENTITIES "/") + name +
                                 ".mlir")) {}

  bool isValid() { return static_cast<bool>(module); }
  bool takesFloats() { return inputType().getRank() == 3; }
  std::string outputName() { return takesFloats() ? "y" : "logits"; }

  void setSchedule(llvm::ArrayRef<int64_t> points) {
    (*module)->setAttr(TransMambaDialect::kScheduleAttr,
                       ScheduleAttr::get(&context, points));
  }
  std::vector<int64_t> schedule() {
    return (*module)
        ->getAttrOfType<ScheduleAttr>(TransMambaDialect::kScheduleAttr)
        .getPoints()
        .vec();
  }
  void setChunk(int64_t chunk) {
    module->walk([&](SSDScanOp scan) {
      scan.setChunkAttr(mlir::OpBuilder(scan).getI64IntegerAttr(chunk));
    });
  }
  /// Runs a phase.
  void transform(void (*populate)(mlir::OpPassManager &)) {
    mlir::PassManager pm(&context);
    populate(pm);
    ASSERT_TRUE(mlir::succeeded(pm.run(*module)));
  }
  int64_t count(llvm::StringRef operation) {
    int64_t number = 0;
    module->walk([&](mlir::Operation *op) {
      number += op->getName().getStringRef() == operation;
    });
    return number;
  }

  Interpreter load() {
    llvm::Expected<Interpreter> interpreter =
        Interpreter::load(*module, randomWeights(7));
    return std::move(*interpreter);
  }

  /// Tokens [first, first + count) of the rows of a fixed batch of sequences.
  Value input(int64_t first, int64_t count, int64_t rows = batch,
              int64_t firstRow = 0) {
    const int64_t width = takesFloats() ? inputType().getDimSize(2) : 1;
    FloatTensor part({rows, count, width});
    IntTensor numbers({rows, count});
    for (int64_t b = 0; b < rows; ++b) {
      FloatTensor row = randomFloats({64, width}, firstRow + b + 1);
      for (int64_t t = 0; t < count; ++t) {
        for (int64_t c = 0; c < width; ++c)
          part(b, t, c) = row(first + t, c);
        numbers(b, t) = static_cast<int64_t>((row(first + t, 0) + 1) * 15.9);
      }
    }
    return takesFloats() ? Value(part) : Value(numbers);
  }
  /// One token of every row, row b's at `positions[b]`.
  Value inputAt(const std::vector<int64_t> &positions) {
    const int64_t rows = static_cast<int64_t>(positions.size());
    std::vector<double> part;
    std::vector<int64_t> numbers;
    for (int64_t b = 0; b < rows; ++b) {
      Value one = input(positions[b], 1, 1, b);
      if (one.isFloatTensor())
        part.insert(part.end(), one.floats().values().begin(),
                    one.floats().values().end());
      else
        numbers.push_back(one.integers()[0]);
    }
    if (!takesFloats())
      return Value(IntTensor({rows, 1}, numbers));
    return Value(FloatTensor({rows, 1, inputType().getDimSize(2)}, part));
  }
  NamedValues inputs(Value value) {
    return {{takesFloats() ? "x" : "tokens", std::move(value)}};
  }

  FloatTensor forward(Value value) {
    Interpreter interpreter = load();
    Session session(interpreter);
    return get(session.run("forward", inputs(value)))[outputName()].floats();
  }

private:
  mlir::RankedTensorType inputType() {
    auto forward = module->lookupSymbol<mlir::func::FuncOp>("forward");
    return llvm::cast<mlir::RankedTensorType>(forward.getArgumentTypes()[0]);
  }

  Context context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

/// Token t of row b of [B,T,C], as [C].
FloatTensor tokenOf(const FloatTensor &tensor, int64_t b, int64_t t) {
  const int64_t C = tensor.dim(2);
  const double *first = tensor.data() + (b * tensor.dim(1) + t) * C;
  return FloatTensor({C}, std::vector<double>(first, first + C));
}

/// What an entry point says of the last token of row b: logits are one token a
/// row, a mixer's outputs are all tokens'.
FloatTensor lastOf(const FloatTensor &output, int64_t b, int64_t length) {
  if (output.rank() == 3)
    return tokenOf(output, b, length - 1);
  const int64_t C = output.dim(1);
  const double *first = output.data() + b * C;
  return FloatTensor({C}, std::vector<double>(first, first + C));
}

std::vector<std::string> modelNames(llvm::StringRef prefix) {
  std::vector<std::string> names;
  std::error_code error;
  for (llvm::sys::fs::directory_iterator file(TRANSMAMBA_IDENTITIES, error),
       end;
       !error && file != end; file.increment(error)) {
    llvm::StringRef name = llvm::sys::path::filename(file->path());
    if (name.starts_with(prefix) && name.consume_back(".mlir"))
      names.push_back(name.str());
  }
  llvm::sort(names);
  return names;
}

std::string testName(const testing::TestParamInfo<std::string> &info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

class EveryModel : public testing::TestWithParam<std::string> {};
class EveryMixer : public testing::TestWithParam<std::string> {};

} // namespace

INSTANTIATE_TEST_SUITE_P(Mixers, EveryModel,
                         testing::ValuesIn(modelNames("mixer-")), testName);
INSTANTIATE_TEST_SUITE_P(Models, EveryModel,
                         testing::ValuesIn(modelNames("model-")), testName);
INSTANTIATE_TEST_SUITE_P(Pure, EveryModel,
                         testing::ValuesIn(modelNames("pure-")), testName);
INSTANTIATE_TEST_SUITE_P(Mixers, EveryMixer,
                         testing::ValuesIn(modelNames("mixer-")), testName);

//===----------------------------------------------------------------------===//
// 1. P = 0 is pure SSM and P >= T is pure attention, bitwise
//===----------------------------------------------------------------------===//

TEST_P(EveryMixer, IsThePureLayerAtTheEnds) {
  Model mixer(GetParam());
  ASSERT_TRUE(mixer.isValid());
  std::string shape = GetParam().substr(6, GetParam().rfind("-p") - 6);
  Model ssm("pure-ssm-" + shape), attention("pure-attention-" + shape);
  ASSERT_TRUE(ssm.isValid() && attention.isValid());
  Value input = mixer.input(0, tokens);
  mixer.setSchedule({0});
  EXPECT_TRUE(sameBits(mixer.forward(input), ssm.forward(input)));
  for (int64_t point : {tokens, tokens + 1, int64_t(64)}) {
    mixer.setSchedule({point});
    EXPECT_TRUE(sameBits(mixer.forward(input), attention.forward(input)));
  }
}

//===----------------------------------------------------------------------===//
// 3. Outputs after the conversion are those of a scan of the whole sequence
//===----------------------------------------------------------------------===//

TEST_P(EveryMixer, ConvertsWithoutLoss) {
  Model mixer(GetParam());
  const int64_t point = mixer.schedule()[0];
  Value input = mixer.input(0, tokens);
  FloatTensor hybrid = mixer.forward(input);
  mixer.setSchedule({0});
  FloatTensor scan = mixer.forward(input);
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t t = point; t < tokens; ++t)
      EXPECT_LT(relativeError(tokenOf(hybrid, b, t), tokenOf(scan, b, t)),
                tolerance);
}

//===----------------------------------------------------------------------===//
// 4. prefill(n) is prefill(k) and n - k decode steps
//===----------------------------------------------------------------------===//

/// Splits of a sequence before, at and after every TransPoint and every edge
/// of a chunk of 4.
static std::set<int64_t> splitsOf(Model &model) {
  std::set<int64_t> splits;
  std::vector<int64_t> edges = model.schedule();
  edges.insert(edges.end(), {1, 4, 8, tokens});
  for (int64_t edge : edges)
    for (int64_t split : {edge - 1, edge, edge + 1})
      if (split >= 1 && split <= tokens)
        splits.insert(split);
  return splits;
}

TEST_P(EveryModel, ContinuesWhereItStopped) {
  Model model(GetParam());
  ASSERT_TRUE(model.isValid());
  Interpreter interpreter = model.load();
  FloatTensor expected = model.forward(model.input(0, 2 * tokens));
  for (int64_t split : splitsOf(model)) {
    // Rows of different lengths; row 0 is split at `split`.
    std::vector<int64_t> lengths = {split, std::max<int64_t>(1, split / 2),
                                    tokens};
    Session session(interpreter);
    NamedValues inputs = model.inputs(model.input(0, tokens));
    inputs["lengths"] = Value(IntTensor({batch}, lengths));
    FloatTensor output =
        get(session.run("prefill", inputs))[model.outputName()].floats();
    for (int64_t b = 0; b < batch; ++b)
      EXPECT_LT(relativeError(lastOf(output, b, lengths[b]),
                              tokenOf(expected, b, lengths[b] - 1)),
                tolerance)
          << "prefill of " << lengths[b] << " tokens";
    for (int64_t step = 0; step < tokens; ++step) {
      EXPECT_EQ(session.positions(), lengths);
      output = get(session.run(
          "decode", model.inputs(model.inputAt(lengths))))[model.outputName()]
                   .floats();
      for (int64_t b = 0; b < batch; ++b) {
        EXPECT_LT(relativeError(lastOf(output, b, 1),
                                tokenOf(expected, b, lengths[b])),
                  tolerance)
            << "token " << lengths[b] << " after a prefill of " << split;
        ++lengths[b];
      }
    }
  }
}

TEST_P(EveryModel, LeavesTheSameStateHoweverSplit) {
  Model model(GetParam());
  Interpreter interpreter = model.load();
  auto prefill = [&](Session &session, int64_t length) {
    NamedValues inputs = model.inputs(model.input(0, length));
    inputs["lengths"] = Value(IntTensor({batch}, length));
    get(session.run("prefill", inputs));
  };
  Session whole(interpreter);
  prefill(whole, tokens);
  for (int64_t split : splitsOf(model)) {
    Session session(interpreter);
    prefill(session, split);
    for (int64_t t = split; t < tokens; ++t)
      get(session.run("decode", model.inputs(model.input(t, 1))));
    ASSERT_EQ(session.states().size(), whole.states().size());
    for (const auto &[name, state] : session.states())
      EXPECT_LT(relativeError(state, whole.states().at(name)), tolerance)
          << name << " after a prefill of " << split;
  }
}

//===----------------------------------------------------------------------===//
// 5. Runs repeat, and rows do not know of one another, bitwise
//===----------------------------------------------------------------------===//

TEST_P(EveryModel, RepeatsItself) {
  Model model(GetParam());
  Value input = model.input(0, tokens);
  EXPECT_TRUE(sameBits(model.forward(input), model.forward(input)));
}

TEST_P(EveryModel, KeepsRowsApart) {
  Model model(GetParam());
  FloatTensor together = model.forward(model.input(0, tokens));
  for (int64_t b = 0; b < batch; ++b) {
    FloatTensor alone = model.forward(model.input(0, tokens, 1, b));
    for (int64_t t = 0; t < tokens; ++t)
      EXPECT_TRUE(sameBits(tokenOf(alone, 0, t), tokenOf(together, b, t)));
  }
}

//===----------------------------------------------------------------------===//
// 6. Padding and free cache slots change nothing
//===----------------------------------------------------------------------===//

TEST_P(EveryModel, ReadsNothingThatIsNotThere) {
  Model model(GetParam());
  Interpreter interpreter = model.load();
  const std::vector<int64_t> lengths = {tokens, 4, 1};
  // NaN, or a token that the vocabulary does not have, behind every row.
  Value clean = model.input(0, tokens), dirty = clean;
  FloatTensor reals = clean.isFloatTensor() ? clean.floats() : FloatTensor();
  IntTensor numbers = clean.isIntTensor() ? clean.integers() : IntTensor();
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t t = lengths[b]; t < tokens; ++t) {
      if (clean.isIntTensor())
        numbers(b, t) = -7;
      else
        for (int64_t c = 0; c < reals.dim(2); ++c)
          reals(b, t, c) = std::nan("");
    }
  dirty = clean.isFloatTensor() ? Value(reals) : Value(numbers);

  SessionOptions poisoned;
  poisoned.poison = true;
  Session one(interpreter), other(interpreter, poisoned);
  NamedValues cleanInputs = model.inputs(clean),
              dirtyInputs = model.inputs(dirty);
  cleanInputs["lengths"] = dirtyInputs["lengths"] =
      Value(IntTensor({batch}, lengths));
  FloatTensor a =
      get(one.run("prefill", cleanInputs))[model.outputName()].floats();
  FloatTensor b =
      get(other.run("prefill", dirtyInputs))[model.outputName()].floats();
  for (int64_t row = 0; row < batch; ++row)
    EXPECT_TRUE(
        sameBits(lastOf(a, row, lengths[row]), lastOf(b, row, lengths[row])));
  std::vector<int64_t> positions = lengths;
  for (int64_t step = 0; step < 5; ++step) {
    NamedValues inputs = model.inputs(model.inputAt(positions));
    a = get(one.run("decode", inputs))[model.outputName()].floats();
    b = get(other.run("decode", inputs))[model.outputName()].floats();
    EXPECT_TRUE(sameBits(a, b));
    for (int64_t &position : positions)
      ++position;
  }
}

//===----------------------------------------------------------------------===//
// 7. The chunk is a hint
//===----------------------------------------------------------------------===//

TEST_P(EveryMixer, DoesNotDependOnTheChunk) {
  Model model(GetParam());
  Value input = model.input(0, tokens);
  FloatTensor expected = model.forward(input);
  for (int64_t chunk : {1, 3, 64}) {
    model.setChunk(chunk);
    EXPECT_TRUE(sameBits(model.forward(input), expected));
  }
}

//===----------------------------------------------------------------------===//
// The phases schedule and fuse change no number
//===----------------------------------------------------------------------===//

/// Outputs of a prefill of ragged rows and of decode steps after it, and the
/// outputs of forward.
static std::vector<FloatTensor> runAll(Model &model) {
  std::vector<FloatTensor> outputs = {model.forward(model.input(0, tokens))};
  Interpreter interpreter = model.load();
  Session session(interpreter);
  std::vector<int64_t> positions = {5, 1, tokens};
  NamedValues inputs = model.inputs(model.input(0, tokens));
  inputs["lengths"] = Value(IntTensor({batch}, positions));
  FloatTensor output =
      get(session.run("prefill", inputs))[model.outputName()].floats();
  for (int64_t b = 0; b < batch; ++b)
    outputs.push_back(lastOf(output, b, positions[b]));
  for (int64_t step = 0; step < 6; ++step) {
    outputs.push_back(get(session.run(
        "decode", model.inputs(model.inputAt(positions))))[model.outputName()]
                          .floats());
    for (int64_t &position : positions)
      ++position;
  }
  return outputs;
}

TEST_P(EveryModel, SaysTheSameAfterEveryPhase) {
  Model model(GetParam());
  ASSERT_TRUE(model.isValid());
  std::vector<FloatTensor> imported = runAll(model);
  for (auto phase : {populateSchedulePipeline, populateFusePipeline}) {
    model.transform(phase);
    std::vector<FloatTensor> transformed = runAll(model);
    for (auto [actual, expected] : llvm::zip_equal(transformed, imported))
      EXPECT_LT(relativeError(actual, expected), tolerance);
  }
}

TEST(Phases, FuseMakesSwitchesOfTheGrid) {
  Model model("mixer-h4-k2-d8-p4");
  ASSERT_TRUE(model.isValid());
  model.transform(populateSchedulePipeline);
  model.transform(populateFusePipeline);
  EXPECT_EQ(model.count("transmamba.switch"), 3);
}
