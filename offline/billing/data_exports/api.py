"""The service `bcm-data-exports`: exports of the bill to S3."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from contracts import times
from offline.billing import pages
from offline.billing.bill.account import Account
from offline.billing.data_exports.delivery import deliver
from offline.billing.data_exports.query import parse
from offline.billing.errors import not_found
from offline.billing.resource_tags import ResourceTags, tags_of
from offline.common.request_validation import RequestValidation
from offline.common.wire import invalid, unknown_operation

PAGE = 100


class DataExports:
    """Data Exports of one account. `deliver_all` delivers the files; there is no schedule."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._store = account.store
        self._requests = RequestValidation("bcm-data-exports", constraints=True)
        tags = ResourceTags(account.store, lambda arn: ("export", self._found(arn)))
        self._operations: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "CreateExport": self._create,
            "GetExport": self._get,
            "ListExports": self._list,
            "UpdateExport": self._update,
            "DeleteExport": self._delete,
            "TagResource": tags.add,
            "UntagResource": tags.remove,
            "ListTagsForResource": tags.list,
        }

    def call(self, operation: str, body: bytes) -> dict[str, Any]:
        """Answer one request.

        Raises:
            AwsError: in the words of AWS where they are known.
        """
        if operation not in self._operations:
            raise unknown_operation("Data Exports", operation)
        return self._operations[operation](self._requests.parse(operation, body))

    def deliver_all(self) -> list[dict[str, Any]]:
        """Write every export's months. An export that S3 refuses becomes unhealthy; the others are delivered."""
        delivered = []
        for arn, document in self._store.all("export").items():
            error = None
            try:
                since = date.fromisoformat(document["created"][:10])
                document["months"] = deliver(self._account, document["export"], since=since, done=document["months"])
                document.update(status="HEALTHY", refreshed=times.stamp(self._account.now()))
            except (ClientError, BotoCoreError) as refusal:
                error = " ".join(str(refusal).split())
                document["status"] = "UNHEALTHY"
            self._store.put("export", {arn: document})
            delivered.append({"name": document["export"]["Name"], "months": document["months"], "error": error})
        return delivered

    # -- operations

    def _create(self, request: Mapping[str, Any]) -> dict[str, Any]:
        export = dict(request["Export"])
        self._check(export)
        if any(document["export"]["Name"] == export["Name"] for document in self._store.all("export").values()):
            raise invalid(f"An export with the name {export['Name']} already exists")
        export["ExportArn"] = (
            f"arn:aws:bcm-data-exports:us-east-1:{self._account.id}:export/{export['Name']}-{uuid.uuid4()}"
        )
        now = times.stamp(self._account.now())
        document: dict[str, Any] = {
            "export": export,
            "tags": tags_of(request),
            "created": now,
            "updated": now,
            "refreshed": None,
            "status": "HEALTHY",
            "months": [],
        }
        self._store.put("export", {export["ExportArn"]: document})
        return {"ExportArn": export["ExportArn"]}

    def _get(self, request: Mapping[str, Any]) -> dict[str, Any]:
        document = self._found(request["ExportArn"])
        return {"Export": document["export"], "ExportStatus": _status(document)}

    def _list(self, request: Mapping[str, Any]) -> dict[str, Any]:
        listed = [
            {"ExportArn": arn, "ExportName": document["export"]["Name"], "ExportStatus": _status(document)}
            for arn, document in self._store.all("export").items()
        ]
        size = request.get("MaxResults", PAGE)
        page, token = pages.page_of(listed, request, size=size, token="NextToken")  # noqa: S106
        return {"Exports": page, **token}

    def _update(self, request: Mapping[str, Any]) -> dict[str, Any]:
        arn, export = request["ExportArn"], dict(request["Export"])
        document = self._found(arn)
        for name in ("Name", "RefreshCadence"):
            if export[name] != document["export"][name]:
                raise invalid(f"{name} of an export cannot be changed")
        self._check(export)
        export["ExportArn"] = arn
        updated = times.stamp(self._account.now())
        self._store.put("export", {arn: {**document, "export": export, "updated": updated}})
        return {"ExportArn": arn}

    def _delete(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self._found(request["ExportArn"])
        self._store.delete("export", request["ExportArn"])
        return {"ExportArn": request["ExportArn"]}

    def _found(self, arn: str) -> dict[str, Any]:
        document: dict[str, Any] | None = self._store.get("export", arn)
        if document is None:
            raise not_found(f"The export {arn} does not exist.", ResourceId=arn, ResourceType="Export")
        return document

    def _check(self, export: Mapping[str, Any]) -> None:
        parse(export["DataQuery"])
        destination = export["DestinationConfigurations"]["S3Destination"]
        output = destination["S3OutputConfigurations"]
        if (output["Format"], output["Compression"]) != ("PARQUET", "PARQUET"):
            raise invalid("S3OutputConfigurations: the embedded AWS exports Format PARQUET with Compression PARQUET")
        if not self._account.buckets.lets_exports_write(destination["S3Bucket"]):
            raise invalid(
                f"S3 bucket permission validation failed: the policy of {destination['S3Bucket']} must let"
                " bcm-data-exports.amazonaws.com write to it"
            )


def _status(document: Mapping[str, Any]) -> dict[str, Any]:
    moments = {"CreatedAt": "created", "LastUpdatedAt": "updated", "LastRefreshedAt": "refreshed"}
    status: dict[str, Any] = {"StatusCode": document["status"]}
    if document["status"] == "UNHEALTHY":
        status["StatusReason"] = "INSUFFICIENT_PERMISSION"
    return status | {
        name: times.parse_time(document[key]).timestamp() for name, key in moments.items() if document[key] is not None
    }
