"""How a handler spends its time: clients, deadlines, retries, bounded concurrency, one-line JSON logs."""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError, ResponseStreamingError
from botocore.exceptions import ConnectionError as BotoConnectionError

from contracts.times import Deadline

T = TypeVar("T")
R = TypeVar("R")

#: Replaced in tests, which must not wait.
_sleep = time.sleep

#: Concurrent model calls of one handler; the connection pools are as large, so that no thread waits for a socket.
MODEL_WORKERS = 16
#: Services whose calls go through `with_retries`: botocore's own retries would multiply with ours and ignore deadlines.
SELF_RETRIED = frozenset({"bedrock-runtime", "sagemaker-runtime", "ce"})
#: Services that have one endpoint for all regions, and the region that it is in.
REGIONS = {"ce": "us-east-1"}
#: Seconds that a call may take before it is made again; an answering model may take its time.
READ_TIMEOUTS_S = {"ce": 45}

#: Longest wait of a caller that is throttled. Quotas are counted by the minute, and many wait for the same one.
PATIENT_CAP_S = 30.0
MOST_DOUBLINGS = 16

THROTTLING_CODES = frozenset(
    {
        "ThrottlingException",
        "Throttling",
        "ThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "ProvisionedThroughputExceededException",
        "SlowDown",
    }
)
TEMPORARY_CODES = frozenset(
    {"ModelTimeoutException", "ModelNotReadyException", "RequestTimeout", "RequestTimeoutException"}
)
CONNECTION_ERRORS = (
    BotoConnectionError,
    HTTPClientError,
    IncompleteReadError,
    ResponseStreamingError,
    ConnectionError,
    TimeoutError,
)


class LambdaContext(Protocol):
    """The part of a Lambda context object that handlers use; `memory_limit_in_mb` is text in some runtimes."""

    memory_limit_in_mb: int | str
    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int: ...


class DeadlineError(RuntimeError):
    """The time of the invocation is used up; the work can be done by a later one.

    `attempts` counts the calls that were made, where there were any.
    """

    retryable = True
    attempts = 1


def deadline_of(context: LambdaContext, margin_s: float = 10) -> Deadline:
    """Return the end of the invocation less `margin_s`, kept for writing what there is."""
    return Deadline.after(context.get_remaining_time_in_millis() / 1000 - margin_s)


_clients: dict[str, Any] = {}
_sessions: list[Any] = []
_clients_lock = threading.RLock()


def session() -> Any:
    """Return the process's one botocore session. boto3 would take a sixth longer to import."""
    with _clients_lock:
        if not _sessions:
            _sessions.append(botocore.session.get_session())
        return _sessions[0]


def client(service: str) -> Any:
    """Return the process's one client of `service`; 5 standard attempts, 1 where `with_retries` wraps the calls."""
    with _clients_lock:  # building clients from one session is not thread-safe, using them is
        if service not in _clients:
            attempts = 1 if service in SELF_RETRIED else 5
            config = Config(
                retries={"mode": "standard", "total_max_attempts": attempts},
                connect_timeout=5,
                read_timeout=READ_TIMEOUTS_S.get(service, 120),
                max_pool_connections=2 * MODEL_WORKERS,
            )
            _clients[service] = session().create_client(service, region_name=REGIONS.get(service), config=config)
        return _clients[service]


def reset_clients() -> None:
    """Forget the cached clients; for tests, which change endpoints and mocks between calls."""
    with _clients_lock:
        _clients.clear()
        _sessions.clear()


def on_embedded_aws() -> bool:
    """Return whether the environment names an embedded AWS, whose bill is simulated."""
    return bool(os.environ.get("AWS_ENDPOINT_URL"))


def is_retryable(error: BaseException) -> bool:
    """Return whether a repeated call may succeed: throttling, 5xx, connection errors, or the error's `retryable`.

    Validation and permission errors are not, and neither is a quota that is counted by the day. Errors of other HTTP
    clients are judged by their `status_code` (429, 5xx, or "N/A" for a connection that failed).
    """
    flag = getattr(error, "retryable", None)
    if isinstance(flag, bool):
        return flag
    if isinstance(error, ClientError):
        return _is_retryable_response(error)
    if isinstance(error, CONNECTION_ERRORS):
        return True
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        return status == 429 or status >= 500
    return status == "N/A"


def is_throttled(error: BaseException) -> bool:
    """Return whether a service (or the container behind an endpoint) refused the call because there were too many."""
    if not isinstance(error, ClientError) or not is_retryable(error):
        return False
    response: dict[str, Any] = dict(error.response)
    original = response.get("OriginalStatusCode") or response.get("originalStatusCode")
    status = original or response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return error_code(error) in THROTTLING_CODES or int(status) == 429


def _is_retryable_response(error: ClientError) -> bool:
    response: dict[str, Any] = dict(error.response)
    details = response.get("Error", {})
    if "per day" in str(details.get("Message", "")):
        return False
    code = details.get("Code", "")
    if code in THROTTLING_CODES or code in TEMPORARY_CODES:
        return True
    # SageMaker and Bedrock wrap the answer of the model container in a 424 that carries the container's own status.
    original = response.get("OriginalStatusCode") or response.get("originalStatusCode")
    if code == "ModelError" and not int(original or 0):
        return True  # SageMaker got no answer from the container at all
    status = original or response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return int(status) == 429 or int(status) >= 500


def with_retries(
    call: Callable[[], T],
    *,
    retryable: Callable[[BaseException], bool] = is_retryable,
    deadline: Deadline,
    attempts: int = 6,
    base_s: float = 0.2,
    cap_s: float = 8.0,
    until_deadline: Callable[[BaseException], bool] = lambda _: False,
    rng: random.Random | None = None,
) -> T:
    """Return `call()`, repeated after retryable errors with full jitter: waits in [0, min(cap, base * 2^n)].

    Errors for which `until_deadline` holds count as no attempt, and their waits grow to `PATIENT_CAP_S`.

    Raises:
        DeadlineError: no time is left for the call, or for the wait before the next attempt (the last error is its
            cause).
        The call's own error: it is not retryable, or it was the last attempt.
    """
    if attempts < 1:
        raise ValueError(f"attempts must be 1 or more, not {attempts}")
    dice = rng or random.Random()  # noqa: S311 (jitter, not a secret)
    made = failed = 0
    while True:
        if deadline.expired:
            raise DeadlineError("deadline")
        try:
            return call()
        except Exception as error:
            made += 1
            patient = until_deadline(error)
            failed += not patient
            if failed == attempts or not retryable(error):
                raise
            cap = PATIENT_CAP_S if patient else cap_s
            wait = dice.uniform(0, min(cap, base_s * 2 ** min(made - 1, MOST_DOUBLINGS)))
            if wait >= deadline.remaining_s():
                raise DeadlineError(f"deadline after {made} attempts: {one_line(error)}") from error
            _sleep(wait)


def map_bounded(fn: Callable[[T], R], items: Iterable[T], workers: int = 8) -> list[R]:
    """Return `fn` over `items` in at most `workers` threads, in the order of the items.

    The first error is raised as it is; calls that have not begun by then are dropped.
    """
    with ThreadPoolExecutor(max_workers=workers) as pool:
        return list(pool.map(fn, items))


def error_code(error: BaseException) -> str:
    """Return the code with which AWS refused a call; empty for any other error."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def one_line(error: BaseException, limit: int = 300) -> str:
    """Return `error` for a log line or an error row: kind and message on one line."""
    text = " ".join(str(error).split())
    if isinstance(error, ClientError):
        details = error.response.get("Error", {})
        kind, text = details.get("Code", "ClientError"), " ".join(str(details.get("Message", text)).split())
    else:
        kind = type(error).__name__
    line = f"{kind}: {text}" if text else kind
    return line if len(line) <= limit else line[: limit - 1] + "…"


def root_cause(text: str) -> str:
    """Return the innermost error of what Step Functions says, on one line.

    The cause of a nested execution is its description as JSON, which holds the cause of the next one; that of a
    function is its error as JSON. Other text stays as it is.
    """
    try:
        document = json.loads(text)
    except ValueError:
        return " ".join(text.split())
    if not isinstance(document, dict):
        return " ".join(text.split())
    if "errorMessage" in document:
        return f"{document.get('errorType', 'Error')}: {' '.join(str(document['errorMessage']).split())}"
    if "Error" not in document:
        return " ".join(text.split())
    error, cause = str(document["Error"]), str(document.get("Cause") or "")
    inner = root_cause(cause)
    # A cause that was JSON names its own error.
    return inner if cause.lstrip().startswith("{") else f"{error}: {inner}".removesuffix(": ")


class Log:
    """One JSON object a line on standard output, each with the same fixed fields. No prompt, no answer text."""

    _bytes = 0
    _lock = threading.Lock()

    def __init__(self, **fields: Any) -> None:
        self._fields = fields

    def info(self, message: str, **fields: Any) -> None:
        self._write("INFO", message, fields)

    def error(self, message: str, **fields: Any) -> None:
        self._write("ERROR", message, fields)

    def _write(self, level: str, message: str, fields: dict[str, Any]) -> None:
        record = {"level": level, "message": message, **self._fields, **fields}
        line = json.dumps(record, ensure_ascii=False, default=str, separators=(",", ":")) + "\n"
        with Log._lock:
            Log._bytes += len(line.encode())
            sys.stdout.write(line)
            sys.stdout.flush()

    @classmethod
    def bytes_written(cls) -> int:
        """Return the bytes of all lines of this process so far, for the log meter."""
        return cls._bytes
