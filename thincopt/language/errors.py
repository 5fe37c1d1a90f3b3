"""The base of every error, and the error of the language itself."""


class ThincoptError(Exception):
    """The base class of every error that thincopt raises on purpose."""


class RuleError(ThincoptError, TypeError):
    """A rule or stage that the language cannot express; the text says what to write instead."""
