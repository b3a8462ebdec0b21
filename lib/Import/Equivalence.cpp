//===- Equivalence.cpp - Two modules compute the same ---------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Equivalence.h"
#include "TransMamba/IR/TransMambaOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace transmamba;
using namespace transmamba::graph;

namespace {
/// Numbers values so that equal numbers mean equal values: operations without
/// side effects, of the same name and attributes, on the same numbers.
class ValueNumbering {
public:
  SmallVector<unsigned> numberReturned(func::FuncOp function);

private:
  unsigned getNumber(StringRef key) {
    return numbers.try_emplace(key, numbers.size()).first->second;
  }
  std::string describe(Operation *op);

  llvm::StringMap<unsigned> numbers;
  llvm::DenseMap<Value, unsigned> values;
};
} // namespace

std::string ValueNumbering::describe(Operation *op) {
  std::string key;
  llvm::raw_string_ostream os(key);
  os << op->getName() << '(';
  for (Value operand : op->getOperands())
    os << values.lookup(operand) << ',';
  os << ')';
  // The name of a parameter is free; what it is made of is not.
  if (auto get = dyn_cast<GetParameterOp>(op)) {
    auto module = op->getParentOfType<ModuleOp>();
    if (auto parameter = module.lookupSymbol<ParameterOp>(get.getName())) {
      os << parameter.getSourceAttr() << parameter.getTransformAttr()
         << parameter.getTableAttr();
    }
  } else {
    os << op->getAttrDictionary();
  }
  for (Type type : op->getResultTypes())
    os << ':' << type;
  return key;
}

SmallVector<unsigned> ValueNumbering::numberReturned(func::FuncOp function) {
  for (BlockArgument argument : function.getArguments())
    values[argument] =
        getNumber("argument " + std::to_string(argument.getArgNumber()));
  SmallVector<unsigned> returned;
  for (Operation &op : function.getBody().front()) {
    if (isa<func::ReturnOp>(op)) {
      for (Value operand : op.getOperands())
        returned.push_back(values.lookup(operand));
      break;
    }
    std::string key = describe(&op);
    for (OpResult result : op.getResults())
      values[result] =
          getNumber(key + "#" + std::to_string(result.getResultNumber()));
  }
  return returned;
}

/// Name, type, and attributes of the function, its arguments and results.
static bool haveSameSignature(func::FuncOp a, func::FuncOp b) {
  if (a->getAttrDictionary() != b->getAttrDictionary())
    return false;
  return a.getFunctionType() == b.getFunctionType();
}

LogicalResult transmamba::graph::checkEquivalent(ModuleOp original,
                                                 ModuleOp other) {
  for (NamedAttribute attribute : original->getAttrs())
    if (other->getAttr(attribute.getName()) != attribute.getValue())
      return original.emitError("the attribute '")
             << attribute.getName().getValue()
             << "' has no JSON form with this value: an import of the graph "
                "would give "
             << other->getAttr(attribute.getName());
  auto originals = llvm::to_vector(original.getOps<func::FuncOp>());
  auto others = llvm::to_vector(other.getOps<func::FuncOp>());
  for (auto [a, b] : llvm::zip_equal(originals, others)) {
    if (!haveSameSignature(a, b))
      return a.emitError("the arguments, results or attributes of this entry "
                         "point have no JSON form: an import of the graph "
                         "would give ")
             << b.getFunctionType();
    ValueNumbering numbering;
    SmallVector<unsigned> left = numbering.numberReturned(a);
    SmallVector<unsigned> right = numbering.numberReturned(b);
    for (auto [number, values] : llvm::enumerate(llvm::zip_equal(left, right)))
      if (std::get<0>(values) != std::get<1>(values)) {
        Operation *end = a.getBody().front().getTerminator();
        Operation *maker = end->getOperand(number).getDefiningOp();
        InFlightDiagnostic diagnostic =
            (maker ? maker : end)->emitError("result ")
            << number << " of '" << a.getName()
            << "' has no JSON form: an import of the graph would compute it "
               "with other operations";
        return diagnostic;
      }
  }
  return success();
}
