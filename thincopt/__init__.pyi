# Written by thincopt/stubs.py from the registries. Not to be edited: run `make stubs`.
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias

from . import registry as registry
from . import schedules as schedules
from .about import info as info
from .config import Config as Config
from .config import fill as fill
from .config import load as load
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
from .factory import get as get
from .language import rule as rule
from .language import stage as stage
from .native.building import compile as compile
from .ops.cupy_ops import CupyOps as CupyOps
from .ops.numpy_ops import NumpyOps as NumpyOps
from .optimizer import Optimizer as Optimizer
from .schedules import schedule as schedule
from .threads import num_threads as num_threads
from .threads import set_num_threads as set_num_threads
from .factory import Factory
from .ops.contract import Ops
from .schedules import Schedule

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
    "stage",
    "warmup_linear",
]
__version__: str
_HOMES: dict[str, str]
def _starred() -> list[str]: ...
Scheduled: TypeAlias = float | Schedule | Sequence[float] | Iterator[float]
Follower: TypeAlias = Schedule | Sequence[float] | Iterator[float]

class _Adam_v1(Protocol):
    def __call__(
        self,
        learn_rate: Scheduled = 0.001,
        *,
        beta1: Scheduled = 0.9,
        beta2: Scheduled = 0.999,
        eps: Scheduled = 1e-08,
        L2: Scheduled = 0.0,
        grad_clip: Scheduled = 1.0,
        grad_clip_by: Literal['key', 'model'] = 'key',
        weight_decay: Scheduled = 0.0,
        lookahead_k: Scheduled = 0,
        lookahead_alpha: Scheduled = 0.5,
        use_averages: bool = True,
        L2_is_weight_decay: bool = True,
        nonfinite: Literal['raise', 'skip', 'propagate'] = 'raise',
        schedules: Mapping[str, Follower] | None = None,
        ops: Ops | None = None,
    ) -> Optimizer: ...
class _Adam_v2(Protocol):
    def __call__(
        self,
        learn_rate: Scheduled = 0.001,
        *,
        beta1: Scheduled = 0.9,
        beta2: Scheduled = 0.999,
        eps: Scheduled = 1e-08,
        amsgrad: bool = False,
        L2: Scheduled = 0.0,
        grad_clip: Scheduled = 0.0,
        grad_clip_by: Literal['key', 'model'] = 'key',
        weight_decay: Scheduled = 0.0,
        lookahead_k: Scheduled = 0,
        lookahead_alpha: Scheduled = 0.5,
        use_averages: bool = False,
        L2_is_weight_decay: bool = False,
        nonfinite: Literal['raise', 'skip', 'propagate'] = 'raise',
        schedules: Mapping[str, Follower] | None = None,
        ops: Ops | None = None,
    ) -> Optimizer: ...
class _Adam(_Adam_v1, Protocol):
    v1: _Adam_v1
    v2: _Adam_v2
Adam: _Adam

class _AdamW_v1(Protocol):
    def __call__(
        self,
        learn_rate: Scheduled = 0.001,
        *,
        beta1: Scheduled = 0.9,
        beta2: Scheduled = 0.999,
        eps: Scheduled = 1e-08,
        amsgrad: bool = False,
        L2: Scheduled = 0.0,
        grad_clip: Scheduled = 0.0,
        grad_clip_by: Literal['key', 'model'] = 'key',
        weight_decay: Scheduled = 0.01,
        lookahead_k: Scheduled = 0,
        lookahead_alpha: Scheduled = 0.5,
        use_averages: bool = False,
        L2_is_weight_decay: bool = False,
        nonfinite: Literal['raise', 'skip', 'propagate'] = 'raise',
        schedules: Mapping[str, Follower] | None = None,
        ops: Ops | None = None,
    ) -> Optimizer: ...
class _AdamW(_AdamW_v1, Protocol):
    v1: _AdamW_v1
AdamW: _AdamW

class _LAMB_v1(Protocol):
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
        grad_clip: Scheduled = 0.0,
        grad_clip_by: Literal['key', 'model'] = 'key',
        lookahead_k: Scheduled = 0,
        lookahead_alpha: Scheduled = 0.5,
        use_averages: bool = False,
        L2_is_weight_decay: bool = False,
        nonfinite: Literal['raise', 'skip', 'propagate'] = 'raise',
        schedules: Mapping[str, Follower] | None = None,
        ops: Ops | None = None,
    ) -> Optimizer: ...
class _LAMB(_LAMB_v1, Protocol):
    v1: _LAMB_v1
LAMB: _LAMB

class _Lion_v1(Protocol):
    def __call__(
        self,
        learn_rate: Scheduled = 0.0001,
        *,
        beta1: Scheduled = 0.9,
        beta2: Scheduled = 0.99,
        L2: Scheduled = 0.0,
        grad_clip: Scheduled = 0.0,
        grad_clip_by: Literal['key', 'model'] = 'key',
        weight_decay: Scheduled = 0.0,
        lookahead_k: Scheduled = 0,
        lookahead_alpha: Scheduled = 0.5,
        use_averages: bool = False,
        L2_is_weight_decay: bool = False,
        nonfinite: Literal['raise', 'skip', 'propagate'] = 'raise',
        schedules: Mapping[str, Follower] | None = None,
        ops: Ops | None = None,
    ) -> Optimizer: ...
class _Lion(_Lion_v1, Protocol):
    v1: _Lion_v1
Lion: _Lion

class _NAdam_v1(Protocol):
    def __call__(
        self,
        learn_rate: Scheduled = 0.002,
        *,
        beta1: Scheduled = 0.9,
        beta2: Scheduled = 0.999,
        eps: Scheduled = 1e-08,
        momentum_decay: Scheduled = 0.004,
        L2: Scheduled = 0.0,
        grad_clip: Scheduled = 0.0,
        grad_clip_by: Literal['key', 'model'] = 'key',
        weight_decay: Scheduled = 0.0,
        lookahead_k: Scheduled = 0,
        lookahead_alpha: Scheduled = 0.5,
        use_averages: bool = False,
        L2_is_weight_decay: bool = False,
        nonfinite: Literal['raise', 'skip', 'propagate'] = 'raise',
        schedules: Mapping[str, Follower] | None = None,
        ops: Ops | None = None,
    ) -> Optimizer: ...
class _NAdam(_NAdam_v1, Protocol):
    v1: _NAdam_v1
NAdam: _NAdam

class _RAdam_v1(Protocol):
    def __call__(
        self,
        learn_rate: Scheduled = 0.001,
        *,
        beta1: Scheduled = 0.9,
        beta2: Scheduled = 0.999,
        eps: Scheduled = 1e-08,
        L2: Scheduled = 0.0,
        grad_clip: Scheduled = 1.0,
        grad_clip_by: Literal['key', 'model'] = 'key',
        weight_decay: Scheduled = 0.0,
        lookahead_k: Scheduled = 0,
        lookahead_alpha: Scheduled = 0.5,
        use_averages: bool = True,
        L2_is_weight_decay: bool = True,
        nonfinite: Literal['raise', 'skip', 'propagate'] = 'raise',
        schedules: Mapping[str, Follower] | None = None,
        ops: Ops | None = None,
    ) -> Optimizer: ...
class _RAdam_v2(Protocol):
    def __call__(
        self,
        learn_rate: Scheduled = 0.001,
        *,
        beta1: Scheduled = 0.9,
        beta2: Scheduled = 0.999,
        eps: Scheduled = 1e-08,
        L2: Scheduled = 0.0,
        grad_clip: Scheduled = 0.0,
        grad_clip_by: Literal['key', 'model'] = 'key',
        weight_decay: Scheduled = 0.0,
        lookahead_k: Scheduled = 0,
        lookahead_alpha: Scheduled = 0.5,
        use_averages: bool = False,
        L2_is_weight_decay: bool = False,
        nonfinite: Literal['raise', 'skip', 'propagate'] = 'raise',
        schedules: Mapping[str, Follower] | None = None,
        ops: Ops | None = None,
    ) -> Optimizer: ...
class _RAdam(_RAdam_v1, Protocol):
    v1: _RAdam_v1
    v2: _RAdam_v2
RAdam: _RAdam

class _SGD_v1(Protocol):
    def __call__(
        self,
        learn_rate: Scheduled,
        *,
        L2: Scheduled = 0.0,
        grad_clip: Scheduled = 1.0,
        grad_clip_by: Literal['key', 'model'] = 'key',
        weight_decay: Scheduled = 0.0,
        lookahead_k: Scheduled = 0,
        lookahead_alpha: Scheduled = 0.5,
        use_averages: bool = True,
        L2_is_weight_decay: bool = True,
        nonfinite: Literal['raise', 'skip', 'propagate'] = 'raise',
        schedules: Mapping[str, Follower] | None = None,
        ops: Ops | None = None,
    ) -> Optimizer: ...
class _SGD_v2(Protocol):
    def __call__(
        self,
        learn_rate: Scheduled = 0.001,
        *,
        momentum: Scheduled = 0.0,
        dampening: Scheduled = 0.0,
        nesterov: bool = False,
        L2: Scheduled = 0.0,
        grad_clip: Scheduled = 0.0,
        grad_clip_by: Literal['key', 'model'] = 'key',
        weight_decay: Scheduled = 0.0,
        lookahead_k: Scheduled = 0,
        lookahead_alpha: Scheduled = 0.5,
        use_averages: bool = False,
        L2_is_weight_decay: bool = False,
        nonfinite: Literal['raise', 'skip', 'propagate'] = 'raise',
        schedules: Mapping[str, Follower] | None = None,
        ops: Ops | None = None,
    ) -> Optimizer: ...
class _SGD(_SGD_v1, Protocol):
    v1: _SGD_v1
    v2: _SGD_v2
SGD: _SGD

def compounding(start: float, stop: float, compound: float, *, t: float = 0.0) -> Schedule: ...
def constant(rate: float) -> Schedule: ...
def constant_then(rate: float, steps: float, schedule: Follower) -> Schedule: ...
def cyclic_triangular(min_lr: float, max_lr: float, period: float) -> Schedule: ...
def decaying(base_rate: float, decay: float, *, t: float = 0) -> Schedule: ...
def slanted_triangular(max_rate: float, num_steps: float, *, cut_frac: float = 0.1, ratio: float = 32, decay: float = 1.0, t: float = 0.0) -> Schedule: ...
def warmup_linear(initial_rate: float, warmup_steps: float, total_steps: float) -> Schedule: ...