"""What one layer caches per token and KV head (core/geometry.ts), and which rank holds and writes which heads."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Geometry:
    layers: int
    heads: int
    plane_bytes: tuple[int, ...]
    chunk_tokens: int

    @property
    def stripes(self) -> int:
        return self.layers * self.heads


def chunk_counts(tokens: int, chunk_tokens: int) -> list[int]:
    """Token counts of a prompt's chunks: full ones and the tail."""
    full, tail = divmod(tokens, chunk_tokens)
    return [chunk_tokens] * full + ([tail] if tail else [])


@dataclass(frozen=True)
class HeadRange:
    """KV heads [first, first + count) of the model that a rank holds, with `replicas` ranks holding the same."""

    first: int
    count: int
    replica: int = 0
    replicas: int = 1

    def writes(self, layer: int) -> bool:
        """Every stripe has exactly one writing rank; ranks that hold the same heads take turns by layer."""
        return layer % self.replicas == self.replica


def head_range(heads: int, tp_size: int, rank: int) -> HeadRange:
    """Heads of a rank as vLLM splits them: evenly, or one head on several ranks when ranks are more than heads."""
    if not 0 <= rank < tp_size:
        raise ValueError(f"rank {rank} is outside tensor-parallel size {tp_size}")
    if heads >= tp_size:
        if heads % tp_size:
            raise ValueError(f"{heads} KV heads do not divide among {tp_size} ranks")
        count = heads // tp_size
        return HeadRange(rank * count, count)
    if tp_size % heads:
        raise ValueError(f"{tp_size} ranks do not divide among {heads} KV heads")
    replicas = tp_size // heads
    return HeadRange(rank // replicas, 1, rank % replicas, replicas)
