// RUN: transmamba-opt %s --transmamba-gpu-module-to-binary="chip=sm_90a ptxas=none" --split-input-file --verify-diagnostics
// RUN: not transmamba-opt %S/Inputs/empty-kernel.mlir --transmamba-gpu-module-to-binary="chip=sm_7x" 2>&1 | FileCheck %s --check-prefix=CHIP
// RUN: not transmamba-opt %S/Inputs/empty-kernel.mlir --transmamba-gpu-module-to-binary="features=avx" 2>&1 | FileCheck %s --check-prefix=FEATURES
// RUN: not transmamba-opt %S/Inputs/empty-kernel.mlir --transmamba-gpu-module-to-binary="ptxas=/nowhere/ptxas" 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: not transmamba-opt %S/../../Conversion/TileToGPU/launch.mlir --transmamba-gpu-pipeline --transmamba-nvvm-pipeline --transmamba-gpu-module-to-binary="chip=sm_80 ptxas=none" 2>&1 | FileCheck %s --check-prefix=TILE

// CHIP: error: unknown chip 'sm_7x'; a target is sm_80 or newer
// FEATURES: error: features 'avx' are not of the form +ptxNN
// PTXAS: error: ptxas failed for sm_90a
// PTXAS: note: /nowhere/ptxas -arch=sm_90a:
// TILE: launch.mlir:{{.*}} error: is a tile kernel for sm_90a, not for sm_80

gpu.module @kernels {
  // expected-error@below {{is not lowered to NVVM; run the nvvm phase first}}
  gpu.func @k() kernel {
    gpu.return
  }
}
