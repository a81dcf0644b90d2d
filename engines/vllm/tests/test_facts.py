from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from baton_vllm.facts import namespace_facts, revision_of, spec_of
from baton_vllm.layout import Spec
from baton_vllm.settings import Settings, SettingsError


class FullAttentionSpec(SimpleNamespace):
    pass


class MLAAttentionSpec(SimpleNamespace):
    pass


class MambaSpec(SimpleNamespace):
    pass


def cache(kind: type = FullAttentionSpec, groups: int = 1, **changes: Any) -> Any:
    fields = {
        "num_kv_heads": 2, "head_size": 64, "head_size_v": 64, "dtype": "torch.bfloat16", "block_size": 32,
        "sliding_window": None, "attention_chunk_size": None,
    }  # fmt: skip
    group = SimpleNamespace(kv_cache_spec=kind(**{**fields, **changes}), layer_names=["l.0.a", "l.1.a"])
    return SimpleNamespace(kv_cache_groups=[group] * groups)


def config(**changes: Any) -> Any:
    text = SimpleNamespace(rope_theta=10000.0)
    fields = {
        "served_model_name": ["tiny"], "model": "org/tiny", "revision": "abc", "quantization": None,
        "dtype": "torch.bfloat16", "hf_text_config": text, "hf_config": text,
    }  # fmt: skip
    return SimpleNamespace(model_config=SimpleNamespace(**{**fields, **changes}))


def digest(config: Any, **settings: Any) -> Any:
    kv = cache()
    return namespace_facts(config, kv, spec_of(kv), Settings(socket="s", engine="e", **settings))


def test_a_layer_of_keys_and_values_or_of_one_latent_is_known() -> None:
    assert spec_of(cache()) == Spec(2, 64, 64, 2, 32)
    assert spec_of(cache(MLAAttentionSpec, num_kv_heads=1, head_size=576, head_size_v=0)) == Spec(1, 576, 0, 2, 32)
    facts = digest(config())
    assert (facts.geometry.layers, facts.geometry.heads, facts.geometry.plane_bytes) == (2, 2, (128, 128))
    assert facts.plane_names == ("k", "v")


@pytest.mark.parametrize(
    ("kv", "why"),
    [
        (cache(MambaSpec), "MambaSpec"),
        (cache(groups=2), "2 KV cache groups"),
        (cache(sliding_window=4096), "sliding-window"),
        (cache(dtype="torch.float8_e4m3fn"), "float8"),
    ],
)
def test_kv_without_a_rule_is_refused(kv: Any, why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        spec_of(kv)


def test_models_that_differ_in_what_shapes_kv_have_other_namespaces() -> None:
    facts = digest(config())
    assert digest(config()) == facts
    other = SimpleNamespace(rope_theta=500000.0)
    changed: list[dict[str, Any]] = [
        {"served_model_name": "x"},
        {"revision": "x"},
        {"quantization": "awq"},
        {"hf_text_config": other},
    ]
    for change in changed:
        assert digest(config(**change)) != facts, change


def test_chunks_that_are_no_whole_blocks_are_refused() -> None:
    with pytest.raises(SettingsError, match="not a multiple"):
        digest(config(), chunk_tokens=48)


def test_a_local_model_is_named_by_its_weights(tmp_path: Path) -> None:
    head = b'{"a":{"dtype":"F32","shape":[2048],"data_offsets":[0,8192]}}'
    weights = tmp_path / "model.safetensors"

    def named(body: bytes) -> str:
        weights.write_bytes(len(head).to_bytes(8, "little") + head + body)
        return revision_of(str(tmp_path), "main")

    first = named(bytes(8192))
    assert named(bytes(8192)) == first
    assert named(b"\x01" + bytes(8191)) != first
    weights.write_bytes(b"not safetensors at all" * 1000)
    assert revision_of(str(tmp_path), None) != first


def test_a_model_that_cannot_be_named_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no weights"):
        revision_of(str(tmp_path), None)
    with pytest.raises(SettingsError, match="revision"):
        revision_of("org/model", None)
