"""What a user touches: factories, attributes, averages, names, copies."""

import builtins
import copy
import doctest
import inspect
import pickle
import pydoc
from operator import delitem, ior, setitem

import numpy as np
import pytest

import thincopt
from thincopt import ArrayError, Optimizer, SettingError
from thincopt.schedules import all_schedules
from thincopt.surface.stubs import stubs


def test_the_seed_pages_optimizer():
    optimizer = Optimizer(learn_rate=0.001, L2=1e-6, grad_clip=1.0)
    assert optimizer.learn_rate == 0.001
    optimizer.learn_rate = 0.01
    assert optimizer.learn_rate == 0.01
    optimizer.to_cpu()
    with pytest.raises(thincopt.OpsError, match="CuPy"):
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


@pytest.mark.parametrize("name", ["settings", "schedules", "nr_update", "mom1", "mom2", "averages"])
def test_what_is_told_is_for_reading(name):
    """Thinc's users may write into its dicts; here that would be lost."""
    optimizer = thincopt.Adam([0.1, 0.2])
    optimizer("learn_rate", np.ones(2), np.ones(2))
    told = getattr(optimizer, name)
    instead = "optimizer.learn_rate = …" if name in ("settings", "schedules") else "load_state"
    writes = [lambda: told.update(learn_rate=3), lambda: told.pop("learn_rate"), lambda: told.setdefault("W", 1)]
    writes += [lambda: setitem(told, "learn_rate", 3), lambda: delitem(told, "learn_rate"), lambda: ior(told, {})]
    for write in (*writes, told.clear, told.popitem):
        with pytest.raises(TypeError, match=rf"^This is for reading, and nothing changes .*: .*{instead}"):
            write()
    for plain in (copy.copy(told), copy.deepcopy(told), told.copy(), told | {}, pickle.loads(pickle.dumps(told))):
        assert type(plain) is dict
        assert repr(plain) == repr(told)


def test_factories_and_names():
    assert thincopt.Adam.v1 is thincopt.Adam is thincopt.get("adam") is thincopt.get("Adam.v1")
    assert thincopt.Adam.v2.rule.name == "Adam.v2"
    assert thincopt.get("adam_w") is thincopt.get("ADAM-W.v1") is thincopt.AdamW
    assert repr(thincopt.Lion).startswith("<optimizer Lion.v1(learn_rate=0.0001, *, beta1=0.9, beta2=0.99, L2=0.0,")
    assert list(inspect.signature(thincopt.SGD).parameters)[:2] == ["learn_rate", "L2"]
    assert pickle.loads(pickle.dumps(thincopt.Adam.v2)) is thincopt.Adam.v2
    with pytest.raises(AttributeError, match=r"There is no Adam.v99; there is Adam.v1, Adam.v2."):
        thincopt.Adam.v99  # noqa: B018  # reading it is the slip
    with pytest.raises(AttributeError, match=r"thincopt has no 'Aadam'\. Did you mean 'Adam'"):
        thincopt.Aadam  # noqa: B018  # as above


def test_numbers_of_other_kinds_are_numbers():
    optimizer = thincopt.Adam(np.float32(0.5), lookahead_k=2.0, eps=1)
    assert (optimizer.learn_rate, optimizer.lookahead_k, optimizer.eps) == (0.5, 2.0, 1)


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
    assert repr(optimizer) == "<Adam.v1 learn_rate=0.1 by [0.1, 0.2], L2=0.5; 1 keys>"


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
    for path, text in stubs().items():
        assert path.read_text(encoding="utf-8") == text, "`make stubs` writes it"


def test_a_name_that_cannot_be_imported_is_told():
    with pytest.raises(ImportError, match=r"^thincopt has no 'adam'. Did you mean 'Adam'\?$") as caught:
        from thincopt import adam  # noqa: F401  # this is the slip
    assert (caught.value.name, caught.value.path) == ("thincopt", thincopt.__file__)
    schedules = ", ".join(sorted(each.removesuffix(".v1") for each in all_schedules()))
    with pytest.raises(ImportError) as caught:
        from thincopt import CosineAnnealingLR  # noqa: F401  # as above
    assert str(caught.value) == (
        f"thincopt has no 'CosineAnnealingLR'. Its schedules are {schedules}; @schedule('mine.v1') makes another of a"
        " function of (step, …)."
    )
    with pytest.raises(AttributeError) as asked:
        thincopt.CosineAnnealingLR  # noqa: B018  # reading it is the slip
    assert str(asked.value) == str(caught.value)
    with pytest.raises(ImportError, match=r"^thincopt has no '_adam'\.$"):
        from thincopt import _adam  # noqa: F401  # as above


def test_a_name_that_is_not_there_may_be_asked_for():
    assert not hasattr(thincopt, "adam")
    assert getattr(thincopt, "adam", 3) == 3
    assert inspect.getmembers(thincopt, inspect.isclass)
    assert doctest.testmod(thincopt).failed == 0
    assert "Adam" in pydoc.render_doc(thincopt)
    with pytest.raises(AttributeError):
        pickle.loads(b"cthincopt\nadam\n.")
    from thincopt import caching  # a module that nothing has to have imported

    assert caching.__name__ == "thincopt.caching"


def test_a_star_gives_what_is_ours_and_hides_nothing_of_pythons():
    thincopt.rule("Starred.v1")(lambda w, g: g)
    names = {}
    exec("from thincopt import *", names)  # noqa: S102  # as users write it
    names.pop("__builtins__")
    ours = {each for each in dir(thincopt) if not each.startswith(("Starred", "Probe")) and each != "compile"}
    assert names == {name: getattr(thincopt, name) for name in ours}
    assert {"Adam", "SGD", "Optimizer", "warmup_linear", "rule", "load"} <= names.keys()
    assert not names.keys() & vars(builtins).keys()
