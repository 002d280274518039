"""What is made from the code is as the code is, and what names files names files that exist."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from tools import architecture, cli_reference

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = [pattern.rstrip("*") for pattern in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]]


@pytest.mark.parametrize("page", [architecture, cli_reference], ids=lambda page: page.TARGET.name)
def test_a_generated_page_is_up_to_date(page: object) -> None:
    target: Path = page.TARGET
    assert target.read_text(encoding="utf-8") == page.render(), f"{target.name} is old; run `make docs`"


def test_an_arrow_is_an_import_and_every_place_is_on_the_page() -> None:
    graph = architecture.packages()
    assert set(graph.needs) == {*PACKAGES, "app.py"}
    assert graph.needs["app.py"] == {"infra", "stacks"}
    rows, paths = architecture.lay_out(graph)
    assert {(path[0].name, path[-1].name) for path in paths} == {
        (a, b) for a, needs in graph.needs.items() for b in needs
    }
    for place in (place for row in rows for place in row):
        assert place.width / 2 <= place.x <= architecture.WIDTH - place.width / 2


def test_the_stacks_are_those_that_are_built() -> None:
    graph = architecture.stacks()
    modules = {path.stem for path in (ROOT / "stacks").glob("*.py")} - {"__init__", "ladder"}
    assert set(graph.needs) == modules
    assert graph.optional == {"exports"}
    assert graph.needs["fine_tuning"] == {"foundation", "rag"}
    assert graph.needs["foundation"] == set()
    assert graph.implied("comparison", "foundation")
    assert not graph.implied("comparison", "reporting")


def test_every_package_that_ships_is_marked_as_typed() -> None:
    assert [name for name in PACKAGES if not (ROOT / name / "py.typed").is_file()] == []


def test_the_modules_that_are_mutated_exist() -> None:
    config = PROJECT["tool"]["mutmut"]
    named = [*config["only_mutate"], *config["also_copy"], *config["pytest_add_cli_args_test_selection"]]
    assert [pattern for pattern in named if not any(ROOT.glob(pattern))] == []


def test_every_version_that_is_supported_is_tried() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    tried = workflow["jobs"]["ci"]["strategy"]["matrix"]["include"]
    assert {f">={tried[0]['python']}"} == {PROJECT["project"]["requires-python"]}
    package = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    lowest = re.sub(r"\D", "", package["engines"]["node"])
    newest = {version.partition(".")[0] for version in package["optionalDependencies"].values()}
    assert {row["node"] for row in tried} == {lowest, *newest}
