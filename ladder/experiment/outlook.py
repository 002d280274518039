"""Estimates and decisions for an experiment, in every form that they are shown or written in."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from contracts.json_codec import to_json
from cost_reports.decide.decide import decide as make_decision
from cost_reports.decide.decide import quality_of, tokens_of
from cost_reports.estimate.estimate import estimate as make_estimate
from cost_reports.estimate.inputs import EstimateInputs
from cost_reports.render import outlook_csv
from cost_reports.render.documents import decision_document, estimate_document
from cost_reports.run_report.report import Report, report_from_json
from ladder.errors import LadderError, one_line_errors
from ladder.output import Output


def estimate(inputs: EstimateInputs) -> Output:
    """Return what every approach and variant would cost.

    Raises:
        LadderError: the money library refuses the inputs.
    """
    with one_line_errors():
        result = make_estimate(inputs)
    return Output(
        document=estimate_document.document(result), json=to_json(result), csv=outlook_csv.estimate_lines(result)
    )


def decide(inputs: EstimateInputs, quality_file: Path | None, *, seed: int) -> Output:
    """Return which approach to use. Without the report of a run there is no quality, and no recommendation.

    Raises:
        LadderError: the report cannot be read, or the money library refuses the inputs.
    """
    report = None if quality_file is None else _read(quality_file)
    with one_line_errors():
        if report is None:
            result = make_decision(inputs, None, seed=seed)
        else:
            measured = replace(inputs, measured=tokens_of(report))
            result = make_decision(measured, quality_of(report), seed=seed, simulated=report.header.simulated)
    return Output(
        document=decision_document.document(result), json=to_json(result), csv=outlook_csv.decision_lines(result)
    )


def _read(path: Path) -> Report:
    try:
        return report_from_json(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise LadderError(f"{path}: {error.strerror}; give the report.json of a run") from error
    except ValueError as error:
        raise LadderError(f"{path}: {error}") from error
