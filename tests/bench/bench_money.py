"""Speed of the money library against its targets. Run by itself: `python tests/bench/bench_money.py`."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from cost_reports.decide.curve import envelope
from cost_reports.decide.decide import decide
from cost_reports.estimate.estimate import estimate
from cost_reports.estimate.inputs import EstimateInputs
from cost_reports.estimate.options.ladder import all_options
from cost_reports.estimate.workload import ExactWorkload, Task
from cost_reports.metering import meters
from cost_reports.metering.charges import exact_sum, totals
from cost_reports.metering.meters import UsageRowFactory
from cost_reports.prices.catalogue import Catalogue
from cost_reports.prices.quote import Quoter

ROWS = 1_000_000
TOP = 10**7


def best(call: Callable[[], object], times: int = 5) -> float:
    """Seconds of the fastest of some runs: what the machine can do when nothing else disturbs it."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        found.append(time.perf_counter() - began)
    return min(found)


def importing(module: str) -> float:
    """Seconds to import a module in a fresh process, less those of an empty one."""

    def run(code: str) -> float:
        return best(lambda: subprocess.run([sys.executable, "-c", code], check=True), 7)

    return run(f"import {module}") - run("pass")


def setting() -> EstimateInputs:
    return EstimateInputs(
        experiment="bench",
        catalogue=Catalogue.load(),
        task=Task(
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
        ),
        workload=ExactWorkload(requests_per_month=10_000, hourly_wage_usd=Decimal(50)),
        generator="us.amazon.nova-micro-v1:0",
        embedding="amazon.titan-embed-text-v2:0",
        dimensions=512,
        base_model="meta-llama/Meta-Llama-3-8B-Instruct",
        training_instance="ml.g5.xlarge",
        hosting_instance="ml.g5.xlarge",
        # Small units, so that the envelope has hundreds of steps to walk.
        assumed={name: Fraction(1, 60) for name in ("ocu_rate", "node_rate", "acu_rate", "import_rate")},
    )


def pricing() -> float:
    """Seconds to price a million usage rows with exact sums."""
    ctx = UsageRowFactory(
        experiment="e",
        run="r",
        approach="rag",
        variant="rag",
        start="2026-11-23T10:00:00Z",
        end="2026-11-23T10:01:00Z",
    )
    model = "us.amazon.nova-micro-v1:0"
    shapes = [
        ctx.tokens(model, "input", 1),
        ctx.tokens(model, "output", 1),
        ctx.row(meters.HOSTING, 1, variety="ml.g5.xlarge"),
        ctx.row(meters.S3_REQUESTS[1], 1),
        ctx.row(meters.TRANSITIONS, 1),
    ]
    rows = [replace(shapes[n % 5], amount=Decimal(n % 9973)) for n in range(ROWS)]
    catalogue = Catalogue.load()
    sums: dict[str, Decimal] = {}

    def run() -> None:
        sums.update(totals(catalogue, rows, lambda r: r.usage_type))

    seconds = best(run, 3)
    print(f"  (sum of {ROWS:,} rows: {exact_sum(sums.values())} USD)")
    return seconds


def main() -> None:
    s = setting()
    quoter = Quoter(s.catalogue)
    curves = [quoter.curve(o) for o in all_options(s)]
    # Eight approaches with steps: stores, endpoints, imports.
    eight = [curves[i] for i in (0, 6, 7, 8, 9, 11, 18, 20)]
    cells = len({v for c in eight for t in c.terms for v in t.jumps(TOP)})
    rows = [
        ("import cost_reports.metering.meters", importing("cost_reports.metering.meters"), 0.030),
        ("import cost_reports.estimate.estimate", importing("cost_reports.estimate.estimate"), 0.150),
        ("load the price catalogue", best(Catalogue.load), None),
        ("estimate of every approach and variant", best(lambda: estimate(s)), 0.050),
        (f"envelope of 8 options to 10^7 requests ({cells} steps)", best(lambda: envelope(eight, TOP, 12)), 0.100),
        ("decision without quality", best(lambda: decide(s)), None),
        (f"{ROWS:,} usage rows priced", pricing(), 3.0),
    ]
    for name, seconds, target in rows:
        goal = "" if target is None else f"   target {target * 1000:,.0f} ms"
        print(f"{name:<62} {seconds * 1000:>9,.1f} ms{goal}")


if __name__ == "__main__":
    main()
