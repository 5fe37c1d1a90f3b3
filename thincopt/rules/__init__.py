"""One file per paper. Every file here is found and read: to add an optimizer, add a file."""

from importlib import import_module
from pkgutil import iter_modules

from ..language import RULES, Rule


def all_rules() -> dict[str, Rule]:
    """Every registered rule by name, those of this folder first."""
    for module in sorted(each.name for each in iter_modules(__path__)):
        import_module(f"{__name__}.{module}")
    return RULES
