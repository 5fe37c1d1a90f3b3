"""Where a config comes from: only a regular file is read, and no more of it than a config may have."""

import os
import signal
import socket

import pytest

import thincopt
from thincopt import ConfigError
from thincopt.configs.place import MOST_CHARACTERS


def told(source):
    """The error, within five seconds."""
    before = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("waits"))
    signal.alarm(5)
    try:
        with pytest.raises(ConfigError) as caught:
            thincopt.load(source)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    return str(caught.value)


def test_what_is_no_regular_file_is_named_and_neither_read_nor_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as made:
        here = os.getcwd()
        os.chdir(tmp_path)  # a socket's path is short
        made.bind("socket")
        os.chdir(here)
    (tmp_path / "to_pipe").symlink_to("pipe")
    kinds = {"pipe": "a pipe", "to_pipe": "a pipe", "socket": "a socket", ".": "a directory"}
    for path, kind in [*((tmp_path / each, kind) for each, kind in kinds.items()), ("/dev/zero", "a device")]:
        text = (
            f"The config {str(path)!r} is {kind}, not a regular file. Give the path of a file, or a text with sections."
        )
        assert told(path) == told(str(path)) == text
    assert "'/dev/null' is a device" in told("/dev/null")


def test_a_file_that_becomes_a_pipe_is_not_waited_for(tmp_path, monkeypatch):
    """What is seen before a file is opened may be another one than is opened then."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_text("[a]\n")
    seen = os.stat(tmp_path / "file")
    monkeypatch.setattr(os, "stat", lambda *_, **__: seen)
    assert "is a pipe, not a regular file" in told(tmp_path / "pipe")


def test_no_more_is_read_than_a_config_may_have(tmp_path):
    path = tmp_path / "large.cfg"
    with path.open("wb") as file:
        file.truncate(10 << 30)
    assert told(path) == f"{path} has {10 << 30} bytes; a config has at most {MOST_CHARACTERS}."
    text = "[a]\nx = " + "y" * (MOST_CHARACTERS - 8)
    path.write_text(text)
    assert thincopt.load(path) == thincopt.load(text)


def test_a_file_that_grows_is_not_read_to_its_end(tmp_path, monkeypatch):
    path = tmp_path / "grows.cfg"
    path.write_text("[a]\n")
    seen = os.stat(path)
    path.write_bytes(b"x" * (MOST_CHARACTERS + 5))
    monkeypatch.setattr(os, "stat", lambda *_, **__: seen)
    monkeypatch.setattr(os, "fstat", lambda *_: seen)
    assert told(path) == f"{path} has over {MOST_CHARACTERS} bytes; a config has at most {MOST_CHARACTERS}."


@pytest.mark.parametrize("source", ["", " ", "\t"])
def test_nothing_is_no_config(source):
    assert told(source).startswith("The config is empty. Give the path of a file, or a text with sections")


@pytest.mark.parametrize("text", ['{"optimizer": {"@optimizers": "Adam.v1"}}', '{\n "a": [1]\n}\n'])
def test_json_is_told_from_a_config(tmp_path, text):
    path = tmp_path / "config.json"
    path.write_text(text)
    for source, name in ((text, "The config"), (path, str(path)), (str(path), str(path))):
        assert told(source).startswith(f"{name} is JSON, and a config has sections")


def test_lines_may_end_as_elsewhere(tmp_path):
    path = tmp_path / "train.cfg"
    path.write_bytes(b"\xef\xbb\xbf[a]\r\nx = 1\r\n[b]\ry = 2\r")
    assert thincopt.load(path) == {"a": {"x": 1}, "b": {"y": 2}}
