"""The tiny model, made once for these tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from offline.models import tiny
from offline.models.hub import HubFolder
from offline.models.prepare import prepare


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """Threads gain nothing on so small a model, and on a busy machine they wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder that holds the tiny model."""
    root = tmp_path_factory.mktemp("cache")
    prepare("tiny", root)
    return root


@pytest.fixture(scope="session")
def tiny_hub(tiny_root: Path) -> HubFolder:
    return tiny.folder(tiny_root)
