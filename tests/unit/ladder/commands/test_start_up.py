"""Help comes at once, and wrong use ends with one line and exit code 2."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ladder import cli
from tests.unit.ladder.conftest import HANDBOOK

HEAVY = {"boto3", "botocore", "cost_reports", "duckdb", "offline", "pydantic", "rich", "yaml"}


@pytest.mark.parametrize(("module", "heavy"), [("ladder.cli", HEAVY), ("lambdas.export_sync.handler", {"duckdb"})])
def test_what_starts_often_loads_nothing_heavy(module: str, heavy: set[str]) -> None:
    code = f"import sys, {module}; sys.exit(' '.join(sys.modules.keys() & {heavy}))"
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, cwd=HANDBOOK.parents[1], capture_output=True, check=False).stderr.strip() == b""


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["estimate", "--regions", "x"], "error: No such option: --regions"),
        (["tags", "backfill", "--months", "13"], "error: Invalid value for '--months'"),
        (["report", "--since", "today"], "error: Invalid value for '--since'"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(
    words: list[str], line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["ladder", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    (printed,) = capsys.readouterr().err.splitlines()
    assert printed.startswith(line)
    assert printed.endswith("; see --help")
