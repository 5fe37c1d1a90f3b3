"""One step in NumPy's float64: the rule's own function, with its words as NumPy's, and the stages stated again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import FunctionType
from typing import Any

import numpy as np

from thincopt.language import Rule

WORDS = {
    "sqrt": np.sqrt,
    "where": np.where,
    "minimum": np.minimum,
    "maximum": np.maximum,
    "sign": np.sign,
    "abs": np.abs,
    "sum": np.sum,
    "dot": lambda one, other: np.sum(one * other),
    "norm": lambda values: np.sqrt(np.sum(values * values)),
    "amax": np.max,
    "mean": np.mean,
}

Arrays = dict[str, Any]
SLOW, AVERAGE = "lookahead.slow", "averages.average"
MASS, MAX_RATE, MAX_CAUTIOUS = "averages.mass", "weight_decay.max_rate", "cautious_decay.max_rate"
OF_STAGES = (MASS, MAX_RATE, MAX_CAUTIOUS)  # numbers of each key, which begin at 0


class On(np.float64):
    """A number that counts as other than zero, whatever it is: momentum of 0 whose state goes on."""

    def __bool__(self) -> bool:
        return True


def plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function on NumPy's arrays."""
    words = {
        name: plain(each) if isinstance(each, FunctionType) and each.__module__ == function.__module__ else each
        for name, each in function.__globals__.items()
        if name in function.__code__.co_names
    }
    made = FunctionType(function.__code__, {**words, **WORDS}, function.__name__, function.__defaults__)
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def arguments(rule: Rule) -> tuple[list[str], list[str]]:
    """The names of a rule's arrays, state and t, in order; and of its settings."""
    code = rule.function.__code__
    names = code.co_varnames
    return list(names[: code.co_argcount]), list(names[code.co_argcount :][: code.co_kwonlyargcount])


def states_of(rule: Rule) -> list[str]:
    """The names of a rule's state, in order."""
    return [name for name in arguments(rule)[0] if name not in ("w", "g", "t")]


@cache
def scalars_of(rule: Rule) -> dict[str, float | str]:
    """Scalar state, and the number or the setting that it begins at."""
    return {each.name: each.start for each in rule.signature.states if each.kind == "scalar"}


def is_stated(rule: Rule) -> bool:
    """Whether a step of this rule can be stated here: it needs no other keys, and arrays that begin at zero."""
    states = rule.signature.states
    alone = all(each.kind == "scalar" or (each.kind, each.start) == ("array", 0.0) for each in states)
    return alone and "total" not in rule.function.__code__.co_names


@cache
def _kept(rule: Rule, answers: frozenset[tuple[str, Any]]) -> frozenset[str]:
    names, settings = arguments(rule)
    values = {name: On(1) if value is True else np.float64(0) if value is False else value for name, value in answers}
    given = {name: np.ones(1) for name in names}
    with np.errstate(all="ignore"):
        made = plain(rule.function)(*given.values(), **{name: values[name] for name in settings})
    made = made[1:] if isinstance(made, tuple) else ()
    states = zip(states_of(rule), made, strict=True)
    return frozenset(name for name, each in states if each is not given[name] and name not in scalars_of(rule))


def kept_by(rule: Rule, values: Mapping[str, Any]) -> frozenset[str]:
    """The rule's arrays that a step changes; some only by some settings."""
    answers = {name: each if isinstance(each, str) else bool(each) for name, each in values.items()}
    return _kept(rule, frozenset(answers.items()))


def scales(values: Mapping[str, Any], gradients: Mapping[Any, Any]) -> dict[Any, Any]:
    """What each key's gradient is multiplied by."""
    limit = values["grad_clip"]
    squares = {key: np.sum(each * each) for key, each in gradients.items()}
    if values["grad_clip_by"] == "model":
        squares = dict.fromkeys(squares, sum(squares.values()))
    norms = {key: np.sqrt(each) for key, each in squares.items()}
    return {key: limit / each if 0 < limit <= each else np.float64(1) for key, each in norms.items()}


def steps(rule: Rule, values: Mapping[str, Any], scale: float, batch: Mapping[Any, Arrays]) -> dict[Any, Arrays]:
    """What a step makes of every key's weights and state, given as `w`, `g`, `t` and state by name."""
    values = {name: np.float64(each) if type(each) in (int, float) else each for name, each in values.items()}
    values["learn_rate"] = values["learn_rate"] * np.float64(scale)
    with np.errstate(all="ignore"):
        coupled = {
            key: each["g"] + values["L2"] * each["w"] if values["L2"] else each["g"] for key, each in batch.items()
        }
        limit = values["grad_clip_value"] or np.inf
        coupled = {key: np.minimum(np.maximum(each, -limit), limit) for key, each in coupled.items()}
        clipped = scales(values, coupled)
        return {key: _step(rule, values, {**each, "g": clipped[key] * coupled[key]}) for key, each in batch.items()}


def _step(rule: Rule, values: Mapping[str, Any], given: Arrays) -> Arrays:
    names, settings = arguments(rule)
    given, is_cautious = dict(given), bool(values.get("cautious_decay"))
    share = 0.0 if "weight_decay" in rule.takes else decayed(values, given, MAX_CAUTIOUS if is_cautious else MAX_RATE)
    decay = 1 - share * (not is_cautious)
    start = given["w"] * decay if rule.decay == "start" else given["w"]
    taken = {name: start if name == "w" else given.get(name) for name in names}
    made = plain(rule.function)(*taken.values(), **{name: values[name] for name in settings})
    made = made if isinstance(made, tuple) else (made,)
    found = {**given, **dict(zip(states_of(rule), made[1:], strict=True))}
    found["step"] = made[0]
    found["w"] = start - made[0] - np.where(is_cautious & (made[0] * start >= 0), share * start, 0.0)
    if rule.decay == "weights":
        found["w"] = found["w"] * decay
    return _followed(values, found, int(given["t"]))


def decayed(values: Mapping[str, Any], given: Arrays, greatest: str) -> Any:
    """The share of a weight that decay takes; the greatest rate so far is noted where it counts."""
    rate, kind = values["learn_rate"], values["decay_kind"]
    if kind == "corrected":
        given[greatest] = max(given[greatest], rate)
    corrected = rate * rate / given[greatest] if given[greatest] else 0.0
    paces = {"rate": rate, "independent": 1.0, "squared": rate * rate, "corrected": corrected}
    return paces[kind] * values["weight_decay"]


def _followed(values: Mapping[str, Any], found: Arrays, t: int) -> Arrays:
    """Lookahead and averages."""
    period = int(values["lookahead_k"])
    if period and t % period == 0:
        found["w"] = found[SLOW] = found[SLOW] + values["lookahead_alpha"] * (found["w"] - found[SLOW])
    if values["use_averages"]:
        found[AVERAGE], found[MASS] = _averaged(values, found, t)
    return found


def _averaged(values: Mapping[str, Any], found: Arrays, t: int) -> tuple[Any, Any]:
    """The average, and how much is in it."""
    average, mass, beta = found[AVERAGE], found[MASS], values["ema_decay"]
    if values["averages_by"] == "thinc":
        kept = min((1 + t) / (10 + t), 0.9999)
        return kept * average + (1 - kept) * found["w"], mass
    if values["averages_by"] == "ema":
        kept = beta * mass / (beta * mass + 1 - beta) if values["ema_debias"] else beta * (mass > 0)
        return kept * average + (1 - kept) * found["w"], beta * mass + 1 - beta
    if t % values["swa_every"] or t < values["swa_start"]:
        return average, mass
    return (mass * average + found["w"]) / (mass + 1), mass + 1
