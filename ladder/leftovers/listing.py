"""List calls of the services, brought to one form: `Item`s. Each reads all pages."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError

from lambdas.common.runtime import error_code

Tags = Mapping[str, str]
#: Services with one endpoint for all regions that botocore looks for in each, and the region that it is in.
_REGIONS = {"bcm-data-exports": "us-east-1"}
_MAKING = threading.Lock()
#: A region that does not answer must not hold up the others for minutes.
_CONFIG = Config(connect_timeout=10, read_timeout=60, retries={"mode": "standard", "max_attempts": 5})


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One listed resource. `tags` is None when the list call does not carry them.

    `handle` is what the service wants instead of the name to delete it: an id, a type, a URL.
    """

    name: str
    arn: str = ""
    state: str = "exists"
    tags: Tags | None = None
    handle: str = ""


class Clients:
    """A session in one region that makes each service's client once; making one costs more than a call.

    Several threads may use it: clients are safe for that, making them is not.
    """

    def __init__(self, session: Any, region: str | None = None) -> None:
        self.session = session
        self.region = str(region or session.region_name)
        self._made: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        with _MAKING:
            if service not in self._made:
                region = _REGIONS.get(service, self.region)
                self._made[service] = self.session.client(service, region_name=region, config=_CONFIG)
            return self._made[service]

    def service_at(self, url: str) -> str:
        """Return the service whose client has this endpoint; empty where none has."""
        return next((name for name, made in self._made.items() if url.startswith(made.meta.endpoint_url)), "")

    def call(self, service: str, operation: str, **request: Any) -> Any:
        """Make one call, by the operation's name in Python."""
        return getattr(self.client(service), operation)(**request)

    def pages(self, service: str, operation: str, key: str, **request: Any) -> Iterator[Any]:
        """Yield all elements under `key`, whether the operation has a paginator, a next token, or one page."""
        client = self.client(service)
        if client.can_paginate(operation):
            for page in client.get_paginator(operation).paginate(**request):
                yield from page.get(key) or ()
            return
        while True:
            page = getattr(client, operation)(**request)
            yield from page.get(key) or ()
            token = page.get("nextToken") or page.get("NextToken")
            if not token:
                return
            request["nextToken" if "nextToken" in page else "NextToken"] = token

    @cached_property
    def identity(self) -> dict[str, str]:
        """Return the partition and the account of the session, as ARNs name them."""
        identity = self.call("sts", "get_caller_identity")
        return {"partition": identity["Arn"].split(":")[1], "account": identity["Account"]}


def listed(
    service: str,
    operation: str,
    key: str,
    name: str = "Name",
    arn: str | None = None,
    *,
    state: str = "",
    tags: str = "",
    handle: str = "",
    **request: str,
) -> Callable[[Clients], Iterator[Item]]:
    """Return a list call of a service.

    Args:
        key: the member of the answer that holds the list.
        name: the member of an element that names it. An element that is a text is its own name; of an ARN or a URL the
            last part is the name.
        arn: the member with the ARN, or a template of it. Default: the one beside the name, `FunctionArn` beside
            `FunctionName`.
        state, tags, handle: members of an element, where it has them.
        request: arguments of the call; `{account}` becomes the session's.
    """
    arn_member = f"{name.removesuffix('Name')}Arn" if arn is None else arn

    def item(clients: Clients, element: Any) -> Item:
        fields = {name: element} if isinstance(element, str) else element
        own_name = re.sub(r"^(arn|https?):.*[:/]", "", str(fields[name]))
        if ":" in arn_member:
            region = clients.client(service).meta.region_name
            own_arn = arn_member.format(name=own_name, region=region, **clients.identity)
        else:
            own_arn = str(fields.get(arn_member, "")).removesuffix(":*")
        return Item(
            name=own_name,
            arn=own_arn,
            state=str(fields.get(state) or "exists"),
            tags=as_tags(fields.get(tags)) if tags else None,
            handle=str(element if isinstance(element, str) else fields.get(handle, "")),
        )

    def list_all(clients: Clients) -> Iterator[Item]:
        arguments = {name: text.format(**clients.identity) if "{" in text else text for name, text in request.items()}
        items = (item(clients, element) for element in clients.pages(service, operation, key, **arguments))
        # A stack stays listed for a while after its deletion.
        return (item for item in items if item.state != "DELETE_COMPLETE")

    return list_all


def layers(clients: Clients) -> Iterator[Item]:
    """List Lambda layers with the number of their newest version."""
    for layer in clients.pages("lambda", "list_layers", "Layers"):
        newest = str(layer.get("LatestMatchingVersion", {}).get("Version", ""))
        yield Item(name=layer["LayerName"], arn=layer["LayerArn"], handle=newest)


def domains(clients: Clients) -> Iterator[Item]:
    """List OpenSearch domains; they stay listed while they are deleted."""
    for domain in clients.pages("opensearch", "list_domain_names", "DomainNames"):
        status = clients.call("opensearch", "describe_domain", DomainName=domain["DomainName"])["DomainStatus"]
        state = "deleting" if status.get("Deleted") else "exists"
        yield Item(name=domain["DomainName"], arn=status["ARN"], state=state)


def chained(*calls: Callable[[Clients], Iterator[Item]]) -> Callable[[Clients], Iterator[Item]]:
    """Return a list call that makes several, one after the other."""
    return lambda clients: chain.from_iterable(call(clients) for call in calls)


def bucket_tags(clients: Clients, item: Item) -> Tags:
    """Return a bucket's tags."""
    try:
        return as_tags(clients.call("s3", "get_bucket_tagging", Bucket=item.name)["TagSet"])
    except ClientError as error:
        if error_code(error) in ("NoSuchTagSet", "NoSuchBucket"):
            return {}
        raise


def role_tags(clients: Clients, item: Item) -> Tags:
    """Return a role's tags."""
    return as_tags(clients.pages("iam", "list_role_tags", "Tags", RoleName=item.name))


def policy_tags(clients: Clients, item: Item) -> Tags:
    """Return a customer's policy's tags."""
    return as_tags(clients.pages("iam", "list_policy_tags", "Tags", PolicyArn=item.arn))


def parameter_tags(clients: Clients, item: Item) -> Tags:
    """Return the tags of a parameter of Systems Manager."""
    named = {"ResourceType": "Parameter", "ResourceId": item.name}
    return as_tags(clients.call("ssm", "list_tags_for_resource", **named)["TagList"])


def tags_by_arn(
    service: str, operation: str, argument: str = "ResourceArn", key: str = "Tags"
) -> Callable[[Clients, Item], Tags]:
    """Return a call that reads the tags of an ARN."""
    return lambda clients, item: as_tags(clients.call(service, operation, **{argument: item.arn})[key])


def as_tags(tags: Any) -> dict[str, str]:
    """Return the tags of any service (a mapping, or a list with Key and Value or key and value) as a mapping."""
    if isinstance(tags, Mapping):
        return {str(key): str(value) for key, value in tags.items()}
    return {str(tag.get("Key", tag.get("key"))): str(tag.get("Value", tag.get("value"))) for tag in tags or ()}
