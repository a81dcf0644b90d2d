"""Muon (Jordan and others, 2024): momentum whose matrices are made orthogonal before they are applied. Matrices of one shape go
through it together, which for matrices as small as these is several times faster than one after the other."""

from collections import defaultdict

import torch
from torch import Tensor

# The quintic Newton-Schulz iteration's coefficients of that publication.
A, B, C = 3.4445, -4.7750, 2.0315
ITERATIONS = 5
# The size of a step is that which AdamW usually takes, so that one rate serves both.
STEP = 0.2


def orthogonal(matrices: Tensor) -> Tensor:
    """Matrices with the same row and column spaces whose singular values are near 1."""
    x = matrices.bfloat16()
    tall = x.shape[1] > x.shape[2]
    x = x.transpose(1, 2) if tall else x
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.transpose(1, 2)
        x = A * x + (B * gram + C * gram @ gram) @ x
    return (x.transpose(1, 2) if tall else x).float()


class Muon(torch.optim.Optimizer):
    def __init__(self, matrices: list[Tensor], momentum: float, weight_decay: float) -> None:
        super().__init__(matrices, {"lr": 0.0, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            alike: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for p in group["params"]:
                alike[p.shape].append(p)
                self.state[p].setdefault("momentum", torch.zeros_like(p)).lerp_(p.grad, 1 - group["momentum"])
            for (rows, columns), params in alike.items():
                ahead = torch.stack([p.grad.lerp(self.state[p]["momentum"], group["momentum"]) for p in params])
                step = group["lr"] * STEP * max(rows, columns) ** 0.5
                for p, update in zip(params, orthogonal(ahead), strict=True):
                    p.mul_(1 - group["lr"] * group["weight_decay"]).sub_(update, alpha=step)
