"""What a synthesised app costs a month without any traffic."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cost_reports.idle import IdleLine, idle, total
from cost_reports.prices.catalogue import Catalogue
from cost_reports.render.document import Document, Table, columns
from cost_reports.text import usd
from ladder.errors import LadderError, one_line_errors
from ladder.files import read_json


def read(app: Path, price_file: Path | None, region: str) -> list[IdleLine]:
    """Return a line for each resource of the app in folder `app`.

    Raises:
        LadderError: a template or the price file cannot be used, or a resource has no price in the region.
    """
    files = sorted(app.glob("*.template.json"))
    if not files:
        raise LadderError(f"{app} holds no *.template.json; write them with `npx cdk synth --output {app}`")
    templates = {}
    for path in files:
        templates[path.name.removesuffix(".template.json")] = read_json(path, "synthesise the app again")
    with one_line_errors():
        return idle(templates, Catalogue.load(price_file), region)


def document(lines: Sequence[IdleLine], kicker: str, *, everything: bool) -> Document:
    """Return the resources that bill (or all, free ones included) and the sum of each stack."""
    stacks = {line.stack: [other for other in lines if other.stack == line.stack] for line in lines}
    sums = tuple((stack, str(len({i.resource for i in rows})), usd(total(rows))) for stack, rows in stacks.items())
    shown = [line for line in lines if everything or line.status in ("billed", "unknown")]
    tables = (
        Table(
            title="Resources" if everything else "Resources that bill while idle (--all lists the others)",
            columns=columns("stack", "resource", "type", "status", ">USD", "what"),
            rows=tuple((i.stack, i.resource, i.type, i.status, usd(i.usd), i.what) for i in shown),
        ),
        Table(title="A month without traffic", columns=columns("stack", ">resources", ">USD"), rows=sums),
    )
    summary = f"{usd(total(lines))} a month in all, for what is known."
    return Document(title="Idle cost", kicker=kicker, summary=summary, blocks=tables)


def require_known(lines: Sequence[IdleLine]) -> None:
    """Return if the price of every resource is known.

    Raises:
        LadderError: names the types of resources whose price is not.
    """
    if unknown := [line for line in lines if line.status == "unknown"]:
        names = ", ".join(sorted({line.type for line in unknown}))
        raise LadderError(f"{len(unknown)} resources have no known price ({names}); the sum is too small by them")
