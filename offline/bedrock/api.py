"""The runtime API: Converse and InvokeModel.

One language model answers for every text model id, with its true token counts: the packaged one or the user's own.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from urllib.parse import unquote

from offline.bedrock.converse import to_prompt
from offline.bedrock.errors import no_streaming, not_a_text_model, of_server, prompt_too_long
from offline.bedrock.state import TEXT_MODELS, Profiles
from offline.bedrock.titan import TITAN, Embedder, invoke_titan
from offline.common.request_validation import RequestValidation
from offline.common.wire import AwsError, Response, invalid, json_response, parse_object, unknown_operation
from offline.models.own.server import ServerError
from offline.models.sampling import Seeds
from offline.models.text_model import RefusedError, TextModel

_ROUTE = re.compile(r"^/model/(?P<model>.+)/(?P<action>[a-z-]+)$")
_STOP_REASONS = {"end_turn", "stop_sequence", "max_tokens", "content_filtered"}


class Bedrock:
    """The runtime API of one region."""

    def __init__(self, *, gateway: str, region: str, model: TextModel, embedder: Embedder) -> None:
        self._model = model
        self._embedder = embedder
        self._profiles = Profiles(gateway, region)
        self._seeds = Seeds()
        self._requests = RequestValidation("bedrock-runtime", constraints=True)

    def handle(self, method: str, path: str, _headers: Mapping[str, str], body: bytes) -> Response:
        """Answer a request of the runtime API.

        Raises:
            AwsError: in the words of AWS where they are known.
        """
        route = _ROUTE.match(path.partition("?")[0])
        if method != "POST" or route is None:
            raise unknown_operation("Bedrock", path, 404)
        identifier, action = unquote(route["model"]), route["action"]
        actions: dict[str, Callable[[str, str, bytes], Response]] = {"converse": self._converse, "invoke": self._invoke}
        if action in ("converse-stream", "invoke-with-response-stream"):
            raise no_streaming()
        if action not in actions:
            raise unknown_operation("Bedrock", action, 404)
        return actions[action](identifier, self._profiles.model_of(identifier), body)

    def release(self) -> None:
        """Give the language model's memory back; the next request loads the model again."""
        self._model.release()

    def close(self) -> None:
        self._model.close()

    def _converse(self, identifier: str, model: str, body: bytes) -> Response:
        if model not in TEXT_MODELS:
            raise not_a_text_model()
        prompt = to_prompt(self._requests.parse("Converse", body, modelId=identifier))
        if prompt.get("temperature"):
            prompt["seed"] = self._seeds.next(prompt)
        started = time.perf_counter()
        try:
            answer = self._model.answer(prompt)
        except RefusedError as error:
            raise (prompt_too_long() if error.kind == "PromptTooLongError" else invalid(str(error))) from error
        except ServerError as error:
            raise of_server(error) from error
        latency_ms = round(answer.get("latency_ms", (time.perf_counter() - started) * 1000))
        reason = answer["stop_reason"]
        if reason not in _STOP_REASONS:
            raise AwsError("ModelErrorException", f"the model stopped for the unknown reason {reason!r}", 424)
        content = [{"text": answer["text"]}] if answer["text"] else []
        return json_response(
            {
                "output": {"message": {"role": "assistant", "content": content}},
                "stopReason": reason,
                "usage": {
                    "inputTokens": answer["input_tokens"],
                    "outputTokens": answer["output_tokens"],
                    "totalTokens": answer["input_tokens"] + answer["output_tokens"],
                    "cacheReadInputTokens": 0,
                    "cacheWriteInputTokens": 0,
                },
                "metrics": {"latencyMs": latency_ms},
            }
        )

    def _invoke(self, _identifier: str, model: str, body: bytes) -> Response:
        if model != TITAN:
            raise invalid("the embedded AWS answers text models by Converse only")
        return invoke_titan(self._embedder, parse_object(body))
