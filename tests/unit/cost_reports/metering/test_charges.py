from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.money import UsageRow
from contracts.times import parse_time
from contracts.units import to_decimal
from cost_reports.metering import meters
from cost_reports.metering.charges import Pricer, charge_rows, exact_sum, split_by_day, sum_by, total, totals
from cost_reports.prices.catalogue import Catalogue, PriceError
from tests.unit.cost_reports import sample_run as run
from tests.unit.cost_reports.prices.sample_prices import ROW

CATALOGUE = Catalogue.load()


CTX = run.context("rag", "rag")


ROUNDING = Decimal("5e-13")


def test_a_charge_says_everything() -> None:
    (charge,) = charge_rows(CATALOGUE, [CTX.tokens(run.NOVA, "input", 2_000_000)])
    assert (charge.day, charge.billing_period) == ("2026-11-23", "2026-11")
    assert (charge.service, charge.usage_type) == ("Amazon Bedrock", "USE1-NovaMicro-input-tokens")
    assert (charge.quantity, charge.unit) == (Decimal(2_000_000), "tokens")
    assert charge.amount_usd == charge.list_usd == Decimal("0.07")
    assert (charge.source, charge.estimated, charge.charge_category) == ("metered", False, "Usage")


def test_gb_months_follow_the_calendar() -> None:
    gib_days = 1024**3 * 86400
    november = CTX.row(meters.S3_STORAGE, gib_days * 15)
    assert Pricer(CATALOGUE).amount(november) == Decimal("0.0115")  # 15 of 30 days x 0.023
    december = replace(november, start="2026-12-01T00:00:00Z", end="2026-12-01T00:00:01Z")
    assert Pricer(CATALOGUE).amount(december) == to_decimal(Fraction(15, 31) * Fraction("0.023"))


def test_tiers_begin_where_the_month_has_come_to() -> None:
    row = replace(ROW, usd=Decimal("0.01"), tier_to=Decimal(10))
    tiered = Catalogue([row, replace(row, usd=Decimal("0.002"), tier_from=Decimal(10), tier_to=None)])
    first, second = CTX.row(meters.S3_REQUESTS[1], 8_000), CTX.row(meters.S3_REQUESTS[1], 4_000)
    later = replace(second, start="2026-11-24T00:00:00Z", end="2026-11-24T00:00:01Z")
    # 8K at 0.01 = 0.08; then 2K at 0.01 + 2K at 0.002 = 0.024
    assert [c.amount_usd for c in charge_rows(tiered, [later, first])] == [Decimal("0.08"), Decimal("0.024")]
    assert totals(tiered, [later, first], lambda _: 1) == {1: Decimal("0.104")}
    new_month = replace(second, start="2026-12-01T00:00:00Z", end="2026-12-01T00:00:01Z")
    assert charge_rows(tiered, [first, new_month])[1].amount_usd == Decimal("0.04")
    assert tiered.price_for(first, used=Decimal(12)).usd == Decimal("0.002")
    capped = Catalogue([row])
    with pytest.raises(PriceError, match="do not cover 12000 requests"):
        charge_rows(capped, [CTX.row(meters.S3_REQUESTS[1], 12_000)])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"amount": Decimal(-1)}, r"must be 0 or more \(got -1\)"),
        ({"amount": Decimal("NaN")}, r"must be 0 or more \(got NaN\)"),
        ({"unit": "GB"}, "GB cannot be converted to 1M tokens"),
        ({"unit": "dozen"}, "unit 'dozen' is unknown"),
        ({"usage_type": "USE1-Nothing"}, "USE1-Nothing"),
        ({"start": "2026-11-23T10:00:00+02:00"}, "times must be UTC"),
        ({"start": "2026-11-23T10:00:00"}, "no offset"),
        ({"end": "2026-11-22T10:00:00Z"}, "before its start"),
    ],
)
def test_usage_that_cannot_be_priced(change: dict[str, object], message: str) -> None:
    row = CTX.tokens(run.NOVA, "input", 1)
    with pytest.raises(ValueError, match=message):
        charge_rows(CATALOGUE, [replace(row, **change)])  # type: ignore[arg-type]


amounts = st.decimals(min_value=0, max_value=10**9, places=3, allow_nan=False)


@st.composite
def usage_rows(draw: st.DrawFn) -> UsageRow:
    ctx = replace(CTX, variant=draw(st.sampled_from(["a", "b"])))
    amount = draw(amounts)
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return ctx.tokens(run.NOVA, "output", int(amount))
    if kind == 1:
        return ctx.row(meters.HOSTING, amount, variety="ml.g5.xlarge")
    if kind == 2:
        return ctx.row(meters.S3_STORAGE, int(amount) * 60)
    return ctx.row(meters.LAMBDA_TIME["arm64"], meters.gb_seconds(512, int(amount)))


@given(st.lists(usage_rows(), max_size=20), st.randoms(use_true_random=False))
def test_sums_do_not_depend_on_the_order(rows: list[UsageRow], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert charge_rows(CATALOGUE, rows) == charge_rows(CATALOGUE, shuffled)
    charges = charge_rows(CATALOGUE, rows)
    assert exact_sum(sum_by(charges, lambda c: c.variant).values()) == total(charges)
    assert exact_sum(totals(CATALOGUE, rows, lambda r: r.variant).values()) == pytest.approx(
        total(charges), abs=ROUNDING * 2 * (len(rows) + 1)
    )


@given(usage_rows(), st.integers(0, 86_399), st.integers(1, 5 * 86_400))
def test_days_add_up(row: UsageRow, second: int, length: int) -> None:
    start = parse_time("2026-11-27T00:00:00Z") + timedelta(seconds=second)
    stamp = "%Y-%m-%dT%H:%M:%SZ"
    row = replace(row, start=start.strftime(stamp), end=(start + timedelta(seconds=length)).strftime(stamp))
    parts = split_by_day(row)
    assert exact_sum(p.amount for p in parts) == row.amount
    assert parts[0].start == row.start
    assert parts[-1].end == row.end
    assert all(a.end == b.start for a, b in pairwise(parts))
    if row.unit != "byte-second":  # a GB-month costs more in a short month, so days of two months may differ
        assert abs(total(charge_rows(CATALOGUE, [row])) - Pricer(CATALOGUE).amount(row)) <= ROUNDING * 2 * len(parts)


@given(usage_rows(), st.integers(0, 10**6))
def test_more_usage_never_costs_less(row: UsageRow, more: int) -> None:
    pricer = Pricer(CATALOGUE)
    assert pricer.amount(replace(row, amount=row.amount + more)) >= pricer.amount(row)
