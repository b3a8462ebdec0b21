//===- WorkTest.cpp - What a package says of the work of its commands -----===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Models of one operation are compiled, and the amounts of their commands are
// evaluated at sizes of a call and compared with what loops count.
//
//===----------------------------------------------------------------------===//

#include "mlir/Parser/Parser.h"
#include "transmamba/Pipelines/Compiler.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace transmamba;

namespace {
struct Amount {
  std::optional<int64_t> flop, bytes;
};

class WorkTest : public testing::Test {
protected:
  WorkTest() {
    DialectRegistry registry;
    registerCompiler(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    options.ptxas = "none";
  }

  /// The commands of `forward` with these arguments and results, whose kernels
  /// begin with `name`, at B rows of T tokens.
  std::vector<Amount> commands(StringRef target, StringRef name,
                               StringRef arguments, StringRef result,
                               StringRef body, int64_t b, int64_t t,
                               StringRef states = "",
                               StringRef attributes = "") {
    std::string text =
        ("module attributes {transmamba.name = \"work\", "
         "transmamba.max_batch = 8 : i64, transmamba.max_sequence = 4096 : "
         "i64, transmamba.schedule = #transmamba.schedule<[100]>} {\n"
         "func.func @forward(" +
         arguments + ") -> (" + result + " {transmamba.name = \"y\"}" + states +
         ") attributes {transmamba.entry" + attributes +
         "} {\n"
         "%c0 = arith.constant 0 : index\n%c1 = arith.constant 1 : index\n"
         "%zero = arith.constant 0.0 : f32\n" +
         body + "\n}\n}\n")
            .str();
    if (text + target.str() != compiled && !compile(text, target))
      return {};
    std::vector<Amount> amounts;
    auto evaluate = [&](const std::optional<package::Expression> &amount) {
      return amount ? std::optional(*amount->evaluateSize({{"B", b}, {"T", t}}))
                    : std::nullopt;
    };
    for (const package::Command &command : entry.commands)
      if (StringRef(command.kernel).starts_with(name))
        amounts.push_back(
            {evaluate(command.work.flop), evaluate(command.work.bytes)});
    return amounts;
  }

private:
  bool compile(const std::string &text, StringRef target) {
    options.targets = {*parseTarget(target)};
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module);
    FailureOr<CompiledModel> model = compileModel(*module, options);
    EXPECT_TRUE(succeeded(model));
    if (failed(model))
      return false;
    compiled = text + target.str();
    entry = model->manifest.variants.front().entries.front();
    return true;
  }

  MLIRContext context;
  CompileOptions options;
  /// What has been compiled last, and what has become of it.
  std::string compiled;
  package::EntryPoint entry;
};
} // namespace

static std::string argument(StringRef name, StringRef type,
                            StringRef dims = "\"B\", \"T\"") {
  std::string given =
      dims.empty() ? "" : ("transmamba.dims = [" + dims + "], ").str();
  return ("%" + name + ": " + type + " {" + given + "transmamba.name = \"" +
          name + "\"}")
      .str();
}

/// 2 M N K, and every matrix once, whether a tile kernel or linalg does it.
TEST_F(WorkTest, Product) {
  const char *body = R"mlir(
    %x2 = tensor.collapse_shape %x [[0, 1], [2]] : tensor<?x?x128xbf16> into tensor<?x128xbf16>
    %m = tensor.dim %x2, %c0 : tensor<?x128xbf16>
    %e = tensor.empty(%m) : tensor<?x192xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x192xf32>) -> tensor<?x192xf32>
    %p = linalg.matmul ins(%x2, %w : tensor<?x128xbf16>, tensor<128x192xbf16>) outs(%f : tensor<?x192xf32>) -> tensor<?x192xf32>
    %y = arith.truncf %p : tensor<?x192xf32> to tensor<?x192xbf16>
    %B = tensor.dim %x, %c0 : tensor<?x?x128xbf16>
    %T = tensor.dim %x, %c1 : tensor<?x?x128xbf16>
    %z = tensor.expand_shape %y [[0, 1], [2]] output_shape [%B, %T, 192] : tensor<?x192xbf16> into tensor<?x?x192xbf16>
    return %z : tensor<?x?x192xbf16>)mlir";
  for (auto [target, name] :
       {std::pair("nvidia:sm_90a", "gemm"), std::pair("cpu", "matmul"),
        std::pair("nvidia:sm_80", "gemm")})
    for (auto [b, t] : {std::pair(1, 1), std::pair(3, 217)}) {
      std::vector<Amount> amounts =
          commands(target, name,
                   argument("x", "tensor<?x?x128xbf16>") + ", " +
                       argument("w", "tensor<128x192xbf16>", ""),
                   "tensor<?x?x192xbf16>", body, b, t);
      ASSERT_EQ(amounts.size(), 1u) << target;
      int64_t m = b * t;
      EXPECT_EQ(amounts[0].flop, 2 * m * 192 * 128) << target;
      EXPECT_EQ(amounts[0].bytes, 2 * (m * 128 + 128 * 192 + m * 192))
          << target;
    }
}

/// Two products for each pair of a query and a key that it sees.
TEST_F(WorkTest, Attention) {
  struct Form {
    const char *target, *attributes, *type;
    int64_t window, element;
  };
  const Form forms[] = {
      {"nvidia:sm_90a", "{causal}", "bf16", 0, 2},
      {"nvidia:sm_90a", "{causal, window = 50 : i64}", "bf16", 50, 2},
      {"nvidia:sm_90a", "", "bf16", -1, 2},
      {"cpu", "{causal}", "bf16", 0, 2},
      {"cpu", "{causal}", "f32", 0, 4},
      {"cpu", "{causal, window = 50 : i64}", "f32", 50, 4},
      {"cpu", "", "f32", -1, 4}};
  for (const Form &form : forms)
    for (auto [b, t] : {std::pair(2, 1), std::pair(1, 50), std::pair(3, 129)}) {
      std::string q = std::string("tensor<?x?x4x64x") + form.type + ">";
      std::string k = std::string("tensor<?x?x2x64x") + form.type + ">";
      std::vector<Amount> amounts = commands(
          form.target, "attention",
          argument("q", q) + ", " + argument("k", k) + ", " + argument("v", k),
          q,
          "%y = transmamba.attention %q, %k, %v " +
              std::string(form.attributes) + " : " + q + ", " + k + ", " + k +
              " -> " + q + "\nreturn %y : " + q,
          b, t);
      ASSERT_EQ(amounts.size(), 1u) << form.target << form.attributes;
      int64_t pairs = 0;
      for (int64_t query = 0; query < t; ++query)
        for (int64_t key = 0; key < t; ++key)
          pairs +=
              form.window < 0 ||
              (key <= query && (form.window == 0 || query - key < form.window));
      EXPECT_EQ(amounts[0].flop, 2 * (64 + 64) * b * 4 * pairs)
          << form.target << form.attributes << t;
      EXPECT_EQ(amounts[0].bytes, form.element * b * t * 64 * (4 + 2 + 2 + 4));
    }
}

/// Two operations for each element of the state to update it, two to read it.
TEST_F(WorkTest, Scan) {
  std::string v = "tensor<?x?x4x32xbf16>", q = "tensor<?x?x4x64xbf16>";
  std::string dt = "tensor<?x?x4xf32>";
  for (const char *target : {"nvidia:sm_90a", "cpu"})
    for (auto [b, t] : {std::pair(2, 1), std::pair(3, 129)}) {
      std::vector<Amount> amounts = commands(
          target, StringRef(target) == "cpu" ? "ssd_scan" : "scan_h",
          argument("q", q) + ", " + argument("k", q) + ", " + argument("v", v) +
              ", " + argument("dt", dt) + ", " +
              argument("A", "tensor<4xf32>", ""),
          v,
          "%y, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A : " + q + ", " + q +
              ", " + v + ", " + dt + ", tensor<4xf32> -> " + v +
              ", !transmamba.ssm_state<layer = 0, 4x64x32xf32>\nreturn %y : " +
              v,
          b, t);
      ASSERT_EQ(amounts.size(), 1u) << target;
      EXPECT_EQ(amounts[0].flop, 4 * b * t * 4 * 64 * 32);
      EXPECT_EQ(amounts[0].bytes, 2 * b * t * 4 * (2 * 64 + 2 * 32) +
                                      4 * b * t * 4 + 4 * b * 4 * 64 * 32);
    }
}

/// Of a hybrid layer, each reading has its tokens.
TEST_F(WorkTest, Switch) {
  std::string q = "tensor<?x?x2x64xf32>", dt = "tensor<?x?x2xf32>";
  auto amountsOf = [&](StringRef name, int64_t b, int64_t t) {
    return commands(
        "cpu", name,
        argument("q", q) + ", " + argument("k", q) + ", " + argument("v", q) +
            ", " + argument("dt", dt) + ", " +
            argument("A", "tensor<2xf32>", ""),
        q,
        "%y, %h = transmamba.switch %q, %k, %v, %dt, %A transpoint 100 : " + q +
            ", " + q + ", " + q + ", " + dt + ", tensor<2xf32> -> " + q +
            ", !transmamba.ssm_state<layer = 0, 2x64x64xf32>\nreturn %y : " + q,
        b, t);
  };
  for (int64_t t : {1, 99, 100, 101, 333}) {
    std::vector<Amount> attention = amountsOf("attention", 2, t);
    std::vector<Amount> scan = amountsOf("ssd_scan", 2, t);
    ASSERT_EQ(attention.size(), 1u);
    ASSERT_EQ(scan.size(), 1u);
    int64_t prefix = std::min<int64_t>(t, 100);
    EXPECT_EQ(attention[0].flop, 2 * 128 * 2 * 2 * prefix * (prefix + 1) / 2);
    EXPECT_EQ(attention[0].bytes, 4 * 2 * prefix * 4 * 2 * 64);
    EXPECT_EQ(scan[0].flop, 2 * 64 * 64 * 2 * 2 * (t + t - prefix));
  }
}

/// A convolution, and a kernel that several operations make: what one leaves to
/// the next in the same kernel is not moved.
TEST_F(WorkTest, Rows) {
  std::string x = "tensor<?x?x96xf32>";
  std::vector<Amount> convolution = commands(
      "cpu", "causal_conv1d",
      argument("x", x) + ", " + argument("w", "tensor<96x4xf32>", ""), x,
      "%y, %n = transmamba.causal_conv1d %x, %w : " + x +
          ", tensor<96x4xf32> -> !transmamba.conv_window<layer = 0, "
          "3x96xf32>\nreturn %y : " +
          x,
      3, 77);
  ASSERT_EQ(convolution.size(), 1u);
  EXPECT_EQ(convolution[0].flop, 2 * 4 * 3 * 77 * 96);
  EXPECT_EQ(convolution[0].bytes, 4 * (2 * 3 * 77 * 96 + 96 * 4));

  // (x + r) * r: two operations; x and r are read once.
  std::vector<Amount> pointwise =
      commands("cpu", "", argument("x", x) + ", " + argument("r", x), x,
               "%s = arith.addf %x, %r : " + x +
                   "\n%y = arith.mulf %s, %r : " + x + "\nreturn %y : " + x,
               3, 77);
  ASSERT_EQ(pointwise.size(), 1u);
  EXPECT_EQ(pointwise[0].flop, 2 * 3 * 77 * 96);
  EXPECT_EQ(pointwise[0].bytes, 4 * 3 * 3 * 77 * 96);

  // y = x * rsqrt(sum(x^2) / C + eps) * w: the tensor is read once however
  // often the operations of the kernel read it.
  std::vector<Amount> norm =
      commands("cpu", "",
               argument("x", x) + ", " + argument("w", "tensor<96xf32>", ""), x,
               "%y = transmamba.rms_norm %x, %w eps 1.0e-05 : " + x +
                   ", tensor<96xf32>\nreturn %y : " + x,
               3, 77);
  ASSERT_EQ(norm.size(), 1u);
  EXPECT_EQ(norm[0].bytes, 4 * (2 * 3 * 77 * 96 + 96));
  EXPECT_GE(norm[0].flop, 4 * 3 * 77 * 96);
  EXPECT_LT(norm[0].flop, 5 * 3 * 77 * 96);

  // Of a table what is looked up, not all of it.
  std::vector<Amount> embedding = commands(
      "cpu", "embedding",
      "%t: tensor<?x?xi32> {transmamba.dims = [\"B\", \"T\"], transmamba.name "
      "= \"t\", transmamba.range = [0, 5000]}, " +
          argument("w", "tensor<5000x96xf32>", ""),
      x,
      "%y = transmamba.embedding %t, %w : tensor<?x?xi32>, "
      "tensor<5000x96xf32> -> " +
          x + "\nreturn %y : " + x,
      3, 77);
  ASSERT_EQ(embedding.size(), 1u);
  EXPECT_EQ(embedding[0].flop, 0);
  EXPECT_EQ(embedding[0].bytes, 4 * 3 * 77 + 2 * 4 * 3 * 77 * 96);
}

/// Decode: how many keys there are is not known when the model is compiled, so
/// attention to a cache says nothing; the state of a scan is moved in any case.
TEST_F(WorkTest, Decode) {
  std::string positions =
      ", %p: tensor<?xi32> {transmamba.dims = [\"B\"], transmamba.name = "
      "\"p\", transmamba.role = \"positions\"}";
  std::string q = "tensor<?x1x2x64xf32>";
  std::string cache = "!transmamba.kv_cache<layer = 0, 2x64xf32>";
  std::vector<Amount> attention = commands(
      "cpu", "attention",
      argument("q", q, "\"B\"") + ", %c: " + cache +
          " {transmamba.name = \"kv\"}" + positions,
      q,
      "%y = transmamba.cached_attention %q, %c at(%p : tensor<?xi32>) : " + q +
          ", " + cache + " -> " + q + "\nreturn %y, %c : " + q + ", " + cache,
      3, 1, ", " + cache, ", transmamba.positions = \"advance\"");
  ASSERT_EQ(attention.size(), 1u);
  EXPECT_FALSE(attention[0].flop);
  EXPECT_FALSE(attention[0].bytes);

  std::string dt = "tensor<?x1x2xf32>";
  std::string state = "!transmamba.ssm_state<layer = 0, 2x64x64xf32>";
  std::vector<Amount> scan = commands(
      "cpu", "ssd_scan",
      argument("q", q, "\"B\"") + ", " + argument("k", q, "\"B\"") + ", " +
          argument("v", q, "\"B\"") + ", " + argument("dt", dt, "\"B\"") +
          ", " + argument("A", "tensor<2xf32>", "") + ", %s: " + state +
          " {transmamba.name = \"ssm\"}" + positions,
      q,
      "%y, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A init(%s : " + state +
          ") : " + q + ", " + q + ", " + q + ", " + dt + ", tensor<2xf32> -> " +
          q + ", " + state + "\nreturn %y, %h : " + q + ", " + state,
      3, 1, ", " + state, ", transmamba.positions = \"advance\"");
  ASSERT_EQ(scan.size(), 1u);
  EXPECT_EQ(scan[0].flop, 4 * 3 * 2 * 64 * 64);
  EXPECT_EQ(scan[0].bytes, 4 * 3 * 2 * (4 * 64 + 1 + 2 * 64 * 64));
}
