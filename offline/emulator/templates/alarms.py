"""CloudWatch alarms on an expression over several metrics: ministack refuses them in templates.

They are made, listed, tagged and deleted like others, but never change their state: the emulator evaluates alarms on
one metric only. In their description, the expression stands where another alarm's metric name does.
"""

from __future__ import annotations

from typing import Any

from offline.emulator.seams import Properties
from offline.emulator.templates import registry

NAMESPACE = "metric math"


def described(properties: Properties) -> Properties:
    """Return properties of an alarm on one metric in place of these; properties without `Metrics` stay as they are."""
    queries: list[dict[str, Any]] = properties.get("Metrics") or []
    if not queries:
        return properties
    shown = [query for query in queries if str(query.get("ReturnData", "true")).lower() == "true"]
    if len(shown) != 1:
        raise ValueError(f"AWS::CloudWatch::Alarm: exactly one of Metrics must return data, not {len(shown)}")
    for query in queries:
        if ("Expression" in query) == ("MetricStat" in query):
            raise ValueError(f"AWS::CloudWatch::Alarm: metric {query.get('Id')} needs either Expression or MetricStat")
    periods = [int(query["MetricStat"]["Period"]) for query in queries if "MetricStat" in query]
    name = shown[0].get("Expression") or shown[0]["MetricStat"]["Metric"]["MetricName"]
    kept = {key: value for key, value in properties.items() if key != "Metrics"}
    return {**kept, "MetricName": name, "Namespace": NAMESPACE, "Period": max(periods, default=60)}


def install() -> None:
    registry.adapt("AWS::CloudWatch::Alarm", described)
