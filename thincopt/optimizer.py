"""The engine: keys and their state, settings, and what happens when a call cannot be done."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from .averaging import see_averages, swapped
from .checking import nonfinite_text, see_key, sound
from .composing import compose, declarations
from .controls import Controls, effective
from .errors import ArrayError, NonFiniteError, OpsError, SettingError
from .language import Rule
from .naming import absent, rule_named, thinc_rule
from .ops.contract import Array, Batch, KeyState, Ops, Outcome
from .schedules.declaring import Follower
from .settings import ALIASES, settings_of
from .tree import copied, states_from, tree_of

STREAK = 20  # a key whose gradient was skipped this often in a row has a fault that skipping will not mend


class Optimizer:
    """Updates arrays in place, by one rule, with state for each key: `optimizer(key, weights, gradient)`.

    Every setting is an attribute, to be read and assigned: `optimizer.learn_rate = 0.01`. Any number among them may
    be a schedule, or a list or iterator of numbers; `step_schedules()` takes the next value of each.
    """

    def __init__(
        self,
        /,
        learn_rate: Any,
        *,
        use_radam: bool = False,
        schedules: Mapping[str, Any] | None = None,
        ops: Ops | None = None,
        **settings: Any,
    ) -> None:
        """Make an SGD, Adam or RAdam as Thinc's `Optimizer` does: by `use_radam`, and by betas that are both zero."""
        rule, rest = thinc_rule(use_radam, settings)
        self._begin(Controls(rule, {"learn_rate": learn_rate, **rest}, schedules), _backend(ops))

    @classmethod
    def of(
        cls,
        rule: Rule | str,
        /,
        *,
        schedules: Mapping[str, Any] | None = None,
        ops: Ops | None = None,
        **settings: Any,
    ) -> Optimizer:
        """An optimizer by any rule (itself or its name) with settings of the rule and of its stages."""
        found = rule_named(rule) if isinstance(rule, str) else rule
        made = cls.__new__(cls)
        made._begin(Controls(found, settings, schedules), _backend(ops))
        return made

    def _begin(self, controls: Controls, ops: Ops) -> None:
        self._rule, self._controls, self._ops = controls.rule, controls, ops
        self._declared = declarations(controls.rule)
        self._numbers = array("d", [0.0] * len(self._declared.numbers))
        self._shared = array("d", [float(each.start) for each in self._declared.states if each.kind == "shared"])
        self._states: dict[Hashable, KeyState] = {}
        self._answers: dict[str, Any] = {}
        self._prepare()

    @property
    def rule(self) -> Rule:
        """The formula."""
        return self._rule

    @property
    def ops(self) -> Ops:
        """The backend."""
        return self._ops

    @property
    def settings(self) -> dict[str, Any]:
        """The present value of every setting."""
        return dict(self._controls.values)

    @property
    def schedules(self) -> dict[str, Follower]:
        """The schedules that drive settings, by name."""
        return dict(self._controls.schedules)

    def change(self, /, **settings: Any) -> None:
        """Give settings new values, from the next call on; state is kept."""
        self._controls.assign(settings)
        self._prepare()

    def step_schedules(self) -> None:
        """Take the next value of every schedule: call this once per batch."""
        self._controls.step()
        self._prepare()

    def __getattr__(self, name: str) -> Any:
        known = self.__dict__["_controls"].values if "_controls" in self.__dict__ else {}
        given = ALIASES.get(name, name)
        if given in known:
            return known[given]
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(absent(self._rule, name, _readable(self)))

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
        elif hasattr(type(self), name):
            raise AttributeError(f"{name} can be read, not assigned.")
        else:
            self.change(**{ALIASES.get(name, name): value})

    def __call__(self, key: Hashable, weights: Array, gradient: Array, *, lr_scale: float = 1.0) -> tuple[Array, Array]:
        """Update the weights of one key in place, zero the gradient, and return both."""
        try:
            if self._step(self._handles, key, weights, gradient, lr_scale):
                self._carefully({key: (weights, gradient)}, lr_scale)
        except TypeError:
            see_key(key)
            raise
        return weights, gradient

    def update(self, batch: Batch, *, lr_scale: float = 1.0) -> None:
        """Update a whole model, {key: (weights, gradient)}, in one call: all keys, or none where one is refused."""
        if self._runner.update(self._handles, batch, lr_scale):
            self._carefully(batch, lr_scale)

    def _prepare(self) -> None:
        """Take over the present settings; make a new runner if they ask for other kernels."""
        controls = self._controls
        values = effective(self._rule, controls.values)
        self._numbers[:] = array("d", [float(values[name]) for name in self._declared.numbers])

        def asked(name: str) -> Any:
            """What kernels are made by: of a choice its value, of a number whether it may be other than zero."""
            return values[name] if isinstance(values[name], bool | str) else controls.asks(name)

        if self._answers and all(answer == asked(name) for name, answer in self._answers.items()):
            return
        choices = {each.name: values[each.name] for each in self._declared.settings if each.choices}
        answers = {**choices, "nonfinite": values["nonfinite"]}
        recipe = compose(self._rule, choices, lambda name: bool(answers.setdefault(name, asked(name))))
        finite = values["nonfinite"] != "propagate"
        self._answers = answers
        self._runner = self._ops.runner(recipe, self._numbers, self._shared, check_finite=finite)
        self._arrays = {name for kernel in recipe.kernels for name in kernel.arrays} - {"w", "g"}
        self._handles: dict[Hashable, Any] = {}
        self._step: Callable[..., int] = self._refuse_single if recipe.main.whole_model else self._runner.step

    def _refuse_single(self, *call: Any) -> int:
        _, _, _, gradient, _ = call
        if self._ops.is_empty(gradient):
            return Outcome.DONE
        raise ArrayError(
            f"{self._rule.name} with these settings needs the whole model at once (a sum over all keys is part of it):"
            " call optimizer.update({key: (weights, gradient), …}) instead of optimizer(key, weights, gradient)."
        )

    def _carefully(self, batch: Batch, lr_scale: float) -> None:
        """A call that did not go through: say why, or make state for new keys and do it."""
        batch = sound(batch, lr_scale, self._states, self._ops)
        states = {key: self._state_for(key, w) for key, (w, _) in batch.items() if key not in self._handles}
        self._handles.update({key: self._runner.bind(state) for key, state in states.items()})
        outcome = self._runner.run(self._handles, batch, float(lr_scale))
        if outcome == Outcome.DONE or (outcome == Outcome.NONFINITE and self._controls.values["nonfinite"] == "skip"):
            self._states |= states
        else:
            for key in states:
                del self._handles[key]
        if outcome == Outcome.NONFINITE:
            self._not_finite(batch)
        elif outcome != Outcome.DONE:
            raise RuntimeError(f"{self._ops.name} refused arrays that it found no fault with; please report this.")

    def _state_for(self, key: Hashable, weights: Array) -> KeyState:
        """The state of this key, with all arrays that the present settings ask for."""
        state = self._states.get(key)
        if state is None:
            starts = [float(each.start) for each in self._declared.states if each.kind == "scalar"]
            state = KeyState(tuple(weights.shape), weights.dtype.name, array("d", starts))
        for each in self._declared.states:
            if each.name in self._arrays and each.name not in state.arrays:
                state.arrays[each.name] = self._ops.new_state(weights, self._start(each.start))
        return state

    def _start(self, start: float | str) -> float | None:
        """The number that an array begins with; None where it begins as the weights."""
        if start == "w":
            return None
        return float(self._controls.values[start]) if isinstance(start, str) else start

    def _not_finite(self, batch: Batch) -> None:
        """Raise, or count a step that was skipped and zero its gradients; too many in a row are an error too."""
        text = nonfinite_text(batch, self._ops)
        if self._controls.values["nonfinite"] == "raise":
            raise NonFiniteError(f"{text} Nothing was changed.")
        for key, (_, gradient) in batch.items():
            self._states[key].skip()
            self._ops.zero(gradient)
        worst = max(self._states[key].streak for key in batch)
        if worst >= STREAK:
            raise NonFiniteError(f"{text} The last {worst} steps in a row were skipped for such gradients.")

    def state(self) -> dict[str, Any]:
        """What every key remembers, as one tree by key and name; arrays are read-only views of the state itself.

        A resumed run needs the settings and where the schedules stand too: a pickle of the optimizer has it all.
        """
        return tree_of(self._states, self._shared, self._declared, self._ops)

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `state()` of an optimizer with the same rule gave; the arrays are copied."""
        self._states, self._shared = states_from(state, self._rule.name, self._declared, self._ops)
        self._answers = {}
        self._prepare()

    def __getstate__(self) -> dict[str, Any]:
        return {"controls": self._controls, "ops": self._ops, "state": copied(self.state())}

    def __setstate__(self, saved: dict[str, Any]) -> None:
        self._begin(saved["controls"], saved["ops"])
        self.load_state(saved["state"])

    def _views(self, name: str) -> dict[Hashable, Array]:
        found = {key: state for key, state in self._states.items() if name in state.arrays}
        return {key: self._ops.view(state.arrays[name]).reshape(state.shape) for key, state in found.items()}

    def averaged(self, weights: Mapping[Hashable, Array]) -> AbstractContextManager[None]:
        """Evaluate with averaged weights: `with optimizer.averaged({key: weights, …}):`; after it all is as before."""
        averages = self.averages
        if averages is None:
            raise SettingError(f"{self._rule.name} keeps no averages here: pass use_averages=True.")
        see_averages(weights, averages, self._states, self._ops)
        return swapped(weights, averages)

    def to_cpu(self) -> None:
        """Move all state to main memory; with NumPy it is there already."""

    def to_gpu(self) -> None:
        """Move all state to the GPU."""
        raise OpsError("to_gpu needs CuPy and a CUDA device; thincopt runs on NumPy alone as yet.")

    def __repr__(self) -> str:
        settings = settings_of(self._rule)
        told = {
            name: self._controls.schedules.get(name, value)
            for name, value in self._controls.values.items()
            if name == "learn_rate" or name in self._controls.schedules or value != settings[name].default
        }
        written = ", ".join(f"{name}={value!r}" for name, value in told.items())
        return f"<{self._rule.name} {written}; {len(self._states)} keys>"

    @property
    def use_radam(self) -> bool:
        """Whether this is an RAdam."""
        return self._rule.name.startswith("RAdam.")

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
        return self._views("average") if self._controls.values.get("use_averages") else None


def _backend(ops: Ops | None) -> Ops:
    if ops is None:
        from .ops.numpy_ops import numpy_ops

        return numpy_ops()
    if isinstance(ops, type) or not hasattr(ops, "runner"):
        raise SettingError(f"ops must be a backend, such as NumpyOps(), not {ops!r}.")
    return ops


def _readable(optimizer: Optimizer) -> list[str]:
    return [*optimizer.settings, *ALIASES, *(name for name in dir(type(optimizer)) if not name.startswith("_"))]
