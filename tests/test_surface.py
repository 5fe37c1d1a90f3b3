"""What a user touches: factories, attributes, configs, averages, names, copies."""

import copy
import inspect
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import thincopt
from thincopt import ArrayError, Optimizer, SettingError, registry, rule
from thincopt.language import Rate
from thincopt.ops.numpy_ops import NumpyOps
from thincopt.rules import all_rules
from thincopt.settings import settings_of
from thincopt.stubs import TARGET, stub

SEED_CONFIGS = {
    "SGD": "learn_rate = 0.001\nL2 = 1e-6\nL2_is_weight_decay = true\ngrad_clip = 1.0\nuse_averages = true",
    "Adam": "learn_rate = 0.001\nbeta1 = 0.9\nbeta2 = 0.999\neps = 1e-08\nL2 = 1e-6\nL2_is_weight_decay = true\n"
    "grad_clip = 1.0\nuse_averages = true\nlookahead_k = 0\nlookahead_alpha = 0.5",
    "RAdam": "learn_rate = 0.001\nbeta1 = 0.9\nbeta2 = 0.999\neps = 1e-08\nweight_decay = 1e-6\ngrad_clip = 1.0\n"
    "use_averages = true\nlookahead_k = 0\nlookahead_alpha = 0.5",
}


@pytest.mark.parametrize("name", SEED_CONFIGS)
def test_the_seed_pages_configs_build_what_its_python_builds(name):
    text = f"[optimizer]\n@optimizers = {name}.v1\n{SEED_CONFIGS[name]}\n"
    loaded = thincopt.load(text)["optimizer"]
    settings = dict(line.split(" = ") for line in SEED_CONFIGS[name].splitlines())
    given = {key: {"true": True}.get(value) or float(value) for key, value in settings.items()}
    made = getattr(thincopt, name)(**given)
    assert loaded.settings == made.settings
    assert loaded.rule is made.rule is all_rules()[f"{name}.v1"]


def test_the_seed_pages_misspelling_gets_the_right_name():
    text = (
        f"[optimizer]\n@optimizers = Adam.v1\n{SEED_CONFIGS['Adam'].replace('lookahead_alpha', 'lookeahead_alpha')}\n"
    )
    with pytest.raises(ValueError, match=r"\[optimizer\] lookeahead_alpha: .* Did you mean 'lookahead_alpha'\?"):
        thincopt.load(text)


def test_the_seed_pages_optimizer():
    optimizer = Optimizer(learn_rate=0.001, L2=1e-6, grad_clip=1.0)
    assert optimizer.learn_rate == 0.001
    optimizer.learn_rate = 0.01
    assert optimizer.learn_rate == 0.01
    optimizer.to_cpu()
    with pytest.raises(thincopt.OpsError, match="to_gpu needs CuPy"):
        optimizer.to_gpu()


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({}, "Adam.v1"),
        ({"use_radam": True}, "RAdam.v1"),
        ({"beta1": 0.0, "beta2": 0.0}, "SGD.v1"),
        ({"beta1": [0.0, 0.5]}, "Adam.v1"),
    ],
)
def test_the_constructor_chooses_as_thinc_does(settings, name):
    optimizer = Optimizer(0.1, **settings)
    assert optimizer.rule.name == name
    assert optimizer.use_radam == (name == "RAdam.v1")
    assert (optimizer.grad_clip, optimizer.use_averages, optimizer.L2_is_weight_decay) == (1.0, True, True)


EFFECTS = {
    "learn_rate": 0.5,
    "beta1": 0.5,
    "beta2": 0.5,
    "eps": 0.5,
    "L2": 0.5,
    "weight_decay": 0.5,
    "grad_clip": 0.01,
    "lookahead_k": 2,
    "use_radam": True,
}


@pytest.mark.parametrize("name", EFFECTS)
def test_each_argument_of_the_constructor_has_an_effect(name, ops):
    ends = []
    for settings in ({}, {name: EFFECTS[name]}):
        optimizer = Optimizer(**{"learn_rate": 0.1, "eps": 0.1, "ops": ops, **settings})
        weights = np.array([1.0, -2.0])
        for gradient in ([0.5, -1.0], [-0.2, 0.7], [1.5, 0.1], [0.3, -2.0]):
            optimizer("w", weights, np.array(gradient))
        ends.append(weights)
    assert np.abs(ends[0] - ends[1]).min() > 1e-4


def test_attributes_read_assign_and_validate():
    optimizer = thincopt.Adam()
    assert (optimizer.b1, optimizer.b2, optimizer.beta1, optimizer.eps, optimizer.L2) == (0.9, 0.999, 0.9, 1e-8, 0.0)
    optimizer.b1, optimizer.L2, optimizer.grad_clip = 0.5, 0.1, 0
    assert (optimizer.beta1, optimizer.L2, optimizer.grad_clip) == (0.5, 0.1, 0)
    with pytest.raises(SettingError, match="beta1 must be"):
        optimizer.b1 = 1.0
    with pytest.raises(AttributeError, match="averages can be read, not assigned"):
        optimizer.averages = {}
    with pytest.raises(AttributeError, match=r"Adam.v1 has no setting 'learn_date'. Did you mean 'learn_rate'\?"):
        optimizer.learn_date  # noqa: B018  # reading it is the slip
    assert not hasattr(optimizer, "__array__")


def test_factories_and_names():
    assert thincopt.Adam.v1 is thincopt.Adam is thincopt.get("adam") is thincopt.get("Adam.v1")
    assert thincopt.Adam.v2.rule.name == "Adam.v2"
    assert thincopt.get("adam_w") is thincopt.get("ADAM-W.v1") is thincopt.AdamW
    assert repr(thincopt.Lion).startswith(
        "<optimizer Lion.v1(learn_rate = 0.0001, *, beta1 = 0.9, beta2 = 0.99, L2 = 0.0,"
    )
    assert list(inspect.signature(thincopt.SGD).parameters)[:2] == ["learn_rate", "L2"]
    assert pickle.loads(pickle.dumps(thincopt.Adam.v2)) is thincopt.Adam.v2
    with pytest.raises(AttributeError, match=r"There is no Adam.v3; there is Adam.v1, Adam.v2."):
        thincopt.Adam.v3  # noqa: B018  # reading it is the slip
    with pytest.raises(AttributeError, match="module 'thincopt' has no attribute 'Adma'"):
        thincopt.Adma  # noqa: B018  # as above


def test_numbers_of_other_kinds_are_numbers():
    optimizer = thincopt.Adam(np.float32(0.5), lookahead_k=2.0, eps=1)
    assert (optimizer.learn_rate, optimizer.lookahead_k, optimizer.eps) == (0.5, 2.0, 1)


def test_registries():
    assert registry.get("optimizers", "Adam.v2") is thincopt.Adam.v2
    assert registry.has("schedules", "decaying.v1")
    assert not registry.has("optimizers", "Adam")
    assert set(registry.optimizers.get_all()) >= set(all_rules())
    assert registry.schedules.get("constant.v1") is thincopt.constant
    assert registry.ops.get("NumpyOps")().name == "numpy"


def test_a_users_own_rule_works_at_once_in_configs_too():
    @rule("HalfForTests.v1")
    def Half(w, g, *, learn_rate: Rate = 0.25):
        """w ← w − η·g/2"""
        return learn_rate * g / 2

    optimizer = thincopt.load("[optimizer]\n@optimizers = HalfForTests.v1\nlearn_rate = 1.0\n")["optimizer"]
    weights = np.ones(2)
    optimizer("w", weights, np.ones(2))
    assert list(weights) == [0.5, 0.5]
    assert thincopt.get("half_for_tests")().learn_rate == 0.25


def test_a_users_own_function_can_be_registered_as_in_thinc():
    @registry.optimizers("gentle_for_tests.v1")
    def gentle(rate: float = 0.1):
        return thincopt.Lion(rate / 10)

    made = registry.resolve({"optimizer": {"@optimizers": "gentle_for_tests.v1", "rate": 0.5}})["optimizer"]
    assert made.learn_rate == 0.05


def test_entry_points_of_others_are_found_and_never_shadow_ours(monkeypatch):
    class EntryPoint:
        def __init__(self, name):
            self.name = name

        def load(self):
            return lambda: f"foreign {self.name}"

    monkeypatch.setattr(registry, "entry_points", lambda group: [EntryPoint("Adam.v1"), EntryPoint(f"{group}.v1")])
    assert registry.optimizers.get("Adam.v1") is thincopt.Adam
    assert registry.optimizers.get("thincopt_optimizers.v1")() == "foreign thincopt_optimizers.v1"


CONFIG = """
[training]
rate = 0.25

[optimizer]
@optimizers = Adam.v1
L2 = 1e-6

[optimizer.learn_rate]
@schedules = constant_then.v1
rate = ${training.rate}
steps = 1

[optimizer.learn_rate.schedule]
@schedules = decaying.v1
base_rate = 0.5
decay = 1.0
"""


def test_configs_of_text_and_of_files_with_overrides_and_variables(tmp_path):
    path = tmp_path / "train.cfg"
    path.write_text(CONFIG)
    for source in (CONFIG, path, str(path)):
        loaded = thincopt.load(source, overrides={"optimizer.L2": 0.0, "optimizer.beta1": 0.5, "training.rate": 0.125})
        optimizer = loaded["optimizer"]
        assert (optimizer.L2, optimizer.beta1, optimizer.learn_rate) == (0.0, 0.5, 0.125)
        optimizer.step_schedules()
        optimizer.step_schedules()
        assert optimizer.learn_rate == 0.25
        assert loaded["training"] == {"rate": 0.125}


def test_fill_writes_every_default_and_the_text_builds_the_same():
    filled = thincopt.fill(CONFIG)
    assert filled["optimizer"]["eps"] == 1e-8
    assert thincopt.load(filled.to_str())["optimizer"].settings == thincopt.load(CONFIG)["optimizer"].settings
    assert set(settings_of(all_rules()["Adam.v1"])) <= set(filled["optimizer"])


def test_the_schedules_argument_in_a_config():
    text = (
        "[optimizer]\n@optimizers = SGD.v1\nlearn_rate = 0.5\n[optimizer.schedules]\n[optimizer.schedules.learn_rate]\n"
    )
    optimizer = thincopt.load(text + "@schedules = constant.v1\nrate = 0.125\n")["optimizer"]
    assert optimizer.learn_rate == 0.5
    optimizer.step_schedules()
    assert optimizer.learn_rate == 0.125


def test_the_backend_is_an_argument_in_python_and_in_configs(ops):
    assert thincopt.Adam(ops=ops).ops is ops
    text = "[optimizer]\n@optimizers = Adam.v1\n[optimizer.ops]\n@ops = NumpyOps\n"
    assert thincopt.load(text)["optimizer"].ops.name == "numpy"
    for wrong in ("numpy", NumpyOps):
        with pytest.raises(SettingError, match="ops must be a backend, such as NumpyOps"):
            thincopt.Adam(ops=wrong)
    with pytest.raises(
        SettingError, match=r"Adam.v1: schedules must be schedules by name, {'learn_rate': …}, not \[1\]"
    ):
        thincopt.Adam(schedules=[1])


def test_averaged_swaps_the_averages_in_and_back(ops):
    optimizer = thincopt.Adam(0.1, ops=ops)
    weights = np.ones((2, 2), "float32")
    for _ in range(3):
        optimizer("w", weights, np.ones((2, 2), "float32"))
    before = weights.copy()
    with optimizer.averaged({"w": weights}):
        assert (weights == optimizer.averages["w"]).all()
        assert (weights != before).all()
    assert (weights == before).all()
    with pytest.raises(RuntimeError, match="evaluation"), optimizer.averaged({"w": weights}):
        raise RuntimeError("evaluation")
    assert (weights == before).all()
    with pytest.raises(ArrayError, match="Key 'v' has no averages yet"), optimizer.averaged({"v": weights}):
        pass
    with pytest.raises(ArrayError, match="this key began with 4 elements"), optimizer.averaged({"w": np.ones(5)}):
        pass
    with pytest.raises(SettingError, match=r"AdamW.v1 keeps no averages here: pass use_averages=True."):
        thincopt.AdamW().averaged({}).__enter__()


def test_it_prints_what_differs_from_the_defaults():
    optimizer = thincopt.Adam([0.1, 0.2], L2=0.5)
    optimizer("w", np.ones(2), np.ones(2))
    assert repr(optimizer) == "<Adam.v1 learn_rate=[0.1, 0.2], L2=0.5; 1 keys>"


@pytest.mark.parametrize("copies", [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
@pytest.mark.parametrize("name", ["Adam.v1", "NAdam.v1", "SGD.v2"])
def test_a_copy_goes_on_with_the_same_bits(copies, name, ops):
    def step(optimizer, weights, index):
        optimizer("w", weights, np.random.default_rng(index).normal(size=30).astype("float32"))
        optimizer.step_schedules()

    one = Optimizer.of(name, learn_rate=thincopt.decaying(0.1, 0.5), lookahead_k=2, ops=ops)
    weights = np.ones(30, "float32")
    for index in range(3):
        step(one, weights, index)
    other, others = copies(one), weights.copy()
    for index in range(3, 6):
        step(one, weights, index)
        step(other, others, index)
    assert weights.tobytes() == others.tobytes()
    assert str(one.state()) == str(other.state())
    assert one.settings == other.settings


def test_the_stub_is_fresh():
    """`make stubs` writes it."""
    assert TARGET.read_text(encoding="utf-8") == stub()


def test_schedules_registry_and_config_work_without_numpy():
    code = """
import sys
sys.modules["numpy"] = None
import thincopt
from thincopt import registry
from thincopt.config import Config
assert thincopt.decaying(0.5, 1.0)(1) == 0.25
assert thincopt.load("[schedule]\\n@schedules = constant.v1\\nrate = 0.5\\n")["schedule"](7) == 0.5
assert "Adam.v1" in registry.optimizers
print("fine")
"""
    root = Path(thincopt.__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=False)
    assert done.stdout.strip() == "fine", done.stderr
