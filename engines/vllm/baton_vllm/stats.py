"""Baton's counters in vLLM's own logs and `/metrics` (`vllm:baton_events_total{event=…}`)."""

from typing import Any

from vllm.distributed.kv_transfer.kv_connector.v1.metrics import KVConnectorPromMetrics, KVConnectorStats


class BatonStats(KVConnectorStats):
    """What both halves have counted since the last time: event → how often."""

    def reset(self) -> None:
        self.data.clear()

    def aggregate(self, other: Any) -> "BatonStats":
        for event, count in other.data.items():
            self.data[event] = self.data.get(event, 0) + count
        return self

    def reduce(self) -> dict[str, int | float]:
        return dict(self.data)

    def is_empty(self) -> bool:
        return not self.data


class BatonPromMetrics(KVConnectorPromMetrics):
    def __init__(
        self,
        vllm_config: Any,
        metric_types: Any,
        labelnames: list[str],
        per_engine_labelvalues: dict[int, list[object]],
    ) -> None:
        super().__init__(vllm_config, metric_types, labelnames, per_engine_labelvalues)
        self._events = self._counter_cls(
            name="vllm:baton_events",
            documentation="What Baton's connector did, refused and failed at, by event.",
            labelnames=[*labelnames, "event"],
        )

    def observe(self, transfer_stats_data: dict[str, Any], engine_idx: int = 0) -> None:
        for event, count in transfer_stats_data.items():
            self._events.labels(*self.per_engine_labelvalues[engine_idx], event).inc(count)
