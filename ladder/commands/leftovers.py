"""`ladder leftovers`: the proof that a teardown is complete."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ladder.commands import options


def leftovers(
    experiment: options.ExperimentFolder = options.EXPERIMENT,
    region: Annotated[
        list[str] | None,
        typer.Option(
            help="Look for every kind there, and nowhere else; may be repeated. Default: wherever the experiment was "
            "deployed or something is tagged, and by tag and stack in every other enabled region."
        ),
    ] = None,
    every_region: Annotated[
        bool, typer.Option("--all-regions", help="Look for every kind in every enabled region.")
    ] = False,
    baseline: Annotated[
        Path | None,
        typer.Option(help="What was there before is not ours: written before the first deployment, read after."),
    ] = None,
    receipt: Annotated[
        Path | None,
        typer.Option(help="Add this pass to a JSON receipt; two clean ones 10 minutes apart are the proof."),
    ] = None,
    billed: Annotated[
        bool, typer.Option("--billed", help="Say since when nothing is charged (1 Cost Explorer request, $0.01).")
    ] = False,
    delete: Annotated[bool, typer.Option("--delete", help="Delete what is left, after a question.")] = False,
    yes: options.Yes = False,
    json_file: options.JsonFile = None,
) -> None:
    """List what still exists of the experiment after `make destroy`, with the call that deletes it.

    Exit code 0: nothing is left, and every kind was looked at. 1: something is left, or a kind could not be looked at.
    2: the experiment was never deployed in this account.
    """
    import boto3

    from ladder.account import place_of
    from ladder.experiment.folder import load
    from ladder.leftovers.check import Check

    session = boto3.Session()
    if session.region_name is None:
        # Every region is searched; one is needed for what belongs to the account.
        session = boto3.Session(region_name=options.REGION)
    Check(
        session=session,
        place=place_of(session),
        experiment=load(experiment).experiment.name,
        regions=tuple(region or ()),
        every_region=every_region,
        baseline=baseline,
        receipt=receipt,
        billed=billed,
        delete=delete,
        yes=yes,
        json_file=json_file,
    ).run(typer.echo)
