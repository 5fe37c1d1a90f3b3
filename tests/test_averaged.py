"""What `averaged` takes, and what it refuses."""

import numpy as np
import pytest

from tests.test_refusals import ONES, readonly
from thincopt import ArrayError, Optimizer

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
        " weights, the same in every process (an id is not).",
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


def test_weights_that_hold_averages_are_not_trained(ops):
    """The steps would be lost when the block ends, but not their traces in the state."""
    optimizer = Optimizer.of("Adam.v2", learn_rate=0.1, use_averages=True, ops=ops)
    weights = {"W": np.ones(3), "V": np.ones(2)}
    batch = {key: (each, np.ones(each.size)) for key, each in weights.items()}
    for _ in range(2):
        optimizer.update(batch)
    before, state = weights["W"].copy(), repr(optimizer.state())
    with optimizer.averaged({"W": weights["W"]}):
        for _ in range(2):
            with pytest.raises(ArrayError, match=r"^Key 'W': its weights hold averages, to evaluate with, until"):
                optimizer("W", weights["W"], np.ones(3))
        assert repr(optimizer.state()) == state
        optimizer("V", weights["V"], np.ones(2))
    assert (weights["W"] == before).all()
    optimizer.update({key: (each, np.ones(each.size)) for key, each in weights.items()})
    assert optimizer.nr_update == {"W": 3, "V": 4}
