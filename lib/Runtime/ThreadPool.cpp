//===- ThreadPool.cpp - Running a grid on the processor -------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "ThreadPool.h"

#include <algorithm>
#include <chrono>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace transmamba::runtime {

/// Longer than the gap between two commands, shorter than a time slice.
static constexpr std::chrono::microseconds spinTime(50);
/// Chunks for each thread: enough to balance, few enough to cost nothing.
static constexpr int64_t chunksPerThread = 16;
static constexpr uint64_t remainingMask = 0xffffffff;

static void pause() {
#if defined(__x86_64__)
  _mm_pause();
#else
  std::this_thread::yield();
#endif
}

/// Spins until `condition` holds; false where it has not within spinTime.
template <typename Condition> static bool spinUntil(Condition condition) {
  auto end = std::chrono::steady_clock::now() + spinTime;
  do {
    for (unsigned i = 0; i < 32; ++i) {
      if (condition())
        return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

namespace {
/// Kernels run with the default floating-point environment, whatever the
/// calling thread has set (flush-to-zero, say): results do not depend on which
/// thread computes them.
class FloatingPointGuard {
public:
#if defined(__x86_64__)
  FloatingPointGuard() : saved(_mm_getcsr()) { _mm_setcsr(0x1f80); }
  ~FloatingPointGuard() { _mm_setcsr(saved); }

private:
  unsigned saved;
#else
  FloatingPointGuard() {}
#endif
};
} // namespace

ThreadPool::ThreadPool(unsigned threads) {
  try {
    for (unsigned i = 1; i < threads; ++i)
      workers.emplace_back([this] { work(); });
  } catch (const std::system_error &) {
    // The system allows no more threads: go on with those that there are.
  }
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard<std::mutex> lock(sleepMutex);
    stop = true;
  }
  workAvailable.notify_all();
  for (std::thread &worker : workers)
    worker.join();
}

/// Calls the kernel for the points [begin, end) of the grid, x innermost.
static void runPoints(CpuKernel kernel, const uint64_t *args,
                      const std::array<int64_t, 3> &grid, int64_t begin,
                      int64_t end) {
  int64_t x = begin % grid[0];
  int64_t y = begin / grid[0] % grid[1];
  int64_t z = begin / grid[0] / grid[1];
  for (int64_t point = begin; point != end; ++point) {
    kernel(args, x, y, z);
    if (++x != grid[0])
      continue;
    x = 0;
    if (++y != grid[1])
      continue;
    y = 0;
    ++z;
  }
}

void ThreadPool::run(CpuKernel kernel, const uint64_t *args,
                     const std::array<int64_t, 3> &grid) {
  FloatingPointGuard guard;
  int64_t points = grid[0] * grid[1] * grid[2];
  if (points == 1 || workers.empty()) {
    runPoints(kernel, args, grid, 0, points);
    return;
  }
  std::lock_guard<std::mutex> lock(jobMutex);
  job.kernel = kernel;
  job.args = args;
  job.grid = grid;
  job.points = points;
  int64_t wanted = chunksPerThread * threadCount();
  job.chunkPoints = (points + wanted - 1) / wanted;
  job.chunks =
      static_cast<uint64_t>((points + job.chunkPoints - 1) / job.chunkPoints);
  uint64_t chunks = job.chunks;
  chunksDone.store(0, std::memory_order_relaxed);
  uint64_t number = (ticket.load(std::memory_order_relaxed) >> 32) + 1;
  ticket.store(number << 32 | chunks);
  wakeWorkers(chunks);
  while (runChunk())
    ;
  waitForCompletion(chunks);
}

/// Takes one chunk and runs it; false where there is none.
bool ThreadPool::runChunk() {
  uint64_t seen = ticket.load(std::memory_order_acquire);
  do {
    if ((seen & remainingMask) == 0)
      return false;
  } while (!ticket.compare_exchange_weak(
      seen, seen - 1, std::memory_order_acq_rel, std::memory_order_acquire));
  uint64_t chunks = job.chunks;
  int64_t index = static_cast<int64_t>(chunks - (seen & remainingMask));
  int64_t begin = index * job.chunkPoints;
  int64_t end = std::min(begin + job.chunkPoints, job.points);
  runPoints(job.kernel, job.args, job.grid, begin, end);
  // From here on the job may be over, and `job` another one.
  if (chunksDone.fetch_add(1) + 1 == chunks && callerWaits.load()) {
    std::lock_guard<std::mutex> lock(doneMutex);
    jobDone.notify_one();
  }
  return true;
}

void ThreadPool::wakeWorkers(uint64_t chunks) {
  uint64_t asleep = sleepers.load();
  if (asleep == 0)
    return;
  std::lock_guard<std::mutex> lock(sleepMutex);
  // The calling thread takes a chunk as well.
  for (uint64_t i = std::min(asleep, chunks - 1); i != 0; --i)
    workAvailable.notify_one();
}

void ThreadPool::waitForCompletion(uint64_t chunks) {
  auto complete = [&] { return chunksDone.load() == chunks; };
  if (spinUntil(complete))
    return;
  std::unique_lock<std::mutex> lock(doneMutex);
  callerWaits = true;
  jobDone.wait(lock, complete);
  callerWaits = false;
}

/// Waits for chunks; false where the pool goes away.
bool ThreadPool::waitForWork() {
  auto ready = [&] {
    return (ticket.load() & remainingMask) != 0 || stop.load();
  };
  if (!spinUntil(ready)) {
    std::unique_lock<std::mutex> lock(sleepMutex);
    ++sleepers;
    workAvailable.wait(lock, ready);
    --sleepers;
  }
  return !stop.load();
}

void ThreadPool::work() {
  FloatingPointGuard guard;
  while (waitForWork())
    while (runChunk())
      ;
}

} // namespace transmamba::runtime
