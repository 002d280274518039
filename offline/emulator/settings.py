"""The command line of the emulator process, and the environment variables that ministack reads at import."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path

#: A Wait state of 30 s becomes 1 s. Never 0: a polling loop would spin without a pause.
WAIT_SCALE = 1 / 30

#: Prefixes of variables of the caller's shell that must not reach the emulator or the Lambda functions that it runs.
_FOREIGN = ("AWS_", "PYTHON", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


@dataclass(frozen=True, kw_only=True)
class EmulatorSettings:
    """Command line of `python -m offline.emulator`; all ports are on 127.0.0.1.

    `directory` holds what Lambda workers unpack; the supervisor removes it. The health route returns `instance`: a
    caller can tell this sandbox from another one on the same port.
    """

    port: int
    engines_port: int
    opensearch_port: int
    directory: Path
    account: str
    region: str
    instance: str

    @property
    def opensearch_endpoint(self) -> str:
        return f"http://127.0.0.1:{self.opensearch_port}"


def parse(arguments: Sequence[str]) -> EmulatorSettings:
    parser = ArgumentParser(prog="python -m offline.emulator")
    for name in ("port", "engines-port", "opensearch-port"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--directory", type=Path, required=True)
    for name in ("account", "region", "instance"):
        parser.add_argument(f"--{name}", required=True)
    return EmulatorSettings(**vars(parser.parse_args(arguments)))


def apply_environment(settings: EmulatorSettings, environment: MutableMapping[str, str]) -> None:
    """Set what ministack reads at import, and drop what a Lambda worker must not inherit from the caller's shell."""
    for name in [name for name in environment if name.startswith(_FOREIGN)]:
        del environment[name]
    environment.update(
        {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(settings.port),
            "EDGE_PORT": str(settings.port),
            "MINISTACK_HOST": "localhost",
            "MINISTACK_ACCOUNT_ID": settings.account,
            "MINISTACK_REGION": settings.region,
            # Both would listen on 0.0.0.0 whatever BIND_HOST says.
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "MINISTACK_OPENSEARCH_ENDPOINT": f"127.0.0.1:{settings.opensearch_port}",
            "SFN_WAIT_SCALE": f"{WAIT_SCALE:.4f}",
            "TMPDIR": str(settings.directory),
            "LOG_LEVEL": environment.get("LOG_LEVEL", "WARNING"),
            "NO_PROXY": "*",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
    )
