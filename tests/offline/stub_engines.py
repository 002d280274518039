"""A stand-in for the engines, for tests of the emulator alone: it keeps what it is told and answers in the right form.

Same command line as `offline.engines`. It has no model and no search: only resources that can be made, listed, deleted.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from typing import Any

from offline.common.faults import ROUTE
from offline.common.http_server import Server
from offline.common.wire import AwsError, Response, json_response, parse_object
from offline.engines import arguments
from offline.process.watchdog import exit_with_parent
from offline.sagemaker.errors import job_name_used
from offline.sagemaker.state import CONFIG, ENDPOINT, JOB, MODEL, Kind, Resources, Tags

_OPERATION = re.compile("(Create|Describe|Delete|Stop|List)(EndpointConfig|Endpoint|Model|TrainingJob)s?")
KINDS = {"EndpointConfig": CONFIG, "Endpoint": ENDPOINT, "Model": MODEL, "TrainingJob": JOB}
LISTS = {CONFIG: "EndpointConfigs", ENDPOINT: "Endpoints", MODEL: "Models", JOB: "TrainingJobSummaries"}
#: Everything is ready at once.
STATES: dict[Kind, dict[str, Any]] = {
    ENDPOINT: {"EndpointStatus": "InService", "LastModifiedTime": 0},
    JOB: {"TrainingJobStatus": "Completed", "LastModifiedTime": 0},
}
#: Lists of billing's resources that cannot be made here -> the member of the answer.
EMPTY_LISTS = {
    "GetAnomalyMonitors": "AnomalyMonitors",
    "GetAnomalySubscriptions": "AnomalySubscriptions",
    "ListExports": "Exports",
}


class Engines:
    """SageMaker's resources and tags, Bedrock's answers."""

    def __init__(self, account: str, region: str) -> None:
        self.prefix = f"arn:aws:sagemaker:{region}:{account}:"
        self.resources = {kind: Resources(kind) for kind in KINDS.values()}
        self.tags = Tags()

    def handle(self, _method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        service, _, operation = headers.get("x-amz-target", "").rpartition(".")
        if path == "/_health":
            return json_response({"ready": True})
        if service == "SageMaker":
            return json_response(self.sagemaker(operation, parse_object(body)))
        if operation in EMPTY_LISTS:
            return json_response({EMPTY_LISTS[operation]: []})
        message = {"role": "assistant", "content": [{"text": path}]}
        usage = {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}
        answer = {"output": {"message": message}, "stopReason": "end_turn", "usage": usage}
        return json_response({**answer, "metrics": {"latencyMs": 1}})

    def sagemaker(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        if operation == "ListTags":
            return {"Tags": self.tags.of(request["ResourceArn"])}
        named = _OPERATION.fullmatch(operation)
        if named is None:
            raise AwsError("UnknownOperationException", operation)
        kind = KINDS[named[2]]
        resources, name = self.resources[kind], request.get(kind.name, "")
        if named[1] == "List":
            return {LISTS[kind]: kind.summaries([found | STATES.get(kind, {}) for found in resources.all()], request)}
        if named[1] == "Create":
            arn = f"{self.prefix}{kind.arn}/{name}"
            if kind is JOB and name in (found[JOB.name] for found in resources.all()):
                raise job_name_used(name)
            resources.add(request, arn)
            self.tags.add(arn, request.get("Tags", ()))
            return {kind.listed[1]: arn}
        found = resources.get(name) | STATES.get(kind, {})
        if named[1] == "Delete":
            resources.remove(name)
        return found if named[1] == "Describe" else {}


class Search:
    """The bodies of indexes, and no faults."""

    def __init__(self) -> None:
        self.indexes: dict[str, Any] = {}

    def handle(self, method: str, path: str, _headers: Mapping[str, str], body: bytes) -> Response:
        if path == ROUTE:
            return json_response({"faults": []})
        name = path.strip("/")
        if method == "PUT":
            self.indexes[name] = json.loads(body)
        elif name not in self.indexes:
            return json_response({"error": {"type": "index_not_found_exception"}, "status": 404}, status=404)
        elif method == "DELETE":
            del self.indexes[name]
        return json_response({name: self.indexes.get(name)})


def main() -> None:
    options = arguments(sys.argv[1:])
    exit_with_parent()
    Server(Search().handle, options.opensearch_port).start()
    server = Server(Engines(options.account, options.region).handle, options.port)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
