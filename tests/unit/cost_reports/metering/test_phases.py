"""What a cost is for, and who bears what is shared."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cost_reports.metering.charges import exact_sum
from cost_reports.metering.phases import charge_phases, phase_of, share_out
from cost_reports.prices.catalogue import Catalogue
from tests.unit.cost_reports import sample_run as run


def test_phases() -> None:
    rows = {step: phase_of(row, step) for step, row in run.usage()}
    assert rows["ingest-00000"] == "one-time"
    assert rows["training-job"] == "one-time"
    assert rows["endpoint-1"] == "serving"
    assert rows["evaluate"] == rows["orchestration"] == rows["summarise"] == "experiment"
    assert rows["answer-lora-00000"] == "answering"
    charges = charge_phases(Catalogue.load(), reversed(run.usage()))
    assert charges == charge_phases(Catalogue.load(), run.usage())


@given(
    st.decimals(min_value=0, max_value=10**6, places=12, allow_nan=False),
    st.dictionaries(st.text(max_size=3), st.integers(0, 10**6), min_size=1, max_size=6),
)
def test_shares_add_up(amount: Decimal, weights: dict[str, int]) -> None:
    parts = share_out(amount, weights)
    assert exact_sum(parts.values()) == amount
    assert set(parts) == set(weights)


def test_shares_need_weights() -> None:
    assert share_out(Decimal(0), {}) == {}
    with pytest.raises(ValueError, match="there are no weights"):
        share_out(Decimal(1), {})
    with pytest.raises(ValueError, match="0 or more"):
        share_out(Decimal(1), {"a": -1})


def test_what_rounding_leaves_goes_to_the_heaviest() -> None:
    # 3/11 = 0.27..., 4/11 = 0.36...: rounded down they lack 1e-12, and of the two heaviest `b` is the first by name
    assert share_out(Decimal(1), {"a": 3, "c": 4, "b": 4}) == {
        "a": Decimal("0.272727272727"),
        "b": Decimal("0.363636363637"),
        "c": Decimal("0.363636363636"),
    }
