"""The price list as tables, and what an experiment needs of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from cost_reports.estimate.expected_usage import month_usage
from cost_reports.estimate.inputs import EstimateInputs
from cost_reports.estimate.options.ladder import all_options
from cost_reports.prices import checks
from cost_reports.prices.catalogue import Catalogue, name_of
from cost_reports.render.document import Block, Bullets, Document, Heading, Table, columns
from cost_reports.text import NOT_AVAILABLE
from ladder.errors import LadderError, one_line_errors


def document(catalogue: Catalogue, text: str, today: date) -> Document:
    """Return the prices whose service code or usage type contains `text`, with source, date, age and confidence.

    Raises:
        LadderError: no price and no unpublished rate does.
    """
    matching = [p for p in catalogue.prices if text.lower() in name_of(p).lower()]
    unknown = [u for u in catalogue.unpublished if text.lower() in f"{u.service_code} {u.usage_type}".lower()]
    if not matching and not unknown:
        raise LadderError(f"no price matches {text!r}")
    origins = dict.fromkeys((p.source, p.note or "") for p in matching)
    numbers = {origin: n for n, origin in enumerate(origins, start=1)}
    rows = [
        (
            p.service_code,
            p.usage_type + (f" ({p.operation})" if p.operation else ""),
            f"{p.usd:f} / {p.unit}",
            p.as_of,
            NOT_AVAILABLE if (age := checks.age_days(p, today)) is None else f"{age} d",
            p.confidence,
            str(numbers[p.source, p.note or ""]),
        )
        for p in matching
    ]
    names = columns("service", "usage type", ">USD", "=as of", ">age", "=confidence", ">source")
    sources = Bullets(tuple(f"{n}: {source}{note and f' (note: {note})'}" for (source, note), n in numbers.items()))
    blocks: list[Block] = [
        Table(title=f"{len(rows)} prices", columns=names, rows=tuple(rows)),
        Heading("Sources"),
        sources,
    ]
    if unknown:
        rates = tuple((u.service_code, u.usage_type, f"unknown / {u.unit}", u.description, u.why) for u in unknown)
        heads = columns("service", "usage type", ">USD", "what", "why")
        blocks.append(Table(title=f"{len(unknown)} rates that AWS does not publish", columns=heads, rows=rates))
    return Document(title="Prices", kicker=f"as of {catalogue.as_of}, USD", summary="", blocks=tuple(blocks))


def check(inputs: EstimateInputs, days: int, today: date) -> Iterator[str]:
    """Yield how many prices the experiment needs, and a line for each that is unknown, older than `days` or odd.

    Raises:
        LadderError: at the end, if prices are missing; names them.
    """
    catalogue = inputs.catalogue
    with one_line_errors():
        needed = [row for option in all_options(inputs) for row in month_usage(option, 1, first=True)]
        missing, unknown = checks.missing(catalogue, needed), checks.unpublished(catalogue, needed)
        priced = [r for r in needed if not checks.missing(catalogue, [r]) and not catalogue.unpublished_for(r)]
        old = checks.stale(catalogue, priced, today, days)
    used = {(r.service_code, r.usage_type, r.operation) for r in needed}
    yield (
        f"{len(used)} prices are needed, {len(missing)} are missing, {len(unknown)} are not public, {len(old)} are"
        f" older than {days} days"
    )
    for rate in unknown:
        yield f"unknown: {rate.name}: {rate.why}"
    for row in old:
        age = checks.age_days(row, today)
        yield f"old: {name_of(row)}: as of {row.as_of} ({'no date' if age is None else f'{age} days'})"
    for text in checks.odd_ratios(catalogue, today.isoformat()):
        yield f"odd: {text}"
    if missing:
        raise LadderError("; ".join(missing))
