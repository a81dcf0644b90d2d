"""Names of KV: namespace, root, chunk keys, byte for byte as core/keys.ts and docs/wire.md §Names."""

import hashlib
import hmac
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from struct import pack

from .geometry import Geometry

_LAYOUT_VERSION = 1


@dataclass(frozen=True)
class NamespaceFacts:
    model: str
    revision: str
    quantisation: str
    adapter: str
    kv_dtype: str
    scales: str
    position: str
    plane_names: tuple[str, ...]
    geometry: Geometry


def encode_namespace(facts: NamespaceFacts) -> bytes:
    geometry = facts.geometry
    fields: list[str | int] = [
        "baton-namespace-v1", facts.model, facts.revision, facts.quantisation, facts.adapter, facts.kv_dtype,
        facts.scales, geometry.chunk_tokens, facts.position, _LAYOUT_VERSION, geometry.layers,
    ]  # fmt: skip
    for _ in range(geometry.layers):
        fields.append(len(geometry.plane_bytes))
        for name, size in zip(facts.plane_names, geometry.plane_bytes, strict=True):
            fields += [name, size, geometry.heads]
    encoded = [pack("<I", field) if isinstance(field, int) else field.encode() for field in fields]
    return b"".join(pack("<I", len(field)) + field for field in encoded)


def namespace_digest(facts: NamespaceFacts) -> bytes:
    return hashlib.sha256(encode_namespace(facts)).digest()


def root_of(tenant_secret: bytes, namespace: bytes, cache_salt: str) -> bytes:
    return hmac.digest(tenant_secret, b"baton-root-v1" + namespace + cache_salt.encode(), "sha256")


def chunk_key(previous: bytes, tokens: Sequence[int], extra: bytes = b"") -> bytes:
    # Every platform that Baton runs on is little endian and has 4-byte ints.
    ids = array("I", tokens).tobytes()
    head = b"baton-key-v1" + previous + pack("<I", len(extra)) + extra + pack("<I", len(tokens))
    return hashlib.sha256(head + ids).digest()


def chunk_keys(root: bytes, tokens: Sequence[int], chunk_tokens: int) -> list[bytes]:
    """Keys of a prompt's chunks, the tail included."""
    keys: list[bytes] = []
    for start in range(0, len(tokens), chunk_tokens):
        keys.append(chunk_key(keys[-1] if keys else root, tokens[start : start + chunk_tokens]))
    return keys
