"""`python -m offline.engines`: Bedrock Runtime, SageMaker and OpenSearch of the embedded AWS, in one process.

Prints `ready` when it serves. It ends, with everything it started, when its standard input is closed.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from offline.faults import ROUTE, Faults
from offline.models.cache import ModelFilesError, cache_root
from offline.models.hub import HUB_ID, HubFolder, ModelName
from offline.models.prepare import prepare
from offline.watchdog import exit_with_parent
from offline.wire import Response, json_response, serve

#: One thread each for linear algebra outside torch: the store's products are small, and threads that spin for each
#: other cost more than they gain. torch reads its own setting.
THREADS = {"OPENBLAS_NUM_THREADS": "1"}


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    os.environ.update(THREADS)
    try:
        hub = prepare(options.model, cache_root(os.environ))
    except ModelFilesError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    os.environ.update(hub.environment())
    return _serve(options, hub)


def _serve(options: argparse.Namespace, hub: HubFolder) -> int:
    # After the environment is set: numpy and the tokenizers read theirs when they are imported.
    from offline.bedrock import Bedrock
    from offline.opensearch.server import serve as serve_opensearch
    from offline.sagemaker.api import SageMaker

    faults = Faults()
    bedrock = Bedrock(gateway=options.gateway, load=_load_base)
    sagemaker = SageMaker(
        directory=options.directory,
        gateway=options.gateway,
        account=options.account,
        region=options.region,
        hub_environment=hub.environment(),
        before_training=bedrock.release,
    )

    def handle(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        if path == "/_health":
            return json_response({"ready": True, "model": options.model, "revision": hub.revision})
        if path == ROUTE:
            return faults.handle(method, body)
        service, engine = ("bedrock", bedrock) if path.startswith("/model/") else ("sagemaker", sagemaker)
        faults.check(service, f"{method} {path} {headers.get('x-amz-target', '')}")
        return engine.handle(method, path, headers, body)

    exit_with_parent(sagemaker.close)
    serve_opensearch(options.opensearch_port, options.directory / "opensearch", options.flavour)
    server = serve(handle, options.port)
    print("ready", flush=True)  # noqa: T201  (the supervisor waits for it)
    server.serve_forever()
    return 0


def _load_base() -> tuple[Any, Any]:
    """The functions and the model that also run behind an endpoint, without adapters."""
    from lambdas.fine_tuning.serving import inference

    return inference.predict_fn, inference.load(HUB_ID, tokenizer=HUB_ID, adapters={})


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m offline.engines", description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--opensearch-port", type=int, required=True)
    parser.add_argument("--gateway", required=True, help="address of the emulator")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--account", required=True)
    parser.add_argument("--region", required=True)
    parser.add_argument("--flavour", default="aoss_nextgen", choices=("managed", "aoss_classic", "aoss_nextgen"))
    parser.add_argument("--model", default="smollm2", choices=get_args(ModelName))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
