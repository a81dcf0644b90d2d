"""The engine's session with its node's service: attaches, notices when the service is gone, attaches again. Meanwhile
the engine serves without Baton. Whoever asks for the client attaches when its turn has come: a hook of the scheduler,
or, because an idle engine runs no hook and no router sends anything to an engine that is not attached, a thread."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Lock, Thread

from .abi import AttachError, Client, Library
from .counters import Counters, log
from .geometry import Geometry
from .structs import Code

_BACKOFF_MIN_S = 0.1
_BACKOFF_MAX_S = 5.0
_WATCH_S = 1.0
# What no waiting mends: the engine does not start with these.
_FATAL = frozenset({Code.ARGUMENT, Code.VERSION, Code.GEOMETRY})


@dataclass(frozen=True)
class Attachment:
    """What a session is made from."""

    socket: str
    engine: str
    namespace: bytes
    geometry: Geometry
    timeout_ms: int


class Session:
    def __init__(
        self, library: Library, wanted: Attachment, counters: Counters, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.library = library
        self.wanted = wanted
        self._counters = counters
        self._clock = clock
        self._client: Client | None = None
        self._ended = Event()
        self._attaching = Lock()
        self._watch: Thread | None = None
        self._quiet_until = 0.0
        self._retry_at = 0.0
        self._backoff = _BACKOFF_MIN_S
        try:
            self._attach()
        except AttachError as error:
            if error.code in _FATAL:
                raise
            self._later(error)

    def client(self) -> Client | None:
        """The client while its session lives and the service answers. May attach: a bounded round trip."""
        now = self._clock()
        # Taken: the other one looks after it at this very moment, and no step waits for that.
        if self._attaching.acquire(blocking=False):
            try:
                self._renew(now)
            finally:
                self._attaching.release()
        return None if now < self._quiet_until else self._client

    def watch(self, every_s: float = _WATCH_S) -> None:
        """Attaches again while no hook runs. To be called after the engine's forks; once is enough."""
        if self._watch is None:
            self._watch = Thread(target=self._keep_attached, args=(every_s,), name="baton-attach", daemon=True)
            self._watch.start()

    def unanswered(self) -> None:
        """The service did not answer in time: it is left alone for a while, so that it delays few steps."""
        self._quiet_until = self._clock() + _BACKOFF_MAX_S

    def close(self) -> None:
        self._ended.set()
        with self._attaching:
            self._client = None

    def _keep_attached(self, every_s: float) -> None:
        while not self._ended.wait(every_s):
            self._counters.guard("watch", None, self.client)

    def _renew(self, now: float) -> None:
        if self._client is not None and not self._client.alive():
            log.warning("Baton: the transfer service is gone; serving without it")
            self._client = None
            self._retry_at = now
        if self._client is None and not self._ended.is_set() and now >= self._retry_at:
            try:
                self._attach()
            except AttachError as error:
                self._later(error)

    def _attach(self) -> None:
        wanted = self.wanted
        self._client = self.library.attach(
            wanted.socket, wanted.engine, wanted.namespace, wanted.geometry, wanted.timeout_ms
        )
        self._backoff = _BACKOFF_MIN_S
        self._counters.add("attaches")
        log.info("Baton: attached to %s as %s, namespace %s", wanted.socket, wanted.engine, wanted.namespace.hex()[:16])

    def _later(self, error: AttachError) -> None:
        self._counters.add("attach_failures")
        log.warning("Baton: not attached to %s: %s; serving without it", self.wanted.socket, error)
        self._retry_at = self._clock() + self._backoff
        self._backoff = min(self._backoff * 2, _BACKOFF_MAX_S)


_sessions: dict[tuple[str, str], tuple[Session, int]] = {}
_lock = Lock()


def share(wanted: Attachment, make: Callable[[], Session]) -> Session:
    """The process's session for this engine: vLLM makes one connector for the scheduler and one for the worker."""
    name = (wanted.socket, wanted.engine)
    with _lock:
        held, users = _sessions.get(name, (None, 0))
        if held is not None and held.wanted != wanted:
            raise AttachError(Code.GEOMETRY, f"{wanted.engine} is attached with another namespace in this process")
        session = held or make()
        _sessions[name] = (session, users + 1)
        return session


def unshare(session: Session) -> None:
    """The last one to let go ends the session."""
    name = (session.wanted.socket, session.wanted.engine)
    with _lock:
        held, users = _sessions.get(name, (None, 0))
        if held is not session:
            return
        if users > 1:
            _sessions[name] = (session, users - 1)
        else:
            del _sessions[name]
            session.close()
