"""Every addition to ministack, in the order in which it must be made."""

from __future__ import annotations

from offline.emulator import gateway
from offline.emulator.services import faults, forward, functions, states, tags
from offline.emulator.settings import EmulatorSettings
from offline.emulator.templates import alarms, billing, buckets, budgets, collections, inference_profiles


def compose(settings: EmulatorSettings) -> None:
    """Extend the loaded ministack; to be called once, before its `main`."""
    forward.install(settings.engines_port)
    alarms.install()
    collections.install(settings.opensearch_endpoint)
    inference_profiles.install()
    billing.install()
    buckets.install()
    budgets.install()
    functions.install(settings.directory, settings.opensearch_port)
    states.install()
    tags.install()
    # Last: they wrap what the others put in place.
    faults.install()
    gateway.install(
        instance=settings.instance,
        engines_port=settings.engines_port,
        opensearch_port=settings.opensearch_port,
    )
