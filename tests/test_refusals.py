"""What cannot be updated is refused, in words, and not one byte has changed."""

import numpy as np
import pytest

from thincopt import ArrayError, Optimizer, SettingError

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
        "Key 'W': the gradient must be float32 or float64, not int64; write gradient = gradient.astype(weights.dtype)."
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
