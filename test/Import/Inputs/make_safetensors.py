"""Writes the weights of tiny.json as zeros: make_safetensors.py FILE [NAME=DTYPE:SHAPE | NAME=]... to replace or drop tensors."""

import json
import math
import pathlib
import struct
import sys

SIZES = {"F32": 4, "BF16": 2, "I32": 4}
TENSORS = {
    "embedding.weight": ("F32", [256, 32]),
    "layers.0.mixer.norm.weight": ("F32", [32]),
    "layers.0.mixer.qkv.weight": ("BF16", [48, 32]),
    "layers.0.mixer.conv.weight": ("F32", [48, 4]),
    "layers.0.mixer.conv.bias": ("F32", [48]),
    "layers.0.mixer.dt.weight": ("F32", [2, 32]),
    "layers.0.mixer.dt.bias": ("F32", [2]),
    "layers.0.mixer.z.weight": ("F32", [16, 32]),
    "layers.0.mixer.A_log": ("F32", [2]),
    "layers.0.mixer.D": ("F32", [2]),
    "layers.0.mixer.gate_norm.weight": ("F32", [16]),
    "layers.0.mixer.out.weight": ("F32", [32, 16]),
    "norm.weight": ("F32", [32]),
    "head.weight": ("F32", [256, 32]),
}


def main() -> None:
    tensors = dict(TENSORS)
    for change in sys.argv[2:]:
        name, value = change.split("=")
        del tensors[name]
        if value:
            dtype, shape = value.split(":")
            tensors[name] = (dtype, [int(size) for size in shape.split("x")])
    header, offset = {}, 0
    for name, (dtype, shape) in tensors.items():
        end = offset + SIZES[dtype] * math.prod(shape)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    pathlib.Path(sys.argv[1]).write_bytes(struct.pack("<Q", len(text)) + text + bytes(offset))


if __name__ == "__main__":
    main()
