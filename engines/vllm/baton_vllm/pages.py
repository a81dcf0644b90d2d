"""The engine's pages: layouts of all layers, found once at start-up. Copies go through the library by these."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .abi import Library, Pages, geometry_struct, pages_of
from .geometry import Geometry, HeadRange
from .layout import Backend, LayoutError, Spec, Tensor, kernel_pages, layer_layout

_LAYER = re.compile(r"\.(\d+)\.")


class KvPages:
    def __init__(
        self, library: Library, geometry: Geometry, spec: Spec, heads: HeadRange, caches: Mapping[str, Any],
        backend_of: Callable[[str], Backend],
    ) -> None:  # fmt: skip
        self._library = library
        self._geometry = geometry_struct(geometry)
        self._spec = spec
        self.layers = geometry.layers
        self.heads = (heads.first, heads.count)
        names = in_model_order(list(caches))
        if len(names) != geometry.layers:
            raise LayoutError(f"{len(names)} layers with KV where {geometry.layers} were announced")
        addresses = {caches[name].data_ptr() for name in names}
        if len(addresses) != len(names):
            raise LayoutError("layers share one KV cache: Baton has no rule for that")
        for name in names:
            check_memory(name, caches[name])
        self.index = {name: i for i, name in enumerate(names)}
        self.layouts = [layer_layout(name, backend_of(name), caches[name], spec, heads) for name in names]
        # The tensors are the memory that the layouts point into.
        self._caches = dict(caches)

    def pages(self, blocks: Sequence[int]) -> Pages:
        return pages_of(kernel_pages(blocks, self._spec.block_tokens, self.layouts[0].page_tokens))

    @property
    def block_tokens(self) -> int:
        return self._spec.block_tokens

    def digests(self, key: bytes, layer: int, tokens: int, pages: Pages, start: int = 0) -> list[bytes]:
        """Digests of this rank's heads of one layer of a chunk that stands in the pages, from token `start` on."""
        layout = self.layouts[layer]
        skipped, offset = divmod(start, layout.page_tokens)
        rest = pages_of(pages[skipped:])
        first, count = self.heads
        return [
            self._library.digest_pages(self._geometry, key, layer, head, tokens - start, layout, rest, offset)
            for head in range(first, first + count)
        ]


def in_model_order(names: list[str]) -> list[str]:
    numbered: dict[int, str] = {}
    for name in names:
        found = _LAYER.search(name)
        if found is None or int(found[1]) in numbered:
            raise LayoutError(f"{name}: the layer's place in the model is not clear from its name")
        numbered[int(found[1])] = name
    return [numbered[i] for i in sorted(numbered)]


def check_memory(name: str, tensor: Tensor) -> None:
    device = getattr(getattr(tensor, "device", None), "type", "cpu")
    if device != "cpu":
        raise LayoutError(f"{name}: KV pages on {device}; this libbaton copies host memory only")
