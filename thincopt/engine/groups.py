"""Groups: settings that replace an optimizer's for the keys that they take, by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import chain
from typing import Any

from ..errors import SettingError, shown
from ..language import Rule
from ..language.types import Range
from ..schedules.declaring import Follower, is_schedule
from .patterns import matches, pattern_fault, pattern_text
from .settings import faults_in_group, taken_in_group

DIMS = ("matrix", "vector", "scalar")
SELECTORS = ("keys", "dims", "layers", "layer_decay")
LAYER = "{n}"  # in a pattern: the number of a layer, from 0
LAYERED = {"layers": Range(1, whole=True), "layer_decay": Range(0, 1, above_low=True)}
LATER = ("view_shape", "blocks", "optimizer")  # of rules that see matrices, and of groups with a rule of their own
WHOLE = ("nonfinite", "ops", "groups", "schedules", "seed")  # of an optimizer as a whole


@dataclass(frozen=True)
class Group:
    """Patterns, of which one must hold, and how many dimensions; the settings of what it takes, and their schedules."""

    name: str
    patterns: tuple[str, ...]
    dims: str
    values: Mapping[str, Any]
    schedules: Mapping[str, Follower] = field(default_factory=dict)
    given: Mapping[str, int] = field(default_factory=dict)

    def takes(self, key: Hashable, shape: tuple[int, ...]) -> bool:
        """Whether a key is in it."""
        text = pattern_text(key)
        is_named = not self.patterns or (text is not None and any(matches(each, text) for each in self.patterns))
        return is_named and (not self.dims or self.dims == DIMS[2 - min(len(shape), 2)])

    def __str__(self) -> str:
        told = [f"keys = {list(self.patterns)}"] * bool(self.patterns) + [f"dims = {self.dims!r}"] * bool(self.dims)
        return f"group {self.name!r} ({', '.join(told)})"


def groups_of(rule: Rule, given: Any) -> tuple[Group, ...]:
    """The groups that were given by name; an error that says all that is wrong with them."""
    wrong = [text for _, text in group_faults(rule, given)]
    if wrong:
        raise SettingError("\n".join(wrong))
    return tuple(chain.from_iterable(_groups(rule, name, each) for name, each in (given or {}).items()))


def _groups(rule: Rule, name: str, given: Mapping[str, Any]) -> Iterator[Group]:
    """The group; or of one with layers, a group for each, whose rate decays from the last layer to the first."""
    patterns, dims = tuple(given.get("keys", ())), given.get("dims", "")
    own = {each: value for each, value in given.items() if each not in SELECTORS}
    layers = int(given.get("layers", 0))
    if not layers:
        yield Group(name, patterns, dims, taken_in_group(rule, own))
    for n in range(layers):
        scale = own.get("lr_scale", 1.0) * given["layer_decay"] ** (layers - 1 - n)
        mine = tuple(each.replace(LAYER, str(n)) for each in patterns)
        yield Group(f"{name} {n}", mine, dims, taken_in_group(rule, {**own, "lr_scale": scale}))


def group_faults(rule: Rule, given: Any) -> list[tuple[str, str]]:
    """What is wrong with groups: a dotted name and a sentence, for each."""
    if not isinstance(given, Mapping | None):
        text = (
            f"{rule.name}: groups must be settings by the name of the group, {{'no_decay': {{'keys': ['*.bias'],"
            f" 'weight_decay': 0.0}}}}, not {shown(given)}."
        )
        return [("groups", text)]
    return [
        (f"groups.{name}.{key}".rstrip("."), f"group {shown(name)}: {text}")
        for name, each in (given or {}).items()
        for key, text in _faults(rule, name, each)
    ]


def _faults(rule: Rule, name: Any, given: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(name, str) or not name or "." in name:
        yield "", "a group's name is a text without dots."
        return
    if not isinstance(given, Mapping):
        yield "", f"it must be keys and settings by name, not {shown(given)}."
        return
    yield from _wrong_selectors(given)
    own = {each: value for each, value in given.items() if each not in SELECTORS}
    for each in own:
        if each in LATER:
            yield each, f"{each} is not here yet."
        elif each in WHOLE:
            yield each, f"{each} is the optimizer's as a whole; give it outside of the groups."
    settings = {each: value for each, value in own.items() if each not in (*LATER, *WHOLE)}
    if not own and not LAYERED.keys() & given.keys():
        yield "", "it has no settings, so it changes nothing: give it some, or leave it out."
    yield from ((each, str(error)) for each, error in faults_in_group(rule, settings))


def _wrong_selectors(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    keys, dims = given.get("keys", ()), given.get("dims", "")
    if isinstance(keys, str):
        yield "keys", f"keys must be a list of patterns: write [{keys!r}]."
    elif not isinstance(keys, list | tuple):
        yield "keys", f"keys must be a list of patterns such as ['*.bias'], not {shown(keys)}."
    elif wrong := next(filter(None, map(pattern_fault, (_first(each) for each in keys))), ""):
        yield "keys", f"{wrong}."
    else:
        yield from _wrong_layers(given, any(LAYER in each for each in keys))
    if dims and dims not in DIMS:
        yield "dims", f"dims must be one of {', '.join(map(repr, DIMS))}, not {shown(dims)}."
    if not keys and not dims:
        yield "", "it does not say which keys it takes: give it keys, a list of patterns such as '*.bias', or dims."


def _first(pattern: Any) -> Any:
    """The pattern of the first layer; of another, itself."""
    return pattern.replace(LAYER, "0") if isinstance(pattern, str) else pattern


def _wrong_layers(given: Mapping[str, Any], is_layered: bool) -> Iterator[tuple[str, str]]:
    if is_layered != ("layers" in given) or is_layered != ("layer_decay" in given):
        yield "keys", "a pattern with {n} in it, layers (how many there are) and layer_decay belong together."
        return
    for name, allowed in LAYERED.items():
        if is_layered and not allowed.holds(given[name]):
            yield name, f"{name} must be {allowed}, not {shown(given[name])}."
    if is_layered and is_schedule(given.get("lr_scale")):
        yield "lr_scale", "lr_scale must be a number where layers decay, not a schedule: give learn_rate one."


def home_of(rule: Rule, groups: Iterable[Group], key: Hashable, shape: tuple[int, ...]) -> tuple[str, ...]:
    """The names of the groups that a key is in; an error where two of them give one setting."""
    taking = [each for each in groups if each.takes(key, shape)]
    for name, count in Counter(chain.from_iterable(each.values for each in taking)).items():
        if count > 1:
            one, other, *_ = (each for each in taking if name in each.values)
            raise SettingError(
                f"{rule.name}: key {shown(key)} is in {one} and in {other}, which both set {name}: let one of them take"
                " fewer keys. Nothing was changed."
            )
    return tuple(each.name for each in taking)


def see_all_taken(rule: Rule, groups: Iterable[Group], homes: Mapping[Hashable, tuple[str, ...]]) -> None:
    """An error if there is a group that none of these keys is in, or a pattern that takes none."""
    texts = {text for key in homes if (text := pattern_text(key)) is not None}
    for group in groups:
        for pattern in group.patterns:
            if not any(matches(pattern, text) for text in texts):
                raise SettingError(
                    f"{rule.name}: {group}: the pattern {pattern!r} takes no key. {_near(pattern, texts)} Nothing was"
                    " changed."
                )
        if not any(group.name in names for names in homes.values()):
            raise SettingError(f"{rule.name}: {group} takes no key. {_near('', texts)} Nothing was changed.")


def _near(pattern: str, texts: set[str]) -> str:
    """The keys that a pattern may have meant."""
    plain = pattern.strip("*").removeprefix("re:")
    parts = {part: text for text in sorted(texts, reverse=True) for part in [text, *text.split(".")]}
    near = [parts[each] for each in get_close_matches(plain, parts, 3)] if plain else []
    known = list(dict.fromkeys(near)) or sorted(texts)[:10]
    return f"Near keys are {', '.join(map(repr, known))}." if near else f"Keys are {', '.join(map(repr, known))}."
