"""What of an experiment is still in the account: the proof that a teardown is complete.

Three independent searches: by tag (the tagging API and the services' own tag lists), by name, and by the services'
list calls. A resource is gone only when its service no longer lists it; a call that fails is an entry of its own, with
the state `cannot verify`. The bootstrap stack of the CDK belongs to the account, not to an experiment.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from ladder.leftovers import probes
from ladder.leftovers.listing import Clients, Item

T = TypeVar("T")

CANNOT_VERIFY = "cannot verify"
TAG = "experiment"

_BOOTSTRAP = re.compile(r"CDKToolkit$|cdk-[a-z0-9]{1,10}-(assets|container-assets|[a-z-]+-role)-")


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Leftover:
    """One thing that is still there, or one call that could not tell.

    `kind` is the CloudFormation type. `state` is the service's own word, `exists`, or `cannot verify`. `evidence` says
    why the thing is taken for the experiment's: a tag, its name, or the call that failed.
    """

    kind: str
    name: str
    state: str
    evidence: str
    arn: str = ""


def audit(session: Any, *, experiment: str, stack_prefix: str) -> list[Leftover]:
    """Return everything of the experiment that the account of this boto3 session still has, in a fixed order.

    An empty list is a proof only because every call succeeded: each failed one is in the list.
    """
    return sorted(set(_Audit(session, experiment, stack_prefix).run()))


def write_leftovers(leftovers: Sequence[Leftover], path: Path) -> None:
    """Write the audit's result as a JSON list."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([dataclasses.asdict(item) for item in leftovers], indent=1) + "\n", encoding="utf-8")


class _Audit:
    def __init__(self, session: Any, experiment: str, stack_prefix: str) -> None:
        self._clients = Clients(session)
        self._experiment = experiment
        self._tag = f"tag {TAG}={experiment}"
        self._prefix = stack_prefix.lower()
        self._word = re.compile(rf"(?<![a-z0-9]){re.escape(experiment.lower())}(?![a-z0-9])")
        self._failures: list[Leftover] = []

    def run(self) -> Iterator[Leftover]:
        tagged = self._tagged_arns()
        listed: set[str] = set()
        verified: set[str] = set()
        for probe in probes.PROBES:
            items = self._attempt(probe.kind, partial(probe.items, self._clients))
            if items is None:
                continue
            verified.add(probe.kind)
            for item in items:
                listed.add(item.arn)
                if evidence := self._evidence(probe, item, tagged):
                    yield Leftover(kind=probe.kind, name=item.name, state=item.state, evidence=evidence, arn=item.arn)
        for arn in tagged - listed:
            # For a while the tagging API also names resources that are gone: where the service's own list was read,
            # that list decides.
            kind = probes.kind_of(arn)
            if kind not in verified:
                name = arn.rsplit(":", 1)[-1]
                yield Leftover(kind=kind or "Tags", name=name, state="listed by tag", evidence=self._tag, arn=arn)
        yield from self._failures

    def _attempt(self, kind: str, call: Callable[[], T]) -> T | None:
        """Return the result of a call. A call that fails becomes an entry, and returns None."""
        try:
            return call()
        except ClientError as error:
            text = f"{error.operation_name}: {error.response.get('Error', {}).get('Code', 'unknown error')}"
        except BotoCoreError as error:
            text = f"{type(error).__name__}: {error}"
        self._failures.append(Leftover(kind=kind, name="*", state=CANNOT_VERIFY, evidence=text))
        return None

    def _evidence(self, probe: probes.Probe, item: Item, tagged: Set[str]) -> str:
        """Return why the item is the experiment's; empty when it is not."""
        if _BOOTSTRAP.match(item.name):
            return ""
        name = item.name.lower()
        if any(part.startswith(self._prefix) for part in (name, *name.split("/"))):
            return f"name starts with {self._prefix}"
        if self._word.search(name):
            return f"name contains {self._experiment}"
        if item.arn in tagged:
            return self._tag
        tags: Mapping[str, str] | None = item.tags
        if tags is None and probe.tags is not None:
            tags = self._attempt(f"{probe.kind} tags", partial(probe.tags, self._clients, item))
        return self._tag if (tags or {}).get(TAG) == self._experiment else ""

    def _tagged_arns(self) -> Set[str]:
        filters = [{"Key": TAG, "Values": [self._experiment]}]
        call = ("resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList")
        mappings = self._attempt("Tags", lambda: list(self._clients.pages(*call, TagFilters=filters)))
        return {mapping["ResourceARN"] for mapping in mappings or ()}
