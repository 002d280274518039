"""The gate: a strict synth with cdk-nag and CloudFormation's schemas, then cfn-lint, for every kind of vector store and
with the parts of the reporting on and off.

It runs in a process of its own, because the other tests switch CDK's validation off for speed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from infra_templates import EXPORTS, QUICK, ROOT, default_context

#: Settings of each assembly.
STORES: dict[str, dict[str, Any]] = {
    "nextgen": {},
    "classic": {"vector-store": "classic", "monthly-budget-usd": 0, "cost-anomalies": "off", "report-email": "a@b.org"},
    "domain": {"vector-store": "domain", **EXPORTS},
}
#: Written by CDK into the assembly.
REPORT = "validation-report.json"

#: Synthesizes each store into a folder and prints the acknowledgements that the code has made.
STRICT_SYNTH = """
import json, sys
import app
from infra import checks
made = []
acknowledge = checks.acknowledge
def recording(scope, rule, reason):
    made.append([f"{checks.PACK}::{checks.PACK}-{rule}", reason])
    acknowledge(scope, rule, reason)
checks.acknowledge = recording
contexts = json.loads(sys.argv[1])
for folder, context in contexts.items():
    app.synth(context, folder)
print(json.dumps(made))
"""

LINT = "import sys; from cfnlint.runner import main; sys.exit(main())"

CANARY = """
import sys
import aws_cdk as cdk
from aws_cdk import aws_s3 as s3
from infra import checks
app = cdk.App(outdir=sys.argv[1])
checks.attach(app)
s3.Bucket(cdk.Stack(app, "Canary"), "Plain")
app.synth()
"""


def python(*arguments: str, schemas: bool = True) -> subprocess.CompletedProcess[str]:
    """`schemas` switches CDK's own validation, which takes 4 s; cdk-nag runs either way."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    env["CDK_VALIDATION"] = str(schemas).lower()
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, env=env, capture_output=True, text=True, check=False)


@dataclass(frozen=True)
class Gate:
    folders: dict[str, Path]
    acknowledged: list[tuple[str, str]]

    def report(self, store: str) -> list[dict[str, Any]]:
        found: dict[str, Any] = json.loads((self.folders[store] / REPORT).read_text(encoding="utf-8"))
        return list(found["pluginReports"])

    def excused(self) -> list[dict[str, Any]]:
        return [v for store in STORES for plugin in self.report(store) for v in plugin.get("suppressedViolations", [])]


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    folders = {store: tmp_path_factory.mktemp(store) for store in STORES}
    contexts = {str(folder): {**default_context(), **QUICK, **STORES[store]} for store, folder in folders.items()}
    done = python("-c", STRICT_SYNTH, json.dumps(contexts))
    assert done.returncode == 0, done.stderr[-6000:]
    assert "[Warning" not in done.stderr
    return Gate(folders, [(id_, reason) for id_, reason in json.loads(done.stdout.splitlines()[-1])])


def test_strict_validation_is_on_by_default() -> None:
    context = default_context()
    assert context["@aws-cdk/core:validateAgainstDefaultRules"] is True
    assert context["@aws-cdk/core:defaultCrossStackReferences"] == "weak"


@pytest.mark.parametrize("store", STORES)
def test_no_rule_is_broken(gate: Gate, store: str) -> None:
    assert [v for plugin in gate.report(store) for v in plugin["violations"]] == []
    resources = 0
    for template in gate.folders[store].glob("*.template.json"):
        resources += len(json.loads(template.read_text(encoding="utf-8"))["Resources"])
    # A clean report of an empty app would look the same.
    assert resources > 90


def test_a_plain_bucket_does_not_pass(tmp_path: Path) -> None:
    """The pack is attached by the same call as in app.py; if it were not, this bucket would go through."""
    done = python("-c", CANARY, str(tmp_path), schemas=False)
    assert done.returncode != 0
    broken = {
        violation["ruleName"]
        for plugin in json.loads((tmp_path / REPORT).read_text(encoding="utf-8"))["pluginReports"]
        for violation in plugin["violations"]
    }
    assert broken == {"AwsSolutions-S1", "AwsSolutions-S10"}


def test_every_exception_is_in_the_report_with_its_reason(gate: Gate) -> None:
    for violation in gate.excused():
        assert violation["acknowledgedId"].startswith("AwsSolutions::AwsSolutions-")
        assert len(violation["reason"]) > 30
        assert violation["reason"].endswith(".")


def test_no_exception_is_asked_for_in_vain(gate: Gate) -> None:
    used = {violation["acknowledgedId"] for violation in gate.excused()}
    assert {id_ for id_, _ in gate.acknowledged} == used


def test_cfn_lint_finds_nothing(gate: Gate) -> None:
    """W3005 is about a DependsOn that CDK writes beside a reference."""
    templates = [str(path) for store in STORES for path in sorted(gate.folders[store].glob("*.template.json"))]
    varying = ("-rag.", "-exports.", "-reporting.")
    templates = [
        path
        for path in templates
        if gate.folders["nextgen"] in Path(path).parents or any(part in Path(path).name for part in varying)
    ]
    done = python("-W", "ignore", "-c", LINT, "-i", "W3005", "--", *templates)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
