"""A bill of three days as Cost Explorer pages it, and a client that answers with it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
from botocore.exceptions import ClientError
from botocore.validate import validate_parameters

from cost_reports.prices.catalogue import Catalogue
from cost_reports.spend_report.records import Window

PAGES = Path(__file__).parent / "pages"
TODAY = date(2026, 11, 27)
NOW = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
WINDOW = Window(start=date(2026, 10, 1), end=date(2026, 11, 28))
CUTS = {
    "cost-cell SERVICE": "service",
    "cost-cell USAGE_TYPE": "usage-type",
    "cost-cell RECORD_TYPE": "record-type",
    "cost-cell model": "model",
    "iamPrincipal/cost-cell model": "role",
}


@cache
def catalogue() -> Catalogue:
    return Catalogue.load()


@cache
def _text(cut: str) -> str:
    return (PAGES / f"{cut}.json").read_text(encoding="utf-8")


def pages(cut: str) -> list[dict[str, Any]]:
    """The pages of a cut or of the forecast, as AWS answers them."""
    found: list[dict[str, Any]] = json.loads(_text(cut))
    return found


@cache
def _operation(name: str) -> Any:
    return botocore.session.get_session().get_service_model("ce").operation_model(name)


def validate(operation: str, parameters: Any) -> None:
    """Refuse what AWS's own service model refuses."""
    validate_parameters(dict(parameters), _operation(operation).input_shape)


def refused(code: str, message: str = "said AWS", status: int = 400) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "GetCostAndUsage")


class FakeBill:
    """A `ce` client: checks each request against the service model, answers page by page.

    `errors` holds, by (cut, page number), what is raised there first. `asked` lists the pages that were asked for.
    """

    def __init__(self) -> None:
        self.errors: dict[tuple[str, int], list[Exception]] = {}
        self.asked: list[tuple[str, int]] = []
        self.tags: list[dict[str, Any]] = []
        self.pages = {cut: pages(cut) for cut in (*CUTS.values(), "forecast")}

    def fail(self, cut: str, *errors: Exception, page: int = 0) -> FakeBill:
        self.errors.setdefault((cut, page), []).extend(errors)
        return self

    def get_cost_and_usage(self, **parameters: Any) -> dict[str, Any]:
        validate("GetCostAndUsage", parameters)
        return self._answer(CUTS[" ".join(g["Key"] for g in parameters["GroupBy"])], parameters.get("NextPageToken"))

    def get_cost_forecast(self, **parameters: Any) -> dict[str, Any]:
        validate("GetCostForecast", parameters)
        return self._answer("forecast", None)

    def list_cost_allocation_tags(self, **parameters: Any) -> dict[str, Any]:
        validate("ListCostAllocationTags", parameters)
        number = int(parameters.get("NextToken", "0"))
        self._raise("tags", number)
        keys = parameters["TagKeys"]
        found = [tag for tag in self.tags if tag["TagKey"] in keys]
        answer: dict[str, Any] = {"CostAllocationTags": found[number : number + 1]}
        return answer | ({"NextToken": str(number + 1)} if number + 1 < len(found) else {})

    def _answer(self, cut: str, token: str | None) -> dict[str, Any]:
        tokens = [None, *(page.get("NextPageToken") for page in self.pages[cut])]
        number = tokens.index(token)
        self._raise(cut, number)
        return {**self.pages[cut][number], "ResponseMetadata": {"RequestId": "1", "HTTPStatusCode": 200}}

    def _raise(self, cut: str, number: int) -> None:
        self.asked.append((cut, number))
        if waiting := self.errors.get((cut, number)):
            raise waiting.pop(0)
