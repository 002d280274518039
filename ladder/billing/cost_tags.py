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
from ladder.errors import LadderError
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
    completed: str | None
    status: str


def activate(client: Any, keys: Sequence[str] = TAG_KEYS) -> list[Activation]:
    """Activates those of `keys` that a bill has shown already; the others are named with what they wait for.

    Raises:
        LadderError: the account may not activate tags.
    """
    states, failure = tag_states(client, keys)
    if failure is not None:
        raise LadderError(failure.text)
    result = {
        tag.key: Activation(key=tag.key, done=True, text="already active") for tag in states if tag.state == "active"
    }
    waiting = {tag.key: tag.text for tag in states if tag.state != "active"}
    asked = [tag.key for tag in states if tag.state == "not activated"]
    for first in range(0, len(asked), KEYS_PER_CALL):
        part = asked[first : first + KEYS_PER_CALL]
        errors = _update(client, part)
        for key in part:
            text = errors.get(key)
            result[key] = Activation(key=key, done=text is None, text=text or "activated; bills show it within a day")
    for key, text in waiting.items():
        result.setdefault(key, Activation(key=key, done=False, text=text))
    return [result[key] for key in keys]


def _update(client: Any, keys: Sequence[str]) -> dict[str, str]:
    """Key -> why AWS did not activate it."""
    entries = [{"TagKey": key, "Status": "Active"} for key in keys]
    try:
        answer = client.update_cost_allocation_tags_status(CostAllocationTagsStatus=entries)
    except ClientError as error:
        if error.response["Error"]["Code"] == DENIED:
            raise LadderError(f"tags cannot be activated: {MEMBER}") from error
        raise
    return {
        str(e["TagKey"]): " ".join(f"AWS refused it ({e.get('Code')}): {e.get('Message', '')}".split())
        for e in answer.get("Errors", [])
    }


def backfill(client: Any, start: date) -> Backfill:
    """Starts filling in the tags from `start`, the first day of a month at most twelve months back.

    Raises:
        LadderError: `start` is no such day, a backfill ran in the last 24 hours, or the account may not.
    """
    today = datetime.now(UTC).date()
    earliest = first_of_month(today, -12)
    if start.day != 1 or not earliest <= start <= today:
        raise LadderError(
            f"backfill from {start}: it begins on the first day of a month, from {earliest} to {first_of_month(today)}"
        )
    try:
        found = client.start_cost_allocation_tag_backfill(BackfillFrom=f"{start}T00:00:00Z")["BackfillRequest"]
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "BackfillLimitExceededException":
            raise LadderError(f"AWS starts one backfill in 24 hours: {_last(client)}; try again later") from error
        if code == DENIED:
            raise LadderError(f"tags cannot be filled in: {MEMBER}") from error
        raise
    return _backfill(found)


def backfills(client: Any) -> list[Backfill]:
    """All backfills that Cost Explorer remembers, newest first."""
    found: list[Backfill] = []
    token: dict[str, str] = {}
    while True:
        page = client.list_cost_allocation_tag_backfill_history(**token)
        found += [_backfill(entry) for entry in page.get("BackfillRequests", [])]
        if not page.get("NextToken"):
            return sorted(found, key=lambda b: b.requested, reverse=True)
        token = {"NextToken": page["NextToken"]}


def _last(client: Any) -> str:
    found = backfills(client)
    if not found:
        return "one was started before"
    return f"the one from {found[0].start[:10]} was started at {found[0].requested} and is {found[0].status}"


def _backfill(entry: dict[str, Any]) -> Backfill:
    completed = entry.get("CompletedAt")
    return Backfill(
        start=str(entry["BackfillFrom"]),
        requested=str(entry["RequestedAt"]),
        completed=None if completed is None else str(completed),
        status=str(entry["BackfillStatus"]),
    )
