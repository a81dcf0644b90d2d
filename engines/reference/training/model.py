"""The architecture of the reference engine's tiny model in PyTorch: RMSNorm, rotary embedding, grouped-query attention, SwiGLU,
untied output head (engines/reference/native/src/model/tiny/forward.h). Parameters are named as Llama checkpoints name them."""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FOLDER = Path(__file__).resolve().parent.parent / "models" / "tiny"
EPSILON = 1e-5
# Attention over more positions than this goes through the fused kernel, whose backward pass is slow for few positions.
MATERIALISED_MAX = 384


def read_config() -> dict:
    return json.loads((FOLDER / "config.json").read_text())


# The coordinate of the residual stream that is the same for every token: what positional heads read.
CONSTANT, CONSTANT_VALUE = 0, 3.0
# Rotary pairs that turn fast: they tell positions apart; the others carry content over any distance.
FAST_PAIRS = 6


def linear(outputs: int, inputs: int, deviation: float) -> nn.Parameter:
    return nn.Parameter(torch.randn(outputs, inputs) * deviation)


def normed(x: Tensor) -> Tensor:
    """RMSNorm; its weights stay 1, since the matrix after it can hold them as well."""
    return F.rms_norm(x, (x.shape[-1],), None, EPSILON)


class Layer(nn.Module):
    def __init__(self, c: dict) -> None:
        super().__init__()
        hidden, ffn, dim = c["hidden"], c["ffn"], c["head_dim"]
        self.heads, self.kv_heads, self.dim = c["query_heads"], c["heads"], dim
        queries, keys = self.heads * dim, self.kv_heads * dim
        small = hidden**-0.5
        self.q, self.k, self.v = linear(queries, hidden, small), linear(keys, hidden, small), linear(keys, hidden, small)
        self.o = linear(hidden, queries, 0.3 * queries**-0.5)
        self.gate, self.up = linear(ffn, hidden, small), linear(ffn, hidden, small)
        self.down = linear(hidden, ffn, 0.3 * ffn**-0.5)

    def forward(self, x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
        batch, length, _ = x.shape
        turning = self.heads + self.kv_heads
        # Queries and keys, values, and queries and keys turned by a right angle: rotating by any angle is a sum of the two.
        qk = torch.cat([self.q, self.k])
        low, high = qk.view(-1, 2, self.dim // 2, qk.shape[1]).unbind(1)
        parts = F.linear(normed(x), torch.cat([qk, torch.stack([-high, low], 1).view_as(qk), self.v]))
        plain, right, v = parts.view(batch, length, -1, self.dim).split([turning, turning, self.kv_heads], 2)
        turned = torch.addcmul(plain * cosines, right, sines)
        q, k = turned.split([self.heads, self.kv_heads], 2)
        group = self.heads // self.kv_heads
        if group > 1:
            k, v = k.repeat_interleave(group, 2), v.repeat_interleave(group, 2)
        mixed = attend(*(part.transpose(1, 2) for part in (q, k, v))).transpose(1, 2).reshape(batch, length, -1)
        x = x + F.linear(mixed, self.o)
        gate, up = F.linear(normed(x), torch.cat([self.gate, self.up])).chunk(2, -1)
        return x + F.linear(F.silu(gate) * up, self.down)


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    batch, heads, length, dim = q.shape
    if length > MATERIALISED_MAX or not torch.is_grad_enabled():
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    with torch.autocast("cpu", enabled=False):
        q, k, v = (x.reshape(batch * heads, length, dim) for x in (q, k, v))
        mask = torch.full((length, length), float("-inf"), dtype=q.dtype).triu(1)
        scores = torch.bmm(q * dim**-0.5, k.transpose(1, 2)) + mask
        return (scores.softmax(-1) @ v).view(batch, heads, length, dim)


class Tiny(nn.Module):
    def __init__(self, c: dict) -> None:
        super().__init__()
        self.embedding = linear(c["vocab"], c["hidden"], 1.0)
        self.layers = nn.ModuleList(Layer(c) for _ in range(c["layers"]))
        self.head = linear(c["vocab"], c["hidden"], 0.02)
        half = c["head_dim"] // 2
        frequencies = c["rope_theta"] ** (-torch.arange(half, dtype=torch.float64) / half)
        angles = torch.arange(4096, dtype=torch.float64)[:, None] * frequencies
        start(self, c, frequencies.float())
        # position × 1 × element: both halves of a head turn alike.
        angles = torch.cat([angles, angles], 1)[:, None]
        self.register_buffer("cosines", angles.cos().float(), persistent=False)
        self.register_buffer("sines", angles.sin().float(), persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        """States after the last norm; `logits` makes logits of those wanted."""
        length = ids.shape[1]
        x = F.embedding(ids, self.embedding)
        precision = torch.bfloat16 if torch.is_autocast_enabled("cpu") else torch.float32
        cosines, sines = (table[:length].to(precision) for table in (self.cosines, self.sines))
        for layer in self.layers:
            x = layer(x, cosines, sines)
        return normed(x)

    def logits(self, states: Tensor) -> Tensor:
        return F.linear(states, self.head)


@torch.no_grad()
def start(model: Tiny, c: dict, frequencies: Tensor) -> None:
    """Starts near circuits that look things up, which training from noise finds late: heads of the first layer look at the
    tokens 1, 2, 3, … places back; later heads look for positions like their own and copy what they find; the output head
    reads what the embedding writes."""
    dim, half, group = c["head_dim"], c["head_dim"] // 2, c["query_heads"] // c["heads"]
    model.embedding[:, CONSTANT] = CONSTANT_VALUE
    model.head.copy_(model.embedding * 0.03)
    model.head[:, CONSTANT] = 0
    first = model.layers[0]
    first.q *= 0.3
    first.k *= 0.3
    sharpness = 2.2
    for head in range(c["query_heads"]):
        a = slice(head * dim, head * dim + FAST_PAIRS)
        b = slice(head * dim + half, head * dim + half + FAST_PAIRS)
        angles = frequencies[:FAST_PAIRS] * (head + 1)
        first.q[a, CONSTANT], first.q[b, CONSTANT] = angles.cos() * sharpness, -angles.sin() * sharpness
    for head in range(c["heads"]):
        first.k[head * dim : head * dim + FAST_PAIRS, CONSTANT] = sharpness
    first.o *= 1.7
    for layer in model.layers[1:]:
        for head in range(c["heads"]):
            rows = slice(head * dim, (head + 1) * dim)
            fast = torch.arange(dim) % half < FAST_PAIRS
            layer.k[rows] *= torch.where(fast, 0.3, 1.4)[:, None]
            for member in range(head * group, (head + 1) * group):
                out = slice(member * dim, (member + 1) * dim)
                layer.q[out] = layer.k[rows] + 0.2 * layer.q[out]
                layer.o[:, out] = 0.5 * layer.v[rows].T
        layer.q[:, CONSTANT] = 0
        layer.v[:, CONSTANT] = 0


def checkpoint(model: Tiny) -> dict[str, Tensor]:
    """Tensors by their names in Llama checkpoints."""
    parts = {"q": "self_attn.q_proj", "k": "self_attn.k_proj", "v": "self_attn.v_proj", "o": "self_attn.o_proj",
             "gate": "mlp.gate_proj", "up": "mlp.up_proj", "down": "mlp.down_proj"}  # fmt: skip
    ones = torch.ones(model.embedding.shape[1])
    tensors = {"model.embed_tokens.weight": model.embedding, "model.norm.weight": ones, "lm_head.weight": model.head}
    for i, layer in enumerate(model.layers):
        prefix = f"model.layers.{i}."
        tensors |= {f"{prefix}{theirs}.weight": getattr(layer, ours) for ours, theirs in parts.items()}
        tensors |= {f"{prefix}{norm}.weight": ones for norm in ("input_layernorm", "post_attention_layernorm")}
    return {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
