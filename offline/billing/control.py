"""The control route: tests and demos set what time or the account's owner sets on AWS.

`GET` returns the state. `POST` takes a JSON object of any of these. All of it takes effect, or nothing, and the answer
is the state afterwards:

- `now`: the bill's time, ISO 8601, or `advance_hours`: how many hours it is put forward. Exports are delivered as well.
- `deliver`: true writes all exports now; `delivered` of the answer names what was written.
- `rows`: lines beside the metered usage (`adjustments.Row`): untagged usage, credits, refunds, tax, marketplace.
- `clear_rows`: true takes all such lines away first.
- `restatements`: changes of lines from a time on (`adjustments.Restatement`), in place of the former ones.
- `tags`: `active` or `inactive` for this project's keys, or an object of key -> state; since the account began.
- `role`: `payer`, or `member` for an account that may not see allocation tags.
- `cost_explorer`: `on`, or `off` for an account that has not enabled it.
- `throttle`: so many of the next requests to Cost Explorer are refused with LimitExceededException.
- `page_size`: groups or periods of a page of GetCostAndUsage.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from contracts import json_codec, times
from cost_reports.cost_explorer.requests import RESOURCE_TAGS
from offline.billing.bill import dates
from offline.billing.bill.account import Account
from offline.billing.bill.adjustments import RowError, parse_restatements, parse_rows
from offline.billing.bill.tags import ACTIVE, INACTIVE
from offline.billing.data_exports.api import DataExports
from offline.common.wire import AwsError

ACTIVATION = {"active": True, "inactive": False}
MOST_HOURS = 24 * 366 * 10


class ControlError(ValueError):
    """A control request that is refused; the message names the field."""


class Control:
    """The route of one account."""

    def __init__(self, account: Account, exports: DataExports) -> None:
        self._account = account
        self._exports = exports

    def handle(self, method: str, body: bytes) -> dict[str, Any]:
        """Return the state, after the changes of a POST.

        Raises:
            AwsError: the request is invalid; nothing was changed.
        """
        self._account.refresh()
        if method == "GET":
            return self.state()
        if method != "POST":
            raise AwsError("ValidationException", f"{method} is not supported here: GET the state, POST changes", 405)
        try:
            given = json.loads(body or b"null")
            if not isinstance(given, dict):
                raise ControlError("expected a JSON object")
            changes = self._checked(given)
        except (ControlError, RowError) as error:
            raise AwsError("ValidationException", str(error)) from error
        except ValueError as error:
            raise AwsError("ValidationException", f"the body is not JSON: {error}") from error
        for change in changes:
            change()
        self._account.refresh()
        answer: dict[str, Any] = {}
        if given.get("deliver") or "now" in given or "advance_hours" in given:
            answer["delivered"] = self._exports.deliver_all()
        return {**self.state(), **answer}

    def state(self) -> dict[str, Any]:
        account = self._account
        now = account.now()
        seen = {key: account.tags.state(key).active for key in sorted(account.seen_tags())}
        return {
            "simulated": True,
            "now": times.stamp(now),
            "offset_s": account.setting("offset_s"),
            "account": account.id,
            "role": account.setting("role"),
            "cost_explorer": account.setting("cost_explorer"),
            "throttle": account.setting("throttle"),
            "page_size": account.setting("page_size"),
            "shown_through": dates.last_shown(now).isoformat(),
            "complete_through": dates.last_complete(now).isoformat(),
            "objects": len(account.store.etags()),
            "rows": account.store.count("row"),
            "requests": account.requests(),
            "lines": len(account.lines()),
            "lines_shown": len(account.shown()),
            "tags": {key: ACTIVE if active else INACTIVE for key, active in seen.items()},
            "restatements": account.setting("restatements"),
            "exports": sorted(document["export"]["Name"] for document in account.store.all("export").values()),
            "problems": list(account.problems()),
        }

    def _checked(self, given: Mapping[str, Any]) -> list[Callable[[], None]]:
        """Return the changes, once every given value is known to be right."""
        account = self._account
        parsers: dict[str, Callable[[Any], Callable[[], None]]] = {
            "now": self._now,
            "advance_hours": self._advance,
            "deliver": self._deliver,
            "clear_rows": self._clear,
            "rows": self._rows,
            "restatements": self._restatements,
            "tags": self._tags,
            "role": lambda value: _set(account, role=_one_of("role", value, ("payer", "member"))),
            "cost_explorer": lambda value: _set(account, cost_explorer=_one_of("cost_explorer", value, ("on", "off"))),
            "throttle": lambda value: _set(account, throttle=_count("throttle", value, 0)),
            "page_size": lambda value: _set(account, page_size=_count("page_size", value, 1)),
        }
        unknown = sorted(set(given) - set(parsers))
        if unknown:
            raise ControlError(f"unknown field {', '.join(unknown)}; known are {', '.join(parsers)}")
        if "now" in given and "advance_hours" in given:
            raise ControlError("now and advance_hours: set one of them, not both")
        return [parse(given[name]) for name, parse in parsers.items() if name in given]

    def _deliver(self, value: Any) -> Callable[[], None]:
        _flag("deliver", value)
        return _nothing  # once everything else is done

    def _now(self, value: Any) -> Callable[[], None]:
        try:
            moment = times.parse_time(value)
        except (TypeError, ValueError) as error:
            raise ControlError(f"now: {error}") from error
        return self._offset("now", moment - self._account.real_now())

    def _advance(self, value: Any) -> Callable[[], None]:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_HOURS:
            raise ControlError(f"advance_hours: expected a number of hours from 0 to {MOST_HOURS} (got {value!r})")
        return self._offset("advance_hours", self._account.now() - self._account.real_now() + timedelta(hours=value))

    def _offset(self, name: str, offset: timedelta) -> Callable[[], None]:
        year = (self._account.real_now() + offset).year
        if not dates.FIRST_YEAR <= year <= dates.LAST_YEAR:
            raise ControlError(f"{name}: the bill's clock would show the year {year}")
        return _set(self._account, offset_s=offset.total_seconds())

    def _clear(self, value: Any) -> Callable[[], None]:
        return (lambda: self._account.store.clear("row")) if _flag("clear_rows", value) else _nothing

    def _rows(self, value: Any) -> Callable[[], None]:
        rows = parse_rows(value)
        return lambda: self._account.store.put("row", {str(uuid.uuid4()): json_codec.to_jsonable(row) for row in rows})

    def _restatements(self, value: Any) -> Callable[[], None]:
        restatements = parse_restatements(value)
        return _set(self._account, restatements=[json_codec.to_jsonable(restatement) for restatement in restatements])

    def _tags(self, value: Any) -> Callable[[], None]:
        states = dict.fromkeys(RESOURCE_TAGS, value) if isinstance(value, str) else value
        known = list(ACTIVATION)
        if not isinstance(states, dict) or not all(state in known for state in states.values()):
            raise ControlError("tags: expected active, inactive, or an object of tag key -> active or inactive")
        return lambda: self._account.tags.reset({key: ACTIVATION[state] for key, state in states.items()})


def _nothing() -> None:
    """Change nothing: the switch is off."""


def _set(account: Account, **settings: Any) -> Callable[[], None]:
    return lambda: account.set(**settings)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ControlError(f"{name}: expected true or false (got {value!r})")
    return value


def _one_of(name: str, value: Any, known: tuple[str, ...]) -> str:
    if value not in known:
        raise ControlError(f"{name}: expected one of {', '.join(known)} (got {value!r})")
    return str(value)


def _count(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ControlError(f"{name}: expected a whole number from {least} on (got {value!r})")
    return value
