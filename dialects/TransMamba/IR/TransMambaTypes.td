//===- TransMambaTypes.td - State types --------------------*- tablegen -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_IR_TRANSMAMBATYPES
#define TRANSMAMBA_IR_TRANSMAMBATYPES

include "TransMamba/IR/TransMambaDialect.td"
include "mlir/IR/AttrTypeBase.td"

def TransMamba_StateTypeInterface : TypeInterface<"StateTypeInterface"> {
  let cppNamespace = "::transmamba";
  let description = [{
    State that a layer carries from one call to the next. The leading batch
    dimension is implicit: one row a sequence.
  }];
  let methods = [
    InterfaceMethod<"The layer that owns the state.", "int64_t", "getLayer">,
    InterfaceMethod<"The shape written in the type.",
                    "::llvm::ArrayRef<int64_t>", "getShape">,
    InterfaceMethod<"The type of an element.", "::mlir::Type",
                    "getElementType">
  ];
}

class TransMamba_StateType<string name, string typeMnemonic>
    : TypeDef<TransMamba_Dialect, name, [TransMamba_StateTypeInterface]> {
  let mnemonic = typeMnemonic;
  let parameters = (ins "int64_t":$layer, ArrayRefParameter<"int64_t">:$shape,
                        "::mlir::Type":$elementType);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def TransMamba_KVCacheType : TransMamba_StateType<"KVCache", "kv_cache"> {
  let summary = "Rotated keys and values of the tokens before the TransPoint";
  let description = [{
    `!transmamba.kv_cache<layer = 3, HxDxtype>`: up to `capacity` tokens a row, `H`
    heads of dimension `D` for keys and for values. The capacity is the
    TransPoint of the layer, at most the longest sequence; it comes from the
    schedule, so that a schedule can be changed without touching types.
    The buffer is `B x 2 x H x capacity x D`: keys, then values.

    Constraints: (Y1) the layer is not negative; (Y2) the shape has rank 2 and
    positive sizes; (Y3) the element type is a float.
  }];
}

def TransMamba_SSMStateType : TransMamba_StateType<"SSMState", "ssm_state"> {
  let summary = "The recurrent state of a state-space layer";
  let description = [{
    `!transmamba.ssm_state<layer = 3, HxNxDxf32>` for SSD (`h += dt k v^T`, keys
    by values) or `!transmamba.ssm_state<layer = 3, CxNxf32>` for S6.

    Constraints: (Y1) the layer is not negative; (Y2) the shape has rank 2 or 3
    and positive sizes; (Y4) the element type is f32: states accumulate.
  }];
}

def TransMamba_ConvWindowType
    : TransMamba_StateType<"ConvWindow", "conv_window"> {
  let summary = "The last inputs of a causal convolution";
  let description = [{
    `!transmamba.conv_window<layer = 3, (W-1)xCxtype>`: the `W - 1` inputs before the
    next token, oldest first; zeros before the first token.

    Constraints: (Y1) the layer is not negative; (Y2) the shape has rank 2 and
    positive sizes; (Y3) the element type is a float.
  }];
}

def TransMamba_AnyState
    : Type<CPred<"::llvm::isa<::transmamba::StateTypeInterface>($_self)">,
           "a state type">;

#endif // TRANSMAMBA_IR_TRANSMAMBATYPES
