"""A filled config as text: it loads to the same values, any number of times, here and by confection alone."""

import json

import pytest
from confection import Config
from hypothesis import example, given, settings
from hypothesis import strategies as st

import thincopt
from thincopt import ConfigError, registry

texts = st.lists(
    st.sampled_from(
        ["$", "$$", "${", "${a}", "$USER", "{", "}", '"', "'", "\\", "\\u0024", " ", "#", "=", "1", "x", "é", "\n"]
    ),
    max_size=6,
).map("".join)
values = st.recursive(
    texts, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just("k$"), inner, max_size=1)
)


@settings(deadline=None)
@given(value=values)
@example(value="$5")
@example(value=["$", "$"])
@example(value="$${a}")
@example(value={"k$": ["$$", "/data/$USER/x", '"$"', "'$'"]})
def test_what_was_filled_loads_to_the_same_any_number_of_times(value):
    text = f"[data]\nx = {json.dumps(value)}\n"
    try:
        first = thincopt.load(text)
    except ConfigError:
        assert "${" in json.dumps(value)
        return
    if "${" in json.dumps(first):  # of `$${`, which is text
        with pytest.raises(ConfigError, match="cannot be written"):
            thincopt.fill(text).to_str()
        return
    for _ in range(3):
        text = thincopt.fill(text).to_str()
        assert thincopt.load(text) == first
        assert Config().from_str(text) == first
    assert first["data"]["x"] == value


@settings(deadline=None)
@given(raw=texts)
def test_text_without_quotes_too(raw):
    try:
        first = thincopt.load(f"[data]\ny = 1\nx = {raw}\n")
        text = thincopt.fill(f"[data]\ny = 1\nx = {raw}\n").to_str()
    except ConfigError:
        assert "$" in raw or "'" in raw or "\n" in raw
        return
    assert thincopt.load(text) == thincopt.load(thincopt.fill(text).to_str()) == first


def test_a_variable_that_is_meant_as_text_cannot_be_written_and_that_is_said():
    filled = thincopt.fill("[data]\ny = 1\nx = a $${b} ${data.y}\n")
    assert filled["data"]["x"] == "a ${b} 1"
    with pytest.raises(
        ConfigError, match=r"^\[data\] x: 'a \$\{b\} 1' cannot be written, for it would be read as a var"
    ):
        filled.to_str()
    assert "x = a ${b} 1" in filled.to_str(interpolate=False)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"data": {"x": {1, 2}}}, r"^\[data\] x: a config cannot hold \{1, 2\}.$"),
        ({"x": 1}, r"^'x' is a value in no section.$"),
        ({"data": {"a = 1": 2}}, r"^\[data\]: 'a = 1' is no name for a value"),
        ({"data": {"x": "__SECTION__:data"}}, "cannot be written"),
    ],
)
def test_what_text_cannot_hold_is_told(config, told):
    with pytest.raises(ConfigError, match=told):
        registry.fill(config).to_str()


def test_a_filled_config_is_written_as_before_and_can_be_kept(tmp_path):
    text = "[optimizer]\n@optimizers = Adam.v1\n[optimizer.learn_rate]\n@schedules = constant.v1\nrate = 0.5\n"
    filled = thincopt.fill(text)
    assert filled.to_str() == Config(filled).to_str()
    filled.to_disk(tmp_path / "kept.cfg")
    assert thincopt.load(tmp_path / "kept.cfg")["optimizer"].settings == thincopt.load(text)["optimizer"].settings
    assert thincopt.fill(text).to_bytes().decode() == filled.to_str()
