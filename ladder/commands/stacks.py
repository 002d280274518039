"""`ladder bootstrap`, `deploy` and `destroy`: what `cdk` does, where it is named and confirmed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ladder.commands import options

Context = Annotated[
    list[str] | None,
    typer.Option("--context", "-c", metavar="KEY=VALUE", help="A setting, as for `cdk`; may be repeated."),
]


def bootstrap(
    experiment: options.ExperimentFolder = options.EXPERIMENT, context: Context = None, yes: options.Yes = False
) -> None:
    """Prepare the account and region for the CDK, once (`cdk bootstrap`)."""
    from ladder.stacks import app

    app.bootstrap(app.app_of(experiment, context or ()), yes=yes)


def deploy(
    experiment: options.ExperimentFolder = options.EXPERIMENT, context: Context = None, yes: options.Yes = False
) -> None:
    """Deploy the stacks of the experiment (`cdk deploy --all`), after saying where and asking."""
    from ladder.stacks import app

    app.deploy(app.app_of(experiment, context or ()), yes=yes)


def destroy(
    experiment: options.ExperimentFolder = options.EXPERIMENT,
    context: Context = None,
    app: Annotated[Path | None, typer.Option(help="Folder of the synthesised app; default: synthesise it.")] = None,
    yes: options.Yes = False,
) -> None:
    """Stop what runs, wait until its endpoint is deleted, and destroy the stacks (`cdk destroy --all`)."""
    from ladder.stacks.app import app_of
    from ladder.stacks.destroy import destroy as destroy_app

    destroy_app(app_of(experiment, context or (), app), yes=yes, say=typer.echo)
