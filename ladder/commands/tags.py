"""`ladder tags`: the cost-allocation tags that make bills answer by approach."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from ladder.errors import LadderError

app = typer.Typer(
    help="Cost-allocation tags: what billing groups by. Only the account that pays can change them.",
    no_args_is_help=True,
)


@app.command()
def status() -> None:
    """List the tags of this project and whether billing groups by them."""
    from ladder.billing import cost_tags
    from ladder.output import print_document

    print_document(cost_tags.document(_client()))


@app.command()
def activate() -> None:
    """Activate the tags that a bill has shown already. May be repeated; exit code 1 while some are not active."""
    from ladder.billing import cost_tags

    activations = cost_tags.activate(_client())
    for activation in activations:
        typer.echo(f"{activation.key}: {activation.text}")
    if waiting := [activation.key for activation in activations if not activation.done]:
        raise LadderError(
            f"{len(waiting)} of {len(activations)} tags are not active yet ({', '.join(waiting)}); repeat this later"
        )


@app.command()
def backfill(
    months: Annotated[int, typer.Option(min=0, max=12, help="Months before this one; begins on the first day.")] = 1,
) -> None:
    """Have AWS apply the active tags to past usage, which it does not do by itself. Once in 24 hours."""
    from contracts.times import first_of_month
    from ladder.billing import cost_tags

    started = cost_tags.backfill(_client(), first_of_month(datetime.now(UTC).date(), -months))
    typer.echo(f"backfill from {started.start[:10]} is {started.status}; Cost Explorer shows it within a day")


def _client() -> Any:
    import boto3

    return boto3.Session().client("ce", region_name="us-east-1")
