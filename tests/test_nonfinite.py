"""Gradients with NaN or infinity: raise, skip or propagate."""

import numpy as np
import pytest

from thincopt import NonFiniteError, Optimizer
from thincopt.ops.contract import PATIENCE

VALUES = [np.nan, np.inf, -np.inf]


def model(bad_at: int | None, value: float = np.nan) -> dict:
    """Two sound keys around one that may have a bad gradient."""
    batch = {key: (np.ones((4, 25), "float32"), np.full((4, 25), 0.5, "float32")) for key in ("a", "b", "c")}
    if bad_at is not None:
        batch["b"][1].reshape(-1)[bad_at:] = value
    return batch


def contents(batch: dict) -> list[bytes]:
    return [each.tobytes() for pair in batch.values() for each in pair]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("name", ["AdamW.v1", "LAMB.v1", "Lion.v1"])
@pytest.mark.parametrize("clip", [{}, dict(grad_clip=1.0), dict(grad_clip=1.0, grad_clip_by="model")])
@pytest.mark.parametrize("trained", [False, True])
def test_raise_names_key_place_and_count_and_changes_nothing(name, value, clip, trained, ops):
    optimizer = Optimizer.of(name, ops=ops, **clip)
    if trained:
        optimizer.update(model(None))
    batch = model(97, value)
    before, state = contents(batch), str(optimizer.state())
    with pytest.raises(NonFiniteError) as caught:
        optimizer.update(batch)
    assert str(caught.value) == (
        f"Key 'b': the gradient is not finite in 3 of 100 elements, the first at index 97 ({value})."
        " Nothing was changed."
    )
    assert (contents(batch), str(optimizer.state())) == (before, state)


@pytest.mark.parametrize("position", [0, 1, 63, 64, 4095, 4096, 70_000, 99_999])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_bad_element_is_found_wherever_it_is(position, dtype, ops):
    optimizer = Optimizer.of("AdamW.v1", ops=ops)
    weights, gradient = np.ones(100_000, dtype), np.ones(100_000, dtype)
    gradient[position] = np.inf
    with pytest.raises(NonFiniteError, match=rf"1 of 100000 elements, the first at index {position} \(inf\)"):
        optimizer("w", weights, gradient)
    assert (weights == 1).all()


def test_the_largest_finite_gradient_is_fine(ops):
    for dtype in ("float32", "float64"):
        weights, gradient = np.zeros(100, dtype), np.full(100, np.finfo(dtype).max)
        Optimizer.of("SGD.v2", learn_rate=0.5, ops=ops)("w", weights, gradient)
        assert (weights == -np.finfo(dtype).max / 2).all()


@pytest.mark.parametrize("clip", [{}, dict(grad_clip=1.0)])
def test_skip_leaves_all_as_it_was_but_zeroes_and_counts(clip, ops):
    optimizer = Optimizer.of("NAdam.v1", ops=ops, nonfinite="skip", **clip)
    optimizer.update(model(None))
    batch = model(5)
    weights = {key: pair[0].copy() for key, pair in batch.items()}
    state = optimizer.state()["keys"]
    before = {key: {name: np.copy(each) for name, each in own.items()} for key, own in state.items()}
    optimizer.update(batch)
    assert all((batch[key][0] == weights[key]).all() and not batch[key][1].any() for key in batch)
    for key, own in optimizer.state()["keys"].items():
        assert own.pop("skipped") == own.pop("streak") == 1
        assert all(np.all(value == before[key][name]) for name, value in own.items())


def test_skip_of_a_new_key_begins_its_state_and_takes_no_step(ops):
    optimizer = Optimizer.of("AdamW.v1", ops=ops, nonfinite="skip")
    weights, gradient = np.ones(3, "float32"), np.full(3, np.nan, "float32")
    optimizer("w", weights, gradient)
    assert optimizer.nr_update == {"w": 0}
    assert optimizer.state()["keys"]["w"]["skipped"] == 1
    assert (weights == 1).all()
    assert not gradient.any()


def test_too_many_skips_in_a_row_are_an_error(ops):
    optimizer = Optimizer.of("AdamW.v1", ops=ops, nonfinite="skip")
    weights = np.ones(3, "float32")

    def step(value):
        optimizer("w", weights, np.full(3, value, "float32"))

    for _ in range(PATIENCE - 1):
        step(np.nan)
    step(1.0)  # a good one: the count in a row begins anew
    for _ in range(PATIENCE - 1):
        step(np.inf)
    with pytest.raises(NonFiniteError, match=f"The last {PATIENCE} steps in a row were skipped for such gradients."):
        step(np.inf)
    assert optimizer.state()["keys"]["w"]["skipped"] == 2 * PATIENCE - 1
    assert optimizer.nr_update == {"w": 1}


@pytest.mark.parametrize("value", VALUES)
def test_propagate_lets_it_through_and_the_gradient_is_clean_again(value, ops):
    optimizer = Optimizer.of("AdamW.v1", ops=ops, nonfinite="propagate")
    batch = model(97, value)
    optimizer.update(batch)
    assert np.isnan(batch["b"][0].reshape(-1)[97:]).all()
    assert np.isfinite(batch["b"][0].reshape(-1)[:97]).all()
    assert not any(gradient.any() for _, gradient in batch.values())


def test_weights_that_are_not_finite_are_not_the_gradients_fault(ops):
    """A norm over L2 is not finite where the weights are not; the gradient is, and the step is taken."""
    optimizer = Optimizer.of("SGD.v2", ops=ops, L2=0.1, grad_clip=1.0)
    weights, gradient = np.array([np.inf, 1.0]), np.ones(2)
    optimizer("w", weights, gradient)
    assert optimizer.nr_update == {"w": 1}
