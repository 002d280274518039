"""The gateway's S3, as billing uses it: usage rows that runs wrote, and exports that are delivered."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from offline.billing.state import Store, UsageObject

_USAGE = re.compile(r"experiment=[^/]+/run=[^/]+/approach=[^/]+/usage/part-[^/]+\.jsonl")
_PREFIX = "experiment="
#: The principal that a bucket's policy has to admit before an export is delivered to it.
EXPORTS_PRINCIPAL = "bcm-data-exports.amazonaws.com"


@dataclass(frozen=True, slots=True)
class _Listed:
    written: datetime
    bucket: str
    etag: str


class Buckets:
    """All buckets of the account; `make` returns the client when it is first needed."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._client: Any = None

    @property
    def s3(self) -> Any:
        if self._client is None:
            self._client = self._make()
        return self._client

    def sync(self, store: Store) -> None:
        """Take new and rewritten usage objects into the store. Deleted objects stay billed.

        An object's key names the run whose usage it holds. A copy in another bucket is the same usage: the one that was
        written last counts.
        """
        known = store.etags()
        changed = {key: listed for key, listed in self._usage().items() if known.get(key) != listed.etag}
        if not changed:
            return
        tags = {bucket: self._tags(bucket) for bucket in sorted({listed.bucket for listed in changed.values()})}
        objects = []
        for key, listed in sorted(changed.items()):
            body = self.s3.get_object(Bucket=listed.bucket, Key=key)["Body"].read()
            objects.append(
                UsageObject(
                    key=key,
                    etag=listed.etag,
                    bucket=listed.bucket,
                    tags=tags[listed.bucket],
                    text=body.decode("utf-8", "replace"),
                )
            )
        store.put_objects(objects)

    def lets_exports_write(self, bucket: str) -> bool:
        """Return whether the bucket exists and its policy admits Data Exports."""
        try:
            policy = self.s3.get_bucket_policy(Bucket=bucket)["Policy"]
        except ClientError:
            return False
        return EXPORTS_PRINCIPAL in policy

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Write an object.

        Raises:
            ClientError: S3 refuses it.
        """
        self.s3.put_object(Bucket=bucket, Key=key, Body=content)

    def _usage(self) -> dict[str, _Listed]:
        newest: dict[str, _Listed] = {}
        for bucket in sorted(entry["Name"] for entry in self.s3.list_buckets().get("Buckets", [])):
            pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=_PREFIX)
            for item in (item for page in pages for item in page.get("Contents", [])):
                listed = _Listed(item["LastModified"], bucket, item["ETag"])
                old = newest.get(item["Key"])
                if _USAGE.fullmatch(item["Key"]) and (old is None or old.written < listed.written):
                    newest[item["Key"]] = listed
        return newest

    def _tags(self, bucket: str) -> dict[str, str]:
        try:
            tags = self.s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchTagSet":
                return {}
            raise
        return {tag["Key"]: tag["Value"] for tag in tags}
