"""Against a small OpenAI-compatible server on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from offline.common.http_server import Server
from offline.common.wire import Response, json_response
from offline.models.own.choice import ModelServer, OwnModelError
from offline.models.own.server import ServedModel, ServerError, check
from offline.models.text_model import RefusedError, Request
from offline.process import ports

ASKED: Request = {"messages": [{"role": "user", "content": "Where?"}], "max_new_tokens": 9}


def completion(**changes: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": "Here"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 11, "completion_tokens": 2, "total_tokens": 13}
    return {
        "object": "chat.completion",
        "choices": [{**choice, **changes.pop("choice", {})}],
        "usage": usage,
        **changes,
    }


class Endpoint:
    """Answers what it is told to, and keeps what it was asked."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, Mapping[str, str], Any]] = []
        self.reply: Response = json_response(completion())
        self.models: Response = json_response({"data": [{"id": "mine"}, {"id": "llama3.2:latest"}]})
        self.gate: threading.Event | None = None
        self.together = self.most = 0
        self.arrived = threading.Semaphore(0)
        self._lock = threading.Lock()

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        if (method, path) == ("GET", "/v1/models"):
            return self.models
        if (method, path) != ("POST", "/v1/chat/completions"):
            return json_response({"error": "not found"}, status=404)
        with self._lock:
            self.seen.append((path, headers, json.loads(body)))
            self.together += 1
            self.most = max(self.most, self.together)
        self.arrived.release()
        if self.gate is not None:
            self.gate.wait(20)
        with self._lock:
            self.together -= 1
        return self.reply


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


@pytest.fixture
def server(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    monkeypatch.delenv("LADDER_MODEL_KEY", raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")  # a proxy must not see what is asked
    running = Server(endpoint.handle, 0)
    running.start()
    yield ModelServer(url=f"{running.endpoint}/v1", name="mine")
    running.shutdown()


def test_an_answer_has_the_counts_of_the_server(server: ModelServer, endpoint: Endpoint) -> None:
    answer = ServedModel(server).answer(ASKED)
    assert answer.pop("latency_ms") > 0  # type: ignore[misc]
    assert answer == {"text": "Here", "input_tokens": 11, "output_tokens": 2, "stop_reason": "end_turn"}
    ((_, headers, body),) = endpoint.seen
    assert body == {"model": "mine", "messages": ASKED["messages"], "max_tokens": 9}
    assert "authorization" not in headers


def test_settings_and_key_are_passed_on(
    server: ModelServer, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LADDER_MODEL_KEY", "k")
    ServedModel(server).answer({**ASKED, "temperature": 0.5, "top_p": 0.9, "seed": 3, "stop": ["###"]})
    ((_, headers, body),) = endpoint.seen
    assert headers["authorization"] == "Bearer k"
    assert {name: body[name] for name in ("temperature", "top_p", "seed", "stop")} == {
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 3,
        "stop": ["###"],
    }


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ({"finish_reason": "stop"}, "end_turn"),
        ({"finish_reason": "length"}, "max_tokens"),
        ({"finish_reason": "content_filter", "message": {"content": None}}, "content_filtered"),
        ({"finish_reason": "stop", "stop_reason": "###"}, "stop_sequence"),
        ({"finish_reason": "stop", "stop_reason": 151645}, "end_turn"),
    ],
)
def test_stop_reasons_become_those_of_converse(
    server: ModelServer, endpoint: Endpoint, choice: dict[str, Any], reason: str
) -> None:
    endpoint.reply = json_response(completion(choice=choice))
    assert ServedModel(server).answer({**ASKED, "stop": ["###"]})["stop_reason"] == reason


@pytest.mark.parametrize(
    "body",
    [
        {"object": "error", "message": "This model's maximum context length is 8192 tokens.", "code": 400},  # vLLM
        {"error": {"message": "the request exceeds the available context size", "type": "x"}},  # llama.cpp
        {"error": {"message": "Please reduce", "code": "context_length_exceeded"}},  # OpenAI
    ],
)
def test_a_prompt_that_does_not_fit_is_too_long(server: ModelServer, endpoint: Endpoint, body: Any) -> None:
    endpoint.reply = json_response(body, status=400)
    with pytest.raises(RefusedError, match="answered 400") as caught:
        ServedModel(server).answer(ASKED)
    assert caught.value.kind == "PromptTooLongError"


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (400, b'{"error": {"message": "stop: too many"}}', "answered 400: stop: too many"),
        (422, b'{"message": "bad role"}', "answered 422: bad role"),
    ],
)
def test_a_refused_request_says_why(
    server: ModelServer, endpoint: Endpoint, status: int, body: bytes, message: str
) -> None:
    endpoint.reply = Response(status=status, body=body)
    with pytest.raises(RefusedError, match=message) as caught:
        ServedModel(server).answer(ASKED)
    assert caught.value.kind == "BadRequestError"


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (429, b'{"error": "slow\\ndown"}', "answered 429: slow down"),
        (500, b"<html>broken</html>", "answered 500: <html>broken</html>"),
        (503, b"", "answered 503: nothing"),
        (302, b"", "answered 302"),
    ],
)
def test_a_failure_keeps_its_status_and_is_tried_once(
    server: ModelServer, endpoint: Endpoint, status: int, body: bytes, message: str
) -> None:
    endpoint.reply = Response(status=status, body=body, headers={"location": "http://127.0.0.1:1/v1"})
    with pytest.raises(ServerError, match=message) as caught:
        ServedModel(server).answer(ASKED)
    assert (caught.value.failure, caught.value.status) == ("status", status)
    assert len(endpoint.seen) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"Hello",
        b"[]",
        json.dumps(completion(usage=None)).encode(),
        json.dumps(completion(choices=[])).encode(),
        json.dumps(completion(choice={"finish_reason": "tool_calls"})).encode(),
    ],
)
def test_an_answer_without_text_or_counts_is_refused(server: ModelServer, endpoint: Endpoint, body: bytes) -> None:
    endpoint.reply = Response(body=body)
    with pytest.raises(ServerError, match="did not answer with choices, finish_reason and usage") as caught:
        ServedModel(server).answer(ASKED)
    assert caught.value.failure == "malformed"


def test_a_server_that_is_gone_or_silent_is_named(server: ModelServer, endpoint: Endpoint) -> None:
    (port,) = ports.free_ports(1)
    gone = ModelServer(url=f"http://127.0.0.1:{port}/v1", name="mine")
    with pytest.raises(ServerError, match=f"127.0.0.1:{port} cannot be reached: Connection refused") as caught:
        ServedModel(gone).answer(ASKED)
    assert caught.value.failure == "unreachable"
    with pytest.raises(OwnModelError, match=r"cannot be reached: Connection refused; is the server running\?"):
        check(gone)
    endpoint.gate = threading.Event()
    with pytest.raises(ServerError, match=r"gave no answer in 0\.05 s") as caught:
        ServedModel(server, within_s=0.05).answer(ASKED)
    assert caught.value.failure == "timeout"
    endpoint.gate.set()


def test_several_requests_are_with_the_server_but_not_too_many(server: ModelServer, endpoint: Endpoint) -> None:
    endpoint.gate = threading.Event()
    model = ServedModel(server, in_flight=3)
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(model.answer, ASKED) for _ in range(8)]
        for _ in range(3):
            assert endpoint.arrived.acquire(timeout=20)
        assert not endpoint.arrived.acquire(blocking=False)
        endpoint.gate.set()
        assert [answer.result()["text"] for answer in answers] == ["Here"] * 8
    assert endpoint.most == 3


@pytest.mark.parametrize("name", ["mine", "llama3.2"])
def test_a_model_that_the_server_lists_is_taken(server: ModelServer, name: str) -> None:
    check(ModelServer(url=server.url, name=name))


@pytest.mark.parametrize(
    ("url", "name", "reply", "message"),
    [
        ("/v1", "yours", None, "has no model 'yours'; it has: mine, llama3.2:latest"),
        ("/v2", "mine", None, "v2/models answered 404: the address usually ends with /v1"),
        ("/v1", "mine", Response(status=401), "put it into the variable LADDER_MODEL_KEY"),
        ("/v1", "mine", Response(body=b"[]"), "did not list models as an OpenAI-compatible server does"),
    ],
)
def test_a_wrong_server_is_one_line_before_anything_starts(
    server: ModelServer, endpoint: Endpoint, url: str, name: str, reply: Response | None, message: str
) -> None:
    endpoint.models = reply or endpoint.models
    with pytest.raises(OwnModelError, match=message):
        check(ModelServer(url=server.url.removesuffix("/v1") + url, name=name))
