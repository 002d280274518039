"""CloudFormation types of billing: data exports, anomaly monitors and subscriptions; the billing engine keeps them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

from offline.billing.api import CE_TARGET, EXPORTS_TARGET
from offline.emulator.seams import Created, Properties, accepted, ministack, unless_absent
from offline.emulator.templates import registry

EXPORT = "AWS::BCMDataExports::Export"
MONITOR = "AWS::CE::AnomalyMonitor"
SUBSCRIPTION = "AWS::CE::AnomalySubscription"
#: CloudFormation, too, retries what a service throttles.
THROTTLED = ("LimitExceededException", "ThrottlingException")
_ATTEMPTS, _PAUSE_S = 8, 0.05
_TARGETS = {"ce": CE_TARGET, "bcm-data-exports": EXPORTS_TARGET}


def call(service: str, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Call an operation of the engine, through the service's handler. Never call it on the event loop: it waits for the
    engine, and the engine may ask this server for objects meanwhile.

    Raises:
        ValueError: the engine refuses; with AWS's code and message.
    """
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": f"{_TARGETS[service]}.{operation}",
    }
    body = json.dumps(request).encode()
    handler = ministack("app").SERVICE_HANDLERS[service]
    response = asyncio.run(handler("POST", "/", headers, body, {}))
    for _ in range(_ATTEMPTS - 1):
        if response[0] < 300 or json.loads(response[2]).get("__type") not in THROTTLED:
            break
        time.sleep(_PAUSE_S)
        response = asyncio.run(handler("POST", "/", headers, body, {}))
    return accepted(response, operation)


# -- data exports -----------------------------------------------------------------------------------------------------


def _export_created(_logical_id: str, properties: Properties, _stack: str) -> Created:
    request = {"Export": properties["Export"], "ResourceTags": registry.tags_of(properties, "Tags")}
    arn = str(call("bcm-data-exports", "CreateExport", request)["ExportArn"])
    return arn, _export_attributes(arn)


def _export_attributes(arn: str) -> dict[str, Any]:
    return {"ExportArn": arn, "Export.ExportArn": arn}


def _export_changed(arn: str, old: Properties, new: Properties) -> dict[str, Any]:
    if new["Export"] != old["Export"]:
        call("bcm-data-exports", "UpdateExport", {"ExportArn": arn, "Export": new["Export"]})
    _tags_changed("bcm-data-exports", arn, registry.tags_of(old, "Tags"), registry.tags_of(new, "Tags"))
    return _export_attributes(arn)


def _export_deleted(arn: str, _properties: Properties) -> None:
    with unless_absent("ResourceNotFoundException"):
        call("bcm-data-exports", "DeleteExport", {"ExportArn": arn})


def _tags_changed(service: str, arn: str, old: list[dict[str, str]], new: list[dict[str, str]]) -> None:
    gone = sorted({tag["Key"] for tag in old} - {tag["Key"] for tag in new})
    if gone:
        call(service, "UntagResource", {"ResourceArn": arn, "ResourceTagKeys": gone})
    if new != old and new:
        call(service, "TagResource", {"ResourceArn": arn, "ResourceTags": new})


# -- anomalies --------------------------------------------------------------------------------------------------------


def _as_json(value: Any) -> Any:
    """Return an expression: templates carry it as text."""
    return json.loads(value) if isinstance(value, str) else value


def monitor_of(properties: Properties) -> dict[str, Any]:
    """Return the `AnomalyMonitor` of CreateAnomalyMonitor."""
    names = ("MonitorName", "MonitorType", "MonitorDimension")
    monitor = {name: properties[name] for name in names if name in properties}
    if "MonitorSpecification" in properties:
        monitor["MonitorSpecification"] = _as_json(properties["MonitorSpecification"])
    return monitor


def _monitor_created(_logical_id: str, properties: Properties, _stack: str) -> Created:
    request = {"AnomalyMonitor": monitor_of(properties), "ResourceTags": registry.tags_of(properties, "ResourceTags")}
    arn = str(call("ce", "CreateAnomalyMonitor", request)["MonitorArn"])
    return arn, _monitor_attributes(arn)


def _monitor_attributes(arn: str) -> dict[str, Any]:
    (monitor,) = call("ce", "GetAnomalyMonitors", {"MonitorArnList": [arn]})["AnomalyMonitors"]
    return {"MonitorArn": arn, "CreationDate": monitor["CreationDate"], "LastUpdatedDate": monitor["LastUpdatedDate"]}


def _monitor_changed(arn: str, _old: Properties, new: Properties) -> dict[str, Any]:
    call("ce", "UpdateAnomalyMonitor", {"MonitorArn": arn, "MonitorName": new["MonitorName"]})
    return _monitor_attributes(arn)


def _monitor_deleted(arn: str, _properties: Properties) -> None:
    with unless_absent("UnknownMonitorException"):
        call("ce", "DeleteAnomalyMonitor", {"MonitorArn": arn})


def subscription_of(properties: Properties) -> dict[str, Any]:
    """Return the members that CreateAnomalySubscription and UpdateAnomalySubscription have in common."""
    subscription = {
        "SubscriptionName": properties["SubscriptionName"],
        "MonitorArnList": properties["MonitorArnList"],
        "Frequency": properties["Frequency"],
        "Subscribers": properties["Subscribers"],
    }
    if "Threshold" in properties:
        subscription["Threshold"] = float(properties["Threshold"])
    if "ThresholdExpression" in properties:
        subscription["ThresholdExpression"] = _as_json(properties["ThresholdExpression"])
    return subscription


def _subscription_created(_logical_id: str, properties: Properties, _stack: str) -> Created:
    request = {
        "AnomalySubscription": subscription_of(properties),
        "ResourceTags": registry.tags_of(properties, "ResourceTags"),
    }
    arn = str(call("ce", "CreateAnomalySubscription", request)["SubscriptionArn"])
    return arn, _subscription_attributes(arn)


def _subscription_attributes(arn: str) -> dict[str, Any]:
    return {"SubscriptionArn": arn, "AccountId": arn.split(":")[4]}


def _subscription_changed(arn: str, _old: Properties, new: Properties) -> dict[str, Any]:
    call("ce", "UpdateAnomalySubscription", {"SubscriptionArn": arn, **subscription_of(new)})
    return _subscription_attributes(arn)


def _subscription_deleted(arn: str, _properties: Properties) -> None:
    with unless_absent("UnknownSubscriptionException"):
        call("ce", "DeleteAnomalySubscription", {"SubscriptionArn": arn})


def install() -> None:
    registry.register(
        EXPORT,
        create=_export_created,
        delete=_export_deleted,
        change=_export_changed,
        tags="Tags",
        blocking=True,
    )
    registry.register(
        MONITOR,
        create=_monitor_created,
        delete=_monitor_deleted,
        change=_monitor_changed,
        create_only=("MonitorType", "MonitorDimension", "MonitorSpecification", "ResourceTags"),
        tags="ResourceTags",
        blocking=True,
    )
    registry.register(
        SUBSCRIPTION,
        create=_subscription_created,
        delete=_subscription_deleted,
        change=_subscription_changed,
        create_only=("ResourceTags",),
        tags="ResourceTags",
        blocking=True,
    )
