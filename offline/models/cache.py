"""The folder of converted models: built once, complete or absent, checked before every use.

A build writes into a temporary folder beside its target and is renamed when all its files are on the disk, a build that
was killed, or that ran out of space, leaves nothing that a later start would use.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

INDEX = "complete.json"
"""Lists every file of a finished build with its size in bytes; written last."""


class ModelFilesError(RuntimeError):
    """A model file is missing, damaged or cannot be written; the message says which and what to do."""


def cache_root(environ: Mapping[str, str]) -> Path:
    """Return the folder of models: `$LADDER_CACHE`, else `fm-cost-ladder` in `$XDG_CACHE_HOME` or `~/.cache`."""
    folder = environ.get("LADDER_CACHE")
    if folder:
        return Path(folder).expanduser().absolute()
    base = environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "fm-cost-ladder"


def sha256_of(path: Path) -> str:
    """Return the hexadecimal SHA-256 of the file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verified(path: Path, expected: str, package: str) -> Path:
    """Return `path`, once its content has the expected SHA-256.

    Raises:
        ModelFilesError: the file is absent or another one; names the package to reinstall.
    """
    if not path.is_file():
        raise ModelFilesError(f"{path} is missing: reinstall the package {package}")
    actual = sha256_of(path)
    if actual != expected:
        raise ModelFilesError(
            f"{path} is not the file that was examined (sha256 {actual[:16]}..., expected {expected[:16]}...): "
            f"reinstall the package {package} in its pinned version"
        )
    return path


def is_complete(folder: Path) -> bool:
    """Return whether `folder` is a finished build whose files all have their recorded sizes."""
    try:
        sizes = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        return bool(sizes) and all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError):
        return False


def build_once(target: Path, build: Callable[[Path], None]) -> Path:
    """Return `target`, built by `build(temporary folder)` unless a complete one is there. Safe between processes.

    Raises:
        ModelFilesError: the folder cannot be written, for instance because the disk is full.
    """
    if is_complete(target):
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _locked(target.with_name(target.name + ".lock")):
            if not is_complete(target):
                _build(target, build)
    except OSError as error:
        raise ModelFilesError(
            f"cannot write {target}: {error.strerror or error}; free space or set LADDER_CACHE to another folder"
        ) from error
    return target


def _build(target: Path, build: Callable[[Path], None]) -> None:
    for left in target.parent.glob(f".{target.name}.*.partial"):  # of a build that was killed: we hold the lock
        shutil.rmtree(left)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent))
    try:
        build(temporary)
        files = sorted(p for p in temporary.rglob("*") if p.is_file())
        for path in files:
            _flush(path)
        index = temporary / INDEX
        index.write_text(json.dumps({str(p.relative_to(temporary)): p.stat().st_size for p in files}, indent=1))
        _flush(index)
        if target.exists():  # damaged: `is_complete` said so
            shutil.rmtree(target)
        temporary.rename(target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
