"""The local side of a run: what was asked for, a copy of its objects, its reports."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.run import Manifest
from ladder.errors import LadderError


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFolder:
    """`<out>/<run>`: `run.json` (the experiment's folder, the manifest, attempts), `bucket/` (copy of the objects)."""

    path: Path

    @property
    def record(self) -> Path:
        return self.path / "run.json"

    @property
    def mirror(self) -> Path:
        return self.path / "bucket"

    def write(self, record: dict[str, Any]) -> None:
        """Write `run.json`; the folder is made."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.record.write_text(json.dumps(record, indent=1), encoding="utf-8")

    def read(self) -> dict[str, Any]:
        """Return what `run.json` holds.

        Raises:
            LadderError: the run was not started from here, or its record is damaged.
        """
        try:
            record: dict[str, Any] = json.loads(self.record.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            out = self.path.parent
            known = ", ".join(sorted(path.parent.name for path in out.glob("*/run.json"))) or "none"
            raise LadderError(f"run {self.path.name} is not known in {out} (known: {known})") from error
        except ValueError as error:
            raise self.damaged(error) from error
        return record

    def damaged(self, error: Exception) -> LadderError:
        """Return the error of a record that cannot be used."""
        return LadderError(f"{self.record} is damaged ({error}); start a new run")


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedRun:
    """A run whose comparison is executing. `restored` counts the objects that a resumed run gave back to the bucket."""

    manifest: Manifest
    execution_arn: str
    folder: RunFolder
    restored: int = 0
