"""A folder for the files of one call, also where an earlier call was killed."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "ladder-exports-"
_LOCK = "lock"


@contextmanager
def temporary_folder(parent: Path | None = None) -> Iterator[Path]:
    """Make a new folder in `parent` (default: that of temporary files), removed at the end.

    Lambda keeps `/tmp` when it kills a call that took too long or too much memory. What such calls left is removed
    first: it would take the room of this one. A folder is in use as long as its lock file is locked.
    """
    root = Path(parent or tempfile.gettempdir())
    for left in root.glob(f"{_PREFIX}*/{_LOCK}"):
        _remove_unlocked(left)
    with tempfile.TemporaryDirectory(dir=root, prefix=_PREFIX) as name:
        folder = Path(name)
        with (folder / _LOCK).open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder


def _remove_unlocked(lock: Path) -> None:
    try:
        with lock.open("rb") as opened:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)
    except OSError:
        return  # a call that goes on, one that has just ended, or another user's
