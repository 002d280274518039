from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.money import ChargeRow
from cost_reports.compare.reconcile import ReconcileError, Reconciliation, reconcile
from cost_reports.compare.split import parts
from cost_reports.metering.charges import Pricer, exact_sum
from cost_reports.prices.catalogue import Catalogue
from tests.unit.cost_reports import sample_run as run

CATALOGUE = Catalogue.load()
BASE = Pricer(CATALOGUE, source="estimated").charge(run.context("rag", "rag").tokens(run.NOVA, "input", 1_000_000))
BILLED = replace(BASE, source="billed-ce", estimated=False)


def difference(found: Reconciliation) -> Decimal:
    return found.actual_usd - found.baseline_usd


def test_price_and_volume() -> None:
    # 1,000,000 tokens for 0.035 were expected, 3,000,000 for 0.09 came: volume 2 x 0.035, price 0.09 - 3 x 0.035
    found = reconcile([BASE], [replace(BILLED, quantity=Decimal(3_000_000), amount_usd=Decimal("0.09"))])
    assert (found.split.volume_usd, found.split.price_usd) == (Decimal("0.07"), Decimal("-0.015"))
    assert difference(found) == Decimal("0.055")


def test_units_are_brought_together() -> None:
    found = reconcile([BASE], [replace(BILLED, unit="1K tokens", quantity=Decimal(1000))])
    assert found.split.price_usd == found.split.volume_usd == 0
    with pytest.raises(ReconcileError, match="measure different things"):
        reconcile([BASE], [replace(BILLED, unit="GB")])
    with pytest.raises(ReconcileError, match="'tokens' and 'furlongs' of USE1-NovaMicro"):
        reconcile([BASE], [replace(BILLED, unit="furlongs")])


def test_every_part_has_its_place() -> None:
    billed = [
        BILLED,
        replace(BILLED, usage_type="USE1-New", amount_usd=Decimal(5)),
        replace(BILLED, approach=None, experiment=None, amount_usd=Decimal(7)),
        replace(BILLED, charge_category="Credit", approach=None, amount_usd=Decimal(-2)),
        replace(BILLED, charge_category="Tax", usage_type=None, quantity=None, unit=None, amount_usd=Decimal(1)),
    ]
    late = replace(BASE, usage_type="USE1-Late", amount_usd=Decimal(3))
    found = reconcile([BASE, late], billed)
    assert found.split.unestimated_usd == 5
    assert found.split.untagged_usd == 7
    assert found.split.credits_and_tax_usd == -1
    assert found.split.not_billed_usd == -3
    assert found.split.price_usd == found.split.volume_usd == 0
    assert difference(found) == 5 + 7 - 1 - 3


def test_two_views_of_the_same_money_are_never_added() -> None:
    with pytest.raises(ReconcileError, match="mix the sources billed-ce, metered"):
        reconcile([BASE], [BILLED, replace(BILLED, source="metered")])
    with pytest.raises(ReconcileError, match="the baseline must not be billed \\(got billed-ce\\)"):
        reconcile([BILLED], [BILLED])


money = st.decimals(min_value=-1000, max_value=1000, places=12, allow_nan=False)


@st.composite
def charges(draw: st.DrawFn, source: str) -> ChargeRow:
    usage_type = draw(st.sampled_from(["USE1-A", "USE1-B", "USE1-C"]))
    changes: dict[str, Any] = {
        "source": source,
        "usage_type": usage_type,
        "amount_usd": draw(money),
        "quantity": draw(st.none() | st.decimals(min_value=0, max_value=10**6, places=6, allow_nan=False)),
        "unit": draw(st.sampled_from(["tokens", "1K tokens"])),
    }
    if source != "estimated":
        changes["approach"] = draw(st.sampled_from(["prompting", "rag", None]))
        changes["charge_category"] = draw(st.sampled_from(["Usage", "Usage", "Credit", "Tax", "Refund"]))
    else:
        changes["approach"] = draw(st.sampled_from(["prompting", "rag"]))
    return replace(BASE, **changes)


@given(st.lists(charges("estimated"), max_size=8), st.lists(charges("billed-export"), max_size=12))
def test_the_parts_add_up_exactly(before: list[ChargeRow], after: list[ChargeRow]) -> None:
    found = reconcile(before, after)
    assert exact_sum(parts(found.split)) == difference(found)
    expected = exact_sum(c.amount_usd for c in after) - exact_sum(c.amount_usd for c in before)
    assert difference(found) == expected
    assert difference(reconcile(reversed(before), reversed(after))) == expected
    for line in found.lines:
        assert exact_sum(parts(line.split)) == line.difference_usd == line.actual_usd - line.baseline_usd
