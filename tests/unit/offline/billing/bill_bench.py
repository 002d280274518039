"""What the tests of the billing engine share: a clock that stands, an S3 in memory, a run's usage, real clients."""

from __future__ import annotations

import hashlib
import io
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from contracts import json_codec, keys
from contracts.money import UsageRow
from cost_reports.metering import meters
from cost_reports.metering.meters import UsageRowFactory
from offline.billing.api import Billing
from offline.common import http_server
from offline.engines import Router

ACCOUNT = "123456789012"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
POLICY = json.dumps({"Statement": [{"Principal": {"Service": ["bcm-data-exports.amazonaws.com"]}}]})


class Clock:
    """The real time of a test."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class MemoryS3:
    """The calls that billing makes. `written` counts up: a later object has a later date."""

    def __init__(self) -> None:
        self.buckets: dict[str, dict[str, tuple[int, bytes]]] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.policies: dict[str, str] = {}
        self.reads = 0
        self._written = 0

    def put(self, bucket: str, key: str, content: bytes) -> None:
        self._written += 1
        self.buckets.setdefault(bucket, {})[key] = (self._written, content)

    def read(self, bucket: str, key: str) -> bytes:
        return self.buckets[bucket][key][1]

    def list_buckets(self) -> dict[str, Any]:
        return {"Buckets": [{"Name": name} for name in self.buckets]}

    def get_paginator(self, _operation: str) -> MemoryS3:
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterable[dict[str, Any]]:  # noqa: N803 (boto3's names)
        for key, (written, content) in sorted(self.buckets[Bucket].items()):
            if key.startswith(Prefix):
                stamp = datetime.fromtimestamp(written, UTC)
                etag = hashlib.md5(content).hexdigest()
                yield {"Contents": [{"Key": key, "ETag": etag, "LastModified": stamp}]}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        self.reads += 1
        return {"Body": io.BytesIO(self.read(Bucket, Key))}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803
        if Bucket not in self.buckets:
            raise ClientError({"Error": {"Code": "NoSuchBucket", "Message": Bucket}}, "PutObject")
        self.put(Bucket, Key, Body)

    def get_bucket_tagging(self, *, Bucket: str) -> dict[str, Any]:  # noqa: N803
        if Bucket not in self.tags:
            raise ClientError({"Error": {"Code": "NoSuchTagSet", "Message": Bucket}}, "GetBucketTagging")
        return {"TagSet": [{"Key": key, "Value": value} for key, value in self.tags[Bucket].items()]}

    def get_bucket_policy(self, *, Bucket: str) -> dict[str, Any]:  # noqa: N803
        if Bucket not in self.policies:
            raise ClientError({"Error": {"Code": "NoSuchBucketPolicy", "Message": Bucket}}, "GetBucketPolicy")
        return {"Policy": self.policies[Bucket]}


class Server:
    """A loopback server and clients that talk to it; the engine behind it changes with every test."""

    def __init__(self) -> None:
        self.router = Router({}, dict)
        self._server = http_server.Server(self.router.handle, 0)
        self._server.start()
        self.url = self._server.endpoint
        config = Config(retries={"total_max_attempts": 1})
        self.ce: Any = boto3.client("ce", endpoint_url=self.url, config=config)
        self.exports: Any = boto3.client("bcm-data-exports", endpoint_url=self.url, config=config)
        #: A client that checks nothing: the engine has to refuse.
        loose = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
        self.loose: Any = boto3.client("ce", endpoint_url=self.url, config=loose)

    def close(self) -> None:
        for client in (self.ce, self.exports, self.loose):
            client.close()
        self._server.shutdown()


class Bench:
    """An engine of its own directory and S3 behind the server."""

    def __init__(self, directory: Path, server: Server) -> None:
        self.directory = directory
        self.clock = Clock()
        self.s3 = MemoryS3()
        self.s3.buckets["results"] = {}
        self.s3.tags["results"] = {"project": "fm-cost-ladder", "owner": "team-a", "approach": "shared"}
        self.router, self.url = server.router, server.url
        self.ce, self.exports, self.loose = server.ce, server.exports, server.loose
        self.engine = self._engine()
        self._route()

    def restart(self) -> None:
        """The engine's process ends and another one starts on the same directory."""
        self.engine.close()
        self.engine = self._engine()
        self._route()

    def close(self) -> None:
        self.engine.close()

    def control(self, **changes: Any) -> dict[str, Any]:
        """POST to the control route; without changes GET."""
        body = json.dumps(changes).encode() if changes else None
        request = urllib.request.Request(f"{self.url}/_billing", data=body, method="POST" if changes else "GET")
        with urllib.request.urlopen(request, timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def refusal(self, **changes: Any) -> str:
        """What the control route says to changes that it refuses."""
        request = urllib.request.Request(f"{self.url}/_billing", data=json.dumps(changes).encode(), method="POST")
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=10).close()
        with caught.value as answer:
            assert answer.code == 400
            return str(json.load(answer)["message"])

    def write(self, rows: Iterable[UsageRow], *, approach: str, step: str = "a", bucket: str = "results") -> str:
        key = keys.usage("handbook", "run-1", approach, step)
        self.s3.put(bucket, key, json_codec.dump_lines(rows).encode())
        return key

    def run(self, day: str = "2026-11-20") -> None:
        """What a run uses: two approaches and what they share."""
        for approach in ("prompting", "rag", "shared"):
            self.write(usage(approach, day), approach=approach)

    def _engine(self) -> Billing:
        return Billing(
            directory=self.directory,
            gateway="http://127.0.0.1:1",
            account=ACCOUNT,
            region="us-east-1",
            clock=self.clock,
            s3=lambda: self.s3,
        )

    def _route(self) -> None:
        self.router._engines = {
            "ce": self.engine.cost_explorer,
            "bcm-data-exports": self.engine.exports,
            "billing": self.engine.control,
        }


def context(approach: str, day: str = "2026-11-20", hours: tuple[int, int] = (9, 10)) -> UsageRowFactory:
    start, end = (f"{day}T{hour:02}:00:00Z" for hour in hours)
    return UsageRowFactory(
        experiment="handbook", run="run-1", approach=approach, variant=None, start=start, end=end, region="us-east-1"
    )


def usage(approach: str, day: str = "2026-11-20") -> list[UsageRow]:
    ctx = context(approach, day)
    if approach == "shared":
        return [
            ctx.row(meters.TRANSITIONS, 123),
            ctx.row(meters.S3_STORAGE, 5_000_000 * 3600),
            ctx.row(meters.S3_REQUESTS[1], 17),
            ctx.row(meters.LAMBDA_TIME["arm64"], meters.gb_seconds(512, 12_345)),
        ]
    model = "us.amazon.nova-micro-v1:0"
    rows = [
        ctx.tokens(model, "input", 1_234),
        ctx.tokens(model, "output", 567),
        ctx.row(meters.LAMBDA_TIME["arm64"], meters.gb_seconds(512, 3_333)),
    ]
    if approach == "rag":
        rows += [
            ctx.tokens("amazon.titan-embed-text-v2:0", "input", 98_765),
            ctx.tokens("us.anthropic.claude-haiku-5-5", "output", 321),
            ctx.row(meters.OCU["search"], 3_600 * Decimal("0.5")),
        ]
    return rows


def cuts(key: str, kind: str, name: str) -> list[dict[str, str]]:
    return [{"Type": "TAG", "Key": key}, {"Type": kind, "Key": name}]


def ask(start: str = "2026-11-20", end: str = "2026-11-21", **more: Any) -> dict[str, Any]:
    """A request for costs and quantities by day."""
    return {
        "TimePeriod": {"Start": start, "End": end},
        "Granularity": "DAILY",
        "Metrics": ["UnblendedCost", "AmortizedCost", "UsageQuantity"],
        **more,
    }


def refused(call: Callable[..., Any], **request: Any) -> tuple[str, str]:
    """Code and message of the refusal of a call."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return str(error["Code"]), str(error["Message"])


def groups(answer: dict[str, Any]) -> dict[tuple[str, ...], Decimal]:
    """Keys -> unblended cost, of an answer with one period."""
    (result,) = answer["ResultsByTime"]
    return {tuple(g["Keys"]): Decimal(g["Metrics"]["UnblendedCost"]["Amount"]) for g in result["Groups"]}
