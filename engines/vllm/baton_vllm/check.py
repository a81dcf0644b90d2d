"""Check mode: digests of chunks as gathered and as they stand in the pages after a load, one JSON line each. Equal
digests of one key on both sides are the proof that decode read exactly what prefill computed. A chunk whose first
blocks stood in the pages already is loaded from there on: only what was loaded is compared."""

import json
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any


class CheckLog:
    def __init__(self, path: str, engine: str) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._file = Path(path).open("a", buffering=1, encoding="utf-8")  # noqa: SIM115
        self._engine = engine
        self._lock = Lock()

    def write(
        self, event: str, request: str, key: bytes, tokens: int, digests: Sequence[bytes], start: int, chunk: int
    ) -> None:
        """`digests` of the chunk's tokens from `start` on: layer by layer, heads of each in order."""
        line = {
            "event": event, "engine": self._engine, "request": request, "chunk": chunk, "key": key.hex(),
            "tokens": tokens, "start": start, "digests": [digest.hex() for digest in digests],
        }  # fmt: skip
        with self._lock:
            self._file.write(json.dumps(line) + "\n")

    def close(self) -> None:
        with self._lock:
            self._file.close()


def compare(lines: Sequence[dict[str, Any]]) -> tuple[int, list[str]]:
    """Loaded chunks whose digests equal gathered ones, and what is wrong with the others."""
    gathered: dict[tuple[str, int, int], set[tuple[str, ...]]] = {}
    for line in lines:
        if line["event"] == "gathered":
            gathered.setdefault((line["key"], line["tokens"], line["start"]), set()).add(tuple(line["digests"]))
    equal, wrong = 0, []
    for line in lines:
        if line["event"] != "loaded":
            continue
        known = gathered.get((line["key"], line["tokens"], line["start"]), set())
        if tuple(line["digests"]) in known:
            equal += 1
        else:
            why = "other digests" if known else "never gathered"
            wrong.append(f"{line['request']} chunk {line['chunk']} key {line['key'][:16]}: {why}")
    return equal, wrong
