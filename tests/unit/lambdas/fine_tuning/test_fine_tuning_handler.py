"""The fine-tuning functions, from event to objects; the index and the endpoint are fakes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from contracts import keys
from contracts.job_names import job_name
from contracts.money import UsageRow
from contracts.run import AnswerRow
from contracts.times import Deadline
from cost_reports.estimate.base_models import PINS
from lambdas.common.prompts import Prompt
from lambdas.common.settings import SettingsError
from lambdas.common.step import EventError, Step
from lambdas.fine_tuning import endpoint, handler, jobs
from lambdas.fine_tuning.contexts import PageRetriever
from lambdas.fine_tuning.dataset import Example, LeakError
from lambdas.rag.index import Hit
from lambdas.rag.logic import Search
from lambdas.rag.retrieval import RetrievedPage
from tests.unit.lambdas.lambda_world import (
    EXPERIMENT,
    RUN,
    THROTTLED,
    Context,
    FakeEndpoint,
    World,
    client_error,
    documents,
    train_questions,
)

BASE = "Qwen/Qwen3-4B-Instruct-2507"


@dataclass
class FakePages:
    """An index of the documents: the page named in the question first."""

    asked: list[tuple[str, int]] = field(default_factory=list)
    recorded: list[str] = field(default_factory=list)

    def best(self, question: str, count: int) -> list[RetrievedPage]:
        self.asked.append((question, count))
        ranked = sorted(documents(), key=lambda d: (f"{d.title}?" not in question, d.title[:3] not in question, d.id))
        return [
            RetrievedPage(document=d.id, chunk=f"{d.id}#0", rank=n, score=1 / n, text=d.text, title=d.title)
            for n, d in enumerate(ranked[:count], start=1)
        ]

    def record(self, step: Step, name: str) -> None:
        self.recorded.append(name)


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> FakePages:
    fake = FakePages()
    monkeypatch.setattr(PageRetriever, "open", lambda step: fake)
    return fake


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A function package with small training code."""
    for name in ("training/train.py", "training/__init__.py", "training/__pycache__/x.pyc"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}")
    monkeypatch.setattr(jobs, "HERE", tmp_path)
    return tmp_path


def prepare(world: World, context: Context, execution: str = "r1-1") -> dict[str, Any]:
    return handler.prepare(world.event(execution=execution), context)


def usage(world: World, step: str) -> list[UsageRow]:
    return world.results.read(keys.usage(EXPERIMENT, RUN, "fine-tuning", step), UsageRow)


def usage_steps(world: World) -> list[str]:
    prefix = keys.usage(EXPERIMENT, RUN, "fine-tuning", "").removesuffix(".jsonl")
    return [key.removeprefix(prefix).removesuffix(".jsonl") for key in world.results.list_keys(prefix)]


def test_prepare_gives_the_state_machine_all_it_needs(world: World, context: Context, pages: FakePages) -> None:
    given = prepare(world, context)
    name = given["training_job_name"]
    prefix = f"s3://{world.bucket}/experiment=handbook/run=r1/approach=fine-tuning"
    assert name.startswith("handbook-r1-")
    assert given == {
        "bucket": world.bucket,
        "items_key": keys.answer_items(EXPERIMENT, RUN, "fine-tuning"),
        "items": 4 * 4,
        "train": True,
        "training_job_name": name,
        "model_data_url": f"{prefix}/models/{name}/output/model.tar.gz",
        "training_data_url": f"{prefix}/training-data/",
        "code_url": f"{prefix}/code/",
        "output_url": f"{prefix}/models/",
        "checkpoint_url": f"{prefix}/checkpoints/",
        "names": {"model": name, "endpoint_config": name, "endpoint": name},
        "hyperparameters": {
            "base_model": BASE,
            "base_revision": PINS[BASE].revision,
            "base_sha256": json.dumps(dict(PINS[BASE].weights), separators=(",", ":")),
            "seed": "7",
            "method": "lora",
            "rank": "16",
            "alpha": "32",
            "last_layers": "0",
            "learning_rate": "0",
            "learning_rates": "",
            "warmup_ratio": "0.1",
            "batch_size": "8",
            "epochs_closed_book": "4",
            "epochs_rag": "1",
            "packing": "false",
            "gradient_checkpointing": "false",
            "dev_share": "0",
            "early_stopping_patience": "0",
            "checkpoint_steps": "50",
            "adapters": "lora,lora+rag",
        },
        "server": given["server"],  # see test_fine_tuning_server.py
        "spot": False,
        "stopping": {"MaxRuntimeInSeconds": 4 * 3600},
        "tags": [
            {"Key": "project", "Value": "fm-cost-ladder"},
            {"Key": "experiment", "Value": "handbook"},
            {"Key": "approach", "Value": "fine-tuning"},
            {"Key": "cost-cell", "Value": "handbook/fine-tuning"},
            {"Key": "owner", "Value": "team-a"},
        ],
    }
    assert json.loads(json.dumps(given)) == given


def test_prepare_uploads_examples_and_code(world: World, context: Context, pages: FakePages) -> None:
    prepare(world, context)
    data = keys.training_data_prefix(EXPERIMENT, RUN)
    closed = world.results.read(f"{data}lora.jsonl", Example)
    with_pages = world.results.read(f"{data}lora+rag.jsonl", Example)
    assert {example.id for example in closed} == {question.id for question in train_questions()}
    assert all(len(example.pages) == 2 for example in with_pages)
    code = keys.training_code_prefix(EXPERIMENT, RUN)
    assert world.results.list_keys(code) == [f"{code}train.py"]
    assert world.results.read_text(f"{code}train.py") == "# training/train.py"
    assert pages.recorded == ["prepare"]


def test_the_training_line_is_what_the_trainer_reads(world: World, context: Context, pages: FakePages) -> None:
    prepare(world, context)
    lines = world.results.read_text(f"{keys.training_data_prefix(EXPERIMENT, RUN)}lora.jsonl").splitlines()
    line = next(json.loads(line) for line in lines if '"train-PRD-01"' in line)
    assert line == {
        "id": "train-PRD-01",
        "kind": "answer",
        "messages": [
            {"role": "user", "content": "How wide is PRD 1?"},
            {"role": "assistant", "content": "7 mm [PRD-01]"},
        ],
        "pages": [],
    }


def finish_training(world: World, given: dict[str, Any]) -> None:
    world.results.write_text(given["model_data_url"].removeprefix(f"s3://{world.bucket}/"), "model")


def test_a_model_that_is_trained_already_is_used_by_the_next_execution(
    world: World, context: Context, pages: FakePages
) -> None:
    first = prepare(world, context)
    finish_training(world, first)
    pages.asked.clear()
    again = prepare(world, context, "r1-2")
    assert (again["train"], again["training_job_name"]) == (False, first["training_job_name"])
    assert again["model_data_url"] == first["model_data_url"]
    assert again["names"]["endpoint"] != first["names"]["endpoint"]
    assert pages.asked == []
    assert len(usage_steps(world)) == 2


def test_a_job_without_a_model_is_trained_again_under_another_name(
    world: World, context: Context, pages: FakePages
) -> None:
    first = prepare(world, context)
    again = prepare(world, context, "r1-2")
    assert again["train"]
    assert again["training_job_name"] != first["training_job_name"]


def test_the_same_execution_gives_the_same_names(world: World, context: Context, pages: FakePages) -> None:
    assert prepare(world, context) == prepare(world, context)


@pytest.mark.parametrize("change", ["code", "epochs", "examples"])
def test_a_model_trained_from_other_inputs_is_not_used(
    world: World, context: Context, pages: FakePages, package: Path, change: str
) -> None:
    finish_training(world, prepare(world, context))
    if change == "code":
        (package / "training/train.py").write_text("# better")
    elif change == "epochs":
        world.change_manifest(epochs_rag=2)
    else:
        world.change_manifest(rag_ids=world.manifest.rag_ids[:10])
    assert prepare(world, context, "r1-2")["train"]


def test_a_model_of_unknown_origin_is_not_used(world: World, context: Context, pages: FakePages) -> None:
    world.results.write_text(f"{keys.model_prefix(EXPERIMENT, RUN)}other/output/model.tar.gz", "model")
    assert prepare(world, context)["train"]


def test_prepare_fails_when_test_material_would_be_trained(world: World, context: Context, pages: FakePages) -> None:
    key = f"{world.manifest.input_prefix}questions.train.jsonl"
    text = world.results.read_text(key)
    world.results.write_text(key, text.replace("How wide is PRD 1?", "What is the width of PRD 1?"))
    with pytest.raises(LeakError, match=r"train-PRD-01 of lora\.jsonl holds the text of test question test-PRD-01"):
        prepare(world, context)
    assert world.results.list_keys(keys.training_data_prefix(EXPERIMENT, RUN)) == []


def test_an_unknown_training_question_is_named(world: World, context: Context, pages: FakePages) -> None:
    world.change_manifest(rag_ids=("ghost",))
    with pytest.raises(ValueError, match=r"training question 'ghost' of the manifest is not in questions\.train"):
        prepare(world, context)


def test_a_package_without_the_entry_point_is_named(
    world: World, context: Context, pages: FakePages, package: Path
) -> None:
    (package / "training/train.py").unlink()
    with pytest.raises(FileNotFoundError, match="not in the function's package; deploy it again"):
        prepare(world, context)


def test_names_fit_sagemaker_for_any_experiment(world: World) -> None:
    world.change_manifest(experiment="a_very.long-experiment name" * 4)
    name = job_name(world.manifest.experiment, world.manifest.run, "x" * 80)
    assert len(name) <= 63
    assert all(part and part.isalnum() for part in name.split("-"))
    assert name != job_name(world.manifest.experiment, world.manifest.run, "y")


@pytest.mark.parametrize(
    ("variant", "model", "shown"),
    [("base", BASE, 0), ("base+rag", BASE, 2), ("lora", "lora", 0), ("lora+rag", "lora+rag", 2)],
)
def test_each_variant_asks_the_endpoint_its_way(
    world: World,
    context: Context,
    pages: FakePages,
    endpoint_client: FakeEndpoint,
    variant: str,
    model: str,
    shown: int,
) -> None:
    given = handler.answer(world.event(variant=variant, batch=0, endpoint="ep"), context)
    assert given == {"variant": variant, "batch": 0, "answered": 5, "errors": 0, "skipped": 0}
    row = world.results.read(keys.answers(EXPERIMENT, RUN, "fine-tuning", variant, 0), AnswerRow)[0]
    assert (row.text, row.citations, row.input_tokens) == ("12 mm [PRD-01]", ("PRD-01",), 30)
    assert (row.model_id, row.model_revision, row.stop_reason) == (BASE, PINS[BASE].revision, "stop")
    assert [(page.document, page.rank) for page in row.retrieved] == [("PRD-01", 1), ("PRD-02", 2)][:shown]
    body = endpoint_client.requests[0]["Body"]
    assert endpoint_client.requests[0]["EndpointName"] == "ep"
    assert (body["model"], body["max_tokens"], body["temperature"]) == (model, 24, 0)
    assert [message["role"] for message in body["messages"]] == ["user"]
    assert body["messages"][0]["content"].count("[PRD-") == shown
    assert pages.recorded == ([f"answer-{variant}-00000"] if shown else [])


def test_tokens_of_the_endpoint_are_no_bedrock_usage(
    world: World, context: Context, endpoint_client: FakeEndpoint
) -> None:
    handler.answer(world.event(variant="lora", batch=0, endpoint="ep"), context)
    assert {row.service_code for row in usage(world, "answer-lora-00000")} <= {
        "AWSLambda",
        "AmazonS3",
        "AmazonCloudWatch",
    }


def test_answers_of_an_endpoint_say_on_what_it_ran(
    world: World, context: Context, endpoint_client: FakeEndpoint
) -> None:
    handler.answer(world.event(variant="lora", batch=0, endpoint="ep"), context)
    rows = world.results.read(keys.answers(EXPERIMENT, RUN, "fine-tuning", "lora", 0), AnswerRow)
    assert {row.device for row in rows} == {world.results.experiment(world.manifest).models.hosting_instance}


def test_a_busy_endpoint_is_asked_again_and_a_refusal_is_a_row(
    world: World, context: Context, endpoint_client: FakeEndpoint
) -> None:
    endpoint_client.failures = [client_error(*THROTTLED), client_error("ModelError", 424, OriginalStatusCode=503)]
    assert handler.answer(world.event(variant="lora", batch=0, endpoint="ep"), context)["errors"] == 0
    endpoint_client.failures = [client_error("ModelError", 424, "prompt has 9000 tokens", OriginalStatusCode=400)]
    assert handler.answer(world.event(variant="lora", batch=1, endpoint="ep"), context)["errors"] == 1
    rows = world.results.read(keys.answers(EXPERIMENT, RUN, "fine-tuning", "lora", 1), AnswerRow)
    (failed,) = [row for row in rows if row.error]
    assert failed.error == f"permanent: question {failed.question_id}: ModelError: prompt has 9000 tokens"


@pytest.mark.parametrize("body", [b"<html>", b'{"choices": []}', b"[]", b'{"choices": [], "usage": {}}', b"7"])
def test_an_answer_of_another_form_is_a_row_that_shows_it(
    world: World, context: Context, endpoint_client: FakeEndpoint, body: bytes
) -> None:
    endpoint_client.body = body
    handler.answer(world.event(variant="lora", batch=0, endpoint="ep"), context)
    rows = world.results.read(keys.answers(EXPERIMENT, RUN, "fine-tuning", "lora", 0), AnswerRow)
    assert all(row.error and "endpoint ep answered" in row.error and row.error.startswith("permanent") for row in rows)


def test_a_prompt_with_a_system_turn_never_reaches_the_endpoint() -> None:
    with pytest.raises(ValueError, match="no system turn"):
        endpoint.invoke(FakeEndpoint(), "ep", BASE, Prompt("system", (), 1), deadline=Deadline.after(1))


def test_retrieval_needs_the_store_settings(world: World, context: Context, endpoint_client: FakeEndpoint) -> None:
    with pytest.raises(SettingsError, match="OPENSEARCH_ENDPOINT is not set"):
        handler.answer(world.event(variant="lora+rag", batch=0, endpoint="ep"), context)


TRAINING = {
    "TrainingJobName": "handbook-r1-abc",
    "BillableTimeInSeconds": 123.0,
    "TrainingTimeInSeconds": 150,
    "ResourceConfig": {"InstanceType": "ml.g5.xlarge", "InstanceCount": 2, "VolumeSizeInGB": 30},
}
ENDPOINT = {
    "endpoint_started": "2026-11-23T10:00:00.250Z",
    "endpoint_deleted": "2026-11-23T11:00:01Z",
    "hosting_instance": "ml.g5.xlarge",
}


def test_usage_of_training_and_endpoint_is_recorded(world: World, context: Context) -> None:
    given = handler.record_usage(world.event(training=TRAINING, **ENDPOINT), context)
    (training,) = usage(world, "training-handbook-r1-abc")
    assert (training.usage_type, training.basis) == ("USE1-Train:ml.g5.xlarge", "reported")
    assert training.amount == 246
    (hosting,) = usage(world, "endpoint-20261123T100000250Z")
    assert (hosting.usage_type, hosting.amount) == ("USE1-Host:ml.g5.xlarge", Decimal("3600.75"))
    steps = usage_steps(world)
    assert given["usage_rows"] == sum(len(usage(world, step)) for step in steps)


def test_recording_twice_counts_once(world: World, context: Context) -> None:
    for _ in range(2):
        handler.record_usage(world.event(training=TRAINING, **ENDPOINT), context)
    rows = [row for step in usage_steps(world) for row in usage(world, step)]
    assert sum(row.amount for row in rows if row.service_code == "AmazonSageMaker") == Decimal("3846.75")


def test_a_later_attempt_keeps_the_training_and_adds_its_endpoint(world: World, context: Context) -> None:
    handler.record_usage(world.event(training=TRAINING, **ENDPOINT), context)
    later = {**ENDPOINT, "endpoint_started": "2026-11-24T10:00:00Z", "endpoint_deleted": "2026-11-24T10:00:10Z"}
    handler.record_usage(world.event(training=None, **later), context)
    rows = [row for step in usage_steps(world) for row in usage(world, step)]
    assert sum(row.amount for row in rows if row.service_code == "AmazonSageMaker") == Decimal("3856.75")


def test_a_run_that_never_had_an_endpoint_records_its_training(world: World, context: Context) -> None:
    handler.record_usage(
        world.event(training=TRAINING, endpoint_started=None, endpoint_deleted=None, hosting_instance="x"), context
    )
    assert not [step for step in usage_steps(world) if step.startswith("endpoint")]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training": {"TrainingJobName": "x"}}, "'training' lacks 'ResourceConfig'"),
        ({"training": {**TRAINING, "BillableTimeInSeconds": 1.5}}, "a whole number is needed, not 1.5"),
        ({"endpoint_deleted": None}, "'endpoint_deleted' is missing"),
        ({"hosting_instance": ""}, "'hosting_instance' is missing"),
        ({"endpoint_started": "yesterday"}, "must be an ISO 8601 time, not 'yesterday'"),
        ({"endpoint_started": "2026-11-23T10:00:00"}, "must carry its offset from UTC"),
        ({"endpoint_deleted": "2026-11-23T09:00:00Z"}, "is before 'endpoint_started'"),
    ],
)
def test_a_wrong_record_is_named(world: World, context: Context, changes: dict[str, Any], message: str) -> None:
    event = world.event(**{"training": TRAINING, **ENDPOINT, **changes})
    with pytest.raises(EventError, match=message):
        handler.record_usage(event, context)


class FakeIndex:
    """Stands for the vector index: every page by words, and the sizes that were asked for."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def candidates(self, question: str, vector: Any, size: int) -> tuple[list[Any], list[Any]]:
        self.sizes.append(size)
        hits = [
            Hit(id=d.id, chunk_id=f"{d.id}#0", document=d.id, title=d.title, text=d.text) for d in documents()[:size]
        ]
        return hits, hits


def test_pages_come_from_the_retrieval_of_the_rag_approach(world: World) -> None:
    index: Any = FakeIndex()
    unused: Any = None
    pages = PageRetriever(
        Search(
            index=index,
            embedder=lambda text: (1.0,),
            experiment=world.results.experiment(world.manifest),
            store=unused,
            embedding=unused,
        )
    )
    assert [page.document for page in pages.best("How wide is PRD 1?", 2)] == ["PRD-01", "PRD-02"]
    pages.best("q", 30)
    assert index.sizes == [20, 30]


def test_the_repository_holds_what_the_containers_need() -> None:
    files = jobs.code_files(Path(jobs.__file__).parent)
    assert {"train.py", "safeguards.py", "requirements.txt"} <= set(files)
    assert not [name for name in files if name.endswith((".pyc", "__init__.py"))]
