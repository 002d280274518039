"""An unpublished rate: named and counted everywhere, in no sum, never 0 and never guessed."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, replace
from decimal import Decimal
from pathlib import Path

import pytest

from contracts.json_codec import to_json
from contracts.money import PriceRow, UsageRow
from cost_reports.decide.decide import decide
from cost_reports.decide.decision import Decision
from cost_reports.decide.unpriced_bounds import sentences
from cost_reports.estimate.estimate import Estimate, OptionEstimate, estimate
from cost_reports.estimate.inputs import EstimateInputs
from cost_reports.estimate.options.rag import rag
from cost_reports.prices.catalogue import Catalogue, PriceError, Unpublished
from cost_reports.prices.checks import missing, unpublished
from cost_reports.prices.price_list import parse, refresh, to_file
from cost_reports.render import html, markdown, outlook_csv
from cost_reports.render.documents import decision_document, estimate_document
from tests.unit.cost_reports.decide.sample_quality import MEASURED, quality
from tests.unit.cost_reports.estimate.sample_inputs import inputs
from tests.unit.cost_reports.prices.sample_prices import ROW, product

CATALOGUE = Catalogue.load()
QUERIES = ("AmazonS3Vectors", "USE1-Vectors-Query-Bytes-Small")
RATE = CATALOGUE.unpublished[0]


@pytest.fixture(scope="module")
def whole() -> Estimate:
    return estimate(inputs())


@pytest.fixture(scope="module")
def decision() -> Decision:
    return decide(inputs(), MEASURED, samples=50)


def option(found: Estimate, name: str) -> OptionEstimate:
    return next(o for o in found.options if o.name == name)


def with_price(usd: str) -> Catalogue:
    """The shipped catalogue with a published price for what queries of small S3 Vectors indexes cost a TB."""
    row = replace(ROW, service_code=QUERIES[0], usage_type=QUERIES[1], unit="TB", usd=Decimal(usd))
    rest = [u for u in CATALOGUE.unpublished if (u.service_code, u.usage_type) != QUERIES]
    return Catalogue([*CATALOGUE.prices, row], CATALOGUE.models, CATALOGUE.as_of, rest)


def test_no_price_that_the_estimate_uses_is_a_guess(whole: Estimate) -> None:
    names = {(u.service_code, u.usage_type) for u in CATALOGUE.unpublished}
    assert names >= {QUERIES, ("AmazonES", "ES:GP3-Storage"), ("SageMakerGroundTruth", "USE1-GroundTruth-Object")}
    assert not any("no public source" in p.source for p in CATALOGUE.prices)
    assert not any("unverified" in i.price_source for o in whole.options for i in o.items if i.usd is not None)


def test_the_sums_that_lack_it_say_so(whole: Estimate) -> None:
    vectors = option(whole, "rag / rag / s3 vectors")
    assert vectors.at_least == ("per_1000_usd", "first_month_usd", "total_usd", "per_request_usd")
    line = next(i for i in vectors.items if i.usage_type == QUERIES[1])
    assert (line.usd, line.price_usd, line.confidence) == (None, None, "unknown")
    assert line.amount > 0
    domain = option(whole, "rag / rag / domain")
    assert set(domain.at_least) == {
        "fixed_monthly_usd",
        "idle_monthly_usd",
        "first_month_usd",
        "total_usd",
        "per_request_usd",
    }
    tuned = option(whole, "fine-tuning / lora / endpoint, trained spot")
    assert tuned.at_least == ("one_time_usd", "total_usd", "per_request_usd")
    assert tuned.confidence == "low"  # a third party's price of a label
    assert option(whole, "rag / rag / nextgen").at_least == ()
    assert option(whole, "rag / rag / nextgen").unknown == ()


def test_a_published_price_makes_the_sum_whole(whole: Estimate) -> None:
    found = option(estimate(inputs(catalogue=with_price("1000"))), "rag / rag / s3 vectors")
    assert (found.at_least, found.unknown) == ((), ())
    before = option(whole, "rag / rag / s3 vectors")
    each = next(i.amount for i in before.items if i.usage_type == QUERIES[1])
    assert found.total_usd - before.total_usd == pytest.approx(each * 1000 * 120_000, rel=Decimal("1e-3"))


def test_every_rendering_shows_unknown_and_the_least(whole: Estimate, decision: Decision) -> None:
    plain = json.loads(to_json(whole))
    found = next(o for o in plain["options"] if o["setup"] == "s3 vectors")
    assert "total_usd" in found["at_least"]
    assert found["unknown"][0].startswith("data that queries of S3 Vectors process")
    lines = list(csv.DictReader(io.StringIO(outlook_csv.estimate_lines(whole), newline="")))
    assert {line["usd"] for line in lines if line["usage_type"] == QUERIES[1]} == {"unknown"}
    assert all(line["usd"] and line["confidence"] for line in lines)
    heads, *rows = csv.reader(io.StringIO(outlook_csv.decision_lines(decision), newline=""))
    assert {row[heads.index("at_least")] for row in rows} == {"true", "false"}
    for text in (markdown.render(estimate_document.document(whole)), html.render(estimate_document.document(whole))):
        assert "≥ \\$" in text or "≥ $" in text
        assert "Unknown, in no sum: gp3 disks of a managed OpenSearch domain" in text
        assert text.count("unknown") > 10
    page = html.render(decision_document.document(decision))
    assert "s3 vectors ≥" in page
    assert "≥ at least, ≤ at most, ≈ about: something in it has no public price" in page


def test_the_decision_says_from_which_price_on_it_would_change(decision: Decision) -> None:
    assert decision.headline == "Use rag (rag, s3 vectors)."
    (bound,) = [b for b in decision.bounds if b.name == "rag / rag / s3 vectors"]
    assert bound.unit == "TB"
    assert bound.price_usd is not None
    assert bound.instead is not None
    assert f"for one TB on, {bound.instead} would cost less" in decision.reasons[-1]
    for usd, headline in ((bound.price_usd * Decimal("0.999"), "s3 vectors"), (bound.price_usd * Decimal("1.001"), "")):
        found = decide(inputs(catalogue=with_price(f"{usd:f}")), MEASURED, samples=50)
        assert ("s3 vectors" in found.headline) == bool(headline), found.headline
    assert any("labelled object" in u and "need as much of it" in u for u in decision.unknowns)
    candidate = next(c for c in decision.candidates if c.variant == "lora+rag")
    assert candidate.at_least
    assert "prompting / zero-shot / on demand" not in decision.at_least


def test_a_decision_between_known_costs_has_no_bounds() -> None:
    measured = {("prompting", "zero-shot"): quality(0.9)}
    found = decide(inputs(), measured, samples=50)
    assert found.headline.startswith("Use prompting")
    assert not any("public price" in r for r in found.reasons)
    assert sentences([]) == []


def test_usage_without_a_public_price_is_an_error_that_says_so() -> None:
    row = next(r for r in _rows(inputs()) if r.usage_type == QUERIES[1])
    with pytest.raises(PriceError, match=r"no public price of data that .*-Bytes-Small\): no public source"):
        CATALOGUE.tiers_for(row)
    assert missing(CATALOGUE, [row]) == []
    assert unpublished(CATALOGUE, [row, row]) == [RATE]


def _rows(s: EstimateInputs) -> list[UsageRow]:
    return [r for o in rag(s) for part in o.parts for r in part.rows]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"why": " "}, "why is missing"),
        ({"why": None}, "why is missing"),
        ({"unit": "dozen"}, "unit 'dozen' is unknown"),
        ({"region": "us-moon-1"}, "region 'us-moon-1' is unknown"),
        ({"usd": "0.004"}, "unexpected keyword argument 'usd'"),
        ({"usage_type": "USE1-Vectors-Query-Requests"}, "has a price and stands among the unpublished rates"),
    ],
)
def test_a_wrong_entry_is_named(change: dict[str, object], message: str, tmp_path: Path) -> None:
    data = json.loads(to_file(CATALOGUE.prices, CATALOGUE.models, "d", "n", [RATE]))
    data["unpublished"] = [{**asdict(RATE), **change}]
    path = tmp_path / "p.json"
    path.write_text(json.dumps(data))
    with pytest.raises(PriceError, match=message) as error:
        Catalogue.load(path)
    assert str(path) in str(error.value)
    data["unpublished"] = [3]
    path.write_text(json.dumps(data))
    with pytest.raises(PriceError, match="unpublished rate None: not an object with fields \\(got 3"):
        Catalogue.load(path)


def test_a_refresh_that_finds_it_makes_it_a_price() -> None:
    listed = [product(*QUERIES, "TB", ("0", "Inf", "0.005")), product("AmazonES", "ES:GP3-Storage", "GB-Mo")]
    found = refresh(CATALOGUE, parse(listed), "2026-12-02")
    assert [(r.usage_type, r.usd, r.confidence) for r in found.added] == [(QUERIES[1], Decimal("0.005"), "high")]
    assert RATE not in found.unpublished
    assert len(found.unpublished) == len(CATALOGUE.unpublished) - 1
    assert Catalogue(found.rows, unpublished=found.unpublished).unpublished_for(_rows(inputs())[0]) is None


def test_another_region_is_read_by_the_names_of_its_own() -> None:
    listed = [
        product("AmazonES", "EU-SearchOCU", "OCU-Hour", ("0", "Inf", "0.26")),
        product("AmazonSageMaker", "EU-Host:ml.g5.xlarge", "Hrs", ("0", "Inf", "1.57")),
        product("AmazonS3", "EU-Requests-Tier1", "Requests", ("0", "Inf", "0.0000055")),
    ]
    found = refresh(CATALOGUE, parse(listed), "2026-12-02", "eu-west-1")
    assert found.changes == ()
    assert {(r.usage_type, r.usd, r.region) for r in found.added} == {
        ("EU-SearchOCU", Decimal("0.26"), "eu-west-1"),
        ("EU-Host:ml.g5.xlarge", Decimal("1.57"), "eu-west-1"),
        ("EU-Requests-Tier1", Decimal("0.0055"), "eu-west-1"),
    }
    assert "AmazonES EU-IndexingOCU" in found.not_found
    catalogue = Catalogue(found.rows, CATALOGUE.models, "d", found.unpublished)
    catalogue.need_region("eu-west-1")
    names = {u.usage_type for u in catalogue.unpublished}
    assert {"EU-ES:GP3-Storage", "ES:GP3-Storage", "EU-Vectors-Query-Bytes-Small"} <= names
    again = refresh(catalogue, parse(listed), "2026-12-03", "eu-west-1")
    assert (again.added, again.confirmed) == ((), 3)
    with pytest.raises(ValueError, match="region 'us-moon-1' is unknown"):
        refresh(CATALOGUE, [], "2026-12-02", "us-moon-1")


def test_a_price_and_its_absence_are_two_types() -> None:
    assert isinstance(RATE, Unpublished)
    assert not isinstance(RATE, PriceRow)
    assert not hasattr(RATE, "usd")
