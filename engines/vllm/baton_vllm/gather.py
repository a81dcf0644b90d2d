"""Gathers of one step: each layer's stripes in that layer's hook, announced once they are copied."""

import time
from collections.abc import Sequence

from .abi import Client, Pages
from .check import CheckLog
from .counters import Counters
from .pages import KvPages
from .plans import GatherPlan, StepPlan
from .structs import Code, code_name


class Gathering:
    """An error ends the gathers of that request, never the step: its fills are aborted, its later layers skipped."""

    def __init__(self, plan: StepPlan, pages: KvPages, counters: Counters, check: CheckLog | None) -> None:
        self._client: Client | None = plan.client
        self._kv = pages
        self._counters = counters
        self._check = check
        self._chunks: list[tuple[GatherPlan, Pages]] = [(g, pages.pages(g.blocks)) for g in plan.gathers]
        # Check mode: by chunk, by the token it starts at.
        self._digests: dict[int, dict[int, list[bytes]]] = {}
        self._seen = bytearray(pages.layers)

    def layer(self, layer: int) -> None:
        """This layer's KV stands in the pages. The copy is done when this returns: pages may be reused after it."""
        client = self._client
        if not self._chunks or self._seen[layer] or client is None:
            return
        self._seen[layer] = 1
        computed = time.monotonic_ns()
        filled = []
        failed: dict[str, int] = {}
        for gather, pages in self._chunks:
            if gather.request in failed:
                continue
            code = client.gather(gather.slot, layer, self._kv.heads, self._kv.layouts[layer], pages)
            if code != Code.OK:
                failed[gather.request] = code
                continue
            filled.append(gather.slot)
            if self._check is not None:
                self._digest(gather, layer, pages)
        if filled and client.announce(filled, layer, computed) != Code.OK:
            failed.update({gather.request: Code.CLOSED for gather, _ in self._chunks})
        self._end(failed)

    def finish(self) -> None:
        """The step's end: layers whose hook was not called (graphs) are gathered now."""
        if not self._chunks or self._client is None:
            return
        missed = [layer for layer in range(self._kv.layers) if not self._seen[layer]]
        if missed:
            self._counters.add("layers_gathered_at_the_end", len(missed))
        for layer in missed:
            self.layer(layer)
        self._counters.add("chunks_gathered", len(self._chunks))
        for gather, _ in self._chunks:
            if self._check is not None:
                for start, digests in self._digests[id(gather)].items():
                    self._check.write(
                        "gathered", gather.request, gather.key, gather.slot.tokens, digests, start, gather.slot.chunk
                    )
        self._chunks = []

    def abandon(self) -> None:
        """The step failed: its fills are given up."""
        self._end({gather.request: Code.CLOSED for gather, _ in self._chunks})

    def _digest(self, gather: GatherPlan, layer: int, pages: Pages) -> None:
        # A reader that has the chunk's first blocks of its own loads what follows them: every such rest is told.
        for start in range(0, gather.slot.tokens, self._kv.block_tokens):
            digests = self._kv.digests(gather.key, layer, gather.slot.tokens, pages, start)
            self._digests.setdefault(id(gather), {}).setdefault(start, []).extend(digests)

    def _end(self, failed: dict[str, int]) -> None:
        if not failed:
            return
        for code in failed.values():
            self._counters.add(f"gathers_failed.{code_name(code)}")
        kept: list[tuple[GatherPlan, Pages]] = []
        for gather, pages in self._chunks:
            if gather.request not in failed:
                kept.append((gather, pages))
            elif self._client is not None:
                self._client.fill_abort(gather.slot)
        self._chunks = kept


def abort_fills(plan: StepPlan, gathers: Sequence[GatherPlan]) -> None:
    """For a step that has no pages to gather from."""
    for gather in gathers:
        if plan.client is not None:
            plan.client.fill_abort(gather.slot)
