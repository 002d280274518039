"""One embedded AWS for all tests of a session, started when the first test asks for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from offline import sandbox as sandboxes

ROOT = Path(__file__).resolve().parents[2]
CDK = ROOT / "node_modules" / ".bin" / "cdk"
STUB_ENGINES = (sys.executable, str(Path(__file__).with_name("stub_engines.py")))


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sandboxes.Sandbox]:
    """The embedded AWS with its real engines and the tiny language model."""
    with sandboxes.running(tmp_path_factory.mktemp("sandbox"), model="tiny") as running:
        yield running


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sandboxes.Sandbox]:
    """The emulator alone: behind it are stand-ins of the engines, which keep resources but know no model."""
    with sandboxes.running(tmp_path_factory.mktemp("emulator"), engines=STUB_ENGINES) as running:
        yield running


@pytest.fixture(scope="session")
def aws(emulator: sandboxes.Sandbox) -> boto3.Session:
    return session_of(emulator)


def session_of(sandbox: sandboxes.Sandbox) -> boto3.Session:
    """A boto3 session whose clients all talk to the sandbox, whatever the environment says."""
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=sandbox.region)
    make = session.client

    def client(service: str, **options: object) -> object:
        return make(service, endpoint_url=sandbox.endpoint, **options)

    session.client = client
    return session


def cdk(sandbox: sandboxes.Sandbox, *arguments: str) -> str:
    """Run the CDK command line against the sandbox; its output, or a failed test with it."""
    command = [str(CDK), *arguments, "--no-color", "--ci"]
    done = subprocess.run(
        command, cwd=ROOT, env=sandbox.environment(os.environ), capture_output=True, text=True, timeout=180, check=False
    )
    if done.returncode != 0:
        pytest.fail(
            f"cdk {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        )
    return done.stdout + done.stderr
