"""Counters, and the guard around every hook: on error the request goes on without Baton."""

import logging
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

log = logging.getLogger("vllm.baton")

T = TypeVar("T")


class Counters:
    def __init__(self) -> None:
        self.values: Counter[str] = Counter()
        self._taken: Counter[str] = Counter()

    def add(self, name: str, value: int = 1) -> None:
        self.values[name] += value

    def take(self) -> dict[str, int]:
        """What was counted since the last call."""
        taken = {name: value - self._taken[name] for name, value in self.values.items() if value != self._taken[name]}
        self._taken.update(taken)
        return taken

    def guard(self, hook: str, fallback: T, work: Callable[[], T]) -> T:
        """The work's result; when it throws, the fallback, counted under the hook's name."""
        try:
            return work()
        except Exception:
            # The first one of a hook is told in full; the counter tells of the others.
            name = f"errors.{hook}"
            if self.values[name] == 0:
                log.exception("Baton: %s failed; the request goes on without Baton", hook)
            self.add(name)
            return fallback
