"""A checkpoint counts only when it is whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lambdas.fine_tuning.training.checkpoints import MANIFEST, prune, seal, sealed, usable


def checkpoint(root: Path, step: int, *, best: str | None = None, key: str | None = "k") -> Path:
    folder = root / f"checkpoint-{step}"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "weights").write_bytes(b"w" * step)
    (folder / "trainer_state.json").write_text(json.dumps({"best_model_checkpoint": best}))
    if key:
        seal(folder, key)
    return folder


def test_a_sealed_folder_is_whole_and_keeps_its_report(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path, 3)
    seal(folder, "k", {"seconds": 2.5})
    manifest = sealed(folder, "k")
    assert manifest is not None
    assert manifest["report"] == {"seconds": 2.5}
    assert set(manifest["files"]) == {"deep/weights", "trainer_state.json"}
    assert sealed(folder, "other") is None
    assert [path.name for path in tmp_path.iterdir()] == [folder.name], "nothing of the writing is left"


@pytest.mark.parametrize("name", ["deep/weights", "trainer_state.json", MANIFEST])
@pytest.mark.parametrize("damage", ["missing", "cut", "same size"])
def test_a_damaged_file_breaks_the_seal(tmp_path: Path, name: str, damage: str) -> None:
    path = checkpoint(tmp_path, 3) / name
    content = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes(content[:-1] if damage == "cut" else content[:-1] + b"!")
    assert sealed(tmp_path / "checkpoint-3", "k") is None
    assert usable(tmp_path, "k") is None


def test_the_newest_whole_checkpoint_is_used_and_the_rest_goes(tmp_path: Path) -> None:
    checkpoint(tmp_path, 8)
    newest = checkpoint(tmp_path, 10)
    checkpoint(tmp_path, 12, key=None)
    checkpoint(tmp_path, 9, key="other")
    checkpoint(tmp_path, 14, best="/elsewhere/checkpoint-12")
    found = usable(tmp_path, "k")
    assert found == newest
    prune(tmp_path, "k", found)
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint-8", "checkpoint-10"}


def test_a_checkpoint_is_used_with_the_best_one_it_remembers(tmp_path: Path) -> None:
    checkpoint(tmp_path, 8)
    newest = checkpoint(tmp_path, 12, best="/another/machine/checkpoint-8")
    assert usable(tmp_path, "k") == newest


def test_nothing_to_go_on_from(tmp_path: Path) -> None:
    assert usable(tmp_path / "none", "k") is None
    prune(tmp_path / "none", "k", None)
