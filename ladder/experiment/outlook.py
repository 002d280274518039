"""Estimates and decisions for an experiment, in every form that they are shown or written in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from contracts.json_codec import to_json
from cost_reports.decide.decide import decide as make_decision
from cost_reports.decide.decide import quality_of, tokens_of
from cost_reports.estimate.estimate import estimate as make_estimate
from cost_reports.estimate.inputs import EstimateInputs
from cost_reports.prices.catalogue import Catalogue
from cost_reports.render import outlook_csv
from cost_reports.render.documents import decision_document, estimate_document
from cost_reports.run_report.report import Report, report_from_json
from ladder.errors import LadderError, one_line_errors
from ladder.experiment.folder import load
from ladder.files import read_json
from ladder.output import Output
from lambdas.run_report import outlook

REPORT_NEEDED = "give the report.json of a run"


@one_line_errors()
def read_inputs(
    folder: Path,
    price_file: Path | None = None,
    region: str = "us-east-1",
    requests_per_month: int | None = None,
    horizon_months: int | None = None,
    assume: Iterable[str] = (),
) -> EstimateInputs:
    """Return what an estimate of the experiment in `folder` needs.

    Args:
        price_file: None for the newest one that ships.
        requests_per_month, horizon_months: None for the experiment's own.
        assume: the user's values of assumptions, each as `name=number`.
    """
    loaded = load(folder)
    return outlook.inputs_of(
        loaded.experiment,
        outlook.task_of(loaded.experiment, loaded.documents, loaded.train, loaded.test),
        Catalogue.load(price_file),
        region=region,
        requests_per_month=requests_per_month,
        horizon_months=horizon_months,
        assumed=dict(map(parse_assumption, assume)),
    )


def parse_assumption(text: str) -> tuple[str, Fraction]:
    """Return `("ocu_rate", 20)` for `ocu_rate=20`."""
    name, _, number = text.partition("=")
    try:
        return name.strip(), Fraction(number.strip())
    except (ValueError, ZeroDivisionError) as error:
        raise LadderError(f"--assume {text!r}: write name=number, for example ocu_rate=20") from error


@one_line_errors()
def estimate(inputs: EstimateInputs) -> Output:
    """Return what every approach and variant would cost."""
    result = make_estimate(inputs)
    return Output(estimate_document.document(result), to_json(result), outlook_csv.estimate_lines(result))


@one_line_errors()
def decide(inputs: EstimateInputs, quality_file: Path | None, *, seed: int) -> Output:
    """Return which approach to use. Without the report of a run there is no quality, and no recommendation."""
    if quality_file is None:
        result = make_decision(inputs, None, seed=seed)
    else:
        report = _read(quality_file)
        measured = replace(inputs, measured=tokens_of(report))
        result = make_decision(measured, quality_of(report), seed=seed, simulated=report.header.simulated)
    return Output(decision_document.document(result), to_json(result), outlook_csv.decision_lines(result))


def _read(path: Path) -> Report:
    try:
        return report_from_json(read_json(path, REPORT_NEEDED))
    except OSError as error:
        raise LadderError(f"{path}: {error.strerror}; {REPORT_NEEDED}") from error
    except ValueError as error:
        raise LadderError(f"{path}: {error}") from error
