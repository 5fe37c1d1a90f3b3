"""Arrays of any layout over any memory: each is updated, or refused with not one byte changed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sampling import examples
from thincopt import ArrayError, NonFiniteError, Optimizer
from thincopt.native import load
from thincopt.ops.numpy.ops import NumpyOps

BACKENDS = [NumpyOps(None), *([NumpyOps(load())] if load() else [])]
arrays = st.builds(
    lambda size, dtype, step, order, write, offset, odd: (size, dtype, step, order, write, offset, odd),
    st.integers(0, 40),
    st.sampled_from(["f4", "f8", ">f4", ">f8", "f2", "i4", "c8"]),
    st.sampled_from([1, 1, 1, 2, -1]),
    st.sampled_from(["flat", "flat", "C", "F"]),
    st.booleans(),
    st.sampled_from([0, 0, 0, 1, 4]),
    st.sampled_from([None, None, None, np.nan, np.inf, -np.inf]),
)


def made(memory: bytearray, recipe) -> np.ndarray:
    """An array over this memory, of any layout."""
    size, dtype, step, order, write, offset, odd = recipe
    itemsize = np.dtype(dtype).itemsize
    flat = np.frombuffer(memory, np.uint8)[offset : offset + 2 * size * itemsize].view(dtype)
    with np.errstate(all="ignore"):
        flat[:] = np.arange(flat.size) - 3
        if odd is not None and flat.size and np.dtype(dtype).kind == "f":
            flat[flat.size // 3] = odd
    array = flat[:: step * 2] if step != 1 else flat[:size]
    if order != "flat" and array.size % 2 == 0:
        array = array.reshape(2, -1) if order == "C" else array.reshape(-1, 2).T
    array.flags.writeable = write
    return array


@settings(max_examples=examples(2000), deadline=None)
@given(
    backend=st.sampled_from(BACKENDS),
    first=arrays,
    second=arrays,
    shared=st.booleans(),
    policy=st.sampled_from(["raise", "skip", "propagate"]),
    clip=st.sampled_from([0.0, 1.0]),
)
def test_any_two_arrays_end_in_an_update_or_an_error_without_change(backend, first, second, shared, policy, clip):
    memory = bytearray(1000)
    room = memory if shared else bytearray(1000)
    weights, gradient = made(memory, first), made(room, second)
    before = bytes(memory), bytes(room)
    optimizer = Optimizer.of("AdamW.v1", ops=backend, nonfinite=policy, grad_clip=clip)
    try:
        optimizer("W", weights, gradient)
    except ArrayError as error:
        assert str(error).startswith("Key 'W': ")
        assert (bytes(memory), bytes(room)) == before
        assert optimizer.nr_update == {}
        assert not (isinstance(error, NonFiniteError) and policy != "raise")
    else:
        assert not gradient.size or not gradient.any()
        sound = gradient.size == 0 or (weights.dtype == gradient.dtype and weights.flags.c_contiguous)
        assert sound


@settings(max_examples=300, deadline=None)
@given(backend=st.sampled_from(BACKENDS), cuts=st.lists(st.tuples(st.integers(0, 90), st.integers(0, 12)), max_size=6))
def test_any_batch_of_slices_is_updated_if_and_only_if_they_are_apart(backend, cuts):
    room = np.ones(110, "float32")
    batch = {index: (room[start : start + size], np.ones(size, "float32")) for index, (start, size) in enumerate(cuts)}
    taken = [index for start, size in cuts for index in range(start, start + size)]
    optimizer = Optimizer.of("SGD.v2", learn_rate=0.5, ops=backend)
    if len(taken) == len(set(taken)):
        optimizer.update(batch)
        expected = np.ones(110, "float32")
        expected[taken] = 0.5
        assert (room == expected).all()
    else:
        with pytest.raises(ArrayError, match="overlap in memory"):
            optimizer.update(batch)
        assert (room == 1).all()


@pytest.mark.parametrize("ops", BACKENDS, ids=repr)
@pytest.mark.parametrize("places", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 0, 3, 2)])
def test_neighbours_in_one_buffer_are_apart(ops, places):
    room = np.ones((4, 5))
    w, g, v, h = (room[place] for place in places)
    optimizer = Optimizer.of("SGD.v2", learn_rate=0.25, ops=ops)
    for _ in range(2):
        g[:] = h[:] = 1.0
        optimizer.update({"w": (w, g), "v": (v, h)})
    assert (w.tolist(), v.tolist(), g.tolist(), h.tolist()) == ([0.5] * 5, [0.5] * 5, [0.0] * 5, [0.0] * 5)
