//===- Passes.td - TransMamba to Linalg passes -------------*- tablegen -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_CONVERSION_TRANSMAMBATOLINALG_PASSES_TD
#define TRANSMAMBA_CONVERSION_TRANSMAMBATOLINALG_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertTransMambaToLinalg
    : Pass<"convert-transmamba-to-linalg", "::mlir::ModuleOp"> {
  let summary = "Lower the transmamba dialect to linalg on tensors";
  let description = [{
    Every operation of the dialect but `parameter` and `get_parameter` becomes
    linalg, tensor, arith, math and scf on tensors (docs/phases.md):

    * hot operations become one `scf.forall` a kernel, one iteration a
      workgroup on static tiles; pointwise ones a linalg op on whole tensors;
    * a state becomes a tensor with a leading batch dimension
      (`StateLayout.h`). It is updated in place: state arguments are marked
      `bufferization.writable`, and a state that is made anew is made in the
      argument that it replaces, if nothing reads that;
    * rotary positions read tables, declared as parameters of the module.

    ```mlir
    func.func @f(%x: tensor<?x192xf32>) -> tensor<?x192xf32> {
      %y = transmamba.activate relu2 %x : tensor<?x192xf32>
      return %y : tensor<?x192xf32>
    }
    ```
    becomes
    ```mlir
    func.func @f(%x: tensor<?x192xf32>) -> tensor<?x192xf32> {
      %y = linalg.generic ... ins(%x) outs(%empty) {
        %positive = arith.maximumf %in, %zero : f32
        %square = arith.mulf %positive, %positive : f32
        linalg.yield %square : f32
      }
      return %y : tensor<?x192xf32>
    }
    ```
  }];
  let options = [
    Option<"queryBlock", "query-block", "int64_t", /*default=*/"64",
           "Queries of a workgroup of attention">,
    Option<"keyBlock", "key-block", "int64_t", /*default=*/"64",
           "Keys of a step of attention">,
    Option<"keySegment", "key-segment", "int64_t", /*default=*/"0",
           "Keys of a cache that a workgroup of attention takes, where there is one query; 0: all">,
    Option<"chunk", "chunk", "int64_t", /*default=*/"64",
           "Tokens of a step of a scan, where the operation gives no hint">,
    Option<"valueBlock", "value-block", "int64_t", /*default=*/"0",
           "State columns of a workgroup of a scan; 0: all of a head">,
    Option<"tokenBlock", "token-block", "int64_t", /*default=*/"32",
           "Tokens of a workgroup of a convolution, a rotation or an append">,
    Option<"channelBlock", "channel-block", "int64_t", /*default=*/"64",
           "Channels of a workgroup of a convolution or a selective scan">,
    Option<"convChannelBlock", "conv-channel-block", "int64_t", /*default=*/"256",
           "Channels of a convolution that a workgroup takes at once">,
    Option<"scratchLimit", "scratch-limit", "int64_t", /*default=*/"131072",
           "Bytes of scratch that a workgroup may use: blocks become smaller">
  ];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"
  ];
}

def FuseElementwise
    : Pass<"transmamba-fuse-elementwise", "::mlir::func::FuncOp"> {
  let summary = "Fuse pointwise linalg ops on whole tensors";
  let description = [{
    As `linalg-fuse-elementwise-ops`, but it leaves alone

    * the bodies of workgroups (`scf.forall`), which are made as they should be;
    * contractions: a product of two tensors and nothing else is what the
      targets have fast code for;
    * producers with a costly body that the consumer would compute again for
      every element of a dimension that they do not have.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::linalg::LinalgDialect"
  ];
}

#endif // TRANSMAMBA_CONVERSION_TRANSMAMBATOLINALG_PASSES_TD
