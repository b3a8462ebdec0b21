"""Times and errors: CUDA graphs, medians with an overwritten second-level cache, everyone in turn."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable

import torch

FLUSH_BYTES = 256 << 20


class Timer:
    def __init__(self, rounds: int) -> None:
        self.rounds = rounds
        self.flush = torch.empty(FLUSH_BYTES, dtype=torch.uint8, device="cuda")

    def prepare(self, call: Callable) -> Callable:
        """`call` as a CUDA graph, so that no host is measured; as it is where it cannot be captured."""
        for _ in range(3):
            call()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                call()
        except RuntimeError as error:
            torch.cuda.synchronize()
            print(f"    not captured, the host is measured too: {str(error).splitlines()[0][:100]}", flush=True)
            return call
        torch.cuda.synchronize()
        return graph.replay

    def medians(self, calls: dict[str, Callable], divide: int = 1) -> dict[str, float]:
        """Seconds of each. They take turns, so that all see the same clock."""
        ready = {name: self.prepare(call) for name, call in calls.items()}
        times: dict[str, list] = {name: [] for name in ready}
        for turn in range(self.rounds + 2):
            for name, call in ready.items():
                start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
                self.flush.fill_(turn)
                start.record()
                call()
                end.record()
                if turn >= 2:  # the first two warm up
                    times[name].append((start, end))
            torch.cuda.synchronize()
        return {
            name: statistics.median(start.elapsed_time(end) for start, end in pairs) / 1e3 / divide
            for name, pairs in times.items()
        }


def measure_limits(timer: Timer) -> dict[str, float]:
    """What the machine does at most: bytes of a device copy, read and written, and operations of cuBLAS on 8192^3."""
    source = torch.ones(1 << 29, dtype=torch.float32, device="cuda")
    target = torch.empty_like(source)
    a, b = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    c = torch.empty_like(a)
    # The driver's copy is not the fastest everywhere: a kernel that reads and writes as much is the other candidate.
    times = timer.medians(
        {
            "copy": lambda: target.copy_(source),
            "kernel": lambda: torch.neg(source, out=target),
            "product": lambda: torch.mm(a, b, out=c),
        }
    )
    moved = 2 * source.numel() * source.element_size()
    return {"bytes": moved / min(times["copy"], times["kernel"]), "flop": 2 * 8192**3 / times["product"]}


def share_of_limit(work: tuple[float, float], seconds: float, limits: dict[str, float]) -> float:
    return max(work[0] / limits["flop"], work[1] / limits["bytes"]) / seconds


def relative_error(value: torch.Tensor, reference: torch.Tensor) -> float:
    """Relative Frobenius error; infinite where anything is not a number, such as a poisoned element."""
    if not torch.isfinite(value).all():
        return math.inf
    return ((value.double() - reference).norm() / reference.norm()).item()
