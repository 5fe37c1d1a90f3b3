"""What is kept on disk: taken from there only if nobody else can have written it and it is whole."""

import os
import stat
from pathlib import Path

import pytest

from thincopt import OpsError
from thincopt.caching import kept

DATA = bytes(range(256)) * 50


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("THINCOPT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Maker:
    """Makes the data, and counts."""

    def __init__(self):
        self.count = 0

    def __call__(self):
        self.count += 1
        return DATA


@pytest.fixture
def make():
    return Maker()


def modes(folder: Path) -> set[int]:
    return {stat.S_IMODE(each.stat().st_mode) for each in (folder, *folder.rglob("*")) if each.is_dir()}


@pytest.mark.parametrize("umask", [0, 0o077])
def test_folders_and_files_are_this_user_s_alone(cache, make, umask):
    before = os.umask(umask)
    try:
        assert kept("a/b/kernel", make) == DATA
    finally:
        os.umask(before)
    assert modes(cache) == {0o700}
    assert stat.S_IMODE((cache / "a/b/kernel").stat().st_mode) == 0o600
    assert kept("a/b/kernel", make) == DATA
    assert make.count == 1


def as_another_user(folder, monkeypatch):
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    return rf"belongs to another user \({mine}; you are {mine + 1}\)"


def writable_by(bits):
    def change(folder, monkeypatch):
        folder.chmod(0o700 | bits)
        return "may be written by others"

    return change


FOREIGN = {"another's": as_another_user, "the group's": writable_by(0o020), "everybody's": writable_by(0o1002)}


@pytest.mark.parametrize("foreign", FOREIGN)
def test_nothing_in_a_folder_where_others_may_write_is_used(cache, make, monkeypatch, foreign):
    kept("a/kernel", make)
    before = (cache / "a/kernel").read_bytes()
    why = FOREIGN[foreign](cache / "a", monkeypatch)
    with pytest.warns(
        RuntimeWarning, match=rf"/cache/a {why}, so nothing in it is used: .* Until then all is compiled"
    ):
        assert kept("a/kernel", make) == DATA
    assert make.count == 2
    with pytest.raises(OpsError, match=rf"^Nothing can be kept in .*cache: .*/cache/a {why}, .* THINCOPT_CACHE\.$"):
        kept("a/kernel", make, cache)
    assert make.count == 2
    assert (cache / "a/kernel").read_bytes() == before


def linked(file, monkeypatch):
    file.rename(file.with_name("whole"))
    file.symlink_to("whole")


def piped(file, monkeypatch):
    file.unlink()
    os.mkfifo(file)


def of_another_user(file, monkeypatch):
    real, target = os.fstat, file.stat().st_ino

    def changed(descriptor):
        status = list(real(descriptor))
        status[stat.ST_UID] += status[stat.ST_INO] == target
        return os.stat_result(status)

    monkeypatch.setattr(os, "fstat", changed)


FILES = {
    "a link": linked,
    "a pipe": piped,
    "another's": of_another_user,
    "the group's": lambda file, _: file.chmod(0o620),
    "everybody's": lambda file, _: file.chmod(0o602),
    "changed": lambda file, _: file.write_bytes(b"x" + file.read_bytes()[1:]),
    "without a digest": lambda file, _: file.write_bytes(DATA),
}


@pytest.mark.parametrize("damage", FILES)
def test_a_file_that_this_did_not_write_is_replaced(cache, make, monkeypatch, damage):
    kept("a/kernel", make)
    FILES[damage](cache / "a/kernel", monkeypatch)
    assert kept("a/kernel", make) == DATA
    monkeypatch.undo()
    monkeypatch.setenv("THINCOPT_CACHE", str(cache))
    assert kept("a/kernel", make) == DATA
    assert make.count == 2


def test_every_cut_is_found(cache, make):
    kept("a/kernel", make)
    whole = (cache / "a/kernel").read_bytes()
    for length in range(0, len(whole), 97):
        (cache / "a/kernel").write_bytes(whole[:length])
        assert kept("a/kernel", make) == DATA
    assert make.count == 1 + len(range(0, len(whole), 97))


def test_a_folder_that_is_a_link_is_not_followed(cache, make, tmp_path):
    cache.mkdir()
    (tmp_path / "elsewhere").mkdir(0o700)
    (cache / "a").symlink_to(tmp_path / "elsewhere")
    assert kept("a/kernel", make) == DATA
    with pytest.raises(OpsError, match=r"^Nothing can be kept in "):
        kept("a/kernel", make, cache)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_it_is_on_the_disk_before_it_has_its_name(cache, make, monkeypatch):
    seen = []
    synced, replaced = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda *given: (seen.append("fsync"), synced(*given)))
    monkeypatch.setattr(os, "replace", lambda *given, **named: (seen.append("replace"), replaced(*given, **named)))
    kept("a/kernel", make)
    assert seen == ["fsync", "replace", "fsync"]


def refuse(name, error):
    def refused(*given, **named):
        raise error

    return lambda monkeypatch: monkeypatch.setattr(os, name, refused)


FULL = {
    "full": refuse("fsync", OSError(28, "No space left on device")),
    "read-only": refuse("replace", OSError(30, "ro")),
}


@pytest.mark.parametrize("fault", FULL)
def test_what_cannot_be_kept_leaves_nothing(cache, make, monkeypatch, fault):
    FULL[fault](monkeypatch)
    assert kept("a/kernel", make) == DATA
    with pytest.raises(OpsError, match=r"^Nothing can be kept in .*/cache: \[Errno (28|30)\]"):
        kept("a/kernel", make, cache)
    assert not list((cache / "a").iterdir())


def test_a_folder_that_cannot_be_one(cache, make, tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", Path("\0")):
        with pytest.raises(OpsError, match=r"^Nothing can be kept in "):
            kept("a/kernel", make, folder)
    assert make.count == 0
