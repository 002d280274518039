"""The results bucket, read and written as records. Every error names the object."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from botocore.exceptions import ClientError

from contracts import json_codec, keys
from contracts.experiment import Document, Experiment, Question
from contracts.run import Manifest
from contracts.times import Deadline
from lambdas.common.runtime import DeadlineError, error_code, is_retryable, with_retries

T = TypeVar("T")

#: How often, and for how many seconds, a conditional put is tried while other writers come first.
ATTEMPTS = 10
TIME_S = 60.0
_MISSING = frozenset({"NoSuchKey", "404", "NotFound"})
#: Another writer wrote the object (412), is writing it (409), or deleted it (404) since it was read.
_OVERTAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "412", "409"})


class MissingObjectError(FileNotFoundError):
    """An object that a step needs is not in the bucket."""

    def __str__(self) -> str:
        return str(self.args[0])


class OvertakenError(RuntimeError):
    """Other writers changed an object first, each time that it was to be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object as it was read or is to be written."""

    body: bytes
    content_type: str = "application/json"
    metadata: Mapping[str, str] = field(default_factory=dict)


class Results:
    """The results bucket of an experiment. `s3` is a boto3 client (`runtime.client("s3")`)."""

    def __init__(self, bucket: str, s3: Any) -> None:
        self.bucket = bucket
        self.s3 = s3

    def uri(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"

    def read_text(self, key: str) -> str:
        """The object as UTF-8 text.

        Raises:
            MissingObjectError: the object does not exist.
        """
        try:
            body: bytes = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error_code(error) in _MISSING:
                raise MissingObjectError(
                    f"{self.uri(key)}: no such object; the step that writes it has not run"
                ) from None
            raise
        return body.decode("utf-8")

    def exists(self, key: str) -> bool:
        try:
            self.s3.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error_code(error) in _MISSING:
                return False
            raise
        return True

    def write_text(self, key: str, text: str, content_type: str = "application/json") -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=text.encode("utf-8"), ContentType=content_type)

    def get_with_etag(self, key: str) -> tuple[StoredObject | None, str | None]:
        """Read an object and its ETag; `(None, None)` where there is no object."""
        try:
            response = self.s3.get_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error_code(error) in _MISSING:
                return None, None
            raise
        stored = StoredObject(
            body=response["Body"].read(), content_type=response["ContentType"], metadata=response["Metadata"]
        )
        return stored, str(response["ETag"])

    def put_if(self, key: str, stored: StoredObject, etag: str | None) -> None:
        """Write an object whose version is still `etag` (None: that does not exist yet).

        Raises:
            ClientError: another writer was first, or S3 refused it.
        """
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        self.s3.put_object(
            Bucket=self.bucket,
            Key=key,
            Body=stored.body,
            ContentType=stored.content_type,
            Metadata=dict(stored.metadata),
            **condition,
        )

    def update(self, key: str, change: Callable[[StoredObject | None], StoredObject | None]) -> bool:
        """Replace an object by what `change` makes of it, and return whether it was written.

        Optimistic locking: on a failed conditional put, re-read and retry. `change` gets None where there is no object,
        and returns None to leave everything as it is.

        Raises:
            OvertakenError: other writers came first in every attempt.
        """

        def once() -> bool:
            stored, etag = self.get_with_etag(key)
            changed = change(stored)
            if changed is not None:
                self.put_if(key, changed, etag)
            return changed is not None

        try:
            return with_retries(once, retryable=_may_succeed, deadline=Deadline.after(TIME_S), attempts=ATTEMPTS)
        except (ClientError, DeadlineError) as error:
            cause = error.__cause__ if isinstance(error, DeadlineError) else error
            if cause is None or error_code(cause) not in _OVERTAKEN:
                raise
            raise OvertakenError(
                f"{self.uri(key)}: other writers changed it first in each of up to {ATTEMPTS} attempts; try again"
            ) from error

    def write(self, key: str, records: Iterable[Any]) -> None:
        """Write `records` (dataclass instances) as JSON Lines."""
        self.write_text(key, json_codec.dump_lines(records), "application/x-ndjson")

    def read(self, key: str, cls: type[T]) -> list[T]:
        """The records of a JSON Lines object.

        Raises:
            MissingObjectError: the object does not exist.
            ValueError: a line does not fit `cls`; the message names object and line.
        """
        text = self.read_text(key)
        try:
            return json_codec.load_lines(cls, text)
        except ValueError as error:
            raise ValueError(f"{self.uri(key)}: {error}") from error

    def list_keys(self, prefix: str) -> list[str]:
        """Return the keys below `prefix`, sorted."""
        return sorted(entry["Key"] for entry in self.objects(prefix))

    def objects(self, prefix: str) -> Iterator[dict[str, Any]]:
        """Return what S3 lists of each object below `prefix`: `Key`, `Size`, `ETag`, `LastModified`; in its order."""
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
            yield from page.get("Contents", [])

    def list_folders(self, prefix: str) -> list[str]:
        """Return the folders below `prefix`: what its keys have up to the next slash; sorted, each once."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix, Delimiter="/")
        found = [entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", [])]
        return sorted(name.removeprefix(prefix).rstrip("/") for name in found)

    def read_prefix(self, prefix: str, cls: type[T]) -> list[T]:
        """Return the records of all `.jsonl` objects below `prefix`, in the order of their keys."""
        return [record for key in self.list_keys(prefix) if key.endswith(".jsonl") for record in self.read(key, cls)]

    def manifest(self, experiment: str, run: str) -> Manifest:
        return self._read_one(keys.manifest(experiment, run), Manifest)

    def experiment(self, manifest: Manifest) -> Experiment:
        return self._read_one(f"{manifest.input_prefix}experiment.json", Experiment)

    def documents(self, manifest: Manifest) -> list[Document]:
        return self.read(f"{manifest.input_prefix}documents.jsonl", Document)

    def questions(self, manifest: Manifest, split: Literal["train", "test"]) -> list[Question]:
        return self.read(f"{manifest.input_prefix}questions.{split}.jsonl", Question)

    def _read_one(self, key: str, cls: type[T]) -> T:
        text = self.read_text(key)
        try:
            return json_codec.from_jsonable(cls, json.loads(text))
        except ValueError as error:
            raise ValueError(f"{self.uri(key)}: {error}") from error


def _may_succeed(error: BaseException) -> bool:
    return error_code(error) in _OVERTAKEN or is_retryable(error)
