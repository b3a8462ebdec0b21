"""Train the byte-level TransMamba on the text that corpus.py extracts.

    python3 train.py kjv.txt --output .

Writes config.json, model.safetensors (bfloat16), loss.csv and losses.json into the output folder. The windows are twice
as long as the largest TransPoint: so every layer, the last one too, learns its state-space reading, and generation may
run on past the TransPoints.
"""

from __future__ import annotations

import argparse
import copy
import csv
import json
import math
import pathlib
import time

import torch
import torch.nn.functional as F
from torch import Tensor

from checkpoint import load_model, save_tensors
from corpus import split
from model import Config, TransMamba


def to_tensor(text: bytes, device: str) -> Tensor:
    return torch.frombuffer(bytearray(text), dtype=torch.uint8).to(device)


def autocast(device: str) -> torch.autocast:
    return torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda")


@torch.no_grad()
def loss_by_position(model: TransMamba, text: Tensor, window: int, batch: int) -> Tensor:
    """Mean loss (nats) at each of the window's positions, over disjoint windows of the text. Returns [window]."""
    model.eval()
    count = (len(text) - 1) // window
    inputs = text[: count * window].view(count, window)
    targets = text[1 : count * window + 1].view(count, window)
    total = torch.zeros(window, dtype=torch.float64, device=text.device)
    for begin in range(0, count, batch):
        logits = model(inputs[begin : begin + batch].long())
        target = targets[begin : begin + batch].long()
        total += F.cross_entropy(logits.float().transpose(1, 2), target, reduction="none").double().sum(0)
    model.train()
    return total / count


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Linear warm-up, then a cosine down to 2 % of the peak."""
    warm_up = min(200, max(1, steps // 10))
    if step < warm_up:
        return peak * (step + 1) / warm_up
    progress = (step - warm_up) / max(1, steps - warm_up)
    return peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))


def make_optimizer(model: TransMamba, weight_decay: float, device: str) -> torch.optim.AdamW:
    """Weight decay for matrices alone: not for gains, biases, decays or the convolution's taps."""
    matrices = [p for name, p in model.named_parameters() if p.dim() == 2 and "conv" not in name]
    others = [p for name, p in model.named_parameters() if p.dim() != 2 or "conv" in name]
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    options = {"fused": True} if device == "cuda" else {}
    return torch.optim.AdamW(groups, betas=(0.9, 0.95), **options)


def train(arguments: argparse.Namespace, device: str) -> None:
    torch.manual_seed(arguments.seed)
    torch.backends.cuda.matmul.allow_tf32 = True
    train_text, held_out = (to_tensor(part, device) for part in split(arguments.corpus.read_bytes()))
    train_sample = train_text[-len(held_out) :]
    window, batch = arguments.window, arguments.batch
    offsets = torch.arange(window + 1, device=device)

    config = Config()
    model = TransMamba(config).to(device).train()
    optimizer = make_optimizer(model, arguments.weight_decay, device)
    print(f"{sum(p.numel() for p in model.parameters())} parameters, {len(train_text)} bytes to train on", flush=True)

    steps, measure_from, measure_to = arguments.steps, 20, 60
    started = time.monotonic()
    mark = started
    rows: list[dict[str, str]] = []
    running, running_count = torch.zeros((), device=device), 0
    best_loss, best_weights = math.inf, model.state_dict()
    step = 0
    while step < steps:
        rate = learning_rate(step, steps, arguments.learning_rate)
        for group in optimizer.param_groups:
            group["lr"] = rate
        starts = torch.randint(len(train_text) - window - 1, (batch, 1), device=device)
        tokens = train_text[starts + offsets].long()
        with autocast(device):
            logits = model(tokens[:, :-1], dropout=arguments.dropout)
            loss = F.cross_entropy(logits.float().flatten(0, 1), tokens[:, 1:].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        running += loss.detach()
        running_count += 1
        step += 1

        if step in (measure_from, measure_to):
            running.item()  # waits for the device
            now = time.monotonic()
            if step == measure_to:
                # Fit the cosine into the time allowed.
                rate_per_step = (now - mark) / (measure_to - measure_from)
                affordable = step + int((started + 60 * arguments.minutes - now) / rate_per_step)
                steps = max(step, min(steps, affordable))
                print(f"{1e3 * rate_per_step:.1f} ms a step, {steps} steps", flush=True)
            mark = now
        if step % arguments.evaluate_every == 0 or step == steps:
            with autocast(device):
                held_out_loss = float(loss_by_position(model, held_out, window, batch).mean())
            train_loss = float(running / running_count)
            running, running_count = torch.zeros((), device=device), 0
            if held_out_loss < best_loss:
                best_loss, best_weights = held_out_loss, copy.deepcopy(model.state_dict())
            row = {
                "step": f"{step}",
                "epochs": f"{step * batch * window / len(train_text):.2f}",
                "learning_rate": f"{rate:.2e}",
                "train_loss": f"{train_loss:.4f}",
                "held_out_loss": f"{held_out_loss:.4f}",
                "seconds": f"{time.monotonic() - started:.0f}",
            }
            rows.append(row)
            print("  ".join(f"{name} {value}" for name, value in row.items()), flush=True)

    output = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    with open(output / "loss.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    (output / "config.json").write_text(config.to_json())
    weights = {name: tensor.to("cpu", torch.bfloat16) for name, tensor in best_weights.items()}
    save_tensors(output / "model.safetensors", weights, {"format": "pt"})

    # What is reported is the stored (rounded) model in float32.
    torch.backends.cuda.matmul.allow_tf32 = False
    model = load_model(output / "model.safetensors", device=device)
    losses = {"parameters": sum(p.numel() for p in model.parameters()), "steps": steps}
    for name, text in (("train", train_sample), ("held_out", held_out)):
        at = loss_by_position(model, text, window, batch)
        losses[f"{name}_{window}"] = float(at.mean())
        losses[f"{name}_{window}_first_half"] = float(at[: window // 2].mean())
        losses[f"{name}_{window}_second_half"] = float(at[window // 2 :].mean())
        at = loss_by_position(model, text, 4 * window, max(1, batch // 4))
        losses[f"{name}_{4 * window}_beyond_{window}"] = float(at[window:].mean())
    (output / "losses.json").write_text(json.dumps(losses, indent=2) + "\n")
    print(json.dumps(losses, indent=2), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=pathlib.Path)
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("."))
    parser.add_argument("--steps", type=int, default=8000, help="at most")
    parser.add_argument("--minutes", type=float, default=math.inf, help="shorten the schedule to this time")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--window", type=int, default=1024)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--weight-decay", type=float, default=0.1)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--evaluate-every", type=int, default=250)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    train(arguments, "cuda" if torch.cuda.is_available() else "cpu")


if __name__ == "__main__":
    main()
