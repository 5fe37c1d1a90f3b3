"""State: what is kept by key and name, shared, counted, and loaded again."""

import copy
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as trying
from hypothesis import strategies as st

from tests.conftest import steps
from tests.sampling import examples
from thincopt import ArrayError, Optimizer, StateError
from thincopt.engine.settings import settings_of
from thincopt.language import Rule
from thincopt.rules import all_rules


def test_state_is_whole_and_views_are_for_reading(ops):
    optimizer = Optimizer.of("NAdam.v1", use_averages=True, ops=ops)
    steps(optimizer, count=2, size=(2, 3))
    state = optimizer.state()["keys"]["w"]
    assert set(state) == {"t", "shape", "dtype", "skipped", "streak", "mu_product", "m", "v", "averages.average"}
    assert state["t"] == optimizer.nr_update["w"] == 2
    assert state["m"].shape == (2, 3)
    assert np.shares_memory(state["m"], optimizer.mom1["w"])
    with pytest.raises(ValueError, match="read-only"):
        optimizer.mom2["w"][0] = 1
    assert Optimizer.of("NAdam.v1").averages is None


@pytest.mark.parametrize("name", [name for name in all_rules() if not name.startswith("Probe")])
@pytest.mark.parametrize("stop", [0, 1, 2, 7])
def test_a_run_that_stops_and_goes_on_gives_the_same_bits(name, stop, ops):
    settings = dict(learn_rate=0.01, lookahead_k=3, use_averages=True, ops=ops)
    whole, part, resumed = (Optimizer.of(name, **settings) for _ in range(3))
    weights = {each: np.linspace(-1, 1, 70, dtype="float32") for each in ("whole", "part")}

    def step(optimizer, array, index):
        optimizer.update({"w": (array, np.random.default_rng(index).normal(size=70).astype("float32"))})

    for index in range(12):
        step(whole, weights["whole"], index)
    for index in range(stop):
        step(part, weights["part"], index)
    resumed.load_state(part.state())
    for index in range(stop, 12):
        step(resumed, weights["part"], index)
    assert weights["part"].tobytes() == weights["whole"].tobytes()
    assert str(resumed.state()) == str(whole.state())


GOOD = {"t": 1, "shape": (3,), "dtype": "float64", "skipped": 0, "streak": 0, "m": np.ones(3), "v": np.ones(3)}
HAS = (
    "must have t, shape, dtype, skipped, streak and may have m, v, vmax, lookahead.slow, averages.average,"
    " weight_decay.max_rate, cautious_decay.max_rate, averages.mass."
)
WHOLE = "must be a whole number >= 0 and <= 9007199254740992, not"
DTYPE = "dtype must be one of 'float32', 'float64', not"
SHAPE = "shape must be a tuple or list of whole numbers >= 0, at most 64 and of a product <= 9007199254740992, not"
BARE = {name: GOOD[name] for name in GOOD if name not in "mv"}


class Unprintable:
    def __repr__(self):
        raise OSError


def test_loading_state_of_another_kind_is_refused_whole(ops):
    optimizer = Optimizer.of("AdamW.v1", ops=ops)
    steps(optimizer)
    before = str(optimizer.state())
    branches = (
        (5, " must be a mapping, as optimizer.state() gives it, not 5."),
        (Unprintable(), " must be a mapping, as optimizer.state() gives it, not a value of type Unprintable."),
        ({**GOOD, "velocity": 1, 2: 3}, f" has unknown ['velocity', 2]; it {HAS}"),
        ({"t": 1, "x": 2}, f" lacks ['shape', 'dtype', 'skipped', 'streak'] and has unknown ['x']; it {HAS}"),
        *(
            ({**GOOD, name: wrong}, f": {name} {WHOLE} {text or wrong}.")
            for name in ("t", "skipped", "streak")
            for wrong, text in (
                *((each, None) for each in (-1, 2.5, True, np.nan, np.inf, None, 2**53 + 1, 10**100, 1j)),
                (10**5000, "a value of type int"),
                (Fraction(2**60 + 1, 2**60), "Fraction(1152921504606846977, 1152921504606846976)"),
            )
        ),
        *(({**BARE, "dtype": each}, f": {DTYPE} {each!r}.") for each in ("object", ">f4", 5, None, np.float32, ["a"])),
        *(
            ({**BARE, "shape": each}, f": {SHAPE} {each!r}.")
            for each in (5, "33", None, [-1], [True], [2.5], [[3]], [np.inf], [2**53, 2], {3: 3}, np.zeros(1))
        ),
        ({**BARE, "shape": [1] * 65}, f": {SHAPE} [{'1, ' * 39}1,…."),
        ({**GOOD, "v": np.ones(4)}, ": v is float64 of shape (4,), but the key's weights are float64 of shape (3,)."),
        ({**GOOD, "v": np.ones(3, ">f8")}, ": v must be in this machine's byte order, not >f8."),
        ({**GOOD, "v": [1.0]}, ": v must be a NumPy array, not list."),
    )
    trees = (
        ([], "the state must be a mapping, as optimizer.state() gives it, not []."),
        ({"keys": {}}, "the state lacks ['shared']; it must have keys, shared and may have rule."),
        ({"keys": [1], "shared": {}}, "keys must be a mapping, as optimizer.state() gives it, not [1]."),
        ({"keys": {}, "shared": 2}, "shared must be a mapping, as optimizer.state() gives it, not 2."),
        ({"keys": {}, "shared": {"d": 1.0}}, "shared has unknown ['d']; it must be empty."),
        *(({"keys": {"a": GOOD, ("w", 1): each}, "shared": {}}, f"key ('w', 1){text}") for each, text in branches),
    )
    for wrong, text in trees:
        with pytest.raises(StateError) as caught:
            optimizer.load_state(wrong)
        assert str(caught.value) == f"AdamW.v1: {text} Nothing was changed."
        assert str(optimizer.state()) == before


OURS = ("thincopt.", "tests.probes")
RULES = [name for name, each in all_rules().items() if each.function.__module__.startswith(OURS)]
ODD = [
    *(0, 1, -1, 2.0, 2.5, -0.0, True, np.nan, np.inf, -np.inf, 2**53, 2**53 + 1, 2**63, 10**400, -(10**400)),
    *(10**5000, Fraction(1, 3), Fraction(7), Fraction(2**60 + 1, 2**60), Decimal(2), 1j, np.bool_(True)),
    *(np.int8(-3), np.uint64(3), np.uint64(2**63), np.float16(2), np.float32(0.1), np.float16(np.nan)),
    *(np.longdouble("1e400"), np.longdouble("0.1"), np.array(3), range(3), object, Unprintable()),
    *(None, "", "t", b"m", [], (), {}, {"t": 1}, [6], [2, 3], (3.0, 2), [True], [-1], [2**53, 2], [10**400]),
    *([np.nan], [1] * 65, [[6]], "object", "float16", "float64", "float32", ">f4", np.dtype("f"), np.float32),
    *(np.zeros(()), np.zeros(0), np.zeros((2, 3)), np.zeros((2, 3), "f"), np.zeros(6, "O"), np.zeros(6, "f,f")),
]
ARRAYS = [
    *(lambda a, kind=kind: a.astype(kind) for kind in (">f4", ">f8", "f2", "f4", "f8", "g", "c8", "i4", "O", "?")),
    *(lambda a, kind=kind: a.view(kind) for kind in (np.matrix, np.recarray, np.ma.MaskedArray, "i4")),
    *(np.asfortranarray, np.ravel, np.transpose, np.array, np.ndarray.tolist, bytes, lambda a: a[..., None]),
    *(lambda a: a[::-1], lambda a: a[:1], lambda a: a[:, ::2], lambda a: np.tile(a, 2), lambda a: a * np.nan),
    *(lambda a: np.broadcast_to(a[:1], a.shape), lambda a: np.ma.array(a, mask=a > 0)),
]


@cache
def trained(name, dtype):
    """An optimizer with all the state that its rule can have, after a skipped step; and what its next step gives."""
    known = settings_of(all_rules()[name])
    asked = {"learn_rate": 0.01, "momentum": 0.9, "amsgrad": True, "lookahead_k": 3, "use_averages": True}
    optimizer = Optimizer.of(name, nonfinite="skip", **{each: asked[each] for each in asked if each in known})
    for index in (1, 2, 3, np.nan):
        train(optimizer, dtype, index)
    return optimizer, train(copy.deepcopy(optimizer), dtype)


def train(optimizer, dtype, index=5):
    model = {key: np.linspace(-1, 1, 6, dtype=dtype).reshape(2, 3) for key in ("w", ("b", 0))}
    optimizer.update({key: (each, np.cos(index * each)) for key, each in model.items()})
    return [each.tobytes() for each in model.values()]


@st.composite
def damaged(draw, tree):
    """The tree with one thing in it changed, added or taken away, and the keys and names that lead there."""
    tree = {**tree, "keys": {key: dict(each) for key, each in tree["keys"].items()}, "shared": dict(tree["shared"])}
    branches = [(), ("keys",), ("shared",), *(("keys", key) for key in tree["keys"])]
    path = draw(st.sampled_from(branches))
    branch = tree
    for each in path:
        branch = branch[each]
    kind = draw(st.sampled_from(["change"] * 6 + ["lack", "add", "replace"]))
    odd = st.sampled_from(ODD) | st.integers() | st.floats() | st.lists(st.integers(), max_size=3)
    if kind == "replace" and path:
        inner = tree["keys"] if len(path) == 2 else tree
        inner[path[-1]] = draw(odd)
    elif kind == "replace":
        return draw(odd), path
    elif kind == "add" or not branch:
        branch[draw(st.sampled_from(["velocity", "m", "T", "", 0, None, ("b", 0)]))] = draw(odd)
    else:
        name = draw(st.sampled_from(list(branch)))
        old = branch.pop(name)
        if kind == "change" and isinstance(old, np.ndarray) and draw(st.booleans()):
            branch[name] = draw(st.sampled_from(ARRAYS))(old)
        elif kind == "change":
            branch[name] = draw(odd)
    return tree, path


def content(tree):
    """Every bit of a tree, with the types that `state()` gives."""

    def bits(name, value):
        if isinstance(value, np.ndarray):
            return value.dtype.str, value.shape, np.asarray(value).tobytes()
        kinds = {"t": int, "skipped": int, "streak": int, "dtype": str, "shape": lambda shape: tuple(map(int, shape))}
        made = kinds.get(name, float)(value)
        assert name == "shape" or made == value or value != value
        return repr(made)

    keys = {key: {name: bits(name, each) for name, each in branch.items()} for key, branch in tree["keys"].items()}
    return keys, {name: bits(name, each) for name, each in tree["shared"].items()}


@trying(max_examples=examples(1000), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), name=st.sampled_from(RULES), dtype=st.sampled_from(["float32", "float64"]))
def test_a_damaged_tree_is_refused_whole_or_taken_as_it_is(data, name, dtype):
    optimizer, expected = copy.deepcopy(trained(name, dtype))
    before = content(optimizer.state())
    tree, path = data.draw(damaged(optimizer.state()))
    try:
        optimizer.load_state(tree)
    except StateError as error:
        text = str(error)
        assert text.startswith(f"{name}: ")
        assert text.endswith(". Nothing was changed.")
        assert not path or (f"key {path[1]!r}" if len(path) > 1 else path[0].removesuffix("s")) in text
        assert content(optimizer.state()) == before
        assert train(optimizer, dtype) == expected
    else:
        assert content(optimizer.state()) == content(tree)
        assert all(
            type(each) is np.ndarray for state in optimizer._now.states.values() for each in state.arrays.values()
        )
        with suppress(ArrayError), np.errstate(over="ignore"):  # now of other weights, or a number huge
            train(optimizer, dtype)


def test_a_rule_that_is_not_registered_is_named_too():
    def function(w, g, m, *, learn_rate: float = 0.1):
        return learn_rate * g, m

    with pytest.raises(StateError, match=r"^Unlisted.v1: the state must be a mapping"):
        Optimizer.of(Rule("Unlisted.v1", function)).load_state(5)


def test_prodigy_finds_its_step_over_the_whole_model(probe_ops):
    """Against the authors' algorithm in plain float64 over two keys (Algorithm 4 of arXiv:2306.06101)."""
    random = np.random.default_rng(0)
    model = {key: random.normal(size=size) for key, size in (("a", 5), ("b", 9))}
    x = {key: each.copy() for key, each in model.items()}
    m, v, s = ({key: np.zeros(each.size) for key, each in x.items()} for _ in range(3))
    d, r, b1, b2, root = 1e-6, 0.0, 0.9, 0.999, np.sqrt(0.999)
    optimizer = Optimizer.of("ProbeProdigy.v1", ops=probe_ops)
    for k in range(1, 200):
        g = {key: 2 * each + random.normal(size=each.size) * 0.01 for key, each in x.items()}
        optimizer.update({key: (each, g[key].copy()) for key, each in model.items()})
        rate = d * np.sqrt(1 - b2**k) / (1 - b1**k)
        r = root * r + (1 - root) * rate * d * sum(g[key] @ (start(key) - x[key]) for key in x)
        for key in x:  # noqa: PLC0206  # four dictionaries side by side
            m[key] = b1 * m[key] + (1 - b1) * d * g[key]
            v[key] = b2 * v[key] + (1 - b2) * (d * g[key]) ** 2
            s[key] = root * s[key] + (1 - root) * rate * d * g[key]
            x[key] = x[key] - rate * m[key] / (np.sqrt(v[key]) + d * 1e-8)
        d = max(d, r / sum(np.abs(each).sum() for each in s.values()))
        for key in x:  # noqa: PLC0206  # as above
            # w₀ − w cancels to 1e-6 of w at first, and that rounding stays in d
            assert np.abs(model[key] - x[key]).max() < 1e-9 * np.abs(x[key]).max()
    assert optimizer.state()["shared"]["k"] == 199
    assert optimizer.state()["shared"]["d"] == pytest.approx(d, rel=1e-9)
    assert d > 0.01  # from 1e-6


def start(key):
    random = np.random.default_rng(0)
    return {name: random.normal(size=size) for name, size in (("a", 5), ("b", 9))}[key]


def test_shared_and_scalar_state(probe_ops):
    optimizer = Optimizer.of("ProbeCounter.v1", ops=probe_ops)
    for _ in range(3):
        optimizer.update({key: (np.ones(size), np.full(size, -float(size))) for key, size in (("a", 2), ("b", 3))})
    state = optimizer.state()
    assert state["shared"] == {"seen": 3.0}
    assert [state["keys"][key]["own"] for key in "ab"] == [((2 * 0.5 + 1) * 0.5 + 2) * 0.5 + 3] * 2
    assert [state["keys"][key]["largest"] for key in "ab"] == [2.0, 3.0]


def test_state_that_swaps_places(probe_ops):
    optimizer = Optimizer.of("ProbeSwap.v1", level=7.0, ops=probe_ops)
    optimizer("w", np.full(3, 5.0), np.zeros(3))
    state = optimizer.state()["keys"]["w"]
    assert [state[name][0] for name in ("one", "other", "third")] == [0.0, 7.0, 5.0]


def test_state_that_a_trace_does_not_need_is_not_allocated(ops):
    for name, settings, expected in (
        ("SGD.v2", {}, set()),
        ("SGD.v2", {"momentum": 0.9}, {"velocity"}),
        ("Adam.v2", {}, {"m", "v"}),
        ("Adam.v2", {"amsgrad": True}, {"m", "v", "vmax"}),
        ("Adam.v2", {"lookahead_k": 5}, {"m", "v", "lookahead.slow"}),
    ):
        optimizer = Optimizer.of(name, ops=ops, **settings)
        steps(optimizer, count=1)
        assert set(optimizer.state()["keys"]["w"]) - {"t", "shape", "dtype", "skipped", "streak"} == expected


@pytest.mark.parametrize("t", [1, 2**24 + 1, 2**31 + 5, 2**40])
def test_counters_do_not_stick(t, ops):
    optimizer = Optimizer.of("Adam.v2", ops=ops, learn_rate=0.1)
    steps(optimizer, count=1, size=1)
    optimizer._now.states["w"].counts[0] = t - 1
    weights = np.ones(1)
    optimizer("w", weights, np.ones(1))
    assert optimizer.nr_update["w"] == t
    m, v = optimizer.mom1["w"], optimizer.mom2["w"]
    expected = 1 - 0.1 * (m / -np.expm1(t * np.log(0.9))) / (np.sqrt(v / -np.expm1(t * np.log(0.999))) + 1e-8)
    np.testing.assert_allclose(weights, expected, rtol=1e-13)
