"""The ledger of an experiment as a Parquet object in its bucket.

It is changed by conditional writes: whoever read it before somebody else wrote it does the change again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from contracts import keys
from contracts.times import Deadline
from cost_reports.ledger import IN_MEMORY, Ledger
from cost_reports.ledger_file import from_parquet, to_parquet
from lambdas.common.runtime import DeadlineError, error_code, is_retryable, on_embedded_aws, with_retries
from lambdas.common.store import Results

ATTEMPTS = 10
TIME_S = 60.0
#: Somebody else wrote (412), is writing (409), or took the object away (404) since it was read.
OVERTAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "412", "409"})


class FactsError(RuntimeError):
    """The ledger in the bucket could not be changed."""


class Facts:
    """The ledger of `experiment` in the results bucket."""

    def __init__(self, results: Results, experiment: str) -> None:
        self.results = results
        self.key = f"{keys.report_prefix(experiment, 'facts')}charges/charges.parquet"

    @property
    def uri(self) -> str:
        return self.results.uri(self.key)

    @contextmanager
    def read(self) -> Iterator[Ledger]:
        """The ledger as it stands in the bucket, an empty one where there is none yet. Changes to it are not kept.

        Raises:
            LedgerError: it is damaged.
        """
        with self._loaded() as (ledger, _):
            yield ledger

    def update(self, change: Callable[[Ledger], None]) -> None:
        """Do `change` and write the ledger back; again where somebody else wrote it meanwhile, so `change` must say the
        same whatever is in the ledger.

        Raises:
            FactsError: others wrote it first each time.
            LedgerError: it is damaged, or `change` has a row that does not belong into it or an amount of too many
                digits.
        """

        def once() -> None:
            with self._loaded() as (ledger, etag):
                change(ledger)
                self._write(to_parquet(ledger, simulated=on_embedded_aws()), etag)

        try:
            with_retries(once, retryable=_again, deadline=Deadline.after(TIME_S), attempts=ATTEMPTS)
        except (ClientError, DeadlineError) as error:
            cause = error.__cause__ if isinstance(error, DeadlineError) else error
            if not isinstance(cause, ClientError) or not _overtaken(cause):
                raise
            raise FactsError(
                f"{self.uri}: others wrote it first each of up to {ATTEMPTS} times; run the report again"
            ) from error

    @contextmanager
    def _loaded(self) -> Iterator[tuple[Ledger, str | None]]:
        """The ledger, and the ETag of its object; of none, an empty ledger and null."""
        data, etag = self._fetch()
        with Ledger(IN_MEMORY, name=self.uri) as ledger:
            if data is not None:
                from_parquet(ledger, data)
            yield ledger, etag

    def _fetch(self) -> tuple[bytes | None, str | None]:
        try:
            found = self.results.s3.get_object(Bucket=self.results.bucket, Key=self.key)
        except ClientError as error:
            if error_code(error) in ("NoSuchKey", "404"):
                return None, None
            raise
        return found["Body"].read(), str(found["ETag"])

    def _write(self, body: bytes, etag: str | None) -> None:
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        self.results.s3.put_object(
            Bucket=self.results.bucket,
            Key=self.key,
            Body=body,
            ContentType="application/vnd.apache.parquet",
            **condition,
        )


def _overtaken(error: BaseException) -> bool:
    return error_code(error) in OVERTAKEN


def _again(error: BaseException) -> bool:
    return _overtaken(error) or is_retryable(error)
