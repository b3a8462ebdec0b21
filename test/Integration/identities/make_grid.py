#!/usr/bin/env python3
"""Writes the models over which the identities of the semantics are tested, one file each, into a directory.

    make_grid.py DIRECTORY

The files differ in heads, head dimension, TransPoint, chunk and form; their names say how. Any implementation that takes
these models can be tested with them.
"""

from __future__ import annotations

import dataclasses
import pathlib
import sys

from make_model import Config, make_model

# (heads, key and value heads, head dimension): multi-head, grouped, multi-query, one head of the smallest size
SHAPES = [(4, 4, 8), (4, 2, 8), (2, 1, 32), (1, 1, 2)]
# before, at and after the edges of a chunk of 4, and beyond every sequence of the tests
TRANSPOINTS = [0, 1, 3, 4, 5, 64]
MODEL_SCHEDULES = [(0, 4), (4, 7), (64, 5), (3, 64, 0)]


def grid() -> dict[str, Config]:
    """The configurations by name."""
    configs = {}
    for heads, kv_heads, head_dim in SHAPES:
        mixer = Config(heads=heads, kv_heads=kv_heads, head_dim=head_dim, mixer=True, width=2 * head_dim)
        shape = f"h{heads}-k{kv_heads}-d{head_dim}"
        # A layer that only attends has a cache for every position.
        for form, point in (("attention", mixer.max_sequence), ("ssm", 0)):
            configs[f"pure-{form}-{shape}"] = dataclasses.replace(mixer, form=form, schedule=(point,))
        for point in TRANSPOINTS:
            configs[f"mixer-{shape}-p{point}"] = dataclasses.replace(mixer, schedule=(point,), chunk=4)
    for schedule in MODEL_SCHEDULES:
        name = "model-p" + "-".join(map(str, schedule))
        configs[name] = Config(kv_heads=2, layers=len(schedule), schedule=schedule, chunk=4)
    configs["model-bf16"] = Config(kv_heads=2, layers=2, schedule=(4, 0), dtype="bf16")
    return configs


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 1
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    for name, config in grid().items():
        (directory / f"{name}.mlir").write_text(make_model(config, name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
