//===- HostGemmTest.cpp - Products as they are built, on the host ---------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// By way of convert-tile-to-linalg, at ragged sizes, against the equations in
// float64. Margins of NaN around each tensor say what is read or written
// beyond it.
//
//===----------------------------------------------------------------------===//

#include "HostTest.h"

using namespace mlir;
using namespace transmamba;
using namespace testing_tile;

/// Every element, with an error of one rounding a term, and that of the result.
static void checkProduct(const Buffer &a, const Buffer &b, const Buffer &c,
                         bool sums) {
  int64_t inner = a.sizes()[1];
  c.forEach([&](const std::vector<int64_t> &at) {
    double expected = 0, size = 0;
    for (int64_t k = 0; k < inner; ++k) {
      double term = a.at({at[0], k}) * b.at({k, at[1]});
      expected += term;
      size += std::abs(term);
    }
    double error = size * inner * std::ldexp(1.0, -24);
    if (!sums)
      error += std::ldexp(std::abs(expected) + error, -8);
    ASSERT_NEAR(c.at(at), expected, error) << at[0] << ", " << at[1];
  });
}

using HostGemmTest = HostTest;

TEST_F(HostGemmTest, Sums) {
  forEachTarget([&] {
    const int64_t n = 200, inner = 136;
    for (bool sums : {false, true}) {
      GemmShape shape{ShapedType::kDynamic, n, inner, bf16(),
                      sums ? Type(Float32Type::get(&context)) : bf16()};
      for (const GemmConfig &config : getGemmCandidates(*target, shape)) {
        TileKernel kernel = compile([&](OpBuilder &builder) {
          buildGemm(builder, builder.getUnknownLoc(), "kernel", shape, config);
        });
        Buffer b = drawn({inner, n});
        for (int64_t m : {1, 129, 300})
          // One block takes all tiles, or some take none.
          for (int64_t blocks : {1, 7}) {
            SCOPED_TRACE(std::to_string(config.blockM) + " x " +
                         std::to_string(config.blockN) + ", " +
                         std::to_string(m) + " rows, " +
                         std::to_string(blocks) + " blocks");
            Buffer a = drawn({m, inner}),
                   c({m, n}, sums ? Element::F32 : Element::BF16, NAN);
            ASSERT_EQ(kernel.run({&a, &b, &c}, {blocks}), 0);
            ASSERT_TRUE(c.marginsAreWhole());
            checkProduct(a, b, c, sums);
          }
      }
    }
  });
}

/// Tiles are taken in groups: all of them, once, whatever the sizes of groups.
TEST_F(HostGemmTest, Groups) {
  GemmShape shape{ShapedType::kDynamic, 200, 64, bf16(),
                  Float32Type::get(&context)};
  for (int64_t group : {1, 2, 3, 100}) {
    GemmConfig config{128, 64, 2, group};
    TileKernel kernel = compile([&](OpBuilder &builder) {
      buildGemm(builder, builder.getUnknownLoc(), "kernel", shape, config);
    });
    Buffer a = drawn({600, 64}), b = drawn({64, 200}),
           c({600, 200}, Element::F32, NAN);
    ASSERT_EQ(kernel.run({&a, &b, &c}, {3}), 0);
    checkProduct(a, b, c, /*sums=*/true);
  }
}

//===----------------------------------------------------------------------===//
// What follows a product
//===----------------------------------------------------------------------===//

namespace {
/// An epilogue for the kernel, and the same for the test.
struct Case {
  std::string name;
  /// Products, of which the second and so on are columns of one tensor with the
  /// first.
  int64_t products = 1;
  SmallVector<GemmOperand::Kind> operands;
  bool areOperandsHalf = true;
  std::function<Value(OpBuilder &, Location, ValueRange)> compute;
  /// From the sums and the operands.
  std::function<double(const std::vector<double> &)> expected;
  /// How much an error of the sums grows.
  double slope = 1;
};

/// Products of 136 terms, 200 columns.
class HostEpilogueTest : public HostTest {
protected:
  static constexpr int64_t kColumns = 200, kTerms = 136;

  GemmShape getShape(const Case &test, bool sums) {
    GemmShape shape{ShapedType::kDynamic, kColumns, kTerms, bf16(),
                    sums ? f32() : bf16()};
    for (GemmOperand::Kind kind : test.operands)
      shape.epilogue.operands.push_back(
          {kind, test.areOperandsHalf ? bf16() : f32()});
    shape.epilogue.compute = test.compute;
    // The halves do not touch.
    for (int64_t i = 0; test.products > 1 && i < test.products; ++i)
      shape.rights.push_back({2 * kColumns + 8, i * (kColumns + 8)});
    return shape;
  }

  void check(const Case &test, const GemmShape &shape, const GemmConfig &config,
             ArrayRef<int64_t> rows, ArrayRef<int64_t> blocks);
  std::vector<Case> getCases();
};
} // namespace

static Value silu(OpBuilder &builder, Location loc, Value x) {
  Value one =
      arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(1));
  Value exp =
      math::ExpOp::create(builder, loc, arith::NegFOp::create(builder, loc, x));
  return arith::DivFOp::create(builder, loc, x,
                               arith::AddFOp::create(builder, loc, one, exp));
}
static double silu(double x) { return x / (1 + std::exp(-x)); }

std::vector<Case> HostEpilogueTest::getCases() {
  auto add = [](OpBuilder &b, Location loc, Value x, Value y) -> Value {
    return arith::AddFOp::create(b, loc, x, y);
  };
  auto mul = [](OpBuilder &b, Location loc, Value x, Value y) -> Value {
    return arith::MulFOp::create(b, loc, x, y);
  };
  using Numbers = const std::vector<double> &;
  std::vector<Case> cases(6);
  cases[0] = {"silu",
              1,
              {},
              true,
              [](OpBuilder &b, Location loc, ValueRange v) {
                return silu(b, loc, v[0]);
              },
              [](Numbers v) { return silu(v[0]); },
              1.1};
  cases[1] = {"residual",
              1,
              {GemmOperand::Matrix},
              true,
              [=](OpBuilder &b, Location loc, ValueRange v) {
                return add(b, loc, v[1], v[0]);
              },
              [](Numbers v) { return v[0] + v[1]; }};
  cases[2] = {"bias of f32, rows",
              1,
              {GemmOperand::Columns, GemmOperand::Rows},
              false,
              [=](OpBuilder &b, Location loc, ValueRange v) {
                return mul(b, loc, v[2], add(b, loc, v[0], v[1]));
              },
              [](Numbers v) { return v[2] * (v[0] + v[1]); },
              5};
  cases[3] = {"bias, silu, two matrices",
              1,
              {GemmOperand::Matrix, GemmOperand::Columns, GemmOperand::Matrix},
              true,
              [=](OpBuilder &b, Location loc, ValueRange v) {
                Value x = silu(b, loc, add(b, loc, v[0], v[2]));
                return add(b, loc, v[1], mul(b, loc, x, v[3]));
              },
              [](Numbers v) { return v[1] + silu(v[0] + v[2]) * v[3]; },
              6};
  cases[4] = {"gated",
              2,
              {},
              true,
              [=](OpBuilder &b, Location loc, ValueRange v) {
                return mul(b, loc, silu(b, loc, v[0]), v[1]);
              },
              [](Numbers v) { return silu(v[0]) * v[1]; },
              60};
  cases[5] = {"gated, all operands",
              2,
              {GemmOperand::Rows, GemmOperand::Matrix, GemmOperand::Columns},
              true,
              [=](OpBuilder &b, Location loc, ValueRange v) {
                Value x = mul(b, loc, silu(b, loc, v[0]), v[1]);
                return add(b, loc, add(b, loc, mul(b, loc, x, v[2]), v[3]),
                           v[4]);
              },
              [](Numbers v) { return silu(v[0]) * v[1] * v[2] + v[3] + v[4]; },
              240};
  return cases;
}

void HostEpilogueTest::check(const Case &test, const GemmShape &shape,
                             const GemmConfig &config, ArrayRef<int64_t> rows,
                             ArrayRef<int64_t> blocks) {
  TileKernel kernel = compile([&](OpBuilder &builder) {
    buildGemm(builder, builder.getUnknownLoc(), "kernel", shape, config);
  });
  bool sums = shape.resultType.isF32();
  Buffer b = drawn(
      {kTerms, shape.rights.empty() ? kColumns : shape.rights[0].columns});
  for (int64_t m : rows) {
    Buffer a = drawn({m, kTerms});
    std::vector<Buffer> operands;
    for (const GemmOperand &operand : shape.epilogue.operands)
      operands.push_back(
          drawn({operand.kind == GemmOperand::Columns ? 1 : m,
                 operand.kind == GemmOperand::Rows ? 1 : kColumns},
                operand.elementType.isF32() ? Element::F32 : Element::BF16));
    for (int64_t count : blocks) {
      SCOPED_TRACE(test.name + ", " + std::to_string(config.blockM) + " x " +
                   std::to_string(config.blockN) + ", " + std::to_string(m) +
                   " rows, " + std::to_string(count) + " blocks");
      Buffer c({m, kColumns}, sums ? Element::F32 : Element::BF16, NAN);
      std::vector<testing_tile::Argument> arguments = {&a};
      arguments.insert(arguments.end(), shape.getProducts(), &b);
      for (Buffer &operand : operands)
        arguments.push_back(&operand);
      arguments.push_back(&c);
      ASSERT_EQ(kernel.run(arguments, {count}), 0);
      ASSERT_TRUE(c.marginsAreWhole());
      c.forEach([&](const std::vector<int64_t> &at) {
        std::vector<double> numbers;
        double size = 0;
        for (int64_t i = 0; i < shape.getProducts(); ++i) {
          double sum = 0;
          int64_t first = shape.rights.empty() ? 0 : shape.rights[i].first;
          for (int64_t k = 0; k < kTerms; ++k) {
            double term = a.at({at[0], k}) * b.at({k, first + at[1]});
            sum += term;
            size += std::abs(term);
          }
          numbers.push_back(sum);
        }
        for (auto [operand, kind] :
             llvm::zip(operands, shape.epilogue.operands))
          numbers.push_back(
              operand.at({kind.kind == GemmOperand::Columns ? 0 : at[0],
                          kind.kind == GemmOperand::Rows ? 0 : at[1]}));
        double expected = test.expected(numbers);
        double error = test.slope * (size * kTerms + std::abs(expected)) *
                       std::ldexp(1.0, -24);
        if (!sums)
          error += std::ldexp(std::abs(expected) + error, -8);
        ASSERT_NEAR(c.at(at), expected, error) << at[0] << ", " << at[1];
      });
    }
  }
}

TEST_F(HostEpilogueTest, ManyRows) {
  forEachTarget([&] {
    for (const Case &test : getCases())
      for (bool sums : {false, true}) {
        GemmShape shape = getShape(test, sums);
        SmallVector<GemmConfig> candidates = getGemmCandidates(*target, shape);
        ASSERT_FALSE(candidates.empty());
        // One block takes all tiles, or some take none.
        check(test, shape, candidates.front(), {129}, {1, 7});
        GemmConfig narrow = candidates.back();
        narrow.alternate = 1;
        check(test, shape, narrow, {1, 300}, {2});
      }
  });
}

TEST_F(HostEpilogueTest, FewRows) {
  for (const Case &test : getCases())
    for (bool sums : {false, true}) {
      GemmShape shape = getShape(test, sums);
      for (int64_t most : {16, 48}) {
        SmallVector<GemmConfig> candidates =
            getFewRowsCandidates(*target, shape, most);
        ASSERT_FALSE(candidates.empty());
        const GemmConfig &config =
            sums ? candidates.front() : candidates.back();
        check(test, shape, config, {5, most},
              {(kColumns + config.blockN - 1) / config.blockN});
      }
    }
}

/// All of the candidates, without an epilogue.
TEST_F(HostEpilogueTest, FewRowsSums) {
  forEachTarget([&] {
    Case sum{"sum", 1,  {},
             true,  {}, [](const std::vector<double> &v) {
             return v[0]; }};
    GemmShape shape = getShape(sum, /*sums=*/false);
    for (const GemmConfig &config : getFewRowsCandidates(*target, shape, 1))
      check(sum, shape, config, {1, 16},
            {(kColumns + config.blockN - 1) / config.blockN});
    EXPECT_TRUE(getFewRowsCandidates(*target, shape, 65).empty());
  });
}

/// A row gives the same bits alone and among others.
TEST_F(HostEpilogueTest, RowsDoNotDependOnOneAnother) {
  Case gated = getCases()[4];
  GemmShape shape = getShape(gated, /*sums=*/true);
  GemmConfig config = getFewRowsCandidates(*target, shape, 16).front();
  TileKernel kernel = compile([&](OpBuilder &builder) {
    buildGemm(builder, builder.getUnknownLoc(), "kernel", shape, config);
  });
  Buffer a = drawn({16, kTerms}), b = drawn({kTerms, shape.rights[0].columns}),
         c({16, kColumns}, Element::F32, NAN);
  int64_t blocks = (kColumns + config.blockN - 1) / config.blockN;
  ASSERT_EQ(kernel.run({&a, &b, &b, &c}, {blocks}), 0);
  for (int64_t m : {0, 7, 15}) {
    Buffer row(
        {1, kTerms}, Element::BF16,
        [&](const std::vector<int64_t> &at) { return a.at({m, at[1]}); }),
        alone({1, kColumns}, Element::F32, NAN);
    ASSERT_EQ(kernel.run({&row, &b, &b, &alone}, {blocks}), 0);
    for (int64_t n = 0; n < kColumns; ++n)
      ASSERT_EQ(alone.at({0, n}), c.at({m, n}));
  }
}
