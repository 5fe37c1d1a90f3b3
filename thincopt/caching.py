"""The user's cache on disk: what takes long to make is kept there. The standard library alone."""

import os
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

DIGEST = sha256().digest_size  # bytes, which a kept file begins with


def cache_folder() -> Path:
    """Where thincopt keeps what it compiles."""
    own = os.environ.get("THINCOPT_CACHE")
    return Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "thincopt")


def kept(path: str, make: Callable[[], bytes]) -> bytes:
    """What `make` gives, kept at this path within the cache, if it can be; what is damaged there is made again."""
    try:
        target = cache_folder() / path
    except RuntimeError:  # the user has no home
        return make()
    found = _read(target)
    if found is None:
        found = make()
        _write(target, found)
    return found


def _read(target: Path) -> bytes | None:
    with suppress(OSError):
        kept = target.read_bytes()
        if sha256(kept[DIGEST:]).digest() == kept[:DIGEST]:
            return kept[DIGEST:]
    return None


def _write(target: Path, data: bytes) -> None:
    """Write beside the target, and put it there when it is whole: others may write the same."""
    with suppress(OSError):  # it cannot be kept, and is made again next time
        target.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=target.parent) as folder:
            whole = Path(folder, target.name)
            whole.write_bytes(sha256(data).digest() + data)
            whole.replace(target)
