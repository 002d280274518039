"""A bill made from metered charges as Cost Explorer shows it: every cut, whole or as an export."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from contracts.aws_names import bill_name
from contracts.money import ChargeRow, Cut, UsageRow
from cost_reports.metering import meters
from cost_reports.metering.charges import charge_rows, total
from cost_reports.metering.meters import UsageRowFactory
from cost_reports.prices.bill_names import at_bill_precision, service_codes_of_usage_types
from cost_reports.prices.catalogue import Catalogue
from cost_reports.spend_report.records import Billed, Output, SpendRecords, Window
from tests.unit.cost_reports import sample_run as run

CATALOGUE = Catalogue.load()
CODES = service_codes_of_usage_types(CATALOGUE)
EXPERIMENT = "handbook"
WINDOW = Window(start=date(2026, 10, 1), end=date(2026, 11, 24))
AS_OF = "2026-11-23T10:00:00Z"
THROUGH = date(2026, 11, 22)


def on(row: UsageRow, day: str) -> UsageRow:
    return replace(row, start=f"{day}T10:00:00Z", end=f"{day}T11:00:00Z")


def usage(days: Sequence[str] = ("2026-11-20", "2026-11-21")) -> list[UsageRow]:
    """A run on each day: every approach, storage of an ambiguous usage type, odd amounts that need rounding."""
    rows: list[UsageRow] = []
    for n, day in enumerate(days):
        for _, row in run.usage():
            rows.append(on(replace(row, amount=row.amount * (n + 1) + (n if "Token" not in row.unit else 0)), day))
        shared = UsageRowFactory(
            experiment=EXPERIMENT, run=run.RUN, approach="shared", variant=None, start=rows[-1].start, end=rows[-1].end
        )
        rows.append(shared.row(meters.S3_REQUESTS[2], 1234567))
        rows.append(storage("AmazonS3", day, 7 * 1024**3))
    return rows


def storage(service_code: str, day: str, size: int) -> UsageRow:
    """An hour of `size` bytes."""
    return UsageRow(
        experiment=EXPERIMENT,
        run=run.RUN,
        approach="shared",
        variant=None,
        start=f"{day}T10:00:00Z",
        end=f"{day}T11:00:00Z",
        service_code=service_code,
        usage_type="TimedStorage-ByteHrs",
        operation="",
        amount=Decimal(size * 3600),
        unit="byte-second",
        basis="derived",
        source="test",
    )


def metered(days: Sequence[str] = ("2026-11-20", "2026-11-21")) -> list[ChargeRow]:
    return charge_rows(CATALOGUE, usage(days))


def estimated(rows: Iterable[ChargeRow]) -> list[ChargeRow]:
    return [replace(r, source="estimated", estimated=True) for r in rows]


def cut(rows: Iterable[ChargeRow], name: Cut) -> list[ChargeRow]:
    """`rows` grouped as Cost Explorer groups them in one cut, each group rounded to ten decimals."""
    keep: dict[Cut, Callable[[ChargeRow], dict[str, Any]]] = {
        "service": lambda r: {"service_code": r.service_code, "service": _service(r)},
        "usage-type": lambda r: {
            "service_code": CODES.get(r.usage_type or ""),
            "usage_type": r.usage_type,
            "unit": r.unit,
            "quantity": r.quantity,
        },
        "record-type": lambda _: {},
        "model": lambda r: {"service_code": "AmazonBedrock", "model": r.model},
        "role": lambda r: {"service_code": "AmazonBedrock", "model": r.model},
    }
    bare = {"usage_type": None, "service_code": None, "service": "", "model": None, "unit": None, "quantity": None}
    chosen = [r for r in rows if name not in ("model", "role") or r.model is not None]
    groups: dict[tuple[Any, ...], list[ChargeRow]] = {}
    for row in chosen:
        view = replace(row, **{**bare, **keep[name](row)}, variant=None, source="metered")
        key = (
            view.day,
            view.experiment,
            view.approach,
            view.service,
            view.usage_type,
            view.charge_category,
            view.model,
        )
        groups.setdefault(key, []).append(view)
    result = []
    for views in groups.values():
        (one,) = at_bill_precision(views, CATALOGUE)
        result.append(replace(one, source="billed-ce", cut=name, estimated=one.day >= "2026-11-01"))
    return result


def _service(row: ChargeRow) -> str:
    return bill_name(row.service_code) if row.service_code else row.service


def adjustment(category: str, amount: str, approach: str | None = "shared", day: str = "2026-11-20") -> ChargeRow:
    """Money that is no usage; untagged where there is no approach."""
    return replace(
        metered()[0],
        day=day,
        billing_period=day[:7],
        experiment=EXPERIMENT if approach else None,
        approach=approach,
        service_code=None,
        service="",
        usage_type=None,
        model=None,
        variant=None,
        charge_category=category,
        unit=None,
        quantity=None,
        amount_usd=Decimal(amount),
    )


def untagged(amount: str, day: str = "2026-11-20") -> ChargeRow:
    """Usage of the account that carries no tag."""
    row = next(r for r in metered([day]) if r.service_code == "AWSLambda")
    return replace(row, experiment=None, approach=None, amount_usd=Decimal(amount))


def cuts(rows: Iterable[ChargeRow], adjustments: Iterable[ChargeRow] = ()) -> list[ChargeRow]:
    """Cuts 1 to 4 of the same money."""
    rows = list(rows)
    names: tuple[Cut, ...] = ("service", "usage-type", "model")
    found = [r for name in names for r in cut(rows, name)]
    return [*found, *cut([*rows, *adjustments], "record-type")]


def export(rows: Iterable[ChargeRow], adjustments: Iterable[ChargeRow] = ()) -> list[ChargeRow]:
    """The same as one export gives it."""
    return [
        replace(r, source="billed-export", cut="whole", variant=None, service=_service(r), estimated=True)
        for r in (*rows, *adjustments)
    ]


def billed(rows: Sequence[ChargeRow], **changes: Any) -> Billed:
    values: dict[str, Any] = {
        "source": rows[0].source if rows else "billed-ce",
        "account": "123456789012",
        "rows": rows,
        "through": THROUGH,
        "requests": 5,
        "request_usd": Decimal("0.05"),
    }
    return Billed(**{**values, **changes})


def records(bill: Billed, rows: Sequence[ChargeRow] | None = None, **changes: Any) -> SpendRecords:
    rows = metered() if rows is None else rows
    values: dict[str, Any] = {
        "experiment": EXPERIMENT,
        "description": "A handbook.",
        "window": WINDOW,
        "as_of": AS_OF,
        "billed": bill,
        "metered": rows,
        "estimated": estimated(rows),
        "prices_as_of": CATALOGUE.as_of,
        "runs": (run.RUN,),
        "outputs": {
            "prompting": Output(answers=300, accepted=30, tokens=90_000),
            "rag": Output(answers=200, accepted=150, tokens=120_000),
            "fine-tuning": Output(answers=400, accepted=None, tokens=60_000),
        },
    }
    return SpendRecords(**{**values, **changes})


def at_bill(rows: Iterable[ChargeRow]) -> Decimal:
    """The money of `rows` as the cut by usage type shows it."""
    return total(cut(rows, "usage-type"))


def day_names(first: str, count: int) -> list[str]:
    start = date.fromisoformat(first)
    return [(start + timedelta(days=n)).isoformat() for n in range(count)]
