"""Files between the disk and S3: checkpoints that a job still writes, archives that must not reach outside."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from boto3.exceptions import S3UploadFailedError

from offline.common import clients
from offline.common.wire import AwsError
from offline.sagemaker import objects
from offline.sagemaker.objects import Objects

URI = "s3://bucket/checkpoints"


class BusyS3:
    """Something happens to a file while it is uploaded."""

    def __init__(self) -> None:
        self.stored: list[str] = []
        self.meanwhile: Callable[[Path], None] = lambda _path: None

    def upload_file(self, path: str, _bucket: str, key: str) -> None:
        self.meanwhile(Path(path))
        self.stored.append(key)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> BusyS3:
    made = BusyS3()
    monkeypatch.setattr(clients, "s3", lambda *_named: made)
    return made


def gone(path: Path) -> None:
    if path.name.startswith(".tmp"):
        path.unlink()
        raise FileNotFoundError(path)


def grown(path: Path) -> None:
    if path.name.startswith(".tmp"):
        path.write_bytes(b"more than before")
        raise S3UploadFailedError(f"Failed to upload {path}: IncompleteBody")


@pytest.mark.parametrize("happens", [gone, grown])
def test_a_file_that_is_being_written_is_left_to_the_next_call(
    s3: BusyS3, tmp_path: Path, happens: Callable[[Path], None]
) -> None:
    (tmp_path / "lora").mkdir()
    (tmp_path / "lora" / ".tmp1").write_bytes(b"half")
    (tmp_path / "lora" / "adapter.safetensors").write_bytes(b"whole")
    known: dict[str, tuple[int, int]] = {}
    moved = Objects("http://127.0.0.1:1", "us-east-1")
    s3.meanwhile = happens
    moved.upload_folder(tmp_path, URI, known=known)
    assert s3.stored == ["checkpoints/lora/adapter.safetensors"]
    (tmp_path / "lora" / ".tmp1").unlink(missing_ok=True)
    (tmp_path / "lora" / "last.json").write_bytes(b"{}")
    s3.meanwhile = lambda _path: None
    moved.upload_folder(tmp_path, URI, known=known)
    assert s3.stored[1:] == ["checkpoints/lora/last.json"], "what was stored is not stored again"


def test_a_file_that_stays_as_it_was_must_be_stored(s3: BusyS3, tmp_path: Path) -> None:
    def refused(path: Path) -> None:
        raise S3UploadFailedError(f"Failed to upload {path}: AccessDenied")

    (tmp_path / "adapter.safetensors").write_bytes(b"whole")
    s3.meanwhile = refused
    with pytest.raises(S3UploadFailedError, match="AccessDenied"):
        Objects("http://127.0.0.1:1", "us-east-1").upload_folder(tmp_path, URI, known={})


def archive(path: Path, member: tarfile.TarInfo, content: bytes = b"") -> Path:
    member.size = len(content)
    with tarfile.open(path, "w:gz") as packed:
        packed.addfile(member, io.BytesIO(content))
    return path


def test_files_are_unpacked(tmp_path: Path) -> None:
    path = archive(tmp_path / "model.tar.gz", tarfile.TarInfo("adapters/lora/x"), b"pass")
    with tarfile.open(path) as packed:
        objects._extract(packed, tmp_path / "model", "s3://b/model.tar.gz")
    assert (tmp_path / "model" / "adapters" / "lora" / "x").read_bytes() == b"pass"


def link() -> tarfile.TarInfo:
    member = tarfile.TarInfo("model")
    member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return member


@pytest.mark.parametrize("member", [tarfile.TarInfo("../outside"), tarfile.TarInfo("/etc/outside"), link()])
def test_what_reaches_outside_is_refused(tmp_path: Path, member: tarfile.TarInfo) -> None:
    path = archive(tmp_path / "model.tar.gz", member)
    with (
        tarfile.open(path) as packed,
        pytest.raises(AwsError, match=r"s3://b/model\.tar\.gz: .* is not a file or folder inside the archive"),
    ):
        objects._extract(packed, tmp_path / "model", "s3://b/model.tar.gz")
    assert list(tmp_path.iterdir()) == [path]
