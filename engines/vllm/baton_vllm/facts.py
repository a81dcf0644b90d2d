"""The namespace of an engine's KV, from vLLM's own configuration. Both pools get the same from the same model."""

import hashlib
import json
from pathlib import Path
from typing import Any

from .geometry import Geometry
from .layout import Spec
from .names import NamespaceFacts
from .settings import Settings, SettingsError

_SAMPLE_BYTES = 4096
_SAMPLES = 256
_WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.gguf")


def spec_of(kv_cache_config: Any) -> Spec:
    """The one kind of layer that the model has; raises for kinds without a rule."""
    groups = kv_cache_config.kv_cache_groups
    if len(groups) != 1:
        raise SettingsError(f"Baton's vLLM connector has no rule for {len(groups)} KV cache groups (hybrid models)")
    spec = groups[0].kv_cache_spec
    kind = type(spec).__name__
    if kind not in ("FullAttentionSpec", "MLAAttentionSpec"):
        raise SettingsError(f"Baton's vLLM connector has no rule for {kind}")
    if spec.sliding_window is not None or spec.attention_chunk_size is not None:
        raise SettingsError("Baton's vLLM connector has no rule for sliding-window or chunked attention")
    dtype = dtype_name(spec.dtype)
    if dtype not in ("float32", "float16", "bfloat16"):
        raise SettingsError(f"Baton's vLLM connector has no rule for KV of {dtype}")
    value = 0 if kind == "MLAAttentionSpec" else spec.head_size_v
    return Spec(spec.num_kv_heads, spec.head_size, value, 4 if dtype == "float32" else 2, spec.block_size)


def dtype_name(dtype: object) -> str:
    return str(dtype).removeprefix("torch.")


def namespace_facts(config: Any, kv_cache_config: Any, spec: Spec, settings: Settings) -> NamespaceFacts:
    group = kv_cache_config.kv_cache_groups[0]
    model = config.model_config
    sizes = (spec.head_size,) if spec.head_size_v == 0 else (spec.head_size, spec.head_size_v)
    geometry = Geometry(
        len(group.layer_names), spec.heads, tuple(size * spec.element_bytes for size in sizes), settings.chunk_tokens
    )
    if settings.chunk_tokens % spec.block_tokens:
        raise SettingsError(
            f"chunk_tokens {settings.chunk_tokens} is not a multiple of vLLM's block size {spec.block_tokens}: "
            "start vLLM with --block-size 16, 32, 64 or 128"
        )
    return NamespaceFacts(
        model=settings.model or served_name(model),
        revision=settings.revision or revision_of(str(model.model), getattr(model, "revision", None)),
        quantisation=str(model.quantization or ""),
        adapter="",
        kv_dtype=dtype_name(group.kv_cache_spec.dtype),
        scales="",
        position=position_facts(model),
        plane_names=("latent",) if len(sizes) == 1 else ("k", "v"),
        geometry=geometry,
    )


def served_name(model: Any) -> str:
    name = model.served_model_name
    return str(name[0] if isinstance(name, list) else name or Path(str(model.model)).name)


def position_facts(model: Any) -> str:
    """What else than weights decides the KV: rotation, and the dtype it is computed in."""
    text = getattr(model, "hf_text_config", None) or model.hf_config
    names = ("rope_parameters", "rope_theta", "rope_scaling", "partial_rotary_factor", "max_position_embeddings")
    facts = {name: getattr(text, name) for name in names if getattr(text, name, None) is not None}
    return json.dumps({**facts, "dtype": dtype_name(model.dtype)}, sort_keys=True, default=str)


def revision_of(path: str, revision: str | None) -> str:
    """The revision that was asked for, else a digest of the model's files: sizes and samples, for whole files take
    minutes."""
    folder = Path(path)
    if not folder.is_dir():
        if revision is None:
            raise SettingsError(f"{path} has no --revision: give one, or kv_connector_extra_config.revision")
        return revision
    digest = hashlib.sha256()
    files = sorted({file for pattern in _WEIGHTS for file in folder.glob(pattern)})
    if not files:
        raise SettingsError(f"{path} holds no weights: give kv_connector_extra_config.revision")
    for file in files:
        size = file.stat().st_size
        digest.update(f"{file.name} {size}\n".encode())
        with file.open("rb") as stream:
            for offset in sample_offsets(stream.read(8), stream, size):
                stream.seek(offset)
                digest.update(stream.read(_SAMPLE_BYTES))
    return digest.hexdigest()


def sample_offsets(head: bytes, stream: Any, size: int) -> list[int]:
    """Where to read: the start of every tensor of a safetensors file, of others evenly spread places."""
    length = int.from_bytes(head, "little")
    if len(head) == 8 and 2 <= length <= min(size - 8, 100 << 20):
        try:
            tensors = json.loads(stream.read(length))
            starts = {entry["data_offsets"][0] for name, entry in tensors.items() if name != "__metadata__"}
            return [0, *(8 + length + start for start in sorted(starts))]
        except (ValueError, KeyError, TypeError, AttributeError):
            pass
    return [size * i // _SAMPLES for i in range(_SAMPLES)]
