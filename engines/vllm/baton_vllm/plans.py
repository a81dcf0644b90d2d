"""What the scheduler half decides for a step and the worker half does. Both live in one process: clients are passed."""

from dataclasses import dataclass, field

from .abi import Client
from .structs import Slot


@dataclass
class GatherPlan:
    """One chunk to copy from pages into its slot, whole, in this step."""

    request: str
    slot: Slot
    key: bytes
    # The scheduler's blocks that hold the chunk's tokens.
    blocks: list[int]


@dataclass
class LoadPlan:
    """Claimed chunks to copy into pages. Ends in exactly one completion, with or without slots."""

    request: str
    # Blocks that the load writes: the request's tokens [start, end).
    start: int
    end: int
    blocks: list[int]
    client: Client | None = None
    ticket: bytes | None = None
    claim: int = 0
    # First chunk, its token position, and per claimed slot the request's blocks that hold the chunk.
    first: int = 0
    chunk_tokens: int = 0
    slots: list[Slot] = field(default_factory=list)
    slot_blocks: list[list[int]] = field(default_factory=list)

    def token_first(self, slot: int) -> int:
        """Tokens of the slot's chunk that stand in the pages already."""
        return max(0, self.start - (self.first + slot) * self.chunk_tokens)

    def blocks_from(self, chunk: int, block_tokens: int) -> list[int]:
        """Blocks that stay unwritten when this chunk and those after it are not loaded."""
        position = max(self.start, chunk * self.chunk_tokens)
        return self.blocks[position // block_tokens - self.start // block_tokens :]

    @property
    def loads_all(self) -> bool:
        if not self.slots:
            return False
        last = (self.first + len(self.slots) - 1) * self.chunk_tokens + self.slots[-1].tokens
        return bool(last >= self.end)


@dataclass
class StepPlan:
    """One scheduler step."""

    client: Client | None = None
    gathers: list[GatherPlan] = field(default_factory=list)
    loads: list[LoadPlan] = field(default_factory=list)
