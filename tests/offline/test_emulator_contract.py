"""The emulators are the pinned ones, and still have every private name that the embedded AWS wraps."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from offline import sandbox
from offline.emulator import contract

pytestmark = pytest.mark.emulator
ROOT = Path(__file__).resolve().parents[2]


def test_the_installed_emulators_keep_the_contract() -> None:
    command = [str(sandbox.emulator_python()), "-m", "offline.emulator.contract"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_the_compiled_requirements_have_the_pinned_versions() -> None:
    compiled = (ROOT / "requirements" / "emulator.txt").read_text(encoding="utf-8")
    for name, version in contract.pins().items():
        assert f"\n{name}=={version} \\\n    --hash=sha256:" in compiled
