"""A small task and the inputs of its estimate."""

from __future__ import annotations

from typing import Any

from cost_reports.estimate.inputs import EstimateInputs
from cost_reports.estimate.workload import ExactWorkload, Task
from cost_reports.prices.catalogue import Catalogue

CATALOGUE = Catalogue.load()


TASK = Task(
    documents=64,
    corpus_tokens=30_000,
    question_tokens=25,
    answer_tokens=12,
    style_tokens=150,
    shots=4,
    shot_tokens=50,
    reasoning_tokens=120,
    pages=3,
    chunk_tokens=300,
    train_examples=800,
    train_example_tokens=120,
    epochs=6,
)


def inputs(task: Task = TASK, **changes: Any) -> EstimateInputs:
    load = {k: changes.pop(k) for k in list(changes) if k in ExactWorkload.__dataclass_fields__}
    values: dict[str, Any] = {
        "experiment": "handbook",
        "catalogue": CATALOGUE,
        "task": task,
        "workload": ExactWorkload(**{"requests_per_month": 10_000, **load}),
        "generator": "us.amazon.nova-micro-v1:0",
        "embedding": "amazon.titan-embed-text-v2:0",
        "dimensions": 512,
        "base_model": "HuggingFaceTB/SmolLM2-135M-Instruct",
        "training_instance": "ml.g5.xlarge",
        "hosting_instance": "ml.g5.xlarge",
    }
    return EstimateInputs(**{**values, **changes})
