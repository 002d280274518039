"""What a search for leftovers gives: things that are still there, and kinds that could not be looked at."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ladder.files import write_text

#: The region of what belongs to the account as a whole.
EVERYWHERE = "global"
STACK = "AWS::CloudFormation::Stack"


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Leftover:
    """One thing that is still there.

    `kind` is the CloudFormation type, `state` the service's own word or `exists`. `evidence` says why the thing is
    taken for the experiment's. `handle` is what the service may want instead of the name.
    """

    kind: str
    name: str
    state: str
    evidence: str
    arn: str = ""
    region: str = ""
    handle: str = ""


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class NotSeen:
    """A kind that could not be looked at. Not `offered`: the service does not exist there, so nothing of it can."""

    kind: str
    region: str
    reason: str
    offered: bool


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Region:
    """A region that was searched: `full` for every kind, `tags` by tag and by stack only."""

    name: str
    depth: Literal["full", "tags"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """The result of one search. As a sequence it is that of its leftovers.

    `perhaps` rests on weak evidence: no reason to delete anything. `stays` is shared and costs nothing.
    """

    experiment: str
    account: str
    embedded: bool
    regions: tuple[Region, ...]
    kinds: tuple[str, ...]
    leftovers: tuple[Leftover, ...] = ()
    perhaps: tuple[Leftover, ...] = ()
    stays: tuple[Leftover, ...] = ()
    not_seen: tuple[NotSeen, ...] = ()
    #: Whether CloudFormation, a tag or a name tells that the experiment was ever deployed in this account.
    ever_deployed: bool = False

    def __iter__(self) -> Iterator[Leftover]:
        return iter(self.leftovers)

    def __len__(self) -> int:
        return len(self.leftovers)

    @property
    def stacks(self) -> tuple[str, ...]:
        """Return the stacks that are left: other leftovers may go with them."""
        return tuple(item.name for item in self.leftovers if item.kind == STACK)

    @property
    def failed(self) -> tuple[NotSeen, ...]:
        """Return what exists and could not be looked at: without it nothing is proved."""
        return tuple(item for item in self.not_seen if item.offered)

    @property
    def doubts(self) -> str:
        """Return what could not be looked at, as the end of a message; empty where everything was."""
        kinds = ", ".join(sorted({item.kind for item in self.failed}))
        return f"; could not be looked at: {kinds}" if kinds else ""

    @property
    def clean(self) -> bool:
        """Return whether nothing is left, and everything was looked at."""
        return not self.leftovers and not self.failed


def write_leftovers(leftovers: Sequence[Leftover] | Audit, path: Path) -> None:
    """Write the leftovers as a JSON list."""
    write_text(path, json.dumps([dataclasses.asdict(item) for item in leftovers], indent=1) + "\n")
