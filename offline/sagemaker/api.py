"""The operations of SageMaker that a fine-tuning run needs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from offline.common import clients
from offline.common.request_validation import RequestValidation
from offline.common.wire import Response, invalid, json_response, unknown_operation
from offline.sagemaker.hosting import Endpoints
from offline.sagemaker.objects import Objects
from offline.sagemaker.state import CONFIG, ENDPOINT, JOB, MODEL, Kind, Resources, Tags
from offline.sagemaker.training import TrainingJobs

_TARGET = "SageMaker."
_INVOKE = re.compile(r"^/endpoints/(?P<name>[^/?]+)/invocations$")
Request = Mapping[str, Any]
Answer = dict[str, Any]


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
        base_model: str,
        before_training: Callable[[], None],
    ) -> None:
        objects = Objects(gateway, region)
        self._arn_prefix = f"arn:aws:sagemaker:{region}:{account}:"
        self._jobs = TrainingJobs(
            directory=directory / "training",
            objects=objects,
            logs=clients.logs(gateway, region),
            environment=hub_environment,
            base_model=base_model,
            before_training=before_training,
        )
        self._endpoints = Endpoints(directory=directory / "endpoints", objects=objects, environment=hub_environment)
        self._models, self._configs = Resources(MODEL), Resources(CONFIG)
        self._tags = Tags()
        self._requests = RequestValidation("sagemaker")
        self._operations: dict[str, Callable[[Request], Answer]] = {
            "CreateTrainingJob": self._create_training_job,
            "DescribeTrainingJob": lambda request: self._jobs.get(request[JOB.name]).description,
            "StopTrainingJob": self._stop_training_job,
            "ListTrainingJobs": self._list_training_jobs,
            "CreateModel": self._create_model,
            "DescribeModel": lambda request: self._models.get(request[MODEL.name]),
            "DeleteModel": lambda request: self._delete(MODEL, self._models.remove, request),
            "ListModels": lambda request: {"Models": MODEL.summaries(self._models.all(), request)},
            "CreateEndpointConfig": self._create_endpoint_config,
            "DescribeEndpointConfig": lambda request: self._configs.get(request[CONFIG.name]),
            "DeleteEndpointConfig": lambda request: self._delete(CONFIG, self._configs.remove, request),
            "ListEndpointConfigs": lambda request: {"EndpointConfigs": CONFIG.summaries(self._configs.all(), request)},
            "CreateEndpoint": self._create_endpoint,
            "DescribeEndpoint": lambda request: self._endpoints.get(request[ENDPOINT.name]).description,
            "DeleteEndpoint": lambda request: self._delete(ENDPOINT, self._endpoints.delete, request),
            "ListEndpoints": self._list_endpoints,
            "AddTags": self._add_tags,
            "ListTags": lambda request: {"Tags": self._tags.of(request["ResourceArn"])},
        }

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Answer a request of the control plane (`X-Amz-Target`) or of the runtime (`/endpoints/<name>/invocations`).

        Raises:
            AwsError: in the words of AWS where they are known.
        """
        if invoked := _INVOKE.match(path.partition("?")[0]):
            return self._endpoints.invoke(invoked["name"], headers, body)
        name = headers.get("x-amz-target", "").removeprefix(_TARGET)
        if method != "POST" or name not in self._operations:
            raise unknown_operation("SageMaker", name or path)
        return json_response(self._operations[name](self._requests.parse(name, body)))

    def close(self) -> None:
        """End every process that a job or an endpoint started."""
        self._jobs.close()
        self._endpoints.close()

    def _create_training_job(self, request: Request) -> Answer:
        arn = self._arn(JOB, request)
        self._jobs.create(request, arn)
        return self._created(JOB, arn, request)

    def _stop_training_job(self, request: Request) -> Answer:
        self._jobs.stop(request[JOB.name])
        return {}

    def _list_training_jobs(self, request: Request) -> Answer:
        rows = [job.description for job in self._jobs.jobs.values()]
        status = request.get("StatusEquals")
        rows = [row for row in rows if status in (None, row["TrainingJobStatus"])]
        return {"TrainingJobSummaries": JOB.summaries(rows, request)}

    def _create_model(self, request: Request) -> Answer:
        if "ModelDataUrl" not in request.get("PrimaryContainer", {}):
            raise invalid("the embedded AWS serves models with a PrimaryContainer.ModelDataUrl")
        arn = self._arn(MODEL, request)
        self._models.add(request, arn)
        return self._created(MODEL, arn, request)

    def _create_endpoint_config(self, request: Request) -> Answer:
        if len(request["ProductionVariants"]) != 1:
            raise invalid("the embedded AWS serves one production variant an endpoint")
        self._models.get(request["ProductionVariants"][0].get("ModelName", ""))
        arn = self._arn(CONFIG, request)
        self._configs.add(request, arn)
        return self._created(CONFIG, arn, request)

    def _create_endpoint(self, request: Request) -> Answer:
        config = self._configs.get(request[CONFIG.name])
        model = self._models.get(config["ProductionVariants"][0]["ModelName"])
        arn = self._arn(ENDPOINT, request)
        self._endpoints.create(request[ENDPOINT.name], config, model, arn)
        return self._created(ENDPOINT, arn, request)

    def _list_endpoints(self, request: Request) -> Answer:
        rows = [endpoint.description for endpoint in self._endpoints.endpoints.values()]
        return {"Endpoints": ENDPOINT.summaries(rows, request)}

    def _add_tags(self, request: Request) -> Answer:
        self._tags.add(request["ResourceArn"], request["Tags"])
        return {"Tags": self._tags.of(request["ResourceArn"])}

    def _created(self, kind: Kind, arn: str, request: Request) -> Answer:
        self._tags.add(arn, request.get("Tags", ()))
        return {kind.listed[1]: arn}

    def _delete(self, kind: Kind, remove: Callable[[str], None], request: Request) -> Answer:
        remove(request[kind.name])
        self._tags.remove(self._arn(kind, request))
        return {}

    def _arn(self, kind: Kind, request: Request) -> str:
        return f"{self._arn_prefix}{kind.arn}/{request[kind.name]}"
