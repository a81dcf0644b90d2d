"""libbaton.so through ctypes: the library, and the session of one engine with its node's service."""

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .geometry import Geometry
from .structs import (
    ABI_VERSION,
    KEY_BYTES,
    AttachStruct,
    Code,
    CountersStruct,
    DigestBytes,
    GeometryStruct,
    Key,
    LayerStruct,
    Slot,
    TicketId,
    code_name,
)

U8 = ctypes.POINTER(ctypes.c_uint8)
U32 = ctypes.c_uint32
POINTER = ctypes.c_void_p
Pages = Any  # an array of c_uint32, made by `pages_of`

_ERROR_BYTES = 1024
_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "version": (ctypes.c_char_p, []),
    "abi_version": (U32, []),
    "attach": (ctypes.c_int, [POINTER, POINTER, ctypes.c_char_p, ctypes.c_size_t]),
    "detach": (None, [POINTER]),
    "alive": (ctypes.c_int, [POINTER]),
    "incarnation": (ctypes.c_uint64, [POINTER]),
    "lookup": (ctypes.c_int, [POINTER, ctypes.c_char_p, U32, POINTER]),
    "ticket_accept": (ctypes.c_int, [POINTER, ctypes.c_char_p, ctypes.c_char_p, U32, U32, POINTER]),
    "ticket_poll": (ctypes.c_int, [POINTER, ctypes.c_char_p]),
    "ticket_forget": (None, [POINTER, ctypes.c_char_p]),
    "fill_begin": (ctypes.c_int, [POINTER, ctypes.c_char_p, ctypes.c_char_p, U32, U32, POINTER]),
    "fill_abort": (ctypes.c_int, [POINTER, POINTER]),
    "claim": (ctypes.c_int, [POINTER, ctypes.c_char_p, ctypes.c_char_p, U32, POINTER, POINTER, POINTER]),
    "release": (ctypes.c_int, [POINTER, ctypes.c_uint64]),
    "gather": (ctypes.c_int, [POINTER, POINTER, U32, U32, U32, POINTER, POINTER, U32, U32]),
    "announce": (ctypes.c_int, [POINTER, POINTER, U32, U32, ctypes.c_uint64]),
    "scatter": (ctypes.c_int, [POINTER, POINTER, U32, U32, U32, POINTER, POINTER, U32, U32, U32, U32, ctypes.c_int]),
    "scattered": (ctypes.c_int, [POINTER, ctypes.c_char_p, POINTER, U32]),
    "digest_pages": (ctypes.c_int, [POINTER, ctypes.c_char_p, U32, U32, U32, POINTER, POINTER, U32, U32, POINTER]),
    "client_counters": (ctypes.c_int, [POINTER, POINTER]),
}


class AttachError(Exception):
    """The service or the library refused; `code` says how, the text what to do."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{text} ({code_name(code)})")
        self.code = code


def pages_of(numbers: Sequence[int]) -> Pages:
    return (U32 * len(numbers))(*numbers)


def geometry_struct(geometry: Geometry) -> GeometryStruct:
    struct = GeometryStruct(geometry.layers, geometry.heads, len(geometry.plane_bytes))
    struct.plane_bytes[: len(geometry.plane_bytes)] = geometry.plane_bytes
    struct.chunk_tokens = geometry.chunk_tokens
    return struct


class Library:
    """The loaded library. Its ABI version is this package's, else it is refused with both named."""

    def __init__(self, path: str | None = None) -> None:
        self.path = path or os.environ.get("BATON_LIBRARY") or str(Path(__file__).parent / "libbaton.so")
        if not Path(self.path).exists():
            raise AttachError(
                Code.ARGUMENT, f"{self.path} is missing: install the baton_vllm wheel or set BATON_LIBRARY"
            )
        self.functions = ctypes.CDLL(self.path)
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(self.functions, f"baton_{name}")
            function.restype, function.argtypes = result, arguments
        theirs = self.functions.baton_abi_version()
        if theirs != ABI_VERSION:
            raise AttachError(
                Code.VERSION,
                f"baton_vllm was made for ABI version {ABI_VERSION}, {self.path} has {theirs}: install one Baton",
            )

    @property
    def version(self) -> str:
        return str(self.functions.baton_version().decode())

    def attach(
        self, socket: str, engine: str, namespace: bytes, geometry: Geometry, timeout_ms: int = 1000
    ) -> "Client":
        """One round trip; raises AttachError with the service's sentence."""
        options = AttachStruct(
            ctypes.sizeof(AttachStruct), ABI_VERSION, os.fsencode(socket), engine.encode(), Key(*namespace),
            geometry_struct(geometry), timeout_ms,
        )  # fmt: skip
        handle, error = POINTER(), ctypes.create_string_buffer(_ERROR_BYTES)
        code = self.functions.baton_attach(ctypes.byref(options), ctypes.byref(handle), error, _ERROR_BYTES)
        if code != Code.OK:
            raise AttachError(code, error.value.decode(errors="replace"))
        return Client(self, handle, geometry)

    def digest_pages(
        self, geometry: GeometryStruct, key: bytes, layer: int, head: int, tokens: int, layout: LayerStruct,
        pages: Pages, page_offset: int = 0,
    ) -> bytes:  # fmt: skip
        """Digest of a stripe that stands in pages."""
        digest = DigestBytes()
        code = self.functions.baton_digest_pages(
            ctypes.byref(geometry), key, layer, head, tokens, ctypes.byref(layout), pages, len(pages), page_offset,
            digest,
        )  # fmt: skip
        if code != Code.OK:
            raise AttachError(code, "pages cannot be digested")
        return bytes(digest)


class Client:
    """A session. Whoever uses it holds it: the last one to let go detaches, so a thread never sees it freed."""

    def __init__(self, library: Library, handle: Any, geometry: Geometry) -> None:
        self._functions = library.functions
        self._handle = handle
        self._layers = geometry.layers

    def __del__(self) -> None:
        self._functions.baton_detach(self._handle)

    def alive(self) -> bool:
        return bool(self._functions.baton_alive(self._handle) == Code.OK)

    def incarnation(self) -> int:
        return int(self._functions.baton_incarnation(self._handle))

    def lookup(self, keys: bytes) -> int:
        """How many leading keys the arena holds. Shared memory only."""
        held = U32(0)
        self._functions.baton_lookup(self._handle, keys, len(keys) // KEY_BYTES, ctypes.byref(held))
        return held.value

    def accept(self, ticket: bytes, keys: bytes, tokens: int) -> tuple[int, bytes]:
        count = len(keys) // KEY_BYTES
        need = (ctypes.c_uint8 * count)()
        return self._functions.baton_ticket_accept(self._handle, ticket, keys, count, tokens, need), bytes(need)

    def poll(self, ticket: bytes) -> int:
        return int(self._functions.baton_ticket_poll(self._handle, ticket))

    def forget(self, ticket: bytes) -> None:
        self._functions.baton_ticket_forget(self._handle, ticket)

    def fill_begin(self, ticket: bytes | None, key: bytes, chunk: int, tokens: int) -> tuple[int, Slot]:
        slot = Slot()
        return self._functions.baton_fill_begin(self._handle, ticket, key, chunk, tokens, ctypes.byref(slot)), slot

    def fill_abort(self, slot: Slot) -> None:
        self._functions.baton_fill_abort(self._handle, ctypes.byref(slot))

    def claim(self, ticket: bytes | None, keys: bytes) -> tuple[int, list[Slot], int]:
        """The slots of as many leading keys as are held, pinned under one claim id (0: nothing is)."""
        count = len(keys) // KEY_BYTES
        slots, claimed, claim = (Slot * count)(), U32(0), ctypes.c_uint64(0)
        code = self._functions.baton_claim(
            self._handle, ticket, keys, count, slots, ctypes.byref(claimed), ctypes.byref(claim)
        )
        return code, list(slots[: claimed.value]), claim.value

    def release(self, claim: int) -> None:
        self._functions.baton_release(self._handle, claim)

    def gather(self, slot: Slot, layer: int, heads: tuple[int, int], layout: LayerStruct, pages: Pages) -> int:
        return int(
            self._functions.baton_gather(
                self._handle, ctypes.byref(slot), layer, *heads, ctypes.byref(layout), pages, len(pages), 0
            )
        )

    def announce(self, slots: Sequence[Slot], layer: int, computed_ns: int) -> int:
        array = (Slot * len(slots))(*slots)
        return int(self._functions.baton_announce(self._handle, array, len(slots), layer, computed_ns))

    def scatter(
        self, slot: Slot, layer: int, heads: tuple[int, int], layout: LayerStruct, pages: Pages, token_first: int,
        verify: bool,
    ) -> int:  # fmt: skip
        """Writes the slot's tokens from `token_first` on, exactly those."""
        return int(
            self._functions.baton_scatter(
                self._handle, ctypes.byref(slot), layer, *heads, ctypes.byref(layout), pages, len(pages), 0,
                token_first, slot.tokens - token_first, int(verify),
            )
        )  # fmt: skip

    def scattered(self, ticket: bytes, stamps_ns: Sequence[int]) -> None:
        stamps = (ctypes.c_uint64 * self._layers)(*stamps_ns)
        self._functions.baton_scattered(self._handle, bytes(TicketId(*ticket)), stamps, self._layers)

    def counters(self) -> dict[str, int]:
        counters = CountersStruct(ctypes.sizeof(CountersStruct))
        self._functions.baton_client_counters(self._handle, ctypes.byref(counters))
        return {name: getattr(counters, name) for name, _ in CountersStruct._fields_[1:]}  # type: ignore[misc]
