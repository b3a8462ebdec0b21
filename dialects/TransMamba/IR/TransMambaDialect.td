//===- TransMambaDialect.td - The transmamba dialect -------*- tablegen -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_IR_TRANSMAMBADIALECT
#define TRANSMAMBA_IR_TRANSMAMBADIALECT

include "mlir/IR/OpBase.td"

def TransMamba_Dialect : Dialect {
  let name = "transmamba";
  let cppNamespace = "::transmamba";
  let summary = "Hybrid attention / state-space models, on tensors";
  let description = [{
    The model as its author would write it: the operations that upstream
    dialects lack (attention and the SSM reading of the same weights, the memory
    converter, carried state), with everything else left to `linalg`, `arith`,
    `math` and `tensor`.

    Shapes are written with these letters throughout: `B` batch, `T` tokens, `H`
    heads, `N` key and state dimension, `D` value dimension, `C` channels.

    **Grouped heads.** `q`, `k` and `v` may have different numbers of heads. An
    operation has `H = max(Hq, Hk, Hv)` heads, each count divides `H`, and head
    `h` reads head `h / (H / Hx)` of operand `x`. That one rule is grouped-query
    attention (`Hk = Hv < Hq`) and Mamba-2's `n_groups` (`Hq = Hk < Hv`).

    **State** is typed and linear: a value of a state type names its layer and
    shape, and has at most one operation that updates it. See
    `dialects/TransMamba/README.md` for the rationale.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"
  ];
  let hasOperationAttrVerify = 1;
  let hasConstantMaterializer = 1;
  let extraClassDeclaration = [{
    /// Module attributes.
    static constexpr llvm::StringLiteral kScheduleAttr = "transmamba.schedule";
    static constexpr llvm::StringLiteral kNameAttr = "transmamba.name";
    static constexpr llvm::StringLiteral kMaxBatchAttr = "transmamba.max_batch";
    static constexpr llvm::StringLiteral kMaxSequenceAttr =
        "transmamba.max_sequence";
    static constexpr llvm::StringLiteral kVocabularyAttr =
        "transmamba.vocabulary";
    static constexpr llvm::StringLiteral kTokenizerAttr =
        "transmamba.tokenizer";

    /// Function attributes: an entry point, and how it moves the positions of
    /// the rows ("set" by lengths, "advance" by one; absent: stateless).
    static constexpr llvm::StringLiteral kEntryAttr = "transmamba.entry";
    static constexpr llvm::StringLiteral kPositionsAttr =
        "transmamba.positions";

    /// Argument and result attributes of an entry point: its name
    /// (`transmamba.name`), the symbols of its dynamic dimensions, its role
    /// ("lengths", "positions") and the half-open range of valid values.
    static constexpr llvm::StringLiteral kDimsAttr = "transmamba.dims";
    static constexpr llvm::StringLiteral kRoleAttr = "transmamba.role";
    static constexpr llvm::StringLiteral kRangeAttr = "transmamba.range";

    /// An argument that a parameter is bound to, by name.
    static constexpr llvm::StringLiteral kParameterAttr =
        "transmamba.parameter";

    /// What a profile calls the kernel that a workgroup loop becomes.
    static constexpr llvm::StringLiteral kKernelNameAttr =
        "transmamba.kernel_name";

    /// Marks an outlined kernel, one workgroup of a dispatch.
    static constexpr llvm::StringLiteral kKernelAttr = "transmamba.kernel";
  }];
}

#endif // TRANSMAMBA_IR_TRANSMAMBADIALECT
