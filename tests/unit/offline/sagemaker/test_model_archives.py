"""A model archive brings files and folders of its own, and nothing else."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from offline.common.wire import AwsError
from offline.sagemaker import objects


def archive(path: Path, member: tarfile.TarInfo, content: bytes = b"") -> Path:
    member.size = len(content)
    with tarfile.open(path, "w:gz") as packed:
        packed.addfile(member, io.BytesIO(content))
    return path


def test_files_are_unpacked(tmp_path: Path) -> None:
    path = archive(tmp_path / "model.tar.gz", tarfile.TarInfo("code/inference.py"), b"pass")
    with tarfile.open(path) as packed:
        objects._extract(packed, tmp_path / "model", "s3://b/model.tar.gz")
    assert (tmp_path / "model" / "code" / "inference.py").read_bytes() == b"pass"


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
