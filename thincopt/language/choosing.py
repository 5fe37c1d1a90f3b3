"""A choice while a rule is traced: a plain word, but for comparing it with what it cannot be."""

from __future__ import annotations

from typing import Any

from .errors import RuleError
from .signature import Setting


def chosen(setting: Setting, value: Any) -> Any:
    """The value of a choice or of a size as a rule sees it."""
    if setting.range:
        return int(value)
    if not isinstance(value, str):
        return value
    made = Choice(value)
    made.setting = setting
    return made


class Choice(str):
    """One of the words of a `Literal`; to ask whether it is another word is an error that lists them."""

    __slots__ = ("setting",)
    setting: Setting

    def __eq__(self, other: object) -> bool:
        self._see(other)
        return str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__

    def _see(self, other: object) -> None:
        if not (isinstance(other, Choice) or self.setting.holds(other)):
            name = self.setting.name
            raise RuleError(f"{name} is compared with {other!r}, which it never is: it is {self.setting.allowed}.")
