"""The engine: keys and their state, settings, and what happens when a call cannot be done."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from .averaging import see_averages, swapped
from .checking import see_key, sound
from .composing import compose, declarations
from .controls import Controls, effective
from .errors import ArrayError, NonFiniteError, SettingError
from .keeping import complete, refuse_or_skip
from .language import Rule
from .naming import absent, rule_named, thinc_rule
from .ops.choosing import backend, on_devices, suited
from .ops.contract import Array, Batch, KeyState, Ops, Outcome, Runner
from .schedules.declaring import Follower
from .settings import ALIASES, settings_of
from .tree import copied, states_from, tree_of


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
        self._begin(Controls(rule, {"learn_rate": learn_rate, **rest}, schedules), ops)

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
        made._begin(Controls(found, settings, schedules), ops)
        return made

    _runner: Runner

    def _begin(self, controls: Controls, ops: Ops | None) -> None:
        self._rule, self._controls, self._ops = controls.rule, controls, backend(ops)
        self._follows = ops is None  # the first weights then decide the backend
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
            self._runner.told()
            return
        try:
            if self._answers:
                self._runner.collect()
        except NonFiniteError:  # of a step before: it does not keep the settings from changing
            self._renew(values, asked)
            raise
        self._renew(values, asked)

    def _renew(self, values: Mapping[str, Any], asked: Callable[[str], Any]) -> None:
        """Make a runner by these settings; the keys' state will be bound to it."""
        choices = {each.name: values[each.name] for each in self._declared.settings if each.choices}
        answers = {**choices, "nonfinite": values["nonfinite"]}
        recipe = compose(self._rule, choices, lambda name: bool(answers.setdefault(name, asked(name))))
        self._answers = answers
        self._runner = self._ops.runner(recipe, self._numbers, self._shared, nonfinite=values["nonfinite"])
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
        if self._follows and not self._states:
            self._take(suited(batch, self._ops))
        batch = sound(batch, lr_scale, self._states, self._ops)
        known, wanted = (self._declared, self._controls.values, self._ops), self._arrays
        fresh = {key: weights for key, (weights, _) in batch.items() if key not in self._handles}
        states = {key: complete(self._states.get(key), each, wanted, *known) for key, each in fresh.items()}
        self._handles.update({key: self._runner.bind(state) for key, state in states.items()})
        outcome = Outcome.REFUSED
        try:
            outcome = Outcome(self._runner.run(self._handles, batch, float(lr_scale)))
        finally:
            skips = outcome == Outcome.NONFINITE and self._controls.values["nonfinite"] == "skip"
            if outcome == Outcome.DONE or skips:
                self._states |= states
            else:
                for key in states:
                    del self._handles[key]
        if outcome == Outcome.NONFINITE:
            refuse_or_skip(batch, self._states, self._ops, self._controls.values["nonfinite"])
        elif outcome != Outcome.DONE:
            raise RuntimeError(f"{self._ops.name} refused arrays that it found no fault with; please report this.")

    def _take(self, ops: Ops) -> None:
        """Go on by another backend, if this is another."""
        if ops is not self._ops:
            self._ops, self._answers = ops, {}
            self._prepare()

    def state(self) -> dict[str, Any]:
        """What every key remembers, as one tree by key and name; arrays are read-only views of the state itself.

        A resumed run needs the settings and where the schedules stand too: a pickle of the optimizer has it all.
        """
        self._runner.collect()
        return tree_of(self._states, self._shared, self._declared, self._ops)

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `state()` of an optimizer with the same rule gave; the arrays are copied."""
        self._states, self._shared = states_from(state, self._rule.name, self._declared, self._ops)
        self._answers = {}
        self._prepare()

    def __getstate__(self) -> dict[str, Any]:
        state = copied(self.state(), self._ops)
        return {"controls": self._controls, "ops": self._ops, "follows": self._follows, "state": state}

    def __setstate__(self, saved: dict[str, Any]) -> None:
        self._begin(saved["controls"], saved["ops"])
        self._follows = saved["follows"]
        self.load_state(saved["state"])

    def _views(self, name: str) -> dict[Hashable, Array]:
        found = {key: state for key, state in self._states.items() if name in state.arrays}
        return {key: self._ops.view(state.arrays[name]).reshape(state.shape) for key, state in found.items()}

    def averaged(self, weights: Mapping[Hashable, Array]) -> AbstractContextManager[None]:
        """Evaluate with averaged weights: `with optimizer.averaged({key: weights, …}):`; after it all is as before."""
        averages = self.averages
        if averages is None:
            raise SettingError(f"{self._rule.name} keeps no averages here: pass use_averages=True.")
        if isinstance(weights, Mapping):
            weights = {key: self._ops.seen(each) for key, each in weights.items()}
        see_averages(weights, averages, self._states, self._ops)
        return swapped(weights, averages)

    def to_cpu(self) -> None:
        """Move all state to main memory; the weights from then on must be there too."""
        if self._ops.name != "numpy":
            self._move(backend(None))

    def to_gpu(self) -> None:
        """Move all state to the current CUDA device, by CuPy; the weights from then on must be on a device too."""
        if self._ops.name != "cupy":
            self._move(on_devices())

    def _move(self, ops: Ops) -> None:
        state = copied(self.state(), self._ops)
        self._states, self._shared = states_from(state, self._rule.name, self._declared, ops)
        self._follows = False
        self._take(ops)

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
        self._runner.collect()
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


def _readable(optimizer: Optimizer) -> list[str]:
    return [*optimizer.settings, *ALIASES, *(name for name in dir(type(optimizer)) if not name.startswith("_"))]
