"""A stand-in for the engines, for tests of the emulator alone: it keeps what it is told and answers in the right form.

Same command line as `offline.engines`. It has no model and no search: only resources that can be made, listed, deleted.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from offline.common.faults import ROUTE
from offline.process import watchdog

#: The operation -> (kind, name member) of what it makes.
CREATES = {
    "CreateModel": ("model", "ModelName"),
    "CreateEndpointConfig": ("endpoint-config", "EndpointConfigName"),
    "CreateEndpoint": ("endpoint", "EndpointName"),
    "CreateTrainingJob": ("training-job", "TrainingJobName"),
}
MEMBERS = dict(CREATES.values())
LISTS = {
    "ListModels": ("model", "Models"),
    "ListEndpointConfigs": ("endpoint-config", "EndpointConfigs"),
    "ListEndpoints": ("endpoint", "Endpoints"),
    "ListTrainingJobs": ("training-job", "TrainingJobSummaries"),
}
#: Lists of billing's resources that cannot be made here -> the member of the answer.
EMPTY_LISTS = {
    "GetAnomalyMonitors": "AnomalyMonitors",
    "GetAnomalySubscriptions": "AnomalySubscriptions",
    "ListExports": "Exports",
}


class RefusedError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class SageMaker:
    def __init__(self, account: str, region: str) -> None:
        self.prefix = f"arn:aws:sagemaker:{region}:{account}:"
        self.resources: dict[str, dict[str, Any]] = {}

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        if operation in CREATES:
            kind, member = CREATES[operation]
            arn = f"{self.prefix}{kind}/{request[member]}"
            if arn in self.resources:
                raise RefusedError(
                    "ResourceInUse" if kind == "training-job" else "ValidationException", f"{arn} exists"
                )
            self.resources[arn] = {**request, "created": time.time()}
            return {f"{member.removesuffix('Name')}Arn": arn}
        if operation in LISTS:
            kind, answer = LISTS[operation]
            member = MEMBERS[kind]
            return {
                answer: [
                    {member: found[member], f"{member[:-4]}Arn": arn, "CreationTime": found["created"]}
                    | self.state(kind)
                    for arn, found in self.resources.items()
                    if f":{kind}/" in arn
                ]
            }
        if operation == "ListTags":
            return {"Tags": self.find(request["ResourceArn"]).get("Tags", [])}
        if operation == "AddTags":
            self.find(request["ResourceArn"]).setdefault("Tags", []).extend(request["Tags"])
            return {"Tags": request["Tags"]}
        verb = next((verb for verb in ("Describe", "Delete", "Stop") if operation.startswith(verb)), "")
        if not verb:
            raise RefusedError("UnknownOperationException", operation)
        kind, member = CREATES[operation.replace(verb, "Create", 1)]
        arn = f"{self.prefix}{kind}/{request[member]}"
        if verb == "Describe":
            found = dict(self.find(arn))
            return {**found, f"{member[:-4]}Arn": arn, "CreationTime": found.pop("created")} | self.state(kind)
        self.find(arn)
        if verb == "Delete":
            del self.resources[arn]
        return {}

    def state(self, kind: str) -> dict[str, str]:
        states = {"endpoint": {"EndpointStatus": "InService"}, "training-job": {"TrainingJobStatus": "Completed"}}
        return states.get(kind, {})

    def find(self, arn: str) -> dict[str, Any]:
        if arn not in self.resources:
            raise RefusedError(
                "ResourceNotFound" if "training-job" in arn else "ValidationException", f"Could not find {arn}"
            )
        return self.resources[arn]


class Handler(BaseHTTPRequestHandler):
    sagemaker: SageMaker
    indexes: dict[str, Any]
    seen: list[dict[str, Any]]
    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments: object) -> None:
        return

    def answer(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        target = self.headers.get("x-amz-target", "")
        if self.path in ("/_health", ROUTE):
            self.answer(200, {"ready": True, "faults": []})
        elif target.startswith("SageMaker."):
            try:
                self.answer(200, self.sagemaker.call(target.partition(".")[2], json.loads(body or b"{}")))
            except RefusedError as error:
                self.answer(400, {"__type": error.code, "message": str(error)})
        elif answered := EMPTY_LISTS.get(target.rpartition(".")[2]):
            self.answer(200, {answered: []})
        elif self.path.startswith("/model/"):
            text = {
                "output": {"message": {"role": "assistant", "content": [{"text": self.path}]}},
                "stopReason": "end_turn",
            }
            self.answer(
                200,
                {**text, "usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}, "metrics": {"latencyMs": 1}},
            )
        elif self.path.startswith("/endpoints/"):
            self.answer(200, {"echo": json.loads(body)})
        else:
            self.opensearch(self.path.strip("/"), body)

    def opensearch(self, path: str, body: bytes) -> None:
        index = path.split("/")[0]
        if self.command == "PUT":
            self.indexes[index] = json.loads(body)
            self.answer(200, {"acknowledged": True, "index": index})
        elif index not in self.indexes:
            self.answer(404, {"error": {"type": "index_not_found_exception"}, "status": 404})
        elif self.command == "DELETE":
            del self.indexes[index]
            self.answer(200, {"acknowledged": True})
        else:
            self.answer(200, {index: self.indexes[index]})

    do_GET = do_PUT = do_POST = do_DELETE = handle_any  # noqa: N815


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("port", "opensearch-port"):
        parser.add_argument(f"--{name}", type=int, required=True)
    for name in ("gateway", "directory", "account", "region"):
        parser.add_argument(f"--{name}", required=True)
    options = parser.parse_args()
    watchdog.exit_with_parent()
    handler = type("Bound", (Handler,), {"sagemaker": SageMaker(options.account, options.region), "indexes": {}})
    search = ThreadingHTTPServer(("127.0.0.1", options.opensearch_port), handler)
    threading.Thread(target=search.serve_forever, daemon=True).start()
    server = ThreadingHTTPServer(("127.0.0.1", options.port), handler)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
