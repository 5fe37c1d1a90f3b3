"""What cannot be updated on a device is refused in words, and nothing has changed."""

import re
import sys

import numpy as np
import pytest

from tests.devices.host import on_device
from tests.devices.twins import Twins, bytes_of, contents
from thincopt import ArrayError, CupyOps, NumpyOps, OpsError, Optimizer, SettingError

ON_CUDA = "must be a CuPy array, or a tensor on a CUDA device, not"
IN_MAIN = "must be a NumPy array, to be updated in place, not"
JAX = "; JAX's arrays cannot be changed in place: train a copy"


def stand_in(module, name, where):
    """An array of another library, as far as one can tell."""
    return type(name, (), {"__module__": module, "__dlpack_device__": lambda self: where})()


CUPY, JAX_ON_CUDA, JAX_IN_MAIN = (
    stand_in(*each)
    for each in (
        ("cupy", "ndarray", (2, 0)),
        ("jaxlib._jax", "ArrayImpl", (2, 0)),
        ("jaxlib._jax", "ArrayImpl", (1, 0)),
    )
)


def dev(*shape, dtype="float32"):
    return on_device(np.ones(shape, dtype))


ROOM = dev(20)
FAULTS = [
    (np.ones(6, "f4"), dev(6), f"the weights {ON_CUDA} numpy.ndarray; write weights = cupy.asarray(weights), or"
     " optimizer.to_cpu() to go on in main memory."),
    (dev(6), np.ones(6, "f4"), f"the gradient {ON_CUDA} numpy.ndarray; write gradient = cupy.asarray(gradient), or"
     " optimizer.to_cpu() to go on in main memory."),
    (dev(6), [1.0], f"the gradient {ON_CUDA} list."),
    (JAX_ON_CUDA, dev(6), f"the weights {ON_CUDA} jaxlib._jax.ArrayImpl{JAX}."),
    (dev(6), JAX_IN_MAIN, f"the gradient {ON_CUDA} jaxlib._jax.ArrayImpl{JAX}."),
    (dev(6, dtype="i4"), dev(6), "the weights must be float32 or float64, not int32; write weights ="
     ' weights.astype("float32").'),
    (dev(6), dev(6, dtype="f2"), "the gradient must be float32 or float64, not float16; write gradient ="
     " gradient.astype(weights.dtype)."),
    (dev(6, dtype="c8"), dev(6), "the weights must be float32 or float64, not complex64."),
    (dev(6), dev(6, dtype="f8"), "the weights are float32 but the gradient is float64; they must be of one type: write"
     " gradient = gradient.astype(weights.dtype)."),
    (dev(12)[::2], dev(6), "the weights must be contiguous in memory (C order), but the strides are (8,); pass the"
     " array that it is a view of, or train a contiguous copy."),
    (dev(2, 3), dev(3, 2).T, "the gradient must be contiguous in memory (C order), but the strides are (4, 8); write"
     " gradient = np.ascontiguousarray(gradient)."),
    (dev(2, 3), dev(3, 2), "the weights have shape (2, 3) but the gradient (3, 2); is one transposed?"),
    (dev(6), dev(7), "the weights have 6 elements but the gradient has 7."),
    (ROOM[:6], ROOM[5:11], "the weights and the gradient overlap in memory; they must be separate arrays."),
]  # fmt: skip
FAULTS_OF_KEYS = [
    (dev(5), dev(5), "this key began with 6 elements of float32, but now there are 5 of float32; use another key for"
     " other weights, the same in every process (an id is not)."),
    (dev(6, dtype="f8"), dev(6, dtype="f8"), "this key began with 6 elements of float32, but now there are 6 of"
     " float64; use another key for other weights, the same in every process (an id is not)."),
    (dev(3, 2), dev(3, 2), "this key began with shape (2, 3), but now it is (3, 2); is it transposed?"),
]  # fmt: skip


def trained(gpu):
    twins = Twins(gpu, "AdamW.v1")
    twins.add("w", (2, 3))
    twins.add("v", 4)
    twins.step(twins.gradients(0))
    return twins


CASES = [*(("new", *each) for each in FAULTS), *(("w", *each) for each in [*FAULTS, *FAULTS_OF_KEYS])]


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize(("key", "weights", "gradient", "text"), CASES)
def test_faults_of_a_pair(key, weights, gradient, text, single, gpu):
    twins = trained(gpu)
    batch, _ = twins.batches(twins.gradients(1))
    batch[key] = weights, gradient
    arrays = {name: [each for each in pair if hasattr(each, "shape")] for name, pair in batch.items()}
    before, state = contents(arrays), bytes_of(twins.device)
    with pytest.raises(ArrayError) as caught:
        twins.device(key, weights, gradient) if single else twins.device.update(batch)
    assert str(caught.value) == f"Key {key!r}: {text} Nothing was changed."
    assert (contents(arrays), bytes_of(twins.device)) == (before, state)
    twins.step(twins.gradients(2), single=single)
    twins.assert_same()


@pytest.mark.parametrize("is_known", [False, True])
def test_keys_that_overlap(is_known, gpu):
    room = dev(30)
    optimizer = Optimizer.of("AdamW.v1", ops=gpu)
    if is_known:
        optimizer.update({"a": (room[:6], room[6:12]), "b": (room[12:18], room[18:24])})
    before, state = room.host.tobytes(), bytes_of(optimizer)
    for first, second in ((11, 18), (12, 5), (5, 24)):
        with pytest.raises(ArrayError, match=r"^Keys 'a' and 'b' overlap in memory\. Nothing was changed\.$"):
            optimizer.update({"a": (room[:6], room[6:12]), "b": (room[first : first + 6], room[second : second + 6])})
    assert (room.host.tobytes(), bytes_of(optimizer)) == (before, state)


@pytest.mark.parametrize(("pairs", "text"), [
    ([1], "update takes {key: (weights, gradient), …}, not list."),
    ({"w": (dev(3),)}, "Key 'w': a pair (weights, gradient) is wanted. Nothing was changed."),
    ({"w": dev(3)}, "Key 'w': a pair (weights, gradient) is wanted. Nothing was changed."),
])  # fmt: skip
def test_no_batch(pairs, text, gpu):
    for optimizer in (Optimizer.of("AdamW.v1", ops=gpu), trained(gpu).device):
        state = bytes_of(optimizer)
        with pytest.raises(ArrayError, match=f"^{re.escape(text)}$"):
            optimizer.update(pairs)
        assert bytes_of(optimizer) == state


def test_one_key_where_the_rule_needs_all(gpu):
    optimizer = Optimizer.of("AdamW.v1", ops=gpu, grad_clip=1.0, grad_clip_by="model")
    with pytest.raises(ArrayError, match=r"^AdamW\.v1 with these settings needs the whole model at once"):
        optimizer("w", dev(3), dev(3))


@pytest.mark.parametrize("scale", [-1.0, float("nan"), None])
def test_a_scale_that_cannot_be(scale, gpu):
    twins = trained(gpu)
    batch, _ = twins.batches(twins.gradients(1))
    before, state = contents(batch), bytes_of(twins.device)
    for call in (
        lambda: twins.device("w", *batch["w"], lr_scale=scale),
        lambda: twins.device.update(batch, lr_scale=scale),
    ):
        with pytest.raises(SettingError, match=r"^lr_scale must be a finite number >= 0, not "):
            call()
        assert (contents(batch), bytes_of(twins.device)) == (before, state)


@pytest.mark.parametrize("ops", [None, NumpyOps(None)])
def test_device_arrays_for_an_optimizer_in_main_memory(ops):
    optimizer = Optimizer.of("AdamW.v1", ops=ops)
    weights, gradient = np.ones(3), np.ones(3)
    optimizer("w", weights, gradient)
    before, state = weights.copy(), bytes_of(optimizer)
    moves = "; it is on a CUDA device: optimizer.to_gpu() moves the state there"
    for pair, text in (
        ((CUPY, CUPY), f"the weights {IN_MAIN} cupy.ndarray{moves}."),
        ((weights, CUPY), f"the gradient {IN_MAIN} cupy.ndarray{moves}."),
        ((weights, dev(3)), f"the gradient {IN_MAIN} tests.devices.host.DeviceArray{moves}."),
        ((JAX_IN_MAIN, JAX_IN_MAIN), f"the weights {IN_MAIN} jaxlib._jax.ArrayImpl{JAX}."),
        ((weights, JAX_ON_CUDA), f"the gradient {IN_MAIN} jaxlib._jax.ArrayImpl{JAX}."),
    ):
        for key in ("w", "new"):
            with pytest.raises(ArrayError) as caught:
                optimizer(key, *pair)
            assert str(caught.value) == f"Key {key!r}: {text} Nothing was changed."
    assert ((weights == before).all(), bytes_of(optimizer)) == (True, state)


@pytest.fixture
def without_cupy(monkeypatch):
    """As where CuPy is not installed."""
    from thincopt.ops.cuda import driver as cuda

    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.setattr(cuda, "cuda", cuda.cuda.__wrapped__)
    return cuda.INSTALL


def test_device_arrays_where_cupy_is_not_installed(without_cupy):
    text = f"Arrays on a CUDA device need CuPy, which is not installed: {without_cupy}."
    optimizer = Optimizer.of("AdamW.v1")
    asked = [
        lambda: optimizer("w", CUPY, CUPY),
        lambda: optimizer.update({"w": (CUPY, CUPY)}),
        lambda: optimizer.update({"w": (dev(3), dev(3))}),
        optimizer.to_gpu,
        CupyOps,
    ]
    for each in asked:
        with pytest.raises(OpsError) as caught:
            each()
        assert str(caught.value) == text
        assert optimizer.ops.name == "numpy"
        assert optimizer.state()["keys"] == {}
    weights = np.ones(3)
    optimizer("w", weights, np.ones(3))
    assert (weights < 1).all()
    with pytest.raises(OpsError):
        optimizer.to_gpu()
    assert optimizer.nr_update == {"w": 1}


@pytest.mark.parametrize("value", [JAX_ON_CUDA, JAX_IN_MAIN])
def test_arrays_of_jax_are_refused_though_cupy_is_not_installed(value, without_cupy):
    optimizer = Optimizer.of("AdamW.v1")
    with pytest.raises(ArrayError) as caught:
        optimizer("w", value, value)
    assert str(caught.value) == f"Key 'w': the weights {IN_MAIN} jaxlib._jax.ArrayImpl{JAX}. Nothing was changed."


def test_averages_are_only_for_weights_of_a_device(gpu):
    optimizer = Optimizer.of("AdamW.v1", ops=gpu, use_averages=True)
    weights = dev(3)
    optimizer("w", weights, dev(3))
    given = np.ones(3, "float32")
    with pytest.raises(ArrayError, match=rf"^Key 'w': .* {ON_CUDA} numpy\.ndarray"), optimizer.averaged({"w": given}):
        pass
    assert (given == 1).all()
