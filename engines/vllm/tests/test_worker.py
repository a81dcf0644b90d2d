"""Gathers and loads of the worker half, over fake pages, and once over real ones."""

import json
from pathlib import Path
from typing import Any

from baton_vllm.check import CheckLog, compare
from baton_vllm.counters import Counters
from baton_vllm.gather import Gathering
from baton_vllm.load import Loader
from baton_vllm.plans import GatherPlan, LoadPlan, StepPlan
from baton_vllm.structs import Code, Slot
from baton_vllm.worker import WorkerHalf

from .support import FakeClient

TICKET = bytes(16)
BLOCK = 32


class FakePages:
    layers = 3
    heads = (0, 2)
    layouts = (None, None, None)
    index = {"a": 0, "b": 1, "c": 2}  # noqa: RUF012

    def pages(self, blocks: list[int]) -> list[int]:
        return blocks

    block_tokens = BLOCK

    def digests(self, key: bytes, layer: int, tokens: int, pages: Any, start: int = 0) -> list[bytes]:
        return [bytes([layer, head, start]) for head in range(2)]


def gathers(client: Any, *chunks: tuple[str, int]) -> StepPlan:
    plan = StepPlan(client)
    for request, chunk in chunks:
        plan.gathers.append(GatherPlan(request, Slot(slot=chunk, tokens=256, chunk=chunk), bytes(32), [chunk]))
    return plan


def gathering(plan: StepPlan, counters: Counters | None = None, check: CheckLog | None = None) -> Gathering:
    return Gathering(plan, FakePages(), counters or Counters(), check)  # type: ignore[arg-type]


def load_plan(client: Any, slots: int = 2, ticket: bytes | None = TICKET) -> LoadPlan:
    """Tokens 64 to 512 of a request: the end of chunk 0 and all of chunk 1."""
    plan = LoadPlan("r", 64, 512, list(range(102, 116)), client, ticket, claim=7, chunk_tokens=256)
    plan.slots = [Slot(slot=i, tokens=256, chunk=i) for i in range(slots)]
    plan.slot_blocks = [list(range(100, 108)), list(range(108, 116))][:slots]
    return plan


def loader(counters: Counters | None = None) -> Loader:
    return Loader(FakePages(), BLOCK, True, counters or Counters(), None)  # type: ignore[arg-type]


def test_a_layer_is_announced_once_after_all_its_chunks_are_copied() -> None:
    client = FakeClient()
    step = gathering(gathers(client, ("p", 0), ("q", 4)))
    step.layer(0)
    step.layer(0)
    assert client.calls == [("gather", 0, 0, [0]), ("gather", 4, 0, [4]), ("announce", [0, 4], 0)]


def test_layers_whose_hook_was_not_called_are_gathered_at_the_end_and_counted() -> None:
    client, counters = FakeClient(), Counters()
    step = gathering(gathers(client, ("p", 0)), counters)
    step.layer(1)
    step.finish()
    assert [call[2] for call in client.named("announce")] == [1, 0, 2]
    assert counters.values["layers_gathered_at_the_end"] == 2


def test_a_gather_that_fails_aborts_the_fills_of_its_request_only() -> None:
    client, counters = FakeClient(), Counters()
    client.gather_codes = {1: Code.ENDED}
    step = gathering(gathers(client, ("p", 0), ("p", 1), ("q", 4)), counters)
    for layer in range(3):
        step.layer(layer)
    step.finish()
    assert client.named("abort") == [("abort", 0), ("abort", 1)]
    assert client.named("announce") == [("announce", [0, 4], 0), ("announce", [4], 1), ("announce", [4], 2)]
    assert counters.values["gathers_failed.ended"] == 1


def test_a_load_writes_exactly_its_tokens_and_completes_once() -> None:
    client = FakeClient()
    loads = loader()
    loads.run(load_plan(client))
    assert [call[4] for call in client.named("scatter")] == [64, 0] * 3
    assert client.named("scattered") == [("scattered", TICKET, [True, True, True])]
    assert client.named("release") == [("release", 7)]
    assert loads.take_done() == ({"r"}, set())
    assert loads.take_done() == (set(), set())


def test_a_chunk_that_fails_leaves_it_and_the_later_ones_unwritten() -> None:
    client = FakeClient()
    client.scatter_codes = {1: Code.DIGEST}
    loads = loader()
    loads.run(load_plan(client))
    assert loads.take_done() == ({"r"}, set(range(108, 116)))
    assert client.named("scattered") == [("scattered", TICKET, [False, False, False])]
    assert client.named("release") == [("release", 7)]


def test_a_claim_that_found_less_leaves_the_rest_unwritten() -> None:
    loads = loader()
    loads.run(load_plan(FakeClient(), slots=1))
    assert loads.take_done() == ({"r"}, set(range(108, 116)))


def test_a_load_without_slots_or_that_throws_completes_with_all_blocks_unwritten() -> None:
    loads = loader()
    loads.run(LoadPlan("none", 0, 64, [3, 4]))
    assert loads.take_done() == ({"none"}, {3, 4})
    broken: Any = FakeClient()
    broken.scatter = None
    loads.run(load_plan(broken))
    assert loads.take_done() == ({"r"}, set(range(102, 116)))
    assert broken.named("release") == [("release", 7)]


def test_loads_run_on_a_thread_that_the_first_one_starts() -> None:
    loads = loader()
    assert loads._thread is None
    for _ in range(3):
        loads.submit(load_plan(FakeClient()))
    loads.stop()
    assert loads.take_done() == ({"r"}, set())


def test_the_worker_tells_unwritten_blocks_in_the_step_that_names_the_request() -> None:
    from baton_vllm.settings import Settings

    worker = WorkerHalf(Settings(socket="s", engine="e"), BLOCK, Counters(), None)
    worker.register(FakePages())  # type: ignore[arg-type]
    worker.begin(StepPlan(loads=[LoadPlan("r", 0, 64, [3, 4])]))
    worker.start_loads()
    worker.shutdown()
    assert worker.finished() == {"r"}
    assert worker.invalid() == {3, 4}
    assert worker.invalid() == set()


def test_fills_of_a_step_without_registered_pages_are_given_up() -> None:
    from baton_vllm.settings import Settings

    client = FakeClient()
    worker = WorkerHalf(Settings(socket="s", engine="e"), BLOCK, Counters(), None)
    worker.begin(gathers(client, ("p", 0)))
    assert client.named("abort") == [("abort", 0)]


def test_check_mode_tells_digests_on_both_sides_and_compares_them(tmp_path: Path) -> None:
    path = tmp_path / "check.jsonl"
    check = CheckLog(str(path), "e")
    step = gathering(gathers(FakeClient(), ("p", 0)), check=check)
    step.finish()
    loads = Loader(FakePages(), BLOCK, True, Counters(), check)  # type: ignore[arg-type]
    loads.run(load_plan(FakeClient(), slots=1))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["event"], line["start"]) for line in lines] == [
        *(("gathered", start) for start in range(0, 256, BLOCK)),
        ("loaded", 64),
    ]
    assert len(lines[0]["digests"]) == 6
    assert compare(lines) == (1, [])
    lines[-1]["digests"][5] = "00"
    assert compare(lines)[1][0].endswith("other digests")
    check.close()
