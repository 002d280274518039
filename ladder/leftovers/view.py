"""An audit as lines for the terminal: what was looked at, what is left and how it is deleted, what was not seen."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from cost_reports.text import printable
from ladder.leftovers.deletion import command
from ladder.leftovers.records import Audit, Leftover

WIDTH = 118


def lines(audit: Audit) -> Iterator[str]:
    """Yield the whole result, without the verdict."""
    place = ", the embedded AWS" if audit.embedded else ""
    yield f"experiment {audit.experiment}, account {audit.account}{place}"
    full = [region.name for region in audit.regions if region.depth == "full"]
    others = [region.name for region in audit.regions if region.depth == "tags"]
    yield from _wrapped("looked at every kind in: ", full)
    if others:
        yield from _wrapped("looked at tags and stacks in: ", others)
    yield from _wrapped(f"{len(audit.kinds)} kinds: ", _by_service(audit.kinds))
    for item in audit.leftovers:
        yield f"left: {_named(item)}"
        call = command(item, audit.account)
        # What a stack holds must go with it: deleted by itself it would make the stack's deletion fail.
        if call and not audit.stacks:
            yield f"    {printable(call)}"
    if audit.perhaps:
        yield "perhaps the experiment's, perhaps not (weak evidence; leave it unless you know that it is yours):"
        yield from (f"    {_named(item)}" for item in audit.perhaps)
    if audit.stays:
        yield "stays: shared by the account, and costs nothing:"
        yield from (f"    {_named(item)}" for item in audit.stays)
    for failure in audit.failed:
        yield f"could not be looked at: {failure.kind} ({failure.region}): {failure.reason}"
    absent = [item for item in audit.not_seen if not item.offered]
    for region, items in groupby(sorted(absent, key=lambda item: item.region), key=lambda item: item.region):
        place = "the embedded AWS" if audit.embedded else region
        yield from _wrapped(f"not offered by {place}: ", [item.kind for item in items])


def _named(item: Leftover) -> str:
    return printable(f"{item.kind} {item.name} ({item.region}, {item.state}; {item.evidence})")


def _by_service(kinds: Iterable[str]) -> list[str]:
    parts = sorted(kind.split("::")[1:] for kind in kinds)
    return [
        f"{service} ({', '.join(kind for _, kind in group)})"
        for service, group in groupby(parts, key=lambda part: part[0])
    ]


def _wrapped(start: str, words: Sequence[str]) -> list[str]:
    return textwrap.wrap(start + ", ".join(words), WIDTH, subsequent_indent="  ", break_on_hyphens=False)
