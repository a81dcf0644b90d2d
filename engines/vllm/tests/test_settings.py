from types import SimpleNamespace
from typing import Any

import pytest

from baton_vllm.settings import SettingsError, check_deployment, parse_settings

GOOD = {"socket": "/s", "engine": "p0"}


def config(policy: str = "recompute", world: int = 1, backend: str = "uni", draft: Any = None) -> Any:
    return SimpleNamespace(
        kv_transfer_config=SimpleNamespace(kv_load_failure_policy=policy),
        parallel_config=SimpleNamespace(world_size=world, distributed_executor_backend=backend),
        speculative_config=draft,
    )


def test_defaults_are_those_of_the_reference_engine() -> None:
    settings = parse_settings(GOOD)
    assert (settings.chunk_tokens, settings.keep, settings.keep_generated, settings.verify) == (256, True, True, True)


@pytest.mark.parametrize(
    ("extra", "why"),
    [
        ({"engine": "p0"}, "socket is missing"),
        ({**GOOD, "chunk_token": 256}, "unknown chunk_token"),
        ({**GOOD, "chunk_tokens": "256"}, "must be int"),
        ({**GOOD, "chunk_tokens": True}, "must be int"),
        ({**GOOD, "verify": 1}, "must be bool"),
        ({**GOOD, "chunk_tokens": 0}, "counts"),
    ],
)
def test_a_wrong_extra_config_is_refused_with_the_key(extra: dict[str, Any], why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        parse_settings(extra)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (config(policy="fail"), "recompute"),
        (config(world=2), "no rule yet for tensor"),
        (config(backend="mp"), "VLLM_ENABLE_V1_MULTIPROCESSING=0"),
        (config(draft=SimpleNamespace(method="eagle")), "draft"),
    ],
)
def test_a_deployment_without_a_rule_is_refused_with_what_to_change(wrong: Any, why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        check_deployment(wrong)
    check_deployment(config())
