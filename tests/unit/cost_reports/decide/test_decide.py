from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any
from xml.etree import ElementTree

import pytest

from contracts.json_codec import to_json
from cost_reports.decide.curve import Curve, Term
from cost_reports.decide.decide import decide, payback_month, quality_of, tokens_of
from cost_reports.decide.decision import Decision, Quality
from cost_reports.decide.frontier import dominance, point_costs
from cost_reports.decide.uncertainty import RANGES, monte_carlo
from cost_reports.estimate.estimate import estimate
from cost_reports.estimate.workload import ExactWorkload
from cost_reports.render import html, markdown, outlook_csv
from cost_reports.render.documents import decision_document, estimate_document
from cost_reports.run_report.build import build_report
from tests.unit.cost_reports.decide.sample_quality import MEASURED, quality
from tests.unit.cost_reports.estimate.sample_inputs import inputs
from tests.unit.cost_reports.run_report.sample_records import records


def made(measured: dict[tuple[str, str], Quality] | None = None, **changes: Any) -> Decision:
    return decide(inputs(**changes), MEASURED if measured is None else measured, samples=200)


def test_the_golden_rule() -> None:
    found = made()
    assert found.headline == "Use rag (rag, s3 vectors)."
    assert "does not pass: 0.1 measured" in " ".join(found.reasons)
    assert {r.approach for r in found.cheapest_passing} <= {"rag", "fine-tuning"}
    assert found.cheapest[0].approach == "prompting"
    assert (found.cheapest[0].low, found.cheapest[-1].high) == (1, 10**7)


def test_without_quality_it_says_what_it_does_not_know() -> None:
    found = made({})
    assert not found.measured
    assert found.headline == "No recommendation: no quality was measured."
    assert "Whether its answers are good enough is not known" in found.reasons[0]
    assert "not measured" in found.unknowns[0]
    assert "they cannot be recommended" in found.unknowns[1]
    assert found.cheapest_passing == ()


def test_when_nothing_passes() -> None:
    found = made({("rag", "rag"): quality(0.1, "fail")})
    assert found.headline == "No approach passes the gate."
    assert found.flips
    assert found.flips_of.startswith("prompting / zero-shot")


def test_a_higher_approach_wins_only_when_it_is_surely_cheaper() -> None:
    """RAG on a model that costs 60 times as much loses to a tuned small one at a million requests a month."""
    dear = {"generator": "us.anthropic.claude-sonnet-5-5", "requests_per_month": 3_000_000}
    found = made({("rag", "rag"): quality(0.8), ("fine-tuning", "lora"): quality(0.85)}, **dear)
    assert found.headline.startswith("Use fine-tuning (lora")
    assert "outweighs the golden rule" in " ".join(found.reasons)
    few = made(
        {("rag", "rag"): quality(0.8), ("fine-tuning", "lora"): quality(0.85)}, **{**dear, "requests_per_month": 500}
    )
    assert few.headline.startswith("Use rag")


def test_two_alike_do_not_share_the_probability() -> None:
    """LoRA and QLoRA win about half of the trials each, but each is nearly always cheaper than RAG."""
    found = made(
        {("rag", "rag"): quality(0.8), ("fine-tuning", "lora"): quality(0.85), ("fine-tuning", "qlora"): quality(0.85)},
        generator="us.anthropic.claude-sonnet-5-5",
        requests_per_month=3_000_000,
    )
    assert max(c.cheapest_per_accepted for c in found.chances) < 0.9
    rag, *tuned = found.chances
    assert all(c.cheaper_than[rag.name] >= 0.9 for c in tuned)
    assert found.headline.startswith("Use fine-tuning")


def test_what_only_may_pass_gives_way_to_what_passes() -> None:
    """RAG with a short prompt is the cheaper one, but its interval reaches below the gate."""
    found = made({("rag", "rag"): quality(0.8, "uncertain"), ("rag", "rag+few-shot"): quality(0.9)})
    assert found.headline == "Use rag (rag+few-shot, s3 vectors)."
    alone = made({("rag", "rag"): quality(0.8, "uncertain")})
    assert alone.headline == "Use rag (rag, s3 vectors)."
    assert "Its 95 % interval reaches below the gate" in " ".join(alone.reasons)
    dear = {"generator": "us.anthropic.claude-sonnet-5-5", "requests_per_month": 3_000_000}
    higher = made({("rag", "rag"): quality(0.8), ("fine-tuning", "lora"): quality(0.85, "uncertain")}, **dear)
    assert higher.headline.startswith("Use rag")


def test_break_even_and_flips() -> None:
    found = made(
        {("rag", "rag"): quality(0.8), ("fine-tuning", "lora"): quality(0.85)},
        generator="us.anthropic.claude-sonnet-5-5",
        requests_per_month=600_000,
    )
    (pair,) = found.break_even
    assert pair.cheaper[0] == "rag"
    assert pair.cheaper[-1] == "fine-tuning"
    assert pair.month is not None
    turned = {f.driver: f for f in found.flips if f.factor is not None}
    assert turned["requests a month"].instead is not None
    spans = [abs(f.high_usd - f.low_usd) for f in found.flips]
    assert spans == sorted(spans, reverse=True)


def test_return_on_investment() -> None:
    stated = {c.name: c for c in made(value_per_accepted_answer_usd=Decimal("0.5")).candidates}
    rag = next(c for c in stated.values() if c.quality == 0.8)
    assert rag.value_usd == Decimal("48000")  # 10,000 x 12 x 0.8 x 0.5
    assert rag.roi is not None
    assert rag.roi == pytest.approx((48_000 - rag.total_usd) / rag.total_usd, abs=Decimal("0.01"))
    saved = made(minutes_saved_per_accepted_answer=Decimal(6), hourly_wage_usd=Decimal(50))
    assert next(c for c in saved.candidates if c.quality == 0.8).value_usd == 480_000  # 96,000 x 0.1 h x 50
    assert any("no return on investment" in u for u in made().unknowns)


def test_the_seed_decides_the_trials() -> None:
    assert made() == made()
    assert to_json(made()) == to_json(made())
    assert sum(c.cheapest for c in made().chances) == pytest.approx(1)
    with pytest.raises(ValueError, match="samples must be 1 or more"):
        monte_carlo([], ExactWorkload(requests_per_month=1), seed=1, samples=0)


def test_dominance() -> None:
    def point(cost: int, value: str) -> tuple[Fraction, Fraction]:
        return Fraction(cost), Fraction(value)

    points = {
        "cheap": point(10, "0.2"),
        "worse": point(20, "0.1"),
        "between": point(60, "0.3"),
        "middle": point(50, "0.6"),
        "best": point(100, "0.9"),
        "twin": point(100, "0.9"),
    }
    assert dominance(points) == {"worse": "cheap", "between": "middle", "twin": "best"}
    extended = {"a": point(0, "0"), "b": point(60, "0.3"), "c": point(100, "1")}
    assert dominance(extended) == {"b": "a mix of a and c"}
    kept = {n: p for n, p in points.items() if n not in dominance(points)}
    # from 10 to 50 USD for 40 points; from 50 to 100 USD for 30 points
    assert point_costs(kept) == {"middle": Fraction(1), "best": Fraction(5, 3)}


@pytest.mark.parametrize(
    ("points", "dominated"),
    [
        # One of the two is equal: the same cost with better quality, the same quality at a lower cost.
        ({"a": (10, 2), "b": (10, 3)}, {"a": "b"}),
        ({"a": (10, 2), "b": (9, 2)}, {"a": "b"}),
        # Names are in another order than costs. (0, 0), (6, 4), (10, 5) is convex: each step costs more a point.
        ({"c": (0, 0), "a": (6, 4), "b": (10, 5)}, {}),
        ({"z": (0, 0), "a": (6, 1), "b": (10, 5)}, {"a": "a mix of z and b"}),
        # On the straight line between two others: a mix of them is as good.
        ({"a": (0, 0), "b": (5, 5), "c": (10, 10)}, {"b": "a mix of a and c"}),
        # Only the last corner of four falls.
        ({"a": (0, 0), "b": (1, 4), "c": (6, 6), "d": (8, 9)}, {"c": "a mix of b and d"}),
        # Far from zero, sums and differences tell apart: 2 x 2 against 6 x 2.
        ({"a": (100, 10), "b": (102, 12), "c": (108, 14)}, {}),
        ({"a": (100, 10), "b": (106, 12), "c": (108, 14)}, {"b": "a mix of a and c"}),
    ],
)
def test_dominance_by_hand(points: dict[str, tuple[int, int]], dominated: dict[str, str]) -> None:
    assert dominance({name: (Fraction(cost), Fraction(value)) for name, (cost, value) in points.items()}) == dominated


def test_a_step_without_more_quality_has_no_price() -> None:
    assert point_costs({"a": (Fraction(1), Fraction(2)), "b": (Fraction(3), Fraction(2))}) == {}


def test_payback() -> None:
    def curve(once: int, request: int) -> Curve:
        return Curve(
            name="",
            terms=(
                Term(cost_behavior="once", input="", usd=Fraction(once)),
                Term(cost_behavior="request", input="", usd=Fraction(request)),
            ),
        )

    # 100 once against 3 more a request: 10 requests a month save 30; 100 < 30 m in month 4
    assert payback_month(curve(0, 5), curve(100, 2), [10] * 12) == 4
    assert payback_month(curve(100, 2), curve(0, 5), [10] * 12) == 4
    assert payback_month(curve(0, 2), curve(100, 2), [10] * 12) is None


def test_quality_comes_from_a_report() -> None:
    found = quality_of(build_report(records()))
    assert found["rag", "rag"].value == 0.8
    assert found["prompting", "few-shot"].outcome == "fail"
    assert ("fine-tuning", "base") not in found


def test_tokens_come_from_a_report() -> None:
    tokens = tokens_of(build_report(records()))
    assert tokens["rag"] == tokens["fine-tuned"] == (Fraction(100), Fraction(10))
    assert "base" not in tokens
    s = replace(inputs(), measured={"rag": (Fraction(1001, 2), Fraction(10))})
    assert (s.prompt("rag").input, s.prompt("rag").fixed, s.prompt("rag").output) == (501, 150, 10)
    assert s.prompt("zero-shot") == inputs().prompt("zero-shot")
    more = {c.variant: c.total_usd for c in decide(s, MEASURED, samples=10).candidates}
    usual = {c.variant: c.total_usd for c in decide(inputs(), MEASURED, samples=10).candidates}
    # 1,075 counted tokens against 501 measured ones: 574 x 0.035 / 1M, less 2 output tokens x 0.14 / 1M, 120,000 times
    saved = (574 * Decimal("0.035") + 2 * Decimal("0.14")) / 10**6 * 120_000
    assert usual["rag"] - more["rag"] == pytest.approx(saved, abs=Decimal("1e-9"))


def test_a_capacity_that_cannot_be_right() -> None:
    with pytest.raises(ValueError, match="is the capacity right"):
        decide(inputs(assumed={"acu_rate": Fraction(1, 1000)}, requests_per_month=10**9), MEASURED)


def test_documents_escape_what_people_wrote() -> None:
    evil = "<img src=x onerror=alert(1)>|=1"
    s = replace(inputs(), experiment=evil)
    measured = {("rag", "rag"): replace(quality(0.8), reason=evil), ("prompting", "few-shot"): quality(0.1, "fail")}
    for document in (
        decision_document.document(decide(s, measured, samples=10)),
        estimate_document.document(estimate(s)),
    ):
        for output in (html.render(document), markdown.render(document)):
            assert "<img" not in output
            assert "&lt;img" in output
        page = html.render(document)
        for part in page.split("<svg")[1:]:
            ElementTree.fromstring("<svg" + part.split("</svg>")[0] + "</svg>")


def test_the_chart_marks_where_another_approach_becomes_the_cheapest() -> None:
    found = decide(inputs(generator="us.anthropic.claude-opus-5-5"))
    turns = [r for before, r in zip(found.cheapest, found.cheapest[1:], strict=False) if before.approach != r.approach]
    assert turns
    page = html.render(decision_document.document(found))
    for turn in turns:
        assert f"<title>{turn.approach} from {turn.low:,}</title>" in page
        cost = {s.approach: dict(s.points) for s in found.series}
        assert cost[turn.approach][turn.low] == min(points[turn.low] for points in cost.values())


def test_without_quality_the_cheapest_is_what_moves() -> None:
    found = made({})
    assert found.flips
    page = html.render(decision_document.document(found))
    assert f"Total of {found.flips_of} when one input changes" in page


def test_the_frontier_is_drawn() -> None:
    assert 'class="frontier"' in html.render(decision_document.document(made()))


def test_csv_lines_of_a_decision_are_safe() -> None:
    found = made()
    evil = replace(found, candidates=(replace(found.candidates[0], variant="=cmd|x"),))
    head, line = outlook_csv.decision_lines(evil).splitlines()
    assert head.startswith("approach,variant,setup,outcome,quality,total_usd")
    assert ",'=cmd|x," in line


def test_the_percentiles_of_the_trials() -> None:
    """Ten dollars of people, who cost what a trial draws: of 11 totals in order the second and the tenth."""
    curve = Curve(name="c", terms=(Term("once", "people", Fraction(10)),))
    (chance,) = monte_carlo([("c", curve, (0.7, 0.8, 0.9))], ExactWorkload(requests_per_month=1), seed=7, samples=11)
    trial, totals = random.Random(7), []
    for _ in range(11):
        draws = {name: trial.triangular(float(low), float(high), 1.0) for name, (low, high, _) in RANGES.items()}
        trial.gauss(0.8, 0.2 / 3.92)
        totals.append(10 * draws["people"])
    assert (chance.total_p10_usd, chance.total_p90_usd) == (sorted(totals)[1], sorted(totals)[9])
