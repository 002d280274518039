"""`ladder tags`: the cost-allocation tags that make bills answer by approach."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import boto3
import typer

from contracts.times import first_of_month
from cost_reports.render.document import Document, Table, columns
from ladder.billing import cost_tags
from ladder.commands.output import print_document
from ladder.errors import LadderError
from lambdas.spend_report.cost_explorer import TAG_KEYS, tag_states

tags_app = typer.Typer(
    help="Cost-allocation tags: what billing groups by. Only the account that pays can change them.",
    no_args_is_help=True,
)


def register(app: typer.Typer) -> None:
    """Put `tags` into the `ladder` command."""
    app.add_typer(tags_app, name="tags")


@tags_app.command()
def status() -> None:
    """List the tags of this project and whether billing groups by them."""
    client = _client()
    found, failure = tag_states(client, TAG_KEYS)
    if failure is not None:
        raise LadderError(failure.text)
    table = Table(
        title="Cost-allocation tags",
        columns=columns("=key", "=state", "what it means"),
        rows=tuple((tag.key, tag.state, tag.text) for tag in found),
    )
    history = Table(
        title="Backfills",
        columns=columns("=from", "=requested", "=completed", "=status"),
        rows=tuple((b.start[:10], b.requested, b.completed or "", b.status) for b in cost_tags.backfills(client)),
    )
    blocks = (table, history) if history.rows else (table,)
    active = sum(tag.state == "active" for tag in found)
    print_document(
        Document(
            title="What bills can be grouped by",
            kicker="",
            summary=f"{active} of {len(found)} tags are active.",
            blocks=blocks,
        )
    )


@tags_app.command()
def activate() -> None:
    """Activate the tags that a bill has shown already. May be repeated; exit code 1 while some are not active."""
    found = cost_tags.activate(_client())
    for one in found:
        typer.echo(f"{one.key}: {one.text}")
    if waiting := [one.key for one in found if not one.done]:
        raise LadderError(
            f"{len(waiting)} of {len(found)} tags are not active yet ({', '.join(waiting)}); repeat this later"
        )


@tags_app.command()
def backfill(
    months: Annotated[int, typer.Option(min=0, max=12, help="Months before this one; begins on the first day.")] = 1,
) -> None:
    """Have AWS apply the active tags to past usage, which it does not do by itself. Once in 24 hours."""
    started = cost_tags.backfill(_client(), first_of_month(datetime.now(UTC).date(), -months))
    typer.echo(f"backfill from {started.start[:10]} is {started.status}; Cost Explorer shows it within a day")


def _client() -> Any:
    return boto3.Session().client("ce", region_name="us-east-1")
