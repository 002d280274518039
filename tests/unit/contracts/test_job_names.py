"""The two spellings of one rule give the same name."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from contracts.job_names import JSONATA, NAME_LIMIT, job_name, job_pattern

EMULATOR = Path(__file__).parents[3] / ".venv-emulator" / "bin" / "python"
#: `$hash` is what Step Functions adds to JSONata.
EVALUATE = """
import hashlib, json, sys
from jsonata import Jsonata
rule, inputs = json.load(sys.stdin)
found = []
for given in inputs:
    expression = Jsonata(rule)
    expression.register_lambda("hash", lambda text, kind: hashlib.new(kind.replace("-", ""), text.encode()).hexdigest())
    expression.assign("states", {"input": given})
    found.append(expression.evaluate(None))
print(json.dumps(found))
"""
CASES = [
    ("handbook", "r20261201-101500", "run-1"),
    ("a", "b", "c"),
    ("an.experiment_with many--separators", "r1", "5d1c"),
    ("x" * 40, "y" * 40, "z" * 80),
    ("x" * 53, "-y", "cut behind a hyphen"),
    ("überlang", "日本", "名"),
]


@pytest.fixture(scope="module")
def in_jsonata() -> list[str]:
    rule = JSONATA.removeprefix("{%").removesuffix("%}")
    inputs = [{"asked": {"experiment": e, "run": r}, "execution": x} for e, r, x in CASES]
    done = subprocess.run(
        [EMULATOR, "-W", "ignore", "-c", EVALUATE], input=json.dumps([rule, inputs]), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    names: list[str] = json.loads(done.stdout)
    return names


def test_python_and_jsonata_give_one_name(in_jsonata: list[str]) -> None:
    assert in_jsonata == [job_name(*case) for case in CASES]


@pytest.mark.parametrize("case", CASES[:5])
def test_sagemaker_takes_the_name(case: tuple[str, str, str]) -> None:
    assert re.fullmatch(f"[a-zA-Z0-9](-*[a-zA-Z0-9]){{0,{NAME_LIMIT - 1}}}", job_name(*case))


def test_another_execution_has_another_name() -> None:
    assert job_name("handbook", "r1", "one") != job_name("handbook", "r1", "two")


@pytest.mark.parametrize("run", ["r20261201-101500", "r20261201-101500-k3fb"])
def test_what_an_execution_made_is_known_by_its_name(run: str) -> None:
    pattern = job_pattern("hand-book")
    assert pattern.fullmatch(job_name("hand-book", run, "x"))
    for other in ("handbook", "hand-book-2", "my-hand-book", "hand"):
        assert not pattern.fullmatch(job_name(other, run, "x"))
    assert not pattern.fullmatch("hand-book-endpoint")
