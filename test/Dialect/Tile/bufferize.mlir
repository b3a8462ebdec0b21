// RUN: transmamba-opt %s --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" --canonicalize | FileCheck %s
// RUN: transmamba-opt %s --canonicalize | FileCheck %s --check-prefix=UNUSED

tile.kernel @copy(%in: memref<?x64xbf16>, %out: memref<?x64xbf16>) {
  tile.consumers %warpgroup in 1 registers 128 {
  }
}

// The output is a new buffer: nothing is copied to it.
// CHECK-LABEL: func.func @whole(
// CHECK-SAME:      %[[X:.*]]: memref<?x64xbf16>, %[[N:.*]]: index)
// CHECK-NEXT:    %[[C1:.*]] = arith.constant 1 : index
// CHECK-NEXT:    %[[OUT:.*]] = memref.alloc(%[[N]])
// CHECK-NEXT:    tile.launch @copy grid(%[[N]], %[[C1]], %[[C1]]) flop(%[[C1]]) bytes(%[[N]]) ins(%[[X]] : memref<?x64xbf16>) outs(%[[OUT]] : memref<?x64xbf16>)
// CHECK-NEXT:    return %[[OUT]]
func.func @whole(%x: tensor<?x64xbf16>, %n: index) -> tensor<?x64xbf16> {
  %c1 = arith.constant 1 : index
  %empty = tensor.empty(%n) : tensor<?x64xbf16>
  %y = tile.launch @copy grid(%n, %c1, %c1) flop(%c1) bytes(%n) ins(%x : tensor<?x64xbf16>) outs(%empty : tensor<?x64xbf16>) -> tensor<?x64xbf16>
  return %y : tensor<?x64xbf16>
}

// Columns of a tensor are no contiguous buffer: they are copied to one, and the result back into its columns.
// CHECK-LABEL: func.func @columns(
// CHECK-SAME:      %[[X:.*]]: memref<?x128xbf16>, %[[Y:.*]]: memref<?x128xbf16>
// CHECK:         %[[PART:.*]] = memref.subview %[[X]][0, 64]
// CHECK:         %[[PLACE:.*]] = memref.subview %[[Y]][0, 0]
// CHECK:         %[[IN:.*]] = memref.alloc(%{{.*}}) : memref<?x64xbf16>
// CHECK-NEXT:    memref.copy %[[PART]], %[[IN]]
// CHECK:         %[[OUT:.*]] = memref.alloc(%{{.*}}) : memref<?x64xbf16>
// CHECK-NEXT:    tile.launch @copy grid({{.*}}) ins(%[[IN]] : memref<?x64xbf16>) outs(%[[OUT]] : memref<?x64xbf16>)
// CHECK-NEXT:    memref.copy %[[OUT]], %[[PLACE]]
func.func @columns(%x: tensor<?x128xbf16>, %y: tensor<?x128xbf16> {bufferization.writable = true}, %n: index) -> tensor<?x128xbf16> {
  %c1 = arith.constant 1 : index
  %part = tensor.extract_slice %x[0, 64] [%n, 64] [1, 1] : tensor<?x128xbf16> to tensor<?x64xbf16>
  %place = tensor.extract_slice %y[0, 0] [%n, 64] [1, 1] : tensor<?x128xbf16> to tensor<?x64xbf16>
  %r = tile.launch @copy grid(%n, %c1, %c1) ins(%part : tensor<?x64xbf16>) outs(%place : tensor<?x64xbf16>) -> tensor<?x64xbf16>
  %all = tensor.insert_slice %r into %y[0, 0] [%n, 64] [1, 1] : tensor<?x64xbf16> into tensor<?x128xbf16>
  return %all : tensor<?x128xbf16>
}

// A partial launch leaves elements as they were: they are there before, also where the place is another one.
// CHECK-LABEL: func.func @partial(
// CHECK-SAME:      %[[X:.*]]: memref<?x64xbf16>, %[[Y:.*]]: memref<?x64xbf16>
// CHECK:         %[[OUT:.*]] = memref.alloc(%{{.*}})
// CHECK:         memref.copy %[[Y]], %[[OUT]]
// CHECK:         tile.launch @copy grid({{.*}}) ins(%[[X]] : memref<?x64xbf16>) outs(%[[OUT]] : memref<?x64xbf16>) partial
// CHECK:         return %[[OUT]]
func.func @partial(%x: tensor<?x64xbf16>, %y: tensor<?x64xbf16> {bufferization.writable = false}, %n: index) -> tensor<?x64xbf16> {
  %c1 = arith.constant 1 : index
  %r = tile.launch @copy grid(%n, %c1, %c1) ins(%x : tensor<?x64xbf16>) outs(%y : tensor<?x64xbf16>) partial -> tensor<?x64xbf16>
  return %r : tensor<?x64xbf16>
}

// A launch whose result is not used is none.
// UNUSED-LABEL: func.func @unused(
// UNUSED-NEXT:    return
func.func @unused(%x: tensor<8x64xbf16>, %n: index) {
  %x1 = tensor.cast %x : tensor<8x64xbf16> to tensor<?x64xbf16>
  %y = tile.launch @copy grid(%n, %n, %n) ins(%x1 : tensor<?x64xbf16>) outs(%x1 : tensor<?x64xbf16>) -> tensor<?x64xbf16>
  return
}
