//===- TransMambaAttributes.td - Attributes and enums ------*- tablegen -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_IR_TRANSMAMBAATTRIBUTES
#define TRANSMAMBA_IR_TRANSMAMBAATTRIBUTES

include "TransMamba/IR/TransMambaDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

class TransMamba_Attr<string name, string attrMnemonic>
    : AttrDef<TransMamba_Dialect, name> {
  let mnemonic = attrMnemonic;
}

def TransMamba_ScheduleAttr : TransMamba_Attr<"Schedule", "schedule"> {
  let summary = "The TransPoints of a model, cycled over its layers";
  let description = [{
    Layer `l` switches from attention to SSM at the absolute token position
    `points[l mod size]`. The paper's V9:

    ```mlir
    #transmamba.schedule<[0, 128, 256, 512, 1024, 2048, 4096, 8192]>
    ```

    Constraints:
    * (A1) there is at least one point;
    * (A2) no point is negative.
  }];
  let parameters = (ins OptionalArrayRefParameter<"int64_t">:$points);
  let assemblyFormat = "`<` `[` (`]` `>`) : ($points^ `]` `>`)?";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The TransPoint of a layer.
    int64_t getPoint(int64_t layer) const {
      return getPoints()[layer % getPoints().size()];
    }
  }];
}

def TransMamba_Activation : I32EnumAttr<"Activation", "a pointwise function", [
  I32EnumAttrCase<"Silu", 0, "silu">,
  I32EnumAttrCase<"Gelu", 1, "gelu">,
  I32EnumAttrCase<"GeluTanh", 2, "gelu_tanh">,
  I32EnumAttrCase<"Relu2", 3, "relu2">,
  I32EnumAttrCase<"Sigmoid", 4, "sigmoid">,
  I32EnumAttrCase<"Softplus", 5, "softplus">
]> {
  let cppNamespace = "::transmamba";
  let genSpecializedAttr = 0;
}
def TransMamba_ActivationAttr
    : EnumAttr<TransMamba_Dialect, TransMamba_Activation, "activation"> {
  let assemblyFormat = "$value";
}

def TransMamba_WeightTransform
    : I32EnumAttr<"WeightTransform", "how stored data becomes a parameter", [
  I32EnumAttrCase<"None", 0, "none">,
  I32EnumAttrCase<"Transpose", 1, "transpose">,
  I32EnumAttrCase<"NegExp", 2, "neg_exp">
]> {
  let cppNamespace = "::transmamba";
  let genSpecializedAttr = 0;
}
def TransMamba_WeightTransformAttr
    : EnumAttr<TransMamba_Dialect, TransMamba_WeightTransform,
               "weight_transform"> {
  let assemblyFormat = "$value";
}

def TransMamba_RopeTableAttr : TransMamba_Attr<"RopeTable", "rope_table"> {
  let summary = "Data of a parameter: cosines or sines of rotary positions";
  let description = [{
    Element `[t, i]` of the `rows x (dim / 2)` table is the cosine (or sine) of
    `t * theta^(-2 i / dim)`, computed in float64.
  }];
  let parameters = (ins "::mlir::FloatAttr":$theta, "bool":$sine);
  let hasCustomAssemblyFormat = 1;
}

#endif // TRANSMAMBA_IR_TRANSMAMBAATTRIBUTES
