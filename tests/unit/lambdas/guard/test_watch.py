"""When a deployment ends, what is too old, and what is too much."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from lambdas.guard.sight import Endpoint, Sight, Stack
from lambdas.guard.watch import NOT_EXTENDED, Limits, judge

NOW = datetime(2026, 12, 10, 12, tzinfo=UTC)
LIMITS = Limits(
    lifetime=timedelta(hours=48), endpoint_age=timedelta(hours=6), spend_usd=Decimal(50), every=timedelta(minutes=15)
)


def seen(*, hours: float = 1, endpoint_hours: float | None = None, executions: tuple[str, ...] = ()) -> Sight:
    """`hours` since the last deployment, `endpoint_hours` since the endpoint was made."""
    changed = NOW - timedelta(hours=hours)
    stack = Stack(name="s", status="CREATE_COMPLETE", created=changed - timedelta(days=9), changed=changed, outputs={})
    older = Stack(name="o", status="CREATE_COMPLETE", created=stack.created, changed=stack.created, outputs={})
    endpoints = []
    if endpoint_hours is not None:
        created = NOW - timedelta(hours=endpoint_hours)
        endpoints.append(Endpoint(name="e", status="InService", created=created))
    return Sight(stacks=(older, stack), executions=executions, endpoints=tuple(endpoints))


@pytest.mark.parametrize(
    ("hours", "extended_to", "expired"),
    [
        (47.9, NOT_EXTENDED, False),
        (48, NOT_EXTENDED, True),
        (48, "2026-12-10T12:00:01+00:00", False),
        (48, "2026-12-10T11:59:59+00:00", True),
        # A deployment after the extension starts a lifetime of its own.
        (1, "2026-12-09T00:00:00+00:00", False),
    ],
)
def test_it_expires_a_lifetime_after_the_last_deployment_or_as_extended(
    hours: float, extended_to: str, expired: bool
) -> None:
    verdict = judge(seen(hours=hours), LIMITS, extended_to=extended_to, spent_usd=Decimal(0), now=NOW)
    assert verdict.expired is expired


@pytest.mark.parametrize(
    ("hours", "warned"), [(5.9, False), (6, True), (6.2, True), (6.3, False), (29.9, False), (30.1, True), (53, False)]
)
def test_an_old_endpoint_is_told_once_a_day(hours: float, warned: bool) -> None:
    sight = seen(endpoint_hours=hours)
    verdict = judge(sight, LIMITS, extended_to=NOT_EXTENDED, spent_usd=Decimal(0), now=NOW)
    assert [w.startswith("endpoint e has run for") for w in verdict.warnings] == [True] * warned


@pytest.mark.parametrize(("spent", "overspent"), [("49.99", False), ("50", True)])
def test_too_much_spent_is_told_while_something_runs(spent: str, overspent: bool) -> None:
    told = judge(seen(executions=("x",)), LIMITS, extended_to=NOT_EXTENDED, spent_usd=Decimal(spent), now=NOW)
    assert told.overspent is overspent
    assert len(told.warnings) == overspent
    idle = judge(seen(), LIMITS, extended_to=NOT_EXTENDED, spent_usd=Decimal(spent), now=NOW)
    assert idle.warnings == ()


def test_no_limit_is_no_limit() -> None:
    limits = Limits(
        lifetime=LIMITS.lifetime, endpoint_age=LIMITS.endpoint_age, spend_usd=Decimal(0), every=LIMITS.every
    )
    assert not judge(seen(), limits, extended_to=NOT_EXTENDED, spent_usd=Decimal(10**6), now=NOW).overspent
