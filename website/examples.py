"""Arguments for examples: what a page shows, a plot draws and a config holds is the same."""

from collections.abc import Iterable
from typing import Any

import thincopt
from thincopt.language.signature import Setting
from thincopt.schedules import Family, Schedule

STEPS = 1000  # that a curve shows

# By name, for names mean the same in every schedule; an argument without a name here takes what its range allows.
ARGUMENTS: dict[str, Any] = {
    "compound": 0.997,
    "decay": 0.01,
    "min_lr": 0.0001,
    "num_steps": STEPS,
    "period": 200,
    "steps": 300,
    "stop": 0.0001,
    "total_steps": STEPS,
    "warmup_steps": 200,
}
CANDIDATES = (0.001, 0.5, 100, 2)


def required(settings: Iterable[Setting]) -> dict[str, Any]:
    """An example of each setting that has no default."""
    return {each.name: _example(each) for each in settings if each.default is Setting.REQUIRED}


def example(family: Family) -> Schedule:
    """A schedule of this family, to show."""
    return family(**required(family.settings))


def _example(setting: Setting) -> Any:
    if setting.choices:
        return setting.choices[0]
    if not setting.range:
        return thincopt.decaying(0.001, 0.01)
    return next(each for each in (ARGUMENTS.get(setting.name), *CANDIDATES) if setting.holds(each))
