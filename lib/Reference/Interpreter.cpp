//===- Interpreter.cpp - Running functions of a model ---------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Reference/Interpreter.h"

#include "Dispatch.h"
#include "Scalars.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/raw_ostream.h"

using namespace transmamba;
using namespace transmamba::reference;
namespace func = mlir::func;
namespace scf = mlir::scf;
using llvm::Error;
using llvm::Expected;

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

std::string transmamba::reference::describe(mlir::Location location) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  mlir::LocationAttr attribute = location;
  if (auto file = attribute.findInstanceOf<mlir::FileLineColLoc>())
    stream << file.getFilename().getValue() << ":" << file.getLine() << ":"
           << file.getColumn();
  else
    stream << "<unknown>";
  return text;
}

namespace {
/// An error whose message begins with its place.
class LocatedError final : public llvm::ErrorInfo<LocatedError> {
public:
  static char ID;
  explicit LocatedError(std::string message) : message(std::move(message)) {}
  void log(llvm::raw_ostream &stream) const override { stream << message; }
  std::error_code convertToErrorCode() const override {
    return llvm::inconvertibleErrorCode();
  }

private:
  std::string message;
};
char LocatedError::ID;
} // namespace

/// Puts the place of `op` in front, unless an operation inside of it has done
/// so with its own.
static Error locate(mlir::Operation *op, Error error) {
  if (error.isA<LocatedError>())
    return error;
  std::string message = describe(op->getLoc()) + ": error: '" +
                        op->getName().getStringRef().str() + "': ";
  mlir::LocationAttr location = op->getLoc();
  if (auto name = location.findInstanceOf<mlir::NameLoc>())
    message += "at " + name.getName().getValue().str() + ": ";
  return llvm::make_error<LocatedError>(message +
                                        llvm::toString(std::move(error)));
}

//===----------------------------------------------------------------------===//
// The implementation
//===----------------------------------------------------------------------===//

class Interpreter::Implementation final : public ModelContext {
public:
  Implementation(mlir::ModuleOp module, std::unique_ptr<WeightSource> weights,
                 InterpreterOptions options)
      : module(module), weights(std::move(weights)), options(options) {}

  Expected<Value> parameter(llvm::StringRef name) override;
  Expected<int64_t> transpoint(int64_t layer) const override;
  Expected<Values> call(func::FuncOp function, llvm::ArrayRef<Value> arguments);

  mlir::ModuleOp module;

private:
  Expected<Values> runBlock(mlir::Block &block, Frame &frame,
                            bool releaseValues);
  Error execute(mlir::Operation *op, Frame &frame);
  Expected<Values> evaluate(mlir::Operation *op, Frame &frame);
  Expected<Values> evaluate(func::CallOp op, Frame &frame);
  Expected<Values> evaluate(scf::IfOp op, Frame &frame);
  Expected<Values> evaluate(scf::ForOp op, Frame &frame);

  std::unique_ptr<WeightSource> weights;
  InterpreterOptions options;
  llvm::StringMap<Value> parameters;
  unsigned depth = 0;
};

//===----------------------------------------------------------------------===//
// Parameters and the schedule
//===----------------------------------------------------------------------===//

Expected<Value> Interpreter::Implementation::parameter(llvm::StringRef name) {
  if (auto found = parameters.find(name); found != parameters.end())
    return found->second;
  auto op = module.lookupSymbol<ParameterOp>(name);
  if (!op)
    return fail("there is no parameter @" + name);
  Expected<FloatTensor> value = materialize(op, *weights);
  if (!value)
    return locate(op, value.takeError());
  return parameters[name] = Value(std::move(*value));
}

Expected<int64_t> Interpreter::Implementation::transpoint(int64_t layer) const {
  auto schedule =
      module->getAttrOfType<ScheduleAttr>(TransMambaDialect::kScheduleAttr);
  if (!schedule)
    return fail("layer " + llvm::Twine(layer) +
                " needs a TransPoint, but the module has no "
                "'transmamba.schedule'; give one with --schedule");
  return schedule.getPoint(layer);
}

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

/// For each operation of a block, the values that nothing after it uses.
static llvm::DenseMap<mlir::Operation *, llvm::SmallVector<mlir::Value>>
lastUses(mlir::Block &block) {
  llvm::DenseMap<mlir::Operation *, llvm::SmallVector<mlir::Value>> result;
  llvm::DenseSet<mlir::Value> usedLater;
  for (mlir::Operation &op : llvm::reverse(block))
    op.walk([&](mlir::Operation *inner) {
      for (mlir::Value operand : inner->getOperands())
        if (operand.getParentBlock() == &block &&
            usedLater.insert(operand).second)
          result[&op].push_back(operand);
    });
  return result;
}

Expected<Values> Interpreter::Implementation::runBlock(mlir::Block &block,
                                                       Frame &frame,
                                                       bool releaseValues) {
  llvm::DenseMap<mlir::Operation *, llvm::SmallVector<mlir::Value>> dead;
  if (releaseValues)
    dead = lastUses(block);
  for (mlir::Operation &op : block.without_terminator()) {
    if (Error error = execute(&op, frame))
      return std::move(error);
    for (mlir::Value value : dead.lookup(&op))
      frame.erase(value);
  }
  Values results;
  for (mlir::Value operand : block.getTerminator()->getOperands())
    results.push_back(frame[operand]);
  return results;
}

Error Interpreter::Implementation::execute(mlir::Operation *op, Frame &frame) {
  Expected<Values> results = evaluate(op, frame);
  if (!results)
    return locate(op, results.takeError());
  if (results->size() != op->getNumResults())
    return locate(op, fail("a region ends without giving its results"));
  for (auto [name, value] : llvm::zip_equal(op->getResults(), *results))
    if (Error error = frame.bind(name, std::move(value)))
      return locate(op, std::move(error));
  return Error::success();
}

Expected<Values> Interpreter::Implementation::evaluate(mlir::Operation *op,
                                                       Frame &frame) {
  if (auto call = llvm::dyn_cast<func::CallOp>(op))
    return evaluate(call, frame);
  if (auto branch = llvm::dyn_cast<scf::IfOp>(op))
    return evaluate(branch, frame);
  if (auto loop = llvm::dyn_cast<scf::ForOp>(op))
    return evaluate(loop, frame);
  mlir::Dialect *dialect = op->getDialect();
  if (llvm::isa_and_nonnull<TransMambaDialect>(dialect))
    return evaluateTransMamba(op, frame, *this);
  if (llvm::isa_and_nonnull<mlir::arith::ArithDialect, mlir::math::MathDialect>(
          dialect))
    return evaluateElementwise(op, frame);
  if (llvm::isa_and_nonnull<mlir::tensor::TensorDialect>(dialect))
    return evaluateTensor(op, frame);
  if (llvm::isa_and_nonnull<mlir::linalg::LinalgDialect>(dialect))
    return evaluateLinalg(op, frame);
  return fail("the interpreter does not know this operation: it runs what the "
              "phases import, schedule and fuse produce");
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

Expected<Values>
Interpreter::Implementation::call(func::FuncOp function,
                                  llvm::ArrayRef<Value> arguments) {
  constexpr unsigned deepest = 64;
  if (function.isExternal() || !function.getBody().hasOneBlock())
    return locate(function, fail("a function that is interpreted has a body of "
                                 "one block"));
  if (arguments.size() != function.getNumArguments())
    return locate(function,
                  fail("the function takes " +
                       llvm::Twine(function.getNumArguments()) +
                       " arguments, not " + llvm::Twine(arguments.size())));
  if (depth == deepest)
    return locate(function, fail("calls nest more than " +
                                 llvm::Twine(deepest) + " deep"));
  Frame frame(options.round);
  for (auto [name, value] : llvm::zip(function.getArguments(), arguments))
    if (Error error = frame.bind(name, value))
      return locate(function,
                    fail("argument " + llvm::Twine(name.getArgNumber()) + ": " +
                         llvm::toString(std::move(error))));
  ++depth;
  Expected<Values> results =
      runBlock(function.getBody().front(), frame, /*releaseValues=*/true);
  --depth;
  if (results && results->size() != function.getNumResults())
    return locate(function, fail("it ends without returning its results"));
  return results;
}

Expected<Values> Interpreter::Implementation::evaluate(func::CallOp op,
                                                       Frame &frame) {
  auto callee = module.lookupSymbol<func::FuncOp>(op.getCallee());
  if (!callee)
    return fail("there is no function @" + op.getCallee());
  Values arguments;
  for (mlir::Value operand : op.getOperands())
    arguments.push_back(frame[operand]);
  return call(callee, arguments);
}

Expected<Values> Interpreter::Implementation::evaluate(scf::IfOp op,
                                                       Frame &frame) {
  mlir::Region &region = frame.integer(op.getCondition()) ? op.getThenRegion()
                                                          : op.getElseRegion();
  if (region.empty())
    return Values();
  return runBlock(region.front(), frame, /*releaseValues=*/false);
}

Expected<Values> Interpreter::Implementation::evaluate(scf::ForOp op,
                                                       Frame &frame) {
  const int64_t lower = frame.integer(op.getLowerBound());
  const int64_t upper = frame.integer(op.getUpperBound());
  const int64_t step = frame.integer(op.getStep());
  if (step <= 0)
    return fail("the step of the loop is " + llvm::Twine(step));
  if (op.getUnsignedCmp())
    return fail("loops over unsigned numbers are not supported");
  Values carried;
  for (mlir::Value init : op.getInitArgs())
    carried.push_back(frame[init]);
  for (int64_t i = lower; i < upper;) {
    if (Error error = frame.bind(op.getInductionVar(), Value(i)))
      return std::move(error);
    for (auto [name, value] : llvm::zip(op.getRegionIterArgs(), carried))
      if (Error error = frame.bind(name, value))
        return std::move(error);
    Expected<Values> next =
        runBlock(*op.getBody(), frame, /*releaseValues=*/false);
    if (!next)
      return next;
    carried = std::move(*next);
    if (__builtin_add_overflow(i, step, &i))
      break;
  }
  return carried;
}

//===----------------------------------------------------------------------===//
// The interface
//===----------------------------------------------------------------------===//

Interpreter::Interpreter(std::unique_ptr<Implementation> implementation)
    : implementation(std::move(implementation)) {}
Interpreter::Interpreter(Interpreter &&) = default;
Interpreter::~Interpreter() = default;

Expected<Interpreter> Interpreter::load(mlir::ModuleOp module,
                                        std::unique_ptr<WeightSource> weights,
                                        InterpreterOptions options) {
  if (!weights) {
    Expected<std::unique_ptr<WeightSource>> none = openWeights("");
    if (!none)
      return none.takeError();
    weights = std::move(*none);
  }
  return Interpreter(
      std::make_unique<Implementation>(module, std::move(weights), options));
}

Expected<std::vector<Value>>
Interpreter::call(llvm::StringRef function, llvm::ArrayRef<Value> arguments) {
  auto op = module().lookupSymbol<func::FuncOp>(function);
  if (!op)
    return fail("there is no function @" + function);
  Expected<Values> results = implementation->call(op, arguments);
  if (!results)
    return results.takeError();
  return std::vector<Value>(results->begin(), results->end());
}

Expected<Value> Interpreter::parameter(llvm::StringRef name) {
  return implementation->parameter(name);
}

Expected<int64_t> Interpreter::transpoint(int64_t layer) const {
  return implementation->transpoint(layer);
}

mlir::ModuleOp Interpreter::module() const { return implementation->module; }

static std::optional<int64_t> integerAttribute(mlir::ModuleOp module,
                                               llvm::StringRef name) {
  if (auto attribute = module->getAttrOfType<mlir::IntegerAttr>(name))
    return attribute.getInt();
  return std::nullopt;
}

std::optional<int64_t> Interpreter::maxBatch() const {
  return integerAttribute(module(), TransMambaDialect::kMaxBatchAttr);
}

std::optional<int64_t> Interpreter::maxSequence() const {
  return integerAttribute(module(), TransMambaDialect::kMaxSequenceAttr);
}
