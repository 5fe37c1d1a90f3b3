"""Schedules, the factories, and schedules that drive optimizers, against Thinc."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice, repeat
from typing import Any

import pytest
import thinc.api

import thincopt

from .common import Arrays, Ours, assert_agree, gradients, initial_weights, spelled
from .test_thinc import ROUNDED_SCALARS
from .thinc_side import ThincPeer

FACTORIES = ("SGD", "Adam", "RAdam")
STEPS = 300
BATCHES = 200
# What is told of either module: a schedule that it makes, or an iterator or list that both take as it is.
Told = Callable[[Any], Any]

EQUAL: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("constant", (0.001,), {}),
    ("constant", (123,), {}),
    ("constant", (-0.5,), {}),
    ("decaying", (0.001, 1e-4), {}),
    ("decaying", (0.001, 1e-4), dict(t=100)),
    ("decaying", (0.3, 0.07), dict(t=2)),
    ("decaying", (0.1, 0.3), dict(t=0.1)),
    ("decaying", (1, 0), {}),
    ("warmup_linear", (1.0, 2, 10), {}),
    ("warmup_linear", (0.3, 7, 299), {}),
    ("warmup_linear", (0.001, 250, 2000), {}),
    ("warmup_linear", (0.001, 0, 100), {}),
    ("warmup_linear", (0.001, 100, 100), {}),
    ("cyclic_triangular", (0.1, 1.0, 2), {}),
    ("cyclic_triangular", (0.001, 0.3, 7), {}),
    ("cyclic_triangular", (0.3, 0.001, 100), {}),
    ("cyclic_triangular", (0.0, 0.1, 2.5), {}),
    ("cyclic_triangular", (0.0, 0.1, 1000), {}),
    ("slanted_triangular", (0.001, 310), {}),
    ("slanted_triangular", (0.3, 1000), dict(cut_frac=0.01)),
    ("slanted_triangular", (0.3, 400), dict(cut_frac=0.5, ratio=10)),
    ("slanted_triangular", (0.3, 400), dict(cut_frac=0.99, ratio=1)),
    ("slanted_triangular", (0.3, 400), dict(t=0.1)),
    ("slanted_triangular", (1.0, 400.5), dict(ratio=2.5, decay=0.3, t=50.0)),
]
COMPOUNDING: list[tuple[tuple[float, float, float], dict[str, Any]]] = [
    ((1, 16, 1.01), {}),
    ((1.0, 1e9, 1.001), {}),
    ((0.1, 1e-3, 0.99), {}),
    ((0.1, 0.0, 0.7), {}),
    ((3.0, 100.0, 1.3), dict(t=5.0)),
    ((1.0, 0.5, 1.1), {}),
    ((-1.0, -8.0, 1.05), {}),
]
MULTIPLIED = 1e-14  # Thinc multiplies step by step; we take a power. Of 300 roundings of 2⁻⁵³ most cancel.

THEN: list[tuple[int, Told]] = [
    (2, lambda api: [100, 200]),
    (10, lambda api: api.decaying(0.1, 0.01)),
    (0, lambda api: api.warmup_linear(0.1, 20, 200)),
    (299, lambda api: api.cyclic_triangular(0.1, 1.0, 3)),
    (1000, lambda api: api.constant(5.0)),
    (50, lambda api: api.constant_then(3.0, 60, api.constant_then(2.0, 70, [0.3, 0.2, 0.1]))),
    (5, lambda api: (1 / n for n in range(1, 50))),
]

DRIVERS: dict[str, dict[str, Any]] = {
    "rate by list": dict(learn_rate=lambda api: [0.02, 0.01, 0.005]),
    "rate by generator": dict(learn_rate=lambda api: (0.02 / (1 + 0.1 * n) for n in range(150))),
    "rate by iterator": dict(learn_rate=lambda api: iter([0.02] * 3)),
    "constant rate": dict(learn_rate=lambda api: api.constant(0.01)),
    "constant, then decaying": dict(learn_rate=lambda api: api.constant_then(0.01, 20, api.decaying(0.01, 0.1))),
    "decaying rate": dict(learn_rate=lambda api: api.decaying(0.02, 0.01)),
    "rate warmed up": dict(learn_rate=lambda api: api.warmup_linear(0.02, 10, BATCHES)),
    "slanted rate": dict(learn_rate=lambda api: api.slanted_triangular(0.02, 250)),
    "cyclic rate": dict(learn_rate=lambda api: api.cyclic_triangular(0.001, 0.02, 7)),
    "decay by list": dict(L2=lambda api: [0.0, 0.1, 0.01]),
    "decay by schedule": dict(L2=lambda api: api.decaying(0.1, 0.1)),
    "coupled decay by generator": dict(L2=lambda api: (0.01 / n for n in range(1, 100)), L2_is_weight_decay=False),
    "clip from none": dict(grad_clip=lambda api: [0.0, 0.0, 0.5, 0.1]),
    "clip to none": dict(grad_clip=lambda api: [0.1] * 50 + [0.0]),
    "cyclic clip": dict(grad_clip=lambda api: api.cyclic_triangular(0.1, 2.0, 10)),
}
ADAPTIVE: dict[str, dict[str, Any]] = {
    "beta1 by list": dict(beta1=lambda api: [0.5, 0.8, 0.9]),
    "beta1 by generator": dict(beta1=lambda api: (0.9 - 0.5 / n for n in range(1, 100))),
    "cyclic beta1": dict(beta1=lambda api: api.cyclic_triangular(0.5, 0.95, 20)),
    "beta2 by schedule": dict(beta2=lambda api: api.constant_then(0.9, 50, [0.99])),
    "eps by list": dict(eps=lambda api: [1e-4, 1e-6]),
    "several": dict(
        learn_rate=lambda api: api.warmup_linear(0.02, 20, 300),
        L2=lambda api: [0.1] * 30 + [0.01],
        beta1=lambda api: (0.9 - 0.5 / n for n in range(1, 100)),
        grad_clip=0.5,
    ),
}
DRIVEN = [(name, title) for name in FACTORIES for title in (DRIVERS if name == "SGD" else DRIVERS | ADAPTIVE)]

GIVEN: list[dict[str, Any]] = [
    dict(),
    dict(L2=0.1),
    dict(L2=0.1, L2_is_weight_decay=True, use_averages=False),
    dict(L2=0.1, L2_is_weight_decay=False),
    dict(L2=0.1, L2_is_weight_decay=False, grad_clip=0.1),
    dict(grad_clip=0.0),
    dict(grad_clip=0.1),
    dict(use_averages=False),
]
CONSTRUCTED: list[dict[str, Any]] = [dict(), dict(use_radam=True), dict(beta1=0.0, beta2=0.0), dict(L2=0.1)]
MADE = [(name, each) for name in FACTORIES for each in GIVEN]
MADE += [("Optimizer", each) for each in CONSTRUCTED]

NUMBERS = ("learn_rate", "b1", "b2", "eps", "L2", "grad_clip")


def held(values: Iterable[float]) -> Iterator[float]:
    """The values, and then the last one for ever, as Thinc's optimizers take them."""
    last = 0.0
    for last in values:
        yield last
    yield from repeat(last)


def both(name: str, *args: Any, **settings: Any) -> tuple[list[float], list[float]]:
    """Our values and Thinc's of a schedule."""
    ours, theirs = (getattr(api, name)(*args, **settings) for api in (thincopt, thinc.api))
    return list(islice(ours, STEPS)), list(islice(theirs, STEPS))


def sides(name: str, *args: Any, **settings: Any) -> tuple[Ours, ThincPeer]:
    """Both sides as made by the factories of this name."""
    ours, theirs = (
        getattr(api, name)(*args, **{key: each(api) if callable(each) else each for key, each in settings.items()})
        for api in (thincopt, thinc.api)
    )
    weights = initial_weights("float32")
    return Ours(ours, weights), ThincPeer(theirs, weights)


def numbers(optimizer: Any) -> dict[str, float]:
    """The settings by Thinc's names; an SGD of ours has no betas."""
    return {name: getattr(optimizer, name) for name in NUMBERS if hasattr(optimizer, name)}


def assert_same_numbers(ours: Ours, peer: ThincPeer) -> None:
    found, theirs = numbers(ours.optimizer), numbers(peer.optimizer)
    assert found == {name: theirs[name] for name in found}


def driven(ours: Ours, peer: ThincPeer, batches: int = BATCHES) -> Iterator[Arrays]:
    """The gradients of each batch, after which all schedules step; settings are the same at each.

    Thinc's RAdam keeps what it found for the last ten steps, whichever key took them, also where betas have changed
    since: a fault, which is mended here.
    """
    for each in gradients(batches, "float32"):
        assert_same_numbers(ours, peer)
        yield each
        ours.optimizer.step_schedules()
        peer.optimizer.step_schedules()
        peer.optimizer._radam_buffer = [[None] * 3 for _ in range(10)]


@pytest.mark.parametrize(("name", "args", "settings"), EQUAL, ids=spelled)
def test_values(name: str, args: tuple[Any, ...], settings: dict[str, Any]) -> None:
    ours, theirs = both(name, *args, **settings)
    assert ours == theirs


@pytest.mark.parametrize(("args", "settings"), COMPOUNDING, ids=spelled)
def test_compounding(args: tuple[float, float, float], settings: dict[str, Any]) -> None:
    ours, theirs = both("compounding", *args, **settings)
    assert ours == pytest.approx(theirs, rel=MULTIPLIED, abs=0)


@pytest.mark.parametrize(("steps", "then"), THEN)
def test_a_constant_and_then_another(steps: int, then: Told) -> None:
    ours, theirs = (held(api.constant_then(0.5, steps, then(api))) for api in (thincopt, thinc.api))
    assert list(islice(ours, STEPS)) == list(islice(theirs, STEPS))


@pytest.mark.parametrize(("name", "title"), DRIVEN)
def test_driven_settings(name: str, title: str) -> None:
    """By lists, generators and schedules; where these end before the batches, the last value stays."""
    ours, peer = sides(name, **dict(learn_rate=0.01) | (DRIVERS | ADAPTIVE)[title])
    assert_agree(ours, peer, driven(ours, peer), ROUNDED_SCALARS, every=20)


@pytest.mark.parametrize("name", FACTORIES)
def test_a_first_argument_that_compounds(name: str) -> None:
    """Rates that agree but for their last places move weights that agree as well as with equal rates."""
    ours, theirs = (getattr(api, name)(api.compounding(0.01, 0.1, 1.01)) for api in (thincopt, thinc.api))
    weights = initial_weights("float32")

    def batches() -> Iterator[Arrays]:
        for each in gradients(BATCHES, "float32"):
            assert ours.learn_rate == pytest.approx(theirs.learn_rate, rel=MULTIPLIED, abs=0)
            yield each
            ours.step_schedules()
            theirs.step_schedules()

    assert_agree(Ours(ours, weights), ThincPeer(theirs, weights), batches(), ROUNDED_SCALARS)


@pytest.mark.parametrize("name", FACTORIES)
def test_a_driven_rate_that_is_assigned(name: str) -> None:
    """It holds for a batch; then the schedule has its say, as if nothing had been assigned."""
    ours, peer = sides(name, learn_rate=lambda api: api.decaying(0.02, 0.01))
    assert_agree(ours, peer, driven(ours, peer, 50), ROUNDED_SCALARS, every=50)
    ours.optimizer.learn_rate = peer.optimizer.learn_rate = 0.25
    assert_agree(ours, peer, driven(ours, peer, 1), ROUNDED_SCALARS, every=1)
    assert ours.optimizer.learn_rate == thincopt.decaying(0.02, 0.01)(51)
    assert_agree(ours, peer, driven(ours, peer, 100), ROUNDED_SCALARS, every=20)


@pytest.mark.parametrize("name", FACTORIES)
def test_a_rate_that_is_assigned_and_not_driven(name: str) -> None:
    """It stays, whatever else is driven."""
    ours, peer = sides(name, 0.01, L2=lambda api: [0.1, 0.01])
    assert_agree(ours, peer, driven(ours, peer, 50), ROUNDED_SCALARS, every=50)
    ours.optimizer.learn_rate = peer.optimizer.learn_rate = 0.002
    assert_agree(ours, peer, driven(ours, peer, 100), ROUNDED_SCALARS, every=20)
    assert ours.optimizer.learn_rate == 0.002


@pytest.mark.parametrize(("name", "settings"), MADE, ids=spelled)
def test_what_the_factories_make(name: str, settings: dict[str, Any]) -> None:
    """With a rate and little else, so that clip, decay and averages are as by default."""
    ours, peer = sides(name, 0.001, **settings)
    assert_same_numbers(ours, peer)
    for each in ("L2_is_weight_decay", "use_radam"):
        assert getattr(ours.optimizer, each) == getattr(peer.optimizer, each)
    assert (ours.optimizer.averages is None) == (peer.optimizer.averages is None)
    assert_agree(ours, peer, gradients(BATCHES, "float32"), ROUNDED_SCALARS, every=20)
