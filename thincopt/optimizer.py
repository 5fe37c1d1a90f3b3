"""The engine: keys and their state, settings, and what happens when a call cannot be done."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from .composing import compose, declarations
from .errors import ArrayError, NonFiniteError, SettingError, suggestion
from .language import RULES, Rule
from .language.signature import Setting
from .language.types import Range
from .ops.contract import Array, Batch, KeyState, Ops, Outcome
from .tree import states_from, tree_of

STREAK = 20  # a key whose gradient was skipped this often in a row has a fault that skipping will not mend

ENGINE_SETTINGS = (
    Setting("L2_is_weight_decay", False, choices=(False, True)),
    Setting("nonfinite", "raise", choices=("raise", "skip", "propagate")),
)


class Optimizer:
    """Updates arrays in place, by one rule, with state for each key: `optimizer(key, weights, gradient)`."""

    def __init__(self, rule: Rule, values: dict[str, Any], ops: Ops) -> None:
        self.rule = rule
        self.ops = ops
        self._declared = declarations(rule)
        self._values = values
        self._numbers = array("d", [0.0] * len(self._declared.numbers))
        shared = [each for each in self._declared.states if each.kind == "shared"]
        self._shared = array("d", [float(each.start) for each in shared])
        self._states: dict[Hashable, KeyState] = {}
        self._answers: dict[str, Any] = {}
        self._prepare()

    @classmethod
    def of(cls, rule: Rule | str, *, ops: Ops | None = None, **settings: Any) -> Optimizer:
        """An optimizer by any rule (itself or its name) with settings of the rule and of its stages."""
        found = _rule_named(rule) if isinstance(rule, str) else rule
        values = {
            each.name: found.defaults.get(each.name, each.default)
            for each in (*declarations(found).settings, *ENGINE_SETTINGS)
        }
        _refuse_strangers(found, found.defaults, values)
        values |= _checked(found, settings, values)
        missing = [name for name, value in values.items() if value is Setting.REQUIRED]
        if missing:
            raise SettingError(f"{found.name} needs {missing[0]}: pass {missing[0]}=….")
        return cls(found, values, ops or _default_ops())

    @property
    def settings(self) -> dict[str, Any]:
        """The present value of every setting."""
        return dict(self._values)

    def change(self, **settings: Any) -> None:
        """Give settings new values, from the next call on; state is kept."""
        before = self._values
        self._values = before | _checked(self.rule, settings, before)
        try:
            self._prepare()
        except BaseException:
            self._values = before
            self._prepare()
            raise

    def __call__(self, key: Hashable, weights: Array, gradient: Array, *, lr_scale: float = 1.0) -> tuple[Array, Array]:
        """Update the weights of one key in place, zero the gradient, and return both."""
        if self._step(self._handles, key, weights, gradient, lr_scale):
            self._carefully({key: (weights, gradient)}, lr_scale)
        return weights, gradient

    def update(self, batch: Batch, *, lr_scale: float = 1.0) -> None:
        """Update a whole model, {key: (weights, gradient)}, in one call: all keys, or none where one is refused."""
        if self._runner.update(self._handles, batch, lr_scale):
            self._carefully(batch, lr_scale)

    def _prepare(self) -> None:
        """Take over the present settings; make a new runner if they ask for other kernels."""
        values = _effective(self.rule, self._values)
        self._numbers[:] = array("d", [float(values[name]) for name in self._declared.numbers])
        if all(answer == _asked(values[name]) for name, answer in self._answers.items()) and self._answers:
            return
        choices = {each.name: values[each.name] for each in self._declared.settings if each.choices}
        asked: dict[str, Any] = choices | {"nonfinite": values["nonfinite"]}

        def asks(name: str) -> bool:
            return bool(asked.setdefault(name, _asked(values[name])))

        recipe = compose(self.rule, choices, asks)
        finite = values["nonfinite"] != "propagate"
        self._answers = asked
        self._runner = self.ops.runner(recipe, self._numbers, self._shared, check_finite=finite)
        self._arrays = {name for kernel in recipe.kernels for name in kernel.arrays} - {"w", "g"}
        self._handles: dict[Hashable, Any] = {}
        self._step: Callable[..., int] = self._refuse_single if recipe.main.whole_model else self._runner.step

    def _refuse_single(self, *call: Any) -> int:
        _, _, _, gradient, _ = call
        if self.ops.is_empty(gradient):
            return Outcome.DONE
        raise ArrayError(
            f"{self.rule.name} with these settings needs the whole model at once (a sum over all keys is part of it):"
            " call optimizer.update({key: (weights, gradient), …}) instead of optimizer(key, weights, gradient)."
        )

    def _carefully(self, batch: Batch, lr_scale: float) -> None:
        """A call that did not go through: say why, or make state for new keys and do it."""
        batch = self._sound(batch, lr_scale)
        states = {key: self._state_for(key, w) for key, (w, _) in batch.items() if key not in self._handles}
        self._handles.update({key: self._runner.bind(state) for key, state in states.items()})
        outcome = self._runner.run(self._handles, batch, float(lr_scale))
        if outcome == Outcome.DONE or (outcome == Outcome.NONFINITE and self._values["nonfinite"] == "skip"):
            self._states |= states
        else:
            for key in states:
                del self._handles[key]
        if outcome == Outcome.NONFINITE:
            self._not_finite(batch)
        elif outcome != Outcome.DONE:
            raise RuntimeError(f"{self.ops.name} refused arrays that it found no fault with; please report this.")

    def _sound(self, batch: Batch, lr_scale: float) -> Batch:
        """The batch without empty gradients, if everything in it can be updated; an error that says why if not."""
        if not Range().holds(lr_scale):
            raise SettingError(f"lr_scale must be a finite number, not {lr_scale!r}.")
        if not isinstance(batch, Mapping):
            raise ArrayError(f"update takes {{key: (weights, gradient), …}}, not {type(batch).__name__}.")
        sound = {}
        for key, pair in batch.items():
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                raise ArrayError(f"Key {key!r}: a pair (weights, gradient) is wanted. Nothing was changed.")
            if self.ops.is_empty(pair[1]):
                continue
            fault = self.ops.fault(*pair, self._states.get(key))
            if fault:
                raise ArrayError(f"Key {key!r}: {fault}. Nothing was changed.")
            sound[key] = (pair[0], pair[1])
        shared = self.ops.overlap(sound)
        if shared:
            raise ArrayError(f"Keys {shared[0]!r} and {shared[1]!r} overlap in memory. Nothing was changed.")
        return sound

    def _state_for(self, key: Hashable, weights: Array) -> KeyState:
        """The state of this key, with all arrays that the present settings ask for."""
        state = self._states.get(key)
        if state is None:
            starts = [float(each.start) for each in self._declared.states if each.kind == "scalar"]
            state = KeyState(tuple(weights.shape), weights.dtype.name, array("d", starts))
        for each in self._declared.states:
            if each.name in self._arrays and each.name not in state.arrays:
                state.arrays[each.name] = self.ops.new_state(weights, self._start(each.start))
        return state

    def _start(self, start: float | str) -> float | None:
        """The number that an array begins with; None where it begins as the weights."""
        if start == "w":
            return None
        return float(self._values[start]) if isinstance(start, str) else start

    def _not_finite(self, batch: Batch) -> None:
        """Raise, or count a step that was skipped and zero its gradients; too many in a row are an error too."""
        text = self._nonfinite_text(batch)
        if self._values["nonfinite"] == "raise":
            raise NonFiniteError(f"{text} Nothing was changed.")
        for key, (_, gradient) in batch.items():
            self._states[key].skip()
            self.ops.zero(gradient)
        worst = max(self._states[key].streak for key in batch)
        if worst >= STREAK:
            raise NonFiniteError(f"{text} The last {worst} steps in a row were skipped for such gradients.")

    def _nonfinite_text(self, batch: Batch) -> str:
        for key, (_, gradient) in batch.items():
            found = self.ops.nonfinite(gradient)
            if found:
                return (
                    f"Key {key!r}: the gradient is not finite in {found[1]} of {gradient.size} elements, the first at"
                    f" index {found[0]} ({gradient.reshape(-1)[found[0]]})."
                )
        return "A gradient is not finite."

    def state(self) -> dict[str, Any]:
        """All that a resumed run needs, as one tree by key and name; arrays are read-only views of the state itself."""
        return tree_of(self._states, self._shared, self._declared, self.ops)

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `state()` of an optimizer with the same rule gave; the arrays are copied."""
        self._states, self._shared = states_from(state, self._declared, self.ops)
        self._answers = {}
        self._prepare()

    def _views(self, name: str) -> dict[Hashable, Array]:
        found = {key: state for key, state in self._states.items() if name in state.arrays}
        return {key: self.ops.view(state.arrays[name]).reshape(state.shape) for key, state in found.items()}

    @property
    def nr_update(self) -> dict[Hashable, int]:
        """How many updates each key has had."""
        return {key: state.t for key, state in self._states.items()}

    @property
    def mom1(self) -> dict[Hashable, Array]:
        """The first moment (the rule's state `m`) by key, for reading."""
        return self._views("m")

    @property
    def mom2(self) -> dict[Hashable, Array]:
        """The second moment (the rule's state `v`) by key, for reading."""
        return self._views("v")

    @property
    def averages(self) -> dict[Hashable, Array] | None:
        """The averaged weights by key, for reading; None without `use_averages`."""
        return self._views("average") if self._values.get("use_averages") else None


def _asked(value: Any) -> Any:
    """What a kernel is made by: of a choice its value, of a number whether it is other than zero."""
    return value if isinstance(value, bool | str) else bool(value)


def _default_ops() -> Ops:
    from .native import load
    from .ops.numpy_ops import NumpyOps

    return NumpyOps(load())


def _rule_named(name: str) -> Rule:
    from .rules import all_rules

    known = all_rules()
    if name not in known:
        raise SettingError(f"No rule is named {name!r}. {suggestion(name, known)}")
    return RULES[name]


def _refuse_strangers(rule: Rule, given: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    for name in given:
        if name not in known:
            raise SettingError(f"{rule.name} has no setting {name!r}. {suggestion(name, known)}")


def _checked(rule: Rule, given: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """The settings given, if each exists and may have its value."""
    _refuse_strangers(rule, given, known)
    for each in (*declarations(rule).settings, *ENGINE_SETTINGS):
        if each.name in given and not each.holds(given[each.name]):
            raise SettingError(f"{rule.name}: {each.name} must be {each.allowed}, not {given[each.name]!r}.")
    return dict(given)


def _effective(rule: Rule, values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as the kernels take them: L2 as weight decay is weight decay."""
    if not (values["L2_is_weight_decay"] and values["L2"]):
        return dict(values)
    if values["weight_decay"]:
        raise SettingError(
            f"{rule.name}: L2 = {values['L2']!r} counts as weight decay here (L2_is_weight_decay), and weight_decay ="
            f" {values['weight_decay']!r} was given too; give one of them."
        )
    return {**values, "weight_decay": values["L2"], "L2": 0.0}
