"""CUDA devices as CuPy reaches them: memory, streams, kernels. All that needs CuPy is here and in nvrtc.py."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from weakref import WeakValueDictionary, ref

import numpy as np

from ...errors import OpsError
from ..contract import Array
from ..fitting import is_on_device, why_not
from .launching import Launch, source
from .nvrtc import INSTALL, compiled
from .work import NEW, refuse_capture

LEGACY = (0, 1, 2)  # streams that cannot be captured


class Cuda:
    """What a runner asks of the devices; each call is about the current one, as in CuPy."""

    def __init__(self, cupy: Any) -> None:
        self.cupy, self.runtime = cupy, cupy.cuda.runtime
        self.array_type = cupy.ndarray
        self.kernels: dict[tuple[int, str, str], Callable[..., None]] = {}
        self.views: dict[int, tuple[Any, int, Array]] = {}
        self.foreign: WeakValueDictionary[int, Array] = WeakValueDictionary()
        self.captured: list[Any] = []
        self.sent: deque[Any] = deque(maxlen=64)

    @contextmanager
    def on(self, device: int, is_foreign: bool = False) -> Iterator[None]:
        """Make a device the current one; for tensors of torch, with torch's stream."""
        with self.cupy.cuda.Device(device):
            torch = sys.modules.get("torch") if is_foreign else None
            if torch is None:
                yield
            else:
                with self._stream_of(torch.cuda.current_stream(device), device):
                    yield

    def _stream_of(self, foreign: Any, device: int) -> Any:
        """Another library's stream, in the way that this CuPy knows."""
        if hasattr(self.cupy.cuda.Stream, "from_external") and hasattr(foreign, "__cuda_stream__"):
            return self.cupy.cuda.Stream.from_external(foreign)
        return self.cupy.cuda.ExternalStream(foreign.cuda_stream, device)

    def device(self) -> int:
        """The current device."""
        return int(self.runtime.getDevice())

    def device_of(self, array: Array) -> int:
        """The device that an array is on."""
        return int(array.data.device_id)

    def processors(self) -> int:
        """How many multiprocessors the device has."""
        return int(self.cupy.cuda.Device().attributes["MultiProcessorCount"])

    def stream(self) -> Any:
        """The current stream."""
        return self.cupy.cuda.get_current_stream()

    def is_capturing(self, stream: Any) -> bool:
        """Whether what is given to a stream becomes part of a graph."""
        return stream.ptr not in LEGACY and bool(stream.is_capturing())

    def keep(self, work: Any) -> None:
        """Keep what a captured graph will use, until the program ends: nothing tells when a graph does."""
        self.captured.append(work)

    def order(self, first: Any, then: Any) -> None:
        """Have one stream wait for what another was given up to now."""
        event = self.cupy.cuda.Event(disable_timing=True)
        event.record(first)
        then.wait_event(event)

    def synchronize(self) -> None:
        """Wait for the device."""
        self.runtime.deviceSynchronize()

    def address(self, array: Array) -> int:
        """Where an array begins."""
        return int(array.data.ptr)

    def words(self, count: int) -> Array:
        """So many words of memory, zero."""
        return self.cupy.zeros(count, np.int64)

    def send(self, memory: Array, at: int, values: Any) -> None:
        """Copy words to the device, in the order of the stream."""
        values = np.ascontiguousarray(values)
        self.sent.append(values)  # the driver copies small ones before it returns, but does not promise it everywhere
        place, kind = memory.data.ptr + 8 * at, self.runtime.memcpyHostToDevice
        self.runtime.memcpyAsync(place, values.ctypes.data, values.nbytes, kind, self.stream().ptr)

    def fetch(self, memory: Array) -> Any:
        """Words from the device, when all before is done."""
        return self.cupy.asnumpy(memory)

    def word_to_host(self, count: int) -> tuple[memoryview, int]:
        """Words of the host's memory that a device can write, and where it finds them."""
        memory = self.cupy.cuda.alloc_pinned_memory(8 * count)
        words = np.frombuffer(memory, np.int64, count)
        words[:] = 0
        return words.data, memory.ptr

    def kernel(self, launch: Launch, dtype: str) -> Callable[..., None]:
        """A launch's kernel for arrays of this type, on the current device."""
        key = (self.device(), launch.name, dtype)
        if key not in self.kernels:
            module = self.cupy.cuda.function.Module()
            architecture = f"sm_{self.cupy.cuda.Device().compute_capability}"
            module.load(compiled(source(launch.text, dtype), architecture, launch.of))
            self.kernels[key] = module.get_function(launch.name)
        return self.kernels[key]

    def seen(self, value: Any) -> Any:
        """A CuPy array on the memory of another library's tensor, if it is on a device and may be changed."""
        if isinstance(value, self.array_type) or not is_on_device(value) or why_not(value):
            return value
        pointer = value.data_ptr() if hasattr(value, "data_ptr") else 0
        known = self.views.get(id(value))
        if known and known[0]() is value and known[1] == pointer:
            return known[2]
        with self.on(value.device.index if is_torch(value) else self.device(), is_torch(value)):
            refuse_capture(self, NEW)
        try:
            read = self.cupy.from_dlpack if hasattr(value, "__dlpack__") else self.cupy.asarray
            view = read(value.detach() if is_torch(value) else value)
        except (BufferError, RuntimeError, TypeError, ValueError):  # of a type, or in a place, that CuPy has not
            return value
        if is_torch(value):
            self.foreign[id(view)] = view
        if pointer:
            place = id(value)
            self.views[place] = ref(value, lambda _: self.views.pop(place, None)), pointer, view
        return view

    def is_foreign(self, array: Array) -> bool:
        """Whether this is such a view, of a tensor of torch, whose streams are torch's."""
        return self.foreign.get(id(array)) is array

    def filled(self, like: Any, start: float | None) -> Array:
        """A flat array like another, on its device, filled with a number; with None, a copy."""
        with self.cupy.cuda.Device(self.device_of(like) if isinstance(like, self.array_type) else self.device()):
            if start is None:
                return self.cupy.array(like).reshape(-1)
            return self.cupy.full(like.size, start, like.dtype)

    def brought(self, array: Array, device: int) -> Array:
        """The array on a device."""
        with self.cupy.cuda.Device(device):
            return self.cupy.asarray(array)

    def to_host(self, array: Array) -> Any:
        """A copy in main memory."""
        return self.cupy.asnumpy(array)


def is_torch(value: Any) -> bool:
    """Whether this is a tensor of torch."""
    return type(value).__module__.partition(".")[0] == "torch"


@cache
def cuda() -> Cuda:
    """The devices here, or an error that says what is missing."""
    try:
        import cupy
    except ImportError as error:
        why = "is not installed" if getattr(error, "name", "") == "cupy" else f"cannot be imported ({error})"
        raise OpsError(f"Arrays on a CUDA device need CuPy, which {why}: {INSTALL}.") from error
    if not cupy.cuda.is_available():
        raise OpsError("CuPy finds no CUDA device here; nvidia-smi shows what the driver sees.")
    return Cuda(cupy)
