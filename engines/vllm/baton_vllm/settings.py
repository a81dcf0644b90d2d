"""kv_connector_extra_config: every key that is known, its default, and what is refused at start-up."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


class SettingsError(ValueError):
    """vLLM's configuration cannot work with Baton; says what to change."""


@dataclass(frozen=True)
class Settings:
    # The transfer service's unix socket on this node, and the name that the router has for this engine.
    socket: str
    engine: str
    # Names of the model when the defaults (served name, digest of its files) would differ between the pools.
    model: str = ""
    revision: str = ""
    # As the router and every service have it; a multiple of vLLM's block size.
    chunk_tokens: int = 256
    # Keep full chunks of prompts that no ticket names, and those that hold generated tokens.
    keep: bool = True
    keep_generated: bool = True
    # Digest every stripe while it is loaded.
    verify: bool = True
    # Gather inside the layers' hooks (needs piecewise graphs) or after the step.
    layer_hooks: bool = True
    # A decode leg waits this long for its ticket to land, then computes the prompt itself.
    ticket_wait_ms: int = 60_000
    # One round trip to the service.
    timeout_ms: int = 1000
    # JSON lines of gathered and loaded digests; empty: off.
    check_file: str = ""
    # libbaton.so; empty: the one in this package.
    library: str = ""


def parse_settings(extra: Mapping[str, Any]) -> Settings:
    known = {field.name: field for field in fields(Settings)}
    unknown = sorted(set(extra) - set(known))
    if unknown:
        raise SettingsError(f"kv_connector_extra_config: unknown {', '.join(unknown)}; known: {', '.join(known)}")
    for name in ("socket", "engine"):
        if not extra.get(name):
            raise SettingsError(f"kv_connector_extra_config.{name} is missing")
    for name, value in extra.items():
        wanted = known[name].type
        if not isinstance(value, wanted if isinstance(wanted, type) else object) or (
            wanted is int and isinstance(value, bool)
        ):
            raise SettingsError(f"kv_connector_extra_config.{name} must be {getattr(wanted, '__name__', wanted)}")
    settings = Settings(**extra)
    if settings.chunk_tokens < 1 or settings.ticket_wait_ms < 0 or settings.timeout_ms < 1:
        raise SettingsError("kv_connector_extra_config: chunk_tokens, ticket_wait_ms and timeout_ms are counts")
    return settings


def check_deployment(config: Any) -> None:
    """Refuses what Baton has no rule for, with what to change. `config` is a VllmConfig."""
    transfer, parallel = config.kv_transfer_config, config.parallel_config
    if transfer.kv_load_failure_policy != "recompute":
        raise SettingsError(
            'Baton needs "kv_load_failure_policy": "recompute" in --kv-transfer-config: '
            "a chunk that cannot be loaded is computed, never an error"
        )
    if parallel.world_size != 1:
        raise SettingsError("Baton's vLLM connector has no rule yet for tensor, pipeline or context parallelism")
    if parallel.distributed_executor_backend != "uni":
        raise SettingsError(
            "Baton's vLLM connector needs scheduler and worker in one process: start vLLM with "
            "--distributed-executor-backend uni (on CPU: VLLM_ENABLE_V1_MULTIPROCESSING=0)"
        )
    speculative = getattr(config, "speculative_config", None)
    if speculative is not None and getattr(speculative, "method", "") != "ngram":
        raise SettingsError("Baton's vLLM connector has no rule yet for draft models")
