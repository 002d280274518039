"""The records of the sample run, as a report takes them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from cost_reports.metering.phases import charge_phases
from cost_reports.prices.catalogue import Catalogue
from cost_reports.run_report import simulated
from cost_reports.run_report.records import RunRecords
from cost_reports.run_report.report import Gate, Outcome, RunHeader
from lambdas.run_report.logic import variant_specs
from tests.unit.cost_reports import sample_run as run


def header(**changes: Any) -> RunHeader:
    values: dict[str, Any] = {
        "experiment": run.EXPERIMENT,
        "description": "A handbook.",
        "run": run.RUN,
        "profile": "quick",
        "region": "us-east-1",
        "window_start": None,
        "window_end": None,
        "as_of": "2026-11-23T10:02:00Z",
        "prices_as_of": "2026-11-23",
        "currency": "USD",
        "embedded": True,
        "simulated": simulated.statements({run.NOVA: "a local model"}),
        "models": {},
        "model_hashes": {},
        "seeds": {},
        "versions": {},
        "git_commit": None,
        "input_sha256": "",
        "questions": 2,
        "sources": (),
        "report_requests": 0,
        "report_usd": Decimal(0),
    }
    return RunHeader(**{**values, **changes})


def gate(outcome: Outcome) -> Gate:
    return Gate(outcome=outcome, reason="because")


def records(passing: Callable[[str], bool] = lambda v: run.CONTAINED[v] >= 0.5, **changes: Any) -> RunRecords:
    values: dict[str, Any] = {
        "header": header(),
        "variants": variant_specs(),
        "answers": run.answers(),
        "quality": run.quality(),
        "paired": run.paired(),
        "charges": charge_phases(Catalogue.load(), run.usage()),
        "gates": {(a, v): gate("pass" if passing(v) else "fail") for a, v in run.PAIRS},
        "accepted_metric": "contained",
    }
    return RunRecords(**{**values, **changes})
