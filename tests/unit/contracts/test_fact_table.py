"""The fact table as files: nothing is lost on the way there and back, and the same rows give the same bytes."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import fields
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.fact_table import AMOUNTS, COLUMNS, decode, encode
from contracts.money import ChargeRow
from cost_reports.metering.charges import total
from tests.unit.lambdas.fact_rows import row

ROWS = (
    row("2026-11-24", "1.50", approach=None, experiment=None),
    row("2026-11-25", "-0.000000000001", quantity=Decimal("12345678901234567890.5"), unit="OCU-hour", estimated=False),
    row(
        effective_usd=Decimal("0.1"), list_usd=Decimal(0), service="Größe; 'x'\n\u2028", model="a'b\";--$", variant="x"
    ),
    row(amount="123456789012345678.000000000001", usage_type="USE1-SearchOCU", cut="model", account=None),
)


def test_rows_come_back_as_they_were() -> None:
    assert sorted(decode(encode(ROWS, simulated=False)), key=repr) == sorted(ROWS, key=repr)
    assert decode(encode([], simulated=False)) == []


def test_the_same_rows_in_any_order_give_the_same_bytes() -> None:
    assert encode(ROWS, simulated=True) == encode(reversed(ROWS), simulated=True)
    assert encode(ROWS, simulated=True) != encode(ROWS, simulated=False)
    assert len(decode(encode([row(), row()], simulated=False))) == 2


@pytest.mark.parametrize(
    "amount", ["999999999999999999", "0E-50", "0E+99", "1E+3", "-0.000", "0.123456789012345678901234", "1E-30"]
)
def test_amounts_are_plain_text_and_exact(amount: str) -> None:
    (found,) = decode(encode([row(amount=amount)], simulated=False))
    assert found.amount_usd == Decimal(amount)
    line = json.loads(gzip.decompress(encode([row(amount=amount)], simulated=False)))
    assert set(line["amount_usd"]) <= set("-.0123456789")
    assert "e" not in line["amount_usd"].lower()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.decimals(min_value=-(10**9), max_value=10**9, places=12, allow_nan=False).map(str), max_size=20))
def test_any_amounts_add_up_as_before(amounts: list[str]) -> None:
    rows = [row(amount=amount) for amount in amounts]
    assert total(decode(encode(rows, simulated=False))) == total(rows)


def test_every_line_has_the_columns_of_the_contract() -> None:
    assert list(COLUMNS) == [*(field.name for field in fields(ChargeRow)), "simulated"]
    assert {name for name, kind in COLUMNS.items() if kind == "boolean"} == {"estimated", "simulated"}
    assert set(AMOUNTS) == {field.name for field in fields(ChargeRow) if "Decimal" in str(field.type)}
    lines = gzip.decompress(encode(ROWS, simulated=True)).decode().split("\n")[:-1]
    assert len(lines) == len(ROWS)
    assert {tuple(json.loads(line)) for line in lines} == {tuple(COLUMNS)}
    assert {json.loads(line)["simulated"] for line in lines} == {True}


def test_an_amount_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN is not an amount"):
        encode([row(amount="NaN")], simulated=False)


def changed(**values: object) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        record = json.loads(gzip.decompress(data)) | values
        return gzip.compress(json.dumps({k: v for k, v in record.items() if v != "missing"}).encode())

    return change


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-9], "not a whole gzip file"),
        (lambda data: b"\x1f\x8b" + data[:20], "not a whole gzip file"),
        (lambda _: b"damaged" * 1000, "not a whole gzip file"),
        (lambda _: gzip.compress(b"\xff\xfe"), "utf-8"),
        (lambda _: gzip.compress(b"{no json\n"), "line 1: "),
        (lambda _: gzip.compress(b"[]\n"), "line 1: an object with a boolean field 'simulated' is needed"),
        (lambda _: gzip.compress(b"[" * 100_000), "line 1: "),
        (changed(amount_usd=1.5), "amount_usd: a decimal number written as text is needed, not 1.5"),
        (changed(amount_usd="much"), "amount_usd: 'much' is not a number"),
        (changed(source="stolen"), "'stolen' is not one of"),
        (changed(day="missing"), "field 'day' is missing"),
        (changed(tax="1"), "unknown field 'tax'"),
        (changed(simulated="no"), "a boolean field 'simulated' is needed"),
    ],
)
def test_a_damaged_object_is_named_by_its_line(damage: Callable[[bytes], bytes], message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the message is compared below)
        decode(damage(encode([row()], simulated=False)))
    assert message in str(caught.value)
