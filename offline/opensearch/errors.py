"""Errors in the wire form of OpenSearch: HTTP status, type, reason."""

from __future__ import annotations

from typing import Any

from offline.common.wire import Response, ServiceError, json_response


class ApiError(ServiceError):
    """A refused request. `shard` is set where OpenSearch reports the failure from the shards of a search."""

    def __init__(self, status: int, kind: str, reason: str, *, shard: bool = False) -> None:
        super().__init__(reason)
        self.status = status
        self.kind = kind
        self.reason = reason
        self.shard = shard

    def response(self) -> Response:
        return json_response(self.body(), status=self.status)

    def body(self) -> dict[str, Any]:
        cause = {"type": self.kind, "reason": self.reason}
        if not self.shard:
            return {"error": {"root_cause": [cause], **cause}, "status": self.status}
        error = {
            "root_cause": [cause],
            "type": "search_phase_execution_exception",
            "reason": "all shards failed",
            "phase": "query",
            "grouped": True,
            "failed_shards": [{"shard": 0, "reason": cause}],
        }
        return {"error": error, "status": self.status}


def bad_request(kind: str, reason: str, *, shard: bool = False) -> ApiError:
    return ApiError(400, kind, reason, shard=shard)


def bad_mapping(reason: str) -> ApiError:
    """Return the error for a mapping that is wrong, or a document that does not fit it."""
    return bad_request("mapper_parsing_exception", reason)


def outside(what: str) -> ApiError:
    """Return the error for a request that some OpenSearch understands and this engine does not offer."""
    return bad_request("unsupported_operation_exception", f"{what} is outside the portable OpenSearch subset")


def missing_api(method: str, path: str) -> ApiError:
    """Return the error for a path that the subset lacks. Serverless collections answer 404 to it."""
    return ApiError(404, "resource_not_found_exception", f"no handler found for uri [{path}] and method [{method}]")


def index_missing(name: str) -> ApiError:
    return ApiError(404, "index_not_found_exception", f"no such index [{name}]")


def forbidden(reason: str) -> ApiError:
    return ApiError(403, "Forbidden", f"403 Forbidden: {reason}")
