"""Reads the bill from Cost Explorer: every page once, within a deadline, and at a price that is counted.

The client is a botocore client of `ce` (`runtime.client("ce")`). Requests that AWS refuses become failures, while the
others go on; a request whose pages cannot all be read gives no rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from contracts.money import ChargeRow
from contracts.times import Deadline, stamp
from contracts.units import WIDE
from cost_reports.compare.reconcile import USAGE_CATEGORIES
from cost_reports.cost_explorer import answers, failures
from cost_reports.cost_explorer.answers import AnswerError
from cost_reports.cost_explorer.requests import ROLE_TAG, TAG_KEYS, Request, plan, results_of
from cost_reports.metering.meters import COST_EXPLORER
from cost_reports.prices.catalogue import Catalogue, PriceError
from cost_reports.spend_report.records import Billed, Forecast, Window
from cost_reports.spend_report.report import Failure, Tag, TagState
from lambdas.common.runtime import DeadlineError, error_code, is_retryable, one_line, with_retries
from lambdas.spend_report.request_cache import Answer, TextStore, keep, recall

__all__ = ["ROLE_TAG", "TAG_KEYS", "CostExplorer", "read_billing", "tag_states"]

ATTEMPTS = 8
#: More pages than any report needs; a request that goes on is stopped before it costs real money.
MAX_PAGES = 200
#: The bill was refreshed between two pages, so that the pages read so far belong to another one.
RESTART = frozenset({"RequestChangedException", "InvalidNextTokenException", "BillExpirationException"})
REFUSALS = (ClientError, BotoCoreError, DeadlineError, AnswerError)
_METHODS = {"GetCostAndUsage": "get_cost_and_usage", "GetCostForecast": "get_cost_forecast"}
#: One call of ListCostAllocationTags takes at most this many keys.
KEYS_PER_CALL = 100


class CostExplorer:
    """Calls of one report. `requests` counts the pages that were answered: these are what AWS charges for."""

    def __init__(self, client: Any, deadline: Deadline) -> None:
        self._client = client
        self._deadline = deadline
        self.requests = 0

    def read(self, request: Request) -> list[dict[str, Any]]:
        """Return all pages of `request`. Where the bill is refreshed meanwhile, read them once more from the first one.

        Raises:
            ClientError, BotoCoreError: AWS refused it, or a page failed in several attempts.
            DeadlineError: the time is used up.
            AnswerError: the pages do not end.
        """
        try:
            return self._read(request)
        except ClientError as error:
            if error_code(error) not in RESTART:
                raise
        return self._read(request)

    def tags(self, keys: Sequence[str]) -> list[dict[str, Any]]:
        """Return what ListCostAllocationTags says of those of `keys` that a bill has shown; errors as for `read`."""
        tags: list[dict[str, Any]] = []
        for first in range(0, len(keys), KEYS_PER_CALL):
            parameters = {"TagKeys": list(keys[first : first + KEYS_PER_CALL])}
            for page in self._pages(self._client.list_cost_allocation_tags, parameters, "NextToken"):
                tags += page.get("CostAllocationTags") or ()
        return tags

    def _read(self, request: Request) -> list[dict[str, Any]]:
        call = getattr(self._client, _METHODS[request.operation])
        pages = []
        for page in self._pages(call, request.parameters, "NextPageToken"):
            self.requests += 1
            pages.append({name: value for name, value in page.items() if name not in ("ResponseMetadata",)})
        return pages

    def _pages(
        self, call: Callable[..., dict[str, Any]], parameters: Mapping[str, Any], token_name: str
    ) -> Iterator[dict[str, Any]]:
        """Yield the answers of `call`, page by page: the parameters stay the same, only the token changes."""
        seen: set[str] = set()
        token: dict[str, str] = {}
        while True:
            page = with_retries(
                partial(call, **parameters, **token),
                retryable=_is_retryable,
                deadline=self._deadline,
                attempts=ATTEMPTS,
                base_s=0.5,
                cap_s=15.0,
            )
            yield page
            following = page.get(token_name)
            if not following:
                return
            if following in seen or len(seen) + 1 >= MAX_PAGES:
                raise AnswerError(f"Cost Explorer: its pages do not end; stopped after {len(seen) + 1} of them")
            seen.add(following)
            token = {token_name: following}


def read_billing(
    client: Any,
    *,
    experiment: str,
    window: Window,
    today: date,
    catalogue: Catalogue,
    now: datetime,
    role_tag_active: bool = False,
    cache: TextStore | None = None,
    deadline_s: float = 240.0,
    account: str | None = None,
) -> Billed:
    """Return what Cost Explorer says of `window`: all cuts, all experiments, untagged usage, and a forecast.

    A request that was answered within the last 8 hours is taken from the cache. `failures` name the requests that gave
    nothing, by their cut. The price of a request is the price list's.

    Raises:
        ValueError: `now` has no time zone.
        PriceError: the price list does not know what a request costs.
    """
    read_at, price = stamp(now), _request_price(catalogue, today)
    explorer = CostExplorer(client, Deadline.after(deadline_s))
    rows: list[ChargeRow] = []
    forecast: Forecast | None = None
    refused: list[Failure] = []
    cached = 0
    for request in plan(window, experiment=experiment, role_tag_active=role_tag_active, today=today):
        try:
            answer = None if cache is None else recall(cache, request, now)
            if answer is None:
                answer = Answer(pages=explorer.read(request), read_at=read_at)
            else:
                cached += len(answer.pages)
            if request.name == "forecast":
                forecast = answers.forecast(answer.pages[0])
            else:
                rows += answers.charges(
                    request.name,
                    results_of(answer.pages),
                    window=window,
                    catalogue=catalogue,
                    as_of=answer.read_at,
                    account=account,
                )
        except REFUSALS as error:
            refused.append(_failure(request.name, error))
            continue
        if cache is not None and not answer.cached:
            keep(cache, request, answer)
    return Billed(
        source="billed-ce",
        account=account,
        rows=rows,
        # Tax and fees of a month have a day of their own, which says nothing about usage.
        through=max((date.fromisoformat(r.day) for r in rows if r.charge_category in USAGE_CATEGORIES), default=None),
        forecast=forecast,
        requests=explorer.requests,
        cached_requests=cached,
        request_usd=WIDE.multiply(price, Decimal(explorer.requests)),
        failures=tuple(refused),
    )


def tag_states(
    client: Any, keys: Sequence[str] = TAG_KEYS, *, deadline_s: float = 60.0
) -> tuple[tuple[Tag, ...], Failure | None]:
    """Return the state of each of `keys`, in their order, and the failure where they could not be listed."""
    try:
        listed = CostExplorer(client, Deadline.after(deadline_s)).tags(keys)
    except REFUSALS as error:
        failure = _failure("tags", error)
        state: TagState = "unknown"
        if failure.code in failures.DENIED and failures.is_member_account(str(error)):
            state = "cannot activate"
        return tuple(Tag(key=key, state=state, text=failure.text) for key in keys), failure
    return tuple(_tag(key, [entry for entry in listed if entry.get("TagKey") == key]) for key in keys), None


def _tag(key: str, entries: Sequence[Mapping[str, Any]]) -> Tag:
    if not entries:
        use = "the first Bedrock call of a tagged role" if key == ROLE_TAG else "the first use of a tagged resource"
        text = f"Billing has not seen this key yet: it appears about a day after {use}, and can then be activated."
        return Tag(key=key, state="not billed yet", text=text)
    if any(entry.get("Status") == "Active" for entry in entries):
        return Tag(key=key, state="active", text="Billing groups by it, from its activation on.")
    text = "Billing has seen it and does not group by it: `ladder tags activate` changes that within a day."
    return Tag(key=key, state="not activated", text=text)


def _request_price(catalogue: Catalogue, today: date) -> Decimal:
    meter = COST_EXPLORER
    prices = catalogue.candidates(meter.service_code, meter.name, meter.operation, today.isoformat())
    if not prices:
        raise PriceError(f"no price on {today} for {meter.service_code} {meter.name}: what a report costs is not known")
    return prices[0].usd


def _is_retryable(error: BaseException) -> bool:
    """Return whether to try again. Cost Explorer throttles by LimitExceededException, elsewhere a quota."""
    return is_retryable(error) or error_code(error) == "LimitExceededException"


def _failure(request: str, error: Exception) -> Failure:
    if isinstance(error, ClientError):
        return failures.failure(request, error_code(error), str(error.response.get("Error", {}).get("Message", "")))
    if isinstance(error, DeadlineError):
        cause = "" if error.__cause__ is None else f"last error: {one_line(error.__cause__)}"
        return failures.failure(request, failures.DEADLINE, cause)
    if isinstance(error, AnswerError):
        return failures.failure(request, failures.UNREADABLE, str(error))
    return failures.failure(request, type(error).__name__, str(error))
