from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from lambdas.fine_tuning.training import safeguards
from lambdas.fine_tuning.training.safeguards import SafeguardError, check, require_gpu


def resources(folder: Path, instance: str) -> Path:
    path = folder / "resourceconfig.json"
    path.write_text(json.dumps({"current_host": "algo-1", "current_instance_type": instance, "hosts": ["algo-1"]}))
    return path


@pytest.mark.parametrize("instance", ["ml.g5.xlarge", "ml.g6e.2xlarge", "ml.p5.48xlarge", "ml.g4dn.xlarge"])
def test_a_gpu_that_is_not_seen_fails_the_job(tmp_path: Path, instance: str) -> None:
    with pytest.raises(SafeguardError, match=f"{instance} has a GPU, and PyTorch sees none") as caught:
        require_gpu(False, resources(tmp_path, instance))
    assert "\n" not in str(caught.value)
    require_gpu(True, resources(tmp_path, instance))


def test_a_machine_without_a_gpu_trains_on_its_processor(tmp_path: Path) -> None:
    require_gpu(False, resources(tmp_path, "ml.m5.xlarge"))
    require_gpu(False, resources(tmp_path, "ml.c7g.xlarge"))
    require_gpu(False, tmp_path / "absent")
    assert Path("/opt/ml/input/config/resourceconfig.json") == safeguards.RESOURCES


def test_a_file_of_the_base_with_another_content_fails_the_job(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"weights")
    right = {"a.safetensors": hashlib.sha256(b"weights").hexdigest()}
    check("owner/base", "c0ffee", tmp_path, right)
    check("owner/base", "c0ffee", tmp_path, {})
    with pytest.raises(SafeguardError, match=r"owner/base at c0ffee: a\.safetensors is not the file that was chosen"):
        check("owner/base", "c0ffee", tmp_path, {"a.safetensors": "0" * 64})
    with pytest.raises(SafeguardError, match=r"b\.safetensors is not the file that was chosen .*got no file"):
        check("owner/base", "c0ffee", tmp_path, {**right, "b.safetensors": "0" * 64})


def test_only_what_is_needed_is_fetched_at_the_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    asked = []

    def snapshot(name: str, **options: object) -> str:
        asked.append((name, options))
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    (tmp_path / "a.safetensors").write_bytes(b"weights")
    safeguards.fetch("owner/base", "c0ffee", {"a.safetensors": hashlib.sha256(b"weights").hexdigest()})
    safeguards.fetch("owner/base", "c0ffee", {})
    patterns = ["*.json", "*.txt", "*.jinja"]
    assert asked == [
        ("owner/base", {"revision": "c0ffee", "allow_patterns": [*patterns, "a.safetensors"]}),
        ("owner/base", {"revision": "c0ffee", "allow_patterns": [*patterns, "*.safetensors"]}),
    ]
