"""The account: its clock, its settings, and the bill as it looks at a moment."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import cache
from typing import Any

from contracts import json_codec, times
from cost_reports.prices.catalogue import Catalogue
from offline.billing.bill import dates
from offline.billing.bill.adjustments import Restatement, Row, line_of
from offline.billing.bill.buckets import Buckets
from offline.billing.bill.line import Line
from offline.billing.bill.pricing import Priced, price
from offline.billing.bill.tags import Tags
from offline.billing.state import Store

Clock = Callable[[], datetime]
#: Groups of a page; a report of one experiment fits.
PAGE_SIZE = 250
DEFAULTS: Mapping[str, Any] = {
    "offset_s": 0.0,
    "page_size": PAGE_SIZE,
    "throttle": 0,
    "role": "payer",
    "cost_explorer": "on",
    "restatements": [],
}


NOTHING = Priced(lines=(), problems=())


@cache
def _catalogue() -> Catalogue:
    return Catalogue.load()


@dataclass(slots=True)
class _Cache:
    """What was priced, and the versions of the store that it was made of."""

    usage_version: int = -1
    usage: Priced = NOTHING
    version: int = -1
    all: Priced = NOTHING


class Account:
    """One account and region. Not safe between threads."""

    def __init__(self, *, store: Store, buckets: Buckets, account: str, region: str, clock: Clock) -> None:
        self.store = store
        self.buckets = buckets
        self.id = account
        self.region = region
        self.tags = Tags(store)
        self._clock = clock
        self._cache = _Cache()

    # -- clock and settings

    def real_now(self) -> datetime:
        """Return the callers' time: their clocks do not follow the bill's."""
        return self._clock().astimezone(UTC).replace(microsecond=0)

    def now(self) -> datetime:
        """Return the bill's time."""
        return self.real_now() + timedelta(seconds=self.setting("offset_s"))

    def setting(self, name: str) -> Any:
        value = self.store.get("setting", name)
        return DEFAULTS[name] if value is None else value

    def set(self, **settings: Any) -> None:
        self.store.put("setting", settings)

    # -- the bill

    def refresh(self) -> None:
        """Take in the usage that runs wrote since, and backfills that became due."""
        self.buckets.sync(self.store)
        self.tags.settle(self.now())

    def lines(self) -> tuple[Line, ...]:
        """Return every billed line, shown already or not."""
        return self._price().lines

    def problems(self) -> tuple[str, ...]:
        """Return usage that could not be billed, a line each."""
        return self._price().problems

    def shown(self) -> list[Line]:
        """Return the lines that the bill shows now, restated, with the tags that it groups by."""
        now = self.now()
        states = self.tags.states()
        due = [r for r in self._restatements() if times.parse_time(r.at) <= now]
        result = []
        for line in self.lines():
            if dates.shown_from(line) > now:
                continue
            for restatement in due:
                if restatement.fits(line):
                    quantity = line.quantity * Fraction(restatement.factor)
                    line = replace(line, usd=restatement.amount(line.usd), quantity=quantity)
            tags = {key: value for key, value in line.tags.items() if key in states and states[key].groups(line.day)}
            result.append(line if tags == line.tags else replace(line, tags=tags))
        return result

    def seen_tags(self) -> dict[str, date]:
        """Return tag keys on lines that the bill shows, active or not -> the last day of such a line."""
        now = self.now()
        last_days: dict[str, date] = {}
        for line in self.lines():
            if dates.shown_from(line) <= now:
                for key in line.tags:
                    last_days[key] = max(last_days.get(key, line.day), line.day)
        return last_days

    def stamp(self) -> str:
        """Return a text that changes with the bill: pages of two bills do not belong together."""
        return hashlib.sha256(repr(self.shown()).encode()).hexdigest()

    def count_request(self, operation: str) -> None:
        """Bill one answered request to Cost Explorer."""
        self.store.put("request", {f"{self.requests():08}": [times.stamp(self.now()), operation]})

    def requests(self) -> int:
        return self.store.count("request")

    def _restatements(self) -> list[Restatement]:
        return [json_codec.from_jsonable(Restatement, entry) for entry in self.setting("restatements")]

    def _price(self) -> Priced:
        cache, store = self._cache, self.store
        if cache.usage_version != store.usage_version:
            cache.usage = price(_catalogue(), store.objects(), (), self.region)
            cache.usage_version = store.usage_version
        if cache.version != store.version:
            requests = [(time, operation) for time, operation in store.all("request").values()]
            requested = price(_catalogue(), (), requests, self.region)
            added = [line_of(json_codec.from_jsonable(Row, row), self.region) for row in store.all("row").values()]
            cache.all = Priced(
                lines=(*cache.usage.lines, *requested.lines, *added), problems=cache.usage.problems + requested.problems
            )
            cache.version = store.version
        return cache.all
