"""What is measured: for each case a model, its inputs, what it has to do at least, and what it should give."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import models

Sizes = tuple[int, int]  # B, T


@dataclasses.dataclass
class Case:
    """`work(B, T)` is (flop, bytes): floating-point operations, and bytes that must be read and written once."""

    name: str
    kind: str  # of the inputs, the reference and the rivals
    model: str
    shape: dict[str, int]
    timed: list[Sizes]
    checked: list[Sizes]
    work: Callable[[int, int], tuple[float, float]]
    # Weights to go through, so that a small product does not find its own in the cache.
    copies: int = 1


RAGGED = [(1, 1), (1, 63), (2, 200), (3, 129), (2, 640)]


def attention_cases() -> list[Case]:
    cases = []
    for size, heads in ((64, 32), (96, 16), (128, 16)):
        name = f"attention-d{size}"

        def work(b: int, t: int, h: int = heads, d: int = size) -> tuple[float, float]:
            return 2 * b * h * t * (t + 1) * d, 4 * 2 * b * t * h * d

        cases.append(
            Case(
                name,
                "attention",
                models.attention(name, heads, size, 16, 32768),
                {"heads": heads, "size": size},
                [(16, 2048), (4, 8192), (1, 32768)],
                [*RAGGED, (1, 1000)],
                work,
            )
        )
    return cases


def scan_cases() -> list[Case]:
    cases = []
    for size, heads, batch, tokens in (
        (64, 32, 8, 8192),
        (96, 16, 16, 8192),
        (128, 16, 16, 8192),
        (64, 32, 1, 32768),
        (96, 16, 1, 32768),
        (128, 16, 1, 32768),
    ):
        name = f"scan-d{size}-chains{heads * batch}"

        def work(b: int, t: int, h: int = heads, d: int = size) -> tuple[float, float]:
            return 4 * b * t * h * d * d, b * t * h * (4 * 2 * d + 4)

        cases.append(
            Case(
                name,
                "scan",
                models.scan(name, heads, size, size, batch, tokens),
                {"heads": heads, "state": size, "size": size},
                [(batch, tokens)],
                [(b, t) for b, t in [*RAGGED, (1, 1000)] if b <= batch],
                work,
            )
        )
    return cases


def mixer_cases() -> list[Case]:
    """The shape of the paper, with every TransPoint of its schedule V9."""
    heads, size, tokens = 16, 96, 8192
    cases = []
    for point in (0, 128, 256, 512, 1024, 2048, 4096, 8192):
        name = f"mixer-p{point}"

        def work(b: int, t: int, p: int = point, h: int = heads, d: int = size) -> tuple[float, float]:
            attended = min(p, t)
            flop = 2 * b * h * attended * (attended + 1) * d
            if t > p:
                flop += b * h * (2 * attended + 4 * (t - attended)) * d * d
            return flop, b * t * h * (4 * 2 * d + 4 * (p < tokens))

        ragged = [(1, 1), (2, point - 1), (1, point), (2, point + 1), (1, point + 200), (3, point + 129)]
        cases.append(
            Case(
                name,
                "mixer",
                models.mixer(name, heads, size, point, 16, tokens),
                {"heads": heads, "state": size, "size": size, "point": point, "tokens": tokens},
                [(b, tokens) for b in (1, 4, 16)],
                [(b, t) for b, t in ragged if 0 < t <= min(tokens, 2300)],
                work,
            )
        )
    return cases


def gemm_cases() -> list[Case]:
    cases = []

    def add(name: str, b: int, t: int, n: int, k: int, epilogue: str = "") -> None:
        products = 2 if epilogue == "gated" else 1
        extra = {"residual": 1, "bias": 0}.get(epilogue, 0)

        def work(b: int, t: int) -> tuple[float, float]:
            m = b * t
            return 2 * m * n * k * products, 2 * (m * k + products * k * n + (1 + extra) * m * n)

        cases.append(
            Case(
                name,
                f"gemm-{epilogue}" if epilogue else "gemm",
                models.gemm(name, n, k, b, t, epilogue),
                {"n": n, "k": k},
                [(b, t)],
                [(1, 1), (1, 100), (1, 300)],
                work,
            )
        )

    add("gemm-8192x8192x8192", 1, 8192, 8192, 8192)
    for n, k in ((6144, 2048), (2048, 2048), (8192, 2048), (2048, 8192), (4608, 1536), (1536, 1536), (1536, 4096)):
        add(f"gemm-32768x{n}x{k}", 16, 2048, n, k)
    for epilogue, n, k in (("bias", 4608, 1536), ("silu", 4608, 1536), ("residual", 1536, 4096), ("gated", 4096, 1536)):
        add(f"gemm-32768x{n}x{k}-{epilogue}", 16, 2048, n, k, epilogue)
    return cases


def gemm_step_cases() -> list[Case]:
    cases = []
    for k, n in ((1536, 4608), (4096, 1536), (2048, 8192)):
        name = f"gemm-step-{n}x{k}"

        def work(b: int, _: int, n: int = n, k: int = k) -> tuple[float, float]:
            return 2 * b * n * k, 2 * (b * k + k * n + b * n)

        cases.append(
            Case(
                name,
                "gemm-step",
                models.gemm_step(name, n, k, 16),
                {"n": n, "k": k},
                [(1, 1), (4, 1), (16, 1)],
                [(1, 1), (3, 1), (16, 1)],
                work,
                copies=24,
            )
        )
    return cases


def row_cases() -> list[Case]:
    """Tensors of the batch that each reads or writes; weights are nothing beside them."""
    flop = {"rms_norm": 4, "gated_rms_norm": 9, "conv": 13, "add": 1, "gate": 5}
    tensors = {"rms_norm": 2, "gated_rms_norm": 3, "conv": 2, "add": 3, "gate": 3}
    cases = []
    for kind, count in tensors.items():
        # 4608 are the queries, keys and values of 1536 channels.
        for columns in (1536, 2048, 4608 if kind == "conv" else 4096):
            name = f"{kind}-{columns}"

            def work(b: int, t: int, c: int = columns, kind: str = kind, count: int = count) -> tuple[float, float]:
                return flop[kind] * b * t * c, 2 * count * b * t * c

            cases.append(
                Case(
                    name,
                    kind,
                    models.rows(name, kind, columns, 4, 8192),
                    {"columns": columns},
                    [(4, 8192), (1, 8192)],
                    [(1, 1), (1, 3), (1, 65), (2, 200), (3, 129), (1, 8191)],
                    work,
                )
            )
    return cases


def all_cases() -> list[Case]:
    return [*attention_cases(), *scan_cases(), *mixer_cases(), *gemm_cases(), *gemm_step_cases(), *row_cases()]


def select(words: list[str]) -> list[Case]:
    """The cases whose name begins with one of the words; all without words."""
    cases = all_cases()
    return [case for case in cases if not words or any(case.name.startswith(word) for word in words)]
