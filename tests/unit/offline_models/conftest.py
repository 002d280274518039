"""The tiny model, made once for these tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from offline.models import tiny
from offline.models.hub import HubFolder
from offline.models.prepare import prepare


@pytest.fixture(scope="session")
def tiny_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder that holds the tiny model."""
    root = tmp_path_factory.mktemp("cache")
    prepare("tiny", root)
    return root


@pytest.fixture(scope="session")
def tiny_hub(tiny_root: Path) -> HubFolder:
    return tiny.folder(tiny_root)
