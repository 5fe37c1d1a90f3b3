"""Which backend an optimizer takes, and what is never imported for it."""

import os
import pickle
import subprocess
import sys
from inspect import signature

import numpy as np
import pytest

from tests.devices.host import HostDriver, on_device
from thincopt import ArrayError, CupyOps, NumpyOps, Optimizer
from thincopt.ops.cuda.driver import Cuda


def here():
    return np.ones(3, "float32"), np.ones(3, "float32")


def there():
    return on_device(np.ones(3)), on_device(np.ones(3))


@pytest.mark.parametrize("by", ["call", "update"])
def test_the_first_weights_decide(by, found):
    def give(optimizer, pair):
        optimizer("w", *pair) if by == "call" else optimizer.update({"w": pair})

    for pair, name, other in ((there(), "cupy", here()), (here(), "numpy", there())):
        optimizer = Optimizer.of("AdamW.v1")
        assert optimizer.ops.name == "numpy"
        give(optimizer, pair)
        assert optimizer.ops.name == name
        with pytest.raises(ArrayError, match=r"^Key 'w': the weights must be a (CuPy|NumPy) array"):
            give(optimizer, other)
        assert optimizer.ops.name == name
        assert optimizer.nr_update == {"w": 1}


def test_ops_that_were_given_stay(found):
    for ops, wrong in ((NumpyOps(None), there()), (CupyOps(), here())):
        optimizer = Optimizer.of("AdamW.v1", ops=ops)
        with pytest.raises(ArrayError):
            optimizer("w", *wrong)
        assert optimizer.ops is ops


def test_a_move_is_a_decision(found):
    optimizer = Optimizer.of("AdamW.v1")
    optimizer.to_gpu()
    with pytest.raises(ArrayError, match=r"write weights = cupy\.asarray\(weights\)"):
        optimizer("w", *here())
    optimizer("w", *there())


def test_weights_that_were_refused_decide_nothing(found):
    optimizer = Optimizer.of("AdamW.v1")
    with pytest.raises(ArrayError, match="int32"):
        optimizer("w", on_device(np.ones(3, "int32")), on_device(np.ones(3, "int32")))
    optimizer("w", *here())
    assert optimizer.ops.name == "numpy"


def test_a_copy_that_has_not_begun_follows_too(found):
    optimizer = pickle.loads(pickle.dumps(Optimizer.of("AdamW.v1")))
    optimizer("w", *there())
    assert optimizer.ops.name == "cupy"


def test_settings_hold_for_the_backend_that_is_taken(found):
    optimizer = Optimizer.of("SGD.v2", learn_rate=0.5)
    optimizer.learn_rate = 0.25
    weights, gradient = there()
    optimizer("w", weights, gradient)
    assert (weights.host == 0.75).all()


TRAINING = """
import sys
import thincopt
import numpy as np
import copy, pickle
optimizer = thincopt.Adam(0.001)
for _ in range(3):
    optimizer("w", np.ones(3), np.ones(3))
optimizer.step_schedules()
copy.deepcopy(optimizer).load_state(pickle.loads(pickle.dumps(optimizer)).state())
optimizer.to_cpu()
thincopt.CupyOps  # the name alone
wrong = [each for each in sys.modules if each.partition(".")[0] in ("cupy", "torch", "jax")]
assert not wrong, wrong
assert "thincopt.ops.cuda.driver" not in sys.modules
"""


def test_training_in_main_memory_imports_no_cupy(tmp_path):
    (tmp_path / "cupy.py").write_text("raise RuntimeError('cupy was imported')")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", TRAINING], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_driver_of_these_tests_is_like_cupys():
    """The same methods, which take the same."""
    methods = {name: each for name, each in vars(Cuda).items() if callable(each) and not name.startswith("_")}
    for name, each in methods.items():
        assert [*signature(getattr(HostDriver, name)).parameters] == [*signature(each).parameters], name
