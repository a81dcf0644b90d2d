"""Layouts are right when digests of the same KV are equal however the pages hold it; the library walks the strides."""

import ctypes
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from baton_vllm.abi import geometry_struct, pages_of
from baton_vllm.geometry import Geometry, HeadRange, head_range
from baton_vllm.layout import Backend, LayoutError, Spec, kernel_pages, layer_layout
from baton_vllm.structs import LayerStruct, PlaneStruct

from .support import Memory, library

KEY = bytes(range(32))
BLOCKS, HEADS, TOKENS, DIM = 7, 4, 32, 16
PAGES = [5, 2, 3]
COUNT = 83
LIBRARY = library()
Array = NDArray[Any]


def kv(size: int = 2 * DIM, heads: int = HEADS) -> Array:
    """[block, head, token, content] of recognisable values."""
    return np.arange(BLOCKS * heads * TOKENS * size, dtype=np.float32).reshape(BLOCKS, heads, TOKENS, size)


def digests(
    layout: LayerStruct, planes: int, heads: range, pages: list[int], plane_bytes: int = DIM * 4
) -> list[bytes]:
    geometry = geometry_struct(Geometry(1, max(heads) + 1, (plane_bytes,) * planes, 256))
    return [LIBRARY.digest_pages(geometry, KEY, 0, head, COUNT, layout, pages_of(pages)) for head in heads]


def expected(content: Array, head: int, cuts: list[slice]) -> bytes:
    """A stripe packed by hand, [plane][token][bytes], as one page."""
    tokens = np.concatenate([content[page, head] for page in PAGES])[:COUNT]
    planes = [np.ascontiguousarray(tokens[:, cut]) for cut in cuts]
    layout = LayerStruct(ctypes.sizeof(LayerStruct), COUNT)
    for i, plane in enumerate(planes):
        step = plane.shape[1] * 4
        at = Memory(plane).data_ptr()
        layout.plane[i] = PlaneStruct(at - head * step, 0, step, step, 4, 4, plane.shape[1])
    geometry = geometry_struct(Geometry(1, head + 1, tuple(p.shape[1] * 4 for p in planes), 256))
    return LIBRARY.digest_pages(geometry, KEY, 0, head, COUNT, layout, pages_of([0]))


CUTS = [slice(0, DIM), slice(DIM, 2 * DIM)]


def in_order(content: Array, order: tuple[int, ...]) -> Array:
    """The same values and shape over memory of another axis order, as vLLM's views are."""
    back = tuple(int(i) for i in np.argsort(order))
    return np.ascontiguousarray(content.transpose(order)).transpose(back)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 2, 1, 3), (1, 0, 2, 3)], ids=["HND", "NHD", "heads outermost"])
@pytest.mark.parametrize("backend", ["FLASH_ATTN", "FLASHINFER", "TRITON_ATTN"])
def test_gpu_pages_hold_k_then_v_of_a_token_in_any_axis_order(order: tuple[int, ...], backend: str) -> None:
    content = kv()
    memory = in_order(content, order)
    layout = layer_layout("l", Backend(backend), Memory(memory), Spec(HEADS, DIM, DIM, 4, TOKENS), HeadRange(0, HEADS))
    assert digests(layout, 2, range(HEADS), PAGES) == [expected(content, head, CUTS) for head in range(HEADS)]


def cpu_pages(content: Array) -> Array:
    """As CPU_ATTN keeps them: the first half of a (block, head) is K transposed, the second V."""
    keys = content[..., :DIM].transpose(0, 1, 3, 2).reshape(*content.shape[:2], -1)
    values = content[..., DIM:].reshape(*content.shape[:2], -1)
    return np.ascontiguousarray(np.concatenate([keys, values], axis=2)).reshape(content.shape)


def test_cpu_pages_hold_k_transposed_inside_the_block() -> None:
    content = kv()
    memory = cpu_pages(content)
    layout = layer_layout(
        "l", Backend("CPU_ATTN", "vec"), Memory(memory), Spec(HEADS, DIM, DIM, 4, TOKENS), HeadRange(0, HEADS)
    )
    assert digests(layout, 2, range(HEADS), PAGES) == [expected(content, head, CUTS) for head in range(HEADS)]


def test_mla_pages_hold_one_latent_of_a_token() -> None:
    content = kv(24, 1)
    layout = layer_layout("l", Backend("FLASHMLA"), Memory(content), Spec(1, 24, 0, 4, TOKENS), HeadRange(0, 1))
    assert digests(layout, 1, range(1), PAGES, 96) == [expected(content, 0, [slice(0, 24)])]


@pytest.mark.parametrize("tp", [2, 4, 8])
def test_ranks_of_tensor_parallel_engines_give_the_digests_of_the_whole_model(tp: int) -> None:
    content = kv()
    whole = [expected(content, head, CUTS) for head in range(HEADS)]
    for rank in range(tp):
        held = head_range(HEADS, tp, rank)
        mine = range(held.first, held.first + held.count)
        memory = in_order(np.ascontiguousarray(content[:, mine.start : mine.stop]), (0, 2, 1, 3))
        layout = layer_layout("l", Backend("FLASH_ATTN"), Memory(memory), Spec(HEADS, DIM, DIM, 4, TOKENS), held)
        assert digests(layout, 2, mine, PAGES) == whole[mine.start : mine.stop]


def test_blocks_are_split_into_the_pages_of_a_kernel_that_has_smaller_ones() -> None:
    assert kernel_pages([3, 0], 32, 32) == [3, 0]
    assert kernel_pages([3, 0], 32, 16) == [6, 7, 0, 1]


@pytest.mark.parametrize(
    ("backend", "shape", "why"),
    [
        (Backend("MAMBA"), (7, 4, 32, 32), "no rule"),
        (Backend("FLASH_ATTN"), (2, 7, 32, 4, 16), "expected"),
        (Backend("FLASH_ATTN"), (7, 32, 4, 32), "expected"),
        (Backend("FLASH_ATTN"), (7, 4, 24, 32), "do not divide"),
        (Backend("CPU_ATTN", "amx"), (7, 4, 32, 32), "instruction set 'amx'"),
    ],
)
def test_unknown_pages_are_refused_with_what_they_are(backend: Backend, shape: tuple[int, ...], why: str) -> None:
    memory = Memory(np.zeros(shape, np.float32))
    with pytest.raises(LayoutError, match=why) as refused:
        layer_layout("model.layers.0.attn", backend, memory, Spec(4, 16, 16, 4, 32), HeadRange(0, 4))
    assert str(list(shape)) in str(refused.value)


def test_pages_of_another_dtype_are_refused() -> None:
    memory = Memory(np.zeros((7, 4, 32, 32), np.uint8))
    with pytest.raises(LayoutError, match="bytes per element"):
        layer_layout("l", Backend("FLASH_ATTN"), memory, Spec(4, 16, 16, 2, 32), HeadRange(0, 4))
