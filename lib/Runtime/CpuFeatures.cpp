//===- CpuFeatures.cpp - What the processor can run -----------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "CpuFeatures.h"

#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace transmamba::runtime {

#if defined(__x86_64__)

namespace {
/// Registers that CPUID fills, in the order of the instruction.
struct Registers {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

/// Where CPUID shows a feature.
struct Feature {
  const char *name;
  int level;
  unsigned leaf;
  unsigned Registers::*reg;
  unsigned bit;
};
} // namespace

static constexpr unsigned extendedLeaf = 0x80000001;

/// The levels of the x86-64 psABI: each needs the features of those below.
static constexpr Feature features[] = {
    {"cx16", 2, 1, &Registers::ecx, 13},
    {"lahf_lm", 2, extendedLeaf, &Registers::ecx, 0},
    {"popcnt", 2, 1, &Registers::ecx, 23},
    {"sse3", 2, 1, &Registers::ecx, 0},
    {"ssse3", 2, 1, &Registers::ecx, 9},
    {"sse4.1", 2, 1, &Registers::ecx, 19},
    {"sse4.2", 2, 1, &Registers::ecx, 20},
    {"avx", 3, 1, &Registers::ecx, 28},
    {"avx2", 3, 7, &Registers::ebx, 5},
    {"bmi1", 3, 7, &Registers::ebx, 3},
    {"bmi2", 3, 7, &Registers::ebx, 8},
    {"f16c", 3, 1, &Registers::ecx, 29},
    {"fma", 3, 1, &Registers::ecx, 12},
    {"lzcnt", 3, extendedLeaf, &Registers::ecx, 5},
    {"movbe", 3, 1, &Registers::ecx, 22},
    {"osxsave", 3, 1, &Registers::ecx, 27},
    {"avx512f", 4, 7, &Registers::ebx, 16},
    {"avx512bw", 4, 7, &Registers::ebx, 30},
    {"avx512cd", 4, 7, &Registers::ebx, 28},
    {"avx512dq", 4, 7, &Registers::ebx, 17},
    {"avx512vl", 4, 7, &Registers::ebx, 31},
};

static Registers cpuid(unsigned leaf) {
  Registers r;
  // Zeros where the processor has no such leaf.
  __get_cpuid_count(leaf, 0, &r.eax, &r.ebx, &r.ecx, &r.edx);
  return r;
}

/// The register states that the operating system saves; asked only where the
/// processor has OSXSAVE.
static unsigned savedStates() {
  if (!((cpuid(1).ecx >> 27) & 1))
    return 0;
  unsigned low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

std::string missingFeatures(const std::string &level) {
  int number = level == "x86-64" ? 1 : level.back() - '0';
  std::string missing;
  auto miss = [&](const char *name) {
    missing += (missing.empty() ? "" : " ") + std::string(name);
  };
  for (const Feature &feature : features)
    if (feature.level <= number &&
        !((cpuid(feature.leaf).*feature.reg >> feature.bit) & 1))
      miss(feature.name);
  constexpr unsigned ymmStates = 0x06;
  constexpr unsigned zmmStates = 0xe6;
  unsigned saved = number >= 3 ? savedStates() : 0;
  if (number >= 3 && (saved & ymmStates) != ymmStates)
    miss("operating-system-support-for-ymm");
  if (number >= 4 && (saved & zmmStates) != zmmStates)
    miss("operating-system-support-for-zmm");
  return missing;
}

std::string processorName() {
  char brand[49] = {};
  for (unsigned i = 0; i < 3; ++i) {
    Registers r = cpuid(0x80000002 + i);
    std::memcpy(brand + 16 * i, &r.eax, 4);
    std::memcpy(brand + 16 * i + 4, &r.ebx, 4);
    std::memcpy(brand + 16 * i + 8, &r.ecx, 4);
    std::memcpy(brand + 16 * i + 12, &r.edx, 4);
  }
  std::string name = brand;
  name.erase(0, name.find_first_not_of(' '));
  return name.empty() ? "x86-64 processor" : name;
}

#else

std::string missingFeatures(const std::string &) {
  return "an x86-64 processor";
}

std::string processorName() { return "processor that is not x86-64"; }

#endif

} // namespace transmamba::runtime
