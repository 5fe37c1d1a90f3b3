"""The optimizer that a user has: calls, settings and state; what it is at one moment stands in `engine/present.py`."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from ..concurrency.turns import Turns, between_turns, in_turn
from ..engine.averaging import entered, seen, swapped
from ..engine.bound import Bound
from ..engine.checking import see_key, sound
from ..engine.controls import Controls, controls_of
from ..engine.keeping import ready, refuse_or_skip, told_late
from ..engine.present import Present, anew, asks_for_others, begun, fastest, housed, met, tuned, with_all_groups
from ..engine.settings import ALIASES, meant
from ..engine.watching import tell_unmet
from ..errors import briefly
from ..language import Rule
from ..ops.choosing import backend, on_devices, suited
from ..ops.contract import Array, Batch, KeyState, Ops, Outcome
from ..saving.tree import copied, states_from, tree_of
from ..schedules.declaring import Follower
from .explaining import Explanation, explained
from .naming import REQUIRED, RuleLike, absent, rule_of, see_constructor, thinc_rule
from .readings import of_settings, of_state


class Optimizer:
    """Updates arrays in place, by one rule, with state for each key: `optimizer(key, weights, gradient)`.

    Every setting is an attribute: read it, or assign it (`optimizer.learn_rate = 0.01`). Any number may be a schedule,
    a list of numbers or an iterator. What is remembered of a key begins at its first update.
    """

    _turns: Turns
    _now: Present

    @briefly
    def __init__(
        self,
        learn_rate: Any = REQUIRED,
        *others: Any,
        use_radam: bool = False,
        schedules: Mapping[str, Any] | None = None,
        groups: Mapping[str, Any] | None = None,
        ops: Ops | None = None,
        **settings: Any,
    ) -> None:
        """Thinc's constructor: `use_radam=True` makes an RAdam, `beta1=0, beta2=0` plain SGD, anything else Adam.

        For other rules use a factory such as `thincopt.AdamW`, or `Optimizer.of`.
        """
        see_constructor(() if learn_rate is REQUIRED else (learn_rate, *others), settings)
        rule, rest = thinc_rule(use_radam, settings)
        self._begin(controls_of(rule, {"learn_rate": learn_rate, **rest}, schedules, groups), ops)

    @classmethod
    @briefly
    def of(
        cls,
        rule: RuleLike = REQUIRED,
        /,
        *,
        schedules: Mapping[str, Any] | None = None,
        groups: Mapping[str, Any] | None = None,
        ops: Ops | None = None,
        **settings: Any,
    ) -> Optimizer:
        """Make an optimizer by any rule, its name or its factory: `Optimizer.of("Lion.v1", learn_rate=1e-4)`."""
        made = cls.__new__(cls)
        made._begin(controls_of(rule_of(rule), settings, schedules, groups), ops)
        return made

    def _begin(self, controls: Controls, ops: Ops | None) -> None:
        self._turns = Turns()
        self._now = begun(controls, backend(ops), self._turns, follows=ops is None)

    @property
    def rule(self) -> Rule:
        """The rule that makes the steps."""
        return self._now.rule

    @property
    def ops(self) -> Ops:
        """Where steps run: NumPy in main memory, or CuPy on a device."""
        return self._now.ops

    @property
    def _numbers(self) -> bytes:
        return self._now.numbers

    @property
    def settings(self) -> Mapping[str, Any]:
        """The present value of every setting, by name; to change one, assign the attribute or call `change`."""
        return of_settings(self._now.controls.values)

    @property
    def schedules(self) -> Mapping[str, Follower]:
        """The schedules that drive settings, by the setting's name; to give another, assign the attribute."""
        return of_settings(self._now.controls.schedules)

    @briefly
    @in_turn
    def change(self, /, *, group: str | None = None, **settings: Any) -> None:
        """Give several settings new values at once, the optimizer's or a group's: all, or none where one is refused.

        State is kept. A schedule given here begins at its step 0.
        """
        old = self._now.controls
        self._adopt(old.assigned(settings) if group is None else old.assigned_in(group, settings))

    @briefly
    @in_turn
    def step_schedules(self) -> None:
        """Take the next value of every schedule, if there is any: call this once per batch, after the update."""
        self._now = with_all_groups(self._now)
        self._adopt(self._now.controls.stepped())

    def _adopt(self, controls: Controls) -> None:
        """Go on with these settings; what a device tells late, of steps before, is raised when they are in force."""
        others = asks_for_others(self._now, controls)
        late = told_late(self._now.runner) if others else None
        self._now = now = anew(self._now, self._turns, controls=controls) if others else tuned(self._now, controls)
        if late:
            raise late
        now.runner.told(now.numbers)

    def __getattr__(self, name: str) -> Any:
        known = self.__dict__["_now"].controls.values if "_now" in self.__dict__ else {}
        if (given := meant(name, known)) in known:
            return known[given]
        if name.startswith("_"):
            raise AttributeError(name)
        public = (each for each in dir(type(self)) if not each.startswith("_"))
        raise AttributeError(absent(self.rule, name, [*known, *ALIASES, *public]))

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._now.controls.values]

    @briefly
    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
        elif hasattr(Optimizer, name):
            raise AttributeError(f"{name} can be read, not assigned.")
        else:
            self.change(**{meant(name, self._now.controls.values): value})

    def __call__(
        self, key: Hashable, weights: Array, gradient: Array = None, *, lr_scale: float = 1.0
    ) -> tuple[Array, Array]:
        """Update the weights of one key in place, set the gradient to zero, and return both.

        `key` is any hashable name; use the same one for the same array each time. `lr_scale` multiplies the learning
        rate of this call alone. What cannot be updated is an `ArrayError`, and nothing has changed.
        """
        now = self._now
        try:
            if now.step(now.numbers, key, weights, gradient, lr_scale):
                self._carefully({key: (weights, gradient)}, lr_scale, is_model=False)
        except TypeError:
            see_key(key)
            raise
        return weights, gradient

    def update(self, batch: Batch, *, lr_scale: float = 1.0) -> None:
        """Update a whole model in one call: `optimizer.update({key: (weights, gradient), …})`.

        All keys are updated, or none; it is faster for many small arrays, and a clip by the model's norm needs it.
        """
        now = self._now
        if now.update(now.numbers, batch, lr_scale):
            self._carefully(batch, lr_scale, is_model=True)

    @in_turn
    def bound(self, batch: Batch) -> Bound:
        """A step of the same arrays again and again: `step = optimizer.bound({key: (weights, gradient), …})`; `step()`.

        They are checked once, and held. Before each step write the new gradients into the same arrays.
        """
        return Bound(self, self._sound(batch, 1.0))

    @in_turn
    def _carefully(self, batch: Batch, lr_scale: float, *, is_model: bool) -> None:
        """A call that did not go through: say why, or make state for new keys and do it."""
        batch = self._sound(batch, lr_scale)
        if not batch:
            return
        self._now = housed(self._now, self._turns, batch, is_model=is_model)
        loaded, self._now = self._now.loaded, met(self._now, batch)
        tell_unmet(loaded - self._now.loaded, batch)
        now = self._now
        states = ready(now, batch)
        outcome = Outcome(now.runner.run(now.numbers, batch, float(lr_scale)))
        if outcome == Outcome.NONFINITE:
            refuse_or_skip(now, batch, states)
        elif outcome != Outcome.DONE:
            raise RuntimeError(f"{now.ops.name} refused arrays that it found no fault with; please report this.")

    def _sound(self, batch: Batch, lr_scale: float) -> Batch:
        """What there is to update in a batch, or the error of what cannot be."""
        now = self._now
        ops = suited(batch, now.ops) if now.follows and not now.has_stepped else now.ops
        self._now = now = fastest(now, self._turns, ops)
        return sound(batch, lr_scale, now, frozenset().union(*self._turns.lent))

    @between_turns
    def state(self) -> dict[str, Any]:
        """All that is remembered, as one tree by key and name.

        Its arrays are live, read-only views; `copy.deepcopy` keeps a moment. A pickle has the settings too.
        """
        now = self._now
        return tree_of(now.rule.name, self._standing(), now.shared, lambda key: now.of(key).declared, now.ops)

    def _standing(self) -> dict[Hashable, KeyState]:
        self._now.runner.collect()
        return self._now.standing

    @in_turn
    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over a copy of what `state()` of an optimizer by the same rule gave, or raise a `StateError`."""
        self._take(state, self.ops, follows=self._now.follows)

    def _take(self, state: Mapping[str, Any], ops: Ops, *, follows: bool = False) -> None:
        now = self._now
        states, shared = states_from(state, self.rule.name, now.shared[0], now.declared_at, ops)
        homes = {key: now.home(key, each.shape) for key, each in states.items()}
        self._now = anew(now, self._turns, states=states, homes=homes, shared=shared, ops=ops, follows=follows)

    @between_turns
    def __getstate__(self) -> dict[str, Any]:
        now, state = self._now, copied(self.state(), self.ops)
        return {"controls": now.controls.apart(), "ops": now.ops, "follows": now.follows, "state": state}

    def __setstate__(self, saved: dict[str, Any]) -> None:
        self._begin(saved["controls"], saved["ops"])
        self._take(saved["state"], saved["ops"], follows=saved["follows"])

    def _views(self, name: str, states: Mapping[Hashable, KeyState] | None = None) -> Mapping[Hashable, Array]:
        known = self._now.standing if states is None else states
        found = {key: each for key, each in known.items() if name in each.arrays}
        return of_state({key: self.ops.view(each.arrays[name]).reshape(each.shape) for key, each in found.items()})

    @between_turns
    def explain(self) -> Explanation:
        """What is done with each key: its groups, its state, every setting and where its value comes from."""
        return explained(self._now)

    def averaged(self, weights: Mapping[Hashable, Array]) -> AbstractContextManager[None]:
        """Put averaged weights into these arrays for the time of `with optimizer.averaged({key: weights}): …`.

        Afterwards the weights are as before, even if the block raises. It needs `use_averages=True`.
        """
        return swapped(seen(weights, self.averages, self._now), self.averages or {}, self._turns)

    def to_cpu(self) -> None:
        """Move all state to main memory; the weights of later calls must be there too, and moving them is up to you."""
        if self.ops.name != "numpy":
            self._move(backend(None))

    def to_gpu(self) -> None:
        """Move all state to the current CUDA device, by CuPy; the weights of later calls must be on a device too."""
        if self.ops.name != "cupy":
            self._move(on_devices())

    @in_turn
    def _move(self, ops: Ops) -> None:
        self._take(copied(self.state(), self.ops), ops)

    def __repr__(self) -> str:
        return f"<{self.rule.name} {self._now.controls}; {len(self._now.standing)} keys{self._now.runner.remark}>"

    @property
    def use_radam(self) -> bool:
        """Whether the rule is an RAdam (Thinc's attribute)."""
        return self.rule.name.startswith("RAdam.")

    @property
    @between_turns
    def nr_update(self) -> Mapping[Hashable, int]:
        """How many updates each key has had, by key."""
        return of_state({key: state.t for key, state in self._standing().items()})

    @property
    def mom1(self) -> Mapping[Hashable, Array]:
        """The first moment by key, for reading: the rule's state `m`, the running mean of gradients."""
        return self._views("m")

    @property
    def mom2(self) -> Mapping[Hashable, Array]:
        """The second moment by key, for reading: the rule's state `v`, the running mean of squared gradients."""
        return self._views("v")

    @property
    @between_turns
    def averages(self) -> Mapping[Hashable, Array] | None:
        """The averaged weights by key, for reading; None without `use_averages`. With SWA, of keys that have begun."""
        return self._views("averages.average", entered(self._now)) if self._now.keeps_averages else None
