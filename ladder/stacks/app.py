"""The CDK application of an experiment, as the command line calls it: its settings, its region, its deployment."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from infra import settings
from ladder.account import Place, consent, place_of
from ladder.cdk import ROOT, cdk_aloud
from ladder.errors import LadderError


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """An experiment with the settings that it is deployed with, and where. `flags` are those of the CDK."""

    experiment: str
    session: Any
    place: Place
    flags: tuple[str, ...]

    def run(self, *words: str) -> int:
        """Run a command of the CDK on the application; return its exit code."""
        return cdk_aloud([*words, *self.flags], environment={})


def app_of(folder: Path, context: Sequence[str], synthesised: Path | None = None) -> App:
    """Return the application of the experiment in a folder.

    `context` are settings as `key=value`; `synthesised` is a folder that the CDK wrote before, which spares a synth.

    Raises:
        LadderError: a setting is wrong.
    """
    values = dict(json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"])
    for text in context:
        key, equals, value = text.partition("=")
        if not equals:
            raise LadderError(f"-c {text}: is not key=value")
        values[key] = value
    values["experiment"] = str(folder.resolve())
    try:
        read = settings.read(values, root=ROOT)
    except settings.SettingsError as error:
        raise LadderError(str(error)) from error
    session = boto3.Session(region_name=read.region)
    flags = [word for text in (*context, f"experiment={folder.resolve()}") for word in ("-c", text)]
    if synthesised is not None:
        flags = ["--app", str(synthesised.resolve())]
    return App(experiment=read.experiment, session=session, place=place_of(session, read.region), flags=tuple(flags))


def bootstrap(app: App, *, yes: bool) -> None:
    """Prepare account and region for the CDK: a bucket, an image repository and roles, which cost next to nothing.

    Raises:
        LadderError: it was not confirmed, or the CDK failed.
    """
    consent(app.place, "bootstrap the CDK", yes=yes)
    # Without the app: bootstrapping needs no synth.
    code = cdk_aloud(["bootstrap", "--app", "", f"aws://{app.place.account}/{app.place.region}"], environment={})
    _require(code, "bootstrap")


def deploy(app: App, *, yes: bool) -> None:
    """Deploy all stacks. `ladder idle` tells what they cost without traffic.

    Raises:
        LadderError: it was not confirmed, or the CDK failed.
    """
    consent(app.place, f"deploy experiment {app.experiment}", costs="which is charged from then on", yes=yes)
    _require(app.run("deploy", "--all", "--require-approval", "never"), "deploy")


def _require(code: int, command: str) -> None:
    if code != 0:
        raise LadderError(f"`cdk {command}` failed with exit code {code}; what it says is above")
