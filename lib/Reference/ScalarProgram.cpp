//===- ScalarProgram.cpp - Bodies of structured operations ----------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Scalars.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace transmamba::reference;
using llvm::Expected;

static Expected<Scalar> scalarOf(const Value &value) {
  Scalar scalar;
  if (value.isTensor())
    return fail("a body reads tensors with tensor.extract only");
  if (value.isFloat())
    scalar.real = value.real();
  else
    scalar.integer = value.integer();
  return scalar;
}

llvm::Error ScalarProgram::addStep(mlir::Operation &op, const Frame &frame) {
  if (!llvm::all_of(op.getResultTypes(), isScalarType))
    return fail("'" + op.getName().getStringRef() +
                "' in a body gives a value of a type that the interpreter "
                "does not know");
  Step step;
  mlir::ValueRange operands = op.getOperands();
  if (auto index = llvm::dyn_cast<mlir::linalg::IndexOp>(op)) {
    step.loop = static_cast<int64_t>(index.getDim());
  } else if (auto extract = llvm::dyn_cast<mlir::tensor::ExtractOp>(op)) {
    if (extract.getTensor().getParentBlock() == op.getBlock())
      return fail("a body extracts from tensors that come from outside only");
    step.tensor = frame[extract.getTensor()];
    operands = extract.getIndices();
  } else {
    step.function = scalarFunction(&op, frame.rounds());
    if (!step.function || op.getNumResults() != 1)
      return fail("the interpreter does not know '" +
                  op.getName().getStringRef() + "' in a body");
  }
  for (mlir::Value operand : operands) {
    Expected<unsigned> slot = operandSlot(operand, frame);
    if (!slot)
      return slot.takeError();
    step.operands.push_back(*slot);
  }
  step.result = newSlot(op.getResult(0));
  steps.push_back(std::move(step));
  return llvm::Error::success();
}

unsigned ScalarProgram::newSlot(mlir::Value value) {
  unsigned slot = static_cast<unsigned>(slots.size());
  slots.emplace_back();
  slotOf[value] = slot;
  return slot;
}

Expected<unsigned> ScalarProgram::operandSlot(mlir::Value value,
                                              const Frame &frame) {
  if (auto found = slotOf.find(value); found != slotOf.end())
    return found->second;
  // From outside: a slot that never changes.
  Expected<Scalar> scalar = scalarOf(frame[value]);
  if (!scalar)
    return scalar.takeError();
  unsigned slot = newSlot(value);
  slots[slot] = *scalar;
  return slot;
}

Expected<ScalarProgram> ScalarProgram::compile(mlir::Block &body,
                                               const Frame &frame) {
  ScalarProgram program;
  for (mlir::BlockArgument argument : body.getArguments())
    program.newSlot(argument);
  for (mlir::Operation &op : body.without_terminator()) {
    if (auto constant = llvm::dyn_cast<mlir::arith::ConstantOp>(op)) {
      Expected<Values> value = evaluateElementwise(constant, frame);
      if (!value)
        return value.takeError();
      Expected<Scalar> scalar = scalarOf(value->front());
      if (!scalar)
        return scalar.takeError();
      program.slots[program.newSlot(constant.getResult())] = *scalar;
      continue;
    }
    if (llvm::Error error = program.addStep(op, frame))
      return error;
  }
  for (mlir::Value operand : body.getTerminator()->getOperands()) {
    Expected<unsigned> slot = program.operandSlot(operand, frame);
    if (!slot)
      return slot.takeError();
    program.results.push_back(*slot);
  }
  return program;
}

const char *ScalarProgram::runStep(const Step &step,
                                   llvm::ArrayRef<int64_t> indices) {
  Scalar &result = slots[step.result];
  if (step.loop >= 0) {
    result.integer = indices[step.loop];
    return nullptr;
  }
  if (step.tensor) {
    llvm::ArrayRef<int64_t> shape = step.tensor->shape();
    int64_t offset = 0;
    for (size_t dim = 0; dim < shape.size(); ++dim) {
      int64_t index = slots[step.operands[dim]].integer;
      if (index < 0 || index >= shape[dim])
        return "tensor.extract reads outside of the tensor";
      offset = offset * shape[dim] + index;
    }
    if (step.tensor->isFloatTensor())
      result.real = step.tensor->floats()[offset];
    else
      result.integer = step.tensor->integers()[offset];
    return nullptr;
  }
  scratch.clear();
  for (unsigned operand : step.operands)
    scratch.push_back(slots[operand]);
  return step.function(scratch.data(), result);
}

const char *ScalarProgram::run(llvm::ArrayRef<int64_t> indices) {
  for (const Step &step : steps)
    if (const char *wrong = runStep(step, indices))
      return wrong;
  return nullptr;
}
