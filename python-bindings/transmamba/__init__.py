"""Runs compiled TransMamba models.

    import numpy as np, transmamba

    package = transmamba.Package("model.tmpkg")
    session = package.session(rows=1)
    tokens = np.frombuffer(b"In the beginning", np.uint8).astype(np.int32)[None]
    logits = session.run("prefill", {"tokens": tokens, "lengths": [tokens.shape[1]]})["logits"]
    for _ in range(100):
        token = logits.argmax(-1).astype(np.int32)
        logits = session.run("decode", {"tokens": token[:, None]})["logits"]

A session keeps the state of its rows (KV caches, SSM states, convolution windows) and their positions from call to call.
What the runtime refuses is raised as a subclass of `Error`; the session is then as it was, except after a `DeviceError`.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from . import _runtime
from ._runtime import (
    BadPackage,
    BadState,
    DeviceError,
    Error,
    InternalError,
    InvalidArgument,
    OutOfMemory,
    Unsupported,
    devices,
)

__all__ = [
    "BadPackage",
    "BadState",
    "DeviceError",
    "Entry",
    "Error",
    "InternalError",
    "InvalidArgument",
    "OutOfMemory",
    "Package",
    "Session",
    "Tensor",
    "Unsupported",
    "devices",
]

__version__ = _runtime.version()

# NumPy has no bfloat16: its bits travel as uint16, and are float32 to the caller, which holds every bfloat16.
_DTYPES = {
    "f32": np.float32,
    "bf16": np.uint16,
    "f16": np.float16,
    "f64": np.float64,
    "i8": np.int8,
    "i32": np.int32,
    "i64": np.int64,
}


def _widened(array: np.ndarray, type_: str) -> np.ndarray:
    """bfloat16 bits as float32; anything else as it is."""
    if type_ != "bf16":
        return array
    return (array.astype(np.uint32) << 16).view(np.float32)


def _narrowed(array: np.ndarray) -> np.ndarray:
    """The bits of the nearest bfloat16, ties to even."""
    array = np.ascontiguousarray(array, np.float32)
    bits = array.view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> 16) & 1)) >> 16
    # Rounding must not carry a NaN to infinity.
    return np.where(np.isnan(array), (bits >> 16) | 0x40, rounded).astype(np.uint16)


def _as_array(value: Any, type_: str) -> Any:
    """What the runtime takes: arrays keep their type, which it checks; Python numbers get the declared one."""
    if hasattr(value, "__dlpack__") and not isinstance(value, np.ndarray):
        return value
    if not isinstance(value, (np.ndarray, np.generic)):
        value = np.asarray(value, np.float32 if type_ == "bf16" else _DTYPES[type_])
    if type_ == "bf16" and value.dtype == np.float32:
        return _narrowed(value)
    return np.asarray(value, order="C")


@dataclasses.dataclass(frozen=True)
class Tensor:
    """An input or output: `shape` holds integers, names of symbols such as "B" and "T", and expressions over them."""

    name: str
    type: str
    shape: tuple
    role: str | None = None


@dataclasses.dataclass(frozen=True)
class Entry:
    """An entry point. `inputs` are those that a caller hands in; the session adds the positions itself."""

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


def _tensors(descriptions: list[dict]) -> tuple[Tensor, ...]:
    return tuple(
        Tensor(one["name"], one["type"], tuple(one["shape"]), one.get("role"))
        for one in descriptions
        if one.get("role") != "positions"
    )


def _entries(variant: dict) -> dict[str, Entry]:
    return {
        entry["name"]: Entry(entry["name"], _tensors(entry["inputs"]), _tensors(entry["outputs"]))
        for entry in variant["entries"]
    }


class Package:
    """An open package (.tmpkg). It holds code: open what you would run as a program."""

    def __init__(self, path: str | os.PathLike) -> None:
        self._handle = _runtime.Package(os.fspath(path))
        #: docs/package.md describes it.
        self.manifest: dict = json.loads(self._handle.manifest)

    @property
    def name(self) -> str:
        return self.manifest["model"]["name"]

    @property
    def targets(self) -> list[str]:
        """What there is code for, the first that fits being taken."""
        return [variant["target"] for variant in self.manifest["variants"]]

    @property
    def entries(self) -> dict[str, Entry]:
        """The entry points by name."""
        return _entries(self.manifest["variants"][0])

    def verify(self) -> None:
        """Compares the checksums of all files, which reads the whole package."""
        self._handle.verify()

    def session(self, device: str = "cpu", rows: int = 1, **options: Any) -> Session:
        """A session with the state of `rows` sequences; see Session."""
        return Session(self, device, rows, **options)


class Session:
    """A package on a device ("cpu", "cuda:N"), with the state of `rows` sequences.

    threads: threads on the CPU, 0 for all. poison: fill scratch memory and outputs with NaN before each call. graphs: replay
    calls of the same sizes as CUDA graphs. Threads may share a session: calls wait for one another.
    """

    def __init__(
        self,
        package: Package,
        device: str = "cpu",
        rows: int = 1,
        *,
        threads: int = 0,
        poison: bool = False,
        graphs: bool = True,
    ) -> None:
        flags = (_runtime.POISON if poison else 0) | (0 if graphs else _runtime.NO_GRAPHS)
        self._handle = _runtime.Session(package._handle, _runtime.Device(device, threads), rows, flags)
        variants = {variant["target"]: variant for variant in package.manifest["variants"]}
        #: The entry points by name.
        self.entries = _entries(variants[self.target])
        self._states = {name: (type_, tuple(shape)) for name, type_, shape in self._handle.states()}

    @property
    def rows(self) -> int:
        return self._handle.rows

    @property
    def target(self) -> str:
        """The target of the code that runs, such as "cpu:x86-64-v3"."""
        return self._handle.target

    @property
    def selection(self) -> str:
        """One line for each variant of the package: taken, or why not."""
        return self._handle.selection

    @property
    def positions(self) -> np.ndarray:
        """How many tokens each row has seen."""
        return np.array(self._handle.positions(), np.int64)

    @property
    def states(self) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Type and shape of each state by name."""
        return dict(self._states)

    def run(
        self,
        entry: str,
        inputs: Mapping[str, Any],
        outputs: Iterable[str] | Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Runs an entry point, and gives its outputs by name.

        inputs: arrays (NumPy, or anything with DLPack, in the processor's memory), or numbers and lists of them.
        outputs: names of those that are wanted, by default all; or arrays by name, which are written in place.
        """
        known = self.entries.get(entry)
        types = {one.name: one.type for one in known.inputs} if known else {}
        arrays = {name: _as_array(value, types.get(name, "f32")) for name, value in inputs.items()}
        if isinstance(outputs, Mapping):
            self._handle.invoke(entry, arrays, dict(outputs))
            return dict(outputs)
        names = [one.name for one in known.outputs] if outputs is None and known else list(outputs or ())
        made, output_types = {}, {}
        for name in names:
            _, output_types[name], shape = self._handle.output_shape(entry, arrays, name)
            made[name] = np.empty(shape, _DTYPES[output_types[name]])
        self._handle.invoke(entry, arrays, made)
        return {name: _widened(array, output_types[name]) for name, array in made.items()}

    def reset(self) -> None:
        """All state zeros, all positions 0."""
        self._handle.reset()

    def _state(self, name: str) -> tuple[str, tuple[int, ...]]:
        if name not in self._states:
            raise InvalidArgument(f"'{name}': error: there is no such state; there are {', '.join(self._states) or 'none'}")
        return self._states[name]

    def read_state(self, name: str) -> np.ndarray:
        """A copy of a state."""
        type_, shape = self._state(name)
        array = np.empty(shape, _DTYPES[type_])
        self._handle.read_state(name, array)
        return _widened(array, type_)

    def write_state(self, name: str, value: Any) -> None:
        """Puts back what `read_state` gave. Positions do not move."""
        type_, shape = self._state(name)
        array = _as_array(value, type_)
        if tuple(array.shape) != shape or array.dtype != _DTYPES[type_]:
            raise InvalidArgument(f"'{name}': error: this state is {type_} {list(shape)}, not {array.dtype} {list(array.shape)}")
        self._handle.write_state(name, array)
