"""Guards for every test: moto comes before any client, credentials are fake, only loopback is reachable.

And what botocore knows of a service is read from disk once, not once a session: every mock makes a new one.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import moto  # noqa: F401  (a boto3 session built before the first import of moto escapes its mocks)
import pytest
from botocore.loaders import JSONFileLoader
from xdist.scheduler import LoadScopeScheduling

FAKE_AWS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
os.environ.update(FAKE_AWS)
# As `make` does for the CDK: the Node.js that set-up installed where the machine's is old.
os.environ["PATH"] = f"{Path(__file__).parents[1] / 'node_modules' / '.bin'}{os.pathsep}{os.environ['PATH']}"
for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
    os.environ.pop(name, None)

LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0")
_connect = socket.socket.connect
_getaddrinfo = socket.getaddrinfo


_load_file = JSONFileLoader.load_file


@cache
def _described(path: str) -> Any:
    return _load_file(JSONFileLoader(), path)


#: Folders (and a file) whose tests share something that takes seconds to start, and so run in one process, in the order
#: in which they are looked for. Of all others, those of a file stay together.
TOGETHER = ("tests/offline/test_lifecycle.py", "tests/offline/", "tests/infra/", "tests/unit/offline/models/")


class _Together(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return next((start for start in TOGETHER if nodeid.startswith(start)), nodeid.partition("::")[0])


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Together | None:
    """How `--dist loadscope` hands out the tests."""
    return _Together(config, log) if config.getoption("dist") == "loadscope" else None


class NetworkBlockedError(RuntimeError):
    """A test reached for something beyond this machine."""


def _check(host: Any) -> None:
    name = host.decode() if isinstance(host, bytes) else str(host or "127.0.0.1")
    if not name.startswith(LOOPBACK):
        raise NetworkBlockedError(f"a test tried to reach {name}; tests may only reach loopback addresses")


def _guarded_connect(self: socket.socket, address: Any) -> None:
    if self.family in (socket.AF_INET, socket.AF_INET6):
        _check(address[0])
    _connect(self, address)


def _guarded_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
    _check(host)
    return _getaddrinfo(host, *args, **kwargs)


@pytest.fixture(autouse=True, scope="session")
def _descriptions_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", lambda _self, path: _described(path))
        yield


@pytest.fixture(autouse=True, scope="session")
def _loopback_only() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", _guarded_connect)
    patch.setattr(socket, "getaddrinfo", _guarded_getaddrinfo)
    yield
    patch.undo()
