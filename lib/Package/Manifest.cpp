//===- Manifest.cpp - What a package says about itself --------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Package/Manifest.h"

#include "ManifestNames.h"
#include "transmamba/Package/CheckedMath.h"

#include <algorithm>

namespace transmamba::package {

/// The shape has been validated: the product fits.
static uint64_t validatedBytes(const std::vector<int64_t> &shape,
                               ElementType type) {
  return static_cast<uint64_t>(checkedElementCount(shape).value_or(0)) *
         byteSize(type);
}

uint64_t Parameter::bytes() const { return validatedBytes(shape, type); }

uint64_t State::rowBytes() const { return validatedBytes(rowShape, type); }

uint64_t Manifest::stateBytesPerRow() const {
  uint64_t total = 0;
  for (const State &state : states)
    if (!state.isWorkspace())
      total += state.rowBytes();
  return total;
}

Bindings EntryPoint::maxima() const {
  Bindings bindings;
  for (const Symbol &symbol : symbols)
    bindings.emplace_back(symbol.name, symbol.max);
  bindings.emplace_back(multiprocessorsSymbol, maxMultiprocessors);
  return bindings;
}

bool EntryPoint::usesRowState(const std::vector<State> &states) const {
  for (const Command &command : commands)
    for (const Argument &arg : command.args)
      if (arg.kind == Argument::Kind::State && arg.index < states.size() &&
          !states[arg.index].isWorkspace())
        return true;
  return false;
}

static Argument indexed(Argument::Kind kind, uint64_t index) {
  Argument arg;
  arg.kind = kind;
  arg.index = index;
  return arg;
}

static Argument valued(Argument::Kind kind, Expression value) {
  Argument arg;
  arg.kind = kind;
  arg.value = std::move(value);
  return arg;
}

Argument Argument::input(uint64_t index) { return indexed(Kind::Input, index); }
Argument Argument::output(uint64_t index) {
  return indexed(Kind::Output, index);
}
Argument Argument::parameter(uint64_t index) {
  return indexed(Kind::Parameter, index);
}
Argument Argument::state(uint64_t index) { return indexed(Kind::State, index); }
Argument Argument::arena(Expression offset) {
  return valued(Kind::Arena, std::move(offset));
}
Argument Argument::scalar(Expression value) {
  return valued(Kind::Scalar, std::move(value));
}

Argument Argument::f32(float value) {
  Argument arg;
  arg.kind = Kind::F32;
  arg.number = value;
  return arg;
}

std::string_view argumentKindName(Argument::Kind kind) {
  switch (kind) {
  case Argument::Kind::Input:
    return "input";
  case Argument::Kind::Output:
    return "output";
  case Argument::Kind::Parameter:
    return "parameter";
  case Argument::Kind::State:
    return "state";
  case Argument::Kind::Arena:
    return "arena";
  case Argument::Kind::Scalar:
    return "scalar";
  case Argument::Kind::F32:
    return "f32";
  }
  return "";
}

std::string_view roleName(Input::Role role) {
  switch (role) {
  case Input::Role::Lengths:
    return "lengths";
  case Input::Role::Positions:
    return "positions";
  case Input::Role::None:
    break;
  }
  return "";
}

std::string_view swizzleName(TensorMap::Swizzle swizzle) {
  switch (swizzle) {
  case TensorMap::Swizzle::B32:
    return "32B";
  case TensorMap::Swizzle::B64:
    return "64B";
  case TensorMap::Swizzle::B128:
    return "128B";
  case TensorMap::Swizzle::None:
    break;
  }
  return "none";
}

std::string_view promotionName(TensorMap::Promotion promotion) {
  switch (promotion) {
  case TensorMap::Promotion::B64:
    return "64B";
  case TensorMap::Promotion::B128:
    return "128B";
  case TensorMap::Promotion::B256:
    return "256B";
  case TensorMap::Promotion::None:
    break;
  }
  return "none";
}

} // namespace transmamba::package
