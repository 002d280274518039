"""Where an experiment may have been deployed: what CloudFormation and the tagging API tell of every enabled region.

CloudFormation names a deleted stack for 90 days, so that a region is still known after the teardown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ladder.leftovers.listing import Clients, as_tags
from ladder.leftovers.names import TAG, Owner
from ladder.leftovers.records import NotSeen
from ladder.leftovers.refusals import not_seen

THREADS = 8
STACKS, TAGS, REGIONS = "Stacks of the last 90 days", "Tags", "Regions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What one region tells: names of the experiment's stacks, deleted ones too, and ARN -> tags of what is tagged."""

    stacks: tuple[str, ...] = ()
    tagged: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    not_seen: tuple[NotSeen, ...] = ()
    #: Whether the experiment was deployed here, or has something here.
    found: bool = False


def enabled(session: Any) -> tuple[tuple[str, ...], tuple[NotSeen, ...]]:
    """Return the regions that the account can use; only the session's where AWS refuses to tell, and that it does."""
    clients = Clients(session)
    try:
        regions = clients.call("ec2", "describe_regions")["Regions"]
    except (ClientError, BotoCoreError) as error:
        return (clients.region,), (not_seen(REGIONS, clients, error, embedded=False),)
    return tuple(sorted(region["RegionName"] for region in regions)), ()


def survey(session: Any, regions: Iterable[str], owner: Owner, *, stacks: bool, embedded: bool) -> dict[str, Trace]:
    """Return region -> what it tells, by its tags and, if asked for, by its `stacks`; several regions at a time."""
    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        made = {
            region: pool.submit(_trace, Clients(session, region), owner, by_stack=stacks, embedded=embedded)
            for region in dict.fromkeys(regions)
        }
        return {region: future.result() for region, future in made.items()}


def _trace(clients: Clients, owner: Owner, *, by_stack: bool, embedded: bool) -> Trace:
    missing = []
    stacks: tuple[str, ...] = ()
    tagged: dict[str, dict[str, str]] = {}
    try:
        summaries = clients.pages("cloudformation", "list_stacks", "StackSummaries") if by_stack else ()
        stacks = tuple(sorted({s["StackName"] for s in summaries if owner.is_stack(s["StackName"])}))
    except (ClientError, BotoCoreError) as error:
        missing.append(not_seen(STACKS, clients, error, embedded=embedded))
    try:
        filters = [{"Key": TAG, "Values": [owner.experiment]}]
        call = ("resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList")
        tagged = {m["ResourceARN"]: as_tags(m.get("Tags")) for m in clients.pages(*call, TagFilters=filters)}
    except (ClientError, BotoCoreError) as error:
        missing.append(not_seen(TAGS, clients, error, embedded=embedded))
    reasons = (owner.evidence("", "", own_tags) for own_tags in tagged.values())
    found = bool(stacks) or any(reason is not None and reason.strength == "strong" for reason in reasons)
    return Trace(stacks=stacks, tagged=tagged, not_seen=tuple(missing), found=found)
