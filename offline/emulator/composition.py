"""Every addition to ministack, in the order in which it must be made."""

from __future__ import annotations

from offline.emulator import (
    alarms,
    aoss,
    bedrock,
    billing,
    buckets,
    budgets,
    faults,
    forward,
    functions,
    gateway,
    states,
    tags,
)
from offline.emulator.settings import EmulatorSettings


def compose(settings: EmulatorSettings) -> None:
    """Extend the loaded ministack; to be called once, before its `main`."""
    forward.install(settings.engines_port)
    alarms.install()
    aoss.install(settings.opensearch_endpoint)
    bedrock.install()
    billing.install()
    buckets.install()
    budgets.install()
    functions.install(settings.directory, settings.opensearch_port)
    states.install()
    tags.install()
    # Last: they wrap what the others put in place.
    faults.install()
    gateway.install(settings.instance, settings.engines_port)
