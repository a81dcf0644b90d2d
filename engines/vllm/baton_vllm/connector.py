"""BatonConnector: what vLLM calls. Each hook hands over to the scheduler or the worker half, guarded: an exception in a
hook would kill the engine."""

from typing import Any

from vllm.distributed.kv_transfer.kv_connector.v1.base import (
    KVConnectorBase_V1,
    KVConnectorMetadata,
    KVConnectorRole,
    SupportsHMA,
)
from vllm.v1.metrics.cache_hit_source import CacheHitSource

from .abi import Library
from .check import CheckLog
from .counters import Counters, log
from .facts import namespace_facts, spec_of
from .geometry import HeadRange
from .layout import Backend
from .names import namespace_digest
from .pages import KvPages
from .plans import StepPlan
from .scheduler import SchedulerHalf
from .session import Attachment, Session, share, unshare
from .settings import check_deployment, parse_settings
from .stats import BatonPromMetrics, BatonStats
from .worker import WorkerHalf


class BatonMetadata(KVConnectorMetadata):
    def __init__(self, plan: StepPlan) -> None:
        self.plan = plan


class BatonConnector(KVConnectorBase_V1, SupportsHMA):
    # vLLM's own label of hits: what is loaded comes from this node's host memory.
    _cache_hit_source = CacheHitSource.HOST

    def __init__(self, vllm_config: Any, role: KVConnectorRole, kv_cache_config: Any) -> None:
        super().__init__(vllm_config=vllm_config, role=role, kv_cache_config=kv_cache_config)
        check_deployment(vllm_config)
        self._settings = parse_settings(vllm_config.kv_transfer_config.kv_connector_extra_config)
        self._spec = spec_of(kv_cache_config)
        facts = namespace_facts(vllm_config, kv_cache_config, self._spec, self._settings)
        self._geometry = facts.geometry
        self._counters = Counters()
        settings = self._settings
        wanted = Attachment(
            settings.socket, settings.engine, namespace_digest(facts), facts.geometry, settings.timeout_ms
        )
        self._session = share(wanted, lambda: Session(Library(settings.library or None), wanted, self._counters))
        if role == KVConnectorRole.SCHEDULER:
            log.info("Baton: namespace %s is %s", wanted.namespace.hex()[:16], facts)
            self._scheduler = SchedulerHalf(self._session, settings, self._spec.block_tokens, self._counters)
        else:
            self._check = CheckLog(settings.check_file, settings.engine) if settings.check_file else None
            self._worker = WorkerHalf(settings, self._spec.block_tokens, self._counters, self._check)

    @property
    def requires_kv_delivery(self) -> bool:
        # Gathered in the step that computed it: a preemption takes nothing away.
        return False

    @classmethod
    def requires_piecewise_for_cudagraph(cls, extra_config: dict[str, Any]) -> bool:
        return bool(extra_config.get("layer_hooks", True))

    def get_kv_connector_stats(self) -> BatonStats | None:
        counted = self._counters.take()
        return BatonStats(counted) if counted else None

    @classmethod
    def build_kv_connector_stats(cls, data: dict[str, Any] | None = None) -> BatonStats:
        return BatonStats(data or {})

    @classmethod
    def build_prom_metrics(
        cls, vllm_config: Any, metric_types: Any, labelnames: list[str], per_engine_labelvalues: dict[int, list[object]]
    ) -> BatonPromMetrics:
        return BatonPromMetrics(vllm_config, metric_types, labelnames, per_engine_labelvalues)

    # Scheduler half.

    def on_new_request(self, request: Any) -> None:
        self._counters.guard("on_new_request", None, lambda: self._scheduler.new_request(request))

    def get_num_new_matched_tokens(self, request: Any, num_computed_tokens: int) -> tuple[int | None, bool]:
        nothing: tuple[int | None, bool] = (0, False)
        return self._counters.guard(
            "get_num_new_matched_tokens", nothing, lambda: self._scheduler.matched(request, num_computed_tokens)
        )

    def update_state_after_alloc(self, request: Any, blocks: Any, num_external_tokens: int) -> None:
        # Guarded inside: a load that was promised has to be started whatever happens.
        self._scheduler.allocated(request, lambda: blocks.get_block_ids()[0], num_external_tokens)

    def build_connector_meta(self, scheduler_output: Any) -> BatonMetadata:
        return BatonMetadata(self._scheduler.plan(scheduler_output))

    def update_connector_output(self, connector_output: Any) -> None:
        self._counters.guard("update_connector_output", None, lambda: self._scheduler.loaded(
            connector_output.finished_recving or (), connector_output.invalid_block_ids or set()))  # fmt: skip

    def request_finished(self, request: Any, block_ids: list[int]) -> tuple[bool, dict[str, Any] | None]:
        self._counters.guard("request_finished", None, lambda: self._scheduler.finished(request.request_id))
        return False, None

    def request_finished_all_groups(
        self, request: Any, block_ids: tuple[list[int], ...]
    ) -> tuple[bool, dict[str, Any] | None]:
        return self.request_finished(request, block_ids[0])

    # Worker half.

    def register_kv_caches(self, kv_caches: dict[str, Any]) -> None:
        heads = HeadRange(0, self._geometry.heads)
        pages = KvPages(self._session.library, self._geometry, self._spec, heads, kv_caches, self._backend)
        self._worker.register(pages)
        # Workers exist by now: nothing forks any more.
        self._session.watch()

    def bind_connector_metadata(self, connector_metadata: KVConnectorMetadata) -> None:
        super().bind_connector_metadata(connector_metadata)
        assert isinstance(connector_metadata, BatonMetadata)
        self._counters.guard("bind", None, lambda: self._worker.begin(connector_metadata.plan))

    def start_load_kv(self, forward_context: Any, **kwargs: Any) -> None:
        # Guarded inside, load by load.
        self._worker.start_loads()

    def wait_for_layer_load(self, layer_name: str) -> None:
        pass  # loads are asynchronous: a request runs when its load has ended

    def save_kv_layer(self, layer_name: str, kv_layer: Any, attn_metadata: Any, **kwargs: Any) -> None:
        self._counters.guard("save_kv_layer", None, lambda: self._worker.save_layer(layer_name))

    def wait_for_save(self) -> None:
        self._counters.guard("wait_for_save", None, self._worker.fence)

    def get_finished(self, finished_req_ids: set[str]) -> tuple[set[str] | None, set[str] | None]:
        return None, self._worker.finished() or None

    def get_block_ids_with_load_errors(self) -> set[int]:
        return self._worker.invalid()

    def shutdown(self) -> None:
        if self.role == KVConnectorRole.WORKER:
            self._counters.guard("shutdown", None, self._worker.shutdown)
        log.info("Baton: %s half ends, counters %s", self.role.name.lower(), dict(self._counters.values))
        unshare(self._session)

    def _backend(self, layer: str) -> Backend:
        module = self._vllm_config.compilation_config.static_forward_context[layer]
        name = str(module.attn_backend.get_name())
        return Backend(name, self._cpu_isa() if name == "CPU_ATTN" else "")

    def _cpu_isa(self) -> str:
        # The layer learns its instruction set after this; vLLM decides by the same function.
        from vllm.v1.attention.backends.cpu_attn import _get_attn_isa

        spec = self._kv_cache_config.kv_cache_groups[0].kv_cache_spec
        return str(_get_attn_isa(spec.dtype, self._spec.block_tokens, self._spec.head_size))
