"""What must hold before money is spent on training: the GPU that is paid for, the base that was chosen."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

RESOURCES = Path("/opt/ml/input/config/resourceconfig.json")
"""SageMaker writes the machine of a job there."""
GPU_INSTANCE = re.compile(r"ml\.(g|p)\d")


class SafeguardError(RuntimeError):
    """Training must not begin; the message says what to do."""


def require_gpu(cuda: bool, resources: Path = RESOURCES) -> None:
    """Return if the machine has no GPU to use, or PyTorch sees it (`cuda`). On a laptop there is no such file.

    Raises:
        SafeguardError: the job would run on the processor of a GPU instance, slowly and at the GPU's price.
    """
    if cuda or not resources.is_file():
        return
    instance = str(json.loads(resources.read_text(encoding="utf-8")).get("current_instance_type", ""))
    if GPU_INSTANCE.match(instance):
        raise SafeguardError(
            f"{instance} has a GPU, and PyTorch sees none: the driver of the instance does not fit the CUDA of the "
            "image; choose another models.training_instance, or an image for its driver"
        )


def fetch(base: str, revision: str, hashes: Mapping[str, str]) -> None:
    """Download the files of a base at a commit into the hub's cache, and compare those in `hashes` (file -> SHA-256).

    A later `from_pretrained(base, revision=revision)` takes them from there.

    Raises:
        SafeguardError: a file has another content, or is not there.
    """
    hub: Any = import_module("huggingface_hub")
    weights = [*hashes] or ["*.safetensors"]
    folder = Path(
        hub.snapshot_download(base, revision=revision, allow_patterns=["*.json", "*.txt", "*.jinja", *weights])
    )
    check(base, revision, folder, hashes)


def check(base: str, revision: str, folder: Path, hashes: Mapping[str, str]) -> None:
    """Compare the files of a snapshot. Errors as in `fetch`."""
    for name, expected in sorted(hashes.items()):
        path = folder / name
        found = _sha256(path) if path.is_file() else "no file"
        if found != expected:
            raise SafeguardError(
                f"{base} at {revision}: {name} is not the file that was chosen (SHA-256 {expected}, got {found}); "
                "start the job again, or pin another version in models.fine_tuning_base_revision"
            )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
