"""Packages on memory of PyTorch, through the C interface of the runtime (include/transmamba/Runtime/runtime.h)."""

from __future__ import annotations

import ctypes
import pathlib

import torch

TYPES = {torch.float32: 0, torch.bfloat16: 1, torch.float16: 2, torch.float64: 3, torch.int8: 4, torch.int32: 5, torch.int64: 6}
NO_GRAPHS, POISON = 1, 2


class Tensor(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("type", ctypes.c_int32),
        ("rank", ctypes.c_int32),
        ("shape", ctypes.c_int64 * 8),
        ("data", ctypes.c_void_p),
    ]


class Options(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("flags", ctypes.c_uint32)]


def make_tensors(values: dict[str, torch.Tensor]) -> ctypes.Array:
    array = (Tensor * len(values))()
    for entry, (name, value) in zip(array, values.items()):
        assert value.is_contiguous(), name
        entry.name, entry.type, entry.rank = name.encode(), TYPES[value.dtype], value.dim()
        entry.shape[: value.dim()] = list(value.shape)
        entry.data = value.data_ptr()
    return array


class Runtime:
    def __init__(self, library: pathlib.Path) -> None:
        self.lib = ctypes.CDLL(str(library))
        self.lib.tm_last_error.restype = ctypes.c_char_p
        self.lib.tm_session_enqueue.argtypes = [ctypes.c_void_p, ctypes.c_char_p] + [ctypes.c_void_p, ctypes.c_size_t] * 2 + [
            ctypes.c_void_p
        ]
        self.lib.tm_session_create.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p]
        for release in (self.lib.tm_package_release, self.lib.tm_session_release):
            release.argtypes = [ctypes.c_void_p]
        self.device = ctypes.c_void_p()
        self.check(self.lib.tm_device_open(b"cuda:0", None, ctypes.byref(self.device)))

    def check(self, status: int) -> None:
        if status:
            raise RuntimeError(self.lib.tm_last_error().decode())

    def session(self, package: pathlib.Path, flags: int, rows: int) -> Session:
        return Session(self, package, flags, rows)


class Session:
    """One package, loaded. Memory and kernels are given back by `close`."""

    def __init__(self, runtime: Runtime, package: pathlib.Path, flags: int, rows: int) -> None:
        self.runtime = runtime
        self.package, self.handle = ctypes.c_void_p(), ctypes.c_void_p()
        options = Options(ctypes.sizeof(Options), flags)
        runtime.check(runtime.lib.tm_package_open(str(package).encode(), ctypes.byref(self.package)))
        runtime.check(
            runtime.lib.tm_session_create(
                self.package, runtime.device, rows, ctypes.byref(options), ctypes.byref(self.handle)
            )
        )

    def close(self) -> None:
        self.runtime.lib.tm_session_release(self.handle)
        self.runtime.lib.tm_package_release(self.package)

    def bind(self, inputs: dict[str, torch.Tensor], output: torch.Tensor):
        """A function that runs the package on these tensors, on PyTorch's current stream."""
        given, wanted = make_tensors(inputs), make_tensors({"y": output})
        # The memory lives as long as the function.
        kept = (inputs, output)

        def call() -> None:
            stream = torch.cuda.current_stream().cuda_stream
            self.runtime.check(
                self.runtime.lib.tm_session_enqueue(self.handle, b"forward", given, len(given), wanted, len(wanted), stream)
            )

        call.kept = kept
        return call
