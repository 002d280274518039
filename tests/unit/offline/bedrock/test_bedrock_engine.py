from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import boto3
import numpy as np
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from offline.bedrock.api import Bedrock
from offline.common.http_server import Server
from offline.common.wire import AwsError, Response, json_response
from offline.models.embeddings import DIMENSIONS, Vector
from offline.models.own.server import ServerError
from offline.models.text_model import Answer, RefusedError, Request

PROFILE = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123"
USER = [{"role": "user", "content": [{"text": "Where is it?"}]}]


class EchoModel:
    """Answers with what it was told; counts words as tokens."""

    def __init__(self) -> None:
        self.seen: list[Request] = []
        self.released = 0
        self.error: Exception | None = None
        self.more: dict[str, Any] = {}

    def answer(self, request: Request) -> Answer:
        text = " ".join(m["content"] for m in request["messages"])
        tokens = len(text.split())
        if self.error is not None:
            raise self.error
        if tokens > 50:
            raise RefusedError("PromptTooLongError", "the prompt has 51 tokens")
        self.seen.append(request)
        answer: Answer = {"text": text, "input_tokens": tokens, "output_tokens": 2, "stop_reason": "end_turn"}
        answer.update(self.more)  # type: ignore[typeddict-item]
        return answer

    def release(self) -> None:
        self.released += 1

    def close(self) -> None:
        """Nothing runs."""


class ConstantEmbedder:
    def embed(self, texts: Sequence[str]) -> list[Vector]:
        values = np.full(DIMENSIONS, DIMENSIONS**-0.5, dtype=np.float32)
        return [Vector(values=values, tokens=len(text.split())) for text in texts]


def gateway(method: str, path: str, _headers: Mapping[str, str], _body: bytes) -> Response:
    """The one call of the control plane that the engine makes."""
    if (method, path) == ("GET", f"/inference-profiles/{quote(PROFILE, safe='')}"):
        arn = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-micro-v1:0"
        return json_response({"inferenceProfileArn": PROFILE, "models": [{"modelArn": arn}], "type": "APPLICATION"})
    raise AwsError("ResourceNotFoundException", "no such profile", 404)


@pytest.fixture(scope="module")
def gateway_url() -> Iterator[str]:
    server = Server(gateway, 0)
    server.start()
    yield server.endpoint
    server.shutdown()


@pytest.fixture
def model() -> EchoModel:
    return EchoModel()


@pytest.fixture
def bedrock(gateway_url: str, model: EchoModel) -> Iterator[Bedrock]:
    engine = Bedrock(gateway=gateway_url, region="us-east-1", model=model, embedder=ConstantEmbedder())
    yield engine
    engine.close()


def converse(bedrock: Bedrock, request: Mapping[str, Any], identifier: str = "us.amazon.nova-micro-v1:0") -> Any:
    path = f"/model/{quote(identifier, safe='')}/converse"
    return json.loads(bedrock.handle("POST", path, {}, json.dumps(request).encode()).body)


def embed(bedrock: Bedrock, **request: Any) -> Any:
    path = "/model/amazon.titan-embed-text-v2%3A0/invoke"
    return json.loads(bedrock.handle("POST", path, {}, json.dumps(request).encode()).body)


def test_an_answer_has_true_token_counts(bedrock: Bedrock, model: EchoModel) -> None:
    answer = converse(
        bedrock,
        {
            "system": [{"text": "Be brief."}],
            "messages": USER,
            "inferenceConfig": {"maxTokens": 24, "temperature": 0, "stopSequences": ["###"]},
        },
    )
    assert answer["output"]["message"] == {"role": "assistant", "content": [{"text": "Be brief. Where is it?"}]}
    assert answer["stopReason"] == "end_turn"
    assert answer["usage"] == {
        "inputTokens": 5,
        "outputTokens": 2,
        "totalTokens": 7,
        "cacheReadInputTokens": 0,
        "cacheWriteInputTokens": 0,
    }
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where is it?"}]
    assert model.seen == [{"messages": messages, "max_new_tokens": 24, "stop": ["###"], "temperature": 0}]
    assert answer["metrics"]["latencyMs"] >= 0


@pytest.mark.parametrize("reason", ["end_turn", "max_tokens", "stop_sequence", "content_filtered"])
def test_stop_reasons_and_the_latency_of_the_model_are_passed_on(
    bedrock: Bedrock, model: EchoModel, reason: str
) -> None:
    model.more = {"stop_reason": reason, "latency_ms": 41.6}
    answer = converse(bedrock, {"messages": USER})
    assert (answer["stopReason"], answer["metrics"]["latencyMs"]) == (reason, 42)
    model.more = {"stop_reason": "bored"}
    with pytest.raises(AwsError, match="unknown reason 'bored'") as caught:
        converse(bedrock, {"messages": USER})
    assert (caught.value.code, caught.value.status) == ("ModelErrorException", 424)


def test_an_answer_without_text_has_no_content(bedrock: Bedrock, model: EchoModel) -> None:
    model.more = {"text": "", "stop_reason": "content_filtered"}
    assert converse(bedrock, {"messages": USER})["output"]["message"]["content"] == []


def test_each_sampled_answer_has_a_seed_of_its_own(bedrock: Bedrock, model: EchoModel) -> None:
    request = {"messages": USER, "inferenceConfig": {"temperature": 0.7, "topP": 0.9}}
    for _ in range(2):
        converse(bedrock, request)
    converse(bedrock, {"messages": USER, "inferenceConfig": {"temperature": 0}})
    first, second, greedy = model.seen
    assert (first["temperature"], first["top_p"]) == (0.7, 0.9)
    assert first["seed"] != second["seed"]
    assert "seed" not in greedy
    fresh = Bedrock(gateway="http://127.0.0.1:1", region="us-east-1", model=model, embedder=ConstantEmbedder())
    converse(fresh, request)
    assert model.seen[-1] == first


@pytest.mark.parametrize(
    ("failure", "status", "code", "http_status"),
    [
        ("status", 429, "ThrottlingException", 429),
        ("status", 500, "InternalServerException", 500),
        ("status", 502, "InternalServerException", 500),
        ("status", 503, "ServiceUnavailableException", 503),
        ("status", 504, "ModelTimeoutException", 408),
        ("status", 401, "AccessDeniedException", 403),
        ("status", 404, "ResourceNotFoundException", 404),
        ("status", 307, "ModelErrorException", 424),
        ("unreachable", None, "ServiceUnavailableException", 503),
        ("timeout", None, "ModelTimeoutException", 408),
        ("malformed", None, "ModelErrorException", 424),
    ],
)
def test_failures_of_a_model_server_are_exceptions_of_converse(
    bedrock: Bedrock, model: EchoModel, failure: Any, status: int | None, code: str, http_status: int
) -> None:
    model.error = ServerError(failure, "what the server said", status)
    with pytest.raises(AwsError, match="what the server said") as caught:
        converse(bedrock, {"messages": USER})
    assert (caught.value.code, caught.value.status) == (code, http_status)


@pytest.mark.parametrize(
    "identifier",
    [
        "amazon.nova-micro-v1:0",
        "global.amazon.nova-2-lite-v1:0",
        "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-micro-v1:0",
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-micro-v1:0",
        PROFILE,
    ],
)
def test_ids_and_arns_are_resolved(bedrock: Bedrock, identifier: str) -> None:
    assert converse(bedrock, {"messages": USER}, identifier)["stopReason"] == "end_turn"


@pytest.mark.parametrize(
    "identifier", ["amazon.nova-mikro-v1:0", "gpt-6", PROFILE.replace("abc123", "gone"), "arn:aws:s3:::x"]
)
def test_an_unknown_model_is_refused_in_the_words_of_aws(bedrock: Bedrock, identifier: str) -> None:
    with pytest.raises(AwsError, match="The provided model identifier is invalid") as caught:
        converse(bedrock, {"messages": USER}, identifier)
    assert (caught.value.code, caught.value.status) == ("ValidationException", 400)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"messages": []}, "must start with a user message"),
        ({"messages": [{"role": "assistant", "content": [{"text": "a"}]}]}, "must start with a user message"),
        ({"messages": USER * 2}, "must alternate"),
        ({"messages": [*USER, {"role": "assistant", "content": [{"text": "a"}]}]}, "must end with a user message"),
        ({"messages": [{"role": "user", "content": [{"text": " "}]}]}, r"object at messages\.0\.content\.0 is blank"),
        ({"messages": [{"role": "user", "content": [{"text": "w " * 60}]}]}, "Input is too long for requested model"),
        ({"messages": USER, "inferenceConfig": {"maxTokens": 100000}}, "exceeds the model limit of 4096"),
        ({"messages": USER, "inferenceConfig": {"maxTokens": 0}}, "maxTokens"),
        ({"messages": USER, "inferenceConfig": {"temperature": 1.5}}, "value less than or equal to 1"),
        ({"messages": USER, "inferenceConfig": {"topP": 1.01}}, "value less than or equal to 1"),
        ({"messages": USER, "inferenceConfig": {"maxToken": 5}}, "Unknown parameter"),
        ({"messages": "hello"}, "Invalid type"),
        ({"messages": [{"role": "user", "content": [{"cachePoint": {"type": "default"}}]}]}, "doesn't support the cac"),
        ({"messages": USER, "additionalModelRequestFields": {"top_k": 1}}, "doesn't support additionalModelRequest"),
    ],
)
def test_a_bad_request_is_a_validation_error(bedrock: Bedrock, request_: Mapping[str, Any], message: str) -> None:
    with pytest.raises(AwsError, match=message) as caught:
        converse(bedrock, request_)
    assert caught.value.code == "ValidationException"


def test_what_is_not_built_is_refused(bedrock: Bedrock) -> None:
    with pytest.raises(AwsError, match="unsupported for streaming"):
        bedrock.handle("POST", "/model/amazon.nova-micro-v1%3A0/converse-stream", {}, b"{}")
    with pytest.raises(AwsError, match="by Converse only"):
        bedrock.handle("POST", "/model/amazon.nova-micro-v1%3A0/invoke", {}, b"{}")
    with pytest.raises(AwsError, match="no Bedrock operation") as caught:
        bedrock.handle("POST", "/guardrail/x/version/1/apply", {}, b"{}")
    assert caught.value.status == 404
    with pytest.raises(AwsError, match="supported text or chat model"):
        converse(bedrock, {"messages": USER}, "amazon.titan-embed-text-v2:0")
    with pytest.raises(AwsError, match="not JSON"):
        bedrock.handle("POST", "/model/amazon.nova-micro-v1%3A0/converse", {}, b"{")


def test_titan_vectors_are_padded_with_zeros(bedrock: Bedrock) -> None:
    answer = embed(bedrock, inputText="three small words", dimensions=512, normalize=True)
    assert answer["inputTextTokenCount"] == 3
    assert len(answer["embedding"]) == 512
    assert answer["embedding"][DIMENSIONS:] == [0.0] * (512 - DIMENSIONS)
    assert sum(x * x for x in answer["embedding"]) == pytest.approx(1.0)
    assert len(embed(bedrock, inputText="x")["embedding"]) == 1024


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"inputText": "x", "dimensions": 256}, "cannot be cut to 256; use 512 or 1024"),
        ({"inputText": "x", "dimensions": 300}, "300 is not a valid enum value"),
        ({"inputText": ""}, "expected minLength: 1, actual: 0"),
        ({"inputText": "x" * 50001}, "expected maxLength: 50000, actual: 50001"),
        ({"inputText": "x " * 8193}, "Too many input tokens. Max input tokens: 8192, request input token count: 8193"),
        ({}, r"required key \[inputText\] not found"),
        ({"inputText": "x", "text": 1}, r"extraneous key \[text\] is not permitted"),
        ({"inputText": "x", "embeddingTypes": ["binary"]}, "float"),
    ],
)
def test_a_bad_embedding_request_is_a_validation_error(
    bedrock: Bedrock, request_: Mapping[str, Any], message: str
) -> None:
    with pytest.raises(AwsError, match=message) as caught:
        embed(bedrock, **request_)
    assert caught.value.code == "ValidationException"


def test_release_stops_the_model(bedrock: Bedrock, model: EchoModel) -> None:
    bedrock.release()
    assert model.released == 1
    assert converse(bedrock, {"messages": USER})["stopReason"] == "end_turn"


def test_the_aws_client_understands_answers_and_errors(bedrock: Bedrock) -> None:
    server = Server(bedrock.handle, 0)
    server.start()
    client = boto3.client(
        "bedrock-runtime",
        endpoint_url=server.endpoint,
        config=Config(retries={"total_max_attempts": 1}),
    )
    try:
        assert client.converse(modelId=PROFILE, messages=USER)["usage"]["totalTokens"] == 5
        with pytest.raises(ClientError, match="model identifier is invalid") as caught:
            client.converse(modelId="amazon.nope", messages=USER)
        assert caught.value.response["Error"]["Code"] == "ValidationException"
        body = client.invoke_model(modelId="amazon.titan-embed-text-v2:0", body=json.dumps({"inputText": "a b"}))
        assert json.loads(body["body"].read())["inputTextTokenCount"] == 2
    finally:
        client.close()
        server.shutdown()
