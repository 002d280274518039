"""The whole job, told in `lifecycle`: deploy, run through faults and a kill, report, destroy, nothing left."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from lifecycle import TRIPWIRE, Moment, Story, read_charges, tell

from contracts.experiment import APPROACHES, VARIANTS
from infra.comparison.state_machine import NOT_RUN
from tests.offline import small_experiment
from tests.unit.contracts import documented

pytestmark = pytest.mark.emulator

ALL_VARIANTS = [(approach, variant) for approach in APPROACHES for variant in VARIANTS[approach]]
QUESTIONS = [f"test-{number}" for number in range(len(small_experiment.TEST))]
NOTHING: dict[str, list[str]] = {"endpoints": [], "configs": [], "models": [], "jobs": []}


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    return tell(tmp_path_factory.mktemp("lifecycle"))


@pytest.fixture
def finished(story: Story) -> Moment:
    assert (story.finished.code, story.finished.err) == (0, "")
    return story.after_finish


def rows(parts: dict[str, bytes], kind: str = "") -> list[dict[str, Any]]:
    return [json.loads(line) for key, part in parts.items() if kind in key for line in part.decode().splitlines()]


def charges(story: Story) -> list[dict[str, str]]:
    return read_charges(story.runs / story.run / "charges.csv")


# ---- the first attempt: no access to the model ----


def test_a_model_that_refuses_its_first_call_fails_the_run_in_one_line(story: Story) -> None:
    assert story.denied.code == 1
    (line,) = story.denied.err.splitlines()
    assert line.startswith(
        f"error: run {story.run} ended FAILED: ProbeError: us.amazon.nova-micro-v1:0 refused the call before the run: "
        "AccessDeniedException: "
    )
    assert "ask for access to the model in the Amazon Bedrock console" in line
    assert line.endswith(f"go on with --resume {story.run}")


def test_no_other_approach_starts_behind_a_refused_call(story: Story) -> None:
    caveats = dict(caveat.split(" did not finish: ") for caveat in story.report_of_denied["recommendation"]["caveats"])
    assert "refused the call before the run" in caveats["prompting"]
    assert caveats["rag"] == caveats["fine-tuning"] == NOT_RUN
    # The refused step is paid for, and nothing of the approaches behind it.
    charged = {line["name"]: Decimal(line["usd"]) for line in breakdown(story.report_of_denied, "approach")}
    assert charged["prompting"] > 0
    assert "rag" not in charged
    assert "fine-tuning" not in charged


def breakdown(report: dict[str, Any], by: str) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]]
    (lines,) = [found["lines"] for found in report["breakdowns"] if found["by"] == by]
    return lines


# ---- the next attempt: faults of every service, and a training job that is refused ----


def test_a_run_without_its_fine_tuning_fails_in_one_line(story: Story) -> None:
    assert story.refused.code == 1
    (line,) = story.refused.err.splitlines()
    assert line.startswith(f"error: run {story.run} ended FAILED: ")
    assert '"fine-tuning"' in line
    assert line.endswith(f"go on with --resume {story.run}")
    assert "Traceback" not in story.refused.out


def test_the_report_shows_the_other_approaches(story: Story) -> None:
    ladder = {
        (row["approach"], row["variant"]): (row["answers"], row["errors"])
        for row in story.after_refusal.report["ladder"]
    }
    expected = {pair: (len(QUESTIONS), 0) for pair in ALL_VARIANTS if pair[0] != "fine-tuning"}
    assert {pair: counts for pair, counts in ladder.items() if pair[0] != "fine-tuning"} == expected
    assert "ResourceLimitExceeded" in str(story.after_refusal.report)
    assert story.after_refusal.record["status"] == "FAILED"


def test_a_refused_training_job_leaves_nothing(story: Story) -> None:
    assert story.after_refusal.sagemaker == NOTHING


def test_every_fault_of_the_first_attempt_happened(story: Story) -> None:
    """A fault that waits has tested nothing."""
    assert story.after_refusal.faults_left == []


def test_throttled_questions_were_asked_again(story: Story) -> None:
    attempts = Counter(row["attempt"] for row in rows(story.mirrored, "approach=prompting"))
    assert sum((attempt - 1) * count for attempt, count in attempts.items()) >= 3


def test_a_bulk_request_that_failed_after_its_effect_left_no_copies(story: Story, finished: Moment) -> None:
    for moment in (story.after_refusal, finished):
        assert len(moment.chunks) == len(set(moment.chunks)) == len(small_experiment.PAGES)


# ---- the third attempt: killed when its model was trained ----


def test_a_killed_sandbox_ends_with_everything_it_had_started(story: Story) -> None:
    assert story.survivors == []


def test_losing_the_account_is_one_line_that_says_how_to_go_on(story: Story) -> None:
    assert story.cut_off.code == 1
    (line,) = story.cut_off.err.splitlines()
    assert line.startswith(f"error: lost sight of run {story.run}")
    assert line.endswith(f"join it with --resume {story.run}")


def test_what_was_finished_was_on_this_machine(story: Story) -> None:
    done = Counter(key.split("approach=")[1].split("/")[0] for key in story.mirrored)
    assert (done["prompting"], done["rag"]) == (3, 2)
    assert list(story.mirror.rglob("model.tar.gz"))


# ---- the fourth attempt: on a new sandbox, to the end ----


def test_finished_batches_are_not_repeated(story: Story, finished: Moment) -> None:
    after = story.parts("answers")
    assert {key: after[key] for key in story.mirrored} == story.mirrored
    # A question to the generator or another training job would have met its tripwire.
    left = {fault["operation"]: fault["times"] for fault in finished.faults_left}
    assert left == {"/converse": TRIPWIRE, "CreateTrainingJob": TRIPWIRE}


def test_every_question_has_one_answer_of_every_variant(story: Story, finished: Moment) -> None:
    answers = rows(story.parts("answers"))
    counted = Counter((row["approach"], row["variant"], row["question_id"]) for row in answers)
    assert counted == Counter({(a, v, question): 1 for a, v in ALL_VARIANTS for question in QUESTIONS})
    assert [row["error"] for row in answers if row["error"]] == []
    joined = (story.runs / story.run / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    assert sorted(joined) == sorted(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in answers)


def test_the_throttled_endpoint_was_asked_again(story: Story) -> None:
    """Answers from before the kill are not asked for again: these are the third endpoint's."""
    tuned = rows(story.parts("answers"), "approach=fine-tuning")
    assert sum(row["attempt"] - 1 for row in tuned) >= 4


def test_the_run_table_says_what_became_of_the_run(story: Story, finished: Moment) -> None:
    assert finished.record["status"] == "SUCCEEDED"
    assert finished.record["execution"].endswith(f":{story.run}-4")
    assert finished.record["started"] < finished.record["ended"]


def test_nothing_that_is_charged_by_the_hour_is_left(finished: Moment) -> None:
    assert finished.sagemaker == NOTHING


@pytest.mark.parametrize(
    ("approach", "usage_type"),
    [
        ("prompting", "USE1-NovaMicro-input-tokens"),
        ("prompting", "USE1-NovaMicro-output-tokens"),
        ("rag", "USE1-NovaMicro-input-tokens"),
        ("rag", "USE1-TitanEmbeddingV2-Text-input-tokens"),
        ("rag", "USE1-IndexingOCU"),
        ("rag", "USE1-SearchOCU"),
        ("fine-tuning", "USE1-TitanEmbeddingV2-Text-input-tokens"),
        ("fine-tuning", "USE1-Train:ml.g5.xlarge"),
        ("fine-tuning", "USE1-Host:ml.g5.xlarge"),
        *((approach, "Lambda-GB-Second") for approach in (*APPROACHES, "shared")),
        *((approach, "USE1-StateTransition") for approach in APPROACHES),
        *((approach, "TimedStorage-ByteHrs") for approach in APPROACHES),
    ],
)
def test_what_was_used_is_metered(story: Story, finished: Moment, approach: str, usage_type: str) -> None:
    found = [row for row in charges(story) if (row["approach"], row["usage_type"]) == (approach, usage_type)]
    assert found
    assert all(Decimal(row["quantity"]) > 0 for row in found)


def test_resuming_loses_no_usage_of_models(story: Story, finished: Moment) -> None:
    before, after = (charged(moment) for moment in (story.after_refusal, finished))
    assert {meter: after[meter] for meter in before if after[meter] < before[meter]} == {}
    # The pages were embedded again for the index of the second sandbox.
    embedded = ("rag", "USE1-TitanEmbeddingV2-Text-input-tokens")
    assert after[embedded] > before[embedded]


def charged(moment: Moment) -> dict[tuple[str, str], Decimal]:
    total: dict[tuple[str, str], Decimal] = {}
    for row in moment.charges:
        if row["service_code"] in ("AmazonBedrock", "AmazonSageMaker"):
            meter = (row["approach"], row["usage_type"])
            total[meter] = total.get(meter, Decimal(0)) + Decimal(row["quantity"])
    return total


def test_tokens_are_those_of_the_answers(story: Story, finished: Moment) -> None:
    """Retried calls and repeated attempts must not count twice, skipped batches must not be lost.

    Tokens without a variant are those of the calls before the answers, one a model.
    """
    answers = [row for row in rows(story.parts("answers")) if row["approach"] != "fine-tuning"]
    for meter in ("input", "output"):
        kind = f"USE1-NovaMicro-{meter}-tokens"
        found = [row for row in charges(story) if row["usage_type"] == kind]
        metered = sum(Decimal(row["quantity"]) for row in found if row["variant"])
        assert metered == sum(row[f"{meter}_tokens"] for row in answers)
        assert {row["approach"] for row in found if not row["variant"]} == {"prompting", "rag"}


def test_the_total_is_the_sum_of_the_charges(story: Story, finished: Moment) -> None:
    report = json.loads((story.runs / story.run / "report.json").read_text(encoding="utf-8"))
    assert Decimal(report["total_usd"]) == sum(Decimal(row["amount_usd"]) for row in charges(story)) > 0
    assert {row["simulated"].split(":")[0] for row in charges(story)} == {"yes"}


def test_the_report_names_what_it_was_made_with(finished: Moment) -> None:
    header = finished.report["header"]
    assert header["embedded"] is True
    assert header["simulated"][0].startswith("SIMULATED BILL")
    assert "a tiny random model did the work of us.amazon.nova-micro-v1:0" in header["simulated"][0]
    assert "a tiny random model did the work of Qwen/Qwen3-4B-Instruct-2507" in header["simulated"][0]
    assert all(len(digest) == 64 for digest in header["model_hashes"].values())
    assert len(header["model_hashes"]) == 2
    assert header["seeds"]["run"] == 20261123
    assert {"prompts", "torch", "transformers", "peft"} <= set(header["versions"])
    assert header["git_commit"] is None or len(header["git_commit"].rstrip("+")) == 40
    assert header["questions"] == len(QUESTIONS)


def test_the_report_can_be_made_again(story: Story) -> None:
    assert (story.rebuilt.code, story.rebuilt.err) == (0, "")
    assert "SIMULATED BILL" in story.rebuilt.out


# ---- the bill ----


ZERO = {"price_usd", "volume_usd", "unestimated_usd", "untagged_usd", "credits_and_tax_usd", "not_billed_usd"}


def amounts(split: dict[str, str]) -> dict[str, Decimal]:
    return {name: Decimal(value) for name, value in split.items()}


def bill(story: Story, name: str) -> dict[str, Any]:
    found = story.bills[name]
    assert (found.ended.code, found.ended.err) == (0, "")
    return found.report


def test_a_bill_that_has_not_come_is_no_zero(story: Story, finished: Moment) -> None:
    report = bill(story, "too early")
    assert report["header"]["state"] == "no data yet"
    assert report["total_billed_usd"] is None
    assert Decimal(report["total_metered_usd"]) > 0
    assert {day["state"] for day in report["days"] if day["day"] == story.day} == {"not yet billed"}


def test_estimated_metered_and_billed_stand_side_by_side(story: Story, finished: Moment) -> None:
    report = bill(story, "complete")
    assert report["header"]["runs"] == [story.run]
    assert {a["approach"] for a in report["approaches"]} == {*APPROACHES, "shared"}
    for approach in report["approaches"]:
        assert Decimal(approach["billed_usd"]) == Decimal(approach["metered_usd"]) > 0
        parts = amounts(approach["split"])
        assert sum(parts.values()) == Decimal(approach["billed_usd"]) - Decimal(approach["estimated_usd"])
        assert approach["approach"] == "shared" or Decimal(approach["estimated_usd"]) > 0


def test_where_the_bill_is_complete_it_agrees_with_the_meters_exactly(story: Story, finished: Moment) -> None:
    report = bill(story, "complete")
    assert amounts(report["against_metered"]) == dict.fromkeys(ZERO, Decimal(0))
    assert report["total_billed_usd"] == report["total_metered_usd"]
    exact = sum(Decimal(row["amount_usd"]) for row in charges(story))
    # Cost Explorer rounds each group to ten decimals; that is all that lies between the bill and the run's own charges.
    spent_on_reports = Decimal(report["total_metered_usd"]) - Decimal(report["rounding_usd"]) - exact
    assert spent_on_reports == 0
    assert abs(Decimal(report["rounding_usd"])) < Decimal("1e-8")
    assert [line["usage_type"] for line in report["lines"] if Decimal(line["difference_usd"])] == []


def test_the_fact_table_answers_the_questions_of_others(story: Story, finished: Moment, tmp_path: Path) -> None:
    for name, body in story.fact_table.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(body)
    connection = documented.charges(tmp_path)
    query = documented.QUERY.replace("<experiment>", small_experiment.NAME)
    approaches: dict[str, Decimal] = {}
    for approach, _, usd in connection.execute(query).fetchall():
        approaches[approach] = approaches.get(approach, Decimal(0)) + usd
    report = bill(story, "complete")
    assert approaches == {a["approach"]: Decimal(a["billed_usd"]) for a in report["approaches"]}
    assert connection.execute("SELECT bool_and(simulated) FROM charges").fetchall() == [(True,)]


def test_a_report_costs_five_requests(story: Story, finished: Moment) -> None:
    header = bill(story, "complete")["header"]
    assert (header["requests"], header["cached_requests"], header["request_usd"]) == (5, 0, "0.05")


def test_every_rendering_of_the_bill_says_that_it_is_simulated(story: Story, finished: Moment) -> None:
    for name in ("complete", "exports"):
        found = story.bills[name]
        assert "SIMULATED BILL" in found.ended.out
        assert "SIMULATED BILL" in found.page
        assert {row["simulated"].split(":")[0] for row in found.charges} == {"yes"}


def test_the_bill_by_model(story: Story, finished: Moment) -> None:
    (models,) = [cut["lines"] for cut in bill(story, "complete")["breakdowns"] if cut["by"] == "model"]
    assert {line["name"] for line in models} == {"Nova Micro", "Titan Text Embeddings V2"}


def test_exports_tell_the_same_to_the_last_digit(story: Story, finished: Moment) -> None:
    first, second = story.synced
    assert (first.code, second.code, first.err, second.err) == (0, 0, "", "")
    assert "fetched " in first.out
    assert "fetched " not in second.out
    report = bill(story, "exports")
    assert Decimal(report["total_billed_usd"]) == sum(Decimal(row["amount_usd"]) for row in charges(story))
    assert amounts(report["against_metered"]) == dict.fromkeys(ZERO, Decimal(0))


def test_lines_that_no_run_made_are_explained_line_by_line(story: Story, finished: Moment) -> None:
    report = bill(story, "with other lines")
    before = bill(story, "complete")
    assert Decimal(report["total_billed_usd"]) - Decimal(before["total_billed_usd"]) == Decimal("0.29")
    parts = amounts(report["against_metered"])
    expected = dict.fromkeys(ZERO, Decimal(0)) | {
        "unestimated_usd": Decimal("0.30"),
        "credits_and_tax_usd": Decimal("-0.01"),
    }
    assert parts == expected
    different = {(line["approach"], line["usage_type"]): line for line in report["lines"] if line["metered_usd"] == "0"}
    alarm = different["shared", "CW:AlarmMonitorUsage"]
    claude = different["prompting", "USE1-MP:USE1_input_tokens_standard-Units"]
    assert (alarm["billed_usd"], claude["billed_usd"]) == ("0.05", "0.25")
    assert all(line["why"] for line in different.values())
    services = {line["name"] for cut in report["breakdowns"] if cut["by"] == "service" for line in cut["lines"]}
    assert "Claude Haiku 5.5 (Amazon Bedrock Edition)" in services


def test_untagged_usage_is_shown_by_itself(story: Story, finished: Moment) -> None:
    report = bill(story, "with other lines")
    assert Decimal(report["untagged"]["usd"]) >= Decimal("0.5")
    assert 0 < Decimal(report["untagged"]["share"]) < 100


def test_what_changed_since_the_last_report_is_told(story: Story, finished: Moment) -> None:
    assert bill(story, "complete")["restatements"] == []
    changed = {(r["day"], r["approach"]) for r in bill(story, "with other lines")["restatements"]}
    assert changed == {(story.day, "shared"), (story.day, "prompting")}


def test_the_role_is_a_second_meter_of_the_same_money(story: Story, finished: Moment) -> None:
    meters = {m["approach"]: m for m in bill(story, "complete")["bedrock_meters"]}
    assert {"prompting", "rag"} <= set(meters)
    for meter in meters.values():
        assert meter["by_profile_usd"] == meter["by_role_usd"]


def test_tags_are_activated_once_and_filled_in_once_a_day(story: Story, finished: Moment) -> None:
    assert "5 of 6 tags are active" in story.tags["before"].out
    assert (story.tags["activated"].code, "activated; " in story.tags["activated"].out) == (0, True)
    assert (story.tags["again"].code, "activated; " in story.tags["again"].out) == (0, False)
    assert story.tags["backfill"].code == 0
    second = story.tags["second backfill"]
    assert (second.code, second.err.count("\n"), "one backfill in 24 hours" in second.err) == (1, 1, True)


def test_a_member_account_is_told_whom_to_ask(story: Story, finished: Moment) -> None:
    member = story.tags["member"]
    assert (member.code, member.err.count("\n"), "payer" in member.err) == (1, 1, True)
    states = {tag["key"]: tag["state"] for tag in bill(story, "member")["tags"]}
    assert states["cost-cell"] == "cannot activate"


# ---- the end ----


def test_nothing_is_left_after_destroy(story: Story) -> None:
    assert (story.destroyed.code, story.destroyed.err) == (0, "")
    assert story.destroyed.out.splitlines()[-1] == f"nothing is left of experiment {small_experiment.NAME}"
    assert json.loads((story.folder / "leftovers.json").read_text(encoding="utf-8")) == []
    (found,) = json.loads((story.folder / "receipt.json").read_text(encoding="utf-8"))["passes"]
    assert (found["clean"], found["perhaps"], found["stays"]) == (True, [], [])
    # What the embedded AWS has no service for can hold nothing, and is named.
    assert {entry["offered"] for entry in found["not_seen"]} <= {False}
