import json

import pytest

from baton_vllm.geometry import Geometry
from baton_vllm.names import NamespaceFacts, chunk_keys, encode_namespace, namespace_digest, root_of
from baton_vllm.structs import DIGEST_BYTES, LayerStruct, PlaneStruct

from .support import ROOT, library

GOLDEN = json.loads((ROOT / "test/fixtures/golden.json").read_text())


@pytest.mark.parametrize("vector", GOLDEN["namespaces"], ids=lambda v: str(v["facts"]["model"]))
def test_a_namespace_has_the_encoding_that_typescript_and_cpp_give(vector: dict[str, object]) -> None:
    facts = dict(vector["facts"])  # type: ignore[call-overload]
    geometry = Geometry(facts["layers"], facts["heads"], tuple(facts["planeBytes"]), facts["chunkTokens"])
    names = NamespaceFacts(
        facts["model"], facts["revision"], facts["quantisation"], facts["adapter"], facts["kvDtype"],
        facts["scales"], facts["position"], tuple(facts["planeNames"]), geometry,
    )  # fmt: skip
    assert encode_namespace(names).hex() == vector["encoding"]
    assert namespace_digest(names).hex() == vector["digest"]


@pytest.mark.parametrize("vector", GOLDEN["roots"])
def test_a_root_is_that_of_the_golden_vectors(vector: dict[str, str]) -> None:
    secret = bytes.fromhex(GOLDEN["secret"])
    assert root_of(secret, bytes.fromhex(vector["namespace"]), vector["salt"]).hex() == vector["root"]


@pytest.mark.parametrize("vector", GOLDEN["chains"], ids=lambda v: f"{v['tokens']} tokens")
def test_keys_of_a_prompt_are_those_of_the_golden_vectors(vector: dict[str, object]) -> None:
    root = bytes.fromhex(GOLDEN["roots"][0]["root"])
    count = int(str(vector["tokens"]))
    tokens = [(i * 2654435761) % 50000 for i in range(count)]
    assert [key.hex() for key in chunk_keys(root, tokens, 256)] == vector["keys"]


@pytest.mark.parametrize("vector", [v for v in GOLDEN["digests"] if v["bytes"] <= 65536])
def test_a_digest_through_ctypes_is_that_of_the_golden_vectors(vector: dict[str, object]) -> None:
    import ctypes

    from baton_vllm.abi import geometry_struct, pages_of

    size, layer, head = int(str(vector["bytes"])), int(str(vector["layer"])), int(str(vector["head"]))
    memory = (ctypes.c_uint8 * size)(*[(i * 131 + (i >> 8) * 7) & 0xFF for i in range(size)])
    layout = LayerStruct(ctypes.sizeof(LayerStruct), 1)
    layout.plane[0] = PlaneStruct(ctypes.addressof(memory) - head * size, size, size, size, 1, 1, size)
    geometry = geometry_struct(Geometry(layer + 1, head + 1, (size,), 1))
    digest = library().digest_pages(geometry, bytes.fromhex(str(vector["key"])), layer, head, 1, layout, pages_of([0]))
    assert len(digest) == DIGEST_BYTES
    assert digest.hex() == vector["digest"]
