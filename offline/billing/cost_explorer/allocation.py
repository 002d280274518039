"""The operations on cost-allocation tags. Only an account that pays has them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from contracts import times
from offline.billing import pages
from offline.billing.bill import dates
from offline.billing.bill.account import Account
from offline.billing.bill.tags import ACTIVE, BACKFILL_TAKES, INACTIVE
from offline.billing.errors import access_denied, backfill_limit
from offline.common.wire import invalid

PAGE, BACKFILL_PAGE = 100, 1000
BACKFILL_MONTHS = 12
ONE_BACKFILL_IN = timedelta(hours=24)
MEMBER = "Linked account doesn't have access to cost allocation tags."


def list_tags(account: Account, request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer ListCostAllocationTags: keys on lines that the bill shows.

    Raises:
        AwsError: the account is a member account, or the token is malformed.
    """
    _check_payer(account, "Failed to list Cost Allocation Tag: ")
    keys = request.get("TagKeys")
    listed = []
    for key, last_used in sorted(account.seen_tags().items()):
        state = account.tags.state(key)
        entry = {
            "TagKey": key,
            "Type": "AWSGenerated" if key.startswith("aws:") else "UserDefined",
            "Status": ACTIVE if state.active else INACTIVE,
            "LastUsedDate": times.stamp(dates.midnight(times.first_of_month(last_used))),
        }
        if state.updated is not None:
            entry["LastUpdatedDate"] = state.updated
        fits = all(name not in request or request[name] == entry[name] for name in ("Type", "Status"))
        if fits and (keys is None or key in keys):
            listed.append(entry)
    size = min(request.get("MaxResults", PAGE), PAGE)
    page, token = pages.page_of(listed, request, size=size, token="NextToken")  # noqa: S106
    return {"CostAllocationTags": page, **token}


def update_tags(account: Account, request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer UpdateCostAllocationTagsStatus: `Errors` names keys that the bill has not shown, the others change."""
    _check_payer(account, "Failed to update Cost Allocation Tag: ")
    entries = request["CostAllocationTagsStatus"]
    keys = [entry["TagKey"] for entry in entries]
    if len(set(keys)) < len(keys):
        raise invalid("Failed to update Cost Allocation Tag: a tag key is repeated")
    seen, errors = account.seen_tags(), []
    for entry in entries:
        key = entry["TagKey"]
        if key in seen:
            account.tags.update(key, entry["Status"] == ACTIVE, account.now())
        else:
            message = f"Tag keys not found: {key}"
            errors.append({"TagKey": key, "Code": "TagKeysNotFoundException", "Message": message})
    return {"Errors": errors}


def start_backfill(account: Account, request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer StartCostAllocationTagBackfill; it takes effect an hour later by the bill's clock."""
    _check_payer(account, "Failed to start Cost Allocation Tag backfill: ")
    now = account.now()
    try:
        start = times.parse_time(request["BackfillFrom"])
    except ValueError as error:
        raise invalid(f"BackfillFrom {request['BackfillFrom']} is not a time: {error}") from error
    earliest = times.first_of_month(now.date(), -BACKFILL_MONTHS)
    if start != dates.midnight(times.first_of_month(start.date())):
        raise invalid(f"BackfillFrom {request['BackfillFrom']} is not the first day of a month")
    if not dates.midnight(earliest) <= start <= now:
        raise invalid(f"BackfillFrom {request['BackfillFrom']} is not within the previous {BACKFILL_MONTHS} months")
    if any(now - times.parse_time(old["requested"]) < ONE_BACKFILL_IN for old in account.tags.backfills()):
        raise backfill_limit()
    document = account.tags.start_backfill(start.date(), set(account.seen_tags()), now)
    return {"BackfillRequest": _plain(document)}


def list_backfills(account: Account, request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer ListCostAllocationTagBackfillHistory, newest first."""
    _check_payer(account, "Failed to list Cost Allocation Tag backfills: ")
    requests = [_plain(document) for document in reversed(account.tags.backfills())]
    size = request.get("MaxResults", BACKFILL_PAGE)
    page, token = pages.page_of(requests, request, size=size, token="NextToken")  # noqa: S106
    return {"BackfillRequests": page, **token}


def _plain(document: Mapping[str, Any]) -> dict[str, str]:
    described = {
        "BackfillFrom": f"{document['from']}T00:00:00Z",
        "RequestedAt": document["requested"],
        "BackfillStatus": "PROCESSING",
        "LastUpdatedAt": document["requested"],
    }
    if document["applied"]:
        done = times.stamp(times.parse_time(document["requested"]) + BACKFILL_TAKES)
        described.update(BackfillStatus="SUCCEEDED", CompletedAt=done, LastUpdatedAt=done)
    return described


def _check_payer(account: Account, what: str) -> None:
    if account.setting("role") == "member":
        raise access_denied(what + MEMBER)
