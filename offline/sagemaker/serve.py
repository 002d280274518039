"""`python -m offline.sagemaker.serve MODEL_FOLDER PORT_FILE`: the twin of vLLM's server in the hosting container.

It takes the container's variables and serves the same requests, on transformers. The base is the one that the archive
says was trained on, which on this machine stands in for the one that the variables name. It listens on a free port of
127.0.0.1, and writes its number to PORT_FILE once the model is loaded. Requests that arrive together are decoded
together.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offline.common.http_server import Server
from offline.common.wire import Handle, Response, json_response
from offline.models.batching import Batcher
from offline.models.sampling import Seeds
from offline.models.text_model import Request
from offline.process.watchdog import exit_with_parent
from offline.sagemaker import chat, server_settings
from offline.sagemaker.server_settings import ServerSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """`prepare`: request and adapter -> what `answer` takes, and its tokens; ValueError: the model cannot take it."""

    prepare: Callable[[Request, str | None], tuple[Any, int]]
    answer: Callable[[Any], Any]


def load(folder: Path, settings: ServerSettings) -> Model:
    """Load the base and its adapters."""
    from offline.models import inference

    base = json.loads((folder / "training.json").read_text(encoding="utf-8"))["base_model"]
    served = inference.load(base, tokenizer=str(settings.tokenizer or base), adapters=dict(settings.adapters))
    batcher: Batcher[inference.Request, inference.Generated] = Batcher(
        lambda requests: inference.generate(served, requests)
    )

    def prepare(item: Request, adapter: str | None) -> tuple[inference.Request, int]:
        request = inference.to_request(served, item, adapter)
        return request, len(request.prompt)

    return Model(prepare=prepare, answer=batcher.submit)


def handler(settings: ServerSettings, model: Model) -> Handle:
    """Return what answers the health check and chat completions."""
    seeds = Seeds()

    def handle(method: str, path: str, _headers: Mapping[str, str], body: bytes) -> Response:
        if (method, path) == ("GET", "/ping"):
            return json_response({})
        if (method, path) != ("POST", "/invocations"):
            raise chat.ChatError(f"no {method} {path}", status=404, kind="NotFoundError")
        name, item = chat.parse(body, settings)
        if item.get("temperature"):
            item["seed"] = seeds.next({**item, "model": name})
        try:
            request, tokens = model.prepare(item, name if name in settings.adapters else None)
            chat.check_length(tokens, item["max_new_tokens"], settings)
            return json_response(chat.completion(name, model.answer(request)))
        except ValueError as error:
            raise chat.ChatError(str(error)) from error

    return handle


def main(load: Callable[[Path, ServerSettings], Model] = load) -> None:
    """Serve the folder of the first argument until the engine ends."""
    exit_with_parent()
    folder, port_file = Path(sys.argv[1]), Path(sys.argv[2])
    try:
        settings = server_settings.read(os.environ, folder)
    except server_settings.ServerSettingsError as error:
        sys.exit(f"the server does not start: {error}")
    server = Server(handler(settings, load(folder, settings)), 0)
    unfinished = port_file.with_suffix(".part")
    unfinished.write_text(str(server.server_port), encoding="utf-8")
    unfinished.replace(port_file)  # in one step: the reader sees all of it or nothing
    server.serve_forever()


if __name__ == "__main__":
    main()
