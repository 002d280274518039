"""The control route: all of a change or nothing, and every refusal names its field."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any

import pytest
from bill_bench import Bench

ROW = {"day": "2026-11-20", "service": "AWS Lambda", "usd": "1"}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({**ROW, "usd": 1.5}, "rows[1]: Row.usd: a decimal number written as text is needed, not 1.5"),
        ({**ROW, "usd": "much"}, "rows[1]: Row.usd: 'much' is not a number"),
        ({**ROW, "usd": "NaN"}, "rows[1].usd: invalid amount NaN"),
        ({**ROW, "usd": "1e30"}, "rows[1].usd: invalid amount 1E+30"),
        ({**ROW, "usd": "0.0000000000001"}, "rows[1].usd: 1E-13 has more than 12 decimals"),
        ({**ROW, "day": "20.11.2026"}, "rows[1].day: invalid date '20.11.2026': expected YYYY-MM-DD"),
        ({**ROW, "day": "9999-12-31"}, "rows[1].day: 9999-12-31 is not within the years 2000 to 2199 of this bill"),
        ({**ROW, "day": "0001-01-01"}, "rows[1].day: 0001-01-01 is not within the years 2000 to 2199"),
        ({**ROW, "record_type": "Gift"}, "rows[1]: Row.record_type: 'Gift' is not one of Usage, Credit"),
        ({**ROW, "record_type": "Credit"}, "rows[1].usd: a Credit lowers the bill"),
        ({**ROW, "quantity": "5"}, "rows[1].unit: a quantity needs a unit"),
        ({**ROW, "service": ""}, "rows[1].service: expected a name"),
        ({**ROW, "attributes": {"model": "x"}}, "rows[1].attributes: only Amazon Bedrock has product attributes"),
        ({**ROW, "tags": {"a": 1}}, "rows[1]: Row.tags.a: str is needed, not 1"),
        ({**ROW, "shown_from": "2026-11-20T00:00:00"}, "rows[1].shown_from: time '2026-11-20T00:00:00' has no offset"),
        ({**ROW, "shown_from": "soon"}, "rows[1].shown_from: Invalid isoformat string: 'soon'"),
        ({**ROW, "price": "1"}, "rows[1]: Row: unknown field 'price'"),
        ({"day": "2026-11-20", "usd": "1"}, "rows[1]: Row: field 'service' is missing"),
        ([], "rows[1]: Row: an object is needed, not []"),
    ],
)
def test_a_bad_row_is_named_and_nothing_changes(bench: Bench, row: Any, message: str) -> None:
    before = bench.control()
    assert message in bench.refusal(rows=[ROW, row], advance_hours=5, throttle=1)
    assert bench.control() == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": "red"}, "unknown field colour; known are now, advance_hours"),
        ({"now": "2026-11-20"}, "now: time '2026-11-20' has no offset"),
        ({"now": 5}, "now: "),
        ({"now": "9999-01-01T00:00:00Z"}, "now: the bill's clock would show the year 9999"),
        ({"now": "2026-11-20T00:00:00Z", "advance_hours": 1}, "now and advance_hours: set one of them, not both"),
        ({"advance_hours": -1}, "advance_hours: expected a number of hours from 0 to 87840 (got -1)"),
        ({"advance_hours": "1"}, "advance_hours: expected a number of hours from 0 to 87840 (got '1')"),
        ({"advance_hours": True}, "advance_hours: expected a number of hours from 0 to 87840 (got True)"),
        ({"deliver": 1}, "deliver: expected true or false (got 1)"),
        ({"clear_rows": "yes"}, "clear_rows: expected true or false"),
        ({"rows": {}}, "rows: expected a list"),
        ({"restatements": [{"at": "2026-11-20T00:00:00Z"}]}, "restatements[0]: Restatement: field 'factor' is missing"),
        ({"restatements": [{"at": "now", "factor": "1"}]}, "restatements[0].at: Invalid isoformat string"),
        (
            {"restatements": [{"at": "2026-11-20T00:00:00Z", "factor": "1", "day": "x"}]},
            "restatements[0].day: invalid date 'x'",
        ),
        (
            {"restatements": [{"at": "2026-11-20T00:00:00Z", "factor": "1", "day": "20261120"}]},
            "restatements[0].day: invalid date '20261120': expected YYYY-MM-DD",
        ),
        ({"now": "9999-12-31T23:00:00-05:00"}, "now: time '9999-12-31T23:00:00-05:00' lies beyond the years"),
        ({"tags": "on"}, "tags: expected active, inactive, or an object"),
        ({"tags": {"a": 1}}, "tags: expected active, inactive, or an object"),
        ({"role": "king"}, "role: expected one of payer, member (got 'king')"),
        ({"cost_explorer": True}, "cost_explorer: expected one of on, off (got True)"),
        ({"throttle": -1}, "throttle: expected a whole number from 0 on (got -1)"),
        ({"page_size": 0}, "page_size: expected a whole number from 1 on (got 0)"),
    ],
)
def test_refusals(bench: Bench, changes: dict[str, Any], message: str) -> None:
    before = bench.control()
    assert message in bench.refusal(**changes)
    assert bench.control() == before


@pytest.mark.parametrize(("method", "body", "status"), [("POST", b"{", 400), ("POST", b"[]", 400), ("PUT", b"{}", 405)])
def test_what_is_no_change(bench: Bench, method: str, body: bytes, status: int) -> None:
    request = urllib.request.Request(f"{bench.url}/_billing", data=body, method=method)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=10).close()
    with caught.value as answer:
        assert answer.code == status


def test_the_clock_is_set_and_put_forward(bench: Bench) -> None:
    assert bench.control()["now"] == "2026-11-20T12:00:00Z"
    assert bench.control(advance_hours=1.5)["now"] == "2026-11-20T13:30:00Z"
    assert bench.control(advance_hours=24)["now"] == "2026-11-21T13:30:00Z"
    assert bench.control(now="2026-10-01T02:00:00+02:00")["now"] == "2026-10-01T00:00:00Z"
    assert bench.control(throttle=0)["now"] == "2026-10-01T00:00:00Z"


def test_rows_add_up_and_are_cleared(bench: Bench) -> None:
    assert bench.control(rows=[ROW, ROW])["rows"] == 2
    assert bench.control(rows=[ROW])["lines"] == 3
    assert bench.control(clear_rows=False)["rows"] == 3
    bench.restart()
    assert bench.control(clear_rows=True, rows=[ROW])["rows"] == 1
