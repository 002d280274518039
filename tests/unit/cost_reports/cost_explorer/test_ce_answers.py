"""Answers of Cost Explorer become charges, exactly; whatever cannot be read is named."""

from __future__ import annotations

import copy
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.money import ChargeRow, Cut
from cost_reports.cost_explorer.answers import AnswerError, Disagreement, charges, disagreements, forecast
from cost_reports.cost_explorer.requests import GROUPS, results_of
from cost_reports.metering.charges import exact_sum, total
from tests.unit.lambdas.spend_report.bill_pages import WINDOW, catalogue, pages

AS_OF = "2026-11-27T09:30:00Z"


def read(cut: Cut, results: Any = None) -> list[ChargeRow]:
    found = results_of(pages(cut)) if results is None else results
    return charges(cut, found, window=WINDOW, catalogue=catalogue(), as_of=AS_OF, account="123456789012")


def group(*keys: str, amount: Any = "1", unit: Any = "USD", **metrics: Any) -> dict[str, Any]:
    metrics.setdefault("UnblendedCost", {"Amount": amount, "Unit": unit})
    return {"Keys": list(keys), "Metrics": metrics}


def result(*groups: dict[str, Any], start: str = "2026-11-25", end: str = "2026-11-26") -> dict[str, Any]:
    return {"TimePeriod": {"Start": start, "End": end}, "Total": {}, "Estimated": False, "Groups": list(groups)}


def test_services_of_all_pages() -> None:
    rows = read("service")
    told = [(r.day, r.experiment, r.approach, r.service, r.service_code, r.amount_usd, r.estimated) for r in rows]
    assert told == [
        ("2026-11-25", None, None, "AWS Cost Explorer", "AWSCostExplorer", Decimal("0.05"), False),
        ("2026-11-25", "handbook", "prompting", "Amazon Bedrock", "AmazonBedrock", Decimal("0.0123400001"), False),
        (
            "2026-11-25",
            "handbook",
            "prompting",
            "Claude Haiku 5.5 (Amazon Bedrock Edition)",
            "AmazonBedrockFoundationModels",
            Decimal("0.066"),
            False,
        ),
        ("2026-11-25", "handbook", "rag", "Amazon OpenSearch Service", "AmazonES", Decimal("1.92"), False),
        (
            "2026-11-25",
            "other-team",
            "rag",
            "Amazon Simple Storage Service",
            "AmazonS3",
            Decimal("0.0000001725"),
            False,
        ),
        ("2026-11-26", "handbook", "rag", "Amazon OpenSearch Service", "AmazonES", Decimal("0.96"), True),
    ]
    assert total(rows) == Decimal("3.0083401726")
    assert {(r.source, r.cut, r.account, r.as_of, r.charge_category, r.quantity) for r in rows} == {
        ("billed-ce", "service", "123456789012", AS_OF, "Usage", None)
    }


def test_quantities_in_our_units_or_none() -> None:
    found = {r.usage_type: (r.service_code, r.quantity, r.unit) for r in read("usage-type") if r.day == "2026-11-25"}
    assert found == {
        "USE1-APIRequest": ("AWSCostExplorer", Decimal(5), "requests"),
        "USE1-NovaMicro-input-tokens": ("AmazonBedrock", Decimal("0.2954285743"), "1M tokens"),
        "USE1-NovaMicro-output-tokens": ("AmazonBedrock", Decimal("0.0142857143"), "1M tokens"),
        "USE1-MP:USE1_input_tokens_standard-Units": ("AmazonBedrockFoundationModels", None, None),
        "USE1-SearchOCU": ("AmazonES", Decimal(8), "OCU-hour"),
        # Nothing to pay, and still something that was used.
        "Lambda-GB-Second-ARM": ("AWSLambda", Decimal("1320.5"), "GB-second"),
        # S3, DynamoDB and ECR all have it, so the service stays open, while the unit is the same for all three.
        "TimedStorage-ByteHrs": (None, Decimal("0.0000075"), "GB-month"),
    }


def test_record_types_stay_apart() -> None:
    rows = read("record-type")
    found = {(r.approach, r.charge_category): r.amount_usd for r in rows if r.day == "2026-11-25"}
    assert found[(None, "Credit")] == Decimal("-0.75")
    assert found[("rag", "Refund")] == Decimal("-0.02")
    assert {category for _, category in found} == {"Credit", "SavingsPlanRecurringFee", "Tax", "Usage", "Refund"}
    fee = next(r for r in rows if r.charge_category == "SavingsPlanRecurringFee")
    assert (fee.amount_usd, fee.effective_usd) == (Decimal("0.24"), Decimal(0))


def test_models_and_roles() -> None:
    assert [(r.approach, r.model, r.service) for r in read("model")] == [
        ("prompting", "Claude Haiku 5.5", "Amazon Bedrock"),
        ("prompting", "Nova Micro", "Amazon Bedrock"),
    ]
    assert [(r.experiment, r.model, r.cut) for r in read("role")] == [
        (None, None, "role"),
        ("handbook", "Nova Micro", "role"),
    ]


def test_the_order_of_results_does_not_matter() -> None:
    one, two = results_of(pages("service")), list(reversed(results_of(pages("service"))))
    assert sorted(map(str, read("service", one))) == sorted(map(str, read("service", two)))


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("", (None, None)),
        ("handbook/rag", ("handbook", "rag")),
        ("handbook/a/b", ("handbook", "a/b")),
        ("handbook", ("handbook", None)),
        ("handbook/", ("handbook", None)),
        ("/rag", (None, None)),
        ("we$ird/cost-cell$x", ("we$ird", "cost-cell$x")),
    ],
)
def test_cells(cell: str, expected: tuple[str | None, str | None]) -> None:
    (row,) = read("service", [result(group(f"cost-cell${cell}", "Amazon S3"))])
    assert (row.experiment, row.approach) == expected


@settings(deadline=None)
@given(st.text(), st.text(min_size=1))
def test_keys_lose_their_own_prefix_and_nothing_else(cell: str, model: str) -> None:
    (row,) = read("role", [result(group(f"iamPrincipal/cost-cell${cell}", f"model${model}"))])
    assert row.model == model
    joined = "/".join(part for part in (row.experiment, row.approach) if part is not None)
    assert joined in (cell, cell.removesuffix("/")) or (row.experiment is None and cell[:1] in ("", "/"))


AMOUNTS = st.decimals(min_value=-(10**9), max_value=10**9, places=10, allow_nan=False)


@settings(deadline=None)
@given(st.lists(AMOUNTS, min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_sums_are_exact_in_any_order_and_over_any_pages(amounts: list[Decimal], dice: Any) -> None:
    groups = [group(f"cost-cell$e/a{n}", "S", amount=f"{amount:f}") for n, amount in enumerate(amounts)]
    dice.shuffle(groups)
    cut = dice.randrange(len(groups) + 1)
    rows = read("service", [result(*groups[:cut]), result(*groups[cut:])])
    assert total(rows) * 10**10 == sum(int(amount * 10**10) for amount in amounts)


def test_rows_without_money_and_quantity_are_left_out_and_others_stay() -> None:
    nothing = group("cost-cell$e/a", "Amazon S3", amount="0", AmortizedCost={"Amount": "0.00", "Unit": "USD"})
    covered = group("cost-cell$e/b", "Amazon S3", amount="0", AmortizedCost={"Amount": "0.5", "Unit": "USD"})
    (row,) = read("service", [result(nothing, covered)])
    assert (row.approach, row.effective_usd) == ("b", Decimal("0.5"))
    unknown = group("cost-cell$e/a", "EUC1-New", amount="0", UsageQuantity={"Amount": "7", "Unit": "Widgets"})
    (row,) = read("usage-type", [result(unknown)])
    assert (row.usage_type, row.unit, row.quantity) == ("EUC1-New", None, None)


def test_an_answer_without_groups_gives_no_row() -> None:
    assert read("service", [result(), {"TimePeriod": {"Start": "2026-11-25", "End": "2026-11-26"}, "Total": {}}]) == []
    assert read("service", []) == []


@pytest.mark.parametrize(
    "amount", ["NaN", "Infinity", "-inf", "", " 1", "1,5", "0x1", "1_0", "١", "1e999", "1E-40", "9" * 30, None, 1.5, 1]
)
def test_amounts_that_are_none_are_refused(amount: Any) -> None:
    where = r"grouping service, 2026-11-25, group cost-cell\$e/a \+ Amazon S3: UnblendedCost: not an amount"
    with pytest.raises(AnswerError, match=where):
        read("service", [result(group("cost-cell$e/a", "Amazon S3", amount=amount))])


@pytest.mark.parametrize("amount", ["1.3E-9", "-0.0000000001", "123456789012.0123456789", "1e3"])
def test_amounts_are_taken_to_the_last_digit(amount: str) -> None:
    (row,) = read("service", [result(group("cost-cell$e/a", "Amazon S3", amount=amount))])
    assert row.amount_usd == Decimal(amount)


def bad(change: Callable[[dict[str, Any]], None]) -> list[dict[str, Any]]:
    made = copy.deepcopy(result(group("cost-cell$e/a", "Amazon S3", AmortizedCost={"Amount": "1", "Unit": "USD"})))
    change(made)
    return [made]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r["Groups"][0]["Metrics"]["UnblendedCost"].update(Unit="EUR"), "UnblendedCost is in EUR"),
        (lambda r: r["Groups"][0]["Metrics"]["AmortizedCost"].update(Unit="CNY"), "AmortizedCost is in CNY"),
        (lambda r: r["Groups"][0]["Metrics"]["UnblendedCost"].pop("Unit"), "is in no currency"),
        (lambda r: r["Groups"][0]["Metrics"].pop("UnblendedCost"), "UnblendedCost is missing"),
        (lambda r: r["Groups"][0].pop("Metrics"), "UnblendedCost is missing"),
        (lambda r: r["Groups"][0].update(Keys=["experiment$e", "S"]), "not grouped by cost-cell and SERVICE"),
        (lambda r: r["Groups"][0].update(Keys=["cost-cell$e"]), "not grouped by cost-cell and SERVICE"),
        (lambda r: r["Groups"][0].pop("Keys"), r"group \(none\): not grouped by"),
        (lambda r: r["Groups"].append(r["Groups"][0]), "group .*: it is there twice"),
        (
            lambda r: r["TimePeriod"].update(Start="2026-09-30", End="2026-10-01"),
            "is not a day of 2026-10-01 to 2026-11-28",
        ),
        (
            lambda r: r["TimePeriod"].update(Start="2026-11-28", End="2026-11-29"),
            "2026-11-28 to 2026-11-29 is not a day of",
        ),
        (
            lambda r: r["TimePeriod"].update(Start="2026-11-01", End="2026-12-01"),
            "2026-11-01 to 2026-12-01 is not a day of",
        ),
        (lambda r: r["TimePeriod"].update(Start="2026-11-31"), "the period is invalid \\(got"),
        (lambda r: r.pop("TimePeriod"), "the period is invalid \\(got None"),
    ],
)
def test_answers_that_cannot_be_read_are_named(change: Callable[[dict[str, Any]], None], message: str) -> None:
    with pytest.raises(AnswerError, match=message):
        read("service", bad(change))


def test_a_group_twice_on_two_pages_is_not_counted_twice() -> None:
    doubled = [*results_of(pages("service")), results_of(pages("service"))[1]]
    with pytest.raises(AnswerError, match=r"2026-11-25, group cost-cell\$ \+ AWS Cost Explorer: it is there twice"):
        read("service", doubled)


def test_the_forecast_is_from_today_on() -> None:
    found = forecast(pages("forecast")[0])
    assert (found.usd, found.low_usd, found.high_usd) == (Decimal("7.6000000001"), Decimal("5.4"), Decimal("9.8"))
    assert found.interval_percent == 80


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a["Total"].update(Unit="JPY"), "forecast: it is in JPY"),
        (lambda a: a["ForecastResultsByTime"].clear(), "it has no day"),
        (
            lambda a: a["ForecastResultsByTime"][1].update(MeanValue="NaN"),
            "2026-11-28: MeanValue: not an amount \\(got 'NaN'",
        ),
        (
            lambda a: a["ForecastResultsByTime"][0].pop("PredictionIntervalLowerBound"),
            r"2026-11-27: .*: not an amount \(got None",
        ),
    ],
)
def test_forecasts_that_cannot_be_read_are_named(change: Callable[[dict[str, Any]], None], message: str) -> None:
    answer = pages("forecast")[0]
    change(answer)
    with pytest.raises(AnswerError, match=message):
        forecast(answer)


def all_cuts() -> list[ChargeRow]:
    return [row for cut in GROUPS for row in read(cut)]


def test_the_cuts_of_one_bill_agree() -> None:
    assert disagreements(all_cuts()) == []
    assert exact_sum(r.amount_usd for r in all_cuts() if r.cut == "service") == Decimal("3.0083401726")


def test_cuts_that_disagree_are_named_by_day_and_cell() -> None:
    results = results_of(pages("service"))
    results[1]["Groups"][1]["Metrics"]["UnblendedCost"]["Amount"] = "0.0123400101"
    rows = [*read("service", results), *read("usage-type")]
    assert disagreements(rows) == [
        Disagreement(
            day="2026-11-25",
            experiment="handbook",
            approach="prompting",
            grouping="usage-type",
            usd=Decimal("0.0783400001"),
            other_grouping="service",
            other_usd=Decimal("0.0783400101"),
        )
    ]


def test_the_rounding_of_each_group_is_no_disagreement_and_more_is() -> None:
    def rows(amount: str) -> list[ChargeRow]:
        split = [group("cost-cell$e/a", f"T{n}", amount="0.0000000001") for n in range(3)]
        whole = group("cost-cell$e/a", "Amazon S3", amount=amount)
        return [*read("usage-type", [result(*split)]), *read("service", [result(whole)])]

    assert disagreements(rows("0.0000000005")) == []
    assert len(disagreements(rows("0.0000000006"))) == 1


def test_a_vanished_cell_and_a_cut_that_was_not_read() -> None:
    rows = [r for r in all_cuts() if (r.cut, r.approach) != ("service", "rag")]
    days = [(d.day, d.experiment, d.other_usd) for d in disagreements(rows)]
    assert days == [
        ("2026-11-25", "handbook", Decimal(0)),
        ("2026-11-25", "other-team", Decimal(0)),
        ("2026-11-26", "handbook", Decimal(0)),
    ]
    assert disagreements(r for r in rows if r.cut != "service") == []
