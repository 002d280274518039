"""Settings: what is wrong is said in one line that names it."""

from __future__ import annotations

import dataclasses
import platform
from pathlib import Path
from typing import Any

import pytest

from contracts.experiment import Models
from infra import settings
from infra.settings import Settings, SettingsError

ROOT = Path(__file__).parents[2]
GOOD: dict[str, Any] = {
    "experiment": "tests/infra/fixtures/experiment",
    "project": "fm-cost-ladder",
    "owner": "team-a",
    "region": "us-east-1",
    "vector-store": "nextgen",
    "layer-platform": "arm64",
    "answer-concurrency": 4,
    "log-retention-days": "14",
    "report-schedule": "on",
    "alarm-email": "",
    "report-email": "",
    "monthly-budget-usd": 50,
    "cost-anomalies": "on",
    "cost-exports": "off",
    "athena-scan-limit-mb": 1024,
    "auto-delete-objects": True,
    "guard": "on",
    "guard-dry-run": "off",
    "lifetime-hours": 168,
    "endpoint-hours": "6",
}


def read(**changes: Any) -> Settings:
    context = {**GOOD, **{key.replace("_", "-"): value for key, value in changes.items()}}
    return settings.read({key: value for key, value in context.items() if value is not None}, root=ROOT)


def test_a_good_context_gives_settings() -> None:
    found = read()
    assert found.experiment == "fixture"
    assert found.models.generator == "us.amazon.nova-micro-v1:0"
    assert found.stack_name("rag") == "ladder-fixture-rag"
    assert (found.alarm_email, found.report_email) == (None, None)
    assert (found.monthly_budget_usd, found.cost_anomalies) == (50, True)
    assert (found.cost_exports, found.athena_scan_limit_mb) == (False, 1024)
    assert (found.guard, found.guard_dry_run, found.lifetime_hours, found.endpoint_hours) == (True, False, 168, 6)
    assert "huggingface-pytorch-training" in found.training_image


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        read().owner = "team-b"  # type: ignore[misc]


def test_flags_of_the_command_line_are_text() -> None:
    found = read(auto_delete_objects="false", answer_concurrency="8", report_schedule="off", alarm_email="a@b.org")
    assert (found.auto_delete_objects, found.answer_concurrency, found.report_schedule) == (False, 8, False)
    assert found.alarm_email == "a@b.org"
    spending = read(
        monthly_budget_usd="0",
        cost_anomalies="off",
        cost_exports="on",
        athena_scan_limit_mb="10",
        report_email="c@d.org",
    )
    assert (spending.monthly_budget_usd, spending.cost_anomalies, spending.cost_exports) == (0, False, True)
    assert (spending.athena_scan_limit_mb, spending.report_email) == (10, "c@d.org")


def test_exports_are_refused_where_aws_has_none() -> None:
    assert read(region="eu-west-1").cost_exports is False
    with pytest.raises(SettingsError) as caught:
        read(region="eu-west-1", cost_exports="on")
    assert str(caught.value) == (
        "cost-exports: must be off outside of us-east-1, where Data Exports exist (got on, region eu-west-1); "
        "switch them off or deploy to us-east-1"
    )


def test_host_layers_follow_this_machine() -> None:
    assert read(layer_platform="host").arm64 is (platform.machine().lower() in ("aarch64", "arm64"))
    assert read().arm64


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"experiment": None}, "experiment: not set; give it in cdk.json or as -c experiment=..."),
        ({"experiment": "nowhere"}, "nowhere/experiment.yaml does not exist"),
        ({"owner": "two words"}, "owner: must be 1 to 128 letters, digits and _.:/=+@- (got 'two words')"),
        ({"region": "mars-north-1"}, "(got 'mars-north-1'); to add a region, see infra/fine_tuning/images.py"),
        ({"vector_store": "pinecone"}, "vector-store: must be one of nextgen, classic, domain (got 'pinecone')"),
        ({"layer_platform": "x86"}, "layer-platform: must be one of arm64, host (got 'x86')"),
        ({"answer_concurrency": "0"}, "answer-concurrency: must be a whole number from 1 to 1000 (got '0')"),
        ({"answer_concurrency": "many"}, "from 1 to 1000 (got 'many')"),
        ({"log_retention_days": 15}, "log-retention-days: must be one of 1, 3, 5, 7, 14"),
        ({"report_schedule": "perhaps"}, "report-schedule: must be on or off (got 'perhaps')"),
        ({"alarm_email": "no-address"}, "alarm-email: must be an e-mail address, or empty for none (got 'no-address')"),
        ({"report_email": "a b@c.org"}, "report-email: must be an e-mail address, or empty for none (got 'a b@c.org')"),
        ({"monthly_budget_usd": "-1"}, "monthly-budget-usd: must be a whole number from 0 to 999999 (got '-1')"),
        ({"monthly_budget_usd": "2.50"}, "(got '2.50')"),
        ({"monthly_budget_usd": None}, "monthly-budget-usd: not set; give it in cdk.json or as -c monthly-budget-usd"),
        ({"cost_anomalies": "2"}, "cost-anomalies: must be on or off (got '2')"),
        ({"cost_exports": "focus"}, "cost-exports: must be on or off (got 'focus')"),
        ({"athena_scan_limit_mb": "9"}, "athena-scan-limit-mb: must be a whole number from 10 to 999999 (got '9')"),
        ({"lifetime_hours": "0"}, "lifetime-hours: must be a whole number from 1 to 8760 (got '0')"),
        ({"guard": "maybe"}, "guard: must be on or off (got 'maybe')"),
        ({"vector_stores": "domain"}, "vector-stores: unknown setting; the settings are experiment, project"),
    ],
)
def test_a_wrong_setting_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(**changes)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def experiment(tmp_path: Path, text: str) -> Settings:
    (tmp_path / "experiment.yaml").write_text(text, encoding="utf-8")
    return read(experiment=str(tmp_path))


FIXTURE_TEXT = (ROOT / "tests/infra/fixtures/experiment/experiment.yaml").read_text(encoding="utf-8")


def test_a_name_is_all_that_a_deployment_needs(tmp_path: Path) -> None:
    deployed = experiment(tmp_path, "name: tea\n")
    assert (deployed.experiment, deployed.models) == ("tea", Models())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [", "experiment.yaml: while parsing"),
        ("just text", "experiment.yaml: holds no settings; write at least"),
        (FIXTURE_TEXT + "colour: blue\n", "unknown field 'colour'"),
        (FIXTURE_TEXT.replace("name: fixture\n", ""), "field 'name' is missing"),
        (FIXTURE_TEXT.replace("fixture", "Hand_book", 1), "name 'Hand_book' must be 1 to 18 lower-case"),
        (FIXTURE_TEXT.replace("fixture", "a-name-of-nineteen-x", 1), "must be 1 to 18"),
        (FIXTURE_TEXT + "models:\n  training_instance: ml.m5.xlarge\n", "'ml.m5.xlarge' has no GPU"),
    ],
)
def test_a_wrong_experiment_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        experiment(tmp_path, text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_hosting_image_fits_the_instance(tmp_path: Path) -> None:
    cpu = experiment(tmp_path, FIXTURE_TEXT + "models:\n  hosting_instance: ml.c7i.xlarge\n")
    assert "-cpu-" in cpu.hosting_image
    assert "-gpu-" in read().hosting_image


def test_keys_of_the_cdk_are_let_through() -> None:
    assert read(**{"aws:cdk:enable-path-metadata": True, "@aws-cdk/core:checkSecretUsage": True})
