"""vLLM's pages as strides.

vLLM 0.32 gives each layer a view [block, head, token, content] of its cache, in whatever order the memory has (NHD,
HND, blocks or heads outermost). Inside, `content` is K then V of one token, or MLA's one latent; CPU_ATTN declares the
same shape but keeps a block's K transposed in its first half. What is not known here is refused at start-up.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from .geometry import HeadRange
from .structs import LayerStruct, PlaneStruct


class Tensor(Protocol):
    """What is read of a torch tensor."""

    @property
    def shape(self) -> Sequence[int]: ...
    def stride(self) -> Sequence[int]: ...
    def data_ptr(self) -> int: ...
    def element_size(self) -> int: ...


class LayoutError(Exception):
    """These pages are not understood."""


# Backends whose content is K then V of a token (`split` along the last axis in their source).
SPLIT = frozenset({"FLASH_ATTN", "FLASHINFER", "TRITON_ATTN", "FLEX_ATTENTION"})
TRANSPOSED = frozenset({"CPU_ATTN"})
LATENT = frozenset(
    {"FLASH_ATTN_MLA", "FLASHMLA", "TRITON_MLA", "CUTLASS_MLA", "FLASHINFER_MLA", "FLASH_ATTN_MLA_SPARSE"}
)


class Backend(NamedTuple):
    """The attention backend of a layer, and the CPU instruction set that its packing is for."""

    name: str
    isa: str = ""


@dataclass(frozen=True)
class Spec:
    """A layer's cache as its spec says: `head_size_v` 0 for a latent."""

    heads: int
    head_size: int
    head_size_v: int
    element_bytes: int
    block_tokens: int


def _plane(base: int, strides: Sequence[int], size: int, elements: int) -> PlaneStruct:
    page, head, token, element = (stride * size for stride in strides)
    return PlaneStruct(base, page, head, token, element, size, elements)


def layer_layout(name: str, backend: Backend, tensor: Tensor, spec: Spec, heads: HeadRange) -> LayerStruct:
    """Strides of one layer's planes; raises LayoutError for pages that are not known."""
    shape, strides, size = tuple(tensor.shape), tuple(tensor.stride()), tensor.element_size()

    def refuse(why: str) -> LayoutError:
        return LayoutError(
            f"{name}: Baton does not know these KV pages ({why}): backend {backend.name}, shape {list(shape)}, "
            f"strides {list(strides)}, {size} bytes per element"
        )

    content = spec.head_size + spec.head_size_v
    if len(shape) != 4 or shape[1] != heads.count or shape[3] != content:
        raise refuse(f"expected [blocks, {heads.count}, tokens, {content}]")
    if size != spec.element_bytes:
        raise refuse(f"expected {spec.element_bytes} bytes per element")
    tokens = shape[2]
    if tokens == 0 or spec.block_tokens % tokens:
        raise refuse(f"pages of {tokens} tokens do not divide blocks of {spec.block_tokens}")
    base = tensor.data_ptr()
    if backend.name in SPLIT and spec.head_size_v > 0:
        planes = [
            _plane(base, strides, size, spec.head_size),
            _plane(base + spec.head_size * strides[3] * size, strides, size, spec.head_size_v),
        ]
    elif backend.name in LATENT and spec.head_size_v == 0 and heads.count == 1:
        planes = [_plane(base, strides, size, spec.head_size)]
    elif backend.name in TRANSPOSED and spec.head_size_v == spec.head_size:
        if backend.isa not in ("vec", "vec16"):
            raise refuse(f"the packing of instruction set '{backend.isa}'")
        if strides[2] != content or strides[3] != 1:
            raise refuse("a block's tokens do not lie side by side")
        planes = [
            _plane(base, (*strides[:2], 1, tokens), size, spec.head_size),
            _plane(base + tokens * spec.head_size * size, (*strides[:2], spec.head_size, 1), size, spec.head_size),
        ]
    else:
        raise refuse("an attention backend that has no rule")
    # Heads are counted over the model: this rank's first one stands at the tensor's start.
    for plane in planes:
        plane.base = (plane.base or 0) - heads.first * plane.head_stride
    layout = LayerStruct(ctypes.sizeof(LayerStruct), tokens)
    layout.plane[: len(planes)] = planes
    return layout


def kernel_pages(blocks: Sequence[int], block_tokens: int, page_tokens: int) -> list[int]:
    """Pages of the kernel's size that make up the scheduler's blocks."""
    if block_tokens == page_tokens:
        return list(blocks)
    ratio = block_tokens // page_tokens
    return [block * ratio + i for block in blocks for i in range(ratio)]
