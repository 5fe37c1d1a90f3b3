"""Load what is compiled so that arithmetic stays as it was. The standard library alone."""

from __future__ import annotations

from collections.abc import Callable
from struct import pack
from typing import Any

from ..errors import OpsError

ONE, HALF, TINY = 1.0, 0.5, 1e-30
LEAST, NORMAL = float.fromhex("0x1p-1074"), float.fromhex("0x1p-1022")


def exactly(load: Callable[[], Any]) -> Any:
    """What `load` gives; if it changed how this thread computes, that is undone, and an error."""
    before, restore = _computed(), _restorer()
    module = load()
    if _computed() == before:
        return module
    restore()
    undone = "that was undone" if _computed() == before else "this thread goes on so, until the process ends"
    raise OpsError(
        "these kernels, once loaded, change how the whole process computes (numbers below 1e-308 become 0), as"
        f" -ffast-math makes a library do: {undone}, and they are not used. Build them without such flags in"
        " CC, CFLAGS and LDFLAGS"
    )


def _computed() -> bytes:
    """Results by which to tell how this thread computes: whether subnormal numbers are 0, and which way it rounds.

    As bytes: where they are 0, a subnormal number equals 0 too.
    """
    return pack("4d", LEAST * ONE, NORMAL * HALF, ONE + TINY, -ONE - TINY)


def _restorer() -> Callable[[], object]:
    """What brings back the present control words of the processor, if C's library can."""
    try:
        import ctypes

        library, room = ctypes.CDLL(None), ctypes.create_string_buffer(1024)  # C's fenv_t has 8 to some 100 bytes
        library.fegetenv(room)
        return lambda: library.fesetenv(room)
    except (ImportError, OSError, AttributeError):
        return lambda: None
