"""Loaded state that nobody asks for again, as where keys are ids of a process, is told once."""

import copy
import pickle
import warnings

import numpy as np
import pytest

from thincopt import AdamW

UNMET = r"^State of 2 keys was loaded, and none of them has come since; others have, and begin anew, such as key {}\. "
WAYS = {
    "load_state": lambda saved: loaded(saved.state()),
    "pickle": lambda saved: pickle.loads(pickle.dumps(saved)),
    "deepcopy": copy.deepcopy,
}


def loaded(state):
    optimizer = AdamW(0.1)
    optimizer.load_state(state)
    return optimizer


def saved(*keys):
    optimizer = AdamW(0.1)
    optimizer.update(model(*keys))
    return optimizer


def model(*keys):
    return {key: (np.ones(2), np.ones(2)) for key in keys}


@pytest.mark.parametrize("way", WAYS)
def test_a_model_of_other_keys_is_told_once(way):
    optimizer = WAYS[way](saved((1, "W"), (2, "b")))
    other = model((3, "W"), (4, "b"))
    told = UNMET.format(r"\(3, 'W'\)") + r"Did you mean \"\(1, 'W'\)\"\? Weights must have the same key in every"
    with pytest.warns(UserWarning, match=told) as found:
        optimizer.update(other)
    assert [each.filename for each in found] == [__file__]
    optimizer.update(model((5, "W"), (6, "b")))
    assert optimizer.nr_update[3, "W"] == 1


def test_keys_one_by_one_are_told_when_as_many_have_come():
    optimizer = loaded(saved(1, 2).state())
    optimizer(3, np.ones(2), np.ones(2))
    with pytest.warns(UserWarning, match=UNMET.format("4") + "One that was loaded is 1") as found:
        optimizer(4, np.ones(2), np.ones(2))
    assert [each.filename for each in found] == [__file__]


def test_where_warnings_are_errors_the_next_call_goes_on():
    optimizer = loaded(saved(1, 2).state())
    with pytest.raises(UserWarning, match=UNMET.format("3")):
        optimizer.update(model(3, 4))
    assert sorted(optimizer.nr_update) == [1, 2]
    optimizer.update(model(3, 4))
    assert sorted(optimizer.nr_update) == [1, 2, 3, 4]


@pytest.mark.parametrize("calls", [[(1, 2, 3, 4)], [(3,), (1,), (4,), (5,), (6,)], [(3,)], [(2,), (3, 4, 5)], [()]])
def test_where_one_has_come_or_may_still_nothing_is_told(calls):
    optimizer = loaded(saved(1, 2).state())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for keys in calls:
            optimizer.update(model(*keys))
            optimizer.beta1 /= 2


def test_one_other_key_says_nothing_where_one_was_loaded():
    optimizer = loaded(saved(1).state())
    optimizer(2, np.ones(2), np.ones(2))
    with pytest.warns(UserWarning, match=r"^State of 1 keys was loaded, and none of them has come since"):
        optimizer(3, np.ones(2), np.ones(2))


def test_a_change_of_kernels_does_not_end_the_wait():
    optimizer = loaded(saved(1, 2).state())
    optimizer.lookahead_k = 3
    with pytest.warns(UserWarning, match=UNMET.format("3")):
        optimizer.update(model(3, 4))
