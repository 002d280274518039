"""The gate: a strict synth with cdk-nag and CloudFormation's schemas, then cfn-lint, for every kind of vector store and
with the parts of the reporting on and off.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3
from infra_templates import CHANGED, DOMAIN, EXPORTS, ROOT, Templates, default_context

from infra import checks

#: Settings of each assembly.
STORES: dict[str, dict[str, Any]] = {"nextgen": {}, "classic": CHANGED, "domain": DOMAIN, "exports": EXPORTS}
#: Written by CDK into the assembly.
REPORT = "validation-report.json"

LINT = "import sys; from cfnlint.runner import main; sys.exit(main())"


def report(folder: Path) -> list[dict[str, Any]]:
    found: dict[str, Any] = json.loads((folder / REPORT).read_text(encoding="utf-8"))
    return list(found["pluginReports"])


def broken_rules(folder: Path) -> set[str]:
    return {violation["ruleName"] for plugin in report(folder) for violation in plugin["violations"]}


@pytest.fixture(scope="module")
def gate(synth: Callable[..., Templates]) -> dict[str, Templates]:
    return {store: synth(**changes) for store, changes in STORES.items()}


@pytest.fixture(scope="module")
def excused(gate: dict[str, Templates]) -> list[dict[str, Any]]:
    plugins = [plugin for templates in gate.values() for plugin in report(templates.folder)]
    return [v for plugin in plugins for v in plugin.get("suppressedViolations", [])]


def test_strict_validation_is_on_by_default() -> None:
    context = default_context()
    assert context["@aws-cdk/core:validateAgainstDefaultRules"] is True
    assert context["@aws-cdk/core:defaultCrossStackReferences"] == "weak"


@pytest.mark.parametrize("store", STORES)
def test_no_rule_is_broken(gate: dict[str, Templates], store: str) -> None:
    found = gate[store]
    assert [v for plugin in report(found.folder) for v in plugin["violations"]] == []
    # A clean report of an empty app would look the same.
    assert len(list(found.resources())) > 90


@pytest.mark.parametrize("store", STORES)
def test_cdk_warns_of_nothing(gate: dict[str, Templates], store: str) -> None:
    metadata = [json.loads(path.read_text(encoding="utf-8")) for path in gate[store].folder.glob("*.metadata.json")]
    assert metadata
    entries = [entry for of_stack in metadata for of_part in of_stack.values() for entry in of_part]
    assert [entry for entry in entries if entry["type"] in ("aws:cdk:warning", "aws:cdk:error")] == []


def test_a_plain_bucket_does_not_pass(tmp_path: Path) -> None:
    """The pack is attached by the same call as in app.py; if it were not, this bucket would go through."""
    app = cdk.App(context=default_context(), outdir=str(tmp_path))
    checks.attach(app)
    s3.Bucket(cdk.Stack(app, "Canary"), "Plain")
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    assert broken_rules(tmp_path) == {"AwsSolutions-S1", "AwsSolutions-S10"}


def test_a_property_that_aws_does_not_know_does_not_pass(tmp_path: Path) -> None:
    """The validation against CloudFormation's schemas can be switched off by the environment; here it is on."""
    app = cdk.App(context=default_context(), outdir=str(tmp_path))
    cdk.CfnResource(cdk.Stack(app, "Canary"), "Odd", type="AWS::SNS::Topic", properties={"Colour": "red"})
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    assert broken_rules(tmp_path) == {"F3002"}


def test_every_exception_is_in_the_report_with_its_reason(excused: list[dict[str, Any]]) -> None:
    assert excused
    for violation in excused:
        assert violation["acknowledgedId"].startswith("AwsSolutions::AwsSolutions-")
        assert len(violation["reason"]) > 30
        assert violation["reason"].endswith(".")


def test_no_exception_is_asked_for_in_vain(gate: dict[str, Templates], excused: list[dict[str, Any]]) -> None:
    used = {violation["acknowledgedId"] for violation in excused}
    assert {id_ for templates in gate.values() for id_, _ in templates.acknowledged} == used


def test_cfn_lint_finds_nothing(gate: dict[str, Templates]) -> None:
    """W3005 is about a DependsOn that CDK writes beside a reference."""
    varying = ("-rag.", "-exports.", "-reporting.")
    templates = {
        path.read_bytes(): str(path)
        for store, found in gate.items()
        for path in sorted(found.folder.glob("*.template.json"))
        if store == "nextgen" or any(part in path.name for part in varying)
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LINT, "-i", "W3005", "--", *templates.values()],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
