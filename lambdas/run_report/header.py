"""The header of a run's report (what was measured, when, with what) and the notes on its money."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from decimal import Decimal

import botocore

from contracts.experiment import Experiment
from contracts.money import UsageRow
from contracts.run import Manifest, RunEnvironment
from contracts.times import stamp
from contracts.units import HOURS_PER_MONTH
from cost_reports.metering.meters import HOSTING
from cost_reports.prices.catalogue import CURRENCY, Catalogue
from cost_reports.run_report import simulated
from cost_reports.run_report.report import RunHeader, SourceState
from cost_reports.text import usd
from lambdas.common import prompts


def of_run(
    manifest: Manifest,
    definition: Experiment,
    environment: RunEnvironment,
    region: str,
    usage: list[UsageRow],
    catalogue: Catalogue,
    estimated: SourceState,
) -> RunHeader:
    """Return what was measured, when, with what. `usage`: all that the run metered; `estimated`: what was expected."""
    m = definition.models
    bill = "an embedded AWS sends no bill" if environment.embedded else "AWS billing was not read for this report"
    return RunHeader(
        experiment=manifest.experiment,
        description=definition.description,
        run=manifest.run,
        profile=manifest.profile,
        region=region,
        window_start=min((row.start for row in usage), default=None),
        window_end=max((row.end for row in usage), default=None),
        as_of=stamp(datetime.now(UTC)),
        prices_as_of=catalogue.as_of,
        currency=CURRENCY,
        embedded=environment.embedded,
        simulated=simulated.statements(environment.stand_ins) if environment.embedded else (),
        models={
            "generator": m.generator,
            "embedding": f"{m.embedding}, {m.embedding_dimensions} dimensions",
            "fine-tuning base": m.fine_tuning_base,
            "training instance": m.training_instance,
            "hosting instance": m.hosting_instance,
            **({"judge": definition.judge.model} if definition.judge else {}),
        },
        model_hashes=environment.model_hashes,
        seeds={"run": manifest.seed, "experiment": definition.seed},
        versions={
            "prompts": str(prompts.PROMPT_VERSION),
            "Python (reporting function)": platform.python_version(),
            "botocore (reporting function)": botocore.__version__,
            **environment.versions,
        },
        git_commit=manifest.git_commit,
        input_sha256=manifest.input_sha256,
        questions=len(manifest.test_question_ids),
        sources=(
            estimated,
            SourceState(source="metered", state="complete", text=f"{len(usage)} usage rows of the run, priced"),
            SourceState(source="billed", state="no data yet", text=bill),
        ),
        report_requests=0,
        report_usd=Decimal(0),
    )


def notes(definition: Experiment, environment: RunEnvironment, region: str, catalogue: Catalogue) -> list[str]:
    """Return what a reader must know about the money of the run."""
    host = definition.models.hosting_instance
    meter = HOSTING.usage_type(region, host)
    today = datetime.now(UTC).date().isoformat()
    return [
        "Prices are list prices without discounts, free tiers of new accounts, or tax.",
        *(
            f"Fine-tuned variants pay for the seconds of an endpoint on {host} during the evaluation only. Kept on, it"
            f" costs {usd(price.usd * HOURS_PER_MONTH)} a month, whether it answers or idles."
            for price in catalogue.candidates(HOSTING.service_code, meter, HOSTING.operation, today)
        ),
        *(
            ("The embedded AWS wakes search capacity only for the run; on AWS idle minutes are metered too.",)
            if environment.embedded
            else ()
        ),
    ]
