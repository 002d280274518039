"""`python -m offline.engines`: the models behind the embedded AWS and its billing, in one process.

Bedrock Runtime, SageMaker and billing answer on one port, OpenSearch on a second. Prints `ready` when both answer. The
process and everything that it started end when its standard input is closed: give it a pipe.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import get_args

from offline.billing.api import CE_TARGET, EXPORTS_TARGET, Billing
from offline.billing.api import ROUTE as BILLING_ROUTE
from offline.common.http_server import Server
from offline.common.wire import AwsError, Handle, Response, json_response
from offline.models.cache import ModelFilesError, cache_root
from offline.models.hub import HUB_ID, HubFolder, ModelName, offline_environment
from offline.models.own.choice import ModelFolder, ModelServer, OwnModel, OwnModelError, add_options, of_options
from offline.models.prepare import ensure
from offline.models.text_model import TextModel
from offline.process.watchdog import exit_with_parent

THREADS = {"OPENBLAS_NUM_THREADS": "1"}
"""Products of the vector store are small: threads that spin cost more than they gain. PyTorch has its own setting."""

Base = HubFolder | ModelFolder
"""What fine-tuning adapts: the packaged model, or the user's folder."""

HEALTH_ROUTE = "/_health"
_TARGETS = {"SageMaker": "sagemaker", CE_TARGET: "ce", EXPORTS_TARGET: "bcm-data-exports"}
_PATHS = {"/model/": "bedrock", "/endpoints/": "sagemaker", BILLING_ROUTE: "billing"}
_SCOPE = re.compile(r"Credential=[^/]+/\d+/[\w-]+/(?P<service>[\w-]+)/aws4_request")


class Router:
    """Sends each request to its engine by path, target and signature."""

    def __init__(self, engines: Mapping[str, Handle], health: Callable[[], Mapping[str, object]]) -> None:
        self._engines = engines
        self._health = health

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        plain = path.partition("?")[0]
        if plain == HEALTH_ROUTE:
            return json_response(dict(self._health()))
        service = service_of(plain, headers)
        if service not in self._engines:
            raise AwsError("UnknownOperationException", f"the engines serve no {service or plain}", 404)
        return self._engines[service](method, path, headers, body)


def service_of(path: str, headers: Mapping[str, str]) -> str:
    """Return the engine of a request: by path for the runtimes, by `X-Amz-Target` or signing scope for the rest."""
    for start, service in _PATHS.items():
        if path.startswith(start):
            return service
    target = headers.get("x-amz-target", "").rpartition(".")[0]
    if target in _TARGETS:
        return _TARGETS[target]
    scope = _SCOPE.search(headers.get("authorization", ""))
    return scope["service"] if scope else ""


def arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m offline.engines", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="Bedrock Runtime, SageMaker and billing")
    parser.add_argument("--opensearch-port", type=int, required=True)
    parser.add_argument("--gateway", required=True, help="URL of the emulator: S3 and inference profiles")
    parser.add_argument("--directory", type=Path, required=True, help="job folders, logs, indexes, bill")
    parser.add_argument("--account", default="123456789012")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument(
        "--flavour", choices=("managed", "aoss_classic", "aoss_nextgen"), default="aoss_nextgen", help="of OpenSearch"
    )
    parser.add_argument("--model", choices=get_args(ModelName), default="smollm2", help="the packaged model")
    add_options(parser)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    options = arguments(sys.argv[1:] if argv is None else argv)
    directory: Path = options.directory.absolute()
    directory.mkdir(parents=True, exist_ok=True)
    try:
        own = of_options(options)
        # A folder of the user's is generator and base: the packaged model has nothing to do then.
        base: Base = own if isinstance(own, ModelFolder) else ensure(options.model, cache_root(os.environ))
    except (ModelFilesError, OwnModelError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    serve(options, directory, base, own)
    return 0


def serve(options: argparse.Namespace, directory: Path, base: Base, own: OwnModel | None) -> None:
    """Answer requests until a signal comes or standard input is closed."""
    os.environ.update(THREADS)  # numpy reads it when it is imported, so the engines are imported after it
    from offline.bedrock.api import Bedrock
    from offline.models.embeddings import MiniLM
    from offline.models.generator import Generator, LocalModel
    from offline.models.identity import identity
    from offline.models.own.server import ServedModel
    from offline.opensearch.api import serve as serve_opensearch
    from offline.sagemaker.api import SageMaker

    hub = base.environment() if isinstance(base, HubFolder) else offline_environment(directory / "hub")
    base_model = HUB_ID if isinstance(base, HubFolder) else str(base.path)
    place = {"gateway": options.gateway, "region": options.region}
    if isinstance(own, ModelServer):
        model: TextModel = ServedModel(own)
    else:
        generator = Generator(hub, directory / "generator.log", model=base_model)
        generator.start()  # its imports take seconds; the first answer shall not wait for them
        model = LocalModel(generator)
    bedrock = Bedrock(**place, model=model, embedder=MiniLM())
    sagemaker = SageMaker(
        **place,
        directory=directory,
        account=options.account,
        hub_environment=hub,
        base_model=base_model,
        before_training=bedrock.release,
    )
    billing = Billing(**place, directory=directory / "billing", account=options.account)
    who = ThreadPoolExecutor(max_workers=1).submit(identity, options.model, base, own)  # reads all of the weights
    router = Router(
        {
            "bedrock": bedrock.handle,
            "sagemaker": sagemaker.handle,
            "ce": billing.cost_explorer,
            "bcm-data-exports": billing.exports,
            "billing": billing.control,
        },
        lambda: {"ready": True, "identity": asdict(who.result())},
    )
    server = Server(router.handle, options.port)
    opensearch = serve_opensearch(options.opensearch_port, directory / "opensearch", options.flavour)
    exit_with_parent(sagemaker.close)  # the generator sees the end of its own input

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    try:
        server.serve_forever(poll_interval=0.1)
    except KeyboardInterrupt:
        pass
    finally:
        sagemaker.close()
        bedrock.close()
        billing.close()
        opensearch.shutdown()


if __name__ == "__main__":
    sys.exit(main())
