//===- GemmConfig.cpp - How products are cut -----------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "ConfigFields.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace transmamba;

// Bulk copies bring 16-bit elements; where they come to is where 16-bit results
// leave from.
std::optional<size_t> GemmShape::getStagedOperand() const {
  for (auto [number, operand] : llvm::enumerate(epilogue.operands))
    if (operand.kind == GemmOperand::Matrix &&
        operand.elementType == operandType)
      return number;
  return std::nullopt;
}

/// Bytes of a stage: columns of A, rows of each B.
static int64_t getStageBytes(const GemmShape &shape, const GemmConfig &config) {
  return 2 * config.blockK *
         (config.blockM + shape.getProducts() * config.blockN);
}

/// Bytes of the result on its way to memory, and of an operand on its way here.
/// Sums in f32 go there directly.
static int64_t getStagingBytes(const GemmShape &shape,
                               const GemmConfig &config) {
  if (config.isForFewRows() || !config.staging ||
      (shape.resultType.isF32() && !shape.getStagedOperand()))
    return 0;
  return 2 * config.blockM * config.blockN;
}

/// Stages that fit, where a block may have `bytes` of shared memory.
static int64_t getMaxStages(const tile::Target &target, int64_t bytes,
                            const GemmShape &shape, const GemmConfig &config) {
  int64_t free = target.getTileBytes(config.occupancy, bytes) -
                 getStagingBytes(shape, config);
  return std::clamp<int64_t>(free / getStageBytes(shape, config), 0,
                             config.isForFewRows() ? 16 : 8);
}

/// Registers of a thread that hold sums and elements of operands, and of A
/// where it is not read from shared memory: those of this step and, where
/// products are under way meanwhile, of the next.
static int64_t getRegisters(const tile::Target &target, const GemmShape &shape,
                            const GemmConfig &config) {
  int64_t ownRows = config.isForFewRows() ? 64 : config.blockM / 2;
  int64_t numbers = ownRows * config.blockN / 128;
  int64_t registers = shape.getProducts() * numbers;
  std::optional<size_t> staged;
  if (config.isForFewRows())
    registers += (target.multipliesTiles ? 2 : 1) * config.blockK / 4;
  else if (config.staging)
    staged = shape.getStagedOperand();
  for (auto [number, operand] : llvm::enumerate(shape.epilogue.operands))
    switch (operand.kind) {
    case GemmOperand::Matrix:
      registers += staged == number ? numbers / 2 : numbers;
      break;
    case GemmOperand::Rows:
      registers += ownRows / 32;
      break;
    case GemmOperand::Columns:
      registers += config.blockN / 4;
      break;
    }
  return registers;
}

/// What is left is enough for addresses and what an element needs meanwhile.
static int64_t getMaxRegisters(const tile::Target &target,
                               const GemmConfig &config) {
  if (target.setsRegisters)
    return config.occupancy == 1 ? 200 : 100;
  int64_t warpgroups = config.isForFewRows() ? 2 : 3;
  return tile::Target::getRegistersOfThread(warpgroups, config.occupancy) - 40;
}

static SmallVector<GemmConfig> keepPossible(const tile::Target &target,
                                            const GemmShape &shape,
                                            ArrayRef<GemmConfig> candidates) {
  SmallVector<GemmConfig> possible;
  for (GemmConfig candidate : candidates) {
    candidate.stages =
        getMaxStages(target, target.portableBytes, shape, candidate);
    if (candidate.stages >= 2 && getRegisters(target, shape, candidate) <=
                                     getMaxRegisters(target, candidate))
      possible.push_back(candidate);
  }
  return possible;
}

/// Where warps read both operands from shared memory, a product of more rows
/// reads less of it. Results leave from registers: their place is worth more as
/// stages, of which there are to be three at least. Where an operand needs the
/// place, steps are half as large.
static SmallVector<GemmConfig> getWarpCandidates(const GemmShape &shape) {
  SmallVector<GemmConfig> candidates;
  bool isStaged = shape.getStagedOperand().has_value();
  for (auto [rows, columns] : {std::pair{256, 128}, {128, 128}, {128, 64}}) {
    // One of the largest leaves no register to what follows it.
    if (rows == 256 && shape.getProducts() == 1 && shape.epilogue.compute)
      continue;
    GemmConfig candidate{rows, columns / shape.getProducts() / 16 * 16};
    candidate.blockK = rows == 256 || isStaged ? 32 : 64;
    candidate.staging = isStaged;
    candidates.push_back(candidate);
  }
  return candidates;
}

SmallVector<GemmConfig>
transmamba::getGemmCandidates(const tile::Target &target,
                              const GemmShape &shape) {
  if (!target.multipliesTiles)
    return keepPossible(target, shape, getWarpCandidates(shape));
  // 256 x 128 is never faster than 128 x 256. Several products share what there
  // is for sums; less leaves the block then, which has room for a stage more,
  // so one warpgroup can run ahead of the other.
  SmallVector<GemmConfig> candidates;
  for (int64_t columns : {256, 192, 128, 64}) {
    GemmConfig candidate{128, columns / shape.getProducts() / 16 * 16};
    candidate.alternate = shape.getProducts() > 1;
    candidates.push_back(candidate);
  }
  return keepPossible(target, shape, candidates);
}

SmallVector<GemmConfig>
transmamba::getFewRowsCandidates(const tile::Target &target,
                                 const GemmShape &shape, int64_t rows) {
  if (rows > kMaxFewRows)
    return {};
  SmallVector<GemmConfig> candidates;
  // Narrow tiles have more rows, so that a copy is not too small.
  for (int64_t columns : {16, 32, 64, 128}) {
    GemmConfig candidate{
        static_cast<int64_t>(llvm::alignTo(std::max<int64_t>(rows, 1), 16)),
        columns};
    candidate.group = 1;
    for (int64_t terms : {256, 128}) {
      candidate.blockK = terms;
      if (columns > 32 && terms > 128)
        continue;
      SmallVector<GemmConfig> possible = keepPossible(target, shape, candidate);
      if (possible.empty())
        continue;
      candidates.push_back(possible.front());
      // One block loads while the other begins or ends.
      candidate.occupancy = 2;
      if (columns == 64)
        llvm::append_range(candidates, keepPossible(target, shape, candidate));
      break;
    }
  }
  return candidates;
}

// A step takes what the matrix units need and 15 % more, or what the loads need
// of all operands while all multiprocessors load. A tile ends with the write of
// its result, 64 bytes a cycle. Blocks that have no tile left wait for the
// others. Within 10 % of what an H200 takes for 2048 to 32768 rows of 1536
// columns by 1536 and 4096. Where warps read operands from shared memory, 128
// bytes a cycle, each of the eight reads its rows of A and all of B.
static double estimateManyRows(const tile::Target &target,
                               const GemmShape &shape, const GemmConfig &config,
                               int64_t rows) {
  constexpr double latency = 200;
  const tile::Rates &rates = target.rates;
  double area = static_cast<double>(config.blockM) * config.blockN;
  double products = static_cast<double>(shape.getProducts()) * area;
  double step = std::max(
      1.15 * products * static_cast<double>(config.blockK) / rates.products,
      static_cast<double>(getStageBytes(shape, config)) / rates.cacheBytes);
  if (!target.multipliesTiles) {
    int64_t numbers = config.blockM + 8 * shape.getProducts() * config.blockN;
    step = std::max(step,
                    2.0 * static_cast<double>(config.blockK * numbers) / 128);
  }
  double steps = llvm::divideCeil(shape.k, config.blockK);
  double resultBytes = shape.resultType.getIntOrFloatBitWidth() / 8.0;
  double tile = steps * step + latency + area * resultBytes / 64;
  double tiles = static_cast<double>(llvm::divideCeil(rows, config.blockM)) *
                 static_cast<double>(llvm::divideCeil(shape.n, config.blockN));
  return std::ceil(tiles / static_cast<double>(rates.multiprocessors)) * tile;
}

// Memory gives as many bytes to each multiprocessor while all load, and to one
// alone what its copies can take, which is less where their rows are short.
// What comes before the first byte and after the last one is the same for all.
// Within 10 % of what an H200 takes for up to 16 rows of 1536 to 4096 columns
// by 1536 to 8192, less the launch.
static double estimateFewRows(const tile::Rates &rates, const GemmShape &shape,
                              const GemmConfig &config) {
  constexpr double latency = 2500;
  double multiprocessors = static_cast<double>(rates.multiprocessors);
  double alone = rates.memoryBytes * (config.blockN < 32   ? 1
                                      : config.blockN < 64 ? 1.7
                                                           : 2.15);
  double tiles = llvm::divideCeil(shape.n, config.blockN);
  double bytes = static_cast<double>(llvm::alignTo(shape.k, config.blockK)) *
                 2 * static_cast<double>(shape.getProducts() * config.blockN);
  double blocks = static_cast<double>(config.occupancy);
  double rounds = std::ceil(tiles / multiprocessors / blocks);
  // Blocks that share a multiprocessor hide each other's latency.
  return (1 + (rounds - 1) / blocks) * latency +
         std::max(tiles * bytes / multiprocessors / rates.memoryBytes,
                  std::ceil(tiles / multiprocessors) * bytes / alone);
}

double transmamba::estimateGemmCycles(const tile::Target &target,
                                      const GemmShape &shape,
                                      const GemmConfig &config, int64_t rows) {
  return config.isForFewRows() ? estimateFewRows(target.rates, shape, config)
                               : estimateManyRows(target, shape, config, rows);
}

GemmConfig transmamba::chooseGemmConfig(const tile::Target &target,
                                        const GemmShape &shape, int64_t rows,
                                        bool isBound) {
  SmallVector<GemmConfig> candidates;
  if (isBound)
    candidates = getFewRowsCandidates(target, shape, rows);
  if (candidates.empty())
    candidates = getGemmCandidates(target, shape);
  return *llvm::min_element(
      candidates, [&](const GemmConfig &a, const GemmConfig &b) {
        return estimateGemmCycles(target, shape, a, rows) <
               estimateGemmCycles(target, shape, b, rows);
      });
}

DictionaryAttr transmamba::toAttribute(MLIRContext *context,
                                       const GemmConfig &config) {
  if (config.isForFewRows())
    return makeDictionary(context, {{"block_m", config.blockM},
                                    {"block_n", config.blockN},
                                    {"block_k", config.blockK},
                                    {"stages", config.stages},
                                    {"occupancy", config.occupancy}});
  SmallVector<std::pair<StringRef, int64_t>> fields = {
      {"block_m", config.blockM},
      {"block_n", config.blockN},
      {"stages", config.stages},
      {"group", config.group}};
  if (config.blockK != GemmConfig().blockK)
    fields.push_back({"block_k", config.blockK});
  if (config.alternate)
    fields.push_back({"alternate", config.alternate});
  if (!config.staging)
    fields.push_back({"staging", config.staging});
  return makeDictionary(context, fields);
}

LogicalResult transmamba::overrideConfig(DictionaryAttr attribute,
                                         const tile::Target &target,
                                         const GemmShape &shape,
                                         GemmConfig &config,
                                         EmitError emitError) {
  if (!attribute)
    return success();
  const GemmConfig chosen = config;
  bool few = chosen.isForFewRows();
  if (failed(readDictionary(attribute,
                            {{"block_m", &config.blockM},
                             {"block_n", &config.blockN},
                             {"block_k", &config.blockK},
                             {"stages", &config.stages},
                             {"group", &config.group},
                             {"alternate", &config.alternate},
                             {"staging", &config.staging},
                             {"occupancy", &config.occupancy}},
                            emitError)))
    return failure();
  // From one kernel to the other.
  if (few && !config.isForFewRows()) {
    const GemmConfig many;
    if (!attribute.contains("block_k"))
      config.blockK = many.blockK;
    if (!attribute.contains("group"))
      config.group = many.group;
    if (!attribute.contains("occupancy"))
      config.occupancy = many.occupancy;
  }
  // A load has at most 256 rows. Of few rows all are in one tile, which is
  // known where the kernel for them was chosen.
  bool isPossible =
      config.isForFewRows()
          ? few && config.blockM >= chosen.blockM && config.blockM % 16 == 0
          : config.blockM == 128 || config.blockM == 256;
  if (!isPossible || config.blockN < 16 || config.blockN > 256 ||
      config.blockN % 16 != 0 || config.blockK < 16 || config.blockK > 256 ||
      config.blockK % 16 != 0 || config.group < 1 || config.occupancy < 1 ||
      config.occupancy > (config.isForFewRows() ? 2 : 1) ||
      getRegisters(target, shape, config) > getMaxRegisters(target, config))
    return emitError() << "'" << kTileConfigAttrName << "': tiles of "
                       << config.blockM << " x " << config.blockN
                       << " in groups of " << config.group
                       << " are not possible";
  for (auto [name, value] :
       {std::pair("alternate", config.alternate), {"staging", config.staging}})
    if (value < 0 || value > 1)
      return emitError() << "'" << kTileConfigAttrName << "': '" << name
                         << "' is 0 or 1, not " << value;
  int64_t most = getMaxStages(target, target.sharedBytes, shape, config);
  if (!attribute.contains("stages"))
    config.stages =
        std::max(getMaxStages(target, target.portableBytes, shape, config),
                 std::min<int64_t>(most, 2));
  if (config.stages < 1 || config.stages > most)
    return emitError() << "'" << kTileConfigAttrName << "': " << config.stages
                       << " stages; shared memory has room for " << most;
  return success();
}
