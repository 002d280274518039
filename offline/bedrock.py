"""Bedrock Runtime of the embedded AWS: Converse by the small language model, Titan's embedding format by MiniLM.

Token counts are those of the model that really answered. Requests are checked against botocore's service model; what
is not built (streams, tools, images, other model formats) is refused with a ValidationException.
"""

from __future__ import annotations

import gc
import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import botocore.session
from botocore.validate import ParamValidator

from lambdas.evaluation import model_files
from offline.models.batching import Batcher
from offline.models.embeddings import DIMENSIONS, MiniLM
from offline.wire import AwsError, Response, json_response

_ROUTE = re.compile(r"^/model/(?P<model>[^/]+)/(?P<operation>converse|invoke|converse-stream|[a-z-]+)$")
_MODEL_ID = re.compile(r"^(?:(?:us|eu|apac|global)\.)?(?P<provider>[a-z0-9]+)\.[a-z0-9.:-]+$")
TEXT_PROVIDERS = frozenset(
    ("amazon", "anthropic", "deepseek", "google", "meta", "mistral", "nvidia", "openai", "qwen", "ai21", "cohere")
)
EMBEDDING_MODEL = "amazon.titan-embed-text-v2:0"
TITAN_SIZES = (256, 512, 1024)
TITAN_CHARACTERS = 50_000
DEFAULT_TOKENS = 512


class Bedrock:
    """`loaded` gives the served language model (see `lambdas/fine_tuning/serving/inference.py`); called when needed."""

    def __init__(self, *, gateway: str, load: Callable[[], tuple[Any, Any]]) -> None:
        self._gateway = urlsplit(gateway)
        self._load = load
        self._lock = threading.Lock()
        self._batcher: Batcher[Any, Any] | None = None
        self._serving: tuple[Any, Any] | None = None
        self._embedder: MiniLM | None = None
        self._profiles: dict[str, str] = {}
        self._service = botocore.session.Session().get_service_model("bedrock-runtime")

    def handle(self, method: str, path: str, _headers: Mapping[str, str], body: bytes) -> Response:
        """`POST /model/<id or ARN>/{converse,invoke}`."""
        route = _ROUTE.match(path.partition("?")[0])
        if method != "POST" or route is None:
            raise AwsError("UnknownOperationException", f"the embedded AWS has no {method} {path}", 404)
        model = self._resolve(unquote(route["model"]))
        if route["operation"] == "converse":
            return self._converse(model, unquote(route["model"]), json.loads(body or b"{}"))
        if route["operation"] == "invoke" and model == EMBEDDING_MODEL:
            return self._embed(json.loads(body or b"{}"))
        raise AwsError(
            "ValidationException",
            f"the embedded AWS answers Converse, and InvokeModel for {EMBEDDING_MODEL}; not {route['operation']} of {model}",
        )

    def release(self) -> None:
        """Frees the language model's memory; the next request loads it again."""
        with self._lock:
            batcher, self._batcher, self._serving = self._batcher, None, None
        if batcher is not None:
            batcher.close()
        gc.collect()

    # -- Converse

    def _converse(self, model: str, asked: str, request: dict[str, Any]) -> Response:
        shape = self._service.operation_model("Converse").input_shape
        report = ParamValidator().validate({"modelId": asked, **request}, shape)
        if report.has_errors():
            raise AwsError("ValidationException", report.generate_report())
        if model == EMBEDDING_MODEL or _provider(model) not in TEXT_PROVIDERS:
            raise AwsError("ValidationException", f"The model {model} does not support Converse.")
        for name in ("toolConfig", "guardrailConfig", "outputConfig"):
            if name in request:
                raise AwsError("ValidationException", f"the embedded AWS has no {name} for Converse")
        messages = [{"role": "system", "content": _text(request["system"])}] if request.get("system") else []
        messages += [{"role": m["role"], "content": _text(m["content"])} for m in request.get("messages", ())]
        if not messages or messages[-1]["role"] != "user":
            raise AwsError("ValidationException", "A conversation must start and end with a user message.")
        config = request.get("inferenceConfig", {})
        if config.get("temperature", 0) not in (0, 0.0):
            raise AwsError("ValidationException", "the embedded AWS decodes greedily: temperature must be 0")
        started = time.perf_counter()
        try:
            answer = self._generator().submit(
                {
                    "messages": messages,
                    "max_new_tokens": config.get("maxTokens", DEFAULT_TOKENS),
                    "stop": config.get("stopSequences", []),
                }
            )
        except ValueError as error:
            raise AwsError("ValidationException", str(error)) from error
        usage = {"inputTokens": answer["input_tokens"], "outputTokens": answer["output_tokens"]}
        return json_response(
            {
                "output": {"message": {"role": "assistant", "content": [{"text": answer["text"]}]}},
                "stopReason": answer["stop_reason"],
                "usage": {**usage, "totalTokens": sum(usage.values())},
                "metrics": {"latencyMs": round((time.perf_counter() - started) * 1000)},
            }
        )

    def _generator(self) -> Batcher[Any, Any]:
        with self._lock:
            if self._batcher is None:
                predict, model = self._load()

                def answer_all(requests: Sequence[Any]) -> Sequence[Any]:
                    answers: Sequence[Any] = predict(list(requests), model)
                    return answers

                self._batcher = Batcher(answer_all)
            return self._batcher

    # -- embeddings

    def _embed(self, request: dict[str, Any]) -> Response:
        text, size = request.get("inputText"), request.get("dimensions", 1024)
        if not isinstance(text, str) or not text or set(request) - {"inputText", "dimensions", "normalize"}:
            raise AwsError("ValidationException", "the request is {inputText, dimensions, normalize} with a text")
        if len(text) > TITAN_CHARACTERS:
            raise AwsError(
                "ValidationException", f"inputText has {len(text)} characters, {TITAN_CHARACTERS} are allowed"
            )
        if size not in TITAN_SIZES:
            raise AwsError("ValidationException", f"dimensions must be one of {TITAN_SIZES}, not {size!r}")
        if size < DIMENSIONS:
            raise AwsError(
                "ValidationException",
                f"the embedded AWS embeds with all-MiniLM-L6-v2, whose {DIMENSIONS} numbers do not fit {size} dimensions; "
                "ask for 512 or 1024",
            )
        with self._lock:
            if self._embedder is None:
                self._embedder = MiniLM(model_files.find(), threads=1)
        vector, tokens = self._embedder.embed(text)
        # Zeros change neither length nor angle: rankings are exactly those of the 384 numbers.
        padded = [*(float(x) for x in vector), *([0.0] * (size - DIMENSIONS))]
        return json_response({"embedding": padded, "inputTextTokenCount": tokens})

    # -- models

    def _resolve(self, identifier: str) -> str:
        """The model id behind an id, an inference profile or an application inference profile."""
        if ":application-inference-profile/" in identifier:
            if identifier not in self._profiles:
                self._profiles[identifier] = self._model_of_profile(identifier)
            return self._profiles[identifier]
        model = identifier.rpartition("/")[2] if identifier.startswith("arn:") else identifier
        if not _MODEL_ID.match(model) or _provider(model) not in TEXT_PROVIDERS:
            raise AwsError("ValidationException", "The provided model identifier is invalid.")
        return model

    def _model_of_profile(self, arn: str) -> str:
        connection = http.client.HTTPConnection(str(self._gateway.hostname), self._gateway.port, timeout=10)
        # The scope of the signature is how the gateway tells services apart.
        scope = (
            "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=0"
        )
        try:
            connection.request("GET", f"/inference-profiles/{quote(arn, safe='')}", headers={"authorization": scope})
            answer = connection.getresponse()
            content = json.loads(answer.read() or b"{}")
        except OSError as error:
            raise AwsError("ServiceUnavailableException", f"the gateway does not answer: {error}", 503) from error
        finally:
            connection.close()
        models = content.get("models") or []
        if answer.status != 200 or not models:
            raise AwsError("ResourceNotFoundException", f"Could not find inference profile {arn}", 404)
        return str(models[0]["modelArn"]).rpartition("/")[2]


def _provider(model: str) -> str:
    match = _MODEL_ID.match(model)
    return match["provider"] if match else ""


def _text(blocks: Sequence[Mapping[str, Any]]) -> str:
    """The text of content blocks.

    Raises:
        AwsError: a block holds something else.
    """
    other = [name for block in blocks for name in block if name != "text"]
    if other:
        raise AwsError("ValidationException", f"the embedded AWS reads text content only, not {other[0]}")
    return "".join(block["text"] for block in blocks)
