"""Cost-allocation tags of the account: which ones billing groups by, switching them on, filling in the past.

Never part of `cdk deploy`: a key can be activated only after it was seen on a bill (about a day after the first tagged
use), and only by the account that pays. Every call here may be repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from botocore.exceptions import ClientError

from contracts.times import first_of_month
from cost_reports.render.document import Document, Table, columns
from cost_reports.spend_report.report import Tag
from ladder.errors import LadderError
from lambdas.common.runtime import error_code
from lambdas.spend_report.cost_explorer import TAG_KEYS, tag_states

#: One call of UpdateCostAllocationTagsStatus takes at most this many keys.
KEYS_PER_CALL = 20
DENIED = "AccessDeniedException"
MEMBER = "this account cannot see cost-allocation tags: ask the owner of the account that pays (the payer) to do it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """What became of one key: `activated`, `already active`, or why not yet."""

    key: str
    done: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """A backfill as Cost Explorer lists it; times are ISO 8601."""

    start: str
    requested: str
    completed: str
    status: str


def document(client: Any) -> Document:
    """Return the tags of this project with their states, and the backfills, newest first.

    Raises:
        LadderError: the account may not see tags.
    """
    tags = _states(client, TAG_KEYS)
    table = Table(
        title="Cost-allocation tags",
        columns=columns("=key", "=state", "what it means"),
        rows=tuple((tag.key, tag.state, tag.text) for tag in tags),
    )
    history = Table(
        title="Backfills",
        columns=columns("=from", "=requested", "=completed", "=status"),
        rows=tuple((b.start[:10], b.requested, b.completed, b.status) for b in backfills(client)),
    )
    active = sum(tag.state == "active" for tag in tags)
    return Document(
        title="What bills can be grouped by",
        kicker="",
        summary=f"{active} of {len(tags)} tags are active.",
        blocks=(table, history) if history.rows else (table,),
    )


def activate(client: Any, keys: Sequence[str] = TAG_KEYS) -> list[Activation]:
    """Activate those of `keys` that a bill has shown already; the others are named with what they wait for.

    Raises:
        LadderError: the account may not activate tags.
    """
    states = {tag.key: tag for tag in _states(client, keys)}
    ready = [key for key, tag in states.items() if tag.state == "not activated"]
    refusals: dict[str, str] = {}
    for first in range(0, len(ready), KEYS_PER_CALL):
        refusals |= _update(client, ready[first : first + KEYS_PER_CALL])

    def result(key: str) -> Activation:
        if key in refusals:
            return Activation(key=key, done=False, text=refusals[key])
        if key in ready:
            return Activation(key=key, done=True, text="activated; bills show it within a day")
        tag = states[key]
        active = tag.state == "active"
        return Activation(key=key, done=active, text="already active" if active else tag.text)

    return [result(key) for key in keys]


def _states(client: Any, keys: Sequence[str]) -> Sequence[Tag]:
    states, failure = tag_states(client, keys)
    if failure is not None:
        raise LadderError(failure.text)
    return states


def _update(client: Any, keys: Sequence[str]) -> dict[str, str]:
    """Activate the keys, and return why AWS did not activate some of them."""
    entries = [{"TagKey": key, "Status": "Active"} for key in keys]
    try:
        response = client.update_cost_allocation_tags_status(CostAllocationTagsStatus=entries)
    except ClientError as error:
        if error_code(error) == DENIED:
            raise LadderError(f"tags cannot be activated: {MEMBER}") from error
        raise
    return {
        str(e["TagKey"]): " ".join(f"AWS refused it ({e.get('Code')}): {e.get('Message', '')}".split())
        for e in response.get("Errors", [])
    }


def backfill(client: Any, start: date) -> Backfill:
    """Start filling in the tags from `start`, the first day of a month at most twelve months back.

    Raises:
        LadderError: `start` is another day, a backfill ran in the last 24 hours, or the account may not.
    """
    today = datetime.now(UTC).date()
    earliest = first_of_month(today, -12)
    if start.day != 1 or not earliest <= start <= today:
        raise LadderError(
            f"backfill from {start}: it begins on the first day of a month, from {earliest} to {first_of_month(today)}"
        )
    try:
        response = client.start_cost_allocation_tag_backfill(BackfillFrom=f"{start}T00:00:00Z")
    except ClientError as error:
        if error_code(error) == "BackfillLimitExceededException":
            raise LadderError(f"AWS starts one backfill in 24 hours: {_last(client)}; try again later") from error
        if error_code(error) == DENIED:
            raise LadderError(f"tags cannot be filled in: {MEMBER}") from error
        raise
    return _backfill(response["BackfillRequest"])


def backfills(client: Any) -> list[Backfill]:
    """Return all backfills that Cost Explorer remembers, newest first."""
    entries: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        page = client.list_cost_allocation_tag_backfill_history(**token)
        entries += page.get("BackfillRequests", [])
        if not page.get("NextToken"):
            return sorted(map(_backfill, entries), key=lambda b: b.requested, reverse=True)
        token = {"NextToken": page["NextToken"]}


def _last(client: Any) -> str:
    history = backfills(client)
    if not history:
        return "one was started before"
    return f"the one from {history[0].start[:10]} was started at {history[0].requested} and is {history[0].status}"


def _backfill(entry: dict[str, Any]) -> Backfill:
    return Backfill(
        start=str(entry["BackfillFrom"]),
        requested=str(entry["RequestedAt"]),
        completed=str(entry.get("CompletedAt") or ""),
        status=str(entry["BackfillStatus"]),
    )
