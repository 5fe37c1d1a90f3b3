"""Every mistake in a config, told at once, each with its place. A config can only name what is registered."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from functools import reduce
from itertools import chain, islice
from math import isfinite
from typing import Any

from confection import Config

from ..errors import ConfigError, SettingError, registered_suggestion, shown, suggestion
from ..schedules.declaring import Family
from ..surface.foreign import see_signature
from ..surface.registries import KINDS, Registry, optimizers, schedules
from .place import Names, Place, paths, refuse_shape

SECTIONS = {"optimizer": "@optimizers", "schedule": "@schedules"}
NO_REGISTRY = "there is no registry"
UNKNOWN = iter(())  # stands for a schedule that is not made yet; it is never played
MOST_PROBLEMS = 40  # of a config, that are told
Problem = tuple[Names, str, str]  # section, key and what is wrong there


def checked(config: Config, place: Place) -> Config:
    """The config, if everything in it is registered and every value may be what it is; else all that is wrong."""
    refuse_shape(config)
    found = list(islice(chain(_problems(config, ()), _beside(config)), MOST_PROBLEMS + 1))
    wrong = sorted(found[:MOST_PROBLEMS], key=lambda each: place.line((*each[0], each[1]) if each[1] else each[0]))
    told = [f"{place(path, key)}: {text}" for path, key, text in wrong]
    if found[MOST_PROBLEMS:]:
        told.append("And more; mend these first.")
    if found:
        raise ConfigError("\n".join([*told, *_elsewhere(config, found)]))
    return config


def _elsewhere(config: Config, found: list[Problem]) -> Iterator[str]:
    """What to do with the config of a program that has registries of its own."""
    foreign = [kind for _, kind, text in found if text.startswith(NO_REGISTRY)]
    inner = [".".join(path) for path, each in paths(config) if len(path) > 1 and path[-1] == "optimizer" != path[0]]
    if foreign and inner:
        yield f"Of another program's config take its optimizer alone: load(…, section={inner[0]!r})."


def _references(block: Mapping[str, Any]) -> list[str]:
    return [key for key in block if str(key).startswith("@")]


def _problems(block: Mapping[str, Any], path: Names) -> Iterator[Problem]:
    """What is wrong with a section, and with the sections that are part of it."""
    references = _references(block)
    if not references:
        if len(path) == 1 and path[0] in SECTIONS:
            yield _says_nothing(path, SECTIONS[path[0]])
        for key, value in block.items():
            if isinstance(value, Mapping):
                yield from _problems(value, (*path, str(key)))
        return
    kind, name = references[0], block[references[0]]
    registered = KINDS.get(kind[1:])
    if not path:
        yield path, kind, "what is made stands in a section, such as [optimizer]."
    elif len(references) > 1:
        yield path, "", f"a section makes one thing, but this one names {' and '.join(references)}; keep one."
    elif registered is None:
        yield path, kind, f"{NO_REGISTRY} {kind!r}. {suggestion(kind, [f'@{each}' for each in KINDS])}"
    elif name not in registered:
        what_to_do = _hint(name) or f" {registered_suggestion(name, registered.known())}"
        yield path, kind, f"no {registered.word} is named {shown(name)}.{what_to_do}"
    elif odd := [key for key in block if not isinstance(key, str)]:
        yield path, "", f"names are text, and {shown(odd[0])} is not."
    else:
        yield from _of_made(registered, kind, block, path)


def _of_made(registered: Registry, kind: str, block: Mapping[str, Any], path: Names) -> Iterator[Problem]:
    """What is wrong with the section of something that is registered."""
    try:
        made = registered.get(block[kind])
        see_signature(made, block[kind])
    except ConfigError as error:  # of a function that another package offers
        yield path, kind, str(error)
        return
    yield from _misfits(made, {key: each for key, each in block.items() if key != kind}, path)


def _beside(config: Config) -> Iterator[Problem]:
    """Schedules that stand beside the optimizer and are named as one of its settings, which it does not see."""
    block: Any = config.get("optimizer")
    name = block.get("@optimizers") if isinstance(block, Mapping) else None
    if not isinstance(name, str) or not optimizers.is_ours(name):
        return
    made = optimizers.get(name)
    later = block.get("schedules")
    given = {*block, *(later if isinstance(later, Mapping) else ())}
    for key, each in config.items():
        if isinstance(each, Mapping) and "@schedules" in each and key not in given and made.wants(key) == "@schedules":
            yield (key,), "", f"[optimizer] does not see this section; make it a part of it, [optimizer.{key}]."


def _says_nothing(path: Names, wanted: str) -> Problem:
    return path, "", f"the section says nothing of what to make; begin it with `{wanted} = NAME.v1`."


def _misfits(made: Any, given: dict[str, Any], path: Names) -> Iterator[Problem]:
    """What is wrong with the arguments of a registered function, and in the sections among them."""
    ours, plain = hasattr(made, "problems"), dict(given)
    for key, value in given.items():
        wanted = made.wants(key) if ours else ""
        if isinstance(value, Mapping) and wanted:
            plain[key] = yield from _part(value, wanted, (*path, key))
        elif isinstance(value, Mapping) and ours and key == "schedules":
            plain[key] = yield from _schedules(value, (*path, key))
        elif isinstance(value, Mapping) and ours and key == "groups":
            plain[key] = yield from _groups(value, (*path, key))
        elif isinstance(value, Mapping) and not ours:
            yield from _problems(value, (*path, key))
        elif wanted == "@ops" and isinstance(value, str | int | float | list):
            section = ".".join((*path, key))
            yield path, key, f"a backend has a section of its own, [{section}] with `@ops = NumpyOps`."
    for name, text in made.problems(plain) if ours else ():
        *inner, key = [name] if name in given else name.split(".")
        told = reduce(_inside, (*inner, key), given)
        hint = _hint(told) if " number" in text else ""
        yield (*path, *inner), key, f"{text}{hint}"


def _inside(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else None


def _schedules(block: Mapping[str, Any], path: Names) -> Generator[Problem, None, Any]:
    """What is wrong with the section `schedules`; returns what it holds."""
    if _references(block):
        section = ".".join((*path, "learn_rate"))
        yield path, _references(block)[0], f"each schedule has a section named after its setting, such as [{section}]."
        return None
    found = dict(block)
    for name, each in block.items():
        if isinstance(each, Mapping):
            found[name] = yield from _part(each, "@schedules", (*path, str(name)))
    return found


def _groups(block: Mapping[str, Any], path: Names) -> Generator[Problem, None, Any]:
    """What is wrong with the section `groups`; returns what it holds, with schedules as they would be made."""
    found = dict(block)
    for name, group in block.items():
        if isinstance(group, Mapping):
            found[name] = dict(group)
            for key, each in group.items():
                if isinstance(each, Mapping):
                    found[name][key] = yield from _part(each, "@schedules", (*path, str(name), str(key)))
    return found


def _part(block: Mapping[str, Any], wanted: str, path: Names) -> Generator[Problem, None, Any]:
    """What is wrong with a section that is an argument; returns the schedule that it makes, if it makes one."""
    references = _references(block)
    if not references:
        wrong = [_says_nothing(path, wanted)]
    elif references[0] != wanted and references[0][1:] in KINDS and len(references) == 1:
        wrong = [(path, references[0], f"{path[-1]} wants {wanted}, not {references[0]}.")]
    else:
        wrong = list(_problems(block, path))
    yield from wrong
    try:
        return UNKNOWN if wrong or wanted != "@schedules" else _schedule(block)
    except SettingError as error:
        yield path, "", str(error)
        return UNKNOWN


def _schedule(block: Mapping[str, Any]) -> Any:
    """The schedule of a section with which nothing is wrong; of those of other packages nothing is known yet."""
    family = schedules.get(block["@schedules"])
    arguments = {key: _schedule(each) if isinstance(each, Mapping) else each for key, each in block.items()}
    del arguments["@schedules"]
    known = isinstance(family, Family) and all(each is not UNKNOWN for each in arguments.values())
    return family(**arguments) if known else UNKNOWN


def _hint(value: Any) -> str:
    """What to do about text where a number or a name should be."""
    if not isinstance(value, str):
        return ""
    if "\n" in value:
        return " A line that begins with a blank continues the one above it."
    if "#" in value or ";" in value:
        return " A comment has a line of its own."
    plain = value.strip("'\" ")
    try:
        number = float(plain)
    except ValueError:
        return f" Write {plain} without quotes." if value[:1] == "'" else ""
    return f" Write {repr(number).removesuffix('.0')}." if isfinite(number) else ""
