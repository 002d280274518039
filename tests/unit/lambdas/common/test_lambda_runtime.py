"""Deadlines, retries, bounded threads, log lines."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from contracts.times import Deadline
from lambdas.common import runtime
from lambdas.common.runtime import DeadlineError, Log, deadline_of, is_retryable, map_bounded, one_line, with_retries
from tests.unit.lambdas.lambda_world import INVALID, THROTTLED, Context, client_error


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []
    monkeypatch.setattr(runtime, "_sleep", taken.append)
    return taken


def failing(*errors: Exception) -> Callable[[], str]:
    waiting = list(errors)

    def call() -> str:
        if waiting:
            raise waiting.pop(0)
        return "done"

    return call


def test_throttling_is_retried_with_growing_jittered_waits(waits: list[float]) -> None:
    call = failing(*[client_error(*THROTTLED) for _ in range(5)])
    assert with_retries(call, deadline=Deadline.after(60), rng=random.Random(1)) == "done"
    assert len(waits) == 5
    assert all(0 <= wait <= 0.2 * 2**n for n, wait in enumerate(waits))
    assert len(set(waits)) == 5


def test_waits_are_capped(waits: list[float]) -> None:
    call = failing(*[client_error(*THROTTLED) for _ in range(9)])
    with_retries(call, deadline=Deadline.after(600), attempts=10, cap_s=0.5, rng=random.Random(1))
    assert max(waits) <= 0.5


def test_validation_errors_are_not_retried(waits: list[float]) -> None:
    calls = 0

    def call() -> None:
        nonlocal calls
        calls += 1
        raise client_error(*INVALID)

    with pytest.raises(Exception, match="Input is too"):
        with_retries(call, deadline=Deadline.after(60))
    assert (calls, waits) == (1, [])


def test_the_last_error_is_raised_when_attempts_are_used_up(waits: list[float]) -> None:
    with pytest.raises(Exception, match="wait"):
        with_retries(failing(*[client_error(*THROTTLED)] * 3), deadline=Deadline.after(60), attempts=3)
    assert len(waits) == 2


def test_no_wait_goes_past_the_deadline(waits: list[float]) -> None:
    with pytest.raises(DeadlineError, match="deadline after 1 attempts: ThrottlingException"):
        with_retries(
            failing(client_error(*THROTTLED)), deadline=Deadline.after(1), base_s=1000, cap_s=1000, rng=random.Random(1)
        )
    assert waits == []


def test_no_call_begins_after_the_deadline() -> None:
    with pytest.raises(DeadlineError):
        with_retries(failing(), deadline=Deadline.after(0))


def test_the_deadline_keeps_a_margin_of_the_invocation() -> None:
    assert 49 < deadline_of(Context(remaining_ms=60_000)).remaining_s() <= 50
    assert deadline_of(Context(remaining_ms=9_000)).expired


class OpenSearchLikeError(Exception):
    def __init__(self, status_code: int | str) -> None:
        self.status_code = status_code


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (client_error(*THROTTLED), True),
        (client_error("ThrottlingException", 429, "Too many tokens per day, please wait before trying again."), False),
        (client_error("InternalServerException", 500), True),
        (client_error("ServiceUnavailableException", 503), True),
        (client_error("ModelNotReadyException", 429), True),
        (client_error("ModelTimeoutException", 408), True),
        (client_error("ModelError", 424, OriginalStatusCode=500), True),
        (client_error("ModelError", 424, OriginalStatusCode=400), False),
        (client_error("ModelError", 424, OriginalStatusCode=0), True),
        (client_error("ModelError", 424), True),
        (client_error("ServiceUnavailable", 503), True),
        (client_error("ModelErrorException", 424, originalStatusCode=503), True),
        (client_error(*INVALID), False),
        (client_error("AccessDeniedException", 403), False),
        (client_error("ResourceNotFoundException", 404), False),
        (ReadTimeoutError(endpoint_url="u"), True),
        (ConnectTimeoutError(endpoint_url="u"), True),
        (EndpointConnectionError(endpoint_url="u"), True),
        (ConnectionResetError(), True),
        (TimeoutError(), True),
        (OpenSearchLikeError(429), True),
        (OpenSearchLikeError(503), True),
        (OpenSearchLikeError("N/A"), True),
        (OpenSearchLikeError(400), False),
        (DeadlineError("deadline"), True),
        (KeyError("x"), False),
    ],
    ids=lambda value: one_line(value) if isinstance(value, Exception) else "",
)
def test_what_is_retryable(error: Exception, expected: bool) -> None:
    assert is_retryable(error) is expected


def test_results_keep_the_order_of_the_items() -> None:
    assert map_bounded(lambda n: n * n, range(50), workers=4) == [n * n for n in range(50)]


def test_no_more_threads_than_asked_for_work_at_once() -> None:
    running, most = 0, 0
    lock = threading.Lock()
    both = threading.Barrier(2, timeout=5)

    def work(_: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        both.wait()
        with lock:
            running -= 1

    map_bounded(work, range(8), workers=2)
    assert most == 2


def test_the_first_error_of_a_map_comes_out() -> None:
    def work(n: int) -> int:
        if n == 3:
            raise ValueError("three")
        return n

    with pytest.raises(ValueError, match="three"):
        map_bounded(work, range(10), workers=2)


def test_an_error_is_one_line_and_short() -> None:
    assert one_line(client_error(*INVALID)) == "ValidationException: Input is too long for requested model."
    assert one_line(ValueError("a\n  b")) == "ValueError: a b"
    assert one_line(ValueError()) == "ValueError"
    assert len(one_line(ValueError("x" * 1000))) == 300


def test_log_lines_are_json_with_the_fixed_fields_and_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    before = Log.bytes_written()
    log = Log(run="r1")
    log.info("batch answered", errors=2, text="zwölf\nmm")
    log.error("failed")
    output = capsys.readouterr().out
    lines: list[dict[str, Any]] = [json.loads(line) for line in output.splitlines()]
    assert lines[0] == {"level": "INFO", "message": "batch answered", "run": "r1", "errors": 2, "text": "zwölf\nmm"}
    assert lines[1]["level"] == "ERROR"
    assert Log.bytes_written() - before == len(output.encode())


def test_one_client_per_service_and_our_retries_replace_botocores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "_clients", {})
    assert runtime.client("s3") is runtime.client("s3")
    assert runtime.client("s3").meta.config.retries["total_max_attempts"] == 5
    assert runtime.client("bedrock-runtime").meta.config.retries["total_max_attempts"] == 1
    assert runtime.client("bedrock-runtime").meta.config.max_pool_connections >= runtime.MODEL_WORKERS
    runtime.reset_clients()
    assert runtime._clients == {}


@pytest.mark.parametrize(
    ("error", "throttled"),
    [
        (client_error(*THROTTLED), True),
        (client_error("Unknown", 429), True),
        (client_error("ModelError", 424, OriginalStatusCode=429), True),
        (client_error("ModelError", 424, OriginalStatusCode=503), False),
        (client_error("ServiceUnavailableException", 503), False),
        (client_error("ThrottlingException", 429, "Too many tokens per day, please wait"), False),
        (client_error(*INVALID), False),
        (ConnectTimeoutError(endpoint_url="x"), False),
    ],
)
def test_throttled_is_what_a_quota_of_the_minute_refused(error: Exception, throttled: bool) -> None:
    assert runtime.is_throttled(error) is throttled


def test_patience_with_some_errors_leaves_the_attempts_to_the_others(waits: list[float]) -> None:
    errors: list[Exception] = [*(client_error(*THROTTLED) for _ in range(30)), client_error("Out", 503)] * 2
    waiting = iter(errors)

    def call() -> str:
        for error in waiting:
            raise error
        return "done"

    patient = {"until_deadline": runtime.is_throttled, "deadline": Deadline.after(10_000)}
    assert with_retries(call, attempts=3, **patient) == "done"
    assert len(waits) == 62
    assert max(waits) <= runtime.PATIENT_CAP_S
    waiting = iter([client_error("Out", 503), client_error(*THROTTLED), client_error("Out", 503)])
    with pytest.raises(ClientError, match="Out"):
        with_retries(call, attempts=2, **patient)


def test_a_failed_approach_is_named_with_its_innermost_error() -> None:
    inner = {"Error": "SageMaker.ResourceLimitExceededException", "Cause": "no quota\nfor ml.g5.xlarge"}
    child = {"ExecutionArn": "arn:child", "Error": inner["Error"], "Cause": json.dumps(inner)}
    outer = json.dumps({"Error": "States.TaskFailed", "Cause": json.dumps(child)})
    assert runtime.root_cause(outer) == "SageMaker.ResourceLimitExceededException: no quota for ml.g5.xlarge"
    assert runtime.root_cause(json.dumps({"Error": "States.Timeout"})) == "States.Timeout"
    assert runtime.root_cause("plain\n text") == "plain text"
    of_function = json.dumps(
        {"errorMessage": "model m refused\n the call", "errorType": "ProbeError", "stackTrace": []}
    )
    failed = json.dumps({"Error": "ProbeError", "Cause": of_function})
    assert runtime.root_cause(json.dumps({"Error": "States.TaskFailed", "Cause": failed})) == (
        "ProbeError: model m refused the call"
    )
    assert runtime.root_cause('["rag"]') == '["rag"]'
    assert runtime.root_cause('{"a": 1}') == '{"a": 1}'
