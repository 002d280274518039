"""Checkpoints that are never half of something: a folder counts once its manifest names every file by its SHA-256.

SageMaker uploads the checkpoint folder all the time, files that are being written too, and gives a restarted job what
it uploaded. Only a folder whose files are those of its manifest is resumed from; what is not, is deleted.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MANIFEST = "complete.json"
FINISHED = "finished"
"""The folder of an adapter that is trained to its end, beside its `checkpoint-<step>` folders."""


def seal(folder: Path, key: str, report: Mapping[str, Any] | None = None) -> None:
    """Write the manifest of `folder`, last and at once: `key` says what was trained, `report` how."""
    files = {str(path.relative_to(folder)): _sha256(path) for path in _files(folder)}
    temporary = folder.parent / f".{folder.name}.{MANIFEST}"
    temporary.write_text(json.dumps({"key": key, "files": files, "report": report}), encoding="utf-8")
    temporary.replace(folder / MANIFEST)


def sealed(folder: Path, key: str) -> dict[str, Any] | None:
    """Return the manifest of a complete folder of the same `key`, else None."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        whole = all(_sha256(folder / name) == digest for name, digest in manifest["files"].items())
        return manifest if whole and manifest["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def usable(root: Path, key: str) -> Path | None:
    """Return the newest checkpoint below `root` to go on from; None to begin anew.

    A checkpoint that remembers a better one is only usable with it.
    """
    whole = {path.name: path for path in root.glob("checkpoint-*") if sealed(path, key) is not None}
    for path in sorted(whole.values(), key=_step, reverse=True):
        best = json.loads((path / "trainer_state.json").read_text(encoding="utf-8")).get("best_model_checkpoint")
        if not best or Path(best).name in whole:
            return path
    return None


def prune(root: Path, key: str, keep: Path | None) -> None:
    """Delete what is broken, of another `key` or later than `keep`: the trainer must not count or choose it."""
    for path in root.glob("checkpoint-*"):
        if keep is None or _step(path) > _step(keep) or sealed(path, key) is None:
            shutil.rmtree(path)


def _step(path: Path) -> int:
    number = path.name.rpartition("-")[2]
    return int(number) if number.isdecimal() else -1


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
