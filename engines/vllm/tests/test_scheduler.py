"""Stories of the scheduler half with a client that only remembers."""

from typing import Any

import pytest

from baton_vllm.counters import Counters
from baton_vllm.names import chunk_key, chunk_keys
from baton_vllm.prompt import parse_naming
from baton_vllm.scheduler import SchedulerHalf
from baton_vllm.settings import Settings
from baton_vllm.structs import Code

from .support import FakeClient, FakeRequest, FakeSession, output

ROOT = bytes(range(32))
TICKET = bytes(range(16))
BLOCK = 32


class Engine:
    """A scheduler half, its client and its clock."""

    def __init__(self, **settings: Any) -> None:
        self.client = FakeClient()
        self.session = FakeSession(self.client)
        self.now = 0.0
        self.counters = Counters()
        wanted = Settings(socket="s", engine="e", **settings)
        self.half = SchedulerHalf(self.session, wanted, BLOCK, self.counters, lambda: self.now)  # type: ignore[arg-type]

    def request(self, tokens: int, role: str | None, ticket: bytes | None = TICKET, name: str = "r") -> FakeRequest:
        baton = {"root": ROOT.hex(), "ticket": ticket.hex() if ticket else None, "role": role}
        request = FakeRequest(name, list(range(tokens)), {"baton": baton})
        self.half.new_request(request)
        return request


def keys(tokens: int) -> list[bytes]:
    return chunk_keys(ROOT, list(range(tokens)), 256)


def test_a_decode_leg_asks_again_while_its_ticket_is_landing() -> None:
    engine = Engine()
    request = engine.request(700, "decode")
    assert engine.half.matched(request, 0) == (None, False)
    assert engine.half.matched(request, 0) == (None, False)
    engine.client.poll_code = Code.OK
    assert engine.half.matched(request, 0) == (700, True)


def test_a_landed_ticket_is_claimed_for_all_chunks_that_do_not_stand_in_pages() -> None:
    engine = Engine()
    engine.client.poll_code = Code.OK
    request = engine.request(700, "decode")
    assert engine.half.matched(request, 320) == (380, True)
    engine.half.allocated(request, lambda: list(range(100, 123)), 380)
    assert engine.client.named("claim") == [("claim", TICKET, 2)]
    [load] = engine.half.plan(output({})).loads
    assert load.blocks == list(range(110, 122))
    assert load.slot_blocks == [list(range(108, 116)), list(range(116, 122))]
    assert [load.token_first(0), load.token_first(1)] == [64, 0]
    assert engine.half.plan(output({})).loads == []


def test_a_failed_ticket_lets_the_prompt_be_computed_and_takes_what_landed() -> None:
    engine = Engine()
    engine.client.poll_code = Code.ENDED
    engine.client.held = {keys(700)[0]}
    request = engine.request(700, "decode")
    assert engine.half.matched(request, 0) == (256, True)
    assert engine.counters.values["tickets_lost.ended"] == 1


def test_a_ticket_that_never_lands_is_waited_for_a_bounded_time() -> None:
    engine = Engine(ticket_wait_ms=1000)
    request = engine.request(700, "decode")
    assert engine.half.matched(request, 0) == (None, False)
    engine.now = 1.5
    assert engine.half.matched(request, 0) == (0, False)


def test_a_landed_ticket_of_which_nothing_is_loaded_is_forgotten() -> None:
    engine = Engine()
    engine.client.poll_code = Code.OK
    request = engine.request(700, "decode")
    engine.half.matched(request, 672)
    engine.half.allocated(request, lambda: [], 0)
    assert engine.client.named("forget") == [("forget", TICKET)]


def test_a_prompt_without_ticket_takes_the_leading_chunks_that_are_held() -> None:
    engine = Engine()
    engine.client.held = set(keys(700)[:2])
    request = engine.request(700, None, None)
    assert engine.half.matched(request, 0) == (512, True)
    assert engine.half.matched(request, 512) == (0, False)


def test_the_last_token_alone_is_no_reason_for_a_load() -> None:
    engine = Engine()
    engine.client.held = set(keys(257))
    request = engine.request(257, None, None)
    assert engine.half.matched(request, 256) == (0, False)


@pytest.mark.parametrize("params", [None, {}, {"baton": None}, {"baton": {"root": None, "ticket": None, "role": None}}])
def test_a_request_without_root_is_unnamed(params: Any) -> None:
    assert parse_naming(params) is None
    engine = Engine()
    request = FakeRequest("r", [1, 2, 3], params)
    engine.half.new_request(request)
    assert engine.half.matched(request, 0) == (0, False)
    engine.half.allocated(request, lambda: [1], 0)
    assert engine.half.plan(output({"r": [1]}, r=3)).gathers == []


@pytest.mark.parametrize("baton", ["x", {"root": "00"}, {"root": "zz" * 32}, {"root": "00" * 32, "role": "both"}])
def test_half_filled_parameters_are_refused(baton: Any) -> None:
    with pytest.raises(ValueError, match=r"baton|hex"):
        parse_naming({"baton": baton})


def test_a_prompt_with_media_is_unnamed() -> None:
    engine = Engine()
    request = FakeRequest("r", [1] * 300, {"baton": {"root": ROOT.hex()}}, mm_features=["image"])
    engine.half.new_request(request)
    assert engine.half.matched(request, 0) == (0, False)
    assert engine.counters.values["unnamed"] == 1


def test_a_prefill_leg_gathers_each_chunk_once_in_the_step_that_reaches_its_end() -> None:
    engine = Engine()
    request = engine.request(700, "prefill")
    engine.half.matched(request, 0)
    engine.half.allocated(request, lambda: [], 0)
    assert engine.client.named("accept") == [("accept", TICKET, 3, 700)]
    blocks = {"r": list(range(10, 32))}
    assert [g.slot.chunk for g in engine.half.plan(output(blocks, r=300)).gathers] == [0]
    request.num_computed_tokens = 300
    assert [g.slot.chunk for g in engine.half.plan(output(blocks, r=200)).gathers] == []
    request.num_computed_tokens = 500
    gathers = engine.half.plan(output(blocks, r=200)).gathers
    assert [g.slot.chunk for g in gathers] == [1, 2]
    assert [g.blocks for g in gathers] == [list(range(18, 26)), list(range(26, 32))]
    # Preempted: what is computed again has been gathered.
    request.num_computed_tokens = 0
    engine.half.allocated(request, lambda: [], 0)
    assert engine.half.plan(output(blocks, r=700)).gathers == []
    assert len(engine.client.named("accept")) == 1


def test_chunks_that_the_target_needs_no_copy_of_are_not_gathered() -> None:
    engine = Engine()
    engine.client.need = bytes([0, 1, 0])
    request = engine.request(700, "prefill")
    engine.half.allocated(request, lambda: [], 0)
    assert [g.slot.chunk for g in engine.half.plan(output({"r": list(range(22))}, r=700)).gathers] == [1]


def test_a_full_arena_ends_the_ticket_and_nothing_waits() -> None:
    engine = Engine()
    engine.client.fill_code = Code.FULL
    request = engine.request(700, "prefill")
    engine.half.allocated(request, lambda: [], 0)
    assert engine.half.plan(output({"r": list(range(22))}, r=700)).gathers == []
    assert len(engine.client.named("fill")) == 1
    assert engine.counters.values["tickets_lost.full"] == 1


def test_a_service_that_does_not_answer_is_left_alone() -> None:
    engine = Engine()
    engine.client.accept_code = Code.TIMEOUT
    engine.half.allocated(engine.request(700, "prefill"), lambda: [], 0)
    assert engine.session.was_unanswered


def test_decode_keeps_full_chunks_of_what_it_generates() -> None:
    engine = Engine()
    request = engine.request(300, None, None)
    engine.half.allocated(request, lambda: [], 0)
    blocks = {"r": list(range(40))}
    kept = engine.half.plan(output(blocks, r=300)).gathers
    assert [g.slot.chunk for g in kept] == [0]
    request.output = [7] * 212
    request.num_computed_tokens = 511
    [generated] = engine.half.plan(output(blocks, r=1)).gathers
    assert generated.slot.chunk == 1
    assert generated.key == chunk_key(keys(300)[0], request.all_token_ids[256:512])
    assert engine.half.plan(output(blocks, r=1)).gathers == []


def test_tokens_in_flight_or_drafted_are_not_named() -> None:
    engine = Engine()
    request = engine.request(300, None, None)
    request.output = [7] * 211
    request.num_computed_tokens = 510
    assert [g.slot.chunk for g in engine.half.plan(output({"r": list(range(40))}, r=5)).gathers] == [0]


def test_a_failed_load_is_not_tried_again_for_that_request() -> None:
    engine = Engine()
    engine.client.held = set(keys(700))
    request = engine.request(700, None, None)
    engine.half.matched(request, 0)
    engine.half.allocated(request, lambda: list(range(50, 72)), 700)
    assert engine.half.plan(output({})).loads
    engine.half.loaded(["r"], set(range(58, 72)))
    assert engine.half.matched(request, 0) == (256, True)


def test_a_claim_that_throws_still_starts_the_promised_load() -> None:
    engine = Engine()
    engine.client.held = set(keys(700))
    request = engine.request(700, None, None)
    engine.half.matched(request, 0)
    engine.client.claim = None  # type: ignore[assignment]
    engine.half.allocated(request, lambda: list(range(22)), 700)
    [load] = engine.half.plan(output({})).loads
    assert load.slots == []
    assert not load.loads_all
    assert engine.counters.values["errors.claim"] == 1


def test_without_a_service_everything_is_computed_here() -> None:
    engine = Engine()
    engine.session.current = None
    for role in ("prefill", "decode"):
        request = engine.request(700, role, name=role)
        assert engine.half.matched(request, 0) == (0, False)
        engine.half.allocated(request, lambda: [], 0)
        assert engine.half.plan(output({role: []}, **{role: 700})).gathers == []
        engine.half.finished(role)
    assert engine.counters.values["tickets_lost.closed"] == 2
