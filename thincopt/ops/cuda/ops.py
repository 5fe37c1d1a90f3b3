"""Arrays on CUDA devices: CuPy's, and through DLPack those of others, such as torch."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from ...concurrency.turns import Turns
from ...errors import OpsError
from ..contract import DTYPES, Batch, Cohort, KeyState, Ops, Runner
from ..fitting import is_on_device, key_fault, kind_of, misfit, overlap, pair_fault, type_fault, unaligned, why_not
from ..numpy.ops import numpy_ops


class CupyOps:
    """Arrays in the memory of CUDA devices; each key's state is where its weights are."""

    name = "cupy"

    def __init__(self, driver: Any = None) -> None:
        if driver is None:
            from .driver import cuda

            driver = cuda()
        self.driver = driver

    def __repr__(self) -> str:
        return "<CupyOps>"

    def __deepcopy__(self, memo: dict[int, Any]) -> CupyOps:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, ()

    def runner(self, cohorts: Sequence[Cohort], turns: Turns, *, nonfinite: str) -> Runner:
        """A runner by kernels that are compiled when a batch first comes."""
        from .runner import CudaRunner

        return CudaRunner(self.driver, cohorts, turns, nonfinite=nonfinite)

    def seen(self, value: Any) -> Any:
        """A CuPy array on the same memory, where there is one."""
        return self.driver.seen(value)

    def fault(self, weights: Any, gradient: Any, state: KeyState | None = None) -> str | None:
        """Why these cannot be updated in place; None if they can, or if the gradient is empty."""
        if self.is_empty(gradient):
            return None
        alone = self._array_fault("weights", weights) or self._array_fault("gradient", gradient)
        together = alone or self._device_fault(weights, gradient) or pair_fault(weights, gradient, self._range)
        return together or key_fault(weights, state)

    def overlap(self, batch: Batch) -> tuple[Hashable, Hashable] | None:
        """Two keys whose arrays share memory, if there are any."""
        return overlap(batch, self._range)

    def nonfinite(self, gradient: Any) -> tuple[int, int] | None:
        """The first index that is not finite, and how many are not; None if all are finite."""
        (found,) = np.nonzero(~np.isfinite(self.driver.to_host(gradient).reshape(-1)))
        return (int(found[0]), len(found)) if len(found) else None

    def new_state(self, weights: Any, start: float | None) -> Any:
        """A flat array like the weights, filled with a number; with None, a copy of the weights."""
        from .work import NEW, refuse_capture

        is_here = isinstance(weights, self.driver.array_type)
        device = self.driver.device_of(weights) if is_here else self.driver.device()
        with self.driver.on(device, is_here and self.driver.is_foreign(weights)):
            refuse_capture(self.driver, NEW)
            return self.driver.filled(weights, start)

    def misfit(self, value: Any, state: KeyState) -> str | None:
        """Why this array cannot be a state of that key, in words; None if it can: arrays of NumPy can too."""
        if not isinstance(value, self.driver.array_type | np.ndarray):
            return f"must be a NumPy or CuPy array, not {type(value).__name__}"
        return misfit(value, state)

    def zero(self, gradient: Any) -> None:
        """Store 0 everywhere."""
        gradient[...] = 0

    def view(self, state: Any) -> Any:
        """The same memory; CuPy knows no arrays for reading only."""
        return state.view()

    def to_host(self, array: Any) -> Any:
        """A copy in main memory."""
        return self.driver.to_host(array)

    def is_empty(self, gradient: Any) -> bool:
        """Whether there is nothing to do for this gradient."""
        return isinstance(gradient, self.driver.array_type) and gradient.size == 0

    def _array_fault(self, role: str, value: Any) -> str | None:
        if isinstance(value, self.driver.array_type):
            is_aligned = value.size == 0 or self.driver.address(value) % value.dtype.itemsize == 0
            return type_fault(role, value) or (None if is_aligned else unaligned(role))
        found = f"the {role} must be a CuPy array, or a tensor on a CUDA device, not {kind_of(value)}"
        if isinstance(value, np.ndarray):
            return f"{found}; write {role} = cupy.asarray({role}), or optimizer.to_cpu() to go on in main memory"
        if is_on_device(value) and not why_not(value):
            return f"the {role} must be {' or '.join(DTYPES)}, not {kind_of(value)} of {getattr(value, 'dtype', '?')}"
        return found + why_not(value)

    def _device_fault(self, weights: Any, gradient: Any) -> str | None:
        one, other = self.driver.device_of(weights), self.driver.device_of(gradient)
        if one == other:
            return None
        return f"the weights are on device {one} but the gradient is on device {other}; they must be on one"

    def _range(self, value: Any) -> tuple[int, int]:
        start = self.driver.address(value)
        return start, start + value.nbytes


def _restored() -> Ops:
    """The backend of an optimizer that was saved on a device: a device if there is one here, else main memory."""
    try:
        return CupyOps()
    except OpsError:
        return numpy_ops()
