"""One request as Baton sees it: what its legs carried, the names of its chunks, and marks that survive preemption."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from .geometry import chunk_counts
from .names import chunk_key, chunk_keys
from .structs import KEY_BYTES, TICKET_BYTES

Role = Literal["prefill", "decode"]
# A ticket here: waiting (to be accepted, or to land), live (prefill: chunks are gathered for it), landed (decode: to be
# claimed), over (go on without it).
Stage = Literal["none", "waiting", "live", "landed", "over"]


class Request(Protocol):
    """What is read of vLLM's Request."""

    request_id: str
    kv_transfer_params: Any
    num_computed_tokens: int

    @property
    def num_tokens(self) -> int: ...
    @property
    def all_token_ids(self) -> Sequence[int]: ...


@dataclass(frozen=True)
class Naming:
    """What `kv_transfer_params.baton` says."""

    root: bytes
    ticket: bytes | None
    role: Role | None


def parse_naming(params: object) -> Naming | None:
    """None: unnamed, never matched, gathered or loaded. Raises ValueError for what is half there."""
    baton = params.get("baton") if isinstance(params, Mapping) else None
    if baton is None:
        return None
    if not isinstance(baton, Mapping):
        raise ValueError("kv_transfer_params.baton is not an object")
    root = _bytes_of(baton, "root", KEY_BYTES)
    ticket = _bytes_of(baton, "ticket", TICKET_BYTES)
    role = baton.get("role")
    if role not in (None, "prefill", "decode"):
        raise ValueError("kv_transfer_params.baton.role is neither prefill nor decode")
    if root is None:
        return None
    return Naming(root, ticket, role if ticket is not None else None)


def _bytes_of(params: Mapping[str, object], name: str, size: int) -> bytes | None:
    value = params.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) != 2 * size:
        raise ValueError(f"kv_transfer_params.baton.{name} is not {size} bytes in hex")
    return bytes.fromhex(value)


def is_unnameable(request: Any) -> bool:
    """Inputs besides token ids that its KV depends on, for which there is no name yet."""
    return (
        request.prompt_token_ids is None
        or request.prompt_embeds is not None
        or bool(request.mm_features)
        or request.lora_request is not None
        or request.pooling_params is not None
        or bool(getattr(request, "resumable", False))
    )


@dataclass
class Prompt:
    """A named request. Keys are computed once."""

    request: Request
    naming: Naming
    tokens: int
    keys: list[bytes]
    packed: bytes
    counts: list[int]
    chunk_tokens: int
    # When a waiting decode leg stops waiting, seconds of the scheduler's clock.
    deadline: float
    stage: Stage
    # 1 where the ticket's target lacks the chunk.
    need: bytes = b""
    done: bytearray = field(default_factory=bytearray)
    # All chunks before this one are done.
    next: int = 0
    # Chunks from here on failed to load once: never asked for again (negative cache).
    loadable: int = 0
    # What the last match found: first chunk, chunks, and the tokens before that stood in pages.
    match: tuple[int, int, int] = (0, 0, 0)
    claimed: bool = False
    generated_chunk: int = 0
    generated_key: bytes = b""

    @classmethod
    def name(
        cls, request: Request, naming: Naming, tokens: Sequence[int], chunk_tokens: int, deadline: float
    ) -> "Prompt":
        keys = chunk_keys(naming.root, tokens, chunk_tokens)
        counts = chunk_counts(len(tokens), chunk_tokens)
        full = len(tokens) // chunk_tokens
        return cls(
            request, naming, len(tokens), keys, b"".join(keys), counts, chunk_tokens, deadline,
            stage="none" if naming.role is None else "waiting",
            done=bytearray(len(keys)), loadable=len(keys),
            generated_chunk=full, generated_key=keys[full - 1] if full else naming.root,
        )  # fmt: skip

    @property
    def role(self) -> Role | None:
        return self.naming.role

    def end(self, chunk: int) -> int:
        """Position after the chunk's last token."""
        return chunk * self.chunk_tokens + self.counts[chunk]

    def joined(self, first: int, last: int) -> bytes:
        """Keys [first, last), one after the other."""
        return self.packed[first * KEY_BYTES : last * KEY_BYTES]

    def take_ended(self, computed: int) -> Iterator[int]:
        """Chunks that end by `computed` and have not been taken before: each once."""
        for chunk in range(self.next, len(self.counts)):
            if self.end(chunk) > computed:
                return
            if not self.done[chunk]:
                self.done[chunk] = 1
                yield chunk
            self.next = chunk + 1

    def take_generated(self, computed: int) -> Iterator[tuple[int, bytes]]:
        """Full chunks that end by `computed` and hold generated tokens, with their keys: each once."""
        size = self.chunk_tokens
        while (self.generated_chunk + 1) * size <= computed:
            chunk = self.generated_chunk
            tokens = self.request.all_token_ids[chunk * size : (chunk + 1) * size]
            self.generated_key = chunk_key(self.generated_key, tokens)
            self.generated_chunk += 1
            yield chunk, self.generated_key
