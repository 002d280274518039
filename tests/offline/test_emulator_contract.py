"""The emulators are the pinned ones, and still have every private name that the embedded AWS wraps."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from offline import sandbox
from offline.emulator import contract

pytestmark = pytest.mark.emulator
ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(sandbox.emulator_python()), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_the_installed_emulators_keep_the_contract() -> None:
    done = run("-m", "offline.emulator.contract")
    assert done.returncode == 0, done.stderr


def test_a_missing_private_name_is_named() -> None:
    program = "from offline.emulator import contract; print(contract.name_problems({'ministack.app': ('_no_such',)}))"
    assert run("-c", program).stdout.strip() == "['ministack.app._no_such: missing']"


def test_another_version_is_named(tmp_path: Path) -> None:
    pins = tmp_path / "emulator.in"
    pins.write_text("ministack==0.0.1\n", encoding="utf-8")
    program = (
        "import pathlib, sys; from offline.emulator import contract; "
        "print(contract.version_problems(pathlib.Path(sys.argv[1]))[0])"
    )
    found = run("-c", program, str(pins)).stdout.strip()
    installed = contract.pins()["ministack"]
    assert found == f"ministack: version {installed} is installed, 0.0.1 is pinned in requirements/emulator.in"


def test_the_compiled_requirements_have_the_pinned_versions() -> None:
    compiled = (ROOT / "requirements" / "emulator.txt").read_text(encoding="utf-8")
    for name, version in contract.pins().items():
        assert f"\n{name}=={version} \\\n    --hash=sha256:" in compiled
