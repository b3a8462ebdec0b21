//===- LaunchPlanTest.cpp - The host program as data ----------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Target/LaunchPlan.h"

#include "Tile/IR/TileDialect.h"
#include "TransMamba/IR/TransMambaDialect.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace transmamba;
using package::Argument;
using package::Expression;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {
class LaunchPlan : public testing::Test {
protected:
  LaunchPlan() {
    context.loadDialect<affine::AffineDialect, arith::ArithDialect,
                        func::FuncDialect, memref::MemRefDialect,
                        tile::TileDialect, TransMambaDialect>();
    context.getDiagEngine().registerHandler(
        [this](Diagnostic &diagnostic) { message = diagnostic.str(); });
    names.maxBatch = 8;
    names.maxSequence = 512;
    names.parameters["weight"] = 3;
    names.states["ssm"] = 5;
  }

  FailureOr<package::EntryPoint> extract(StringRef text) {
    module = parseSourceString<ModuleOp>(text, &context);
    if (!module)
      return failure();
    for (auto function : module->getOps<func::FuncOp>())
      if (function->hasAttr(TransMambaDialect::kEntryAttr))
        return extractLaunchPlan(function, names, &workspaceWords);
    return failure();
  }

  /// The error of an entry point with these arguments, attributes and body.
  std::string refused(StringRef arguments, StringRef body,
                      StringRef results = "", StringRef attributes = "") {
    message = "nothing is refused";
    std::string text = ("func.func @f(" + arguments + ") -> (" + results +
                        ") attributes {transmamba.entry" + attributes +
                        "} {\n" + body + "\n}\n" + kernels)
                           .str();
    EXPECT_TRUE(failed(extract(text)));
    return message;
  }

  static constexpr StringLiteral kernels = R"mlir(
    func.func private @k(%x: index, %y: index, %z: index, %p: memref<f32>)
        attributes {transmamba.kernel} {
      return
    })mlir";

  MLIRContext context;
  std::string message;
  OwningOpRef<ModuleOp> module;
  LaunchPlanContext names;
  int64_t workspaceWords = 0;
};
} // namespace

static std::string str(const Argument &argument) {
  switch (argument.kind) {
  case Argument::Kind::Parameter:
    return "parameter " + std::to_string(argument.index);
  case Argument::Kind::State:
    return "state " + std::to_string(argument.index);
  case Argument::Kind::Input:
    return "input " + std::to_string(argument.index);
  case Argument::Kind::Output:
    return "output " + std::to_string(argument.index);
  case Argument::Kind::Arena:
    return "arena " + argument.value.str();
  case Argument::Kind::Scalar:
    return "scalar " + argument.value.str();
  case Argument::Kind::F32:
    return "f32 " + std::to_string(argument.number);
  }
  return "?";
}

static std::vector<std::string> arguments(const package::Command &command) {
  std::vector<std::string> result;
  for (const Argument &argument : command.args)
    result.push_back(str(argument));
  return result;
}

/// Every kind of buffer, and scratch memory that the third command gets back
/// from the first.
TEST_F(LaunchPlan, EntryPoint) {
  FailureOr<package::EntryPoint> plan = extract(R"mlir(
    func.func @prefill(
        %tokens: memref<?x?xi32> {transmamba.name = "tokens", transmamba.dims = ["B", "T"], transmamba.range = [0, 256]},
        %lengths: memref<?xi32> {transmamba.name = "lengths", transmamba.dims = ["B"], transmamba.role = "lengths"},
        %state: memref<?x16xf32> {transmamba.name = "ssm"},
        %weight: memref<256x16xf32> {transmamba.parameter = "weight"})
        -> (memref<?x16xf32> {transmamba.name = "ssm"}, memref<?x16xf32> {transmamba.name = "logits"})
        attributes {transmamba.entry, transmamba.positions = "set"} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %B = memref.dim %state, %c0 : memref<?x16xf32>
      %T = memref.dim %tokens, %c1 : memref<?x?xi32>
      %a = memref.alloc(%B, %T) : memref<?x?x16xf32>
      %b = memref.alloc(%T) : memref<?xf32>
      %c = memref.alloc(%T) : memref<?xf32>
      %y = memref.alloc(%B) : memref<?x16xf32>
      %grid = affine.apply affine_map<()[s0] -> (s0 ceildiv 64)>()[%T]
      transmamba.dispatch @k0 grid(%grid, %B, %c1) args(%tokens, %weight, %a, %T : memref<?x?xi32>, memref<256x16xf32>, memref<?x?x16xf32>, index)
      transmamba.dispatch @k1 grid(%B, %c1, %c1) args(%a, %b, %lengths : memref<?x?x16xf32>, memref<?xf32>, memref<?xi32>)
      transmamba.dispatch @k2 grid(%B, %c1, %c1) args(%b, %c, %state, %y : memref<?xf32>, memref<?xf32>, memref<?x16xf32>, memref<?x16xf32>)
      return %state, %y : memref<?x16xf32>, memref<?x16xf32>
    }
    func.func private @k0(%x: index, %y: index, %z: index, %a: memref<i32>, %b: memref<f32>, %c: memref<f32>, %d: index) attributes {transmamba.kernel} {
      return
    }
    func.func private @k1(%x: index, %y: index, %z: index, %a: memref<f32>, %b: memref<f32>, %c: memref<i32>) attributes {transmamba.kernel} {
      return
    }
    func.func private @k2(%x: index, %y: index, %z: index, %a: memref<f32>, %b: memref<f32>, %c: memref<f32>, %d: memref<f32>) attributes {transmamba.kernel} {
      return
    })mlir");
  ASSERT_TRUE(succeeded(plan)) << message;
  EXPECT_EQ(plan->name, "prefill");

  ASSERT_EQ(plan->symbols.size(), 2u);
  EXPECT_EQ(plan->symbols[0].name, "B");
  EXPECT_EQ(plan->symbols[0].max, 8);
  EXPECT_EQ(plan->symbols[1].name, "T");
  EXPECT_EQ(plan->symbols[1].max, 512);
  EXPECT_EQ(plan->symbols[1].input, "tokens");
  EXPECT_EQ(plan->symbols[1].dim, 1);

  ASSERT_EQ(plan->inputs.size(), 2u);
  EXPECT_EQ(plan->inputs[0].type, package::ElementType::I32);
  EXPECT_EQ(plan->inputs[0].range, std::make_pair(int64_t(0), int64_t(256)));
  EXPECT_EQ(plan->inputs[0].valid, "lengths");
  EXPECT_EQ(plan->inputs[1].role, package::Input::Role::Lengths);
  EXPECT_EQ(plan->positions.kind, package::PositionRule::Kind::Set);
  EXPECT_EQ(plan->positions.input, "lengths");

  // The state is no output: it is updated where it is.
  ASSERT_EQ(plan->outputs.size(), 1u);
  EXPECT_EQ(plan->outputs[0].name, "logits");
  EXPECT_THAT(plan->outputs[0].shape,
              ElementsAre(Expression("B"), Expression(16)));

  ASSERT_EQ(plan->commands.size(), 3u);
  EXPECT_THAT(plan->commands[0].grid,
              ElementsAre(Expression::ceilDiv("T", 64), Expression("B"),
                          Expression(1)));
  EXPECT_THAT(arguments(plan->commands[0]),
              ElementsAre("input 0", "parameter 3", "arena 0", "scalar T"));
  auto inArena = [&](unsigned command, unsigned index) {
    const Argument &argument = plan->commands[command].args[index];
    EXPECT_EQ(argument.kind, Argument::Kind::Arena);
    return argument.value;
  };
  EXPECT_NE(inArena(1, 1), inArena(1, 0));
  EXPECT_EQ(inArena(2, 0), inArena(1, 1));
  EXPECT_EQ(inArena(2, 1), inArena(0, 2));
  EXPECT_EQ(str(plan->commands[2].args[2]), "state 5");
  EXPECT_EQ(str(plan->commands[2].args[3]), "output 0");
}

TEST_F(LaunchPlan, AStepAdvances) {
  FailureOr<package::EntryPoint> plan = extract(R"mlir(
    func.func @decode(%at: memref<?xi32> {transmamba.name = "at", transmamba.dims = ["B"], transmamba.role = "positions"})
        attributes {transmamba.entry, transmamba.positions = "advance"} {
      return
    })mlir");
  ASSERT_TRUE(succeeded(plan)) << message;
  EXPECT_EQ(plan->positions.kind, package::PositionRule::Kind::Advance);
  EXPECT_EQ(plan->positions.amount, 1);
  EXPECT_EQ(plan->inputs[0].role, package::Input::Role::Positions);
  EXPECT_EQ(plan->arena, Expression(0));
}

TEST_F(LaunchPlan, RefusedArguments) {
  EXPECT_EQ(refused("%x: memref<4xf32>", "return"),
            "argument 0 of an entry point needs 'transmamba.name'");
  EXPECT_EQ(refused("%x: tensor<4xf32> {transmamba.name = \"x\"}", "return"),
            "argument 0 is not a buffer");
  EXPECT_THAT(refused("%x: memref<4xi3> {transmamba.name = \"x\"}", "return"),
              HasSubstr("element type that a package cannot hold: 'i3'"));
  EXPECT_THAT(refused("%x: memref<?xf32> {transmamba.name = \"x\"}", "return"),
              HasSubstr("needs one symbol in 'transmamba.dims'"));
  EXPECT_THAT(refused("%x: memref<?xf32> {transmamba.name = \"x\", "
                      "transmamba.dims = [\"N\"]}",
                      "return"),
              HasSubstr("a symbol is \"B\" or \"T\""));
  EXPECT_THAT(refused("%x: memref<4xi32> {transmamba.name = \"x\", "
                      "transmamba.role = \"lenghts\"}",
                      "return"),
              HasSubstr("unknown role 'lenghts'"));
  EXPECT_EQ(
      refused("%x: memref<4xf32> {transmamba.parameter = \"bias\"}", "return"),
      "unknown parameter 'bias'");
}

/// All workspaces are one buffer, as long as the longest at the largest sizes.
TEST_F(LaunchPlan, Workspace) {
  names.workspace = 6;
  FailureOr<package::EntryPoint> plan = extract(R"mlir(
    func.func @f(%x: memref<?x?xf32> {transmamba.name = "x", transmamba.dims = ["B", "T"]}) attributes {transmamba.entry} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c4 = arith.constant 4 : index
      %B = memref.dim %x, %c0 : memref<?x?xf32>
      %T = memref.dim %x, %c1 : memref<?x?xf32>
      %n = arith.muli %B, %T : index
      %m = arith.addi %n, %c4 : index
      %a = tile.workspace %m : memref<?xi32>
      tile.launch @k grid(%B, %c1, %c1) ins(%x : memref<?x?xf32>) outs(%a : memref<?xi32>)
      %b = tile.workspace %T : memref<?xi32>
      tile.launch @k grid(%B, %c1, %c1) ins(%x : memref<?x?xf32>) outs(%b : memref<?xi32>)
      return
    }
    tile.kernel @k(%x: memref<?x?xf32>, %words: memref<?xi32>) {
      tile.consumers %warpgroup in 1 registers 128 {
      }
    })mlir");
  ASSERT_TRUE(succeeded(plan)) << message;
  EXPECT_EQ(workspaceWords, 8 * 512 + 4);
  ASSERT_EQ(plan->commands.size(), 2u);
  EXPECT_THAT(arguments(plan->commands[0]),
              ElementsAre("input 0", "scalar B", "scalar T", "state 6",
                          "scalar B * T + 4"));
  EXPECT_THAT(
      arguments(plan->commands[1]),
      ElementsAre("input 0", "scalar B", "scalar T", "state 6", "scalar T"));
}

/// A constant is read before earlier launches have ended, so none may write it.
TEST_F(LaunchPlan, Constants) {
  constexpr StringLiteral text = R"mlir(
    func.func @f(%x: memref<4x64xf32> {transmamba.name = "x"},
                 %w: memref<4x64xf32> {transmamba.parameter = "weight"})
        attributes {transmamba.entry} {
      %c1 = arith.constant 1 : index
      %a = memref.alloc() : memref<4x64xf32>
      tile.launch @k grid(%c1, %c1, %c1) ins(%GIVEN : memref<4x64xf32>) outs(%a : memref<4x64xf32>)
      return
    }
    tile.kernel @k(%w: memref<4x64xf32> {tile.constant}, %out: memref<4x64xf32>) {
      tile.consumers %warpgroup in 1 registers 128 {
      }
    })mlir";
  auto give = [&](StringRef given) {
    std::string whole = text.str();
    whole.replace(whole.find("%GIVEN"), 6, given.str());
    return extract(whole);
  };
  FailureOr<package::EntryPoint> plan = give("%w");
  ASSERT_TRUE(succeeded(plan)) << message;
  EXPECT_THAT(arguments(plan->commands[0]),
              ElementsAre("parameter 3", "arena 0"));
  for (StringRef given : {"%x", "%a"}) {
    EXPECT_TRUE(failed(give(given)));
    EXPECT_THAT(message, HasSubstr("argument 0 of @k is constant"));
  }
}

TEST_F(LaunchPlan, RefusedPositions) {
  EXPECT_THAT(refused("", "return", "", ", transmamba.positions = \"set\""),
              HasSubstr("no input with the role \"lengths\""));
  EXPECT_THAT(refused("", "return", "", ", transmamba.positions = \"back\""),
              HasSubstr("must be \"set\" or \"advance\""));
}

/// What a command has to do goes to its `work`, not to its arguments; what is
/// too much for 64 bits at the largest sizes is left out.
TEST_F(LaunchPlan, Work) {
  names.maxSequence = int64_t(1) << 31;
  FailureOr<package::EntryPoint> plan = extract(R"mlir(
    func.func @f(%x: memref<?x?xf32> {transmamba.name = "x", transmamba.dims = ["B", "T"]})
        attributes {transmamba.entry} {
      %c1 = arith.constant 1 : index
      %c0 = arith.constant 0 : index
      %B = memref.dim %x, %c0 : memref<?x?xf32>
      %T = memref.dim %x, %c1 : memref<?x?xf32>
      %pairs = affine.apply affine_map<()[b, t] -> (b * t * (t + 1) * 64)>()[%B, %T]
      %huge = affine.apply affine_map<()[b, t] -> (b * t * t * 64)>()[%B, %pairs]
      %bytes = affine.apply affine_map<()[b, t] -> (b * t * 4)>()[%B, %T]
      transmamba.dispatch @k grid(%B, %c1, %c1) flop(%bytes) bytes(%bytes) args(%x : memref<?x?xf32>)
      transmamba.dispatch @k grid(%B, %c1, %c1) flop(%huge) bytes(%bytes) args(%x : memref<?x?xf32>)
      transmamba.dispatch @k grid(%B, %c1, %c1) args(%x : memref<?x?xf32>)
      return
    })mlir" + kernels.str());
  ASSERT_TRUE(succeeded(plan)) << message;
  ASSERT_EQ(plan->commands.size(), 3u);
  const package::Work &both = plan->commands[0].work;
  EXPECT_EQ(*both.flop->evaluateSize({{"B", 3}, {"T", 5}}), 60);
  EXPECT_EQ(*both.bytes->evaluateSize({{"B", 3}, {"T", 5}}), 60);
  EXPECT_EQ(plan->commands[0].args.size(), 1u);
  EXPECT_FALSE(plan->commands[1].work.flop);
  EXPECT_TRUE(plan->commands[1].work.bytes);
  EXPECT_FALSE(plan->commands[2].work.flop);
  EXPECT_FALSE(plan->commands[2].work.bytes);
}

TEST_F(LaunchPlan, RefusedResults) {
  StringRef x = "%x: memref<4xf32> {transmamba.name = \"x\"}";
  EXPECT_EQ(refused(x, "return %x : memref<4xf32>", "memref<4xf32>"),
            "result 0 needs 'transmamba.name'");
  EXPECT_EQ(refused(x, "return %x : memref<4xf32>",
                    "memref<4xf32> {transmamba.name = \"y\"}"),
            "result 'y' is not a buffer of its own");
  EXPECT_EQ(refused("",
                    "%a = memref.alloc() : memref<4xf32>\n"
                    "return %a : memref<4xf32>",
                    "memref<4xf32> {transmamba.name = \"ssm\"}"),
            "state 'ssm' is not updated in place");
}

TEST_F(LaunchPlan, RefusedBuffers) {
  names.maxBatch = names.maxSequence = int64_t(1) << 31;
  EXPECT_THAT(
      refused("%x: memref<?x?xf32> {transmamba.name = \"x\", transmamba.dims = "
              "[\"B\", \"T\"]}",
              R"mlir(
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %B = memref.dim %x, %c0 : memref<?x?xf32>
    %T = memref.dim %x, %c1 : memref<?x?xf32>
    %a = memref.alloc(%B, %T) : memref<?x?xf32>
    transmamba.dispatch @k grid(%c1, %c1, %c1) args(%a : memref<?x?xf32>)
    return)mlir"),
      HasSubstr("not valid at the largest batch and sequence"));
}
