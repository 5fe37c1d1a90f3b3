"""Run a rule and its stages on symbols: out comes the formula of every array and number that a step changes."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from linecache import getline
from types import TracebackType
from typing import Any

from .choosing import chosen
from .declaring import POINTS, RETURNS, Rule, Stage
from .errors import RuleError
from .expression import EPSILON, REDUCTIONS, SIZE, Node, constant
from .kernel import Kernel
from .lowering import lower
from .periods import answering
from .randomness import KEY_WORDS, Random
from .returning import results_of, see_repeatable
from .rewriting import gather_scalars
from .several import one_by_one
from .signature import Setting, State

Ask = Callable[[str], bool]


@dataclass(frozen=True)
class Answers:
    """What formulas may ask: the value of a choice; whether a number may be other than zero; whether every(k) falls."""

    choices: Mapping[str, Any]
    asks: Ask
    falls: Ask
    zeroes: bool = True  # whether a step leaves zero in the gradient


@dataclass(frozen=True)
class Declared:
    """All that a rule and its stages declare together: settings (learn_rate first) and state."""

    settings: tuple[Setting, ...]
    states: tuple[State, ...]
    draws: bool = False  # random numbers

    @property
    def numbers(self) -> tuple[str, ...]:
        """The settings that are numbers, in order."""
        return tuple(each.name for each in self.settings if each.is_number)

    @property
    def base(self) -> tuple[str, ...]:
        """The scalars that a step begins with: settings, t, size, machine epsilon, the key's own, shared state."""
        return (*self.numbers, "t", SIZE, EPSILON, *self.scalars, *self.named("shared"))

    @property
    def scalars(self) -> tuple[str, ...]:
        """The numbers that each key has of its own: scalar state, and what its random numbers are made of."""
        return (*self.named("scalar"), *KEY_WORDS * self.draws)

    def sized(self, values: Mapping[str, Any]) -> Declared:
        """The same with these settings, where each state that there are several of is told one by one."""
        if not any(each.times for each in self.states):
            return self
        states = (replace(each, name=name, times="") for each in self.states for name in each.names(values))
        return replace(self, states=tuple(states))

    def named(self, kind: str) -> tuple[str, ...]:
        """The states of one kind, in order."""
        return tuple(each.name for each in self.states if each.kind == kind)


def state_name(part: Rule | Stage, name: str) -> str:
    """What state is called outside its part: a rule's by its own name, a stage's as `lookahead.slow`."""
    return name if isinstance(part, Rule) else f"{part.name}.{name}"


def declared(rule: Rule, stages: Sequence[Stage]) -> Declared:
    """Merge what the rule and its stages declare; the rule's defaults win."""
    settings: dict[str, Setting] = {}
    states: dict[str, State] = {}
    parts: list[Rule | Stage] = [rule, *stages]
    for part in parts:
        for setting in part.signature.settings:
            if setting.name in states:
                raise RuleError(
                    f"{rule.name}: state {setting.name!r} has the name of a setting of the stage {part.name}: choose"
                    " another."
                )
            default = rule.defaults.get(setting.name, setting.default)
            settings.setdefault(setting.name, replace(setting, default=default))
        for state in part.signature.states:
            name = state_name(part, state.name)
            states[name] = replace(state, name=name, owner=part.name if isinstance(part, Stage) else "rule")
    draws = any("random" in part.signature.names for part in parts)
    return Declared(tuple(settings.values()), tuple(states.values()), draws)


class Tracer:
    """Symbols for one trace, and the functions run on them."""

    def __init__(self, declares: Declared, answers: Answers, off: Container[Stage]) -> None:
        self.answers, self.off = answers, off
        self.part: Rule | Stage | None = None
        self.settings = {each.name: _number(each, self._asks) for each in declares.settings if each.is_number}
        self.states = {each.name: _loaded(each) for each in declares.states}
        self.kinds = {each.name: each.kind for each in declares.states}
        self.news: dict[str, Node] = dict(self.states)
        self.supplied = {"t": Node("scalar", value="t", whole=True), EPSILON: Node("scalar", value=EPSILON)}

    def _asks(self, name: str) -> bool:
        return self.part not in self.off and self.answers.asks(name)

    def _falls(self, k: Any) -> bool:
        if not any(k is each for each in self.settings.values() if each is not None and each.whole):
            raise RuleError(
                f"every(k) asks of a setting that is a whole number, not of {k!r}: declare one, such as"
                " `refresh: Count = 10`, and write `if every(refresh):`."
            )
        return self.part not in self.off and self.answers.falls(str(k.value))

    def run(self, part: Rule | Stage, returns: str, **arrays: Node) -> Node:
        """Call a rule or stage; note its new state and give what it returns first."""
        self.part = part
        states = part.signature.states
        known = {**{each.name: self._own(part, each) for each in states}, **self.supplied, **arrays}
        settings = {
            each.name: self.settings[each.name] if each.is_number else chosen(each, self.answers.choices[each.name])
            for each in part.signature.settings
        }
        missing = [name for name in part.signature.names if name not in (*known, "random")]
        if missing:
            raise RuleError(f"{part.name} takes {missing[0]!r}, which does not exist at its point.")
        names = [returns, *(each.name for each in states)]

        def run() -> list[Node]:
            with _about(part):
                anew = {**known, "random": Random.traced(part.name, self.supplied["t"])}
                given = [anew[name] for name in part.signature.names]
                returned = answering(self._falls, lambda: part.function(*given, **settings))
            results = results_of(part.name, names, returned)
            with _about(part):
                return [*map(constant, [results[0], *one_by_one(states, results[1:], self.answers.choices)])]

        first, *news = results = run()
        if isinstance(part, Rule):
            with _about(part):
                see_repeatable(results, run())
        if first.is_predicate:
            raise RuleError(f"{part.name}: {returns!r} became a condition; write where(condition, 1.0, 0.0).")
        kept = (name for state in states for name in state.names(self.answers.choices))
        for name, new in zip(kept, news, strict=True):
            self._keep(part, name, new)
        return first

    def _own(self, part: Rule | Stage, state: State) -> Any:
        """The symbol of state, or the symbols."""
        found = tuple(self.states[state_name(part, each)] for each in state.names(self.answers.choices))
        return found if state.times else found[0]

    def _keep(self, part: Rule | Stage, name: str, new: Node) -> None:
        kind = self.kinds[state_name(part, name)]
        if new.is_predicate:
            raise RuleError(f"{part.name}: state {name!r} became a condition; write where(condition, 1.0, 0.0).")
        if new.is_array and kind != "array":
            raise RuleError(f"{part.name}: {kind} state {name!r} became an array; use sum, norm, ….")
        own = _found_by_key(new, self.kinds) if kind == "shared" else None
        if own:
            raise RuleError(
                f"{part.name}: shared state {name!r} depends on {own}, which each key has its own of:"
                " add it up over the keys with total(…), or count in the shared state itself, n = n + 1."
            )
        self.news[state_name(part, name)] = new


@contextmanager
def _about(part: Rule | Stage) -> Iterator[None]:
    """Say of an error in a formula whose it is."""
    try:
        yield
    except RuleError as error:
        told = RuleError(f"{part.name}: {error}")
        lines = [
            each.tb_lineno for each in frames(error.__traceback__) if each.tb_frame.f_code is part.function.__code__
        ]
        file = part.function.__code__.co_filename
        source = getline(file, lines[-1]).strip() if lines else ""
        if source:
            told.add_note(f"{file}, line {lines[-1]}: {source}")
        raise told.with_traceback(error.__traceback__) from None


def frames(traceback: TracebackType | None) -> Iterator[TracebackType]:
    """Every call that an exception came through."""
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _found_by_key(node: Node, kinds: Mapping[str, str]) -> str | None:
    """The first thing that `node` depends on, other than through a total, and that differs from key to key."""
    if node.op in REDUCTIONS:
        return f"a {node.op}"
    if node.op == "scalar" and (
        node.value in ("t", SIZE, EPSILON, *KEY_WORDS) or kinds.get(str(node.value)) == "scalar"
    ):
        return repr(node.value)
    below = () if node.op == "total" else node.args
    return next(filter(None, (_found_by_key(each, kinds) for each in below)), None)


def _loaded(state: State) -> Node:
    if state.kind == "array":
        return Node("array", value=state.name, is_array=True)
    return Node("scalar", value=state.name)


def _number(setting: Setting, asks: Ask) -> Node | None:
    """The symbol of a setting; of one that may be None, the answer whether it is stands in the formula itself."""
    if setting.optional and not asks(setting.name):
        return None
    whole = bool(setting.range and setting.range.whole)
    return Node("scalar", value=setting.name, asks=_never_asked if setting.optional else asks, whole=whole)


def _never_asked(name: str) -> bool:
    raise RuleError(f"{name} may be None, and `if {name}:` does not say whether 0 counts: write `if {name} is None`.")


def trace(
    rule: Rule | None, stages: Sequence[Stage], declares: Declared, answers: Answers, off: Container[Stage] = ()
) -> Kernel:
    """Trace the rule within its stages, or without it some stages alone, into a kernel.

    Stages that are `off` do their part elsewhere: here they are traced as they are where nothing asks for them, so that
    what is left is the kernel of an optimizer without them.
    """
    tracer = Tracer(declares, answers, off)
    at = {point: [each for each in stages if each.at == point] for point in POINTS}
    weights = Node("array", value="w", is_array=True)
    gradient = Node("array", value="g", is_array=True)

    def staged(point: Any, value: Node, **others: Node) -> Node:
        for each in at[point]:
            before = dict(tracer.news)
            new = tracer.run(each, RETURNS[point], **{**others, RETURNS[point]: value})
            if each in off:
                tracer.news = before
            changes = rule is not None if _is_once(new, value) else new is not value and each not in off
            if changes:
                value = Node("held", (new,), RETURNS[point], is_array=new.is_array)
        return value

    g = staged("clipped", staged("gradient", gradient, w=weights), w=weights)
    start = staged("start", weights, g=g)
    if rule is not None:
        step = staged("step", tracer.run(rule, "step", w=start, g=g), w=start, g=g)
        outputs = {"w": staged("weights", start - step, g=g)} | ({"g": constant(0.0)} if answers.zeroes else {})
    else:
        ended = {"w": (staged("weights", start, g=g), weights), "g": (g, gradient)}
        outputs = {name: new for name, (new, old) in ended.items() if new is not old}
    outputs |= {name: new for name, new in tracer.news.items() if new is not tracer.states[name]}
    rewritten = gather_scalars(outputs.values())
    outputs = {name: rewritten[id(node)] for name, node in outputs.items()}
    return lower(outputs, declares.base, tracer.kinds)


def zeroing(declares: Declared, *, zeroes: bool) -> Kernel:
    """The kernel that zeroes the gradient, and does no more."""
    return lower(
        {"g": constant(0.0)} if zeroes else {}, declares.base, {each.name: each.kind for each in declares.states}
    )


def _is_once(new: Node, value: Node) -> bool:
    """Whether `new` is 1 × value, which is what a scale that is off leaves."""
    return new.op == "mul" and new.args[1] is value and new.args[0].op == "const" and new.args[0].value == 1.0
