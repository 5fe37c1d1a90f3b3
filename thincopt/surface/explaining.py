"""`optimizer.explain()`: what each key is updated by, and where the value of every setting comes from."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

from ..engine.controls import Controls
from ..engine.present import Names, Present
from ..engine.settings import IN_GROUPS, settings_of
from ..errors import SettingError, shown, suggestion

MOST_SHOWN = 30  # keys in the printed table


@dataclass(frozen=True)
class Value:
    """A setting as it acts now, and where that comes from."""

    value: Any
    origin: str


@dataclass(frozen=True)
class Key:
    """One key: its array, the groups that it is in, its settings, and the bytes of each state."""

    key: Hashable
    shape: tuple[int, ...]
    dtype: str
    t: int
    rule: str
    groups: tuple[str, ...]
    settings: dict[str, Value]
    state: dict[str, int]


@dataclass(frozen=True)
class Explanation:
    """What an optimizer does with each key. Printed it is a table; `to_dict()` gives plain data."""

    rule: str
    kernels: str
    groups: dict[str, str]
    settings: dict[str, Value]
    keys: dict[Hashable, Key]

    def to_dict(self) -> dict[str, Any]:
        """The same as plain dicts, lists, texts and numbers."""
        return asdict(self)

    def __getitem__(self, key: Hashable) -> Key:
        if key not in self.keys:
            raise SettingError(f"Key {shown(key)} was not met yet. {suggestion(key, map(str, self.keys))}")
        return self.keys[key]

    def __str__(self) -> str:
        return "\n".join(_text(self))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return "\n".join(f"<p>{escape(title)}</p>{_html(rows)}" for title, rows in _tables(self))


def explained(now: Present) -> Explanation:
    """What an optimizer does at this moment."""
    now.runner.collect()
    controls, standing = now.controls, now.standing
    keys = {
        key: Key(
            key,
            state.shape,
            state.dtype,
            state.t,
            now.of(key).controls.rule.name,
            now.homes.get(key, ()),
            _settings(controls, now.homes.get(key, ())),
            {name: each.nbytes for name, each in state.arrays.items()},
        )
        for key, state in now.states.items()
        if key in standing or now.of(key).recipe.stands
    }
    groups = {each.name: _selects(each.patterns, each.dims) for each in controls.groups}
    return Explanation(now.rule.name, f"{now.runner.way}{now.runner.remark}", groups, _settings(controls, ()), keys)


def _selects(patterns: Sequence[str], dims: str) -> str:
    return " and ".join([*[" or ".join(patterns)] * bool(patterns), *[f"a {dims}"] * bool(dims)])


def _settings(controls: Controls, names: Names) -> dict[str, Value]:
    """Every setting as it acts on keys in these groups."""
    inside = controls.within(names)
    told = {name: Value(value, _origin(controls, names, name)) for name, value in inside.values.items()}
    if inside.values.get("L2_is_weight_decay") and inside.values["L2"]:
        told["weight_decay"] = Value(inside.effective["weight_decay"], "L2, which counts as weight decay here")
    scale = inside.values.get("lr_scale", 1.0)
    if scale != 1.0 and "learn_rate" in told:
        rate = inside.values["learn_rate"] * scale
        told["learn_rate × lr_scale"] = Value(rate, "the rate of these keys")
    return told


def _origin(controls: Controls, names: Names, setting: str) -> str:
    group = next((each for each in controls.groups if each.name in names and setting in each.values), None)
    where = f"group {group.name}" if group else ""
    driven = group or controls
    if setting in driven.schedules:
        step = driven.given[setting] - 1
        schedule = repr(driven.schedules[setting])
        at = f"{schedule} at step {step}" if step >= 0 else f"given, until {schedule} begins"
        return f"{where}: {at}" if where else at
    known = IN_GROUPS.get(setting) or settings_of(controls.rule)[setting]
    return where or ("default" if driven.values[setting] == known.default else "given")


def _tables(told: Explanation) -> Iterator[tuple[str, list[Sequence[str]]]]:
    """The title and the rows of each table; the first row is the head."""
    keys = list(told.keys.values())
    title = f"{told.rule}: {len(keys)} keys, {_size(sum(sum(each.state.values()) for each in keys))} of state"
    rows: list[Sequence[str]] = [("key", "shape", "type", "t", "state", "groups")]
    for each in keys[:MOST_SHOWN]:
        size = _size(sum(each.state.values()))
        rows.append((_name(each.key), _shape(each.shape), each.dtype, str(each.t), size, ", ".join(each.groups)))
    if len(keys) > MOST_SHOWN:
        rows.append((f"… and {len(keys) - MOST_SHOWN} more", "", "", "", "", ""))
    yield f"{title}; {told.kernels}", rows
    head = ("setting", "value", "comes from")
    yield "Every key, unless its groups say otherwise", [head, *_rows(told.settings)]
    for names in dict.fromkeys(each.groups for each in keys if each.groups):
        mine = [each for each in keys if each.groups == names]
        other = {name: each for name, each in mine[0].settings.items() if told.settings.get(name) != each}
        yield f"Keys in {' and '.join(names)}: {_several(mine)}", [head, *_rows(other)]
    for name in told.groups:
        if not any(name in each.groups for each in keys):
            yield f"Group {name} has taken no key yet: {told.groups[name]}", []


def _rows(settings: dict[str, Value]) -> list[Sequence[str]]:
    return [(name, shown(each.value), each.origin) for name, each in settings.items()]


def _several(keys: Sequence[Key]) -> str:
    first = ", ".join(_name(each.key) for each in keys[:3])
    return first if len(keys) <= 3 else f"{first} and {len(keys) - 3} more"


def _text(told: Explanation) -> Iterator[str]:
    for title, rows in _tables(told):
        yield title
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)] if rows else []
        for row in rows:
            yield ("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))).rstrip()
        yield ""


def _html(rows: Iterable[Sequence[str]]) -> str:
    head, *rest = rows or [()]
    lines = [("th", head), *(("td", row) for row in rest)]
    cells = ["".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row) for tag, row in lines]
    return f"<table>{''.join(f'<tr>{each}</tr>' for each in cells)}</table>"


def _name(key: Hashable) -> str:
    return key if isinstance(key, str) else shown(key)


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "a number"


def _size(count: int) -> str:
    for unit in ("bytes", "KB", "MB", "GB"):
        if count < 10_000 or unit == "GB":
            break
        count = round(count / 1000)
    return f"{count:,} {unit}"
