//===- OperationsTest.cpp - Operations against hand-computed numbers ------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Reference/Operations.h"

#include "Testing.h"

using namespace transmamba::reference;

//===----------------------------------------------------------------------===//
// Around the mixer
//===----------------------------------------------------------------------===//

TEST(Activate, KnownValues) {
  EXPECT_NEAR(apply(Function::Silu, 1), 0.731058578630004879, 1e-16);
  EXPECT_EQ(apply(Function::Silu, 0), 0);
  EXPECT_NEAR(apply(Function::Gelu, 1), 0.841344746068542949, 1e-15);
  EXPECT_NEAR(apply(Function::Gelu, -1), -0.158655253931457051, 1e-15);
  EXPECT_NEAR(apply(Function::GeluTanh, 1), 0.841191990608276148, 1e-12);
  EXPECT_EQ(apply(Function::Relu2, -2), 0);
  EXPECT_EQ(apply(Function::Relu2, 3), 9);
  EXPECT_EQ(apply(Function::Sigmoid, 0), 0.5);
  EXPECT_NEAR(apply(Function::Softplus, 0), std::log(2.0), 1e-16);
}

TEST(Activate, DoesNotOverflow) {
  EXPECT_EQ(apply(Function::Softplus, 1000), 1000);
  EXPECT_EQ(apply(Function::Softplus, -1000), 0);
  EXPECT_EQ(apply(Function::Silu, -1000), 0);
  EXPECT_EQ(apply(Function::Sigmoid, -1000), 0);
  EXPECT_TRUE(std::isnan(apply(Function::Relu2, std::nan(""))));
}

TEST(Embedding, LooksRowsUp) {
  FloatTensor table = floats({2, 2}, {1, 2, 3, 4});
  IntTensor tokens = integers({1, 4}, {1, 0, -1, 2});
  expectNear(get(embedding(tokens, table)), {3, 4, 1, 2, 0, 0, 0, 0});
}

TEST(RMSNorm, DividesByTheRootMeanSquare) {
  // mean(9, 16) = 12.5; with eps 12.5 the root is 5.
  FloatTensor y =
      get(rmsNorm(floats({1, 2}, {3, 4}), floats({2}, {1, 10}), 12.5));
  expectNear(y, {0.6, 8});
  EXPECT_TRUE(contains(
      errorOf(rmsNorm(floats({1, 2}, {3, 4}), floats({3}, {1, 1, 1}), 1)),
      "the weight is 3 where 2 is expected"));
}

TEST(GatedRMSNorm, GatesThenNormalises) {
  FloatTensor x = floats({1, 1, 2}, {3, 4}), weight = floats({2}, {1, 10});
  // silu(40) is 40 to the last bit: the gate scales by 40, the norm undoes it.
  FloatTensor gate = floats({1, 1, 2}, {40, 40});
  GatedRMSNorm options;
  options.eps = 12.5 * 1600;
  expectNear(get(gatedRMSNorm(x, gate, &weight, nullptr, options)), {0.6, 8},
             1e-13);
  options.eps = 12.5;
  options.normBeforeGate = true;
  expectNear(get(gatedRMSNorm(x, gate, &weight, nullptr, options)), {24, 320},
             1e-12);
  expectNear(get(gatedRMSNorm(x, gate, nullptr, nullptr, options)), {120, 160},
             1e-12);
}

TEST(GatedRMSNorm, NormalisesInGroups) {
  FloatTensor x = floats({1, 1, 4}, {3, 4, 30, 40});
  FloatTensor gate({1, 1, 4}, 100), weight({4}, 1);
  GatedRMSNorm options;
  options.groups = 2;
  options.eps = 1e-30;
  const double root = std::sqrt(12.5);
  expectNear(get(gatedRMSNorm(x, gate, &weight, nullptr, options)),
             {3 / root, 4 / root, 3 / root, 4 / root}, 1e-13);
  options.groups = 3;
  EXPECT_TRUE(
      contains(errorOf(gatedRMSNorm(x, gate, &weight, nullptr, options)),
               "3 groups do not divide 4 channels"));
}

TEST(GatedRMSNorm, LeavesAttentionTokensAlone) {
  FloatTensor x({2, 2, 1}, 1), gate({2, 2, 1}, 100);
  GatedRMSNorm options;
  options.eps = 1;
  options.transpoint = 3;
  // Row 0 stands at 1 and 2, row 1 at 2 and 3.
  IntTensor positions = integers({2}, {1, 2});
  expectNear(get(gatedRMSNorm(x, gate, nullptr, &positions, options)),
             {1, 1, 1, 100});
  expectNear(get(gatedRMSNorm(x, gate, nullptr, nullptr, options)),
             {1, 1, 1, 1});
}

TEST(LastToken, TakesTheLastValidOne) {
  FloatTensor x = floats({2, 3, 1}, {1, 2, 3, 4, 5, 6});
  expectNear(get(lastToken(x, integers({2}, {3, 1}))), {3, 4});
  EXPECT_TRUE(contains(errorOf(lastToken(x, integers({2}, {3, 4}))),
                       "lengths[1] is 4, which is not in [1, 3]"));
  EXPECT_TRUE(contains(errorOf(lastToken(x, integers({2}, {0, 1}))),
                       "lengths[0] is 0"));
}

TEST(CausalConv1D, CarriesTheWindow) {
  FloatTensor x = floats({1, 3, 1}, {1, 2, 3}),
              weight = floats({1, 3}, {100, 10, 1});
  FloatTensor bias = floats({1}, {0.5});
  Convolved empty = get(causalConv1D(x, weight, &bias, nullptr, nullptr));
  expectNear(empty.y, {1.5, 12.5, 123.5});
  expectNear(empty.window, {2, 3});
  FloatTensor window = floats({1, 2, 1}, {8, 9});
  Convolved carried = get(causalConv1D(x, weight, nullptr, &window, nullptr));
  expectNear(carried.y, {891, 912, 123});
  // After one valid token the window is the old one moved by one.
  IntTensor lengths = integers({1}, {1});
  expectNear(get(causalConv1D(x, weight, nullptr, &window, &lengths)).window,
             {9, 1});
}

TEST(SelectReading, SwitchesAtTheTransPoint) {
  FloatTensor attention({2, 2, 1}, 1), ssm({2, 2, 1}, 2);
  expectNear(get(selectReading(attention, ssm, integers({2}, {1, 3}), 3)),
             {1, 1, 2, 2});
}

//===----------------------------------------------------------------------===//
// The attention reading
//===----------------------------------------------------------------------===//

TEST(Rope, RotatesPairs) {
  // Angles at position 2: 2 for pair 0 and 2 / 100 for pair 1.
  FloatTensor x = floats({1, 1, 1, 4}, {1, 1, 0, 0});
  IntTensor at = integers({1}, {2});
  Rope options;
  options.theta = 1e4;
  expectNear(get(rope(x, &at, options)),
             {std::cos(2), std::cos(0.02), std::sin(2), std::sin(0.02)});
  options.interleaved = true;
  expectNear(get(rope(x, &at, options)),
             {std::cos(2) - std::sin(2), std::cos(2) + std::sin(2), 0, 0});
  options.interleaved = false;
  options.rotaryDim = 2;
  expectNear(get(rope(x, &at, options)),
             {std::cos(2) - std::sin(2), std::cos(2) + std::sin(2), 0, 0});
  options.rotaryDim = 3;
  EXPECT_TRUE(contains(errorOf(rope(x, &at, options)), "rotary dimension 3"));
}

TEST(Attention, TwoTokensByHand) {
  // Weights of token 1: softmax(0, log 3) = 1/4, 3/4.
  FloatTensor q = floats({1, 2, 1, 1}, {1, 1});
  FloatTensor k = floats({1, 2, 1, 1}, {0, std::log(3.0)});
  FloatTensor v = floats({1, 2, 1, 1}, {4, 8});
  Attention options;
  expectNear(get(attention(q, k, v, nullptr, options)), {7, 7});
  options.causal = true;
  expectNear(get(attention(q, k, v, nullptr, options)), {4, 7});
  options.window = 1;
  expectNear(get(attention(q, k, v, nullptr, options)), {4, 8});
  options.window.reset();
  options.scale = 2; // softmax(0, log 9)
  expectNear(get(attention(q, k, v, nullptr, options)), {4, 7.6});
}

TEST(Attention, DefaultsToTheRootOfTheHeadDimension) {
  FloatTensor q({1, 1, 1, 4}, 1);
  FloatTensor k =
      floats({1, 2, 1, 4}, {0, 0, 0, 0, 2 * std::log(3.0), 0, 0, 0});
  FloatTensor v = floats({1, 2, 1, 1}, {4, 8});
  expectNear(get(attention(q, k, v, nullptr, {})), {7});
}

TEST(Attention, SeesValidKeysOnly) {
  const double nan = std::nan("");
  FloatTensor q({1, 3, 1, 1}, 1), k({1, 3, 1, 1}, 0);
  FloatTensor v = floats({1, 3, 1, 1}, {2, 4, nan});
  k[2] = nan;
  IntTensor lengths = integers({1}, {2});
  Attention causal;
  causal.causal = true;
  expectNear(get(attention(q, k, v, &lengths, causal)), {2, 3, 0});
  expectNear(get(attention(q, k, v, &lengths, {})), {3, 3, 3});
  lengths[0] = 0;
  expectNear(get(attention(q, k, v, &lengths, {})), {0, 0, 0});
  lengths[0] = -1;
  EXPECT_TRUE(contains(errorOf(attention(q, k, v, &lengths, {})),
                       "lengths[0] is -1, which is negative"));
}

TEST(Attention, GivesLogarithmsOfSums) {
  // Scores 0 and log 3: log 1 and log 4.
  FloatTensor q = floats({1, 3, 1, 1}, {1, 1, 1});
  FloatTensor k = floats({1, 3, 1, 1}, {0, std::log(3.0), 5});
  FloatTensor v({1, 3, 1, 1}, 1), logarithms;
  IntTensor lengths = integers({1}, {2});
  Attention options;
  options.causal = true;
  get(attention(q, k, v, &lengths, options, &logarithms));
  const double nothing = -std::numeric_limits<double>::infinity();
  EXPECT_EQ(logarithms[0], 0);
  EXPECT_NEAR(logarithms[1], std::log(4.0), 1e-14);
  EXPECT_EQ(logarithms[2], nothing);
  options.causal = false;
  lengths[0] = 0;
  get(attention(q, k, v, &lengths, options, &logarithms));
  for (int64_t t = 0; t < 3; ++t)
    EXPECT_EQ(logarithms[t], nothing);
}

TEST(Attention, GroupsHeads) {
  // Four query heads read two value heads: 0, 0, 1, 1.
  FloatTensor q({1, 1, 4, 1}, 1), k({1, 1, 1, 1}, 1);
  FloatTensor v = floats({1, 1, 2, 1}, {5, 6});
  expectNear(get(attention(q, k, v, nullptr, {})), {5, 5, 6, 6});
}

TEST(AppendKV, WritesBeforeTheCapacity) {
  FloatTensor cache({2, 2, 2, 2, 1}, 9); // 2 rows, 2 heads, 2 slots
  FloatTensor k = floats({2, 2, 1, 1}, {1, 2, 3, 4});
  FloatTensor v = floats({2, 2, 1, 1}, {5, 6, 7, 8});
  IntTensor positions = integers({2}, {0, 1}), lengths = integers({2}, {1, 2});
  // Row 0: token 0 to slot 0. Row 1: token 0 to slot 1, token 1 is dropped.
  expectNear(get(appendKV(cache, k, v, &positions, &lengths)),
             {1, 9, 1, 9, 5, 9, 5, 9, 9, 3, 9, 3, 9, 7, 9, 7});
}

TEST(CachedAttention, AgreesWithAttention) {
  FloatTensor q = randomFloats({2, 5, 4, 6}, 1),
              k = randomFloats({2, 5, 2, 6}, 2),
              v = randomFloats({2, 5, 2, 6}, 3);
  for (std::optional<int64_t> window :
       {std::optional<int64_t>(), std::optional<int64_t>(2)}) {
    Attention options;
    options.causal = true;
    options.window = window;
    FloatTensor expected = get(attention(q, k, v, nullptr, options));
    FloatTensor cache = get(appendKV(FloatTensor({2, 2, 2, 8, 6}, std::nan("")),
                                     k, v, nullptr, nullptr));
    FloatTensor actual =
        get(cachedAttention(q, cache, integers({2}, {0, 0}), options));
    EXPECT_TRUE(sameBits(actual, expected));
  }
}

TEST(CachedAttention, GivesZerosBeyondTheCapacity) {
  FloatTensor q({1, 2, 1, 1}, 1), cache({1, 2, 1, 3, 1}, 1);
  expectNear(get(cachedAttention(q, cache, integers({1}, {2}), {})), {1, 0});
  FloatTensor none({1, 2, 1, 0, 1});
  expectNear(get(cachedAttention(q, none, integers({1}, {0}), {})), {0, 0});
}

//===----------------------------------------------------------------------===//
// The state-space reading
//===----------------------------------------------------------------------===//

TEST(SSDScan, ClosedForm) {
  // Constant inputs: h_t = dt (1 + a + ... + a^t).
  const int64_t T = 6;
  const double dt = 0.3, a = std::exp(-0.5 * dt);
  FloatTensor one({1, T, 1, 1}, 1), steps({1, T, 1}, dt), A({1}, -0.5);
  FloatTensor D = floats({1}, {10});
  Scanned scanned =
      get(ssdScan(one, one, one, steps, A, &D, nullptr, 0, nullptr));
  std::vector<double> expected;
  for (int64_t t = 0; t < T; ++t)
    expected.push_back(dt * (1 - std::pow(a, t + 1)) / (1 - a) + 10);
  expectNear(scanned.y, expected, 1e-13);
  expectNear(scanned.state, {expected.back() - 10}, 1e-13);
}

TEST(SSDScan, OneTokenByHand) {
  // h = a init + dt k v^T, y = q h, with a = exp(2 log(1/2)) = 1/4.
  FloatTensor q = floats({1, 1, 1, 2}, {1, 10}),
              k = floats({1, 1, 1, 2}, {3, 4});
  FloatTensor v = floats({1, 1, 1, 2}, {5, 6});
  FloatTensor dt = floats({1, 1, 1}, {2}), A = floats({1}, {std::log(0.5)});
  FloatTensor init = floats({1, 1, 2, 2}, {4, 8, 12, 16});
  Scanned scanned = get(ssdScan(q, k, v, dt, A, nullptr, &init, 0, nullptr));
  expectNear(scanned.state, {31, 38, 43, 52}, 1e-13);
  expectNear(scanned.y, {461, 558}, 1e-12);
}

TEST(SSDScan, StopsAtTheLength) {
  FloatTensor one({2, 3, 1, 1}, 1), dt({2, 3, 1}, 1), A({1}, 0);
  one(0, 2, 0, 0) = dt(0, 2, 0) = std::nan("");
  FloatTensor init({2, 1, 1, 1}, 5);
  // The first token stands at 4: rows have 2 and no valid tokens.
  IntTensor lengths = integers({2}, {6, 3});
  Scanned scanned =
      get(ssdScan(one, one, one, dt, A, nullptr, &init, 4, &lengths));
  expectNear(scanned.y, {6, 7, 0, 0, 0, 0});
  expectNear(scanned.state, {7, 5});
  EXPECT_TRUE(contains(
      errorOf(ssdScan(one, one, one, dt, A, nullptr, &init, -1, &lengths)),
      "negative position -1"));
}

// Identity 2: the converter's sum is the state of the recurrence.
TEST(ConvertMemory, IsTheFinalStateOfTheScan) {
  for (auto [H, Hk, N, T] :
       {std::tuple<int64_t, int64_t, int64_t, int64_t>{4, 4, 8, 17},
        {4, 2, 6, 1},
        {2, 1, 32, 64},
        {1, 1, 2, 0}}) {
    FloatTensor q = randomFloats({2, T, H, N}, 1);
    FloatTensor k = randomFloats({2, T, Hk, N}, 2);
    FloatTensor v = randomFloats({2, T, Hk, N}, 3);
    FloatTensor dt = randomFloats({2, T, H}, 4, 0.01, 1);
    FloatTensor A = randomFloats({H}, 5, -2, -0.1);
    IntTensor lengths = integers({2}, {T, T / 2});
    for (const IntTensor *valid : {static_cast<const IntTensor *>(nullptr),
                                   static_cast<const IntTensor *>(&lengths)}) {
      FloatTensor expected =
          get(ssdScan(q, k, v, dt, A, nullptr, nullptr, 0, valid)).state;
      EXPECT_LT(relativeError(get(convertMemory(k, v, dt, A, valid)), expected),
                1e-12);
    }
  }
}

TEST(ConvertMemory, TwoTokensByHand) {
  // a_1 dt_0 k_0 v_0 + dt_1 k_1 v_1, where a_0 does not appear.
  FloatTensor k = floats({1, 2, 1, 1}, {2, 3}),
              v = floats({1, 2, 1, 1}, {5, 7});
  FloatTensor dt = floats({1, 2, 1}, {10, 1}), A = floats({1}, {std::log(0.5)});
  expectNear(get(convertMemory(k, v, dt, A, nullptr)), {71}, 1e-13);
}

TEST(SelectiveScan, ByHand) {
  // Two channels, one state: h = exp(dt A) h + dt B u, y = C h + D u.
  FloatTensor u = floats({1, 2, 2}, {1, 2, 3, 4}), dt({1, 2, 2}, 1);
  FloatTensor A = floats({2, 1}, {std::log(0.5), 0});
  FloatTensor B = floats({1, 2, 1}, {1, 10}), C = floats({1, 2, 1}, {1, 2});
  FloatTensor D = floats({2}, {0, 100});
  Scanned scanned = get(selectiveScan(u, dt, A, B, C, &D, nullptr, nullptr));
  expectNear(scanned.y, {1, 202, 61, 484}, 1e-12);
  expectNear(scanned.state, {30.5, 42}, 1e-13);
  IntTensor lengths = integers({1}, {1});
  FloatTensor init = floats({1, 2, 1}, {2, 0});
  scanned = get(selectiveScan(u, dt, A, B, C, nullptr, &init, &lengths));
  expectNear(scanned.y, {2, 2, 0, 0}, 1e-13);
  expectNear(scanned.state, {2, 2}, 1e-13);
}

//===----------------------------------------------------------------------===//
// Both readings
//===----------------------------------------------------------------------===//

TEST(Switch, IsItsParts) {
  const int64_t T = 9, H = 4, Hk = 2, N = 6;
  FloatTensor q = randomFloats({2, T, H, N}, 1),
              k = randomFloats({2, T, Hk, N}, 2),
              v = randomFloats({2, T, Hk, N}, 3);
  FloatTensor dt = randomFloats({2, T, H}, 4, 0.01, 1);
  FloatTensor A = randomFloats({H}, 5, -2, -0.1), D = randomFloats({H}, 6);
  IntTensor lengths = integers({2}, {T, 3});
  Attention causal;
  causal.causal = true;
  FloatTensor qr = get(rope(q, nullptr, {})), kr = get(rope(k, nullptr, {}));
  FloatTensor attended = get(attention(qr, kr, v, &lengths, causal));
  Scanned scanned = get(ssdScan(q, k, v, dt, A, &D, nullptr, 0, &lengths));
  for (int64_t P : {1, 3, 4, 9, 20}) {
    Switch options;
    options.transpoint = P;
    options.rope = Rope();
    FloatTensor cache({2, 2, Hk, std::min<int64_t>(P, 12), N}, 9);
    Switched switched = get(switchReading(q, k, v, dt, A, &D, nullptr, &cache,
                                          nullptr, &lengths, options));
    FloatTensor expected =
        get(selectReading(attended, scanned.y, integers({2}, {0, 0}), P));
    EXPECT_LT(relativeError(switched.y, expected), 1e-14);
    EXPECT_LT(relativeError(switched.state, scanned.state), 1e-14);
    ASSERT_TRUE(switched.cache.has_value());
    EXPECT_TRUE(sameBits(*switched.cache,
                         get(appendKV(cache, kr, v, nullptr, &lengths))));
  }
}

TEST(Switch, ContinuesAfterTheCache) {
  const int64_t T = 8, H = 2, N = 4, P = 5;
  FloatTensor q = randomFloats({1, T, H, N}, 1),
              k = randomFloats({1, T, H, N}, 2),
              v = randomFloats({1, T, H, N}, 3);
  FloatTensor dt = randomFloats({1, T, H}, 4, 0.01, 1);
  FloatTensor A = randomFloats({H}, 5, -2, -0.1);
  Switch options;
  options.transpoint = P;
  options.rope = Rope();
  Switched whole = get(switchReading(q, k, v, dt, A, nullptr, nullptr, nullptr,
                                     nullptr, nullptr, options));
  // Token by token.
  FloatTensor state({1, H, N, N}), cache({1, 2, H, P, N}, std::nan(""));
  auto tokenOf = [](const FloatTensor &x, int64_t t) {
    Shape shape(x.shape());
    shape[1] = 1;
    const int64_t size = x.strides()[1];
    return FloatTensor(shape, std::vector<double>(x.data() + t * size,
                                                  x.data() + (t + 1) * size));
  };
  for (int64_t t = 0; t < T; ++t) {
    IntTensor at = integers({1}, {t});
    Switched one = get(switchReading(tokenOf(q, t), tokenOf(k, t),
                                     tokenOf(v, t), tokenOf(dt, t), A, nullptr,
                                     &state, &cache, &at, nullptr, options));
    EXPECT_LT(relativeError(one.y, tokenOf(whole.y, t)), 1e-13) << t;
    state = one.state;
    cache = *one.cache;
  }
  EXPECT_LT(relativeError(state, whole.state), 1e-13);
}

TEST(Switch, RefusesPositionsThatTheCacheCannotHave) {
  FloatTensor one({1, 1, 1, 2}, 1), dt({1, 1, 1}, 1), A({1}, -1);
  FloatTensor init({1, 1, 2, 2}), cache({1, 2, 1, 3, 2});
  IntTensor at = integers({1}, {4});
  Switch options;
  options.transpoint = 8;
  EXPECT_TRUE(
      contains(errorOf(switchReading(one, one, one, dt, A, nullptr, &init,
                                     &cache, &at, nullptr, options)),
               "stands at position 4, but the cache has 3 slots"));
}
