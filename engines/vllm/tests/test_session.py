"""Attaching, over a library that answers what the test says."""

from threading import Event
from typing import Any

import pytest

from baton_vllm.abi import AttachError
from baton_vllm.counters import Counters
from baton_vllm.geometry import Geometry
from baton_vllm.session import Attachment, Session, share, unshare
from baton_vllm.structs import Code

from .support import library

GEOMETRY = Geometry(2, 2, (64, 64), 256)
WANTED = Attachment("/nowhere/baton.sock", "e", bytes(32), GEOMETRY, 100)


class FakeAttached:
    def __init__(self) -> None:
        self.lives = True

    def alive(self) -> bool:
        return self.lives


def attached_client() -> Any:
    return FakeAttached()


class FakeLibrary:
    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    def attach(self, *_: Any) -> Any:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def session(now: list[float], *answers: Any) -> Session:
    return Session(FakeLibrary(*answers), WANTED, Counters(), lambda: now[0])  # type: ignore[arg-type]


def test_a_service_that_is_not_there_is_tried_again_later_and_longer() -> None:
    now, client = [0.0], attached_client()
    gone = AttachError(Code.CLOSED, "no service")
    attached = session(now, gone, gone, client)
    assert attached.client() is None
    now[0] = 0.15
    assert attached.client() is None
    now[0] = 0.3
    assert attached.client() is None
    now[0] = 0.4
    assert attached.client() is client


def test_a_service_that_went_away_is_attached_to_again() -> None:
    now, first, second = [0.0], attached_client(), attached_client()
    attached = session(now, first, second)
    assert attached.client() is first
    gone: Any = first
    gone.lives = False
    assert attached.client() is second


def test_an_idle_engine_attaches_again_while_no_hook_runs() -> None:
    first, second, all_asked = attached_client(), attached_client(), Event()

    class Watched(FakeLibrary):
        def attach(self, *_: Any) -> Any:
            try:
                return super().attach()
            finally:
                if not self.answers:
                    all_asked.set()

    library = Watched(first, AttachError(Code.CLOSED, "no service"), second)
    attached = Session(library, WANTED, Counters())  # type: ignore[arg-type]
    first.lives = False
    attached.watch(every_s=0.01)
    assert all_asked.wait(30)
    attached.close()
    assert attached.client() is None


def test_a_service_that_did_not_answer_is_left_alone_for_a_while() -> None:
    now, client = [0.0], attached_client()
    attached = session(now, client)
    attached.unanswered()
    assert attached.client() is None
    now[0] = 6.0
    assert attached.client() is client


@pytest.mark.parametrize("code", [Code.VERSION, Code.GEOMETRY, Code.ARGUMENT])
def test_what_no_waiting_mends_stops_the_start(code: Code) -> None:
    with pytest.raises(AttachError, match="install the same"):
        session([0.0], AttachError(code, "install the same Baton on both"))


def test_scheduler_and_worker_share_one_session_and_the_last_ends_it() -> None:
    now, client = [0.0], attached_client()
    made = share(WANTED, lambda: session(now, client))
    assert share(WANTED, lambda: session(now, client)) is made
    unshare(made)
    assert made.client() is client
    unshare(made)
    assert made.client() is None


def test_structs_have_the_size_that_the_library_checks() -> None:
    with pytest.raises(AttachError) as refused:
        library().attach(WANTED.socket, WANTED.engine, WANTED.namespace, GEOMETRY, 100)
    # Past the checks of sizes, version, name and geometry: there is nobody at that socket.
    assert refused.value.code == Code.CLOSED
    with pytest.raises(AttachError, match="geometry") as wrong:
        library().attach(WANTED.socket, WANTED.engine, WANTED.namespace, Geometry(0, 1, (1,), 1), 100)
    assert wrong.value.code == Code.GEOMETRY
