"""One embedded AWS for all tests of a session, started when the first test asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from emulator_access import STUB_ENGINES, session_of

from offline import sandbox as sandboxes


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sandboxes.Sandbox]:
    """The embedded AWS with its real engines and the tiny language model."""
    with sandboxes.running(tmp_path_factory.mktemp("sandbox"), model="tiny") as running:
        yield running


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sandboxes.Sandbox]:
    """The emulator alone: behind it are stand-ins of the engines that keep resources and have no model."""
    with sandboxes.running(tmp_path_factory.mktemp("emulator"), engines=STUB_ENGINES) as running:
        yield running


@pytest.fixture(scope="session")
def aws(emulator: sandboxes.Sandbox) -> boto3.Session:
    return session_of(emulator)
