"""Where every object of a run lies in the results bucket. One function per kind of object, no other place builds keys.

`experiment=<e>/run=<r>/approach=<a>/{answers,usage,quality,scores}/part-*.jsonl`; re-running a step overwrites the
same keys, so a step can be repeated without counting anything twice.
"""

from __future__ import annotations

SHARED = "shared"
"""The approach of objects that belong to no single approach (comparison, reporting)."""


def input_prefix(experiment: str, sha256: str) -> str:
    """Return the prefix of experiment.json, documents.jsonl and questions.*.jsonl, named by their content."""
    return f"experiment={experiment}/input/{sha256[:16]}/"


def runs_prefix(experiment: str) -> str:
    """Return what the keys of all runs begin with; the run's id comes next, up to the slash."""
    return f"experiment={experiment}/run="


def run_prefix(experiment: str, run: str) -> str:
    return f"{runs_prefix(experiment)}{run}/"


def manifest(experiment: str, run: str) -> str:
    return f"{run_prefix(experiment, run)}manifest.json"


def environment(experiment: str, run: str) -> str:
    """Return the key of the RunEnvironment, a JSON object; a run without it is reported without these facts."""
    return f"{run_prefix(experiment, run)}environment.json"


def approach_prefix(experiment: str, run: str, approach: str) -> str:
    return f"{run_prefix(experiment, run)}approach={approach}/"


def answer_items(experiment: str, run: str, approach: str) -> str:
    """Return the key of the Distributed Map's items of the answering step, a JSON array."""
    return f"{approach_prefix(experiment, run, approach)}items/answer.json"


def probe(experiment: str, run: str, approach: str) -> str:
    """Return the key of what the call before the answering step has found, a JSON object."""
    return f"{approach_prefix(experiment, run, approach)}probe.json"


def ingest_items(experiment: str, run: str) -> str:
    """Return the key of the Distributed Map's items of the ingestion step, a JSON array."""
    return f"{approach_prefix(experiment, run, 'rag')}items/ingest.json"


def answers(experiment: str, run: str, approach: str, variant: str, batch: int) -> str:
    return f"{approach_prefix(experiment, run, approach)}answers/part-{variant}-{batch:05d}.jsonl"


def usage(experiment: str, run: str, approach: str, step: str) -> str:
    """Return the key of a usage part. `step` names the work that was metered, for instance `answer-few-shot-00002`."""
    return f"{approach_prefix(experiment, run, approach)}usage/part-{step}.jsonl"


def activity_prefix(experiment: str, run: str, approach: str) -> str:
    """Return the prefix of empty objects whose names say when the search store worked (`lambdas.rag.capacity`)."""
    return f"{approach_prefix(experiment, run, approach)}activity/"


def quality(experiment: str, run: str, approach: str) -> str:
    return f"{approach_prefix(experiment, run, approach)}quality/part-00000.jsonl"


def scores(experiment: str, run: str, approach: str) -> str:
    return f"{approach_prefix(experiment, run, approach)}scores/part-00000.jsonl"


def judgements(experiment: str, run: str, approach: str, part: str) -> str:
    """Return the key of the judge's replies on a batch of answers, or (`shared`, `rated`) on people's rated ones."""
    return f"{approach_prefix(experiment, run, approach)}judgements/part-{part}.jsonl"


def paired(experiment: str, run: str) -> str:
    return f"{approach_prefix(experiment, run, SHARED)}paired/part-00000.jsonl"


def estimated(experiment: str, run: str) -> str:
    """Return the key of what the run was expected to cost, written with its report."""
    return f"{approach_prefix(experiment, run, SHARED)}estimated/part-00000.jsonl"


def outputs(experiment: str, run: str) -> str:
    """What the approaches of the run gave, counted with its report. Spend reports read it in place of the answers."""
    return f"{approach_prefix(experiment, run, SHARED)}outputs/part-00000.jsonl"


def training_data_prefix(experiment: str, run: str) -> str:
    return f"{approach_prefix(experiment, run, 'fine-tuning')}training-data/"


def training_code_prefix(experiment: str, run: str) -> str:
    return f"{approach_prefix(experiment, run, 'fine-tuning')}code/"


def model_prefix(experiment: str, run: str) -> str:
    """Return the prefix of models. SageMaker writes `<training job>/output/model.tar.gz` below it."""
    return f"{approach_prefix(experiment, run, 'fine-tuning')}models/"


def checkpoint_prefix(experiment: str, run: str) -> str:
    return f"{approach_prefix(experiment, run, 'fine-tuning')}checkpoints/"


def report_prefix(experiment: str, name: str) -> str:
    """Return the prefix of a report. `name` is a run id, or a date for the scheduled report."""
    return f"reports/{experiment}/{name}/"


def charges_prefix(experiment: str) -> str:
    """The fact table of what was billed: a partition for each source and billing period below it."""
    return f"{report_prefix(experiment, 'facts')}charges/"


def charges(experiment: str, source: str, period: str) -> str:
    """What a source billed for a period (YYYY-MM). Folders are named as DuckDB and Athena name partitions."""
    return f"{charges_prefix(experiment)}source={source}/period={period}/charges.jsonl.gz"
