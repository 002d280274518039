"""`ladder demo`: everything in one command, with no AWS account."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ladder.commands.options import DEFAULT_EXPERIMENT, ExperimentFolder, OutFolder


def demo(
    experiment: ExperimentFolder = DEFAULT_EXPERIMENT,
    out: OutFolder = Path("out/demo"),
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer questions and training examples; every stage is still real.")
    ] = False,
) -> None:
    """The whole job on the embedded AWS: deploy, run every approach, report, destroy, prove that nothing is left."""
    from rich.console import Console

    from ladder.demo import run

    run(experiment=experiment, out=out, profile="quick" if quick else "full", console=Console())
