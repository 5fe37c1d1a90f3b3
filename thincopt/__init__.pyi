# Written by thincopt/surface/stubs.py from the registries. Not to be edited: run `make stubs`.
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias

from . import registry as registry
from . import schedules as schedules
from .surface.factory import Factory
from .concurrency.threads import num_threads as num_threads
from .concurrency.threads import set_num_threads as set_num_threads
from .configs.loading import Config as Config
from .configs.loading import fill as fill
from .configs.loading import load as load
from .errors import ArrayError as ArrayError
from .errors import BusyError as BusyError
from .errors import ConfigError as ConfigError
from .errors import NonFiniteError as NonFiniteError
from .errors import OpsError as OpsError
from .errors import RuleError as RuleError
from .errors import ScheduleError as ScheduleError
from .errors import SettingError as SettingError
from .errors import StateError as StateError
from .errors import ThincoptError as ThincoptError
from .language import rule as rule
from .language import stage as stage
from .ops.cuda.ops import CupyOps as CupyOps
from .ops.numpy.ops import NumpyOps as NumpyOps
from .schedules import schedule as schedule
from .surface.about import info as info
from .surface.compiling import compile as compile
from .surface.factory import get as get
from .surface.optimizer import Optimizer as Optimizer
from .surface.printing import source as source
from .language import Rule
from .ops.contract import Ops
from .schedules import Schedule

Scheduled: TypeAlias = float | Schedule | Sequence[float] | Iterator[float]
Follower: TypeAlias = Schedule | Sequence[float] | Iterator[float]

__all__ = [
    "Adam",
    "AdamW",
    "ArrayError",
    "BusyError",
    "Config",
    "ConfigError",
    "CupyOps",
    "LAMB",
    "Lion",
    "NAdam",
    "NonFiniteError",
    "NumpyOps",
    "OpsError",
    "Optimizer",
    "RAdam",
    "RuleError",
    "SGD",
    "ScheduleError",
    "SettingError",
    "StateError",
    "ThincoptError",
    "__version__",
    "compounding",
    "constant",
    "constant_then",
    "cyclic_triangular",
    "decaying",
    "fill",
    "get",
    "info",
    "load",
    "num_threads",
    "registry",
    "rule",
    "schedule",
    "schedules",
    "set_num_threads",
    "slanted_triangular",
    "source",
    "stage",
    "warmup_linear",
]
__version__: str
_HOMES: dict[str, str]
def _starred() -> list[str]: ...
def _is_imported(asks: Any) -> bool: ...

class _Adam_v1(Protocol):
    rule: Rule
    def __call__(
        self,
        learn_rate: Scheduled = 0.001,
        *,
        beta1: Scheduled = 0.9,
        beta2: Scheduled = 0.999,
        eps: Scheduled = 1e-08,
        L2: Scheduled = 0.0,
        grad_clip_value: Scheduled = 0.0,
        grad_clip: Scheduled = 1.0,
        grad_clip_by: Literal['key', 'model'] = 'key',
        weight_decay: Scheduled = 0.0,
        decay_kind: Literal['rate', 'independent', 'squared', 'corrected'] = 'rate',
        cautious_decay: bool = False,
        lookahead_k: Scheduled = 0,
        lookahead_alpha: Scheduled = 0.5,
        use_averages: bool = True,
        averages_by: Literal['thinc', 'ema', 'swa'] = 'thinc',
        ema_decay: Scheduled = 0.999,
        ema_debias: bool = False,
        swa_start: Scheduled = 0,
        swa_every: Scheduled = 1,
        L2_is_weight_decay: bool = True,
        nonfinite: Literal['raise', 'skip', 'propagate'] = 'raise',
        zero_gradient: bool = True,
        schedules: Mapping[str, Follower] | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
        ops: Ops | None = None,
    ) -> Optimizer:
        """Divide the running mean of gradients by the root of the running mean of their squares, as Thinc's Adam.

        It has the efficient order of the paper's section 2: ε is added to the root of v before that is corrected. The Adam
        of torch, optax and the paper's Algorithm 1 is Adam.v2.

        m ← β₁m + (1−β₁)g;   v ← β₂v + (1−β₂)g²;   w ← w − η·√(1−β₂ᵗ)/(1−β₁ᵗ) · m / (√v + ε)

        learn_rate: How far a step goes. Often 0.0001 to 0.01; with 0 nothing moves.
        beta1: How slowly the running mean of gradients forgets: of what it holds, this share stays at each step. 0.9
            averages about the last 10 steps; 0 keeps no memory.
        beta2: How slowly the running mean of squared gradients forgets. 0.999 averages about the last 1,000 steps; 0
            keeps no memory.
        eps: A small number added below the fraction bar, so that nothing is divided by zero. A larger one makes steps
            smaller where gradients are small.
        L2: How strongly weights are pulled towards zero through the gradient: this share of each weight is added to
            it, or with `L2_is_weight_decay` it acts as `weight_decay`. Often 0.000001 to 0.01; 0 is off.
        grad_clip_value: The largest size that an element of a gradient may have; a larger one becomes this, with its
            sign, before `grad_clip` takes the norm. 0 is off.
        grad_clip: The largest norm that a gradient may have; a longer one is scaled down to it. 1 is usual; 0 is off.
        grad_clip_by: Whose norm `grad_clip` limits: each key's alone, or that of all keys of one `update` together.
        weight_decay: How strongly weights are pulled towards zero directly: at each step they shrink by `learn_rate`
            times this, or by what `decay_kind` says. Often 0.01 to 0.1; 0 is off.
        decay_kind: By which share `weight_decay` shrinks the weights at each step. Times the rate; independent of the
            rate, which then stands for nothing here: take a smaller `weight_decay`, often 0.00001 to 0.001; times the
            rate squared; or corrected: times the rate squared by the greatest rate that the key has had, so that the
            norms of weights hold while a schedule lowers the rate.
        cautious_decay: Let `weight_decay` shrink only those weights that the step brings nearer to zero too, or
            leaves where they are: those of its sign.
        lookahead_k: After how many steps the weights go back towards slow weights that follow behind (lookahead). 5
            to 10 are usual; 0 is off.
        lookahead_alpha: How far the slow weights follow at each such time: 0 not at all, 1 the whole way. 0.5 is
            usual.
        use_averages: Keep an average of the weights to evaluate with. It takes as much memory as the weights.
        averages_by: Which average `use_averages` keeps: Thinc's, which begins at zero and forgets ever more slowly;
            ema, a running mean that forgets at one pace, `ema_decay`; or swa, the equal mean of the weights at every
            `swa_every`-th step from `swa_start` on.
        ema_decay: How slowly the running mean of weights forgets: of what it holds, this share stays at each step.
            0.999 averages about the last 1,000 steps; 0 keeps no memory.
        ema_debias: Let the running mean of weights begin with nothing, corrected for it as Adam's means are, instead
            of with the first weights in full. Those count less then.
        swa_start: The first step of a key whose weights may enter the equal mean. Until some have, evaluate with the
            weights themselves, as `averaged` does.
        swa_every: After how many steps of a key its weights enter the equal mean, again and again: 1 is at every
            step.
        L2_is_weight_decay: Let `L2` shrink the weights directly, as `weight_decay` does, instead of through the
            gradient.
        nonfinite: What to do with a gradient that holds NaN or infinity: raise an error, skip the step, or let it
            through.
        zero_gradient: Let a step set the gradient to zero. With False it stays as it is, which is faster where each
            batch writes new gradients over the old ones.
        schedules: Schedules by the name of the setting that each one drives, `{'learn_rate': …}`. A number given for
            the same setting holds until the first `step_schedules()`.
        groups: Settings for some keys, in place of the optimizer's, by a name of your own: `{'no_decay': {'keys':
            ['*.bias'], 'weight_decay': 0.0}}`.
        ops: Where steps run: `NumpyOps()` or `CupyOps()`. By default the first weights decide.
        """
class _Adam_v2(Protocol):
    rule: Rule
    def __call__(
        self,
        learn_rate: Scheduled = 0.001,
        *,
        beta1: Scheduled = 0.9,
        beta2: Scheduled = 0.999,
        eps: Scheduled = 1e-08,
        amsgrad: bool = False,
        L2: Scheduled = 0.0,
        grad_clip_value: Scheduled = 0.0,
        grad_clip: Scheduled = 0.0,
        grad_clip_by: Literal['key', 'model'] = 'key',
        weight_decay: Scheduled = 0.0,
        decay_kind: Literal['rate', 'independent', 'squared', 'corrected'] = 'rate',
        cautious_decay: bool = False,
        lookahead_k: Scheduled = 0,
        lookahead_alpha: Scheduled = 0.5,
        use_averages: bool = False,
        averages_by: Literal['thinc', 'ema', 'swa'] = 'thinc',
        ema_decay: Scheduled = 0.999,
        ema_debias: bool = False,
        swa_start: Scheduled = 0,
        swa_every: Scheduled = 1,
        L2_is_weight_decay: bool = False,
        nonfinite: Literal['raise', 'skip', 'propagate'] = 'raise',
        zero_gradient: bool = True,
        schedules: Mapping[str, Follower] | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
        ops: Ops | None = None,
    ) -> Optimizer:
        """Divide the running mean of gradients by the root of the running mean of their squares (Algorithm 1).

        m ← β₁m + (1−β₁)g;   v ← β₂v + (1−β₂)g²;   m̂ = m/(1−β₁ᵗ);   v̂ = v/(1−β₂ᵗ);   w ← w − η·m̂ / (√v̂ + ε)

        With `amsgrad`, the greatest v so far takes its place beneath the root, so that a step never grows back.

        learn_rate: How far a step goes. Often 0.0001 to 0.01; with 0 nothing moves.
        beta1: How slowly the running mean of gradients forgets: of what it holds, this share stays at each step. 0.9
            averages about the last 10 steps; 0 keeps no memory.
        beta2: How slowly the running mean of squared gradients forgets. 0.999 averages about the last 1,000 steps; 0
            keeps no memory.
        eps: A small number added below the fraction bar, so that nothing is divided by zero. A larger one makes steps
            smaller where gradients are small.
        amsgrad: Divide by the greatest mean of squares so far instead of the present one, so that a step never grows
            back.
        L2: How strongly weights are pulled towards zero through the gradient: this share of each weight is added to
            it, or with `L2_is_weight_decay` it acts as `weight_decay`. Often 0.000001 to 0.01; 0 is off.
        grad_clip_value: The largest size that an element of a gradient may have; a larger one becomes this, with its
            sign, before `grad_clip` takes the norm. 0 is off.
        grad_clip: The largest norm that a gradient may have; a longer one is scaled down to it. 1 is usual; 0 is off.
        grad_clip_by: Whose norm `grad_clip` limits: each key's alone, or that of all keys of one `update` together.
        weight_decay: How strongly weights are pulled towards zero directly: at each step they shrink by `learn_rate`
            times this, or by what `decay_kind` says. Often 0.01 to 0.1; 0 is off.
        decay_kind: By which share `weight_decay` shrinks the weights at each step. Times the rate; independent of the
            rate, which then stands for nothing here: take a smaller `weight_decay`, often 0.00001 to 0.001; times the
            rate squared; or corrected: times the rate squared by the greatest rate that the key has had, so that the
            norms of weights hold while a schedule lowers the rate.
        cautious_decay: Let `weight_decay` shrink only those weights that the step brings nearer to zero too, or
            leaves where they are: those of its sign.
        lookahead_k: After how many steps the weights go back towards slow weights that follow behind (lookahead). 5
            to 10 are usual; 0 is off.
        lookahead_alpha: How far the slow weights follow at each such time: 0 not at all, 1 the whole way. 0.5 is
            usual.
        use_averages: Keep an average of the weights to evaluate with. It takes as much memory as the weights.
        averages_by: Which average `use_averages` keeps: Thinc's, which begins at zero and forgets ever more slowly;
            ema, a running mean that forgets at one pace, `ema_decay`; or swa, the equal mean of the weights at every
            `swa_every`-th step from `swa_start` on.
        ema_decay: How slowly the running mean of weights forgets: of what it holds, this share stays at each step.
            0.999 averages about the last 1,000 steps; 0 keeps no memory.
        ema_debias: Let the running mean of weights begin with nothing, corrected for it as Adam's means are, instead
            of with the first weights in full. Those count less then.
        swa_start: The first step of a key whose weights may enter the equal mean. Until some have, evaluate with the
            weights themselves, as `averaged` does.
        swa_every: After how many steps of a key its weights enter the equal mean, again and again: 1 is at every
            step.
        L2_is_weight_decay: Let `L2` shrink the weights directly, as `weight_decay` does, instead of through the
            gradient.
        nonfinite: What to do with a gradient that holds NaN or infinity: raise an error, skip the step, or let it
            through.
        zero_gradient: Let a step set the gradient to zero. With False it stays as it is, which is faster where each
            batch writes new gradients over the old ones.
        schedules: Schedules by the name of the setting that each one drives, `{'learn_rate': …}`. A number given for
            the same setting holds until the first `step_schedules()`.
        groups: Settings for some keys, in place of the optimizer's, by a name of your own: `{'no_decay': {'keys':
            ['*.bias'], 'weight_decay': 0.0}}`.
        ops: Where steps run: `NumpyOps()` or `CupyOps()`. By default the first weights decide.
        """
class _Adam(_Adam_v1, Protocol):
    v1: _Adam_v1
    v2: _Adam_v2
Adam: _Adam

class _AdamW_v1(Protocol):
    rule: Rule
    def __call__(
        self,
        learn_rate: Scheduled = 0.001,
        *,
        beta1: Scheduled = 0.9,
        beta2: Scheduled = 0.999,
        eps: Scheduled = 1e-08,
        amsgrad: bool = False,
        L2: Scheduled = 0.0,
        grad_clip_value: Scheduled = 0.0,
        grad_clip: Scheduled = 0.0,
        grad_clip_by: Literal['key', 'model'] = 'key',
        weight_decay: Scheduled = 0.01,
        decay_kind: Literal['rate', 'independent', 'squared', 'corrected'] = 'rate',
        cautious_decay: bool = False,
        lookahead_k: Scheduled = 0,
        lookahead_alpha: Scheduled = 0.5,
        use_averages: bool = False,
        averages_by: Literal['thinc', 'ema', 'swa'] = 'thinc',
        ema_decay: Scheduled = 0.999,
        ema_debias: bool = False,
        swa_start: Scheduled = 0,
        swa_every: Scheduled = 1,
        L2_is_weight_decay: bool = False,
        nonfinite: Literal['raise', 'skip', 'propagate'] = 'raise',
        zero_gradient: bool = True,
        schedules: Mapping[str, Follower] | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
        ops: Ops | None = None,
    ) -> Optimizer:
        """Divide the running mean of gradients by the root of the running mean of their squares (Algorithm 1).

        m ← β₁m + (1−β₁)g;   v ← β₂v + (1−β₂)g²;   m̂ = m/(1−β₁ᵗ);   v̂ = v/(1−β₂ᵗ);   w ← w − η·m̂ / (√v̂ + ε)

        With `amsgrad`, the greatest v so far takes its place beneath the root, so that a step never grows back.

        learn_rate: How far a step goes. Often 0.0001 to 0.01; with 0 nothing moves.
        beta1: How slowly the running mean of gradients forgets: of what it holds, this share stays at each step. 0.9
            averages about the last 10 steps; 0 keeps no memory.
        beta2: How slowly the running mean of squared gradients forgets. 0.999 averages about the last 1,000 steps; 0
            keeps no memory.
        eps: A small number added below the fraction bar, so that nothing is divided by zero. A larger one makes steps
            smaller where gradients are small.
        amsgrad: Divide by the greatest mean of squares so far instead of the present one, so that a step never grows
            back.
        L2: How strongly weights are pulled towards zero through the gradient: this share of each weight is added to
            it, or with `L2_is_weight_decay` it acts as `weight_decay`. Often 0.000001 to 0.01; 0 is off.
        grad_clip_value: The largest size that an element of a gradient may have; a larger one becomes this, with its
            sign, before `grad_clip` takes the norm. 0 is off.
        grad_clip: The largest norm that a gradient may have; a longer one is scaled down to it. 1 is usual; 0 is off.
        grad_clip_by: Whose norm `grad_clip` limits: each key's alone, or that of all keys of one `update` together.
        weight_decay: How strongly weights are pulled towards zero directly: at each step they shrink by `learn_rate`
            times this, or by what `decay_kind` says. Often 0.01 to 0.1; 0 is off.
        decay_kind: By which share `weight_decay` shrinks the weights at each step. Times the rate; independent of the
            rate, which then stands for nothing here: take a smaller `weight_decay`, often 0.00001 to 0.001; times the
            rate squared; or corrected: times the rate squared by the greatest rate that the key has had, so that the
            norms of weights hold while a schedule lowers the rate.
        cautious_decay: Let `weight_decay` shrink only those weights that the step brings nearer to zero too, or
            leaves where they are: those of its sign.
        lookahead_k: After how many steps the weights go back towards slow weights that follow behind (lookahead). 5
            to 10 are usual; 0 is off.
        lookahead_alpha: How far the slow weights follow at each such time: 0 not at all, 1 the whole way. 0.5 is
            usual.
        use_averages: Keep an average of the weights to evaluate with. It takes as much memory as the weights.
        averages_by: Which average `use_averages` keeps: Thinc's, which begins at zero and forgets ever more slowly;
            ema, a running mean that forgets at one pace, `ema_decay`; or swa, the equal mean of the weights at every
            `swa_every`-th step from `swa_start` on.
        ema_decay: How slowly the running mean of weights forgets: of what it holds, this share stays at each step.
            0.999 averages about the last 1,000 steps; 0 keeps no memory.
        ema_debias: Let the running mean of weights begin with nothing, corrected for it as Adam's means are, instead
            of with the first weights in full. Those count less then.
        swa_start: The first step of a key whose weights may enter the equal mean. Until some have, evaluate with the
            weights themselves, as `averaged` does.
        swa_every: After how many steps of a key its weights enter the equal mean, again and again: 1 is at every
            step.
        L2_is_weight_decay: Let `L2` shrink the weights directly, as `weight_decay` does, instead of through the
            gradient.
        nonfinite: What to do with a gradient that holds NaN or infinity: raise an error, skip the step, or let it
            through.
        zero_gradient: Let a step set the gradient to zero. With False it stays as it is, which is faster where each
            batch writes new gradients over the old ones.
        schedules: Schedules by the name of the setting that each one drives, `{'learn_rate': …}`. A number given for
            the same setting holds until the first `step_schedules()`.
        groups: Settings for some keys, in place of the optimizer's, by a name of your own: `{'no_decay': {'keys':
            ['*.bias'], 'weight_decay': 0.0}}`.
        ops: Where steps run: `NumpyOps()` or `CupyOps()`. By default the first weights decide.
        """
class _AdamW(_AdamW_v1, Protocol):
    v1: _AdamW_v1
AdamW: _AdamW

class _LAMB_v1(Protocol):
    rule: Rule
    def __call__(
        self,
        learn_rate: Scheduled = 0.001,
        *,
        beta1: Scheduled = 0.9,
        beta2: Scheduled = 0.999,
        eps: Scheduled = 1e-06,
        weight_decay: Scheduled = 0.0,
        clamp: Scheduled = 10.0,
        debias: bool = False,
        L2: Scheduled = 0.0,
        grad_clip_value: Scheduled = 0.0,
        grad_clip: Scheduled = 0.0,
        grad_clip_by: Literal['key', 'model'] = 'key',
        lookahead_k: Scheduled = 0,
        lookahead_alpha: Scheduled = 0.5,
        use_averages: bool = False,
        averages_by: Literal['thinc', 'ema', 'swa'] = 'thinc',
        ema_decay: Scheduled = 0.999,
        ema_debias: bool = False,
        swa_start: Scheduled = 0,
        swa_every: Scheduled = 1,
        L2_is_weight_decay: bool = False,
        nonfinite: Literal['raise', 'skip', 'propagate'] = 'raise',
        zero_gradient: bool = True,
        schedules: Mapping[str, Follower] | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
        ops: Ops | None = None,
    ) -> Optimizer:
        """Adam's direction, scaled to the size of each array of weights (Algorithm 2, with φ(z) = min(z, clamp)).

        The paper corrects the moments' bias; as its authors note, warm-up does the same, so `debias` is off here as
        in the implementations in use. Where either norm is zero the ratio is 1.

        m ← β₁m + (1−β₁)g;   v ← β₂v + (1−β₂)g²;   u = m̂ / (√v̂ + ε) + λw;   w ← w − η · φ(‖w‖)/‖u‖ · u

        learn_rate: How far a step goes. Often 0.0001 to 0.01; with 0 nothing moves.
        beta1: How slowly the running mean of gradients forgets: of what it holds, this share stays at each step. 0.9
            averages about the last 10 steps; 0 keeps no memory.
        beta2: How slowly the running mean of squared gradients forgets. 0.999 averages about the last 1,000 steps; 0
            keeps no memory.
        eps: A small number added below the fraction bar, so that nothing is divided by zero. A larger one makes steps
            smaller where gradients are small.
        weight_decay: This share of each weight is added to the direction before it is scaled. 0.01 is usual; 0 is
            off.
        clamp: The largest norm of an array of weights that still makes its steps larger; above it, the norm counts as
            this number.
        debias: Correct both running means for having started at zero, as Adam does.
        L2: How strongly weights are pulled towards zero through the gradient: this share of each weight is added to
            it, or with `L2_is_weight_decay` it acts as `weight_decay`. Often 0.000001 to 0.01; 0 is off.
        grad_clip_value: The largest size that an element of a gradient may have; a larger one becomes this, with its
            sign, before `grad_clip` takes the norm. 0 is off.
        grad_clip: The largest norm that a gradient may have; a longer one is scaled down to it. 1 is usual; 0 is off.
        grad_clip_by: Whose norm `grad_clip` limits: each key's alone, or that of all keys of one `update` together.
        lookahead_k: After how many steps the weights go back towards slow weights that follow behind (lookahead). 5
            to 10 are usual; 0 is off.
        lookahead_alpha: How far the slow weights follow at each such time: 0 not at all, 1 the whole way. 0.5 is
            usual.
        use_averages: Keep an average of the weights to evaluate with. It takes as much memory as the weights.
        averages_by: Which average `use_averages` keeps: Thinc's, which begins at zero and forgets ever more slowly;
            ema, a running mean that forgets at one pace, `ema_decay`; or swa, the equal mean of the weights at every
            `swa_every`-th step from `swa_start` on.
        ema_decay: How slowly the running mean of weights forgets: of what it holds, this share stays at each step.
            0.999 averages about the last 1,000 steps; 0 keeps no memory.
        ema_debias: Let the running mean of weights begin with nothing, corrected for it as Adam's means are, instead
            of with the first weights in full. Those count less then.
        swa_start: The first step of a key whose weights may enter the equal mean. Until some have, evaluate with the
            weights themselves, as `averaged` does.
        swa_every: After how many steps of a key its weights enter the equal mean, again and again: 1 is at every
            step.
        L2_is_weight_decay: Let `L2` shrink the weights directly, as `weight_decay` does, instead of through the
            gradient.
        nonfinite: What to do with a gradient that holds NaN or infinity: raise an error, skip the step, or let it
            through.
        zero_gradient: Let a step set the gradient to zero. With False it stays as it is, which is faster where each
            batch writes new gradients over the old ones.
        schedules: Schedules by the name of the setting that each one drives, `{'learn_rate': …}`. A number given for
            the same setting holds until the first `step_schedules()`.
        groups: Settings for some keys, in place of the optimizer's, by a name of your own: `{'no_decay': {'keys':
            ['*.bias'], 'weight_decay': 0.0}}`.
        ops: Where steps run: `NumpyOps()` or `CupyOps()`. By default the first weights decide.
        """
class _LAMB(_LAMB_v1, Protocol):
    v1: _LAMB_v1
LAMB: _LAMB

class _Lion_v1(Protocol):
    rule: Rule
    def __call__(
        self,
        learn_rate: Scheduled = 0.0001,
        *,
        beta1: Scheduled = 0.9,
        beta2: Scheduled = 0.99,
        L2: Scheduled = 0.0,
        grad_clip_value: Scheduled = 0.0,
        grad_clip: Scheduled = 0.0,
        grad_clip_by: Literal['key', 'model'] = 'key',
        weight_decay: Scheduled = 0.0,
        decay_kind: Literal['rate', 'independent', 'squared', 'corrected'] = 'rate',
        cautious_decay: bool = False,
        lookahead_k: Scheduled = 0,
        lookahead_alpha: Scheduled = 0.5,
        use_averages: bool = False,
        averages_by: Literal['thinc', 'ema', 'swa'] = 'thinc',
        ema_decay: Scheduled = 0.999,
        ema_debias: bool = False,
        swa_start: Scheduled = 0,
        swa_every: Scheduled = 1,
        L2_is_weight_decay: bool = False,
        nonfinite: Literal['raise', 'skip', 'propagate'] = 'raise',
        zero_gradient: bool = True,
        schedules: Mapping[str, Follower] | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
        ops: Ops | None = None,
    ) -> Optimizer:
        """Step by the sign of a mix of momentum and gradient, so that every weight moves equally far.

        c = β₁m + (1−β₁)g;   w ← w − η·sign(c);   m ← β₂m + (1−β₂)g

        learn_rate: How far a step goes. Often 0.0001 to 0.01; with 0 nothing moves.
        beta1: How much of the running mean goes into a step; the rest is the present gradient.
        beta2: How slowly the running mean of gradients forgets. 0.99 averages about the last 100 steps.
        L2: How strongly weights are pulled towards zero through the gradient: this share of each weight is added to
            it, or with `L2_is_weight_decay` it acts as `weight_decay`. Often 0.000001 to 0.01; 0 is off.
        grad_clip_value: The largest size that an element of a gradient may have; a larger one becomes this, with its
            sign, before `grad_clip` takes the norm. 0 is off.
        grad_clip: The largest norm that a gradient may have; a longer one is scaled down to it. 1 is usual; 0 is off.
        grad_clip_by: Whose norm `grad_clip` limits: each key's alone, or that of all keys of one `update` together.
        weight_decay: How strongly weights are pulled towards zero directly: at each step they shrink by `learn_rate`
            times this, or by what `decay_kind` says. Often 0.01 to 0.1; 0 is off.
        decay_kind: By which share `weight_decay` shrinks the weights at each step. Times the rate; independent of the
            rate, which then stands for nothing here: take a smaller `weight_decay`, often 0.00001 to 0.001; times the
            rate squared; or corrected: times the rate squared by the greatest rate that the key has had, so that the
            norms of weights hold while a schedule lowers the rate.
        cautious_decay: Let `weight_decay` shrink only those weights that the step brings nearer to zero too, or
            leaves where they are: those of its sign.
        lookahead_k: After how many steps the weights go back towards slow weights that follow behind (lookahead). 5
            to 10 are usual; 0 is off.
        lookahead_alpha: How far the slow weights follow at each such time: 0 not at all, 1 the whole way. 0.5 is
            usual.
        use_averages: Keep an average of the weights to evaluate with. It takes as much memory as the weights.
        averages_by: Which average `use_averages` keeps: Thinc's, which begins at zero and forgets ever more slowly;
            ema, a running mean that forgets at one pace, `ema_decay`; or swa, the equal mean of the weights at every
            `swa_every`-th step from `swa_start` on.
        ema_decay: How slowly the running mean of weights forgets: of what it holds, this share stays at each step.
            0.999 averages about the last 1,000 steps; 0 keeps no memory.
        ema_debias: Let the running mean of weights begin with nothing, corrected for it as Adam's means are, instead
            of with the first weights in full. Those count less then.
        swa_start: The first step of a key whose weights may enter the equal mean. Until some have, evaluate with the
            weights themselves, as `averaged` does.
        swa_every: After how many steps of a key its weights enter the equal mean, again and again: 1 is at every
            step.
        L2_is_weight_decay: Let `L2` shrink the weights directly, as `weight_decay` does, instead of through the
            gradient.
        nonfinite: What to do with a gradient that holds NaN or infinity: raise an error, skip the step, or let it
            through.
        zero_gradient: Let a step set the gradient to zero. With False it stays as it is, which is faster where each
            batch writes new gradients over the old ones.
        schedules: Schedules by the name of the setting that each one drives, `{'learn_rate': …}`. A number given for
            the same setting holds until the first `step_schedules()`.
        groups: Settings for some keys, in place of the optimizer's, by a name of your own: `{'no_decay': {'keys':
            ['*.bias'], 'weight_decay': 0.0}}`.
        ops: Where steps run: `NumpyOps()` or `CupyOps()`. By default the first weights decide.
        """
class _Lion(_Lion_v1, Protocol):
    v1: _Lion_v1
Lion: _Lion

class _NAdam_v1(Protocol):
    rule: Rule
    def __call__(
        self,
        learn_rate: Scheduled = 0.002,
        *,
        beta1: Scheduled = 0.9,
        beta2: Scheduled = 0.999,
        eps: Scheduled = 1e-08,
        momentum_decay: Scheduled = 0.004,
        L2: Scheduled = 0.0,
        grad_clip_value: Scheduled = 0.0,
        grad_clip: Scheduled = 0.0,
        grad_clip_by: Literal['key', 'model'] = 'key',
        weight_decay: Scheduled = 0.0,
        decay_kind: Literal['rate', 'independent', 'squared', 'corrected'] = 'rate',
        cautious_decay: bool = False,
        lookahead_k: Scheduled = 0,
        lookahead_alpha: Scheduled = 0.5,
        use_averages: bool = False,
        averages_by: Literal['thinc', 'ema', 'swa'] = 'thinc',
        ema_decay: Scheduled = 0.999,
        ema_debias: bool = False,
        swa_start: Scheduled = 0,
        swa_every: Scheduled = 1,
        L2_is_weight_decay: bool = False,
        nonfinite: Literal['raise', 'skip', 'propagate'] = 'raise',
        zero_gradient: bool = True,
        schedules: Mapping[str, Follower] | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
        ops: Ops | None = None,
    ) -> Optimizer:
        """Adam with Nesterov's momentum, which looks one step ahead.

        The weight of the momentum, μ, rises in the first steps at the pace ψ.

        μₜ = β₁(1 − ½·0.96^(tψ));   m ← β₁m + (1−β₁)g;   v ← β₂v + (1−β₂)g²;   v̂ = v/(1−β₂ᵗ);
        m̂ = μₜ₊₁m/(1−∏μ·μₜ₊₁) + (1−μₜ)g/(1−∏μ);   w ← w − η·m̂ / (√v̂ + ε)

        learn_rate: How far a step goes. Often 0.0001 to 0.01; with 0 nothing moves.
        beta1: How slowly the running mean of gradients forgets: of what it holds, this share stays at each step. 0.9
            averages about the last 10 steps; 0 keeps no memory.
        beta2: How slowly the running mean of squared gradients forgets. 0.999 averages about the last 1,000 steps; 0
            keeps no memory.
        eps: A small number added below the fraction bar, so that nothing is divided by zero. A larger one makes steps
            smaller where gradients are small.
        momentum_decay: How fast the momentum rises to its full weight in the first steps. 0.004 is usual; with 0 it
            stays at half of `beta1`.
        L2: How strongly weights are pulled towards zero through the gradient: this share of each weight is added to
            it, or with `L2_is_weight_decay` it acts as `weight_decay`. Often 0.000001 to 0.01; 0 is off.
        grad_clip_value: The largest size that an element of a gradient may have; a larger one becomes this, with its
            sign, before `grad_clip` takes the norm. 0 is off.
        grad_clip: The largest norm that a gradient may have; a longer one is scaled down to it. 1 is usual; 0 is off.
        grad_clip_by: Whose norm `grad_clip` limits: each key's alone, or that of all keys of one `update` together.
        weight_decay: How strongly weights are pulled towards zero directly: at each step they shrink by `learn_rate`
            times this, or by what `decay_kind` says. Often 0.01 to 0.1; 0 is off.
        decay_kind: By which share `weight_decay` shrinks the weights at each step. Times the rate; independent of the
            rate, which then stands for nothing here: take a smaller `weight_decay`, often 0.00001 to 0.001; times the
            rate squared; or corrected: times the rate squared by the greatest rate that the key has had, so that the
            norms of weights hold while a schedule lowers the rate.
        cautious_decay: Let `weight_decay` shrink only those weights that the step brings nearer to zero too, or
            leaves where they are: those of its sign.
        lookahead_k: After how many steps the weights go back towards slow weights that follow behind (lookahead). 5
            to 10 are usual; 0 is off.
        lookahead_alpha: How far the slow weights follow at each such time: 0 not at all, 1 the whole way. 0.5 is
            usual.
        use_averages: Keep an average of the weights to evaluate with. It takes as much memory as the weights.
        averages_by: Which average `use_averages` keeps: Thinc's, which begins at zero and forgets ever more slowly;
            ema, a running mean that forgets at one pace, `ema_decay`; or swa, the equal mean of the weights at every
            `swa_every`-th step from `swa_start` on.
        ema_decay: How slowly the running mean of weights forgets: of what it holds, this share stays at each step.
            0.999 averages about the last 1,000 steps; 0 keeps no memory.
        ema_debias: Let the running mean of weights begin with nothing, corrected for it as Adam's means are, instead
            of with the first weights in full. Those count less then.
        swa_start: The first step of a key whose weights may enter the equal mean. Until some have, evaluate with the
            weights themselves, as `averaged` does.
        swa_every: After how many steps of a key its weights enter the equal mean, again and again: 1 is at every
            step.
        L2_is_weight_decay: Let `L2` shrink the weights directly, as `weight_decay` does, instead of through the
            gradient.
        nonfinite: What to do with a gradient that holds NaN or infinity: raise an error, skip the step, or let it
            through.
        zero_gradient: Let a step set the gradient to zero. With False it stays as it is, which is faster where each
            batch writes new gradients over the old ones.
        schedules: Schedules by the name of the setting that each one drives, `{'learn_rate': …}`. A number given for
            the same setting holds until the first `step_schedules()`.
        groups: Settings for some keys, in place of the optimizer's, by a name of your own: `{'no_decay': {'keys':
            ['*.bias'], 'weight_decay': 0.0}}`.
        ops: Where steps run: `NumpyOps()` or `CupyOps()`. By default the first weights decide.
        """
class _NAdam(_NAdam_v1, Protocol):
    v1: _NAdam_v1
NAdam: _NAdam

class _RAdam_v1(Protocol):
    rule: Rule
    def __call__(
        self,
        learn_rate: Scheduled = 0.001,
        *,
        beta1: Scheduled = 0.9,
        beta2: Scheduled = 0.999,
        eps: Scheduled = 1e-08,
        L2: Scheduled = 0.0,
        grad_clip_value: Scheduled = 0.0,
        grad_clip: Scheduled = 1.0,
        grad_clip_by: Literal['key', 'model'] = 'key',
        weight_decay: Scheduled = 0.0,
        decay_kind: Literal['rate', 'independent', 'squared', 'corrected'] = 'rate',
        cautious_decay: bool = False,
        lookahead_k: Scheduled = 0,
        lookahead_alpha: Scheduled = 0.5,
        use_averages: bool = True,
        averages_by: Literal['thinc', 'ema', 'swa'] = 'thinc',
        ema_decay: Scheduled = 0.999,
        ema_debias: bool = False,
        swa_start: Scheduled = 0,
        swa_every: Scheduled = 1,
        L2_is_weight_decay: bool = True,
        nonfinite: Literal['raise', 'skip', 'propagate'] = 'raise',
        zero_gradient: bool = True,
        schedules: Mapping[str, Follower] | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
        ops: Ops | None = None,
    ) -> Optimizer:
        """Adam that begins as plain momentum, until enough gradients were seen to divide by their squares, as in Thinc.

        Its steps count from 2, ε is added to the root before that is corrected, and it divides from ρₛ = 5 on. The RAdam
        of torch and of the paper is RAdam.v2, whose page says what r and ρ are.

        s = t+1;   m ← β₁m + (1−β₁)g;   v ← β₂v + (1−β₂)g²;
        w ← w − η·r·√(1−β₂ˢ)/(1−β₁ˢ)·m / (√v + ε) where ρₛ ≥ 5, else w − η·m/(1−β₁ˢ)

        learn_rate: How far a step goes. Often 0.0001 to 0.01; with 0 nothing moves.
        beta1: How slowly the running mean of gradients forgets: of what it holds, this share stays at each step. 0.9
            averages about the last 10 steps; 0 keeps no memory.
        beta2: How slowly the running mean of squared gradients forgets. 0.999 averages about the last 1,000 steps; 0
            keeps no memory.
        eps: A small number added below the fraction bar, so that nothing is divided by zero. A larger one makes steps
            smaller where gradients are small.
        L2: How strongly weights are pulled towards zero through the gradient: this share of each weight is added to
            it, or with `L2_is_weight_decay` it acts as `weight_decay`. Often 0.000001 to 0.01; 0 is off.
        grad_clip_value: The largest size that an element of a gradient may have; a larger one becomes this, with its
            sign, before `grad_clip` takes the norm. 0 is off.
        grad_clip: The largest norm that a gradient may have; a longer one is scaled down to it. 1 is usual; 0 is off.
        grad_clip_by: Whose norm `grad_clip` limits: each key's alone, or that of all keys of one `update` together.
        weight_decay: How strongly weights are pulled towards zero directly: at each step they shrink by `learn_rate`
            times this, or by what `decay_kind` says. Often 0.01 to 0.1; 0 is off.
        decay_kind: By which share `weight_decay` shrinks the weights at each step. Times the rate; independent of the
            rate, which then stands for nothing here: take a smaller `weight_decay`, often 0.00001 to 0.001; times the
            rate squared; or corrected: times the rate squared by the greatest rate that the key has had, so that the
            norms of weights hold while a schedule lowers the rate.
        cautious_decay: Let `weight_decay` shrink only those weights that the step brings nearer to zero too, or
            leaves where they are: those of its sign.
        lookahead_k: After how many steps the weights go back towards slow weights that follow behind (lookahead). 5
            to 10 are usual; 0 is off.
        lookahead_alpha: How far the slow weights follow at each such time: 0 not at all, 1 the whole way. 0.5 is
            usual.
        use_averages: Keep an average of the weights to evaluate with. It takes as much memory as the weights.
        averages_by: Which average `use_averages` keeps: Thinc's, which begins at zero and forgets ever more slowly;
            ema, a running mean that forgets at one pace, `ema_decay`; or swa, the equal mean of the weights at every
            `swa_every`-th step from `swa_start` on.
        ema_decay: How slowly the running mean of weights forgets: of what it holds, this share stays at each step.
            0.999 averages about the last 1,000 steps; 0 keeps no memory.
        ema_debias: Let the running mean of weights begin with nothing, corrected for it as Adam's means are, instead
            of with the first weights in full. Those count less then.
        swa_start: The first step of a key whose weights may enter the equal mean. Until some have, evaluate with the
            weights themselves, as `averaged` does.
        swa_every: After how many steps of a key its weights enter the equal mean, again and again: 1 is at every
            step.
        L2_is_weight_decay: Let `L2` shrink the weights directly, as `weight_decay` does, instead of through the
            gradient.
        nonfinite: What to do with a gradient that holds NaN or infinity: raise an error, skip the step, or let it
            through.
        zero_gradient: Let a step set the gradient to zero. With False it stays as it is, which is faster where each
            batch writes new gradients over the old ones.
        schedules: Schedules by the name of the setting that each one drives, `{'learn_rate': …}`. A number given for
            the same setting holds until the first `step_schedules()`.
        groups: Settings for some keys, in place of the optimizer's, by a name of your own: `{'no_decay': {'keys':
            ['*.bias'], 'weight_decay': 0.0}}`.
        ops: Where steps run: `NumpyOps()` or `CupyOps()`. By default the first weights decide.
        """
class _RAdam_v2(Protocol):
    rule: Rule
    def __call__(
        self,
        learn_rate: Scheduled = 0.001,
        *,
        beta1: Scheduled = 0.9,
        beta2: Scheduled = 0.999,
        eps: Scheduled = 1e-08,
        L2: Scheduled = 0.0,
        grad_clip_value: Scheduled = 0.0,
        grad_clip: Scheduled = 0.0,
        grad_clip_by: Literal['key', 'model'] = 'key',
        weight_decay: Scheduled = 0.0,
        decay_kind: Literal['rate', 'independent', 'squared', 'corrected'] = 'rate',
        cautious_decay: bool = False,
        lookahead_k: Scheduled = 0,
        lookahead_alpha: Scheduled = 0.5,
        use_averages: bool = False,
        averages_by: Literal['thinc', 'ema', 'swa'] = 'thinc',
        ema_decay: Scheduled = 0.999,
        ema_debias: bool = False,
        swa_start: Scheduled = 0,
        swa_every: Scheduled = 1,
        L2_is_weight_decay: bool = False,
        nonfinite: Literal['raise', 'skip', 'propagate'] = 'raise',
        zero_gradient: bool = True,
        schedules: Mapping[str, Follower] | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
        ops: Ops | None = None,
    ) -> Optimizer:
        """Adam that begins as plain momentum, until enough gradients were seen to divide by their squares.

        The factor r makes steps smaller while the mean of squares is still uncertain.

        m ← β₁m + (1−β₁)g;   v ← β₂v + (1−β₂)g²;   m̂ = m/(1−β₁ᵗ);
        ρ∞ = 2/(1−β₂) − 1;   ρₜ = ρ∞ − 2tβ₂ᵗ/(1−β₂ᵗ);   r = √((ρₜ−4)(ρₜ−2)ρ∞ / ((ρ∞−4)(ρ∞−2)ρₜ));
        w ← w − η·m̂·r·√(1−β₂ᵗ) / (√v + ε) where ρₜ > 5, else w − η·m̂

        learn_rate: How far a step goes. Often 0.0001 to 0.01; with 0 nothing moves.
        beta1: How slowly the running mean of gradients forgets: of what it holds, this share stays at each step. 0.9
            averages about the last 10 steps; 0 keeps no memory.
        beta2: How slowly the running mean of squared gradients forgets. 0.999 averages about the last 1,000 steps; 0
            keeps no memory.
        eps: A small number added below the fraction bar, so that nothing is divided by zero. A larger one makes steps
            smaller where gradients are small.
        L2: How strongly weights are pulled towards zero through the gradient: this share of each weight is added to
            it, or with `L2_is_weight_decay` it acts as `weight_decay`. Often 0.000001 to 0.01; 0 is off.
        grad_clip_value: The largest size that an element of a gradient may have; a larger one becomes this, with its
            sign, before `grad_clip` takes the norm. 0 is off.
        grad_clip: The largest norm that a gradient may have; a longer one is scaled down to it. 1 is usual; 0 is off.
        grad_clip_by: Whose norm `grad_clip` limits: each key's alone, or that of all keys of one `update` together.
        weight_decay: How strongly weights are pulled towards zero directly: at each step they shrink by `learn_rate`
            times this, or by what `decay_kind` says. Often 0.01 to 0.1; 0 is off.
        decay_kind: By which share `weight_decay` shrinks the weights at each step. Times the rate; independent of the
            rate, which then stands for nothing here: take a smaller `weight_decay`, often 0.00001 to 0.001; times the
            rate squared; or corrected: times the rate squared by the greatest rate that the key has had, so that the
            norms of weights hold while a schedule lowers the rate.
        cautious_decay: Let `weight_decay` shrink only those weights that the step brings nearer to zero too, or
            leaves where they are: those of its sign.
        lookahead_k: After how many steps the weights go back towards slow weights that follow behind (lookahead). 5
            to 10 are usual; 0 is off.
        lookahead_alpha: How far the slow weights follow at each such time: 0 not at all, 1 the whole way. 0.5 is
            usual.
        use_averages: Keep an average of the weights to evaluate with. It takes as much memory as the weights.
        averages_by: Which average `use_averages` keeps: Thinc's, which begins at zero and forgets ever more slowly;
            ema, a running mean that forgets at one pace, `ema_decay`; or swa, the equal mean of the weights at every
            `swa_every`-th step from `swa_start` on.
        ema_decay: How slowly the running mean of weights forgets: of what it holds, this share stays at each step.
            0.999 averages about the last 1,000 steps; 0 keeps no memory.
        ema_debias: Let the running mean of weights begin with nothing, corrected for it as Adam's means are, instead
            of with the first weights in full. Those count less then.
        swa_start: The first step of a key whose weights may enter the equal mean. Until some have, evaluate with the
            weights themselves, as `averaged` does.
        swa_every: After how many steps of a key its weights enter the equal mean, again and again: 1 is at every
            step.
        L2_is_weight_decay: Let `L2` shrink the weights directly, as `weight_decay` does, instead of through the
            gradient.
        nonfinite: What to do with a gradient that holds NaN or infinity: raise an error, skip the step, or let it
            through.
        zero_gradient: Let a step set the gradient to zero. With False it stays as it is, which is faster where each
            batch writes new gradients over the old ones.
        schedules: Schedules by the name of the setting that each one drives, `{'learn_rate': …}`. A number given for
            the same setting holds until the first `step_schedules()`.
        groups: Settings for some keys, in place of the optimizer's, by a name of your own: `{'no_decay': {'keys':
            ['*.bias'], 'weight_decay': 0.0}}`.
        ops: Where steps run: `NumpyOps()` or `CupyOps()`. By default the first weights decide.
        """
class _RAdam(_RAdam_v1, Protocol):
    v1: _RAdam_v1
    v2: _RAdam_v2
RAdam: _RAdam

class _SGD_v1(Protocol):
    rule: Rule
    def __call__(
        self,
        learn_rate: Scheduled,
        *,
        L2: Scheduled = 0.0,
        grad_clip_value: Scheduled = 0.0,
        grad_clip: Scheduled = 1.0,
        grad_clip_by: Literal['key', 'model'] = 'key',
        weight_decay: Scheduled = 0.0,
        decay_kind: Literal['rate', 'independent', 'squared', 'corrected'] = 'rate',
        cautious_decay: bool = False,
        lookahead_k: Scheduled = 0,
        lookahead_alpha: Scheduled = 0.5,
        use_averages: bool = True,
        averages_by: Literal['thinc', 'ema', 'swa'] = 'thinc',
        ema_decay: Scheduled = 0.999,
        ema_debias: bool = False,
        swa_start: Scheduled = 0,
        swa_every: Scheduled = 1,
        L2_is_weight_decay: bool = True,
        nonfinite: Literal['raise', 'skip', 'propagate'] = 'raise',
        zero_gradient: bool = True,
        schedules: Mapping[str, Follower] | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
        ops: Ops | None = None,
    ) -> Optimizer:
        """Follow the gradient, as Thinc's SGD. SGD.v2 has momentum.

        w ← w − η·g

        learn_rate: How far a step goes. Often 0.0001 to 0.01; with 0 nothing moves.
        L2: How strongly weights are pulled towards zero through the gradient: this share of each weight is added to
            it, or with `L2_is_weight_decay` it acts as `weight_decay`. Often 0.000001 to 0.01; 0 is off.
        grad_clip_value: The largest size that an element of a gradient may have; a larger one becomes this, with its
            sign, before `grad_clip` takes the norm. 0 is off.
        grad_clip: The largest norm that a gradient may have; a longer one is scaled down to it. 1 is usual; 0 is off.
        grad_clip_by: Whose norm `grad_clip` limits: each key's alone, or that of all keys of one `update` together.
        weight_decay: How strongly weights are pulled towards zero directly: at each step they shrink by `learn_rate`
            times this, or by what `decay_kind` says. Often 0.01 to 0.1; 0 is off.
        decay_kind: By which share `weight_decay` shrinks the weights at each step. Times the rate; independent of the
            rate, which then stands for nothing here: take a smaller `weight_decay`, often 0.00001 to 0.001; times the
            rate squared; or corrected: times the rate squared by the greatest rate that the key has had, so that the
            norms of weights hold while a schedule lowers the rate.
        cautious_decay: Let `weight_decay` shrink only those weights that the step brings nearer to zero too, or
            leaves where they are: those of its sign.
        lookahead_k: After how many steps the weights go back towards slow weights that follow behind (lookahead). 5
            to 10 are usual; 0 is off.
        lookahead_alpha: How far the slow weights follow at each such time: 0 not at all, 1 the whole way. 0.5 is
            usual.
        use_averages: Keep an average of the weights to evaluate with. It takes as much memory as the weights.
        averages_by: Which average `use_averages` keeps: Thinc's, which begins at zero and forgets ever more slowly;
            ema, a running mean that forgets at one pace, `ema_decay`; or swa, the equal mean of the weights at every
            `swa_every`-th step from `swa_start` on.
        ema_decay: How slowly the running mean of weights forgets: of what it holds, this share stays at each step.
            0.999 averages about the last 1,000 steps; 0 keeps no memory.
        ema_debias: Let the running mean of weights begin with nothing, corrected for it as Adam's means are, instead
            of with the first weights in full. Those count less then.
        swa_start: The first step of a key whose weights may enter the equal mean. Until some have, evaluate with the
            weights themselves, as `averaged` does.
        swa_every: After how many steps of a key its weights enter the equal mean, again and again: 1 is at every
            step.
        L2_is_weight_decay: Let `L2` shrink the weights directly, as `weight_decay` does, instead of through the
            gradient.
        nonfinite: What to do with a gradient that holds NaN or infinity: raise an error, skip the step, or let it
            through.
        zero_gradient: Let a step set the gradient to zero. With False it stays as it is, which is faster where each
            batch writes new gradients over the old ones.
        schedules: Schedules by the name of the setting that each one drives, `{'learn_rate': …}`. A number given for
            the same setting holds until the first `step_schedules()`.
        groups: Settings for some keys, in place of the optimizer's, by a name of your own: `{'no_decay': {'keys':
            ['*.bias'], 'weight_decay': 0.0}}`.
        ops: Where steps run: `NumpyOps()` or `CupyOps()`. By default the first weights decide.
        """
class _SGD_v2(Protocol):
    rule: Rule
    def __call__(
        self,
        learn_rate: Scheduled = 0.001,
        *,
        momentum: Scheduled = 0.0,
        dampening: Scheduled = 0.0,
        nesterov: bool = False,
        L2: Scheduled = 0.0,
        grad_clip_value: Scheduled = 0.0,
        grad_clip: Scheduled = 0.0,
        grad_clip_by: Literal['key', 'model'] = 'key',
        weight_decay: Scheduled = 0.0,
        decay_kind: Literal['rate', 'independent', 'squared', 'corrected'] = 'rate',
        cautious_decay: bool = False,
        lookahead_k: Scheduled = 0,
        lookahead_alpha: Scheduled = 0.5,
        use_averages: bool = False,
        averages_by: Literal['thinc', 'ema', 'swa'] = 'thinc',
        ema_decay: Scheduled = 0.999,
        ema_debias: bool = False,
        swa_start: Scheduled = 0,
        swa_every: Scheduled = 1,
        L2_is_weight_decay: bool = False,
        nonfinite: Literal['raise', 'skip', 'propagate'] = 'raise',
        zero_gradient: bool = True,
        schedules: Mapping[str, Follower] | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
        ops: Ops | None = None,
    ) -> Optimizer:
        """Follow the gradient, with momentum if you like, as torch's SGD. The first gradient enters undampened.

        b ← μb + (1−τ)g;   w ← w − η·b, or with Nesterov w − η·(g + μb)

        learn_rate: How far a step goes. Often 0.0001 to 0.01; with 0 nothing moves.
        momentum: How much of the last step goes into the next. 0.9 is usual; 0 is plain gradient descent.
        dampening: How much of each new gradient is left out of the momentum. 0 takes all of it.
        nesterov: Take the gradient as if the momentum's next move had been made already (Nesterov's momentum).
        L2: How strongly weights are pulled towards zero through the gradient: this share of each weight is added to
            it, or with `L2_is_weight_decay` it acts as `weight_decay`. Often 0.000001 to 0.01; 0 is off.
        grad_clip_value: The largest size that an element of a gradient may have; a larger one becomes this, with its
            sign, before `grad_clip` takes the norm. 0 is off.
        grad_clip: The largest norm that a gradient may have; a longer one is scaled down to it. 1 is usual; 0 is off.
        grad_clip_by: Whose norm `grad_clip` limits: each key's alone, or that of all keys of one `update` together.
        weight_decay: How strongly weights are pulled towards zero directly: at each step they shrink by `learn_rate`
            times this, or by what `decay_kind` says. Often 0.01 to 0.1; 0 is off.
        decay_kind: By which share `weight_decay` shrinks the weights at each step. Times the rate; independent of the
            rate, which then stands for nothing here: take a smaller `weight_decay`, often 0.00001 to 0.001; times the
            rate squared; or corrected: times the rate squared by the greatest rate that the key has had, so that the
            norms of weights hold while a schedule lowers the rate.
        cautious_decay: Let `weight_decay` shrink only those weights that the step brings nearer to zero too, or
            leaves where they are: those of its sign.
        lookahead_k: After how many steps the weights go back towards slow weights that follow behind (lookahead). 5
            to 10 are usual; 0 is off.
        lookahead_alpha: How far the slow weights follow at each such time: 0 not at all, 1 the whole way. 0.5 is
            usual.
        use_averages: Keep an average of the weights to evaluate with. It takes as much memory as the weights.
        averages_by: Which average `use_averages` keeps: Thinc's, which begins at zero and forgets ever more slowly;
            ema, a running mean that forgets at one pace, `ema_decay`; or swa, the equal mean of the weights at every
            `swa_every`-th step from `swa_start` on.
        ema_decay: How slowly the running mean of weights forgets: of what it holds, this share stays at each step.
            0.999 averages about the last 1,000 steps; 0 keeps no memory.
        ema_debias: Let the running mean of weights begin with nothing, corrected for it as Adam's means are, instead
            of with the first weights in full. Those count less then.
        swa_start: The first step of a key whose weights may enter the equal mean. Until some have, evaluate with the
            weights themselves, as `averaged` does.
        swa_every: After how many steps of a key its weights enter the equal mean, again and again: 1 is at every
            step.
        L2_is_weight_decay: Let `L2` shrink the weights directly, as `weight_decay` does, instead of through the
            gradient.
        nonfinite: What to do with a gradient that holds NaN or infinity: raise an error, skip the step, or let it
            through.
        zero_gradient: Let a step set the gradient to zero. With False it stays as it is, which is faster where each
            batch writes new gradients over the old ones.
        schedules: Schedules by the name of the setting that each one drives, `{'learn_rate': …}`. A number given for
            the same setting holds until the first `step_schedules()`.
        groups: Settings for some keys, in place of the optimizer's, by a name of your own: `{'no_decay': {'keys':
            ['*.bias'], 'weight_decay': 0.0}}`.
        ops: Where steps run: `NumpyOps()` or `CupyOps()`. By default the first weights decide.
        """
class _SGD(_SGD_v1, Protocol):
    v1: _SGD_v1
    v2: _SGD_v2
SGD: _SGD

def compounding(start: float, stop: float, compound: float, *, t: float = 0.0) -> Schedule:
    """Changes by the same factor at each step, until it reaches `stop`, and stays there.

    start · compound^step

    start: The value at the first step.
    stop: The value that is never passed: once reached, it stays.
    compound: By what each value is multiplied to give the next. 0.999 falls slowly; above 1 it grows.
    t: It has no effect, as in Thinc.
    """
def constant(rate: float) -> Schedule:
    """The same value at every step.

    rate: The value.
    """
def constant_then(rate: float, steps: float, schedule: Follower) -> Schedule:
    """Holds a value for some steps, then plays another schedule from its beginning.

    rate: The value.
    steps: For how many steps the value is held.
    schedule: What follows: another schedule, a list of numbers or an iterator, counted from its own beginning.
    """
def cyclic_triangular(min_lr: float, max_lr: float, period: float) -> Schedule:
    """Cyclical Learning Rates for Training Neural Networks. Smith, 2015. arXiv:1506.01186.

    Rises in a straight line for one period, falls for the next, and begins again.

    min_lr: The lowest value.
    max_lr: The highest value.
    period: How many steps the way up takes; the way down takes as many.
    """
def decaying(base_rate: float, decay: float, *, t: float = 0) -> Schedule:
    """Falls as one over the steps taken: fast at first, then ever more slowly.

    base_rate / (1 + decay · (t + step))

    base_rate: The value at the first step.
    decay: How fast the value falls: after 1/decay steps it is half of what it was. 0 keeps it as it is.
    t: How many steps count as done before the first.
    """
def slanted_triangular(max_rate: float, num_steps: float, *, cut_frac: float = 0.1, ratio: float = 32, decay: float = 1.0, t: float = 0.0) -> Schedule:
    """Universal Language Model Fine-tuning for Text Classification. Howard & Ruder, 2018. arXiv:1801.06146.

    Rises to the peak in a short part of the steps, then falls slowly to the peak divided by `ratio`, and stays there.

    max_rate: The highest value, the peak.
    num_steps: How many steps there are in all.
    cut_frac: The share of all steps that the way up takes.
    ratio: How many times lower than the peak the lowest value is.
    decay: It has no effect, as in Thinc.
    t: How many steps count as done before the first.
    """
def warmup_linear(initial_rate: float, warmup_steps: float, total_steps: float) -> Schedule:
    """Rises from 0 in a straight line to the peak, `initial_rate`, then falls in a straight line to 0.

    initial_rate · step / warmup_steps before step warmup_steps;
    initial_rate · (total_steps − step) / (total_steps − warmup_steps) from then on

    initial_rate: The highest value, the peak, which is reached after `warmup_steps`. (The name is Thinc's.)
    warmup_steps: How many steps the way up from 0 takes. 0 begins at the peak.
    total_steps: At which step the value is back at 0, counted from the first; it stays there.
    """