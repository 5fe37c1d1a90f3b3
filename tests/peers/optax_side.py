"""optax as a peer: its transformations, chained to mean what our settings mean, with a state for each key."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from thincopt import Optimizer

from .common import Arrays, copied

jax.config.update("jax_enable_x64", True)

Transformation = optax.GradientTransformation
Settings = dict[str, Any]
Choices = frozenset[tuple[str, Any]]  # what decides which operations there are; all else may change at every step

NO_WARMUP = 1e5  # of NAdam's momentum: 0.96^(tψ) is 0 from the first step on, and μ is β₁, as always in optax
NO_CLAMP = 1e300  # of LAMB's ratio, which optax leaves as it is
CHOSEN = {
    "momentum": bool,
    "nesterov": bool,
    "amsgrad": bool,
    "grad_clip": bool,
    "grad_clip_by": str,
    "lookahead_k": int,
}
STATES = {"nr_update": "count", "mom1": "mu", "mom2": "nu", "vmax": "nu_max", "velocity": "trace"}


class Kept(NamedTuple):
    """What is kept of a key; the parameters are a pair of fast and slow ones where there is a lookahead."""

    t: Any
    params: Any
    state: Any
    average: Any

    @property
    def weights(self) -> Any:
        """The weights as training sees them."""
        return getattr(self.params, "fast", self.params)


def root(beta: Any, t: Any) -> Any:
    """√(1−βᵗ): where our ε stands beside the uncorrected root, optax's is ε over this."""
    return jnp.sqrt(1 - beta**t)


def sgd(n: Settings, chosen: Settings, _t: Any) -> Transformation:
    """The first gradient enters optax's momentum undampened, as do all others: it has no dampening."""
    return optax.trace(n["momentum"], chosen["nesterov"]) if chosen["momentum"] else optax.identity()


def adam(n: Settings, chosen: Settings, t: Any) -> Transformation:
    """As in torch, ours corrects the largest v; optax takes the largest corrected one, or corrects none."""
    if not chosen["amsgrad"]:
        return optax.scale_by_adam(n["beta1"], n["beta2"], n["eps"])
    scale = root(n["beta2"], t)
    largest = optax.scale_by_amsgrad(n["beta1"], n["beta2"], n["eps"] * scale, bias_correction_nu=False)
    return optax.chain(largest, optax.scale(scale))


def thincs_adam(n: Settings, _chosen: Settings, t: Any) -> Transformation:
    """With ε beside the uncorrected root."""
    return optax.scale_by_adam(n["beta1"], n["beta2"], n["eps"] / root(n["beta2"], t))


def nadam(n: Settings, _chosen: Settings, _t: Any) -> Transformation:
    """Ours without the warm-up of its momentum."""
    return optax.scale_by_adam(n["beta1"], n["beta2"], n["eps"], nesterov=True)


def radam(n: Settings, _chosen: Settings, t: Any) -> Transformation:
    """Ours asks for ρ > 5 and optax for ρ ≥ its threshold, which can be the next number; ε as in Thinc's Adam."""
    return optax.scale_by_radam(n["beta1"], n["beta2"], n["eps"] / root(n["beta2"], t), threshold=np.nextafter(5, 6))


def thincs_radam(n: Settings, _chosen: Settings, t: Any) -> Transformation:
    """From ρ = 5 on, as in optax; its steps count from 2, so optax's count begins at 1."""
    return optax.scale_by_radam(n["beta1"], n["beta2"], n["eps"] / root(n["beta2"], t + 1))


def lamb(n: Settings, _chosen: Settings, _t: Any) -> Transformation:
    """Ours with corrected moments and without a clamp."""
    direction = optax.scale_by_adam(n["beta1"], n["beta2"], n["eps"])
    return optax.chain(direction, optax.add_decayed_weights(n["weight_decay"]), optax.scale_by_trust_ratio())


RULES = {
    "SGD.v1": sgd,
    "SGD.v2": sgd,
    "Adam.v1": thincs_adam,
    "Adam.v2": adam,
    "AdamW.v1": adam,
    "NAdam.v1": nadam,
    "RAdam.v1": thincs_radam,
    "RAdam.v2": radam,
    "Lion.v1": lambda n, chosen, t: optax.scale_by_lion(n["beta1"], n["beta2"]),
    "LAMB.v1": lamb,
}
COUNTED_BEFORE = {"RAdam.v1": 1}


def chained(rule: str, chosen: Settings, n: Settings, t: Any) -> Transformation:
    """What becomes of a clipped gradient of one key; LAMB has taken its decay to itself."""
    decay = 0.0 if rule == "LAMB.v1" else n["weight_decay"]
    whole = optax.chain(
        RULES[rule](n, chosen, t), optax.add_decayed_weights(decay), optax.scale_by_learning_rate(n["learn_rate"])
    )
    period = chosen["lookahead_k"]
    return optax.lookahead(whole, period, n["lookahead_alpha"]) if period else whole


def clipped(gradients: list[Any], chosen: Settings, threshold: Any) -> list[Any]:
    """The gradients clipped by optax: all together, or each as if it were alone."""
    if not chosen["grad_clip"]:
        return gradients
    clip = optax.clip_by_global_norm(threshold)
    groups = [gradients] if chosen["grad_clip_by"] == "model" else [[each] for each in gradients]
    return [each for group in groups for each in clip.update(group, clip.init(group))[0]]


@partial(jax.jit, static_argnames=("rule", "choices"))
def stepped(rule: str, choices: Choices, n: Settings, keys: list[Kept], gradients: list[Any]) -> list[Kept]:
    """What is kept of each key after a step; optax's running mean is told its share at every step."""
    chosen = dict(choices)
    coupled = [gradient + n["L2"] * key.weights for gradient, key in zip(gradients, keys, strict=True)]
    after = []
    for key, gradient in zip(keys, clipped(coupled, chosen, n["grad_clip"]), strict=True):
        t = key.t + 1
        updates, state = chained(rule, chosen, n, t).update(gradient, key.state, key.params)
        moved = Kept(t, optax.apply_updates(key.params, updates), state, None)
        share = jnp.minimum((1 + t) / (10 + t), 0.9999)
        after.append(moved._replace(average=optax.ema(share, debias=False).update(moved.weights, key.average)[1]))
    return after


class OptaxPeer:
    """Optax with all the settings that ours has when it is given these: optax's own defaults are others."""

    name = "optax"

    def __init__(self, rule: str, weights: Arrays, settings: Settings) -> None:
        self.rule, self.weights = rule, copied(weights)
        self.settings = Optimizer.of(rule, **settings).settings
        self.kept = {key: self.beginning(jnp.asarray(array)) for key, array in weights.items()}

    @property
    def chosen(self) -> Settings:
        """What decides which operations there are."""
        return {name: kind(self.settings.get(name, 0)) for name, kind in CHOSEN.items()}

    @property
    def numbers(self) -> Settings:
        """The settings that are numbers."""
        return {name: float(each) for name, each in self.settings.items() if isinstance(each, int | float)}

    def beginning(self, array: jax.Array) -> Kept:
        """What is kept of a key before its first step."""
        params = optax.LookaheadParams.init_synced(array) if self.settings["lookahead_k"] else array
        state = chained(self.rule, self.chosen, self.numbers, 1).init(params)
        if self.rule in COUNTED_BEFORE:
            state = optax.tree.set(state, count=jnp.asarray(COUNTED_BEFORE[self.rule], "int32"))
        return Kept(0, params, state, optax.ema(0.0).init(array))

    def change(self, settings: Settings) -> None:
        """Give settings new values; state is kept."""
        self.settings = {**self.settings, **settings}

    def step(self, gradients: Arrays, lr_scale: float = 1.0) -> None:
        """Update the keys that have a gradient."""
        numbers = {**self.numbers, "learn_rate": self.settings["learn_rate"] * lr_scale}
        before = [self.kept[key] for key in gradients]
        after = stepped(self.rule, frozenset(self.chosen.items()), numbers, before, list(gradients.values()))
        for key, kept in zip(gradients, after, strict=True):
            self.kept[key], self.weights[key] = kept, np.asarray(kept.weights)

    def states(self) -> dict[str, dict[Any, Any]]:
        """What optax remembers, by our names and by key."""
        found = {key: self.remembered(kept) for key, kept in self.kept.items()}
        names = next(iter(found.values()))
        return {name: {key: each[name] for key, each in found.items()} for name in names}

    def remembered(self, kept: Kept) -> Settings:
        """What optax remembers of one key, by our names."""
        found = {ours: optax.tree.get(kept.state, theirs) for ours, theirs in STATES.items()}
        if found["nr_update"] is not None:
            found["nr_update"] -= COUNTED_BEFORE.get(self.rule, 0)
        found["lookahead.slow"] = getattr(kept.params, "slow", None)
        found["averages"] = kept.average.ema if self.settings["use_averages"] else None
        return {name: each for name, each in found.items() if each is not None}


class Called:
    """One of optax's transformations as its users call it, on a whole model."""

    def __init__(self, name: str, transformation: Transformation, weights: Arrays) -> None:
        self.name, self.weights = f"optax.{name}", copied(weights)
        self.state = transformation.init(list(weights.values()))
        self.update = jax.jit(transformation.update)

    def step(self, gradients: Arrays, lr_scale: float = 1.0) -> None:
        """Update every key."""
        assert (lr_scale, list(gradients)) == (1.0, list(self.weights))
        before = list(self.weights.values())
        updates, self.state = self.update(list(gradients.values()), self.state, before)
        after = optax.apply_updates(before, updates)
        self.weights = {key: np.asarray(each) for key, each in zip(gradients, after, strict=True)}

    def states(self) -> dict[str, dict[Any, Any]]:
        """Its state is compared where our settings are told it one by one."""
        return {}
