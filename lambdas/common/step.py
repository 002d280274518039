"""What every handler does first: check the event, read the settings, open the run, start the meter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from contracts import keys
from contracts.money import UsageRow
from contracts.run import Manifest
from contracts.times import Deadline
from lambdas.common import settings
from lambdas.common.metering import Meter
from lambdas.common.runtime import LambdaContext, Log, client, deadline_of
from lambdas.common.settings import RunSettings
from lambdas.common.store import Results

T = TypeVar("T")


class EventError(ValueError):
    """The payload of the state machine lacks a field, or one is of another type; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One handler call: where it reads and writes, how long it may take, what it has used so far."""

    settings: RunSettings
    manifest: Manifest
    results: Results
    meter: Meter
    deadline: Deadline
    log: Log

    def write_usage(self, approach: str, step: str, *, continued: bool = False) -> None:
        """Write what this step used; the last thing that a handler does.

        `continued`: what an earlier call of the step used stays, because that was paid for too.
        """
        key = keys.usage(self.manifest.experiment, self.manifest.run, approach, step)
        earlier = self.results.read(key, UsageRow) if continued and self.results.exists(key) else ()
        self.meter.write(self.results, key, earlier)


def open_step(event: Mapping[str, Any], context: LambdaContext, approach: str, variant: str | None = None) -> Step:
    """Open the run that `event` names; S3 requests are metered from here on.

    Raises:
        SettingsError, EventError, MissingObjectError: what is missing is named.
    """
    own = settings.read(RunSettings)
    experiment, run = field(event, "experiment", str), field(event, "run", str)
    if experiment != own.experiment:
        raise EventError(
            f"event field 'experiment' is {experiment!r}, but this function was deployed for {own.experiment!r}; "
            "its costs would get the wrong tag"
        )
    log = Log(experiment=experiment, run=run, approach=approach, request_id=context.aws_request_id)
    s3 = client("s3")
    meter = Meter(
        experiment=experiment, run=run, approach=approach, variant=variant, region=own.region, context=context
    ).watch(s3)
    results = Results(own.bucket, s3)
    try:
        manifest = results.manifest(experiment, run)
    except BaseException:
        meter.close()
        raise
    return Step(
        settings=own,
        manifest=manifest,
        results=results,
        meter=meter,
        deadline=deadline_of(context),
        log=log,
    )


def field(event: Mapping[str, Any], name: str, kind: type[T]) -> T:
    """Return a required field of the event.

    Raises:
        EventError: it is missing or not a `kind`.
    """
    if name not in event:
        raise EventError(f"event field {name!r} is missing")
    value = event[name]
    if not isinstance(value, kind) or isinstance(value, bool) is not (kind is bool):
        raise EventError(f"event field {name!r} must be {kind.__name__}, not {value!r}")
    return value
