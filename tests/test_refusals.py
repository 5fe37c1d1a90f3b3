"""What cannot be updated is refused, in words, and not one byte has changed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thincopt import ArrayError, NonFiniteError, Optimizer, SettingError
from thincopt.native import load
from thincopt.ops.numpy_ops import NumpyOps

ONES = np.ones(12, "float32")


def strided():
    return np.ones(24, "float32")[::2]


def readonly():
    array = ONES.copy()
    array.flags.writeable = False
    return array


def misaligned():
    return np.frombuffer(bytearray(49), "uint8")[1:].view("float32")


REFUSED = {
    "strided weights": (
        lambda: (strided(), ONES.copy()),
        "Key 'W': the weights must be contiguous in memory (C order), but the strides are (8,);"
        " pass the array that it is a view of, or train a contiguous copy. Nothing was changed.",
    ),
    "strided gradient": (
        lambda: (ONES.copy(), strided()),
        "Key 'W': the gradient must be contiguous in memory (C order), but the strides are (8,);"
        " write gradient = np.ascontiguousarray(gradient). Nothing was changed.",
    ),
    "transposed weights": (
        lambda: (np.ones((3, 4), "float32").T, np.ones((4, 3), "float32")),
        "Key 'W': the weights must be contiguous in memory (C order), but the strides are (4, 16);"
        " pass the array that it is a view of, or train a contiguous copy. Nothing was changed.",
    ),
    "read-only weights": (
        lambda: (readonly(), ONES.copy()),
        "Key 'W': the weights must be writable, but this array is read-only; write weights = np.array(weights) once,"
        " and train that. Nothing was changed.",
    ),
    "read-only gradient": (
        lambda: (ONES.copy(), readonly()),
        "Key 'W': the gradient must be writable, but this array is read-only; write gradient = np.array(gradient)."
        " Nothing was changed.",
    ),
    "misaligned": (
        lambda: (misaligned(), ONES.copy()),
        "Key 'W': the weights must be aligned to its elements' size; copy the array. Nothing was changed.",
    ),
    "integers": (
        lambda: (np.ones(12, "int64"), np.ones(12, "int64")),
        "Key 'W': the weights must be float32 or float64, not int64; write weights = weights.astype(\"float32\")."
        " Nothing was changed.",
    ),
    "an integer gradient": (
        lambda: (ONES.copy(), np.ones(12, "int64")),
        "Key 'W': the gradient must be float32 or float64, not int64; write gradient = gradient.astype(\"float32\")."
        " Nothing was changed.",
    ),
    "complex numbers": (
        lambda: (np.ones(12, "complex64"), np.ones(12, "complex64")),
        "Key 'W': the weights must be float32 or float64, not complex64. Nothing was changed.",
    ),
    "another byte order": (
        lambda: (np.ones(12, ">f4"), np.ones(12, ">f4")),
        "Key 'W': the weights must be in this machine's byte order, not >f4; write weights ="
        ' weights.astype("float32"). Nothing was changed.',
    ),
    "types that differ": (
        lambda: (ONES.copy(), np.ones(12)),
        "Key 'W': the weights are float32 but the gradient is float64; they must be of one type: write gradient ="
        " gradient.astype(weights.dtype). Nothing was changed.",
    ),
    "sizes that differ": (
        lambda: (ONES.copy(), np.ones(11, "float32")),
        "Key 'W': the weights have 12 elements but the gradient has 11. Nothing was changed.",
    ),
    "a gradient of the key's size but other weights": (
        lambda: (np.ones(11, "float32"), ONES.copy()),
        "Key 'W': the weights have 11 elements but the gradient has 12. Nothing was changed.",
    ),
    "shapes that differ": (
        lambda: (np.ones((3, 4), "float32"), np.ones((4, 3), "float32")),
        "Key 'W': the weights have shape (3, 4) but the gradient (4, 3); is one transposed? Nothing was changed.",
    ),
    "one array twice": (
        lambda: (both := ONES.copy(), both),
        "Key 'W': the weights and the gradient overlap in memory; they must be separate arrays. Nothing was changed.",
    ),
    "overlapping": (
        lambda: ((room := np.ones(20, "float32"))[:12], room[8:]),
        "Key 'W': the weights and the gradient overlap in memory; they must be separate arrays. Nothing was changed.",
    ),
    "a list": (
        lambda: ([1.0, 2.0], ONES.copy()),
        "Key 'W': the weights must be a NumPy array, to be updated in place, not list; write weights ="
        " np.array(weights) once, and train that. Nothing was changed.",
    ),
    "None": (
        lambda: (ONES.copy(), None),
        "Key 'W': nothing was given as the gradient; write optimizer(key, weights, gradient). Nothing was changed.",
    ),
}


def content(value) -> bytes:
    return value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode()


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("seen_before", [False, True])
def test_refused_with_its_text_and_nothing_changed(case, seen_before, ops):
    make, text = REFUSED[case]
    optimizer = Optimizer.of("AdamW.v1", ops=ops, grad_clip=1.0)
    if seen_before:
        optimizer("W", ONES.copy(), ONES.copy())
    weights, gradient = make()
    before = content(weights), content(gradient), str(optimizer.state())
    with pytest.raises(ArrayError) as caught:
        optimizer("W", weights, gradient)
    assert str(caught.value) == text
    assert (content(weights), content(gradient), str(optimizer.state())) == before


def test_another_array_under_a_known_key(ops):
    optimizer = Optimizer.of("AdamW.v1", ops=ops)
    optimizer("W", ONES.copy(), ONES.copy())
    with pytest.raises(ArrayError, match="began with 12 elements of float32, but now there are 12 of float64"):
        optimizer("W", np.ones(12), np.ones(12))
    with pytest.raises(ArrayError, match="began with 12 elements of float32, but now there are 5 of float32"):
        optimizer("W", np.ones(5, "float32"), np.ones(5, "float32"))


def test_overlap_between_the_keys_of_one_update(ops):
    optimizer = Optimizer.of("AdamW.v1", ops=ops)
    room = np.ones(20, "float32")
    fine = np.ones(3, "float32")
    batch = {
        "a": (fine, np.ones(3, "float32")),
        "b": (room[:12], ONES.copy()),
        "c": (room[10:], np.ones(10, "float32")),
    }
    for _ in range(2):
        with pytest.raises(ArrayError, match=r"^Keys 'b' and 'c' overlap in memory. Nothing was changed.$"):
            optimizer.update(batch)
    assert (room == 1).all()
    assert (fine == 1).all()
    assert optimizer.nr_update == {}


def test_overlap_is_seen_after_a_batch_without(ops):
    """The answer for known addresses is kept; it must not serve for others."""
    optimizer = Optimizer.of("AdamW.v1", ops=ops)
    room, gradients = np.ones(20, "float32"), [np.ones(10, "float32") for _ in range(2)]
    for _ in range(3):
        optimizer.update({"a": (room[:10], gradients[0]), "b": (room[10:], gradients[1])})
    with pytest.raises(ArrayError, match="overlap"):
        optimizer.update({"a": (room[:10], gradients[0]), "b": (room[9:19], gradients[1])})
    with pytest.raises(ArrayError, match="overlap"):
        optimizer.update({"a": (room[:10], gradients[0]), "b": (room[:10], gradients[1])})


@pytest.mark.parametrize("scale", [-1, -0.5, float("nan"), float("inf"), float("-inf"), 10**400, "1", None, True])
def test_lr_scale_must_be_a_finite_number_that_turns_no_step_around(scale, ops):
    optimizer, weights, gradient = Optimizer.of("AdamW.v1", ops=ops), ONES.copy(), ONES.copy()
    optimizer("W", weights, gradient.copy())
    before, state = weights.copy(), repr(optimizer.state())
    calls = [lambda: optimizer("W", weights, gradient, lr_scale=scale)]
    calls += [lambda: optimizer.update({"W": (weights, gradient)}, lr_scale=scale)]
    for call in calls:
        with pytest.raises(SettingError, match=r"^lr_scale must be a finite number >= 0, not .*\. Nothing was"):
            call()
        assert (weights == before).all()
        assert (gradient == 1).all()
        assert repr(optimizer.state()) == state


@pytest.mark.parametrize("batch", [[1, 2], {"W": ONES}, {"W": (ONES, ONES, ONES)}, {"W": 3}])
def test_update_takes_pairs_by_key(batch, ops):
    with pytest.raises(ArrayError, match=r"(update takes|a pair)"):
        Optimizer.of("AdamW.v1", ops=ops).update(batch)


def test_a_key_must_be_hashable(ops):
    with pytest.raises(
        ArrayError, match=r"^A key is a name, a number or a tuple of such, not list: the key is missing; call"
    ):
        Optimizer.of("AdamW.v1", ops=ops)(["W"], ONES.copy(), ONES.copy())


AVERAGED = [
    (ONES, "averaged takes {key: weights, …}, not ndarray."),
    ([("W", ONES)], "averaged takes {key: weights, …}, not list."),
    ({"b": ONES}, "Key 'b' has no averages yet: it was never updated."),
    ({"W": [1.0]}, "Key 'W': what averaged was given must be a NumPy array, not list."),
    (
        {"W": ONES[:0]},
        "Key 'W': what averaged was given is float32 of shape (0,), but the key's weights are float32 of shape (12,).",
    ),
    (
        {"W": np.ones(5)},
        "Key 'W': this key began with 12 elements of float32, but now there are 5 of float64; use another key for other"
        " weights.",
    ),
    (
        {"W": readonly()},
        "Key 'W': the weights must be writable, but this array is read-only; write weights = np.array(weights) once,"
        " and train that.",
    ),
]


@pytest.mark.parametrize(("given", "text"), AVERAGED)
def test_averaged_takes_weights_by_key(given, text, ops):
    optimizer = Optimizer.of("AdamW.v1", ops=ops, use_averages=True)
    optimizer("W", ONES.copy(), ONES.copy())
    with pytest.raises(ArrayError) as caught:
        optimizer.averaged(given)
    assert str(caught.value) == f"{text} Nothing was changed."


def test_averaged_takes_weights_in_another_shape(ops):
    optimizer = Optimizer.of("AdamW.v1", ops=ops, use_averages=True)
    weights = ONES.copy()
    for _ in range(2):
        optimizer("W", weights, ONES.copy())
    before = weights.copy()
    with optimizer.averaged({"W": weights.reshape(3, 4)}):
        assert (weights == optimizer.averages["W"]).all()
    assert (weights == before).all()


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


@settings(max_examples=2000, deadline=None)
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
