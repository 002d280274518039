"""What of an experiment is still in the account: the proof that a teardown is complete.

Three independent searches: by tag (the tagging API and the services' own tag lists), by the exact names that the
templates give, and by the services' list calls. A resource is gone only when its service no longer lists it. A call
that fails says nothing about leftovers: its kind is one that could not be looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ladder import embedded_aws
from ladder.leftovers import probes
from ladder.leftovers.listing import Clients, Item
from ladder.leftovers.names import Evidence, Owner
from ladder.leftovers.records import EVERYWHERE, STACK, Audit, Leftover, NotSeen, Region, write_leftovers
from ladder.leftovers.refusals import not_seen
from ladder.leftovers.regions import TAGS, THREADS, Trace, enabled, survey

__all__ = ["Audit", "Leftover", "NotSeen", "audit", "search", "write_leftovers"]

#: Kinds that are shared and cost nothing: told, and no leftovers.
STAYING = frozenset({"AWS::Logs::ResourcePolicy"})

Key = tuple[str, str, str]


def audit(session: Any, *, experiment: str, stack_prefix: str) -> Audit:
    """Return what the experiment still has in the region of this boto3 session, all kinds looked at."""
    return search(session, Owner(experiment, stack_prefix), regions=(str(session.region_name),))


def search(
    session: Any, owner: Owner, *, regions: Iterable[str] = (), before: Set[Key] = frozenset(), full: bool = False
) -> Audit:
    """Return what the experiment still has in the account.

    Args:
        regions: where to look for every kind; empty: in the session's region and wherever a stack of the experiment was
            or something is tagged, with a look by tag and by stack in every other enabled region.
        before: what was there before the first deployment, as `key_of` names it; it is not the experiment's.
        full: look for every kind in every enabled region.
    """
    clients = Clients(session)
    embedded = embedded_aws.is_embedded(str(clients.client("sts").meta.endpoint_url))
    missing: tuple[NotSeen, ...] = ()
    everywhere = tuple(regions)
    if not everywhere:
        # The embedded AWS is one region.
        everywhere, missing = ((clients.region,), ()) if embedded else enabled(session)
    stacks = any(probe.kind == STACK for probe in probes.PROBES)
    traces = survey(session, everywhere, owner, stacks=stacks, embedded=embedded)
    deep = [r for r, trace in traces.items() if full or regions or trace.found or r == clients.region]
    found = _Search(owner, embedded=embedded, before=before)
    found.run([Clients(session, region) for region in deep], traces)
    return Audit(
        experiment=owner.experiment,
        account=clients.identity["account"],
        embedded=embedded,
        regions=tuple(Region(name=r, depth="full" if r in deep else "tags") for r in sorted(traces)),
        kinds=tuple(probe.kind for probe in probes.PROBES),
        leftovers=tuple(sorted(found.leftovers)),
        perhaps=tuple(sorted(found.perhaps)),
        stays=tuple(sorted(found.stays)),
        not_seen=tuple(sorted({*missing, *found.not_seen, *(m for trace in traces.values() for m in trace.not_seen)})),
        ever_deployed=any(trace.found for trace in traces.values()) or bool(found.leftovers),
    )


def key_of(item: Leftover) -> Key:
    """Return what tells one thing from another, also after it was made anew."""
    return item.kind, item.region, item.arn or item.name


@dataclass(slots=True)
class _Listed:
    """What one probe listed in one region, each item with its tags where they are known."""

    probe: probes.Probe
    clients: Clients
    items: list[tuple[Item, Evidence | None]] = field(default_factory=list)
    not_seen: list[NotSeen] = field(default_factory=list)
    complete: bool = True


class _Search:
    def __init__(self, owner: Owner, *, embedded: bool, before: Set[Key]) -> None:
        self._owner = owner
        self._embedded = embedded
        self._before = before
        self.leftovers: set[Leftover] = set()
        self.perhaps: set[Leftover] = set()
        self.stays: set[Leftover] = set()
        self.not_seen: set[NotSeen] = set()

    def run(self, places: list[Clients], traces: Mapping[str, Trace]) -> None:
        """Look for every kind in every place; kinds of the account in the first one."""
        tagged = {arn: tags for trace in traces.values() for arn, tags in trace.tagged.items()}
        tasks = [
            partial(self._listed, probe, clients, traces[clients.region], tagged)
            for number, clients in enumerate(places)
            for probe in probes.PROBES
            if number == 0 or not probe.everywhere
        ]
        with ThreadPoolExecutor(max_workers=THREADS) as pool:
            results = list(pool.map(lambda task: task(), tasks))
        arns: set[str] = set()
        verified: set[tuple[str, str]] = set()
        for listed in results:
            region = EVERYWHERE if listed.probe.everywhere else listed.clients.region
            self.not_seen.update(listed.not_seen)
            if listed.complete:
                verified.add((listed.probe.kind, region))
            for item, evidence in listed.items:
                arns.add(item.arn)
                if evidence:
                    self._add(evidence, _leftover(listed.probe.kind, item, evidence, region))
        for evidence, item in self._tagged_only(traces, arns, verified):
            self._add(evidence, item)

    def _add(self, evidence: Evidence, item: Leftover) -> None:
        if key_of(item) in self._before:
            return
        if item.kind in STAYING:
            self.stays.add(item)
        elif evidence.strength == "strong":
            self.leftovers.add(item)
        else:
            self.perhaps.add(item)

    def _listed(
        self, probe: probes.Probe, clients: Clients, trace: Trace, tagged: Mapping[str, Mapping[str, str]]
    ) -> _Listed:
        result = _Listed(probe=probe, clients=clients)
        try:
            items = probe.items(clients)
        except (ClientError, BotoCoreError) as error:
            result.not_seen.append(not_seen(probe.kind, clients, error, embedded=self._embedded))
            result.complete = False
            return result
        by_tag = all(missing.kind != TAGS for missing in trace.not_seen)
        for item in items:
            tags = tagged.get(item.arn, item.tags)
            if tags is None and probe.tags is not None and self._ask(probe, item):
                try:
                    tags = probe.tags(clients, item)
                except (ClientError, BotoCoreError) as error:
                    missing = not_seen(f"{probe.kind} tags", clients, error, embedded=self._embedded)
                    # The tagging API has answered for all but IAM: what it does not name carries no such tag.
                    if not by_tag or "::IAM::" in probe.kind:
                        result.not_seen.append(missing)
            result.items.append((item, self._owner.evidence(probe.kind, item.name, tags)))
        return result

    def _ask(self, probe: probes.Probe, item: Item) -> bool:
        """Return whether the tags of a thing can change what is thought of it."""
        return probe.kind in probes.READ_ALL_TAGS or self._owner.evidence(probe.kind, item.name, None) is not None

    def _tagged_only(
        self, traces: Mapping[str, Trace], listed: Set[str], verified: Set[tuple[str, str]]
    ) -> Iterator[tuple[Evidence, Leftover]]:
        """Yield what only the tagging API names.

        For a while it also names resources that are gone: where the service's own list was read, that list decides.
        """
        for region, trace in traces.items():
            for arn, tags in trace.tagged.items():
                kind = probes.kind_of(arn)
                where = EVERYWHERE if kind in probes.GLOBAL else region
                name = arn.rsplit(":", 1)[-1]
                evidence = self._owner.evidence(kind, name, tags)
                if arn in listed or (kind, where) in verified or evidence is None:
                    continue
                item = Item(name=name, arn=arn, state="listed by tag")
                yield evidence, _leftover(kind or f"tagged {arn.split(':')[2]}", item, evidence, where)


def _leftover(kind: str, item: Item, evidence: Evidence, region: str) -> Leftover:
    return Leftover(
        kind=kind,
        name=item.name,
        state=item.state,
        evidence=evidence.reason,
        arn=item.arn,
        region=region,
        handle=item.handle,
    )
