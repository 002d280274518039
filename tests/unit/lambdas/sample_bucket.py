"""The sample run as a bucket holds it, and the context of a Lambda call."""

from __future__ import annotations

import json

from contracts import json_codec, keys
from contracts.experiment import APPROACHES, Document, Experiment, GateRule, HouseStyle, Question, Workload
from contracts.run import Manifest
from lambdas.common.store import Results
from lambdas.run_report import measured
from tests.unit.cost_reports import sample_run as run


class Context:
    memory_limit_in_mb: int | str = 512
    aws_request_id = "req-1"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def fill(store: Results) -> None:
    """Put the sample run into the bucket as it is before its report."""
    experiment = Experiment(
        name=run.EXPERIMENT,
        description="A handbook <script>alert(1)</script>.",
        house_style=HouseStyle(instruction="i", pattern=".*", refusal="no"),
        gate=(GateRule(metric="contained", minimum=0.5),),
        workload=Workload(requests_per_month=1000),
    )
    manifest = Manifest(
        experiment=run.EXPERIMENT,
        run=run.RUN,
        profile="quick",
        input_prefix="in/",
        input_sha256="ab" * 32,
        seed=7,
        batch_size=16,
        test_question_ids=("q0", "q1"),
        closed_book_ids=(),
        rag_ids=(),
        epochs_closed_book=1,
        epochs_rag=1,
        created="2026-11-23T10:00:00Z",
        git_commit="c0ffee",
    )
    store.write_text("in/experiment.json", json.dumps(json_codec.to_jsonable(experiment)))
    store.write("in/documents.jsonl", [Document(id="PRD-01", title="T", text="The part is 42 mm wide. " * 9)])
    question = Question(id="q0", question="How wide is the part?", answer="42 mm [PRD-01]", document="PRD-01")
    store.write("in/questions.train.jsonl", [question])
    store.write("in/questions.test.jsonl", [question])
    store.write_text(keys.manifest(run.EXPERIMENT, run.RUN), json.dumps(json_codec.to_jsonable(manifest)))
    for approach in APPROACHES:
        rows = [a for a in run.answers() if a.approach == approach]
        store.write(keys.answers(run.EXPERIMENT, run.RUN, approach, "all", 0), rows)
        store.write(
            keys.quality(run.EXPERIMENT, run.RUN, approach), [q for q in run.quality() if q.approach == approach]
        )
    store.write(keys.paired(run.EXPERIMENT, run.RUN), run.paired())
    for n, (step, row) in enumerate(run.usage()):
        store.write(keys.usage(run.EXPERIMENT, run.RUN, row.approach, f"{step}-{n}"), [row])


def count_outputs(store: Results, run_id: str = run.RUN) -> None:
    """Count what the run gave, as its report does."""
    manifest = store.manifest(run.EXPERIMENT, run_id)
    rows = measured.outputs(measured.read(store, manifest), manifest, "contained")
    store.write(keys.outputs(run.EXPERIMENT, run_id), rows)
