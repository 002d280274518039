"""The results bucket, read and written as records. Every error names the object."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Literal, TypeVar

from botocore.exceptions import ClientError

from contracts import json_codec, keys
from contracts.experiment import Document, Experiment, Question
from contracts.run import Manifest
from lambdas.common.runtime import error_code

T = TypeVar("T")

_MISSING = frozenset({"NoSuchKey", "404", "NotFound"})


class MissingObjectError(FileNotFoundError):
    """An object that a step needs is not in the bucket."""

    def __str__(self) -> str:
        return str(self.args[0])


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
            MissingObjectError: there is none.
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

    def write(self, key: str, records: Iterable[Any]) -> None:
        """`records` (dataclass instances) as JSON Lines."""
        self.write_text(key, json_codec.dump_lines(records), "application/x-ndjson")

    def read(self, key: str, cls: type[T]) -> list[T]:
        """The records of a JSON Lines object.

        Raises:
            MissingObjectError: there is none.
            ValueError: a line does not fit `cls`; the message names object and line.
        """
        text = self.read_text(key)
        try:
            return json_codec.load_lines(cls, text)
        except ValueError as error:
            raise ValueError(f"{self.uri(key)}: {error}") from error

    def list_keys(self, prefix: str) -> list[str]:
        """Keys below `prefix`, sorted."""
        return sorted(entry["Key"] for entry in self.objects(prefix))

    def objects(self, prefix: str) -> Iterator[dict[str, Any]]:
        """What S3 lists of each object below `prefix`: `Key`, `Size`, `ETag`, `LastModified`; in its order."""
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
            yield from page.get("Contents", [])

    def list_folders(self, prefix: str) -> list[str]:
        """What comes after `prefix`, up to the next slash, in keys that have one there; sorted, each once."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix, Delimiter="/")
        found = [entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", [])]
        return sorted(name.removeprefix(prefix).rstrip("/") for name in found)

    def read_prefix(self, prefix: str, cls: type[T]) -> list[T]:
        """The records of all `.jsonl` objects below `prefix`, in the order of their keys."""
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
