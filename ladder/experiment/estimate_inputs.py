"""What the money commands read: an experiment folder, assumptions of the user, synthesised templates."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path

from cost_reports.estimate.inputs import EstimateInputs
from cost_reports.prices.catalogue import Catalogue
from ladder.errors import LadderError
from ladder.experiment.folder import LoadedExperiment
from lambdas.run_report import outlook


def setting_of(
    loaded: LoadedExperiment,
    catalogue: Catalogue,
    *,
    region: str = "us-east-1",
    requests_per_month: int | None = None,
    horizon_months: int | None = None,
    assumed: Mapping[str, Fraction] | None = None,
    measured: Mapping[str, tuple[Fraction, Fraction]] | None = None,
) -> EstimateInputs:
    """What an estimate of the experiment in a folder needs; see `lambdas.run_report.outlook.inputs_of`."""
    return outlook.inputs_of(
        loaded.experiment,
        outlook.task_of(loaded.experiment, loaded.documents, loaded.train, loaded.test),
        catalogue,
        region=region,
        requests_per_month=requests_per_month,
        horizon_months=horizon_months,
        assumed=assumed,
        measured=measured,
    )


def parse_assumptions(given: Iterable[str]) -> dict[str, Fraction]:
    """`["ocu_rate=20"]` -> `{"ocu_rate": 20}`.

    Raises:
        LadderError: one is not of the form name=number.
    """
    found = {}
    for text in given:
        name, _, number = text.partition("=")
        try:
            found[name.strip()] = Fraction(number.strip())
        except (ValueError, ZeroDivisionError) as error:
            raise LadderError(f"--assume {text!r}: write name=number, for example ocu_rate=20") from error
    return found


def read_templates(app: Path) -> dict[str, dict[str, object]]:
    """Stack name -> CloudFormation template of a synthesised app.

    Raises:
        LadderError: there is none, or one is not JSON.
    """
    files = sorted(app.glob("*.template.json"))
    if not files:
        raise LadderError(f"{app} holds no *.template.json; write them with `npx cdk synth --output {app}`")
    found = {}
    for path in files:
        try:
            found[path.name.removesuffix(".template.json")] = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise LadderError(f"{path}: not JSON: {error}") from error
    return found
