//===- GemmFewRows.cpp - Matrix multiplication of few rows ----------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

//
// A row or some: what takes time is to read B once. A block has some columns of
// it and all of K, so a sum is made by one block, always in the same order, and
// a row does not depend on the others. Nearly all of shared memory is rows of B
// on their way, half of which set out before earlier launches have ended where
// B is a parameter; the products are hidden behind them. The matrix units
// multiply 64 rows, of which the tile of A has fewer. (A block that took
// several tiles of columns would save what each begins and ends with; ptxas
// then makes the products wait for one another, C7514.)
//
//===----------------------------------------------------------------------===//

#include "GemmEpilogue.h"
#include "KernelBuilder.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace transmamba;

namespace {
class FewRowsBuilder {
public:
  FewRowsBuilder(OpBuilder &builder, Location loc, StringRef name,
                 const GemmShape &shape, const GemmConfig &config)
      : kernel(builder, loc, name, getGemmArgumentTypes(shape)), shape(shape),
        config(config), epilogue(kernel, shape, kRows, config.blockN) {}

  tile::KernelOp build();

private:
  /// What the matrix units multiply.
  static constexpr int64_t kRows = 64;

  void emitLoads();
  void emitTile();

  KernelBuilder kernel;
  const GemmShape &shape;
  const GemmConfig &config;
  EpilogueBuilder epilogue;
  Value zero, one, steps, n;
  Value aRing;
  SmallVector<Value> bRings;
};
} // namespace

void FewRowsBuilder::emitLoads() {
  auto loadB = [&](Value step) {
    Value k = kernel.mul(step, config.blockK);
    for (auto [i, ring] : llvm::enumerate(bRings)) {
      int64_t first = shape.rights.empty() ? 0 : shape.rights[i].first;
      kernel.load(kernel.argument(1 + i), {k, kernel.add(n, first)}, ring);
    }
  };
  auto loadA = [&](Value step) {
    kernel.load(kernel.argument(0), {zero, kernel.mul(step, config.blockK)},
                aRing);
  };
  // B may be there before A is: parameters are loaded while earlier launches
  // still run. Copies are made in order, so the first tile of A comes after
  // these of B; more of them, and what has piled up when it comes takes longer
  // to multiply than the rest to load.
  Value early =
      kernel.index(std::min<int64_t>(llvm::divideCeil(config.stages, 2),
                                     llvm::divideCeil(shape.k, config.blockK)));
  kernel.loop(zero, early, one, loadB);
  kernel.loop(zero, early, one, loadA);
  kernel.loop(early, steps, one, [&](Value step) {
    loadB(step);
    loadA(step);
  });
}

void FewRowsBuilder::emitTile() {
  epilogue.read(zero, n);
  auto multiply = [&](ValueRange sums) {
    Value a = kernel.create<tile::LoadFragmentOp>(
        tile::FragmentType::get(kernel.getContext(), {kRows, config.blockK},
                                shape.operandType, /*operand=*/true),
        kernel.wait(aRing), /*transpose=*/false);
    kernel.release(aRing);
    SmallVector<Value> results;
    for (auto [i, ring] : llvm::enumerate(bRings))
      results.push_back(kernel.mma(a, kernel.wait(ring), /*transposeB=*/false,
                                   sums.empty() ? Value() : sums[i]));
    return results;
  };
  auto release = [&] {
    for (Value ring : bRings)
      kernel.release(ring);
  };
  SmallVector<Value> sums = kernel.sumProducts(steps, multiply, release);
  // There are no rows beyond those of the tile of A.
  kernel.create<tile::WriteOp>(epilogue.compute(sums),
                               kernel.argument(getGemmResultArgument(shape)),
                               ValueRange{zero, n});
}

tile::KernelOp FewRowsBuilder::build() {
  zero = kernel.index(0);
  one = kernel.index(1);
  steps = kernel.index(llvm::divideCeil(shape.k, config.blockK));
  n = kernel.mul(kernel.blockId(tile::Dimension::x), config.blockN);
  aRing = kernel.ring(config.blockM, config.blockK, shape.operandType,
                      config.stages);
  for (int64_t i = 0; i < shape.getProducts(); ++i)
    bRings.push_back(kernel.ring(config.blockK, config.blockN,
                                 shape.operandType, config.stages));
  // ptxas gives all threads as many registers as fit; the roles share them out.
  bool alone = config.occupancy == 1;
  kernel.getKernel().setOccupancy(config.occupancy);
  kernel.producer(/*registers=*/alone ? 40 : 24, [&] { emitLoads(); });
  kernel.consumers(/*count=*/1, /*registers=*/alone ? 232 : 200,
                   [&](Value) { emitTile(); });
  return kernel.getKernel();
}

tile::KernelOp transmamba::buildFewRowsGemm(OpBuilder &builder, Location loc,
                                            StringRef name,
                                            const GemmShape &shape,
                                            const GemmConfig &config) {
  return FewRowsBuilder(builder, loc, name, shape, config).build();
}
