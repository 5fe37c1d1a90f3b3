"""The same training twice: on a device, and by plain NumPy."""

import numpy as np

from tests.test_bits import odd_gradient
from thincopt import CupyOps, NumpyOps, Optimizer

SPIN = r"""
extern "C" __global__ void spin(long long nanoseconds)
{
    long long start, now;
    asm volatile("mov.u64 %0, %globaltimer;" : "=l"(start));
    do {
        asm volatile("mov.u64 %0, %globaltimer;" : "=l"(now));
    } while (now - start < nanoseconds);
}
"""
WHILE = 400_000_000  # nanoseconds, in which the host can do much


class Twins:
    """Two optimizers with the same settings, weights and gradients; `settled` says that they agree in every bit."""

    def __init__(self, name, sizes, dtype="float32", ops=None, **settings):
        settings = {"nonfinite": "propagate", **settings}
        self.device, self.host = (
            Optimizer.of(name, ops=each, **settings) for each in (ops or CupyOps(), NumpyOps(None))
        )
        self.weights = {size: np.random.default_rng(size).normal(size=size).astype(dtype) for size in sizes}
        self.dtype = dtype
        self.sent = []  # a copy may still be under way when the host goes on, and its source must not change
        self.place()

    def place(self, placed=None):
        """Put the weights on the device, and gradients beside them; `placed` may say where."""
        import cupy

        placed = placed or cupy.asarray
        self.batch = {key: (placed(each), placed(np.zeros_like(each))) for key, each in self.weights.items()}

    def odd(self, number):
        """Gradients of every kind that there is."""
        return {key: odd_gradient(number, each.size, self.dtype) for key, each in self.weights.items()}

    def fill(self, gradients):
        """Copy gradients to where the device's are."""
        for key, each in gradients.items():
            self.sent.append(each.copy())
            self.batch[key][1].set(self.sent[-1])

    def step(self, gradients, each=False, lr_scale=1.0):
        """One step of both."""
        self.fill(gradients)
        stepped(self.device, self.batch, each, lr_scale)
        self.follow(gradients, each, lr_scale)

    def follow(self, gradients, each=False, lr_scale=1.0):
        """One step of NumPy's."""
        with np.errstate(all="ignore"):
            pairs = {key: (self.weights[key], gradient) for key, gradient in gradients.items()}
            stepped(self.host, pairs, each, lr_scale)

    def agree(self, when=""):
        """The weights are the same."""
        for key, (weights, gradient) in self.batch.items():
            assert same_bits(weights.get(), self.weights[key]), f"weights of {key} differ {when}"
            assert not gradient.get().any(), f"the gradient of {key} is not zero {when}"

    def settled(self):
        """All is the same, at the end."""
        self.agree("at the end")
        assert_same_state(self.device.state(), self.host.state())


def stepped(optimizer, batch, each=False, lr_scale=1.0):
    """One step, by a call for all or for each."""
    if each:
        for key, pair in batch.items():
            optimizer(key, *pair, lr_scale=lr_scale)
    else:
        optimizer.update(batch, lr_scale=lr_scale)


def on_host(value):
    """An array of either kind as NumPy's; anything else as it is."""
    return value.get() if hasattr(value, "get") else value


def same_bits(one, other):
    """Equal in every bit, but for those of NaN, which say nothing."""
    if (one.shape, one.dtype) != (other.shape, other.dtype):
        return False
    whole = f"u{one.itemsize}"
    return bool(((one.view(whole) == other.view(whole)) | (np.isnan(one) & np.isnan(other))).all())


def assert_same_state(one, other):
    """Two trees of state are the same, wherever their arrays are."""
    assert one["shared"].keys() == other["shared"].keys()
    assert all(same_numbers(value, other["shared"][name]) for name, value in one["shared"].items())
    assert list(one["keys"]) == list(other["keys"])
    for key, mine in one["keys"].items():
        its = other["keys"][key]
        assert mine.keys() == its.keys()
        for name, value in mine.items():
            a, b = on_host(value), on_host(its[name])
            fine = same_bits(a, b) if isinstance(a, np.ndarray) else same_numbers(a, b)
            assert fine, f"state {name} of {key} differs"


def same_numbers(one, other):
    """Equal, or both NaN."""
    return one == other or (one != one and other != other)


def spinning(nanoseconds=WHILE):
    """Keep the device busy on the current stream, while the host goes on."""
    import cupy

    cupy.RawKernel(SPIN, "spin")((1,), (1,), (np.int64(nanoseconds),))
