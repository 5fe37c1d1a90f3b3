"""Configs and registries: what they build, with files, overrides, variables and rules of one's own."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import thincopt
from thincopt import ConfigError, SettingError, registry, rule
from thincopt.engine.settings import settings_of
from thincopt.language import Rate
from thincopt.ops.numpy.ops import NumpyOps
from thincopt.rules import all_rules
from thincopt.surface import registries

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

    monkeypatch.setattr(registries, "entry_points", lambda group: [EntryPoint("Adam.v1"), EntryPoint(f"{group}.v1")])
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
        with pytest.raises(SettingError, match=r"ops must be a backend, such as thincopt\.NumpyOps"):
            thincopt.Adam(ops=wrong)
    with pytest.raises(
        SettingError, match=r"Adam.v1: schedules must be schedules by name, {'learn_rate': …}, not \[1\]"
    ):
        thincopt.Adam(schedules=[1])


def test_schedules_registry_and_config_work_without_numpy():
    code = """
import sys
sys.modules["numpy"] = None
import thincopt
from thincopt import registry
from thincopt.configs.loading import Config
assert thincopt.decaying(0.5, 1.0)(1) == 0.25
assert thincopt.load("[schedule]\\n@schedules = constant.v1\\nrate = 0.5\\n")["schedule"](7) == 0.5
assert "Adam.v1" in registry.optimizers
print("fine")
"""
    root = Path(thincopt.__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=False)
    assert done.stdout.strip() == "fine", done.stderr


OTHERS = """
[paths]
train = null
broken = ${nowhere.at.all}

[nlp]
tokenizer = {"@tokenizers": "spacy.Tokenizer.v1"}

[training]
rate = 0.25
half = ${training.rate}

[training.optimizer]
@optimizers = "Adam.v1"
L2 = ${decays.L2}

[training.optimizer.learn_rate]
@schedules = warmup_linear.v1
warmup_steps = 0
total_steps = 10
initial_rate = ${training.half}

[decays]
L2 = 0.125
"""


def test_one_section_of_another_programs_config(tmp_path):
    path = tmp_path / "config.cfg"
    path.write_text(OTHERS)
    for source in (OTHERS, path):
        loaded = thincopt.load(source, section="training.optimizer", overrides={"training.rate": 0.5})
        assert set(loaded) == {"optimizer"}
        assert (loaded["optimizer"].learn_rate, loaded["optimizer"].L2) == (0.5, 0.125)
    filled = thincopt.fill(OTHERS, section="training.optimizer")
    assert thincopt.load(filled.to_str())["optimizer"].settings == {**loaded["optimizer"].settings, "learn_rate": 0.25}


@pytest.mark.parametrize(
    ("section", "old", "new", "told"),
    [
        (
            "training.optimiser",
            "",
            "",
            "section='training.optimiser' does not exist. Did you mean 'training.optimizer'?",
        ),
        (
            3,
            "",
            "",
            "section=3 does not exist. Known: decays, nlp, nlp.tokenizer, paths, training, training.optimizer,",
        ),
        ("training.rate", "", "", "section='training.rate' does not exist. "),
        (
            "training",
            "",
            "",
            "section='training' says nothing of what to make. Did you mean 'training.optimizer'?",
        ),
        (
            "decays",
            "@",
            "",
            "section='decays' says nothing of what to make. Give one that begins with `@optimizers = NAME.v1`.",
        ),
        ("training.optimizer", "L2 = $", "L3 = $", "line 15, [training.optimizer] L3: Adam.v1 has no setting 'L3'. "),
        (
            "training.optimizer",
            "s = 10",
            "s = -1",
            "line 20, [training.optimizer.learn_rate] total_steps: warmup_linear",
        ),
        (
            "training.optimizer",
            "decays.L2",
            "decays.L3",
            "line 15, [training.optimizer] L2: ${decays.L3} does not exist.",
        ),
    ],
)
def test_what_is_wrong_with_that_section_is_told_with_its_own_place(section, old, new, told):
    with pytest.raises(ConfigError) as caught:
        thincopt.load(OTHERS.replace(old, new), section=section)
    assert str(caught.value).startswith(told)


def test_a_schedule_beside_the_optimizer_may_be_referred_to():
    text = "[learn_rate]\n@schedules = constant.v1\nrate = 0.5\n[optimizer]\n@optimizers = Adam.v1\n"
    assert thincopt.load(f"{text}learn_rate = ${{learn_rate}}\n")["optimizer"].learn_rate == 0.5


def test_of_very_many_mistakes_the_first_are_told_and_the_others_counted():
    lines = "".join(f"x{each} = 1\n" for each in range(60_000))
    with pytest.raises(ConfigError) as caught:
        thincopt.load(f"[optimizer]\n@optimizers = Adam.v1\n{lines}")
    told = str(caught.value).split("\n")
    assert len(told) == 11
    assert told[-1] == "line 13, [optimizer] x10: Adam.v1: and 59,990 more settings are wrong."
    with pytest.raises(SettingError) as caught:
        thincopt.Adam(**{f"x{each}": 1 for each in range(12)})
    assert str(caught.value).split("\n")[-1] == "Adam.v1: and 2 more settings are wrong."
    with pytest.raises(ConfigError) as caught:
        thincopt.load("".join(f"[o{each}]\n@optimizers = Aadam.v1\n" for each in range(100)))
    assert str(caught.value).split("\n")[40:] == ["And more; mend these first."]


def circle():
    made = {}
    made["again"] = made
    return made


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (circle(), "The override 'training.rate' is nested over 32 deep, or in a circle."),
        ([0] * (1 << 19), "The override 'training.rate' has over 8192 sections and lists, or 262144 values."),
        (
            {"a": {1, 2}},
            "The override 'training.rate' must be what a config can hold, such as a number or a list, not {'a",
        ),
        ("x" * (1 << 21), "The override 'training.rate' has over 1048576 characters."),
    ],
)
def test_overrides_that_no_config_holds(value, told):
    with pytest.raises(ConfigError) as caught:
        thincopt.load(CONFIG, overrides={"training.rate": value})
    assert str(caught.value).startswith(told)
