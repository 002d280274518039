"""What goes into a function's zip file: the handler's module and every module of this repository that it imports.

The files are copied to `build/functions/<name>-<digest>/`. The digest covers names and contents only, so the same
sources give the same folder and the same asset hash on every machine.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
#: Packages of this repository that may run inside a function.
PACKAGES = ("billing_exports", "contracts", "cost_reports", "lambdas")
#: Never part of an asset.
JUNK = ("__pycache__", ".DS_Store")


class PackagingError(RuntimeError):
    """An asset cannot be put together; the message names the file."""


def stage(handler_module: str, *, data: Sequence[str] = (), root: Path = ROOT, build: Path = BUILD) -> Path:
    """Return a folder with everything that `handler_module` (dotted name) imports, and the files that `data` names.

    `data` holds glob patterns relative to `root`, for files that are read rather than imported.

    Raises:
        PackagingError: the handler does not exist, or a pattern matches nothing.
    """
    files = closure(handler_module, root=root) | set(_data_files(data, root))
    contents = {path.relative_to(root).as_posix(): path.read_bytes() for path in files}
    name = handler_module.replace(".", "-").replace("_", "-")
    target = build / "functions" / f"{name}-{digest(contents.items())}"
    if not target.exists():
        with assembling(target) as folder:
            for relative, content in contents.items():
                path = folder / relative
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
    return target


def closure(module: str, *, root: Path = ROOT) -> set[Path]:
    """Return the files of the module, of all repository modules that it imports, and of their packages."""
    start = _file_of(module, root)
    if start is None:
        raise PackagingError(f"{root / Path(*module.split('.'))}.py does not exist; no function can be made of it")
    found: set[Path] = set()
    waiting = [start]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        waiting.extend(_packages_above(path, root))
        for name in _imports(path, path.relative_to(root).parent.parts):
            imported = _file_of(name, root)
            if imported is not None:
                waiting.append(imported)
    return found


def digest(entries: Iterable[tuple[str, bytes]]) -> str:
    """Return 16 hexadecimal digits that change with any name or content."""
    total = hashlib.sha256()
    for name, content in sorted(entries):
        total.update(f"{name}\0{len(content)}\0".encode() + content)
    return total.hexdigest()[:16]


class assembling:  # noqa: N801  (used like a function: `with assembling(target) as folder`)
    """Fill a new folder beside `target` and move it there when all went well, so that no half-made folder is used."""

    def __init__(self, target: Path) -> None:
        self._target = target

    def __enter__(self) -> Path:
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(prefix=f".{self._target.name}-", dir=self._target.parent))
        self._folder.chmod(0o755)
        return self._folder

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                try:
                    os.replace(self._folder, self._target)  # noqa: PTH105  (Path.replace refuses a folder on Windows)
                except OSError:
                    # Another synth was faster with the same content.
                    if not self._target.is_dir():
                        raise
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)


def _data_files(patterns: Sequence[str], root: Path) -> Iterator[Path]:
    for pattern in patterns:
        matched = [p for p in root.glob(pattern) if p.is_file() and not any(part in JUNK for part in p.parts)]
        if not matched:
            raise PackagingError(f"{root / pattern} matches no file")
        yield from matched


def _file_of(module: str, root: Path) -> Path | None:
    if module.split(".")[0] not in PACKAGES:
        return None
    base = root / Path(*module.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


def _packages_above(path: Path, root: Path) -> Iterator[Path]:
    for folder in path.relative_to(root).parents:
        init = root / folder / "__init__.py"
        if folder != Path() and init.is_file():
            yield init


@functools.cache
def _imports(path: Path, package: tuple[str, ...]) -> tuple[str, ...]:
    """Return the dotted names that `path` may import; `from a import b` gives both a and a.b.

    A synth asks for the same modules for every function, and sources do not change meanwhile.
    """
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))):
        if isinstance(node, ast.Import):
            names.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            prefix = ".".join([*base, *([node.module] if node.module else [])])
            names.append(prefix)
            names.extend(f"{prefix}.{alias.name}" for alias in node.names)
    return tuple(dict.fromkeys(names))
