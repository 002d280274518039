"""Training jobs and endpoints with scripts that need no PyTorch; S3 is a folder."""

from __future__ import annotations

import json
import shutil
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from offline.common import clients
from offline.common.http_server import Server
from offline.common.wire import AwsError
from offline.process.ports import free_ports
from offline.sagemaker import hosting, objects
from offline.sagemaker.api import SageMaker
from offline.sagemaker.hosting import Endpoint, Endpoints
from offline.sagemaker.logs import JobLog
from offline.sagemaker.training import _with_base

TRAIN = """
import json, os, pathlib, sys, time
print("adapter=lora step=1/2 loss=1.0")
hyper = json.loads(os.environ["SM_HPS"])
checkpoints, model = pathlib.Path(os.environ["SM_CHECKPOINT_DIR"]), pathlib.Path(os.environ["SM_MODEL_DIR"])
if hyper.get("fail"):
    pathlib.Path(os.environ["SM_OUTPUT_DIR"], "failure").write_text("ValueError: " + hyper["fail"])
    sys.exit(1)
done = checkpoints / "done.txt"
before = done.read_text() if done.exists() else ""
done.write_text(before + "x")
while hyper.get("hang"):
    time.sleep(0.05)
data = pathlib.Path(os.environ["SM_CHANNEL_TRAIN"], "lora.jsonl").read_text()
record = {"runs": before + "x", "data": data, "job": os.environ["TRAINING_JOB_NAME"]}
(model / "training.json").write_text(json.dumps(record))
for name in ("lora", "lora+rag"):
    (model / "adapters" / name).mkdir(parents=True)
    (model / "adapters" / name / "adapter_config.json").write_text(json.dumps({"r": 16}))
"""
SERVER = {
    "SM_VLLM_MODEL": "owner/base",
    "SM_VLLM_ENABLE_LORA": "true",
    "SM_VLLM_LORA_MODULES": '["lora=/opt/ml/model/adapters/lora", "lora+rag=/opt/ml/model/adapters/lora+rag"]',
    "SM_VLLM_MAX_MODEL_LEN": "32",
}


class FolderS3:
    """The four calls that `Objects` makes."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def download_file(self, bucket: str, key: str, path: str) -> None:
        if not (self.root / bucket / key).is_file():
            raise ClientError({"Error": {"Code": "404", "Message": "Not Found"}}, "HeadObject")
        shutil.copyfile(self.root / bucket / key, path)

    def upload_file(self, path: str, bucket: str, key: str) -> None:
        self.put(bucket, key, Path(path).read_bytes())

    def put(self, bucket: str, key: str, content: bytes) -> None:
        (self.root / bucket / key).parent.mkdir(parents=True, exist_ok=True)
        (self.root / bucket / key).write_bytes(content)

    def get_paginator(self, _operation: str) -> FolderS3:
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> list[Any]:  # noqa: N803 (boto3's names)
        files = sorted(p for p in (self.root / Bucket).rglob("*") if p.is_file())
        found = [p.relative_to(self.root / Bucket).as_posix() for p in files]
        return [{"Contents": [{"Key": key} for key in found if key.startswith(Prefix)]}]


class MemoryLogs:
    """The three calls that `JobLog` makes."""

    def __init__(self) -> None:
        self.groups: list[str] = []
        self.events: dict[tuple[str, str], list[str]] = {}

    def create_log_group(self, *, logGroupName: str) -> None:  # noqa: N803 (boto3's names)
        if logGroupName in self.groups:
            raise ClientError({"Error": {"Code": "ResourceAlreadyExistsException"}}, "CreateLogGroup")
        self.groups.append(logGroupName)

    def create_log_stream(self, *, logGroupName: str, logStreamName: str) -> None:  # noqa: N803
        assert logGroupName in self.groups
        self.events[logGroupName, logStreamName] = []

    def put_log_events(self, *, logGroupName: str, logStreamName: str, logEvents: list[Any]) -> None:  # noqa: N803
        assert all(abs(event["timestamp"] / 1000 - time.time()) < 600 for event in logEvents)
        self.events[logGroupName, logStreamName] += [event["message"] for event in logEvents]


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> MemoryLogs:
    made = MemoryLogs()
    monkeypatch.setattr(clients, "logs", lambda *_named: made)
    return made


@pytest.fixture
def s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderS3:
    bucket = FolderS3(tmp_path / "s3")
    monkeypatch.setattr(clients, "s3", lambda *_named: bucket)
    bucket.put("b", "code/train.py", TRAIN.encode())
    bucket.put("b", "data/lora.jsonl", b"{}\n")
    return bucket


@pytest.fixture
def before_training() -> list[str]:
    return []


@pytest.fixture
def client(s3: FolderS3, logs: MemoryLogs, tmp_path: Path, before_training: list[str]) -> Iterator[Any]:
    engine = SageMaker(
        directory=tmp_path / "engine",
        gateway="http://127.0.0.1:1",
        account="123456789012",
        region="us-east-1",
        hub_environment={"HF_HUB_OFFLINE": "1"},
        base_model="/models/own",
        before_training=lambda: before_training.append("released"),
    )
    server = Server(engine.handle, 0)
    server.start()
    address = server.endpoint
    config = Config(retries={"total_max_attempts": 1})
    made = boto3.client("sagemaker", endpoint_url=address, config=config)
    made.runtime = boto3.client("sagemaker-runtime", endpoint_url=address, config=config)
    yield made
    made.runtime.close()
    made.close()
    engine.close()
    server.shutdown()


def job(name: str, **hyperparameters: str) -> dict[str, Any]:
    def channel(kind: str, uri: str) -> dict[str, Any]:
        source = {"S3DataType": "S3Prefix", "S3Uri": uri}
        return {"ChannelName": kind, "DataSource": {"S3DataSource": source}}

    return {
        "TrainingJobName": name,
        "RoleArn": "arn:aws:iam::123456789012:role/training-role",
        "AlgorithmSpecification": {
            "TrainingImage": "image",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["bash", "-c"],
            "ContainerArguments": ["pip install -r requirements.txt && python /opt/ml/input/data/code/train.py"],
        },
        "InputDataConfig": [channel("train", "s3://b/data/"), channel("code", "s3://b/code/")],
        "OutputDataConfig": {"S3OutputPath": "s3://b/models/"},
        "CheckpointConfig": {"S3Uri": "s3://b/checkpoints/"},
        "ResourceConfig": {"InstanceType": "ml.g5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        "HyperParameters": hyperparameters,
        "Tags": [{"Key": "approach", "Value": "fine-tuning"}],
    }


def wait(describe: Callable[[], dict[str, Any]], key: str, *states: str) -> dict[str, Any]:
    until = time.monotonic() + 30
    while (found := describe())[key] not in states:
        assert time.monotonic() < until, f"still {found[key]}"
        time.sleep(0.02)
    return found


def ended(client: Any, name: str) -> dict[str, Any]:
    return wait(
        lambda: client.describe_training_job(TrainingJobName=name),
        "TrainingJobStatus",
        "Completed",
        "Failed",
        "Stopped",
    )


def test_a_job_runs_the_script_and_leaves_a_model(client: Any, s3: FolderS3, before_training: list[str]) -> None:
    arn = client.create_training_job(**job("first", rank="4"))["TrainingJobArn"]
    done = ended(client, "first")
    assert done["TrainingJobStatus"] == "Completed", done.get("FailureReason")
    assert done["TrainingTimeInSeconds"] == done["BillableTimeInSeconds"] >= 1
    assert done["TrainingEndTime"] > done["TrainingStartTime"] >= done["CreationTime"]
    assert done["HyperParameters"] == {"rank": "4"}
    assert [t["Status"] for t in done["SecondaryStatusTransitions"]] == [
        "Starting",
        "Downloading",
        "Training",
        "Uploading",
        "Completed",
    ]
    assert done["ModelArtifacts"]["S3ModelArtifacts"] == "s3://b/models/first/output/model.tar.gz"
    with tarfile.open(s3.root / "b/models/first/output/model.tar.gz") as packed:
        record = packed.extractfile("training.json")
        assert record is not None
        assert json.loads(record.read()) == {"runs": "x", "data": "{}\n", "job": "first"}
    assert before_training == ["released"]
    assert client.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "approach", "Value": "fine-tuning"}]
    names = [s["TrainingJobName"] for s in client.list_training_jobs(StatusEquals="Completed")["TrainingJobSummaries"]]
    assert names == ["first"]


def test_a_second_job_finds_the_checkpoints_of_the_first(client: Any, s3: FolderS3) -> None:
    client.create_training_job(**job("one"))
    ended(client, "one")
    assert (s3.root / "b/checkpoints/done.txt").read_text() == "x"
    client.create_training_job(**job("two"))
    assert ended(client, "two")["TrainingJobStatus"] == "Completed"
    assert (s3.root / "b/checkpoints/done.txt").read_text() == "xx"


def test_a_failure_gives_its_reason(client: Any) -> None:
    client.create_training_job(**job("bad", fail="lora.jsonl line 3: no answer"))
    done = ended(client, "bad")
    assert done["TrainingJobStatus"] == done["SecondaryStatus"] == "Failed"
    assert done["FailureReason"] == "AlgorithmError: ValueError: lora.jsonl line 3: no answer"


def test_a_job_without_data_fails(client: Any) -> None:
    request = job("empty")
    request["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] = "s3://b/nothing/"
    client.create_training_job(**request)
    assert "No S3 objects found under prefix s3://b/nothing/" in ended(client, "empty")["FailureReason"]


def test_a_job_can_be_stopped_and_keeps_its_checkpoints(client: Any, s3: FolderS3) -> None:
    client.create_training_job(**job("long", hang="1"))
    checkpoint = s3.root / "b/checkpoints/done.txt"
    until = time.monotonic() + 30
    while not checkpoint.exists() and time.monotonic() < until:
        time.sleep(0.02)
    client.stop_training_job(TrainingJobName="long")
    assert ended(client, "long")["TrainingJobStatus"] == "Stopped"
    assert checkpoint.read_text() == "x"
    assert not (s3.root / "b/models/long").exists()


def test_requests_are_refused_as_on_aws(client: Any) -> None:
    client.create_training_job(**job("once"))
    with pytest.raises(ClientError, match="must be unique") as caught:
        client.create_training_job(**job("once"))
    assert caught.value.response["Error"]["Code"] == "ResourceInUse"
    with pytest.raises(ClientError, match="Requested resource not found"):
        client.describe_training_job(TrainingJobName="never")
    with pytest.raises(ClientError, match="runs no container"):
        client.create_training_job(**{**job("image"), "InputDataConfig": job("image")["InputDataConfig"][:1]})
    with pytest.raises(ClientError, match='Could not find endpoint "never"'):
        client.describe_endpoint(EndpointName="never")
    with pytest.raises(ClientError, match="no SageMaker operation CreateDomain"):
        client.create_domain(
            DomainName="d", AuthMode="IAM", DefaultUserSettings={"ExecutionRole": job("d")["RoleArn"]}, SubnetIds=["s"]
        )
    ended(client, "once")


def endpoint(client: Any, url: str, name: str = "e", **variables: str) -> None:
    container = {"Image": "i", "ModelDataUrl": url, "Environment": {**SERVER, **variables}}
    client.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=job("x")["RoleArn"])
    variant = {"VariantName": "all", "ModelName": name, "InstanceType": "ml.g5.xlarge", "InitialInstanceCount": 1}
    client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    client.create_endpoint(EndpointName=name, EndpointConfigName=name)


def ask(client: Any, text: str, model: str | None = None, **more: Any) -> Any:
    body = {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": 8, "temperature": 0, **more}
    answer = client.runtime.invoke_endpoint(
        EndpointName="e", ContentType="application/json", Body=json.dumps(body).encode()
    )
    return json.loads(answer["Body"].read())


@pytest.fixture
def _echo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosting, "SERVER", "tests.unit.offline.sagemaker.echo_server")


@pytest.mark.usefixtures("_echo")
def test_an_endpoint_serves_what_was_trained(client: Any) -> None:
    client.create_training_job(**job("made"))
    endpoint(client, ended(client, "made")["ModelArtifacts"]["S3ModelArtifacts"])
    started = wait(lambda: client.describe_endpoint(EndpointName="e"), "EndpointStatus", "InService", "Failed")
    assert started["EndpointStatus"] == "InService", started.get("FailureReason")

    for model, adapter in (("owner/base", None), ("lora", "lora"), ("lora+rag", "lora+rag"), (None, None)):
        (choice,) = ask(client, "hello", model)["choices"]
        assert choice["message"]["content"].startswith(f"{adapter}: hello ")
    with pytest.raises(ClientError, match="bad request") as caught:
        ask(client, "bad")
    assert caught.value.response["Error"]["Code"] == "ModelError"
    assert caught.value.response["OriginalStatusCode"] == 400
    with pytest.raises(ClientError, match="The model `qlora` does not exist") as caught:
        ask(client, "hello", "qlora")
    assert caught.value.response["OriginalStatusCode"] == 404
    assert client.list_endpoints()["Endpoints"][0]["EndpointName"] == "e"
    for delete in (client.delete_endpoint, client.delete_endpoint_config, client.delete_model):
        kind = {"delete_endpoint": "EndpointName", "delete_model": "ModelName"}
        delete(**{kind.get(delete.__name__, "EndpointConfigName"): "e"})
    left = client.list_endpoints()["Endpoints"], client.list_endpoint_configs()["EndpointConfigs"]
    assert (*left, client.list_models()["Models"]) == ([], [], [])
    with pytest.raises(ClientError):
        ask(client, "hello")


@pytest.mark.usefixtures("_echo")
@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"SM_VLLM_MAX_LORA_RANK": "8"}, "adapter lora: LoRA rank 16 is greater than max_lora_rank 8"),
        ({"SM_VLLM_LORA_MODULES": '["x=/opt/ml/model/x"]'}, "adapter x: /opt/ml/model/x holds no adapter"),
        ({"SM_VLLM_MAX_LORA_RANKS": "16"}, "the embedded AWS knows no SM_VLLM_MAX_LORA_RANKS"),
    ],
)
def test_a_server_that_does_not_start_says_why(client: Any, variables: dict[str, str], reason: str) -> None:
    client.create_training_job(**job("made"))
    endpoint(client, ended(client, "made")["ModelArtifacts"]["S3ModelArtifacts"], **variables)
    found = wait(lambda: client.describe_endpoint(EndpointName="e"), "EndpointStatus", "InService", "Failed")
    assert found["EndpointStatus"] == "Failed"
    assert reason in found["FailureReason"]


def test_an_endpoint_without_its_model_fails_with_a_reason(client: Any) -> None:
    endpoint(client, "s3://b/models/gone/output/model.tar.gz")
    found = wait(lambda: client.describe_endpoint(EndpointName="e"), "EndpointStatus", "InService", "Failed")
    assert found["EndpointStatus"] == "Failed"
    assert "Could not find model data at s3://b/models/gone" in found["FailureReason"]


def test_an_endpoint_that_does_not_answer_may_be_asked_again(tmp_path: Path) -> None:
    endpoints = Endpoints(
        directory=tmp_path, objects=objects.Objects("http://127.0.0.1:1", "us-east-1"), environment={}
    )
    description = {"EndpointStatus": "InService"}
    endpoints.endpoints["e"] = Endpoint(folder=tmp_path / "e", description=description, port=free_ports(1)[0])
    with pytest.raises(AwsError, match="the endpoint's process does not answer") as caught:
        endpoints.invoke("e", {}, b"{}")
    assert (caught.value.code, caught.value.status) == ("ServiceUnavailable", 503)


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({"rank": "4"}, {"rank": "4"}),
        (
            {"base_model": "/models/own", "base_revision": "main"},
            {"base_model": "/models/own", "base_revision": "main"},
        ),
        ({"base_model": "org/other", "base_revision": "abc", "rank": "4"}, {"base_model": "/models/own", "rank": "4"}),
    ],
)
def test_a_job_trains_the_base_of_this_machine(named: dict[str, str], expected: dict[str, str]) -> None:
    assert _with_base(named, "/models/own") == expected


def test_what_jobs_print_is_in_cloudwatch_logs(client: Any, logs: MemoryLogs) -> None:
    for name in ("job-1", "job-2"):
        client.create_training_job(**job(name))
        assert ended(client, name)["TrainingJobStatus"] == "Completed"
    assert logs.groups == ["/aws/sagemaker/TrainingJobs"]
    (first, second) = logs.events.items()
    assert first[0][1].startswith("job-1/algo-1-")
    assert second[0][1].startswith("job-2/algo-1-")
    assert first[1] == second[1] == ["adapter=lora step=1/2 loss=1.0"]


def test_only_whole_lines_are_logged_and_each_once(tmp_path: Path, logs: MemoryLogs) -> None:
    file = tmp_path / "log"
    log = JobLog(logs, "job", file)
    log.sync()  # the job has not printed yet
    assert logs.groups == []
    file.write_text("one\ntw")
    log.sync()
    log.sync()
    file.write_text("one\ntwo\n\nthree")
    log.sync()
    (events,) = logs.events.values()
    assert events == ["one", "two"]
