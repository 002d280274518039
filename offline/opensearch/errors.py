"""Errors in the wire form of OpenSearch: HTTP status, type, reason."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """A refused request. `shard` is set where OpenSearch reports the failure from the shards of a search."""

    def __init__(self, status: int, kind: str, reason: str, *, shard: bool = False) -> None:
        super().__init__(reason)
        self.status = status
        self.kind = kind
        self.reason = reason
        self.shard = shard

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


def bad_request(kind: str, reason: str) -> ApiError:
    return ApiError(400, kind, reason)


def outside(what: str) -> ApiError:
    """A request that some OpenSearch understands but that is not in the subset which all targets share."""
    return ApiError(400, "unsupported_operation_exception", f"{what} is outside the portable OpenSearch subset")


def missing_api(method: str, path: str) -> ApiError:
    """A path that the subset lacks. Serverless collections answer 404 to it."""
    return ApiError(404, "resource_not_found_exception", f"no handler found for uri [{path}] and method [{method}]")


def index_missing(name: str) -> ApiError:
    return ApiError(404, "index_not_found_exception", f"no such index [{name}]")


def forbidden(reason: str) -> ApiError:
    return ApiError(403, "Forbidden", reason)
