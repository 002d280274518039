"""`ladder extend`: moves the moment at which the guard tears the deployment down."""

from __future__ import annotations

from typing import Annotated

import typer

from ladder.commands import options


def extend(
    hours: Annotated[int, typer.Option(min=1, max=8760, help="The deployment lives so many hours from now.")],
    experiment: options.ExperimentFolder = options.EXPERIMENT,
) -> None:
    """Let the deployment live for some hours from now on, instead of a lifetime from its last change."""
    from datetime import UTC, datetime, timedelta

    import boto3

    from ladder.deployment import stack_output
    from ladder.experiment.folder import load

    session = boto3.Session()
    name = load(experiment).experiment.name
    parameter = stack_output(session.client("cloudformation"), name, "guard", "ExpiryParameterName")
    ends = datetime.now(UTC) + timedelta(hours=hours)
    session.client("ssm").put_parameter(Name=parameter, Value=ends.isoformat(timespec="seconds"), Overwrite=True)
    typer.echo(f"experiment {name} ({session.region_name}) is torn down after {ends:%Y-%m-%d %H:%M} UTC")
