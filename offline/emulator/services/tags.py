"""The Resource Groups Tagging API, with the services that ministack's leaves out: an audit by tag needs them.

The stores keep tags of resources that are gone (DynamoDB tables, alarms): only what exists is reported. IAM roles stay
out, as in AWS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from offline.emulator.seams import ministack
from offline.emulator.services.collection_groups import GROUPS

Tagged = Iterator[tuple[str, list[dict[str, str]]]]


def standard(tags: Any) -> list[dict[str, str]]:
    """Return tags of any service's own form, as `Key` and `Value`."""
    if isinstance(tags, dict):
        return [{"Key": str(key), "Value": str(value)} for key, value in tags.items()]
    return [
        {"Key": str(tag.get("Key", tag.get("key"))), "Value": str(tag.get("Value", tag.get("value", "")))}
        for tag in tags or []
    ]


def _existing(tags: Any, arns: Iterable[str]) -> Tagged:
    for arn in arns:
        if values := tags.get(arn):
            yield arn, standard(values)


def _aoss() -> Tagged:
    service = ministack("services.opensearchserverless")
    groups = [group["arn"] for group in GROUPS.here().values()]
    yield from _existing(service._tags, [*(item["arn"] for item in service._collections.values()), *groups])


def _bedrock() -> Tagged:
    service = ministack("services.bedrock")
    arns = [profile["InferenceProfileArn"] for profile in service._inference_profiles_apps.values()]
    yield from _existing(service._tags, arns)


def _logs() -> Tagged:
    for group in ministack("services.cloudwatch_logs")._log_groups.values():
        if group.get("tags"):
            yield str(group["arn"]).removesuffix(":*"), standard(group["tags"])


def _states() -> Tagged:
    service = ministack("services.stepfunctions")
    yield from _existing(service._tags, list(service._state_machines.keys()))


def _alarms() -> Tagged:
    service = ministack("services.cloudwatch")
    alarms = [alarm.get("AlarmArn", "") for alarm in service._alarms.values()]
    yield from _existing(service._resource_tags, alarms)


def _domains() -> Tagged:
    service = ministack("services.opensearch")
    yield from _existing(service._tags, [domain["ARN"] for domain in service._domains.values()])


def _budgets() -> Tagged:
    service = ministack("services.budgets")
    yield from _existing(service._tags, [service._budget_arn(name) for name in service._budgets])


COLLECTORS: dict[str, Callable[[], Tagged]] = {
    "aoss": _aoss,
    "bedrock": _bedrock,
    "logs": _logs,
    "states": _states,
    "cloudwatch": _alarms,
    "es": _domains,
    "budgets": _budgets,
}


def install() -> None:
    tagging = ministack("services.tagging")
    dynamodb = tagging._COLLECTORS["dynamodb"]

    def tables() -> Tagged:
        existing = {table.get("TableArn") for table in ministack("services.dynamodb")._tables.values()}
        yield from ((arn, tags) for arn, tags in dynamodb() if arn in existing)

    tagging._COLLECTORS.update({**COLLECTORS, "dynamodb": tables})
