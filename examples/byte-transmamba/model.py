"""A byte-level TransMamba language model in plain PyTorch.

One mixer per layer with one set of weights and two readings of it: tokens before the layer's
TransPoint P attend (q, k, v), tokens from P on run a state-space recurrence that reads the same
three tensors as (C, B, x). At P the memory converter turns the prefix's keys and values into the
state that the recurrence would have had, so nothing is lost and no parameter is added.

Shapes: B batch, T tokens, Dm model width, H heads, dh head width (= state width N), F FFN width.
The code runs in PyTorch 1.13 (CPU) and in current releases (CPU or CUDA). Parameters may be float64,
float32 or bfloat16; time steps, decays, states and the statistics of norms are never narrower than float32.
"""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclasses.dataclass(frozen=True)
class Config:
    """Hyperparameters; `config.json` holds the trained model's."""

    vocabulary: int = 256
    layers: int = 8
    width: int = 128
    heads: int = 4
    head_width: int = 64
    ffn_width: int = 384
    conv_width: int = 4
    chunk: int = 64
    schedule: tuple[int, ...] = (0, 16, 32, 64, 128, 256, 384, 512)
    rope_theta: float = 10000.0
    norm_eps: float = 1e-5

    def transpoint(self, layer: int) -> int:
        """The schedule is cycled over the layers."""
        return self.schedule[layer % len(self.schedule)]

    @staticmethod
    def from_json(path: pathlib.Path) -> Config:
        fields = json.loads(path.read_text())
        fields["schedule"] = tuple(fields["schedule"])
        return Config(**fields)

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"


def widen(x: Tensor) -> Tensor:
    """The type to accumulate in: float32 for half types, else the type itself."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """x / sqrt(mean(x^2) + eps) * weight over the last dimension."""
    wide = widen(x)
    scale = torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)
    return (wide * scale * widen(weight)).to(x.dtype)


def rope(x: Tensor, theta: float) -> Tensor:
    """Rotary positions 0..T-1 for x [B,T,H,dh]; element i is paired with element i + dh/2."""
    tokens, half = x.shape[1], x.shape[-1] // 2
    frequency = theta ** (-torch.arange(half, dtype=torch.float64, device=x.device) / half)
    angle = torch.arange(tokens, dtype=torch.float64, device=x.device)[:, None] * frequency
    wide = widen(x)
    cos = angle.cos().to(wide.dtype)[:, None, :]
    sin = angle.sin().to(wide.dtype)[:, None, :]
    first, second = wide[..., :half], wide[..., half:]
    return torch.cat((first * cos - second * sin, second * cos + first * sin), -1).to(x.dtype)


def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """softmax_causal(q k^T / sqrt(dh)) v for q, k, v [B,T,H,dh]."""
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    if q.is_cuda and hasattr(F, "scaled_dot_product_attention"):
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    else:
        tokens = q.shape[2]
        hidden = torch.ones(tokens, tokens, dtype=torch.bool, device=q.device).triu(1)
        scores = widen(q @ k.transpose(2, 3)) / math.sqrt(q.shape[-1])
        out = scores.masked_fill(hidden, -math.inf).softmax(-1).to(v.dtype) @ v
    return out.transpose(1, 2)


def convert_memory(k: Tensor, v: Tensor, dt: Tensor, a_log: Tensor) -> Tensor:
    """h = sum_j (prod_{i>j} a_i) dt_j k_j v_j^T over the whole prefix: k, v [B,P,H,dh], dt [B,P,H] -> [B,H,dh,dh]."""
    log_decay = (-a_log.exp() * dt).cumsum(1)
    weight = (log_decay[:, -1:] - log_decay).exp() * dt
    return torch.einsum("bjh,bjhn,bjhd->bhnd", weight, k, v)


def scan_sequential(
    q: Tensor, k: Tensor, v: Tensor, dt: Tensor, a_log: Tensor, state: Tensor | None
) -> tuple[Tensor, Tensor]:
    """The definition, one token at a time: h_t = a_t h_{t-1} + dt_t k_t v_t^T, y_t = q_t h_t."""
    batch, tokens, heads, width = q.shape
    h = q.new_zeros(batch, heads, width, width) if state is None else state
    decay = (-a_log.exp() * dt).exp()
    outputs = []
    for t in range(tokens):
        update = dt[:, t, :, None, None] * k[:, t, :, :, None] * v[:, t, :, None, :]
        h = decay[:, t, :, None, None] * h + update
        outputs.append(torch.einsum("bhn,bhnd->bhd", q[:, t], h))
    return torch.stack(outputs, 1), h


def scan_chunked(
    q: Tensor, k: Tensor, v: Tensor, dt: Tensor, a_log: Tensor, state: Tensor | None, chunk: int
) -> tuple[Tensor, Tensor]:
    """The same recurrence by chunks of tokens (the SSD algorithm of Mamba-2).

    Inside a chunk the outputs are a masked, decayed attention; between chunks only the state [B,H,dh,dh] passes.
    """
    batch, tokens, heads, width = q.shape
    padding = -tokens % chunk
    # Padded tokens have dt = 0, hence decay 1 and no update: the final state is that of the true last token.
    q, k, v = (F.pad(x, (0, 0, 0, 0, 0, padding)) for x in (q, k, v))
    dt = F.pad(dt, (0, 0, 0, padding))
    q, k, v = (x.reshape(batch, -1, chunk, heads, width).transpose(2, 3) for x in (q, k, v))
    dt = dt.reshape(batch, -1, chunk, heads).transpose(2, 3)

    log_decay = (-a_log.exp()[:, None] * dt).cumsum(-1)  # [B,C,H,Q], decay from the chunk's start through token i
    future = torch.ones(chunk, chunk, dtype=torch.bool, device=q.device).triu(1)
    # Masked before exp: the differences above the diagonal are positive and may overflow.
    between = (log_decay[..., :, None] - log_decay[..., None, :]).masked_fill(future, -math.inf).exp()
    inside = (q @ k.transpose(-1, -2) * between * dt[..., None, :]) @ v

    to_end = (log_decay[..., -1:] - log_decay).exp() * dt
    updates = (k * to_end[..., None]).transpose(-1, -2) @ v  # [B,C,H,dh,dh]
    chunk_decay = log_decay[..., -1].exp()[..., None, None]
    h = updates.new_zeros(batch, heads, width, width) if state is None else state
    entering = []
    for c in range(updates.shape[1]):
        entering.append(h)
        h = chunk_decay[:, c] * h + updates[:, c]
    carried = (q * log_decay.exp()[..., None]) @ torch.stack(entering, 1)

    y = (inside + carried).transpose(2, 3).reshape(batch, -1, heads, width)
    return y[:, :tokens], h


class RMSNorm(nn.Module):
    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return rms_norm(x, self.weight, self.eps)


class CausalConv(nn.Module):
    """Depthwise y_t = bias + sum_i weight[:, i] x_{t - (width - 1) + i}; the last tap meets the current token."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(width)
        self.weight = nn.Parameter(torch.empty(channels, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        tokens, width = x.shape[1], self.weight.shape[1]
        wide = F.pad(widen(x), (0, 0, width - 1, 0))
        weight = widen(self.weight)
        y = widen(self.bias)
        for tap in range(width):
            y = y + wide[:, tap : tap + tokens] * weight[:, tap]
        return y


class Mixer(nn.Module):
    """TransMamba mixer: attention before the TransPoint, the state-space reading from it on."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        width, heads, inner = config.width, config.heads, config.heads * config.head_width
        self.norm = RMSNorm(width, config.norm_eps)
        self.qkv = nn.Linear(width, 3 * inner, bias=False)
        self.conv = CausalConv(3 * inner, config.conv_width)
        self.dt = nn.Linear(width, heads)
        self.A_log = nn.Parameter(torch.empty(heads).uniform_(1, 16).log())
        self.D = nn.Parameter(torch.ones(heads))
        self.z = nn.Linear(width, inner, bias=False)
        self.gate_norm = RMSNorm(inner, config.norm_eps)
        self.out = nn.Linear(inner, width, bias=False)
        # softplus(bias) is log-uniform in [0.001, 0.1], as in Mamba-2.
        dt = torch.exp(torch.empty(heads).uniform_(math.log(1e-3), math.log(1e-1)))
        with torch.no_grad():
            self.dt.bias.copy_(dt + torch.log(-torch.expm1(-dt)))

    def project(self, u: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """u [B,T,Dm] -> q, k, v [B,T,H,dh] and dt [B,T,H]."""
        c = self.config
        qkv = self.qkv(u)
        qkv = F.silu(self.conv(qkv)).to(qkv.dtype)
        q, k, v = (x.unflatten(-1, (c.heads, c.head_width)) for x in qkv.chunk(3, -1))
        with torch.autocast(u.device.type, enabled=False):
            dt = F.softplus(F.linear(widen(u), widen(self.dt.weight), widen(self.dt.bias)))
        return q, k, v, dt

    def scan(
        self, u: Tensor, q: Tensor, k: Tensor, v: Tensor, dt: Tensor, state: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The state-space tokens: scan, D skip, gate, norm. Returns y [B,T,H*dh] and the final state."""
        z = self.z(u)
        with torch.autocast(u.device.type, enabled=False):
            wide_v = widen(v)
            y, state = scan_chunked(widen(q), widen(k), wide_v, dt, widen(self.A_log), state, self.config.chunk)
            y = (y + widen(self.D)[:, None] * wide_v).flatten(2)
            y = rms_norm(y * F.silu(widen(z)), self.gate_norm.weight, self.config.norm_eps)
        return y.to(v.dtype), state

    def forward(self, x: Tensor, transpoint: int) -> Tensor:
        """x [B,T,Dm] -> [B,T,Dm]; tokens t < transpoint attend, the others scan."""
        u = self.norm(x)
        q, k, v, dt = self.project(u)
        tokens = u.shape[1]
        split = min(max(transpoint, 0), tokens)
        parts, state = [], None
        if split > 0:
            theta = self.config.rope_theta
            prefix = attention(rope(q[:, :split], theta), rope(k[:, :split], theta), v[:, :split])
            parts.append(prefix.flatten(2))
        if split < tokens:
            if split > 0:
                with torch.autocast(u.device.type, enabled=False):
                    state = convert_memory(
                        widen(k[:, :split]), widen(v[:, :split]), dt[:, :split], widen(self.A_log)
                    )
            suffix = (x[:, split:] for x in (u, q, k, v, dt))
            parts.append(self.scan(*suffix, state)[0])
        return self.out(torch.cat(parts, 1))


class FFN(nn.Module):
    """SwiGLU: down(silu(gate(u)) * up(u))."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.norm = RMSNorm(config.width, config.norm_eps)
        self.gate = nn.Linear(config.width, config.ffn_width, bias=False)
        self.up = nn.Linear(config.width, config.ffn_width, bias=False)
        self.down = nn.Linear(config.ffn_width, config.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        u = self.norm(x)
        return self.down(F.silu(self.gate(u)) * self.up(u))


class Layer(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.mixer = Mixer(config)
        self.ffn = FFN(config)

    def forward(self, x: Tensor, transpoint: int, dropout: float) -> Tensor:
        x = x + F.dropout(self.mixer(x, transpoint), dropout, self.training)
        return x + F.dropout(self.ffn(x), dropout, self.training)


class TransMamba(nn.Module):
    """Byte tokens [B,T] -> next-byte logits [B,T,256]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.norm = RMSNorm(config.width, config.norm_eps)
        self.head = nn.Linear(config.width, config.vocabulary, bias=False)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2 and "conv" not in name:
                # The branches add up over 2 * layers residual steps.
                branch_end = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(parameter, std=0.05 / math.sqrt(2 * config.layers) if branch_end else 0.05)

    def forward(self, tokens: Tensor, schedule: tuple[int, ...] | None = None, dropout: float = 0.0) -> Tensor:
        """`schedule` (cycled over the layers) overrides the configured TransPoints."""
        schedule = schedule or self.config.schedule
        x = F.dropout(self.embedding(tokens), dropout, self.training)
        for index, layer in enumerate(self.layers):
            x = layer(x, schedule[index % len(schedule)], dropout)
        return self.head(self.norm(x))
