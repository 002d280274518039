"""The ledger of an experiment as an object in its bucket.

It is changed by conditional writes: whoever read it before somebody else wrote it does the change again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from cost_reports.ledger import Ledger
from lambdas.common import keys
from lambdas.common.runtime import Deadline, DeadlineError, error_code, is_retryable, with_retries
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
        self.key = f"{keys.report_prefix(experiment, 'facts')}ledger.sqlite"

    @property
    def uri(self) -> str:
        return self.results.uri(self.key)

    def load(self, folder: Path) -> tuple[Path, str | None]:
        """The ledger's file in `folder`, and its ETag; where there is none yet, no file and null."""
        path = folder / "ledger.sqlite"
        try:
            found = self.results.s3.get_object(Bucket=self.results.bucket, Key=self.key)
        except ClientError as error:
            if error_code(error) in ("NoSuchKey", "404"):
                return path, None
            raise
        path.write_bytes(found["Body"].read())
        return path, str(found["ETag"])

    @contextmanager
    def read(self) -> Iterator[Ledger]:
        """The ledger as it stands in the bucket, an empty one where there is none yet. Changes to it are not kept.

        Raises:
            LedgerError: it is damaged.
        """
        with tempfile.TemporaryDirectory() as folder:
            path, _ = self.load(Path(folder))
            with Ledger(path, name=self.uri) as ledger:
                yield ledger

    def update(self, change: Callable[[Ledger], None]) -> None:
        """Do `change` and write the ledger back; again where somebody else wrote it meanwhile, so `change` must say the
        same whatever is in the ledger.

        Raises:
            FactsError: others wrote it first each time.
            LedgerError: it is damaged, or `change` has a row that does not belong into it.
        """

        def once() -> None:
            with tempfile.TemporaryDirectory() as folder:
                path, etag = self.load(Path(folder))
                with Ledger(path, name=self.uri) as ledger:
                    change(ledger)
                self._write(path.read_bytes(), etag)

        try:
            with_retries(once, retryable=_again, deadline=Deadline.after(TIME_S), attempts=ATTEMPTS)
        except (ClientError, DeadlineError) as error:
            cause = error.__cause__ if isinstance(error, DeadlineError) else error
            if not isinstance(cause, ClientError) or not _overtaken(cause):
                raise
            raise FactsError(
                f"{self.uri}: others wrote it first each of up to {ATTEMPTS} times; run the report again"
            ) from error

    def _write(self, body: bytes, etag: str | None) -> None:
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        self.results.s3.put_object(
            Bucket=self.results.bucket,
            Key=self.key,
            Body=body,
            ContentType="application/vnd.sqlite3",
            **condition,
        )


def _overtaken(error: BaseException) -> bool:
    return error_code(error) in OVERTAKEN


def _again(error: BaseException) -> bool:
    return _overtaken(error) or is_retryable(error)
