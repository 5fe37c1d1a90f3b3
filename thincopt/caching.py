"""What takes long to make is kept on disk, and taken only from where nobody else can write.

A kept file ends with the digest of its name and of all before it: what is cut, changed or swapped is never loaded.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from stat import S_ISREG, S_IWGRP, S_IWOTH
from warnings import warn

from .errors import OpsError

DIGEST = sha256().digest_size  # bytes


class UntrustedError(PermissionError):
    """A folder in which somebody else may have put what is there."""


def cache_folder() -> Path:
    """Where thincopt keeps what it compiles."""
    own = os.environ.get("THINCOPT_CACHE")
    return Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "thincopt")


def kept(path: str, make: Callable[[], bytes], folder: Path | None = None) -> bytes:
    """What `make` gives, kept at this path within a folder; what is damaged there is made again.

    Without a folder it is the user's cache, and what cannot be kept there is made each time.
    """
    try:
        target = Path(folder or cache_folder(), path)
        place = _opened(target.parent)
    except (OSError, RuntimeError, ValueError) as error:  # such as: it is a file; the user has no home
        if folder is not None:
            raise OpsError(f"Nothing can be kept in {folder}: {error}") from error
        if isinstance(error, UntrustedError):
            warn(f"{error} Until then all is compiled anew each time.", RuntimeWarning, stacklevel=3)
        return make()
    try:
        return _kept(place, path, make, folder)
    finally:
        os.close(place)


def found(path: str) -> bytes | None:
    """What is kept at this path in the user's cache; None where there is nothing that only this user can have put."""
    with suppress(OSError, RuntimeError, ValueError):
        target = Path(cache_folder(), path)
        place = _entered(target.parent)
        try:
            return _read(place, path)
        finally:
            os.close(place)
    return None


def why_nothing_is_kept() -> str | None:
    """Why the user's cache cannot be used; None if it can, or could if it were made."""
    try:
        folder = cache_folder()
        if folder.is_dir():
            os.close(_entered(folder))
        there = next(each for each in (folder, *folder.parents) if each.exists())
    except (OSError, RuntimeError, ValueError) as error:
        return str(error)
    return None if there.is_dir() and os.access(there, os.W_OK) else f"{there} cannot be written"


def _kept(place: int, path: str, make: Callable[[], bytes], folder: Path | None) -> bytes:
    found = _read(place, path)
    if found is None:
        found = make()
        try:
            _write(place, path, found)
        except OSError as error:
            if folder is not None:
                raise OpsError(f"Nothing can be kept in {folder}: {error}") from error
    return found


def _opened(folder: Path) -> int:
    """A descriptor of this folder, made if need be."""
    _make(folder)
    return _entered(folder)


def _entered(folder: Path) -> int:
    """A descriptor of a folder in which nobody else can have put anything.

    What is in it is reached by the descriptor: whoever renames the folder does not change what is read.
    """
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    why = _untrusted(os.fstat(place))
    if why:
        os.close(place)
        raise UntrustedError(
            f"{folder} {why}, so nothing in it is used: remove it, make it yours alone (chmod 700), or choose another"
            " folder, such as by THINCOPT_CACHE."
        )
    return place


def _make(folder: Path) -> None:
    """Make the folder, and those that it is in, for this user alone."""
    if not folder.is_dir():
        _make(folder.parent)
        with suppress(FileExistsError):  # another process made it; or it is a file, as opening it will tell
            folder.mkdir(0o700)


def _untrusted(status: os.stat_result) -> str | None:
    """Why somebody else could have written this, if so."""
    if status.st_uid != os.geteuid():
        return f"belongs to another user ({status.st_uid}; you are {os.geteuid()})"
    return "may be written by others" if status.st_mode & (S_IWGRP | S_IWOTH) else None


def _read(place: int, path: str) -> bytes | None:
    """What was kept; None if there is nothing, or what this did not write."""

    def opened(name: str, flags: int) -> int:
        return os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=place)

    with suppress(OSError), open(Path(path).name, "rb", opener=opened) as file:
        status = os.fstat(file.fileno())
        if S_ISREG(status.st_mode) and not _untrusted(status):
            whole = file.read()
            if _digest(path, whole[:-DIGEST]) == whole[-DIGEST:]:
                return whole[:-DIGEST]
    return None


def _write(place: int, path: str, data: bytes) -> None:
    """Write beside, and put it there when it is whole and on the disk: others may write the same."""
    name = Path(path).name
    beside = f"{name}.{token_hex(8)}"

    def opened(name: str, flags: int) -> int:
        return os.open(name, flags | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=place)

    try:
        with open(beside, "wb", opener=opened) as file:
            file.write(data + _digest(path, data))
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, name, src_dir_fd=place, dst_dir_fd=place)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside, dir_fd=place)
        raise
    with suppress(OSError):  # not every file system can
        os.fsync(place)


def _digest(path: str, data: bytes) -> bytes:
    return sha256(path.encode() + b"\0" + data).digest()
