//===- NarrowFloats.cpp - Narrow floats as integers -------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Target/Host/Host.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/AttrTypeSubElements.h"

namespace transmamba {
#define GEN_PASS_DEF_HOSTNARROWFLOATS
#include "transmamba/Target/Host/Passes.h.inc"
} // namespace transmamba

using namespace mlir;
using namespace transmamba;

namespace {
class HostNarrowFloatsPass final
    : public transmamba::impl::HostNarrowFloatsBase<HostNarrowFloatsPass> {
public:
  using HostNarrowFloatsBase::HostNarrowFloatsBase;

  void runOnOperation() override {
    auto isStorage = [this](Type type) {
      return type.isBF16() || (includeF16 && type.isF16());
    };
    auto integer = IntegerType::get(&getContext(), 16);
    AttrTypeReplacer replacer;
    replacer.addReplacement([&](FloatType type) -> std::optional<Type> {
      return isStorage(type) ? Type(integer) : Type(type);
    });
    replacer.addReplacement(
        [&](FloatAttr attr) -> std::optional<std::pair<Attribute, WalkResult>> {
          if (!isStorage(attr.getType()))
            return std::nullopt;
          return std::make_pair(Attribute(IntegerAttr::get(
                                    integer, attr.getValue().bitcastToAPInt())),
                                WalkResult::skip());
        });
    replacer.addReplacement(
        [&](DenseElementsAttr attr)
            -> std::optional<std::pair<Attribute, WalkResult>> {
          if (!isStorage(attr.getElementType()))
            return std::nullopt;
          return std::make_pair(Attribute(attr.bitcast(integer)),
                                WalkResult::skip());
        });
    replacer.recursivelyReplaceElementsIn(getOperation(), /*replaceAttrs=*/true,
                                          /*replaceLocs=*/false,
                                          /*replaceTypes=*/true);
  }
};
} // namespace
