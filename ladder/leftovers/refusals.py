"""Tells a service that does not exist in a place from one that refused to answer."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

from ladder.leftovers.listing import Clients
from ladder.leftovers.records import NotSeen
from lambdas.common.runtime import error_code

#: What the embedded AWS, and the servers behind it, say to an operation that they do not have.
_UNKNOWN = ("InvalidAction", "NotImplemented", "Unknown", "Unsupported", "404", "501")
_NO_ROUTE = "No route for"
#: An account that never signed up for a service has nothing of it.
_NOT_SIGNED_UP = ("OptInRequired", "SubscriptionRequiredException")


def not_seen(kind: str, clients: Clients, error: ClientError | BotoCoreError, *, embedded: bool) -> NotSeen:
    """Return what a failed call means for the kind that it should have listed."""
    place = "the embedded AWS" if embedded else clients.region
    if isinstance(error, ClientError):
        code = error_code(error) or "unknown error"
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        unknown = code.startswith(_UNKNOWN) or status == 501 or _NO_ROUTE in str(error)
        absent = code in _NOT_SIGNED_UP or (embedded and unknown)
        text = f"{error.operation_name}: {code}"
    else:
        text = f"{type(error).__name__}: {error}"
        absent = isinstance(error, EndpointConnectionError) and not _has(clients, str(error.kwargs.get("endpoint_url")))
    reason = f"not offered by {place} ({text})" if absent else text
    return NotSeen(kind=kind, region=clients.region, reason=reason, offered=not absent)


def _has(clients: Clients, url: str) -> bool:
    """Return whether the service of an endpoint exists in the region, as far as boto3 knows."""
    service = clients.service_at(url)
    known = clients.session.get_available_regions(service) if service else ()
    return not known or clients.region in known
