"""Which backend an optimizer has: the one that it was given, or the one that its first weights ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import SettingError
from .contract import Ops
from .fitting import is_on_device, why_not
from .numpy.ops import numpy_ops


def backend(ops: Ops | None) -> Ops:
    """What was given as `ops`, or NumPy's."""
    if ops is None:
        return numpy_ops()
    if isinstance(ops, type) or not hasattr(ops, "runner"):
        raise SettingError(f"ops must be a backend, such as thincopt.NumpyOps(), not {ops!r}.")
    return ops


def suited(batch: Any, present: Ops) -> Ops:
    """The backend that the first weights ask for: the present one, unless they are elsewhere."""
    pair = next(iter(batch.values()), None) if isinstance(batch, Mapping) else None
    weights = pair[0] if isinstance(pair, tuple | list) and pair else None
    if present.name == "numpy" and is_on_device(weights) and not why_not(weights):
        return on_devices()
    return backend(None) if present.name == "cupy" and isinstance(weights, np.ndarray) else present


def on_devices() -> Ops:
    """CuPy's backend, or an error that says what is missing."""
    from .cuda.ops import CupyOps

    return CupyOps()
