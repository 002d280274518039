"""The guard: deployed first, switchable, and able to end only what is the experiment's."""

from __future__ import annotations

import json
from collections.abc import Callable

from infra_templates import Templates, as_list, flat, statements

SYNTH = Callable[..., Templates]


def test_every_stack_waits_for_it(templates: Templates) -> None:
    artifacts = json.loads((templates.folder / "manifest.json").read_text(encoding="utf-8"))["artifacts"]
    for concern in templates.by_concern:
        if concern != "guard":
            assert "ladder-fixture-guard" in artifacts[f"ladder-fixture-{concern}"]["dependencies"], concern


def test_it_can_be_left_out(synth: SYNTH) -> None:
    without = synth(guard="off")
    assert "guard" not in without.by_concern
    assert not [name for name, _ in without.resources() if "Guard" in name]


def test_it_says_only_what_it_would_do_when_asked(synth: SYNTH, templates: Templates) -> None:
    def dry_runs(found: Templates) -> set[str]:
        functions = found.by_concern["guard"]["Resources"].values()
        told = [f["Properties"].get("Environment", {}).get("Variables", {}) for f in functions]
        return {variables["DRY_RUN"] for variables in told if "DRY_RUN" in variables}

    assert dry_runs(templates) == {"off"}
    assert dry_runs(synth(**{"guard-dry-run": "on"})) == {"on"}


def test_it_deletes_only_what_carries_the_experiment_s_tags(templates: Templates) -> None:
    deleting = [
        statement
        for name, statement in statements(templates)
        if name.startswith("guard/") and any(":Delete" in action for action in as_list(statement["Action"]))
    ]
    assert len(deleting) == 5
    for statement in deleting:
        conditions = statement.get("Condition", {}).get("StringEquals", {})
        held = [flat(value) for key, value in conditions.items() if key.startswith("aws:ResourceTag/")]
        assert any(value.startswith("fixture") for value in held) or "logs:DeleteLogDelivery" in statement["Action"]
