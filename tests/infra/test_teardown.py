"""Every type that a template makes has a way to go, which docs/teardown.md tells, and is looked for afterwards."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from infra_templates import CHANGED, DOMAIN, EXPORTS, ROOT, Templates

from contracts.job_names import CONCERNS, stack_name
from ladder.leftovers import probes
from ladder.leftovers.names import Owner

PAGE = (ROOT / "docs" / "teardown.md").read_text(encoding="utf-8")
ROW = re.compile(
    r"^\| `(?P<type>(?:AWS|Custom)::[A-Za-z0-9:]+)` \| (?P<goes>[^|]+) \| (?P<seen>[^|]+) \|$", re.MULTILINE
)
ROWS = {match["type"]: match for match in ROW.finditer(PAGE)}
SYNTH = Callable[..., Templates]


@pytest.fixture(scope="session")
def all_templates(synth: SYNTH) -> list[Templates]:
    return [synth(**settings) for settings in ({}, CHANGED, DOMAIN, EXPORTS)]


def types(all_templates: list[Templates]) -> set[str]:
    return {r["Type"] for templates in all_templates for _, r in templates.resources()} - {"AWS::CDK::Metadata"}


def test_the_page_has_every_type_of_the_templates_and_no_other(all_templates: list[Templates]) -> None:
    made_at_run_time = {name for name, row in ROWS.items() if "state machine" in row["goes"]}
    assert set(ROWS) - made_at_run_time == types(all_templates)


def test_what_is_looked_for_is_a_probe_and_the_rest_says_with_what_it_goes(all_templates: list[Templates]) -> None:
    kinds = {probe.kind for probe in probes.PROBES}
    for name, row in ROWS.items():
        if row["seen"].startswith("listed"):
            assert name in kinds, f"{name} is said to be listed, and no probe lists it"
        else:
            assert row["seen"].startswith("with `"), name
            assert re.search("with `([A-Za-z0-9:]+)`", row["seen"])[1] in kinds, name  # type: ignore[index]
            assert name not in kinds, f"{name} has a probe: say that it is listed"
    assert set(probes.TEMPLATE_KINDS) - {"AWS::CloudFormation::Stack", "AWS::Logs::ResourcePolicy"} <= set(ROWS)


def test_the_page_names_the_kinds_that_no_template_makes() -> None:
    missing = [kind for kind in probes.OTHERS if f"`{kind}`" not in PAGE]
    assert missing == []


def test_every_stack_is_a_known_concern(all_templates: list[Templates]) -> None:
    concerns = {concern for templates in all_templates for concern in templates.by_concern}
    assert concerns == set(CONCERNS)
    owner = Owner("fixture", "ladder-fixture-")
    assert all(owner.is_stack(stack_name("fixture", concern)) for concern in concerns)


#: Properties by which a template fixes a name.
FIXED = {
    "AWS::Athena::WorkGroup": "Name",
    "AWS::Bedrock::ApplicationInferenceProfile": "InferenceProfileName",
    "AWS::CE::AnomalyMonitor": "MonitorName",
    "AWS::CE::AnomalySubscription": "SubscriptionName",
    "AWS::Lambda::LayerVersion": "LayerName",
    "AWS::OpenSearchServerless::AccessPolicy": "Name",
    "AWS::OpenSearchServerless::Collection": "Name",
    "AWS::OpenSearchServerless::CollectionGroup": "Name",
    "AWS::OpenSearchServerless::SecurityPolicy": "Name",
}


def test_every_name_that_a_template_fixes_is_known(all_templates: list[Templates]) -> None:
    owner = Owner("fixture", "ladder-fixture-")
    seen = 0
    for templates in all_templates:
        for name, resource in templates.resources():
            fixed = FIXED.get(resource["Type"])
            if fixed is None:
                continue
            seen += 1
            assert owner.named(resource["Type"], resource["Properties"][fixed]), (name, resource["Properties"][fixed])
    assert seen > 40
