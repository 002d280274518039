"""The gateway's S3, as training jobs and endpoints use it."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path
from urllib.parse import urlsplit

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import ClientError

from offline.common import clients
from offline.common.wire import invalid

#: Size in bytes, and time of the last change in nanoseconds.
Stamp = tuple[int, int]


class Objects:
    """Moves folders and files between a local disk and S3."""

    def __init__(self, gateway: str, region: str) -> None:
        self._s3 = clients.s3(gateway, region)

    def download_folder(self, uri: str, folder: Path) -> int:
        """Copy everything below `uri` into `folder` and return the number of files."""
        bucket, prefix = split(uri)
        prefix = prefix if not prefix or prefix.endswith("/") else prefix + "/"
        folder.mkdir(parents=True, exist_ok=True)
        count = 0
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", []):
                path = folder / item["Key"][len(prefix) :]
                path.parent.mkdir(parents=True, exist_ok=True)
                self._s3.download_file(bucket, item["Key"], str(path))
                count += 1
        return count

    def upload_folder(self, folder: Path, uri: str, *, known: dict[str, Stamp]) -> None:
        """Copy what is new or changed in `folder` below `uri`; `known` remembers sizes and times between calls.

        The folder may be written to at the same time: a file that changes or disappears meanwhile is left to the next
        call.

        Raises:
            S3UploadFailedError: a file that stayed as it was could not be stored.
        """
        bucket, prefix = split(uri)
        for path in sorted(Path(place, name) for place, _, names in os.walk(folder) for name in names):
            name = path.relative_to(folder).as_posix()
            stamp = _stamp(path)
            if stamp is None or known.get(name) == stamp:
                continue
            try:
                self._s3.upload_file(str(path), bucket, f"{prefix.rstrip('/')}/{name}")
            except (S3UploadFailedError, FileNotFoundError):
                if _stamp(path) == stamp:
                    raise
            else:
                known[name] = stamp

    def upload(self, path: Path, uri: str) -> None:
        bucket, key = split(uri)
        self._s3.upload_file(str(path), bucket, key)

    def unpack(self, uri: str, folder: Path) -> None:
        """Download a `model.tar.gz` and unpack it into `folder`.

        Raises:
            AwsError: the object is missing, or it holds something else than files and folders inside the archive.
        """
        bucket, key = split(uri)
        folder.mkdir(parents=True, exist_ok=True)
        archive = folder.with_name(folder.name + ".tar.gz")
        try:
            self._s3.download_file(bucket, key, str(archive))
        except ClientError as error:
            raise invalid(f"Could not find model data at {uri}") from error
        with tarfile.open(archive) as packed:
            _extract(packed, folder, uri)
        archive.unlink()


def _stamp(path: Path) -> Stamp | None:
    """Return size and time of a file; None where it is gone."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_size, status.st_mtime_ns


def _extract(packed: tarfile.TarFile, folder: Path, uri: str) -> None:
    """Unpack checked members: Python has the filter `data` only from 3.11.4 on, and some systems have an older 3.11."""
    root = folder.resolve()
    for member in packed.getmembers():
        inside = (root / member.name).resolve().is_relative_to(root)
        if not inside or not (member.isfile() or member.isdir()):
            raise invalid(f"{uri}: {member.name!r} is not a file or folder inside the archive")
    if hasattr(tarfile, "data_filter"):
        packed.extractall(folder, filter="data")
    else:
        packed.extractall(folder)  # noqa: S202  (checked above)


def split(uri: str) -> tuple[str, str]:
    """Return bucket and key of `s3://bucket/key`."""
    parts = urlsplit(uri)
    if parts.scheme != "s3" or not parts.netloc:
        raise invalid(f"{uri!r} is not an S3 URI (s3://bucket/key)")
    return parts.netloc, parts.path.lstrip("/")
