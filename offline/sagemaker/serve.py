"""`python -m offline.sagemaker.serve MODEL_FOLDER PORT_FILE`: do what the hosting container does around `inference.py`.

It listens on a free port of 127.0.0.1, and writes its number to PORT_FILE once the model is loaded. Requests that
arrive together go to `predict_fn` as one list and are decoded together.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from offline.common.http_server import Server
from offline.common.wire import AwsError, Response, json_response
from offline.models.batching import Batcher
from offline.process.watchdog import exit_with_parent


def load_code(folder: Path) -> Any:
    """Return the module `code/inference.py` of an unpacked model archive.

    Raises:
        FileNotFoundError: the archive has none.
    """
    path = folder / "code" / "inference.py"
    if not path.is_file():
        raise FileNotFoundError(f"the model archive has no code/inference.py ({path})")
    spec = importlib.util.spec_from_file_location("inference", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"{path} is not a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules["inference"] = module
    spec.loader.exec_module(module)
    return module


def main() -> None:
    exit_with_parent()
    folder, port_file = Path(sys.argv[1]), Path(sys.argv[2])
    code = load_code(folder)
    model = code.model_fn(str(folder))
    batcher: Batcher[Any, Any] = Batcher(lambda requests: code.predict_fn(list(requests), model))

    def handle(method: str, path: str, _headers: Mapping[str, str], body: bytes) -> Response:
        if (method, path) == ("GET", "/ping"):
            return json_response({"ready": True})
        if (method, path) != ("POST", "/invocations"):
            return json_response({"error": f"no {method} {path}"}, status=404)
        try:
            data = json.loads(body)
            if isinstance(data, list):
                return json_response([batcher.submit(item) for item in data])
            return json_response(batcher.submit(data))
        except ValueError as error:
            raise AwsError("ValidationError", str(error)) from error

    server = Server(handle, 0)
    unfinished = port_file.with_suffix(".part")
    unfinished.write_text(str(server.server_port), encoding="utf-8")
    unfinished.replace(port_file)  # in one step: the reader sees all of it or nothing
    server.serve_forever()


if __name__ == "__main__":
    main()
