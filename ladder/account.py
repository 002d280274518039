"""On which account and region a command acts, and the question before it costs or destroys something."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import typer

from ladder import embedded_aws
from ladder.errors import LadderError


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An account and a region; on the embedded AWS nothing costs."""

    account: str
    region: str
    embedded: bool

    def __str__(self) -> str:
        return f"account {self.account}, region {self.region}{', the embedded AWS' if self.embedded else ''}"


def place_of(session: Any, region: str | None = None) -> Place:
    """Return where the session acts. `region` is for what goes to another region than the session's."""
    sts = session.client("sts")
    return Place(
        account=str(sts.get_caller_identity()["Account"]),
        region=str(region or session.region_name),
        embedded=embedded_aws.is_embedded(str(sts.meta.endpoint_url)),
    )


def consent(place: Place, what: str, *, costs: str = "", yes: bool) -> None:
    """Say what a command is about to do and where, and ask. On the embedded AWS nothing costs: there it only says it.

    `costs` says in some words what AWS charges for it.

    Raises:
        LadderError: the answer is no, or there is no terminal to ask on.
    """
    what = f"{what}, {costs}" if costs and not place.embedded else what
    typer.echo(f"{what}: {place}")
    if yes or place.embedded:
        return
    if not sys.stdin.isatty():
        raise LadderError(f"{what} in {place} was not confirmed: there is no terminal to ask; say --yes")
    if not typer.confirm("Go on?", err=True):
        raise LadderError(f"{what} in {place} was not confirmed; nothing was done")
