"""A run in a mocked results bucket, clients of our own for the models, and a Lambda context."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import ClientError

from contracts import json_codec, keys
from contracts.experiment import (
    Document,
    Experiment,
    GateRule,
    HouseStyle,
    PromptSettings,
    Question,
    Retrieval,
    Workload,
)
from contracts.run import Manifest
from lambdas.common.store import Results

EXPERIMENT = "handbook"
RUN = "r1"
REFUSAL = "I cannot answer this from the handbook."
STYLE = HouseStyle(
    instruction="Answer as value [PAGE-ID].", pattern=r"[^\[\]\n]{1,40} \[[A-Z]{3}-\d\d\]", refusal=REFUSAL
)
TASK = Experiment(
    name=EXPERIMENT,
    description="test",
    house_style=STYLE,
    prompt=PromptSettings(answer_tokens=24, reasoning_tokens=56),
    gate=(GateRule(metric="exact", minimum=0.5),),
    workload=Workload(requests_per_month=1000),
    retrieval=Retrieval(pages=1, pages_few_shot=1, pages_fine_tuned=2),
)


@dataclass
class Context:
    """As much of a Lambda context as handlers use."""

    remaining_ms: int = 60_000
    memory_limit_in_mb: int | str = "512"
    aws_request_id: str = "00000000-0000-0000-0000-000000000001"

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


class Clock:
    """A clock that goes on by the waits that are taken, and by nothing else. Safe for threads."""

    def __init__(self) -> None:
        self.now = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds


class FakeConverse:
    """A bedrock-runtime client: answers by `reply(question text)`, raises what `failures` holds first."""

    def __init__(self, reply: Callable[[str], str] | None = None) -> None:
        self.reply = reply or (lambda question: f"answer to {question}")
        self.failures: dict[str, list[Exception]] = {}
        self.requests: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    @property
    def asked(self) -> list[str]:
        return [request["messages"][-1]["content"][0]["text"] for request in self.requests]

    def converse(self, **request: Any) -> dict[str, Any]:
        text = request["messages"][-1]["content"][0]["text"]
        with self._lock:
            self.requests.append(request)
            waiting = self.failures.get(text, [])
            if waiting:
                raise waiting.pop(0)
        return {
            "output": {"message": {"role": "assistant", "content": [{"text": self.reply(text)}]}},
            "usage": {"inputTokens": 50, "outputTokens": 7, "totalTokens": 57},
            "stopReason": "end_turn",
        }


class FakeEndpoint:
    """A sagemaker-runtime client: answers JSON, raises what `failures` holds first."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.failures: list[Exception] = []
        self.body: bytes | None = None
        self._lock = threading.Lock()

    def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
        with self._lock:
            self.requests.append({**request, "Body": json.loads(request["Body"])})
            if self.failures:
                raise self.failures.pop(0)
        answer = chat_completion(" 12 mm [PRD-01] ", prompt_tokens=30, completion_tokens=6)
        return {"Body": io.BytesIO(self.body if self.body is not None else json.dumps(answer).encode())}


def chat_completion(text: str, *, prompt_tokens: int, completion_tokens: int, **more: Any) -> dict[str, Any]:
    """What an OpenAI-compatible server answers."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1796083200,
        "model": "lora",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        },
        **more,
    }


def client_error(code: str, status: int, message: str = "no", **more: Any) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
        **more,
    }
    return ClientError(response, "Converse")


THROTTLED = ("ThrottlingException", 429, "Too many requests, please wait")
INVALID = ("ValidationException", 400, "Input is too\nlong for requested model.")


def documents() -> list[Document]:
    return [
        Document(id=f"{kind}-{n:02d}", title=f"{kind} {n}", text=f"The {kind} {n} is {n * 7} mm wide.")
        for kind in ("PRD", "SIT", "POL")
        for n in range(1, 7)
    ]


def train_questions() -> list[Question]:
    answerable = [
        Question(
            id=f"train-{d.id}",
            question=f"How wide is {d.title}?",
            answer=f"{d.text.split()[4]} mm [{d.id}]",
            document=d.id,
        )
        for d in documents()
        if not d.id.endswith("06")
    ]
    refused = [
        Question(id=f"train-no-{n}", question=f"Who painted site {n}?", answer=REFUSAL, unanswerable=True)
        for n in range(3)
    ]
    return answerable + refused


def held_out_questions() -> list[Question]:
    seen = [
        Question(
            id=f"test-{d.id}",
            question=f"What is the width of {d.title}?",
            answer=f"x [{d.id}]",
            document=d.id,
            tags=("reserved-page",) if d.id.endswith("06") else ("seen-fact",),
        )
        for d in documents()
    ]
    return [
        *seen,
        Question(id="test-no", question="Who is the boss?", answer=REFUSAL, unanswerable=True, tags=("unanswerable",)),
    ]


@dataclass
class World:
    """The mocked bucket, and the run in it."""

    results: Results
    manifest: Manifest
    bucket: str

    def event(self, **more: Any) -> dict[str, Any]:
        return {"experiment": EXPERIMENT, "run": RUN, **more}

    def change_manifest(self, **changes: Any) -> None:
        self.manifest = replace(self.manifest, **changes)
        self.write_manifest()

    def write_manifest(self) -> None:
        self.results.write_text(
            keys.manifest(EXPERIMENT, RUN), json.dumps(json_codec.to_jsonable(self.manifest), indent=1)
        )
