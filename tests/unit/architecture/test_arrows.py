"""Who may import whom. An arrow that is not listed here is a mistake in one of the two packages."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGES = ("billing_exports", "contracts", "cost_reports", "infra", "ladder", "lambdas", "offline", "stacks")

#: Package -> the packages that it may import, all of them or the named modules only.
ALLOWED: dict[str, set[str]] = {
    "contracts": set(),
    "cost_reports": {"contracts"},
    "billing_exports": {"contracts", "cost_reports"},
    "lambdas": {"contracts", "cost_reports", "billing_exports"},
    "infra": {"contracts", "cost_reports", "billing_exports", "lambdas"},
    "stacks": {"contracts", "infra"},
    "offline": {"contracts", "cost_reports", "billing_exports", "lambdas"},
    "ladder": {"contracts", "cost_reports", "billing_exports", "lambdas", "infra", "offline"},
}
LONGEST_MODULE = 350
LONGEST_FUNCTION = 80
MOST_MODULES = 13
#: Runs inside the training container, where nothing of the repository is installed.
SELF_CONTAINED = ("lambdas/fine_tuning/training",)


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


def test_the_money_library_needs_only_rich_and_the_standard_library() -> None:
    known = {"contracts", "cost_reports", "rich", *sys.stdlib_module_names}
    for path in sorted((ROOT / "cost_reports").rglob("*.py")):
        wrong = sorted(name for name in imports_of(path) if name.split(".")[0] not in known)
        assert not wrong, f"{path.relative_to(ROOT)} imports {', '.join(wrong)}"


def test_the_check_would_notice_a_wrong_arrow() -> None:
    assert outside("ladder.cli", {"cost_reports"})
    assert outside("cost_reports.prices.catalogue", {"lambdas", "contracts.money"})
    assert not outside("contracts.money", {"lambdas", "contracts.money"})
    assert not outside("json", {"lambdas"})


def test_no_import_goes_in_a_circle() -> None:
    """Every import counts, those inside functions too. A package's own `__init__` is not an import of its modules."""
    names = {".".join(p.relative_to(ROOT).with_suffix("").parts): p for p in modules() if p.name != "__init__.py"}
    imports = {name: {i for i in imports_of(path) if i in names} for name, path in names.items()}
    waiting = {name: set(found) for name, found in imports.items()}
    while ready := [name for name, found in waiting.items() if not found & waiting.keys()]:
        for name in ready:
            del waiting[name]
    assert not waiting, f"these import each other: {', '.join(sorted(waiting))}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_modules_and_functions_stay_readable(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= LONGEST_MODULE
    long = [
        f"{node.name} ({node.end_lineno - node.lineno + 1} lines)"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > LONGEST_FUNCTION
    ]
    assert not long, f"{path.relative_to(ROOT)}: {', '.join(long)}"


@pytest.mark.parametrize("folder", sorted({p.parent for p in modules()}), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_package_can_be_held_in_mind(folder: Path) -> None:
    own = [path.name for path in folder.glob("*.py") if path.name not in ("__init__.py", "__main__.py")]
    assert len(own) <= MOST_MODULES, f"{folder.relative_to(ROOT)} has {len(own)} modules; make a package of some"
