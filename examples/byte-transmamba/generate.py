"""Continue a prompt with the PyTorch model (a full forward pass for each byte: plain, not fast).

    python3 generate.py --prompt "Ge1:1 In the beginning" --count 400 --temperature 0.7
"""

from __future__ import annotations

import argparse
import pathlib
import sys

import torch
from torch import Tensor

from checkpoint import HERE, load_model
from model import TransMamba


@torch.no_grad()
def generate(
    model: TransMamba, tokens: Tensor, count: int, temperature: float, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Append `count` bytes to tokens [B,T]; temperature 0 takes the likeliest.

    Returns the tokens [B,T+count] and, for each appended byte, the two largest logits' difference [B,count].
    """
    margins = []
    for _ in range(count):
        logits = model(tokens)[:, -1]
        top = logits.topk(2).values
        margins.append(top[:, 0] - top[:, 1])
        if temperature == 0:
            token = logits.argmax(-1, keepdim=True)
        else:
            token = torch.multinomial((logits.float() / temperature).softmax(-1).cpu(), 1, generator=generator)
        tokens = torch.cat((tokens, token.to(tokens)), 1)
    return tokens, torch.stack(margins, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=pathlib.Path, default=HERE / "model.safetensors")
    parser.add_argument("--prompt", default="Ge1:1 In the beginning")
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--temperature", type=float, default=0.7, help="0 takes the likeliest byte")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = load_model(arguments.model, device=device)
    prompt = torch.tensor([list(arguments.prompt.encode())], device=device)
    generator = torch.Generator().manual_seed(arguments.seed)
    tokens, _ = generate(model, prompt, arguments.count, arguments.temperature, generator)
    sys.stdout.write(bytes(tokens[0].tolist()).decode("latin-1") + "\n")


if __name__ == "__main__":
    main()
