"""A device that is this processor: kernels compiled as C++, on memory of NumPy.

So all but CuPy's own part (thincopt/ops/cuda/driver.py) runs where there is no GPU. What a device is given to do is
done at once; or, within `later`, when it is waited for, and then streams run in any order that their events allow.
"""

import ctypes
from collections import deque
from contextlib import contextmanager

import numpy as np

from tests.devices.building import Library
from thincopt.ops.cuda.ops import CupyOps

SHOWN = ("shape", "size", "dtype", "nbytes", "strides", "flags")


class DeviceArray:
    """Memory of a device, as CuPy shows it: much like an array of NumPy, but none."""

    def __init__(self, host, device=0):
        self.host, self.device = host, device

    def __getattr__(self, name):
        if name not in SHOWN:
            raise AttributeError(name)
        return getattr(self.host, name)

    def __array__(self, *_, **__):
        raise TypeError("implicit conversion to a NumPy array")

    def __dlpack_device__(self):
        return 2, self.device

    def __getitem__(self, at):
        return DeviceArray(self.host[at], self.device)

    def __setitem__(self, at, value):
        self.host[at] = value.host if isinstance(value, DeviceArray) else value

    def reshape(self, *shape):
        return DeviceArray(self.host.reshape(*shape), self.device)

    def copy(self):
        return DeviceArray(self.host.copy(), self.device)

    def view(self):
        return DeviceArray(self.host.view(), self.device)

    @property
    def T(self):
        return DeviceArray(self.host.T, self.device)


def on_device(array, device=0):
    """A copy on a device."""
    return DeviceArray(np.array(array), device)


class Stream:
    """What is to be done in order."""

    def __init__(self, ptr):
        self.ptr, self.given, self.waiting = ptr, 0, deque()

    def give(self, action):
        self.given += 1
        self.waiting.append((self.given, action))

    def run(self, last=None):
        """Do what was given, up to that number."""
        while self.waiting and (last is None or self.waiting[0][0] <= last):
            self.waiting.popleft()[1]()


class HostDriver:
    """What thincopt/ops/cuda/driver.py is for CuPy; and it counts what it is asked for."""

    array_type = DeviceArray

    def __init__(self, library: Library, threads: int = 1) -> None:
        self.library, self.threads = library, threads
        self.here = 0
        self.streams = {0: Stream(0)}
        self.current = self.streams[0]
        self.is_late = False
        self.captured: list | None = None
        self.kept: list = []  # what graphs use
        self.pool: list = []  # what may be freed before a device is done with it, as CuPy's pool lets it
        self.sent: list[int] = []  # the bytes of every transfer to the device
        self.fetched = 0
        self.launched: list[str] = []
        self.ordered: list[tuple[int, int]] = []

    @contextmanager
    def on(self, device, is_foreign=False):
        before, self.here = self.here, device
        try:
            yield
        finally:
            self.here = before

    @contextmanager
    def on_stream(self, ptr):
        """Give all to this stream."""
        before, self.current = self.current, self.streams.setdefault(ptr, Stream(ptr))
        try:
            yield
        finally:
            self.current = before

    @contextmanager
    def later(self):
        """Do nothing before it is waited for."""
        self.is_late = True
        try:
            yield
        finally:
            self.is_late = False
            self.synchronize()

    @contextmanager
    def capturing(self):
        """A graph of what is launched within; each call of it gives that to the current stream."""
        self.captured, actions = [], []
        try:
            yield lambda: [self._do(each) for each in actions]
            actions += self.captured
        finally:
            self.captured = None

    def _do(self, action):
        self.current.give(action)
        if not self.is_late:
            self.current.run()

    def _wait(self):
        assert self.captured is None, "the host waits while a graph is captured"
        self.current.run()

    def device(self):
        return self.here

    def device_of(self, array):
        return array.device

    def stream(self):
        return self.current

    def is_capturing(self, stream):
        return self.captured is not None

    def keep(self, work):
        self.kept.append(work)

    def order(self, first, then):
        self.ordered.append((first.ptr, then.ptr))
        last = first.given
        then.give(lambda: first.run(last))

    def synchronize(self):
        self._wait()
        for each in reversed(self.streams.values()):
            each.run()

    def processors(self):
        return 1

    def address(self, array):
        memory = array.host if isinstance(array, DeviceArray) else array
        if self.is_late:
            self.pool.append(memory)
        return memory.__array_interface__["data"][0]

    def words(self, count):
        memory = np.zeros(count, np.int64)
        self.pool.append(memory)
        return memory

    def send(self, memory, at, values):
        assert self.captured is None, "a transfer while a graph is captured"
        values = np.array(values)
        self.sent.append(values.nbytes)
        self._do(lambda: memory.__setitem__(slice(at, at + len(values)), values))

    def fetch(self, memory):
        self._wait()
        self.fetched += 1
        return memory.copy()

    def word_to_host(self, count):
        memory = np.zeros(count, np.int64)
        return memoryview(memory), self.address(memory)

    def seen(self, value):
        return value

    def is_foreign(self, array):
        return False

    def filled(self, like, start):
        host = like.host if isinstance(like, DeviceArray) else like
        return self._made(host.reshape(-1), like.device if isinstance(like, DeviceArray) else self.here, start)

    def brought(self, array, device):
        return array if array.device == device else self._made(array.host, device)

    def _made(self, like, device, start=None):
        """A new array that is filled in its turn, with a number or with what another then holds."""
        assert self.captured is None, "memory is asked for while a graph is captured"
        made = np.full(like.shape, 77, like.dtype)
        self._do(lambda: np.copyto(made, like if start is None else start))
        return DeviceArray(made, device)

    def to_host(self, array):
        self._wait()
        return np.array(array.host)

    def kernel(self, launch, dtype):
        library = self.library.of(launch, dtype)
        entry = getattr(library, launch.name)

        def run(grid, block, arguments):
            table, wiring, scale = arguments
            pointers = ctypes.c_void_p(table), ctypes.c_void_p(wiring)
            call = (entry, grid[0], self.threads, *pointers, ctypes.c_double(scale))
            self.launched.append(launch.name)
            if self.captured is None:
                self._do(lambda: library.launch(*call))
            else:
                self.captured.append(lambda: library.launch(*call))

        return run


class HostOps(CupyOps):
    """All kernels of a step are compiled at once."""

    def runner(self, *given, **settings):
        made = super().runner(*given, **settings)
        self.driver.library.prepare(made.launches.steps)
        return made


def host_ops(library: Library, threads: int = 1) -> CupyOps:
    """A backend that is a device, as far as thincopt can tell."""
    return HostOps(HostDriver(library, threads))
