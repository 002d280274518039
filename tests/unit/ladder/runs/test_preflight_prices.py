"""A run that could not be priced does not start."""

from __future__ import annotations

import dataclasses

import pytest

from contracts.experiment import Judge, Models
from cost_reports.prices.catalogue import Catalogue
from ladder.errors import LadderError
from ladder.runs.preflight_prices import require_prices

CATALOGUE = Catalogue.load()


def test_the_defaults_are_priced() -> None:
    require_prices(Models(), "us-east-1", CATALOGUE)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"generator": "amazon.unheard-of-v1:0"}, "unheard-of"),
        ({"embedding": "amazon.unheard-embed-v9:0"}, "unheard-embed"),
        ({"training_instance": "ml.x9.large"}, "Train:ml.x9.large"),
        ({"hosting_instance": "ml.x9.large"}, "Host:ml.x9.large"),
    ],
)
def test_what_has_no_price_is_named(change: dict[str, str], named: str) -> None:
    with pytest.raises(LadderError, match="could not be priced in us-east-1") as error:
        require_prices(dataclasses.replace(Models(), **change), "us-east-1", CATALOGUE)
    assert named in str(error.value)


def test_a_region_without_prices_is_refused() -> None:
    with pytest.raises(LadderError, match="eu-west-1"):
        require_prices(Models(), "eu-west-1", CATALOGUE)


def test_a_judge_needs_prices_too() -> None:
    judge = Judge(model="us.amazon.nova-pro-v1:0", rubric="-")
    require_prices(Models(), "us-east-1", CATALOGUE, judge=judge)
    with pytest.raises(LadderError, match="unheard-of"):
        require_prices(
            Models(), "us-east-1", CATALOGUE, judge=dataclasses.replace(judge, model="amazon.unheard-of-v1:0")
        )
