"""`python -m offline.engines`: the models behind the embedded AWS and its billing, in one process.

Bedrock Runtime, SageMaker and billing answer on one port, OpenSearch on a second. Prints `ready` when both answer. The
process and everything that it started end when its standard input is closed, so whoever starts it gives it a pipe.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import get_args

from offline.billing.api import CE_TARGET, EXPORTS_TARGET, Billing
from offline.billing.api import ROUTE as BILLING_ROUTE
from offline.common.faults import ROUTE as FAULTS_ROUTE
from offline.common.faults import Faults
from offline.common.wire import AwsError, Handle, Response, json_response, serve
from offline.models.cache import ModelFilesError, cache_root
from offline.models.hub import HubFolder, ModelName
from offline.models.prepare import ensure
from offline.process.watchdog import exit_with_parent

THREADS = {"OPENBLAS_NUM_THREADS": "1"}
"""The store's products are small: threads that spin for each other cost more than they gain. PyTorch has its own."""

_TARGETS = {"SageMaker": "sagemaker", CE_TARGET: "ce", EXPORTS_TARGET: "bcm-data-exports"}
_BEDROCK_OPERATIONS = {"converse": "Converse", "invoke": "InvokeModel"}
_SCOPE = re.compile(r"Credential=[^/]+/\d+/[\w-]+/(?P<service>[\w-]+)/aws4_request")


class Router:
    """Sends a request to its engine by path, target and signature, after the faults had their say."""

    def __init__(self, engines: Mapping[str, Handle], health: Callable[[], Mapping[str, object]]) -> None:
        self._engines = engines
        self._health = health
        self.faults = Faults()

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        plain = path.partition("?")[0]
        if plain == "/_health":
            return json_response(dict(self._health()))
        if plain == FAULTS_ROUTE:
            return self.faults.handle(method, body)
        service, operation = classify(plain, headers)
        if service not in self._engines:
            raise AwsError("UnknownOperationException", f"the engines serve no {service or plain}", 404)
        self.faults.check(service, operation, f"{method} {plain}")
        return self._engines[service](method, path, headers, body)


def classify(path: str, headers: Mapping[str, str]) -> tuple[str, str]:
    """(engine, operation) of a request: by path for the runtimes, by `X-Amz-Target` and signing scope for the rest."""
    if path.startswith("/model/"):
        action = path.rpartition("/")[2]
        return "bedrock", _BEDROCK_OPERATIONS.get(action, action)
    if path.startswith("/endpoints/"):
        return "sagemaker", "InvokeEndpoint"
    if path == BILLING_ROUTE:
        return "billing", ""
    target, _, operation = headers.get("x-amz-target", "").rpartition(".")
    if target in _TARGETS:
        return _TARGETS[target], operation
    scope = _SCOPE.search(headers.get("authorization", ""))
    return (scope["service"] if scope else ""), operation


def arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m offline.engines", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="Bedrock Runtime, SageMaker and billing")
    parser.add_argument("--opensearch-port", type=int, required=True)
    parser.add_argument("--gateway", required=True, help="URL of the emulator: S3 and inference profiles")
    parser.add_argument("--directory", type=Path, required=True, help="job folders, logs, indices, bill")
    parser.add_argument("--account", default="123456789012")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument(
        "--flavour", choices=("managed", "aoss_classic", "aoss_nextgen"), default="aoss_nextgen", help="of OpenSearch"
    )
    parser.add_argument("--model", choices=get_args(ModelName), default="smollm2")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    chosen = arguments(sys.argv[1:] if argv is None else argv)
    directory: Path = chosen.directory.absolute()
    directory.mkdir(parents=True, exist_ok=True)
    try:
        folder = ensure(chosen.model, cache_root(os.environ))
    except ModelFilesError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return run(chosen, directory, folder)


def run(chosen: argparse.Namespace, directory: Path, folder: HubFolder) -> int:
    """Serve until told to stop."""
    os.environ.update(THREADS)  # numpy reads it when it is imported, so the engines are imported after it
    from offline.bedrock.api import Bedrock
    from offline.models.embeddings import MiniLM
    from offline.models.generator import Generator
    from offline.models.identity import as_plain, identity
    from offline.opensearch.api import serve as serve_opensearch
    from offline.sagemaker.api import SageMaker

    hub = folder.environment()
    generator = Generator(hub, directory / "generator.log")
    bedrock = Bedrock(gateway=chosen.gateway, region=chosen.region, model=generator, embedder=MiniLM())
    sagemaker = SageMaker(
        directory=directory,
        gateway=chosen.gateway,
        account=chosen.account,
        region=chosen.region,
        hub_environment=hub,
        before_training=bedrock.release,
    )
    billing = Billing(
        directory=directory / "billing", gateway=chosen.gateway, account=chosen.account, region=chosen.region
    )
    router = Router(
        {
            "bedrock": bedrock.handle,
            "sagemaker": sagemaker.handle,
            "ce": billing.cost_explorer,
            "bcm-data-exports": billing.exports,
            "billing": billing.control,
        },
        lambda: {
            "ready": True,
            "model": chosen.model,
            "generator_pid": generator.pid,
            "identity": as_plain(identity(chosen.model, folder)),
        },
    )
    server = serve(router.handle, chosen.port)
    opensearch = serve_opensearch(chosen.opensearch_port, directory / "opensearch", chosen.flavour)
    exit_with_parent(sagemaker.close)  # the generator sees the end of its own input
    generator.start()  # its imports take seconds; the first answer shall not wait for them

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    try:
        server.serve_forever(poll_interval=0.1)
    except KeyboardInterrupt:
        return 0
    finally:
        sagemaker.close()
        bedrock.close()
        billing.close()
        opensearch.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
