"""What the guard decides: whether the deployment has expired, spends too much, or has an endpoint that is too old."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from lambdas.guard.sight import Sight

#: What the parameter of the expiry holds until it is extended.
NOT_EXTENDED = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`lifetime` counts from the last deployment; a `spend_usd` of 0 is no limit."""

    lifetime: timedelta
    endpoint_age: timedelta
    spend_usd: Decimal
    #: How often the guard looks, so that each warning is given once a day.
    every: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is to be done, and what is to be told."""

    expires: datetime
    expired: bool
    overspent: bool
    warnings: tuple[str, ...]


def expiry(sight: Sight, extended_to: str, lifetime: timedelta) -> datetime:
    """Return when the deployment ends: as extended, or its lifetime after the last change of a stack."""
    changed = max(stack.changed for stack in sight.stacks)
    if extended_to == NOT_EXTENDED:
        return changed + lifetime
    return max(datetime.fromisoformat(extended_to), changed + lifetime)


def judge(sight: Sight, limits: Limits, *, extended_to: str, spent_usd: Decimal, now: datetime) -> Verdict:
    """Return the verdict of one look. `spent_usd` is what was metered this month and what runs now has cost so far."""
    expires = expiry(sight, extended_to, limits.lifetime)
    overspent = limits.spend_usd > 0 and spent_usd >= limits.spend_usd
    warnings = []
    for endpoint in sight.endpoints:
        beyond = now - endpoint.created - limits.endpoint_age
        # Once when it is crossed, then once a day.
        if timedelta(0) <= beyond and beyond % timedelta(days=1) < limits.every:
            hours = (now - endpoint.created) / timedelta(hours=1)
            warnings.append(f"endpoint {endpoint.name} has run for {hours:.1f} h and is charged by the second")
    if overspent and sight.executions:
        warnings.append(f"${spent_usd:.2f} was used this month, the limit is ${limits.spend_usd:.2f}: executions stop")
    return Verdict(expires=expires, expired=now >= expires, overspent=overspent, warnings=tuple(warnings))
