"""How tests reach a sandbox: a boto3 session, the CDK command line, the stand-ins of the engines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import boto3
import pytest

from offline.common.faults import ROUTE
from offline.sandbox import Sandbox

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
CDK = ROOT / "node_modules" / ".bin" / "cdk"
STUB_ENGINES = (sys.executable, str(Path(__file__).with_name("stub_engines.py")))


def session_of(sandbox: Sandbox) -> boto3.Session:
    """A boto3 session whose clients all talk to the sandbox, whatever the environment says."""
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=sandbox.region)
    make = session.client

    def client(service: str, **options: object) -> object:
        return make(service, endpoint_url=sandbox.endpoint, **options)

    session.client = client
    return session


def fault(sandbox: Sandbox, **fields: object) -> None:
    """Make the next matching requests to the sandbox fail; see `offline.common.faults`."""
    urllib.request.urlopen(sandbox.endpoint + ROUTE, data=json.dumps(fields).encode(), timeout=10).close()


def clear_faults(sandbox: Sandbox) -> None:
    request = urllib.request.Request(sandbox.endpoint + ROUTE, method="DELETE")
    urllib.request.urlopen(request, timeout=10).close()


def eventually(probe: Callable[[], T | None], within_s: float = 60) -> T:
    """The first answer of `probe` that is something."""
    until = time.monotonic() + within_s
    while not (found := probe()):
        assert time.monotonic() < until, f"nothing within {within_s} s"
        time.sleep(0.05)
    return found


def settled(stacks: Any, name: str) -> dict[str, Any]:
    """The description of a stack, once it is no longer in progress."""

    def found() -> dict[str, Any] | None:
        stack: dict[str, Any] = stacks.describe_stacks(StackName=name)["Stacks"][0]
        return None if stack["StackStatus"].endswith("IN_PROGRESS") else stack

    return eventually(found)


def cdk(sandbox: Sandbox, *arguments: str) -> str:
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
