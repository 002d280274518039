"""`ladder check`: what a run would do, and whether it can, before anything is paid."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ladder.commands import options


def check(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The experiment's folder.")],
    profile: Annotated[str, typer.Option(help="Which `profiles:` entry to check; `all` = every question.")] = "full",
    region: options.Region = options.REGION,
    prices: options.PriceFile = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Every warning and every part of the cost.")] = False,
    json_file: options.JsonFile = None,
) -> None:
    """Check an experiment: its files, the prompts of a run, the limits of its models, and what the run costs on AWS.

    Needs no account and sends nothing. Exit code 1 if the folder has mistakes or a prompt cannot fit its model.
    """
    from contracts.json_codec import to_json
    from ladder.check.page import document
    from ladder.check.report import check as make_check
    from ladder.check.report import require_no_error
    from ladder.errors import one_line_errors
    from ladder.output import print_document, write_forms

    with one_line_errors():
        found = make_check(folder, profile=profile, region=region, price_file=prices)
    print_document(document(found, verbose=verbose), write_forms({"--json": (json_file, to_json(found))}))
    require_no_error(found, folder)
