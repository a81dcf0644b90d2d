"""Loads: a thread scatters claimed chunks into the pages of requests that wait for them, beside the engine's steps. It
is started by the first load, after the engine's forks. Every load ends in exactly one completion, in one place."""

import time
from queue import SimpleQueue
from threading import Lock, Thread

from .check import CheckLog
from .counters import Counters
from .pages import KvPages
from .plans import LoadPlan
from .structs import Code, code_name

_STOP_S = 5.0


class Loader:
    def __init__(
        self, pages: KvPages, block_tokens: int, verify: bool, counters: Counters, check: CheckLog | None
    ) -> None:
        self._kv = pages
        self._block_tokens = block_tokens
        self._verify = verify
        self._counters = counters
        self._check = check
        self._queue: SimpleQueue[LoadPlan | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._lock = Lock()
        self._done: list[tuple[str, list[int]]] = []

    def submit(self, plan: LoadPlan) -> None:
        """Starts a load; never throws."""
        try:
            if self._thread is None:
                thread = Thread(target=self._work, name="baton-load", daemon=True)
                thread.start()
                self._thread = thread
            self._queue.put(plan)
        except Exception:
            self._counters.add("errors.load_thread")
            self._complete(plan, 0)

    def take_done(self) -> tuple[set[str], set[int]]:
        """Requests whose load has ended since the last call, and blocks that were not written."""
        with self._lock:
            done, self._done = self._done, []
        return {request for request, _ in done}, {block for _, blocks in done for block in blocks}

    def stop(self) -> None:
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(_STOP_S)
            self._thread = None

    def run(self, plan: LoadPlan) -> None:
        """Loads and completes; never throws."""
        loaded = 0
        try:
            loaded = self._counters.guard("load", 0, lambda: self._load(plan))
        finally:
            self._complete(plan, loaded)

    def _work(self) -> None:
        while (plan := self._queue.get()) is not None:
            self.run(plan)

    def _complete(self, plan: LoadPlan, loaded: int) -> None:
        if plan.client is not None and plan.claim:
            client, claim, plan.claim = plan.client, plan.claim, 0
            self._counters.guard("release", None, lambda: client.release(claim))
        plan.client = None
        whole = loaded == len(plan.slots) and plan.loads_all
        invalid = [] if whole else plan.blocks_from(plan.first + loaded, self._block_tokens) if loaded else plan.blocks
        self._counters.add("loads")
        with self._lock:
            self._done.append((plan.request, invalid))

    def _load(self, plan: LoadPlan) -> int:
        """How many leading chunks stand in the pages."""
        client = plan.client
        if client is None or not plan.slots:
            return 0
        pages = [self._kv.pages(blocks) for blocks in plan.slot_blocks]
        good = len(plan.slots)
        stamps = [0] * self._kv.layers
        for layer, layout in enumerate(self._kv.layouts):
            for i in range(good):
                code = client.scatter(
                    plan.slots[i], layer, self._kv.heads, layout, pages[i], plan.token_first(i), self._verify
                )
                if code != Code.OK:
                    self._counters.add(f"scatters_failed.{code_name(code)}")
                    good = i
                    break
            if good == len(plan.slots):
                stamps[layer] = time.monotonic_ns()
        if plan.ticket is not None:
            client.scattered(plan.ticket, stamps)
        if self._check is not None:
            for i in range(good):
                slot, key, start = plan.slots[i], bytes(plan.slots[i].key), plan.token_first(i)
                digests = [
                    digest
                    for layer in range(self._kv.layers)
                    for digest in self._kv.digests(key, layer, slot.tokens, pages[i], start)
                ]
                self._check.write("loaded", plan.request, key, slot.tokens, digests, start, plan.first + i)
        self._counters.add("chunks_loaded", good)
        return good
