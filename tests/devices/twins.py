"""The same optimizer on a device and in plain NumPy, with the same weights and gradients."""

import numpy as np

from tests.conftest import same
from tests.devices.host import DeviceArray, on_device
from tests.test_bits import assert_same_state
from thincopt import Optimizer
from thincopt.ops.numpy.ops import NumpyOps
from thincopt.saving.tree import copied


class Twins:
    """They are fed alike, and are to stay alike. The first may move; its weights say where it is."""

    def __init__(self, ops, name, *, is_fixed=False, **settings):
        self.is_fixed = is_fixed  # the first's gradients are in the same arrays at each step
        self.fixed = {}
        self.device = Optimizer.of(name, ops=ops, **settings)
        self.host = Optimizer.of(name, ops=NumpyOps(None), **settings)
        self.weights = {}
        self.left, self.left_on_host = [], []  # the gradients that each was given last

    def add(self, key, size=5, dtype="float32", device=0):
        """Weights by a new key; they are on a device, or in main memory if that is None."""
        start = np.random.default_rng([np.prod(size), len(self.weights)]).normal(size=size).astype(dtype)
        self.weights[key] = put(start, device), start

    def gradients(self, seed, keys=None):
        """Ordinary ones, for these keys or all."""
        random = np.random.default_rng(seed)
        made = {key: random.normal(size=host.shape).astype(host.dtype) for key, (_, host) in self.weights.items()}
        return {key: made[key] for key in keys or made}

    def batches(self, gradients):
        """What each is given."""
        first = {key: (self.weights[key][0], self.given(key, each)) for key, each in gradients.items()}
        return first, {key: (self.weights[key][1], each.copy()) for key, each in gradients.items()}

    def given(self, key, gradient):
        """A gradient where the first's weights are."""
        if key not in self.fixed or not self.is_fixed:
            self.fixed[key] = put(gradient, place(self.weights[key][0]))
        self.fixed[key][...] = gradient
        return self.fixed[key]

    def step(self, gradients, *, single=False, **scale):
        """Update both by these, in one call or key by key."""
        found = self.batches(gradients)
        with np.errstate(all="ignore"):
            for optimizer, batch in zip((self.device, self.host), found, strict=True):
                if single:
                    for key, pair in batch.items():
                        optimizer(key, *pair, **scale)
                else:
                    optimizer.update(batch, **scale)
        self.left, self.left_on_host = ([gradient for _, gradient in batch.values()] for batch in found)

    def follow(self, gradients):
        """NumPy's step alone."""
        self.host.update(self.batches(gradients)[1])

    def change(self, **settings):
        """Give both other settings."""
        self.device.change(**settings)
        self.host.change(**settings)

    def carry(self, device, keys=None):
        """Move weights of the first, or some of them, to a device or to main memory."""
        for key in keys or self.weights:
            one, other = self.weights[key]
            self.weights[key] = put(held(one), device), other

    def assert_same_weights(self):
        for key, (device, host) in self.weights.items():
            assert same(held(device), host), f"the weights of {key} differ"

    def assert_same(self):
        """Weights, all state, and what is left of the gradients of the last step."""
        one, other = copied(self.device.state(), self.device.ops), self.host.state()
        self.assert_same_weights()
        assert all(same(held(one), other) for one, other in zip(self.left, self.left_on_host, strict=True))
        names = [{key: set(each) for key, each in tree["keys"].items()} for tree in (one, other)]
        assert names[0] == names[1]
        assert_same_state(one, other)


def put(array, device):
    """A copy on a device, or in main memory."""
    return array.copy() if device is None else on_device(array, device)


def place(array):
    """The device; None of main memory."""
    return array.device if isinstance(array, DeviceArray) else None


def held(array):
    """The numbers."""
    return array.host if isinstance(array, DeviceArray) else array


def contents(batch):
    """Every byte of a batch."""
    return [held(each).tobytes() for pair in batch.values() for each in pair]


def bytes_of(optimizer):
    """Every bit of its state."""
    tree = copied(optimizer.state(), optimizer.ops)
    keys = {
        key: {name: each.tobytes() if isinstance(each, np.ndarray) else repr(each) for name, each in branch.items()}
        for key, branch in tree["keys"].items()
    }
    return keys, repr(tree["shared"])
