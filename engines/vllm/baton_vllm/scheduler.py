"""Scheduler half (design §8): names prompts, asks the arena and the ticket, claims, begins fills. It decides all;
the worker half derives nothing. A lookup is one C call in shared memory; nothing here waits for a ticket."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .abi import Client
from .counters import Counters
from .plans import GatherPlan, LoadPlan, StepPlan
from .prompt import Prompt, Request, is_unnameable, parse_naming
from .session import Session
from .settings import Settings
from .structs import Code, code_name

BlocksOf = Callable[[], Sequence[int]]


class SchedulerHalf:
    def __init__(
        self, session: Session, settings: Settings, block_tokens: int, counters: Counters,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._session = session
        self._settings = settings
        self._block_tokens = block_tokens
        self._counters = counters
        self._clock = clock
        self._prompts: dict[str, Prompt] = {}
        self._starting: list[LoadPlan] = []
        self._loading: dict[str, LoadPlan] = {}

    def new_request(self, request: Any) -> None:
        """Names the prompt, if it can be named."""
        naming = parse_naming(request.kv_transfer_params)
        if naming is None:
            return
        if is_unnameable(request):
            self._counters.add("unnamed")
            return
        deadline = self._clock() + self._settings.ticket_wait_ms / 1000
        tokens = request.prompt_token_ids
        self._prompts[request.request_id] = Prompt.name(request, naming, tokens, self._settings.chunk_tokens, deadline)

    def matched(self, request: Request, computed: int) -> tuple[int | None, bool]:
        """Tokens beyond the `computed` leading ones that a load can bring; None: ask again, the ticket is landing."""
        prompt = self._prompts.get(request.request_id)
        if prompt is None:
            return 0, False
        if prompt.role == "decode" and prompt.stage == "waiting" and not self._landed(prompt):
            return None, False
        client = self._session.client()
        first = computed // prompt.chunk_tokens
        if client is None or first >= prompt.loadable:
            return 0, False
        claims = prompt.stage == "landed" and not prompt.claimed
        count = prompt.loadable - first if claims else client.lookup(prompt.joined(first, prompt.loadable))
        if count == 0:
            return 0, False
        end = min(prompt.end(first + count - 1), request.num_tokens)
        # The last token is always computed here: alone it is worth a claim of the ticket only.
        gain = (end if claims else min(end, request.num_tokens - 1)) - computed
        if gain <= 0:
            return 0, False
        prompt.match = (first, count, computed)
        return end - computed, True

    def allocated(self, request: Request, blocks: BlocksOf, tokens: int) -> None:
        """Blocks are there. `tokens` > 0: a load into them starts, and has to end in one completion."""
        prompt = self._prompts.get(request.request_id)
        if tokens == 0:
            if prompt is not None:
                self._counters.guard("accept", None, lambda: self._admitted(prompt))
            return
        # vLLM promises tokens only to the request that `matched` has just found them for.
        assert prompt is not None
        computed = prompt.match[2]
        last = -(-(computed + tokens) // self._block_tokens)
        # vLLM takes a load that nobody speaks of for done, so what happens here may end in a failed one, never in none.
        everything = list(blocks())[:last]
        plan = LoadPlan(request.request_id, computed, computed + tokens, everything[computed // self._block_tokens :])
        self._starting.append(plan)
        self._loading[plan.request] = plan
        self._counters.guard("claim", None, lambda: self._claim(prompt, plan, everything))
        self._counters.guard("accept", None, lambda: self._accept(prompt))

    def plan(self, output: Any) -> StepPlan:
        """The step's loads and gathers. Fills of the gathers are begun."""
        plan = StepPlan(client=self._session.client(), loads=self._starting)
        self._starting = []
        for request, scheduled in output.num_scheduled_tokens.items():
            prompt = self._prompts.get(request)
            if prompt is None or plan.client is None:
                continue
            # Drafted tokens and those in flight have no name yet.
            end = min(prompt.request.num_computed_tokens + scheduled, prompt.request.num_tokens)
            self._counters.guard("fill", None, lambda p=prompt, e=end: self._gathers(p, e, plan, output))  # type: ignore[misc]
        return plan

    def loaded(self, requests: Iterable[str], invalid: set[int]) -> None:
        """Loads have ended; what did not arrive is not asked for again."""
        for request in requests:
            plan = self._loading.pop(request, None)
            prompt = self._prompts.get(request)
            if plan is None or prompt is None:
                continue
            for i, block in enumerate(plan.blocks):
                if block in invalid:
                    position = plan.start // self._block_tokens + i
                    prompt.loadable = min(prompt.loadable, position * self._block_tokens // prompt.chunk_tokens)
                    self._counters.add("loads_failed")
                    break

    def finished(self, request: str) -> None:
        """The request is over; a load of it that still runs ends in the worker half."""
        prompt = self._prompts.pop(request, None)
        if prompt is not None and prompt.role == "decode":
            self._forget(prompt)

    def _landed(self, prompt: Prompt) -> bool:
        """False: still on its way."""
        stage = self._counters.guard("poll", "over", lambda: self._poll(prompt))
        if stage == "waiting":
            return False
        prompt.stage = "landed" if stage == "landed" else "over"
        return True

    def _poll(self, prompt: Prompt) -> str:
        client = self._session.client()
        assert prompt.naming.ticket is not None
        code = Code.CLOSED if client is None else client.poll(prompt.naming.ticket)
        if code == Code.OK:
            self._counters.add("tickets_landed")
            return "landed"
        if code == Code.LANDING and self._clock() < prompt.deadline:
            return "waiting"
        self._lost(prompt, code)
        return "over"

    def _admitted(self, prompt: Prompt) -> None:
        self._accept(prompt)
        # A landed ticket of which nothing is to be loaded has done its work.
        if prompt.stage == "landed" and not prompt.claimed:
            self._forget(prompt)
            prompt.stage = "over"

    def _accept(self, prompt: Prompt) -> None:
        """Prefill side: accepts the ticket, once, before the prompt's first step."""
        if prompt.role != "prefill" or prompt.stage != "waiting":
            return
        prompt.stage = "over"
        client = self._session.client()
        if client is None or prompt.naming.ticket is None:
            return self._lost(prompt, Code.CLOSED)
        code, need = client.accept(prompt.naming.ticket, prompt.packed, prompt.tokens)
        if code != Code.OK:
            return self._lost(prompt, code)
        prompt.need = need
        prompt.stage = "live"
        self._counters.add("tickets_accepted")

    def _claim(self, prompt: Prompt, plan: LoadPlan, blocks: Sequence[int]) -> None:
        client = self._session.client()
        first, count, _ = prompt.match
        if client is None:
            return
        ticket = prompt.naming.ticket if prompt.stage == "landed" and not prompt.claimed else None
        prompt.claimed = prompt.claimed or ticket is not None
        code, slots, claim = client.claim(ticket, prompt.joined(first, first + count))
        self._answered(code)
        if code != Code.OK:
            self._counters.add(f"claims_refused.{code_name(code)}")
            return
        plan.client, plan.ticket, plan.claim = client, ticket, claim
        plan.first, plan.chunk_tokens, plan.slots = first, prompt.chunk_tokens, slots
        plan.slot_blocks = [self._blocks(prompt, blocks, first + i) for i in range(len(slots))]

    def _gathers(self, prompt: Prompt, end: int, plan: StepPlan, output: Any) -> None:
        client = plan.client
        assert client is not None
        request = prompt.request.request_id
        blocks: Sequence[int] | None = None

        def begin(ticket: bytes | None, key: bytes, chunk: int, tokens: int) -> None:
            nonlocal blocks
            # Asked for first: a begun fill has to be gathered or given up.
            if blocks is None:
                blocks = output.kv_connector_block_state.get_block_ids(request)[0]
            code, slot = client.fill_begin(ticket, key, chunk, tokens)
            if code == Code.HELD:
                return
            if code != Code.OK:
                self._counters.add(f"fills_refused.{code_name(code)}")
                self._answered(code)
                if ticket is not None:
                    prompt.stage = "over"
                    self._lost(prompt, code)
                return
            plan.gathers.append(GatherPlan(request, slot, key, self._span(blocks, chunk, tokens)))

        for chunk in prompt.take_ended(end):
            if prompt.role == "prefill":
                if prompt.stage == "live" and prompt.need[chunk]:
                    begin(prompt.naming.ticket, prompt.keys[chunk], chunk, prompt.counts[chunk])
            elif self._settings.keep and prompt.counts[chunk] == prompt.chunk_tokens:
                self._keep(client, prompt.keys[chunk], chunk, prompt.chunk_tokens, begin)
        if self._settings.keep_generated:
            for chunk, key in prompt.take_generated(end):
                self._keep(client, key, chunk, prompt.chunk_tokens, begin)

    def _keep(self, client: Client, key: bytes, chunk: int, tokens: int, begin: Callable[..., None]) -> None:
        if client.lookup(key) == 0:
            begin(None, key, chunk, tokens)

    def _blocks(self, prompt: Prompt, blocks: Sequence[int], chunk: int) -> list[int]:
        return self._span(blocks, chunk, prompt.counts[chunk])

    def _span(self, blocks: Sequence[int], chunk: int, tokens: int) -> list[int]:
        start = chunk * self._settings.chunk_tokens
        return list(blocks[start // self._block_tokens : -(-(start + tokens) // self._block_tokens)])

    def _forget(self, prompt: Prompt) -> None:
        client = self._session.client()
        if client is not None and prompt.naming.ticket is not None:
            client.forget(prompt.naming.ticket)

    def _lost(self, prompt: Prompt, code: int) -> None:
        self._answered(code)
        self._counters.add(f"tickets_lost.{code_name(code)}")

    def _answered(self, code: int) -> None:
        if code == Code.TIMEOUT:
            self._session.unanswered()
