//===- ThreadPool.h - Running a grid on the processor -----------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_RUNTIME_THREADPOOL_H
#define TRANSMAMBA_LIB_RUNTIME_THREADPOOL_H

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace transmamba::runtime {

/// A kernel of a CPU variant, as docs/package.md says.
using CpuKernel = void (*)(const uint64_t *args, int64_t x, int64_t y,
                           int64_t z);

/// Threads that share the points of a grid. The calling thread works too. A
/// grid is cut into chunks, which threads take from a counter, so that points
/// of different cost balance. Idle threads spin for some microseconds (the next
/// command of a plan comes at once), then sleep.
class ThreadPool {
public:
  /// `threads` counts the calling thread; at least 1.
  explicit ThreadPool(unsigned threads);
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;
  ~ThreadPool();

  /// Calls the kernel once for every point of the grid and returns when all
  /// calls have. Calls of different threads run one after the other.
  void run(CpuKernel kernel, const uint64_t *args,
           const std::array<int64_t, 3> &grid);

  unsigned threadCount() const {
    return static_cast<unsigned>(workers.size()) + 1;
  }

private:
  struct Job {
    CpuKernel kernel = nullptr;
    const uint64_t *args = nullptr;
    std::array<int64_t, 3> grid = {};
    int64_t points = 0;
    int64_t chunkPoints = 0;
    uint64_t chunks = 0;
  };

  void work();
  bool runChunk();
  bool waitForWork();
  void wakeWorkers(uint64_t chunks);
  void waitForCompletion(uint64_t chunks);

  std::vector<std::thread> workers;
  /// One job at a time.
  std::mutex jobMutex;
  Job job;
  /// High half: number of the job. Low half: chunks that nobody has taken. Only
  /// who has taken a chunk may look at `job`, which then cannot change before
  /// that chunk is done.
  std::atomic<uint64_t> ticket{0};
  std::atomic<uint64_t> chunksDone{0};
  std::atomic<bool> stop{false};

  std::mutex sleepMutex;
  std::condition_variable workAvailable;
  std::atomic<unsigned> sleepers{0};
  std::mutex doneMutex;
  std::condition_variable jobDone;
  std::atomic<bool> callerWaits{false};
};

} // namespace transmamba::runtime

#endif // TRANSMAMBA_LIB_RUNTIME_THREADPOOL_H
