"""Read and write the trained weights: safetensors, by the library where it is installed, else by these few lines.

The format is an 8-byte little-endian header length, a JSON header (name -> dtype, shape, byte range), then the bytes.
"""

from __future__ import annotations

import json
import pathlib
import struct

import torch
from torch import Tensor

from model import Config, TransMamba

HERE = pathlib.Path(__file__).resolve().parent
DTYPES = {"F64": torch.float64, "F32": torch.float32, "BF16": torch.bfloat16}


def save_tensors(path: pathlib.Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    try:
        from safetensors.torch import save_file
    except ImportError:
        pass
    else:
        save_file(tensors, str(path), metadata=metadata)
        return
    names = {dtype: name for name, dtype in DTYPES.items()}
    header: dict[str, object] = {"__metadata__": metadata}
    blobs, offset = [], 0
    for name, tensor in sorted(tensors.items()):
        # NumPy has no bfloat16: reinterpret as bytes instead.
        blob = bytes(tensor.contiguous().flatten().view(torch.uint8).numpy())
        header[name] = {
            "dtype": names[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + len(blob)],
        }
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def load_tensors(path: pathlib.Path) -> dict[str, Tensor]:
    try:
        from safetensors.torch import load_file
    except ImportError:
        pass
    else:
        return load_file(str(path))
    data = bytearray(path.read_bytes())
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        tensors[name] = torch.frombuffer(data[begin:end], dtype=DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors


def load_model(
    path: pathlib.Path = HERE / "model.safetensors", dtype: torch.dtype = torch.float32, device: str = "cpu"
) -> TransMamba:
    """The trained model in evaluation mode. The stored bf16 values are exact in every wider type."""
    model = TransMamba(Config.from_json(path.with_name("config.json")))
    model.load_state_dict(load_tensors(path))
    return model.to(device=device, dtype=dtype).eval()
