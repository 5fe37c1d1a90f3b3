"""CuPy's part, with a stand-in for CuPy that notes what it is asked for: which stream, which copy, which view."""

from contextlib import contextmanager
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from thincopt import OpsError
from thincopt.ops.cuda import driver as module
from thincopt.ops.cuda.driver import Cuda


class Array:
    """As much of CuPy's array as the driver looks at."""

    def __init__(self, pointer=64, device=0):
        self.data = SimpleNamespace(ptr=pointer, device_id=device)


class Stream:
    def __init__(self, cupy, ptr, is_captured=False):
        self.cupy, self.ptr, self.is_captured, self.waited = cupy, ptr, is_captured, []

    def __enter__(self):
        self.cupy.streams.append(self)

    def __exit__(self, *_):
        self.cupy.streams.pop()

    def is_capturing(self):
        return self.is_captured

    def wait_event(self, event):
        self.waited.append(event.recorded.ptr)


class Cupy:
    """The names that the driver asks for."""

    ndarray = Array

    def __init__(self):
        self.copies, self.read, self.streams = [], [], []
        runtime = SimpleNamespace(memcpyHostToDevice=1, memcpyAsync=lambda *call: self.copies.append(call))
        self.cuda = SimpleNamespace(runtime=runtime, Device=self.device, Event=self.event, ExternalStream=self.external)
        self.cuda.Stream = SimpleNamespace(from_external=lambda foreign: Stream(self, foreign.ptr))
        self.cuda.get_current_stream = lambda: self.streams[-1]
        self.streams.append(Stream(self, 0))

    def external(self, ptr, device):
        return Stream(self, ptr)

    def event(self, disable_timing):
        made = SimpleNamespace(recorded=None)
        made.record = lambda stream: setattr(made, "recorded", stream)
        return made

    @contextmanager
    def device(self, number=0):
        yield number

    def from_dlpack(self, tensor):
        self.read.append(tensor)
        return Array(tensor.data_ptr())


class Tensor:
    """A tensor of torch on device 0."""

    __module__ = "torch"

    def __init__(self, pointer):
        self.pointer, self.device = pointer, SimpleNamespace(index=0)

    def data_ptr(self):
        return self.pointer

    def detach(self):
        return Tensor(self.pointer)

    def __dlpack_device__(self):
        return 2, 0

    def __dlpack__(self):
        raise NotImplementedError


@pytest.fixture
def cupy():
    return Cupy()


@pytest.fixture
def driver(cupy):
    return Cuda(cupy)


@pytest.fixture
def torch(monkeypatch):
    """A torch whose current stream can be chosen."""
    made = ModuleType("torch")
    made.stream = SimpleNamespace(ptr=7, cuda_stream=7, __cuda_stream__=lambda: (0, 7))
    made.cuda = SimpleNamespace(current_stream=lambda device: made.stream)
    monkeypatch.setitem(module.sys.modules, "torch", made)
    return made


def test_a_tensor_is_seen_once_and_for_as_long_as_it_lives(driver, cupy, torch):
    tensor = Tensor(4096)
    view = driver.seen(tensor)
    assert driver.address(view) == 4096
    assert driver.seen(tensor) is view
    assert len(cupy.read) == 1
    assert cupy.read[0] is not tensor  # detached: gradients may be asked of it
    assert driver.is_foreign(view)
    del tensor
    assert driver.views == {}


def test_a_tensor_with_other_memory_is_seen_anew(driver, cupy, torch):
    tensor = Tensor(4096)
    driver.seen(tensor)
    tensor.pointer = 8192
    assert driver.address(driver.seen(tensor)) == 8192


def test_what_cupy_cannot_read_is_left_as_it_is(driver, cupy, torch):
    def refuse(tensor):
        raise BufferError("bfloat16")

    cupy.from_dlpack = refuse
    tensor = Tensor(4096)
    assert driver.seen(tensor) is tensor
    assert driver.seen(np.ones(3)) is not None
    array = Array()
    assert driver.seen(array) is array
    assert not driver.is_foreign(array)


def test_a_new_tensor_is_refused_while_torch_captures(driver, torch, cupy):
    cupy.cuda.Stream.from_external = lambda foreign: Stream(cupy, foreign.ptr, is_captured=True)
    with pytest.raises(OpsError, match="while a CUDA graph is captured"):
        driver.seen(Tensor(4096))
    assert cupy.read == []


@pytest.mark.parametrize("speaks_the_protocol", [True, False])
def test_tensors_have_torchs_stream(speaks_the_protocol, driver, torch):
    if not speaks_the_protocol:
        del torch.stream.__cuda_stream__
    with driver.on(0, is_foreign=True):
        assert driver.stream().ptr == 7
    with driver.on(0):
        assert driver.stream().ptr == 0


def test_words_are_sent_in_the_order_of_the_stream(driver, cupy):
    values = np.arange(6)[::2]
    driver.send(Array(4096), 5, values)
    ((place, source, size, kind, stream),) = cupy.copies
    assert (place, size, kind, stream) == (4096 + 40, 24, 1, 0)
    assert source == driver.sent[-1].ctypes.data
    assert driver.sent[-1].tolist() == [0, 2, 4]


def test_streams_are_ordered_by_an_event(driver, cupy):
    first, then = Stream(cupy, 3), Stream(cupy, 4)
    driver.order(first, then)
    assert then.waited == [3]


def test_the_legacy_stream_is_never_captured(driver, cupy):
    assert not driver.is_capturing(Stream(cupy, 0, is_captured=True))
    assert driver.is_capturing(Stream(cupy, 9, is_captured=True))
