"""Write `__init__.pyi` and `thinc.pyi` from the registries, so that editors complete and explain: `make stubs`."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent
from typing import Any

import thincopt

from .. import _HOMES, _starred
from ..engine.settings import settings_of
from ..language import Rule
from ..language.signature import Setting
from ..rules import all_rules
from ..schedules import Family, all_schedules
from .factory import factory_of

HOME = Path(thincopt.__file__).parent
FOR_THINC = ("Optimizer", "averaged", "finish_update", "load", "parameters")
HEAD = """\
# Written by thincopt/surface/stubs.py from the registries. Not to be edited: run `make stubs`.
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias

{imports}
from .language import Rule
from .ops.contract import Ops
from .schedules import Schedule

Scheduled: TypeAlias = float | Schedule | Sequence[float] | Iterator[float]
Follower: TypeAlias = Schedule | Sequence[float] | Iterator[float]
"""
OWN = """\
__all__ = [
{}
]
__version__: str
_HOMES: dict[str, str]
def _starred() -> list[str]: ...
def _is_imported(asks: Any) -> bool: ...
"""


def stubs() -> dict[Path, str]:
    """The text of each stub, by its file."""
    schedules = [family for _, family in sorted(all_schedules().items()) if _is_ours(family)]
    homes: dict[str, list[str]] = {}
    for name, home in _HOMES.items():
        homes.setdefault(home, []).append(name)
    imports = ["from . import registry as registry", "from . import schedules as schedules"]
    imports += ["from .surface.factory import Factory"]
    imports += [f"from .{home} import {name} as {name}" for home, names in sorted(homes.items()) for name in names]
    own = OWN.format("\n".join(f'    "{name}",' for name in _starred()))
    thinc = [f"from .bridges.thinc import {name} as {name}" for name in FOR_THINC]
    thinc += [f"from . import {each.__name__} as {each.__name__}" for each in schedules]
    return {
        HOME / "__init__.pyi": "\n".join([_head(imports), own, *_families(), *map(_schedule, schedules)]),
        HOME / "thinc.pyi": "\n".join([_head(thinc), *_families()]),
    }


def _head(imports: list[str]) -> str:
    return HEAD.format(imports="\n".join(imports))


def _families() -> list[str]:
    versions: dict[str, list[Rule]] = {}
    for name, rule in sorted(all_rules().items()):
        if _is_ours(rule):
            versions.setdefault(name.partition(".")[0], []).append(rule)
    return [_optimizers(family, rules) for family, rules in versions.items()]


def _is_ours(each: Rule | Family) -> bool:
    return each.function.__module__.startswith("thincopt.")


def _optimizers(family: str, rules: list[Rule]) -> str:
    """The classes of a name's versions, and the name: what is called is the first of them."""
    lines = []
    for rule in rules:
        version = rule.name.partition(".")[2]
        lines += [f"class _{family}_{version}(Protocol):", "    rule: Rule"]
        lines += _call(list(settings_of(rule).values()), rule)
    first = rules[0].name.partition(".")[2]
    lines += [f"class _{family}(_{family}_{first}, Protocol):"]
    lines += [f"    {each.name.partition('.')[2]}: _{family}_{each.name.partition('.')[2]}" for each in rules]
    return "\n".join([*lines, f"{family}: _{family}", ""])


def _call(settings: list[Setting], rule: Rule) -> list[str]:
    first, *rest = settings
    head = [f"        {_argument(first)},"] if first.name == "learn_rate" else []
    named = rest if head else settings
    return [
        "    def __call__(",
        "        self,",
        *head,
        "        *,",
        *(f"        {_argument(each)}," for each in named),
        "        schedules: Mapping[str, Follower] | None = None,",
        "        groups: Mapping[str, Mapping[str, Any]] | None = None,",
        "        ops: Ops | None = None,",
        "    ) -> Optimizer:",
        *_docstring(factory_of(rule).__doc__, 8),
    ]


def _docstring(text: str | None, spaces: int) -> list[str]:
    """The docstring with the meanings of all settings."""
    blank = " " * spaces
    return [f'{blank}"""{indent(text or "", blank).strip()}'.replace("\\", "\\\\"), f'{blank}"""']


def _argument(setting: Setting) -> str:
    default = "" if setting.default is Setting.REQUIRED else f" = {setting.default!r}"
    return f"{setting.name}: {_type(setting)}{default}"


def _type(setting: Setting) -> str:
    if setting.is_number:
        return "Scheduled" + " | None" * setting.optional
    if setting.range:
        return "int"
    return "bool" if setting.choices == (False, True) else f"Literal[{', '.join(map(repr, setting.choices))}]"


def _schedule(family: Family) -> str:
    kinds: dict[bool, Any] = {True: "float", False: "Follower"}
    parameters = list(family.__signature__.parameters.values())
    arguments = []
    for each, setting in zip(parameters, family.settings, strict=True):
        if each.kind is each.KEYWORD_ONLY and "*" not in arguments:
            arguments.append("*")
        default = "" if each.default is each.empty else f" = {each.default!r}"
        arguments.append(f"{each.name}: {kinds[setting.range is not None]}{default}")
    return "\n".join([f"def {family.__name__}({', '.join(arguments)}) -> Schedule:", *_docstring(family.__doc__, 4)])


if __name__ == "__main__":
    for path, text in stubs().items():
        path.write_text(text, encoding="utf-8")
