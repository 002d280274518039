"""How long handlers take to import, and what they add to a model call. Run: `python tests/bench/bench_handlers.py`.

Import: a fresh interpreter imports one handler module, with compiled files in place; its own start is not counted.
`import boto3`, which every function that calls AWS needs, is measured in turn with the handlers. The target is a ratio
of the medians, because a busy machine slows all of them alike.
Added latency: `overhead_ms` of the answer rows, which is all that a handler does for a question beside the model call.
First with a fake client that answers at once and a mocked bucket, then with one that takes 50 ms, 16 at a time.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
#: Times `import boto3`.
IMPORT_TARGET = 1.25
OVERHEAD_TARGET_MS = 15
RUNS = 7
QUESTIONS = 320

FLOOR = "boto3"
PROBE = """
import time
started = time.perf_counter()
import {module}
print((time.perf_counter() - started) * 1000)
"""


def handler_modules() -> list[str]:
    return sorted(
        ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in (ROOT / "lambdas").glob("*/handler.py")
    )


def import_ms(modules: list[str]) -> dict[str, list[float]]:
    """Return the milliseconds of `import module` in fresh interpreters, in turns; a first turn compiles."""
    times: dict[str, list[float]] = {module: [] for module in modules}
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for _ in range(RUNS + 1):
        for module, of_module in times.items():
            command = [sys.executable, "-c", PROBE.format(module=module)]
            done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
            of_module.append(float(done.stdout))
    return {module: of_module[1:] for module, of_module in times.items()}


def overheads(model_ms: float) -> tuple[list[float], float]:
    """Return (`overhead_ms` of each answer, wall milliseconds a batch) of the prompting handler over all batches."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ[name] = "test"
    from moto import mock_aws

    with mock_aws():
        return _overheads(model_ms)


def _overheads(model_ms: float) -> tuple[list[float], float]:
    import io
    import json
    from contextlib import redirect_stdout

    import boto3

    from contracts import json_codec, keys
    from contracts.experiment import Experiment, GateRule, Question, Workload
    from contracts.run import AnswerRow, Manifest
    from lambdas.common import runtime
    from lambdas.common.store import Results
    from lambdas.prompting import handler
    from tests.unit.lambdas.lambda_world import STYLE, Context, FakeConverse, train_questions

    class Slow(FakeConverse):
        def converse(self, **request: Any) -> dict[str, Any]:
            time.sleep(model_ms / 1000)
            return super().converse(**request)

    os.environ.update(
        {
            "BUCKET": "bench",
            "EXPERIMENT": "bench",
            "AWS_REGION": "us-east-1",
            "GENERATOR_PROFILE_ARN": "arn",
            "GENERATOR_MODEL_ID": "us.amazon.nova-micro-v1:0",
        }
    )
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="bench")
    runtime.reset_clients()
    runtime._clients.update({"s3": s3, "bedrock-runtime": Slow()})
    results = Results("bench", s3)
    test = [Question(id=f"q{n}", question=f"Question {n}?", answer="a [A-1]") for n in range(QUESTIONS)]
    manifest = Manifest(
        experiment="bench",
        run="r",
        profile="bench",
        input_prefix="input/",
        input_sha256="",
        seed=1,
        batch_size=16,
        test_question_ids=tuple(q.id for q in test),
        closed_book_ids=(),
        rag_ids=(),
        epochs_closed_book=1,
        epochs_rag=1,
        created="",
    )
    experiment = Experiment(
        name="bench",
        description="",
        house_style=STYLE,
        gate=(GateRule(metric="exact", minimum=0.5),),
        workload=Workload(requests_per_month=1),
    )
    results.write_text(keys.manifest("bench", "r"), json.dumps(json_codec.to_jsonable(manifest)))
    results.write_text("input/experiment.json", json.dumps(json_codec.to_jsonable(experiment)))
    results.write("input/questions.test.jsonl", test)
    results.write("input/questions.train.jsonl", train_questions())
    batches = range(QUESTIONS // manifest.batch_size)
    started = time.perf_counter()
    with redirect_stdout(io.StringIO()):
        for batch in batches:
            handler.answer({"experiment": "bench", "run": "r", "variant": "few-shot", "batch": batch}, Context())
    wall = (time.perf_counter() - started) * 1000 / len(batches)
    rows = [
        row
        for batch in batches
        for row in results.read(keys.answers("bench", "r", "prompting", "few-shot", batch), AnswerRow)
    ]
    return [row.overhead_ms for row in rows], wall


def main() -> int:
    sys.path.insert(0, str(ROOT))
    missed = []
    measured = import_ms([FLOOR, *handler_modules()])
    floor = statistics.median(measured[FLOOR])
    for module, times in measured.items():
        median = statistics.median(times)
        ratio = median / floor
        print(f"import {module:30} {ratio:.2f} x {FLOOR} ({median:.0f} ms, {min(times):.0f} to {max(times):.0f})")
        if ratio > IMPORT_TARGET:
            missed.append(module)
    for model_ms in (0.0, 50.0):
        values, wall = overheads(model_ms)
        p50, p95 = statistics.median(values), statistics.quantiles(values, n=20)[-1]
        print(
            f"added to a model call of {model_ms:.0f} ms: p50 {p50:.2f} ms, p95 {p95:.2f} ms; "
            f"a batch of 16 takes {wall:.0f} ms, {wall / 16:.1f} ms a question"
        )
        if p50 > OVERHEAD_TARGET_MS:
            missed.append(f"added latency at {model_ms:.0f} ms")
    goals = f"import <= {IMPORT_TARGET} x {FLOOR}, added p50 <= {OVERHEAD_TARGET_MS} ms"
    print(f"targets: {goals}; missed: {missed or 'none'}")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
