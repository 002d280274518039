"""Cost-allocation tags: which keys the bill groups by, and from which day on.

An activated key groups the usage of that day and later; a backfill carries its present state into the past. The keys
of this project are active from the beginning, as in an account whose payer activated them before; all others, those of
roles among them, are not. The control route can change that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from contracts import times
from cost_reports.cost_explorer.requests import RESOURCE_TAGS
from offline.billing.state import Store

BACKFILL_TAKES = timedelta(hours=1)
ACTIVE, INACTIVE = "Active", "Inactive"

Interval = tuple[str, str | None]
"""Days as ISO text, the end exclusive; without an end it is open."""


@dataclass(frozen=True, slots=True)
class TagState:
    """`updated`: when the key was last activated or deactivated; None = never since the account began."""

    active: bool
    updated: str | None
    intervals: tuple[Interval, ...]

    def groups(self, day: date) -> bool:
        """Return whether the bill groups usage of `day` by the key."""
        text = day.isoformat()
        return any(start <= text and (end is None or text < end) for start, end in self.intervals)


class Tags:
    """The states of all keys, kept in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def states(self) -> dict[str, TagState]:
        """Return the states of keys that were ever set; `state` returns the state of any key."""
        states = {key: _from_the_beginning(True) for key in RESOURCE_TAGS}
        for key, document in self._store.all("tag").items():
            intervals = tuple((start, end) for start, end in document["intervals"])
            states[key] = TagState(document["active"], document["updated"], intervals)
        return states

    def state(self, key: str) -> TagState:
        return self.states().get(key, _from_the_beginning(False))

    def reset(self, states: dict[str, bool]) -> None:
        """Set keys as active, or not, since the account began."""
        self._store.put("tag", {key: _document(_from_the_beginning(active)) for key, active in states.items()})

    def update(self, key: str, active: bool, now: datetime) -> None:
        """Activate or deactivate a key from today on."""
        old = self.state(key)
        if old.active == active:
            return
        today = now.date().isoformat()
        intervals = _without(old.intervals, today, None)
        if active:
            intervals += ((today, None),)
        self._store.put("tag", {key: _document(TagState(active, times.stamp(now), intervals))})

    # -- backfills

    def start_backfill(self, start: date, keys: set[str], now: datetime) -> dict[str, Any]:
        """Carry the present state of `keys`, and of all that have a state, back to `start`, an hour from now."""
        states = {key: self.state(key).active for key in keys | self.states().keys()}
        document: dict[str, Any] = {
            "from": start.isoformat(),
            "requested": times.stamp(now),
            "states": states,
            "applied": False,
        }
        self._store.put("backfill", {document["requested"]: document})
        return document

    def backfills(self) -> list[dict[str, Any]]:
        """Return all of them, oldest first."""
        return sorted(self._store.all("backfill").values(), key=lambda document: str(document["requested"]))

    def settle(self, now: datetime) -> None:
        """Let backfills whose time has come take effect."""
        for document in self.backfills():
            if document["applied"] or now < times.parse_time(document["requested"]) + BACKFILL_TAKES:
                continue
            start, end = document["from"], document["requested"][:10]
            changed = {}
            for key, active in document["states"].items():
                old = self.state(key)
                intervals = _without(old.intervals, start, end)
                if active and start < end:
                    intervals += ((start, end),)
                changed[key] = _document(TagState(old.active, old.updated, intervals))
            self._store.put("tag", changed)
            self._store.put("backfill", {document["requested"]: {**document, "applied": True}})


def _from_the_beginning(active: bool) -> TagState:
    return TagState(active, None, (("0001-01-01", None),) if active else ())


def _document(state: TagState) -> dict[str, Any]:
    return {"active": state.active, "updated": state.updated, "intervals": [list(i) for i in state.intervals]}


def _without(intervals: tuple[Interval, ...], start: str, end: str | None) -> tuple[Interval, ...]:
    """Return the days of `intervals` that do not lie between `start` and `end`."""
    kept: list[Interval] = []
    for first, last in intervals:
        if first < start:
            kept.append((first, start if last is None or last > start else last))
        if end is not None and (last is None or last > end):
            kept.append((max(first, end), last))
    return tuple(kept)
