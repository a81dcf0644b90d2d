"""The structs and codes of native/include/baton.h. The library itself checks their sizes (struct_size)."""

import ctypes
from enum import IntEnum

ABI_VERSION = 1
KEY_BYTES = 32
TICKET_BYTES = 16
DIGEST_BYTES = 16
PLANES_MAX = 4
NAME_MAX = 63


class Code(IntEnum):
    """Answers of the library."""

    OK = 0
    HELD = 1
    LANDING = 2
    ARGUMENT = -1
    CLOSED = -2
    TIMEOUT = -3
    VERSION = -4
    GEOMETRY = -5
    FULL = -6
    UNKNOWN = -7
    FOREIGN = -8
    ENDED = -9
    MISMATCH = -10
    DIGEST = -11
    PROTOCOL = -12
    NAME_TAKEN = -13


def code_name(code: int) -> str:
    """The code in lower case, for counters and logs."""
    try:
        return Code(code).name.lower()
    except ValueError:
        return str(code)


Key = ctypes.c_uint8 * KEY_BYTES
TicketId = ctypes.c_uint8 * TICKET_BYTES
DigestBytes = ctypes.c_uint8 * DIGEST_BYTES


class GeometryStruct(ctypes.Structure):
    _fields_ = [
        ("layers", ctypes.c_uint32),
        ("heads", ctypes.c_uint32),
        ("planes", ctypes.c_uint32),
        ("plane_bytes", ctypes.c_uint32 * PLANES_MAX),
        ("chunk_tokens", ctypes.c_uint32),
    ]


class AttachStruct(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("abi", ctypes.c_uint32),
        ("socket_path", ctypes.c_char_p),
        ("engine_name", ctypes.c_char_p),
        ("namespace_digest", Key),
        ("geometry", GeometryStruct),
        ("timeout_ms", ctypes.c_uint32),
    ]


class Slot(ctypes.Structure):
    """A place in the arena: opaque but for `tokens`."""

    _fields_ = [
        ("slot", ctypes.c_uint32),
        ("generation", ctypes.c_uint32),
        ("offset", ctypes.c_uint64),
        ("fill", ctypes.c_uint64),
        ("tokens", ctypes.c_uint32),
        ("chunk", ctypes.c_uint32),
        ("key", Key),
        ("ticket", TicketId),
    ]


class PlaneStruct(ctypes.Structure):
    _fields_ = [
        ("base", ctypes.c_void_p),
        ("page_stride", ctypes.c_int64),
        ("head_stride", ctypes.c_int64),
        ("token_stride", ctypes.c_int64),
        ("element_stride", ctypes.c_int64),
        ("element_bytes", ctypes.c_uint32),
        ("elements", ctypes.c_uint32),
    ]


class LayerStruct(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("page_tokens", ctypes.c_uint32),
        ("plane", PlaneStruct * PLANES_MAX),
    ]


class CountersStruct(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("rpcs", ctypes.c_uint64),
        ("rpc_timeouts", ctypes.c_uint64),
        ("gathered_bytes", ctypes.c_uint64),
        ("scattered_bytes", ctypes.c_uint64),
        ("digest_failures", ctypes.c_uint64),
        ("late_messages", ctypes.c_uint64),
    ]
