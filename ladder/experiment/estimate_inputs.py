"""What an estimate reads: an experiment folder, a price file, and the user's own numbers."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

from cost_reports.estimate.inputs import EstimateInputs
from cost_reports.prices.catalogue import Catalogue
from ladder.errors import LadderError, one_line_errors
from ladder.experiment.folder import load
from lambdas.run_report import outlook


def read_inputs(
    folder: Path,
    price_file: Path | None = None,
    *,
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

    Raises:
        LadderError: the folder or the price file cannot be used, or a number is impossible.
    """
    loaded = load(folder)
    with one_line_errors():
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
    """Return `("ocu_rate", 20)` for `ocu_rate=20`.

    Raises:
        LadderError: the text is not of the form name=number.
    """
    name, _, number = text.partition("=")
    try:
        return name.strip(), Fraction(number.strip())
    except (ValueError, ZeroDivisionError) as error:
        raise LadderError(f"--assume {text!r}: write name=number, for example ocu_rate=20") from error
