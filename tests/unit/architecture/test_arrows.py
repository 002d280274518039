"""Who may import whom. An arrow that is not listed here is a mistake in one of the two packages."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGES = ("cost_reports", "infra", "ladder", "lambdas", "offline", "stacks")

ALLOWED: dict[str, set[str]] = {
    "cost_reports": set(),
    "lambdas": {"cost_reports.contracts", "cost_reports.meters"},
    "lambdas.exports": {"cost_reports"},
    "lambdas.reporting": {"cost_reports"},
    "offline": {"lambdas.common", "lambdas.fine_tuning.serving", "lambdas.evaluation.model_files"},
    "offline.billing": {"cost_reports"},
    "infra": {"lambdas.common"},
    "stacks": {"infra", "lambdas.common.contracts"},
    "ladder": {"cost_reports", "lambdas", "offline", "infra", "stacks"},
}
#: Runs inside a training or hosting container, where nothing of the repository is installed.
SELF_CONTAINED = ("lambdas/fine_tuning/training", "lambdas/fine_tuning/serving")


def modules() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def imports_of(path: Path) -> set[str]:
    package = list(path.relative_to(ROOT).with_suffix("").parts)[:-1]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            prefix = ".".join([*base, node.module] if node.module else base)
            found.add(prefix)
            found.update(f"{prefix}.{alias.name}" for alias in node.names)
    return found


def allowed_for(path: Path) -> set[str]:
    relative = path.relative_to(ROOT)
    package = relative.parts[0]
    specific = ".".join(relative.with_suffix("").parts[:2])
    return {package} | ALLOWED[package] | ALLOWED.get(specific, set())


def outside(name: str, allowed: set[str]) -> bool:
    if name.split(".")[0] not in PACKAGES:
        return False
    return not any(name == a or name.startswith(a + ".") or a.startswith(name + ".") for a in allowed)


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_follow_the_arrows(path: Path) -> None:
    wrong = sorted(name for name in imports_of(path) if outside(name, allowed_for(path)))
    assert not wrong, f"{path.relative_to(ROOT)} imports {', '.join(wrong)}"


@pytest.mark.parametrize("folder", SELF_CONTAINED)
def test_container_code_imports_nothing_of_the_repository(folder: str) -> None:
    for path in sorted((ROOT / folder).glob("*.py")):
        own = folder.replace("/", ".")
        wrong = sorted(n for n in imports_of(path) if n.split(".")[0] in PACKAGES and not n.startswith(own))
        assert not wrong, f"{path.relative_to(ROOT)} imports {', '.join(wrong)}"


def test_the_money_library_needs_only_pydantic_rich_and_the_standard_library() -> None:
    known = {"cost_reports", "pydantic", "rich", *sys.stdlib_module_names}
    for path in sorted((ROOT / "cost_reports").rglob("*.py")):
        wrong = sorted(name for name in imports_of(path) if name.split(".")[0] not in known)
        assert not wrong, f"{path.relative_to(ROOT)} imports {', '.join(wrong)}"


def test_the_check_would_notice_a_wrong_arrow() -> None:
    assert outside("ladder.cli", {"cost_reports"})
    assert outside("cost_reports.prices", {"lambdas", "cost_reports.contracts"})
    assert not outside("cost_reports.contracts", {"lambdas", "cost_reports.contracts"})
    assert not outside("json", {"lambdas"})
