"""Endpoints: each is a child process that serves a model archive as the hosting container does (`serve`)."""

from __future__ import annotations

import http.client
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offline.common.wire import HOST, AwsError, Response, invalid
from offline.process import children
from offline.process.layout import tail
from offline.sagemaker.errors import already_exists, model_error, not_found, not_in_service
from offline.sagemaker.objects import Objects

#: Module of the process.
SERVER = "offline.sagemaker.serve"
START_WITHIN_S = 180.0
INVOKE_WITHIN_S = 120.0
#: A port that was chosen before the model is loaded could be taken by the time it is.
PORT_FILE = "port"


@dataclass
class Endpoint:
    """One endpoint; `description` is what DescribeEndpoint answers, `port` is known once its process listens."""

    folder: Path
    description: dict[str, Any]
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    deleted: bool = False

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def enter(self, status: str, reason: str | None = None) -> None:
        self.description.update(EndpointStatus=status, LastModifiedTime=time.time())
        if reason:
            self.description["FailureReason"] = reason[:1024]

    def stop(self) -> None:
        self.deleted = True
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()


class Endpoints:
    """Starts, asks and stops endpoints."""

    def __init__(self, *, directory: Path, objects: Objects, environment: Mapping[str, str]) -> None:
        self._directory = directory
        self._objects = objects
        self._environment = environment
        self.endpoints: dict[str, Endpoint] = {}

    def create(self, name: str, config: Mapping[str, Any], model: Mapping[str, Any], arn: str) -> None:
        if name in self.endpoints:
            raise already_exists("endpoint", name)
        (variant,) = config["ProductionVariants"]
        now = time.time()
        endpoint = Endpoint(
            folder=self._directory / name,
            description={
                "EndpointName": name,
                "EndpointArn": arn,
                "EndpointConfigName": config["EndpointConfigName"],
                "EndpointStatus": "Creating",
                "CreationTime": now,
                "LastModifiedTime": now,
                "ProductionVariants": [
                    {
                        "VariantName": variant["VariantName"],
                        "CurrentInstanceCount": variant.get("InitialInstanceCount", 1),
                        "DesiredInstanceCount": variant.get("InitialInstanceCount", 1),
                    }
                ],
            },
        )
        self.endpoints[name] = endpoint
        threading.Thread(target=self._start, args=(endpoint, model), name=f"endpoint-{name}", daemon=True).start()

    def get(self, name: str) -> Endpoint:
        if name not in self.endpoints:
            raise not_found("endpoint", name)
        return self.endpoints[name]

    def delete(self, name: str) -> None:
        endpoint = self.get(name)
        endpoint.stop()
        del self.endpoints[name]
        shutil.rmtree(endpoint.folder, ignore_errors=True)

    def invoke(self, name: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Return the answer of the endpoint's process; its refusals become ModelError, as on AWS, its silence a 503."""
        endpoint = self.endpoints.get(name)
        if endpoint is None or endpoint.description["EndpointStatus"] != "InService":
            raise not_in_service(name)
        connection = http.client.HTTPConnection(HOST, endpoint.port, timeout=INVOKE_WITHIN_S)
        try:
            connection.request("POST", "/invocations", body, {"content-type": headers.get("content-type", "")})
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise AwsError(
                "ServiceUnavailable",
                f"the endpoint's process does not answer ({error}); its log: {endpoint.log}",
                503,
            ) from error
        finally:
            connection.close()
        if answer.status >= 400:
            text = content.decode("utf-8", errors="replace")
            raise model_error(answer.status, text)
        return Response(
            body=content,
            headers={"content-type": "application/json", "x-amzn-invoked-production-variant": "all"},
        )

    def close(self) -> None:
        for endpoint in self.endpoints.values():
            endpoint.stop()

    def _start(self, endpoint: Endpoint, model: Mapping[str, Any]) -> None:
        try:
            shutil.rmtree(endpoint.folder, ignore_errors=True)
            endpoint.folder.mkdir(parents=True)
            self._objects.unpack(model["PrimaryContainer"]["ModelDataUrl"], endpoint.folder / "model")
            endpoint.process = children.start(
                SERVER,
                str(endpoint.folder / "model"),
                str(endpoint.folder / PORT_FILE),
                environment={**self._environment, **model["PrimaryContainer"].get("Environment", {})},
                log=endpoint.log,
            )
            if endpoint.deleted:  # while it was being unpacked
                endpoint.stop()
                return
            _wait(endpoint)
            endpoint.enter("InService")
        except AwsError as error:
            endpoint.enter("Failed", error.message)
        except Exception as error:  # noqa: BLE001  (an endpoint that stays `Creating` would be waited for)
            endpoint.enter("Failed", str(error))


def _wait(endpoint: Endpoint) -> None:
    """Return when the process answers a ping on the port that it wrote down.

    Raises:
        AwsError: it ended, or took too long; with the end of its log.
    """
    until = time.monotonic() + START_WITHIN_S
    port_file = endpoint.folder / PORT_FILE
    while time.monotonic() < until and endpoint.process is not None and endpoint.process.poll() is None:
        if not port_file.exists():
            time.sleep(0.1)  # still loading the model
            continue
        endpoint.port = int(port_file.read_text(encoding="utf-8"))
        connection = http.client.HTTPConnection(HOST, endpoint.port, timeout=5)
        try:
            connection.request("GET", "/ping")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
        finally:
            connection.close()
    raise invalid(f"The primary container did not pass the ping health check: {tail(endpoint.log, 3)}")
