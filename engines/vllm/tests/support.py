"""Stand-ins: a request, a client that records, a session, memory with a shape."""

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from numpy.typing import NDArray

from baton_vllm.abi import Library
from baton_vllm.structs import Code, Slot

ROOT = Path(__file__).parents[3]


def library() -> Library:
    return Library(str(ROOT / "native/build/Release/libbaton.so"))


class Memory:
    """A numpy array that looks like a torch tensor."""

    def __init__(self, array: NDArray[Any]) -> None:
        self.array = array
        self.shape = array.shape
        self.device = SimpleNamespace(type="cpu")

    def stride(self) -> tuple[int, ...]:
        return tuple(step // self.array.itemsize for step in self.array.strides)

    def data_ptr(self) -> int:
        return int(self.array.__array_interface__["data"][0])

    def element_size(self) -> int:
        return self.array.itemsize


@dataclass
class FakeRequest:
    request_id: str
    prompt_token_ids: list[int] | None
    kv_transfer_params: Any = None
    num_computed_tokens: int = 0
    output: list[int] = field(default_factory=list)
    prompt_embeds: Any = None
    mm_features: list[Any] = field(default_factory=list)
    lora_request: Any = None
    pooling_params: Any = None

    @property
    def num_tokens(self) -> int:
        return len(self.all_token_ids)

    @property
    def all_token_ids(self) -> list[int]:
        return (self.prompt_token_ids or []) + self.output


class FakeClient:
    """Remembers calls; holds the keys it was told to hold."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.held: set[bytes] = set()
        self.poll_code: int = Code.LANDING
        self.accept_code: int = Code.OK
        self.fill_code: int = Code.OK
        self.claim_short = 0
        self.scatter_codes: dict[int, int] = {}
        self.gather_codes: dict[int, int] = {}
        self.need: bytes | None = None

    def lookup(self, keys: bytes) -> int:
        found = 0
        for i in range(0, len(keys), 32):
            if keys[i : i + 32] not in self.held:
                break
            found += 1
        return found

    def poll(self, ticket: bytes) -> int:
        self.calls.append(("poll", ticket))
        return self.poll_code

    def forget(self, ticket: bytes) -> None:
        self.calls.append(("forget", ticket))

    def accept(self, ticket: bytes, keys: bytes, tokens: int) -> tuple[int, bytes]:
        self.calls.append(("accept", ticket, len(keys) // 32, tokens))
        return self.accept_code, self.need or bytes([1]) * (len(keys) // 32)

    def fill_begin(self, ticket: bytes | None, key: bytes, chunk: int, tokens: int) -> tuple[int, Slot]:
        self.calls.append(("fill", ticket, chunk, tokens))
        return self.fill_code, Slot(slot=chunk, tokens=tokens, chunk=chunk)

    def fill_abort(self, slot: Slot) -> None:
        self.calls.append(("abort", slot.chunk))

    def claim(self, ticket: bytes | None, keys: bytes) -> tuple[int, list[Slot], int]:
        count = len(keys) // 32 - self.claim_short
        self.calls.append(("claim", ticket, count))
        return Code.OK, [Slot(slot=i, tokens=256, chunk=i) for i in range(count)], 7

    def release(self, claim: int) -> None:
        self.calls.append(("release", claim))

    def gather(self, slot: Slot, layer: int, heads: Any, layout: Any, pages: Any) -> int:
        self.calls.append(("gather", slot.chunk, layer, list(pages)))
        return self.gather_codes.get(slot.chunk, Code.OK)

    def announce(self, slots: list[Slot], layer: int, computed_ns: int) -> int:
        self.calls.append(("announce", [slot.chunk for slot in slots], layer))
        return Code.OK

    def scatter(
        self, slot: Slot, layer: int, heads: Any, layout: Any, pages: Any, token_first: int, verify: bool
    ) -> int:
        self.calls.append(("scatter", slot.chunk, layer, list(pages), token_first))
        return self.scatter_codes.get(slot.chunk, Code.OK)

    def scattered(self, ticket: bytes, stamps_ns: Any) -> None:
        self.calls.append(("scattered", ticket, [stamp > 0 for stamp in stamps_ns]))

    def named(self, name: str) -> list[tuple[Any, ...]]:
        return [call for call in self.calls if call[0] == name]


class FakeSession:
    def __init__(self, client: FakeClient | None) -> None:
        self.current = client
        self.was_unanswered = False

    def client(self) -> Any:
        return self.current

    def unanswered(self) -> None:
        self.was_unanswered = True


def output(blocks: dict[str, list[int]], **scheduled: int) -> Any:
    """What is read of a SchedulerOutput."""
    state = SimpleNamespace(get_block_ids=lambda request: (blocks[request],))
    return SimpleNamespace(num_scheduled_tokens=scheduled, kv_connector_block_state=state)
