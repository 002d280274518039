"""`ladder leftovers`: the proof that a teardown is complete."""

from __future__ import annotations

import typer

from ladder.commands.options import DEFAULT_EXPERIMENT, ExperimentFolder, JsonFile
from ladder.errors import LadderError


def leftovers(experiment: ExperimentFolder = DEFAULT_EXPERIMENT, json_file: JsonFile = None) -> None:
    """List what still exists of the experiment after `cdk destroy`. Exit code 1 if anything does."""
    import boto3

    from ladder.deployment import stack_prefix
    from ladder.experiment.folder import load
    from ladder.leftovers.audit import audit, write_leftovers

    name = load(experiment).experiment.name
    remaining = audit(boto3.Session(), experiment=name, stack_prefix=stack_prefix(name))
    if json_file is not None:
        write_leftovers(remaining, json_file)
    for item in remaining:
        typer.echo(f"{item.state}: {item.kind} {item.name}")
    if remaining:
        raise LadderError(
            f"{len(remaining)} leftovers of experiment {name}; delete them, or run `cdk destroy --all` again"
        )
    typer.echo(f"nothing is left of experiment {name}")
