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
from cost_reports.metering import meters
from cost_reports.metering.charges import exact_sum, totals
from cost_reports.prices.catalogue import Catalogue
from cost_reports.prices.quote import Quoter
from tests.unit.cost_reports import sample_run
from tests.unit.cost_reports.estimate import sample_inputs

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


def inputs() -> EstimateInputs:
    """Return the sample's inputs with small units: the envelope then has hundreds of steps to walk."""
    return sample_inputs.inputs(
        hourly_wage_usd=Decimal(50),
        base_model="meta-llama/Meta-Llama-3-8B-Instruct",
        assumed={name: Fraction(1, 60) for name in ("ocu_rate", "node_rate", "acu_rate", "import_rate")},
    )


def pricing() -> float:
    """Seconds to price a million usage rows with exact sums."""
    ctx = sample_run.context("rag", "rag")
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
    s = inputs()
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
