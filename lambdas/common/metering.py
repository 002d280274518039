"""What one step used, as usage rows: counted while it works, written once at its end.

Amounts that a service reports (tokens, DynamoDB capacity) keep the basis `reported`; what follows from a formula
(GB-seconds, log bytes) is `derived`. Requests are counted on the clients' own events, retries included, so that no
code has to remember to count.
"""

from __future__ import annotations

import platform
import threading
import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from contracts.money import UsageRow
from cost_reports.metering import meters
from cost_reports.metering.meters import UsageRowFactory
from cost_reports.prices.usage_types import request_meters
from lambdas.common.runtime import LambdaContext, Log
from lambdas.common.store import Results

#: https://aws.amazon.com/s3/pricing/: PUT, COPY, POST and LIST are tier 1, DELETE and CANCEL are free, the rest tier 2.
S3_FREE = ("Delete", "Abort")
S3_TIER_1 = ("Put", "Copy", "Create", "Upload", "Complete", "List", "Post", "Restore")
DYNAMODB_WRITES = ("Put", "Update", "Delete", "BatchWrite", "TransactWrite")


class Meter:
    """Collects the usage of one handler call. Make it first thing, `watch` the clients, `write` last thing.

    Safe for threads. `architecture` is the processor that Lambda bills; by default the one that this runs on.
    """

    def __init__(
        self,
        *,
        experiment: str,
        run: str,
        approach: str,
        region: str,
        variant: str | None = None,
        context: LambdaContext | None = None,
        architecture: meters.Architecture | None = None,
    ) -> None:
        self._names = {"experiment": experiment, "run": run, "approach": approach, "variant": variant}
        self._region = region
        self._context = context
        self._architecture = architecture or this_architecture()
        self._began = datetime.now(UTC)
        self._clock = time.perf_counter()
        self._log_bytes = Log.bytes_written()
        self._lock = threading.Lock()
        self._tokens: Counter[tuple[str, str]] = Counter()
        self._requests: Counter[meters.Tier] = Counter()
        self._units: dict[meters.Access, Decimal] = {"read": Decimal(0), "write": Decimal(0)}
        self._rows: list[UsageRow] = []
        self._watched: list[tuple[Any, str, Any]] = []

    def watch(self, *clients: Any) -> Meter:
        """Count the requests of boto3 clients (S3, DynamoDB) from now until `close`."""
        for client in clients:
            service = client.meta.service_model.service_name
            if service == "s3":
                self._register(client, "request-created.s3", self._on_s3_request)
            elif service == "dynamodb":
                self._register(client, "provide-client-params.dynamodb", _ask_for_capacity)
                self._register(client, "after-call.dynamodb", self._on_dynamodb_answer)
            else:
                raise ValueError(f"requests of {service} are not metered; known are s3 and dynamodb")
        return self

    def tokens(self, model_id: str, meter: str, tokens: int) -> None:
        """Tokens of a Bedrock model, as the service reported them; `meter` is a key of `usage_types.TOKEN_METERS`."""
        with self._lock:
            self._tokens[(model_id, meter)] += tokens

    def generated(
        self,
        model_id: str,
        *,
        input_tokens: int,
        output_tokens: int,
        cached_tokens: int = 0,
        cache_write_5m_tokens: int = 0,
        cache_write_1h_tokens: int = 0,
        service_tier: str = "",
    ) -> None:
        """Add the tokens of one Converse call. Converse counts cached input tokens, read or written, apart.

        A prompt above the model's long-context threshold is metered as long context in every token; else the tier that
        served the request decides.
        """
        counts = {
            "input": input_tokens,
            "output": output_tokens,
            "cache read": cached_tokens,
            "cache write 5m": cache_write_5m_tokens,
            "cache write 1h": cache_write_1h_tokens,
        }
        names = request_meters(model_id, sum(counts.values()) - output_tokens, service_tier)
        for name, count in counts.items():
            if count:
                self.tokens(model_id, names[name], count)

    def embedded(self, model_id: str, tokens: int) -> None:
        """Add tokens that an embedding model read."""
        self.tokens(model_id, "input", tokens)

    def add(self, rows: Iterable[UsageRow]) -> None:
        """Add rows that the step made itself, with `meter.context()`."""
        with self._lock:
            self._rows += rows

    def context(self) -> UsageRowFactory:
        """Return what makes usage rows of the step, with its names and its time span so far."""
        end = datetime.now(UTC)
        return UsageRowFactory(
            **self._names,  # type: ignore[arg-type]
            start=stamp(self._began),
            end=stamp(end),
            region=self._region,
        )

    def rows(self) -> list[UsageRow]:
        """Return all usage so far: tokens, requests, this invocation's Lambda time and log bytes, added rows."""
        rows_of = self.context()
        with self._lock:
            rows = [rows_of.tokens(model, meter, n) for (model, meter), n in sorted(self._tokens.items())]
            rows += [rows_of.row(meters.S3_REQUESTS[tier], n) for tier, n in sorted(self._requests.items())]
            rows += [rows_of.row(meters.DYNAMODB_UNITS[access], n) for access, n in self._units.items() if n]
            rows += self._rows
        if self._context is not None:
            # Billed time is whole milliseconds, rounded up, and at least one.
            elapsed = -int(-(time.perf_counter() - self._clock) * 1000 // 1)
            memory = int(self._context.memory_limit_in_mb)
            used = meters.gb_seconds(memory, max(1, elapsed))
            rows.append(rows_of.row(meters.LAMBDA_TIME[self._architecture], used))
            rows.append(rows_of.row(meters.LAMBDA_REQUESTS[self._architecture], 1))
            if logged := Log.bytes_written() - self._log_bytes:
                rows.append(rows_of.row(meters.LOG_BYTES, logged))
        return rows

    def write(self, results: Results, key: str, earlier: Iterable[UsageRow] = ()) -> list[UsageRow]:
        """Write `earlier` rows (of a call that this one continues) and all of this step's to `key`, and stop counting.

        The request that writes them is among them.
        """
        self.close()
        with self._lock:
            self._requests[1] += 1
        rows = [*earlier, *self.rows()]
        results.write(key, rows)
        return rows

    def close(self) -> None:
        """Take the counting hooks off the clients, which live longer than the step."""
        for client, event, handler in self._watched:
            client.meta.events.unregister(event, handler)
        self._watched.clear()

    def __enter__(self) -> Meter:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _register(self, client: Any, event: str, handler: Any) -> None:
        client.meta.events.register(event, handler)
        self._watched.append((client, event, handler))

    def _on_s3_request(self, operation_name: str, **_: Any) -> None:
        if operation_name.startswith(S3_FREE):
            return
        with self._lock:
            self._requests[1 if operation_name.startswith(S3_TIER_1) else 2] += 1

    def _on_dynamodb_answer(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        consumed = parsed.get("ConsumedCapacity", [])
        units = sum(
            (Decimal(str(c["CapacityUnits"])) for c in (consumed if isinstance(consumed, list) else [consumed])),
            Decimal(0),
        )
        access: meters.Access = "write" if model.name.startswith(DYNAMODB_WRITES) else "read"
        with self._lock:
            self._units[access] += units


def this_architecture() -> meters.Architecture:
    return "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"


def _ask_for_capacity(params: dict[str, Any], model: Any, **_: Any) -> None:
    if "ReturnConsumedCapacity" in model.input_shape.members:
        params.setdefault("ReturnConsumedCapacity", "TOTAL")


def stamp(moment: datetime) -> str:
    """Return a UTC time as ISO 8601 with milliseconds and a Z."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
