"""Two optimizers, one by each backend, beside a model: what is done to all three, and how they are compared."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.fuzzing import formulas
from tests.fuzzing.arrays import Spec
from tests.fuzzing.formulas import AVERAGE, OF_STAGES, SLOW
from tests.fuzzing.model import Model
from thincopt import Optimizer
from thincopt.language import Rule
from thincopt.ops.numpy.ops import NumpyOps

WEIGHTS = ("w", SLOW, AVERAGE)
OWN = ("t", "skipped", "streak")
TOLERANCE = {"float32": 5e-6, "float64": 1e-10}
COUNT = r" after \d+ values"  # what a schedule gives next says it better
MOST = 1e12  # numbers beyond that are compared between backends alone

Content = dict[str, Any]


@dataclass
class Side:
    """One optimizer with its weights."""

    optimizer: Optimizer
    weights: dict[Any, Any]

    def content(self) -> Content:
        """All that can be seen of it, copied."""
        optimizer = self.optimizer
        state = optimizer.state()
        keys = {key: {name: taken(each) for name, each in branch.items()} for key, branch in state["keys"].items()}
        return {
            "keys": keys,
            "order": [*keys],
            "shared": state["shared"],
            "settings": optimizer.settings,
            "schedules": re.sub(COUNT, "", repr(optimizer.schedules)),
            "counts": optimizer.nr_update,
            "repr": re.sub(f"{COUNT}|, in plain NumPy: [^>]*", "", repr(optimizer)),
            "weights": {key: each.copy() for key, each in self.weights.items()},
        }


@dataclass
class Actor:
    """An optimizer by both backends, what the model says of it, and how all stood after the last act."""

    sides: list[Side]
    model: Model
    last: Content = field(default_factory=dict)
    saved: list[Any] = field(default_factory=list)


@dataclass
class World:
    """The actors of a script; one of them acts, the others must stay as they are."""

    specs: dict[Any, Spec]
    actors: list[Actor]
    here: int = 0
    compared: int = 0  # arrays, with the formulas

    @property
    def actor(self) -> Actor:
        return self.actors[self.here]

    def both(self, act: Callable[[Side], Any], promised: Callable[[Model], Any]) -> type[Exception] | None:
        """Do something by both backends; it must end alike, and as the model says: without, or with what error."""
        ends = [end_of(act, side) for side in self.actor.sides]
        expected = end_of(promised, self.actor.model)
        assert ends[0] == ends[1], f"compiled {ends[0]}, plain {ends[1]}"
        kind = ends[0] and ends[0][0]
        assert kind is (expected and expected[0]), f"{ends[0]}, but the model says {expected}"
        return kind

    def see_unchanged(self) -> None:
        """Not a byte has changed."""
        for side in self.actor.sides:
            see_same(side.content(), self.actor.last, "what should not have changed")

    def settle(self) -> None:
        """Both sides are alike, and as the model says; what will be compared next time."""
        actor = self.actor
        now, other = (side.content() for side in actor.sides)
        see_same(now, other, "compiled, plain")
        see_same(now["settings"], actor.model.values, "settings")
        assert now["keys"].keys() == actor.model.keys.keys(), f"{[*now['keys']]}, {[*actor.model.keys]}"
        for key, branch in now["keys"].items():
            known = actor.model.keys[key]
            assert [branch[name] for name in OWN] == [known.t, known.skipped, known.streak], f"{key!r}: counts"
            assert names_of(branch) == known.arrays, f"{key!r}: {sorted(names_of(branch))}, {sorted(known.arrays)}"
            assert now["counts"][key] == known.t
        actor.last = now

    def see_step(self, given: Mapping[Any, Any], scale: float, done: bool, before: Model) -> None:
        """What a step, or a skipped one, of these gradients has made of everything."""
        was, now = self.actor.last, self.actor.sides[0].content()
        for key in self.specs.keys() - given.keys():
            see_same(now["weights"][key], was["weights"][key], f"weights of {key!r}, which had no step")
            see_same(now["keys"].get(key), was["keys"].get(key), f"state of {key!r}, which had no step")
        batch = {key: begins(before.rule, was, key, each, now["keys"][key]) for key, each in given.items()}
        made = formulas.steps(before.rule, before.effective, scale, batch) if done else batch
        limits = {key: TOLERANCE[self.specs[key].dtype] for key in given}
        for key in given:
            branch, spec = now["keys"][key], self.specs[key]
            limit = max(limits.values()) if before.values["grad_clip_by"] == "model" else limits[key]
            doubtful = done and unsure(before, batch[key], made[key])
            found = {name: branch[name].reshape(spec.shape) for name in names_of(branch)}
            found["w"] = now["weights"][key]
            for name, each in found.items():
                start = batch[key][name]
                rounds = [batch[key][each] for each in WEIGHTS if each in found] if name in WEIGHTS else [start]
                if not done or name not in {*before.kept, "w"}:
                    see_same(each, np.asarray(start, spec.dtype), f"{name} of {key!r}, which was not to change")
                else:
                    self.compared += near(each, made[key][name], rounds, limit, doubtful, f"{name} of {key!r}")
            for name in (*formulas.scalars_of(before.rule), *OF_STAGES):
                value = made[key][name]
                if done and np.isfinite(value):
                    assert abs(branch.get(name, 0.0) - value) <= 1e-12 * max(1, abs(value)), f"{name} of {key!r}"


def end_of(act: Callable[[Any], Any], given: Any) -> tuple[type[Exception], str] | None:
    """The error that something ends with, if it does."""
    try:
        act(given)
    except AssertionError:
        raise
    except Exception as error:  # whatever it is, the others must end with it too
        return type(error), str(error)
    return None


def taken(value: Any) -> Any:
    return np.array(value) if isinstance(value, np.ndarray) else value


def names_of(branch: Mapping[str, Any]) -> frozenset[str]:
    """The arrays of a key's state."""
    return frozenset(name for name, each in branch.items() if isinstance(each, np.ndarray))


def begins(rule: Rule, was: Content, key: Any, gradient: Any, branch: Mapping[str, Any]) -> dict[str, Any]:
    """What a key's step begins with, in float64: what was there, or how it begins."""
    known, weights = was["keys"].get(key, {}), was["weights"][key]
    starts = {name: weights if name == SLOW else np.zeros(weights.shape) for name in names_of(branch)}
    found = {**starts, **{name: known[name] for name in names_of(known)}, "w": weights, "g": gradient}
    found = {name: np.asarray(each, np.float64).reshape(weights.shape) for name, each in found.items()}
    scalars = {
        name: known.get(name, was["settings"].get(first, first)) for name, first in formulas.scalars_of(rule).items()
    } | {name: known.get(name, 0.0) for name in OF_STAGES}
    return {
        **found,
        **{name: np.float64(each) for name, each in scalars.items()},
        "t": np.float64(known.get("t", 0) + 1),
    }


def unsure(model: Model, given: Mapping[str, Any], made: Mapping[str, Any]) -> Any:
    """Where rounding counts: L2 and the gradient nearly cancel, or a sign is that of nearly nothing."""
    with np.errstate(all="ignore"):
        decayed, beta = model.effective["L2"] * given["w"], model.values.get("beta1", 0.0)
        found = np.abs(given["g"] + decayed) <= 0.03 * np.abs(decayed)
        if model.rule.name == "Lion.v1":
            one, other = beta * given["m"], (1 - beta) * made["g"]
            found |= np.abs(one + other) <= 1e-5 * (np.abs(one) + np.abs(other) + np.abs(decayed))
        if model.values.get("cautious_decay"):
            step = np.abs(made["step"])
            found |= (step <= 1e-3 * np.max(step, initial=0)) | (step * np.abs(given["w"]) <= 1e-36)
        return found


def near(found: Any, expected: Any, starts: list[Any], limit: float, doubtful: Any, label: str) -> int:
    """See that an array is what the formulas give, but for rounding; 1 if it could be compared."""
    expected = np.broadcast_to(expected, found.shape)
    sizes = np.abs(np.concatenate([*map(np.ravel, starts), np.ravel(expected)]))
    if not np.all(sizes <= MOST):  # NaN is not
        return 0
    far = np.abs(found - expected) > limit * np.max(sizes, initial=0) + 1e-30
    assert not np.any(far & ~np.asarray(doubtful)), f"{label}: {found[far][:3]}, by the formulas {expected[far][:3]}"
    return 1


def see_same(found: Any, expected: Any, label: str) -> None:
    """Equal in every bit, NaN equal to NaN."""
    if isinstance(found, dict) and isinstance(expected, dict):
        assert found.keys() == expected.keys(), f"{label}: {[*found]}, {[*expected]}"
        for name, each in found.items():
            see_same(each, expected[name], f"{label}, {name!r}")
    elif isinstance(found, np.ndarray):
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape), label
        if found.tobytes() != expected.tobytes():
            words = np.dtype(f"u{found.itemsize}")
            apart = (found.view(words) != expected.view(words)) & ~(np.isnan(found) & np.isnan(expected))
            assert not apart.any(), f"{label}: {found[apart][:3]}, {expected[apart][:3]}"
    else:
        assert found == expected or (found != found and expected != expected), f"{label}: {found!r}, {expected!r}"


def world_of(
    specs: dict[Any, Spec], weights: Mapping[Any, Any], backends: Iterable[NumpyOps], make: Any, model: Model
) -> World:
    """A world of one actor."""
    sides = [Side(make(ops), {key: each.copy() for key, each in weights.items()}) for ops in backends]
    world = World(specs, [Actor(sides, model)])
    world.settle()
    return world
