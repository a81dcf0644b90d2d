"""Worker half: gathers in the layers' hooks, fences at the step's end, loads beside the steps."""

from .check import CheckLog
from .counters import Counters
from .gather import Gathering, abort_fills
from .load import Loader
from .pages import KvPages
from .plans import StepPlan
from .settings import Settings


class WorkerHalf:
    def __init__(self, settings: Settings, block_tokens: int, counters: Counters, check: CheckLog | None) -> None:
        self._settings = settings
        self._block_tokens = block_tokens
        self._counters = counters
        self._check = check
        self._pages: KvPages | None = None
        self._loader: Loader | None = None
        self._gathering: Gathering | None = None
        self._loads: StepPlan | None = None
        self._invalid: set[int] = set()

    def register(self, pages: KvPages) -> None:
        self._pages = pages
        self._loader = Loader(pages, self._block_tokens, self._settings.verify, self._counters, self._check)

    def begin(self, plan: StepPlan) -> None:
        """A step's metadata is there, before the forward."""
        self._loads = plan
        self._gathering = None
        if not plan.gathers:
            return
        if self._pages is None:
            return abort_fills(plan, plan.gathers)
        self._gathering = Gathering(plan, self._pages, self._counters, self._check)

    def start_loads(self) -> None:
        plan, self._loads = self._loads, None
        if plan is None or self._loader is None:
            return
        for load in plan.loads:
            self._loader.submit(load)

    def save_layer(self, name: str) -> None:
        if self._gathering is not None and self._pages is not None and self._settings.layer_hooks:
            self._gathering.layer(self._pages.index[name])

    def fence(self) -> None:
        """Nothing reads the step's pages after this."""
        gathering, self._gathering = self._gathering, None
        if gathering is None:
            return
        try:
            gathering.finish()
        except Exception:
            gathering.abandon()
            raise

    def finished(self) -> set[str]:
        """Requests whose load has ended; their unwritten blocks are told by `invalid` in the same step."""
        if self._loader is None:
            return set()
        done, invalid = self._loader.take_done()
        self._invalid |= invalid
        return done

    def invalid(self) -> set[int]:
        invalid, self._invalid = self._invalid, set()
        return invalid

    def shutdown(self) -> None:
        if self._loader is not None:
            self._loader.stop()
