"""The operations of SageMaker that a fine-tuning run needs, with requests checked against botocore's model."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

from offline.common.wire import AwsError, Response, json_response
from offline.sagemaker.hosting import Endpoints
from offline.sagemaker.objects import Objects
from offline.sagemaker.training import TrainingJobs

_TARGET = "SageMaker."
_INVOKE = re.compile(r"^/endpoints/(?P<name>[^/?]+)/invocations$")


class SageMaker:
    """Training jobs, models, endpoint configurations and endpoints of one account and region."""

    def __init__(
        self,
        *,
        directory: Path,
        gateway: str,
        account: str,
        region: str,
        hub_environment: Mapping[str, str],
        before_training: Callable[[], None],
    ) -> None:
        objects = Objects(gateway, region)
        self._arn_prefix = f"arn:aws:sagemaker:{region}:{account}:"
        self._jobs = TrainingJobs(
            directory=directory / "training",
            objects=objects,
            environment=hub_environment,
            before_training=before_training,
        )
        self._endpoints = Endpoints(directory=directory / "endpoints", objects=objects, environment=hub_environment)
        self._models: dict[str, dict[str, Any]] = {}
        self._configs: dict[str, dict[str, Any]] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self._service = botocore.session.Session().get_service_model("sagemaker")

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        """One request of the control plane (`X-Amz-Target`) or of the runtime (`/endpoints/<name>/invocations`)."""
        if invoked := _INVOKE.match(path.partition("?")[0]):
            return self._endpoints.invoke(invoked["name"], headers, body)
        name = headers.get("x-amz-target", "").removeprefix(_TARGET)
        operation = getattr(self, f"_{_snake(name)}", None)
        if method != "POST" or not name or operation is None:
            raise AwsError("UnknownOperationException", f"the embedded AWS has no SageMaker operation {name or path}")
        request = json.loads(body or b"{}")
        shape = self._service.operation_model(name).input_shape
        report = ParamValidator().validate(request, shape)
        if report.has_errors():
            raise AwsError("ValidationException", report.generate_report())
        return json_response(operation(request))

    def close(self) -> None:
        """Ends every process that a job or an endpoint started."""
        self._jobs.close()
        self._endpoints.close()

    # -- training jobs

    def _create_training_job(self, request: dict[str, Any]) -> dict[str, Any]:
        arn = self._arn("training-job", request["TrainingJobName"])
        self._jobs.create(request, arn)
        self._tag(arn, request.get("Tags", ()))
        return {"TrainingJobArn": arn}

    def _describe_training_job(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._jobs.get(request["TrainingJobName"]).description

    def _stop_training_job(self, request: dict[str, Any]) -> dict[str, Any]:
        self._jobs.stop(request["TrainingJobName"])
        return {}

    def _list_training_jobs(self, request: dict[str, Any]) -> dict[str, Any]:
        keys = ("TrainingJobName", "TrainingJobArn", "CreationTime", "TrainingJobStatus", "LastModifiedTime")
        rows = [job.description for job in self._jobs.jobs.values()]
        wanted = request.get("StatusEquals")
        rows = [row for row in rows if wanted in (None, row["TrainingJobStatus"])]
        return {"TrainingJobSummaries": _listed(rows, "TrainingJobName", request, keys)}

    # -- models and endpoint configurations

    def _create_model(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["ModelName"]
        if name in self._models:
            raise AwsError("ValidationException", f"Cannot create already existing model {name!r}.")
        if "ModelDataUrl" not in request.get("PrimaryContainer", {}):
            raise AwsError("ValidationException", "the embedded AWS serves models with a PrimaryContainer.ModelDataUrl")
        arn = self._arn("model", name)
        self._models[name] = {**_untagged(request), "ModelArn": arn, "CreationTime": time.time()}
        self._tag(arn, request.get("Tags", ()))
        return {"ModelArn": arn}

    def _describe_model(self, request: dict[str, Any]) -> dict[str, Any]:
        return _one(self._models, request["ModelName"], "model")

    def _delete_model(self, request: dict[str, Any]) -> dict[str, Any]:
        _one(self._models, request["ModelName"], "model")
        del self._models[request["ModelName"]]
        self._tags.pop(self._arn("model", request["ModelName"]), None)
        return {}

    def _list_models(self, request: dict[str, Any]) -> dict[str, Any]:
        rows = list(self._models.values())
        return {"Models": _listed(rows, "ModelName", request, ("ModelName", "ModelArn", "CreationTime"))}

    def _create_endpoint_config(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["EndpointConfigName"]
        if name in self._configs:
            raise AwsError("ValidationException", f"Cannot create already existing endpoint configuration {name!r}.")
        if len(request["ProductionVariants"]) != 1:
            raise AwsError("ValidationException", "the embedded AWS serves one production variant an endpoint")
        _one(self._models, request["ProductionVariants"][0].get("ModelName", ""), "model")
        arn = self._arn("endpoint-config", name)
        self._configs[name] = {**_untagged(request), "EndpointConfigArn": arn, "CreationTime": time.time()}
        self._tag(arn, request.get("Tags", ()))
        return {"EndpointConfigArn": arn}

    def _describe_endpoint_config(self, request: dict[str, Any]) -> dict[str, Any]:
        return _one(self._configs, request["EndpointConfigName"], "endpoint configuration")

    def _delete_endpoint_config(self, request: dict[str, Any]) -> dict[str, Any]:
        _one(self._configs, request["EndpointConfigName"], "endpoint configuration")
        del self._configs[request["EndpointConfigName"]]
        self._tags.pop(self._arn("endpoint-config", request["EndpointConfigName"]), None)
        return {}

    def _list_endpoint_configs(self, request: dict[str, Any]) -> dict[str, Any]:
        keys = ("EndpointConfigName", "EndpointConfigArn", "CreationTime")
        return {"EndpointConfigs": _listed(list(self._configs.values()), "EndpointConfigName", request, keys)}

    # -- endpoints

    def _create_endpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        config = _one(self._configs, request["EndpointConfigName"], "endpoint configuration")
        model = _one(self._models, config["ProductionVariants"][0]["ModelName"], "model")
        arn = self._arn("endpoint", request["EndpointName"])
        self._endpoints.create(request["EndpointName"], config, model, arn)
        self._tag(arn, request.get("Tags", ()))
        return {"EndpointArn": arn}

    def _describe_endpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._endpoints.get(request["EndpointName"]).description

    def _delete_endpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        self._endpoints.delete(request["EndpointName"])
        self._tags.pop(self._arn("endpoint", request["EndpointName"]), None)
        return {}

    def _list_endpoints(self, request: dict[str, Any]) -> dict[str, Any]:
        keys = ("EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus")
        rows = [endpoint.description for endpoint in self._endpoints.endpoints.values()]
        return {"Endpoints": _listed(rows, "EndpointName", request, keys)}

    # -- tags

    def _add_tags(self, request: dict[str, Any]) -> dict[str, Any]:
        self._tag(request["ResourceArn"], request["Tags"])
        return {"Tags": self._tag_list(request["ResourceArn"])}

    def _list_tags(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"Tags": self._tag_list(request["ResourceArn"])}

    def _tag(self, arn: str, tags: Any) -> None:
        self._tags.setdefault(arn, {}).update({tag["Key"]: tag["Value"] for tag in tags})

    def _tag_list(self, arn: str) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in self._tags.get(arn, {}).items()]

    def _arn(self, kind: str, name: str) -> str:
        return f"{self._arn_prefix}{kind}/{name}"


def _untagged(request: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in request.items() if key != "Tags"}


def _one(found: Mapping[str, dict[str, Any]], name: str, kind: str) -> dict[str, Any]:
    if name not in found:
        raise AwsError("ValidationException", f'Could not find {kind} "{name}".')
    return found[name]


def _listed(
    rows: list[dict[str, Any]], name: str, request: Mapping[str, Any], keys: tuple[str, ...]
) -> list[dict[str, Any]]:
    wanted = request.get("NameContains", "")
    return [{key: row[key] for key in keys} for row in rows if wanted in row[name]]


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
