"""Write the golden files: what PyTorch computes for held-out text with the stored weights.

    python3 golden.py kjv.txt --output golden

tokens.npy          int32   [2,160]      logits-{f32,f64,bf16}.npy       [2,160,256]
long-tokens.npy     int32   [2,640]      long-positions.npy int32 [S]
                                         long-logits-{f32,f64,bf16}.npy  [2,S,256], at those positions
ragged-tokens.npy   int32   [5,160]      ragged-lengths.npy int32 [5]
                                         ragged-logits-{f32,f64}.npy     [5,256], at each row's last token
greedy-tokens.npy   int32   [2,608]      greedy-margins.npy float32 [2,576]
errors.json                              relative errors of the f32 and bf16 runs

f64 and f32 are float64 and float32 arithmetic. bf16 is `model.bfloat16()`: weights, activations and residual stream in
bfloat16, on the GPU where there is one (stored as float32, which holds bfloat16 exactly). Row r of the greedy tokens is
a 32-byte prompt and its likeliest continuation in float64; a margin is the gap between the two largest logits at a step.
"""

from __future__ import annotations

import argparse
import json
import pathlib

import numpy as np
import torch
from torch import Tensor

from checkpoint import HERE, load_model
from corpus import split
from generate import generate
from model import Config

SHORT, LONG, PROMPT, GREEDY = 160, 640, 32, 576
RAGGED_LENGTHS = (1, 16, 17, 129, SHORT)
PADDING = 255  # a byte that no text holds: reading it where nothing should be read changes the logits


def rows(text: bytes, starts: tuple[float, ...], length: int) -> Tensor:
    """One row of `length` bytes for each fraction of the text, from the next start of a line on."""
    begins = [text.index(b"\n", int(start * len(text))) + 1 for start in starts]
    return torch.tensor([list(text[begin : begin + length]) for begin in begins])


def long_positions(config: Config) -> list[int]:
    """Every 16th position, the last one, and the two sides of every TransPoint."""
    edges = {p + offset for p in config.schedule for offset in (-1, 0, 1) if p > 0}
    return sorted(edges | set(range(0, LONG, 16)) | {LONG - 1})


def relative_error(x: np.ndarray, reference: np.ndarray) -> float:
    return float(np.linalg.norm(x.astype(np.float64) - reference) / np.linalg.norm(reference))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=pathlib.Path)
    parser.add_argument("--model", type=pathlib.Path, default=HERE / "model.safetensors")
    parser.add_argument("--output", type=pathlib.Path, default=HERE / "golden")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    train_text, held_out = split(arguments.corpus.read_bytes())

    def save(name: str, array: np.ndarray) -> None:
        np.save(arguments.output / f"{name}.npy", array)

    long_tokens = rows(held_out, (0.3, 0.8), LONG)
    short_tokens = long_tokens[:, :SHORT]
    lengths = torch.tensor(RAGGED_LENGTHS)
    ragged_tokens = rows(held_out, (0.1, 0.2, 0.4, 0.5, 0.6), SHORT)
    ragged_tokens[torch.arange(SHORT) >= lengths[:, None]] = PADDING
    config = Config.from_json(arguments.model.with_name("config.json"))
    positions = long_positions(config)
    for name, tensor in (
        ("tokens", short_tokens),
        ("long-tokens", long_tokens),
        ("long-positions", torch.tensor(positions)),
        ("ragged-tokens", ragged_tokens),
        ("ragged-lengths", lengths),
    ):
        save(name, tensor.int().numpy())

    errors: dict[str, dict[str, float]] = {}
    references: dict[str, np.ndarray] = {}
    for kind, dtype, where in (
        ("f64", torch.float64, "cpu"),
        ("f32", torch.float32, "cpu"),
        ("bf16", torch.bfloat16, device),
    ):
        model = load_model(arguments.model, dtype, where)
        with torch.no_grad():
            outputs = {"logits": model(short_tokens.to(where)), "long-logits": model(long_tokens.to(where))[:, positions]}
            # Each row alone and unpadded: what a ragged batch has to reproduce.
            ragged = [model(row[None, :n].to(where))[0, -1] for row, n in zip(ragged_tokens, RAGGED_LENGTHS)]
        if kind != "bf16":
            outputs["ragged-logits"] = torch.stack(ragged)
        for name, tensor in outputs.items():
            array = (tensor.float() if kind == "bf16" else tensor).cpu().numpy()
            save(f"{name}-{kind}", array)
            if kind == "f64":
                references[name] = array
            else:
                errors.setdefault(kind, {})[name] = relative_error(array, references[name])
                if name == "logits":
                    agreement = (array.argmax(-1) == references[name].argmax(-1)).mean()
                    errors[kind]["argmax-agreement"] = float(agreement)
    errors["bf16"]["device-is-cuda"] = float(device == "cuda")

    prompts = torch.cat((torch.tensor([list(train_text[:PROMPT])]), long_tokens[:1, :PROMPT]))
    model = load_model(arguments.model, torch.float64, device)
    greedy, margins = generate(model, prompts.to(device), GREEDY, temperature=0)
    save("greedy-tokens", greedy.int().cpu().numpy())
    save("greedy-margins", margins.float().cpu().numpy())

    (arguments.output / "errors.json").write_text(json.dumps(errors, indent=2) + "\n")
    print(json.dumps(errors, indent=2))
    print(f"smallest greedy margin {margins.min():.2e}")
    for row in greedy.tolist():
        print(bytes(row).decode("latin-1"))


if __name__ == "__main__":
    main()
