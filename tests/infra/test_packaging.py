"""Assets: a function's folder is complete, holds nothing else, and is the same wherever it is made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from infra.functions import layers, packaging
from infra.functions.packaging import PackagingError
from lambdas.evaluation import model_files

HANDLERS = ("comparison", "evaluation", "fine_tuning", "export_sync", "prompting", "rag", "spend_report")
DATA = {"fine_tuning": ["lambdas/fine_tuning/training/*"]}

#: Imports the handler from the staged folder; repository modules from anywhere else are a mistake of the packaging.
IMPORT = """
import importlib, sys
staged, module = sys.argv[1:]
sys.path.insert(0, staged)
importlib.import_module(module)
for name, loaded in sorted(sys.modules.items()):
    if name.split(".")[0] in "billing_exports contracts cost_reports infra ladder lambdas offline stacks".split():
        place = getattr(loaded, "__file__", None)
        if place and not place.startswith(staged):
            sys.exit(f"{name} came from {place}")
"""


@pytest.mark.parametrize("package", HANDLERS)
def test_a_handler_runs_from_its_own_folder(package: str, tmp_path: Path) -> None:
    module = f"lambdas.{package}.handler"
    folder = packaging.stage(module, data=DATA.get(package, ()), build=tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, str(folder), module], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_function_holds_only_what_it_imports(tmp_path: Path) -> None:
    folder = packaging.stage("lambdas.prompting.handler", build=tmp_path)
    packages = {path.relative_to(folder).as_posix().rpartition("/")[0] for path in folder.rglob("*") if path.is_file()}
    assert packages == {
        "contracts",
        "cost_reports",
        "cost_reports/metering",
        "cost_reports/prices",
        "lambdas",
        "lambdas/common",
        "lambdas/prompting",
    }


def test_staging_again_gives_the_same_folder(tmp_path: Path) -> None:
    first = packaging.stage("lambdas.rag.handler", build=tmp_path / "a")
    second = packaging.stage("lambdas.rag.handler", build=tmp_path / "b")
    assert first.name == second.name
    assert packaging.stage("lambdas.rag.handler", build=tmp_path / "a") == first
    assert [p.name for p in (tmp_path / "a" / "functions").iterdir()] == [first.name]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    files = {
        "lambdas/__init__.py": "",
        "lambdas/one/__init__.py": "",
        "lambdas/one/handler.py": "import json\nfrom lambdas.one import logic\nfrom ..two.deep import thing\n",
        "lambdas/one/logic.py": "def f():\n    from cost_reports import meters\n",
        "lambdas/one/unused.py": "",
        "lambdas/two/__init__.py": "",
        "lambdas/two/deep/__init__.py": "thing = 1\n",
        "lambdas/two/data.txt": "hello",
        "lambdas/two/__pycache__/x.txt": "junk",
        "cost_reports/__init__.py": "",
        "cost_reports/meters.py": "import lambdas.one.logic\n",
    }
    for name, text in files.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "project"


def test_imports_are_followed_wherever_they_stand(project: Path) -> None:
    found = {path.relative_to(project).as_posix() for path in packaging.closure("lambdas.one.handler", root=project)}
    assert found == {
        "lambdas/__init__.py",
        "lambdas/one/__init__.py",
        "lambdas/one/handler.py",
        "lambdas/one/logic.py",
        "lambdas/two/__init__.py",
        "lambdas/two/deep/__init__.py",
        "cost_reports/__init__.py",
        "cost_reports/meters.py",
    }


def test_any_change_of_a_file_makes_another_folder(project: Path, tmp_path: Path) -> None:
    def stage() -> str:
        return packaging.stage("lambdas.one.handler", data=["lambdas/two/*.txt"], root=project, build=tmp_path).name

    before = stage()
    (project / "lambdas/one/unused.py").write_text("x = 1\n", encoding="utf-8")
    assert stage() == before
    (project / "lambdas/two/data.txt").write_text("hello!", encoding="utf-8")
    assert stage() != before


def test_data_files_come_along_without_junk(project: Path, tmp_path: Path) -> None:
    folder = packaging.stage("lambdas.one.handler", data=["lambdas/two/**/*"], root=project, build=tmp_path)
    assert (folder / "lambdas/two/data.txt").read_text(encoding="utf-8") == "hello"
    assert not (folder / "lambdas/two/__pycache__").exists()


def test_a_missing_handler_or_file_is_named(project: Path, tmp_path: Path) -> None:
    with pytest.raises(PackagingError, match=r"lambdas/three/handler\.py does not exist"):
        packaging.stage("lambdas.three.handler", root=project, build=tmp_path)
    with pytest.raises(PackagingError, match=r"nothing/\* matches no file"):
        packaging.stage("lambdas.one.handler", data=["nothing/*"], root=project, build=tmp_path)


def test_a_folder_that_could_not_be_filled_is_not_used(tmp_path: Path) -> None:
    def fail() -> None:
        with packaging.assembling(tmp_path / "x") as folder:
            (folder / "half").write_text("", encoding="utf-8")
            raise KeyError("stop")

    with pytest.raises(KeyError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_the_embedding_model_is_where_the_evaluation_looks_for_it() -> None:
    copied = {file.target: file.sha256 for file in layers.EVALUATION.copied}
    assert copied == {
        f"{model_files.LAYER_PACKAGE}/model.onnx": model_files.MODEL_SHA256,
        f"{model_files.LAYER_PACKAGE}/tokenizer.json": model_files.TOKENIZER_SHA256,
    }


def test_the_layer_key_follows_platform_and_recipe() -> None:
    keys = {layers.key(recipe, target) for recipe in (layers.RETRIEVAL, layers.EVALUATION) for target in TARGETS}
    assert len(keys) == 4
    assert layers.key(layers.RETRIEVAL, "arm64") == layers.key(layers.RETRIEVAL, "arm64")


TARGETS: tuple[layers.LayerPlatform, ...] = ("arm64", "host")


def test_a_wrong_model_file_stops_the_layer(tmp_path: Path) -> None:
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "model.onnx").write_bytes(b"another")
    wanted = layers.CopiedFile(source="model.onnx", target="m/model.onnx", sha256="0" * 64)
    with pytest.raises(PackagingError, match=r"model\.onnx: SHA-256 does not match \(got [0-9a-f]{64}, pinned 0+\)"):
        layers._copy(wanted, tmp_path / "packages", tmp_path / "site")
    with pytest.raises(PackagingError, match=r"absent: SHA-256 does not match \(got none"):
        layers._copy(layers.CopiedFile(source="absent", target="x", sha256="0" * 64), tmp_path, tmp_path)
