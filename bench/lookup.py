"""The engine's end of the lookup bench: fills the arena of a real transfer service with chunks, then times the lookup
as vLLM's scheduler makes it (SchedulerHalf.matched), without vLLM. Reads options as JSON, prints rows as JSON.
usage: lookup.py '{"socket": ..., "library": ..., "package": ..., "chunks": 16384, "rounds": 2000, "sizes": [1, 16]}'"""

import ctypes
import json
import sys
import time
from types import SimpleNamespace

options = json.loads(sys.argv[1])
sys.path.insert(0, options["package"])

from baton_vllm.abi import Library, pages_of  # noqa: E402
from baton_vllm.counters import Counters  # noqa: E402
from baton_vllm.geometry import Geometry  # noqa: E402
from baton_vllm.names import chunk_keys  # noqa: E402
from baton_vllm.scheduler import SchedulerHalf  # noqa: E402
from baton_vllm.session import Attachment, Session  # noqa: E402
from baton_vllm.settings import Settings  # noqa: E402
from baton_vllm.structs import Code, LayerStruct, PlaneStruct  # noqa: E402

CHUNK = 256
PLANES = (16, 16)
HELD, ABSENT = bytes([1]) * 32, bytes([2]) * 32


def tokens_of(number: int, chunks: int) -> list[int]:
    """A prompt of whole chunks that no other number has."""
    return [number % 50_000] * (chunks * CHUNK)


def request_of(name: str, root: bytes, tokens: list[int]) -> SimpleNamespace:
    return SimpleNamespace(
        request_id=name, prompt_token_ids=tokens, kv_transfer_params={"baton": {"root": root.hex()}},
        num_computed_tokens=0, num_tokens=len(tokens), all_token_ids=tokens, prompt_embeds=None, mm_features=[],
        lora_request=None, pooling_params=None,
    )  # fmt: skip


def fill(session: Session, prompts: list[list[int]]) -> int:
    """Gathers every chunk of these prompts into the arena."""
    memory = ctypes.create_string_buffer(sum(PLANES) * CHUNK)
    base = ctypes.addressof(memory)
    layout = LayerStruct(ctypes.sizeof(LayerStruct), CHUNK)
    layout.plane[:2] = [
        PlaneStruct(base + i * PLANES[0] * CHUNK, 0, 0, size, 1, 1, size) for i, size in enumerate(PLANES)
    ]
    client, pages, done = session.client(), pages_of([0]), 0
    assert client is not None
    for tokens in prompts:
        for chunk, key in enumerate(chunk_keys(HELD, tokens, CHUNK)):
            code, slot = client.fill_begin(None, key, chunk, CHUNK)
            assert code == Code.OK, code
            assert client.gather(slot, 0, (0, 1), layout, pages) == Code.OK
            assert client.announce([slot], 0, 1) == Code.OK
            done += 1
    # Announcements need no answer; a round trip behind the last one says that all are sealed.
    _, _, claim = client.claim(None, key)
    client.release(claim)
    return done


def timed(scheduler: SchedulerHalf, requests: list[SimpleNamespace], rounds: int, tokens: int) -> tuple[float, float]:
    """p50 and p99, µs, over rounds that take turns among the prompts."""
    taken = []
    for i in range(rounds):
        request = requests[i % len(requests)]
        start = time.perf_counter_ns()
        found = scheduler.matched(request, 0)
        taken.append(time.perf_counter_ns() - start)
        assert found == (tokens, tokens > 0), found
    taken.sort()
    return taken[rounds // 2] / 1000, taken[rounds * 99 // 100] / 1000


def main() -> None:
    counters = Counters()
    wanted = Attachment(options["socket"], "bench", bytes(32), Geometry(1, 1, PLANES, CHUNK), 10_000)
    session = Session(Library(options["library"]), wanted, counters)
    scheduler = SchedulerHalf(session, Settings(wanted.socket, "bench"), 16, counters)
    longest = max(options["sizes"])
    prompts = [tokens_of(i, longest) for i in range(options["chunks"] // longest)]
    held = fill(session, prompts)
    rows = []
    for chunks in options["sizes"]:
        row: dict[str, float] = {"chunks": chunks}
        for kind, root, matched in (("hit", HELD, chunks * CHUNK), ("miss", ABSENT, 0)):
            requests = [request_of(f"{kind}-{chunks}-{i}", root, p[: chunks * CHUNK]) for i, p in enumerate(prompts)]
            for request in requests:
                scheduler.new_request(request)
            timed(scheduler, requests, options["rounds"] // 10, matched)
            p50, p99 = timed(scheduler, requests, options["rounds"], matched)
            row[f"{kind}_p50_us"], row[f"{kind}_p99_us"] = round(p50, 2), round(p99, 2)
            for request in requests:
                scheduler.finished(request.request_id)
        rows.append(row)
    assert not any(name.startswith("errors") for name in counters.values), counters.values
    print(json.dumps({"held": held, "rows": rows}))


main()
