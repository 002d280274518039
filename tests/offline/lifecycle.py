"""The life of one run on the embedded AWS, told once for all tests that ask about it.

First sandbox: deploy; a run under throttling and outages, whose training job is refused; it is resumed, and the sandbox
is killed as soon as the cost of training has been copied to this machine. Second sandbox, in the same folder: deploy
again; the run is resumed to its end, while the endpoint is throttled; report again; read the bill before it has come,
when it is complete, and with lines that no run made, from Cost Explorer and from exports; destroy; look for leftovers.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import signal
import sys
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import boto3
import psutil
from emulator_access import fault, session_of

from contracts.keys import report_prefix
from ladder import cli, embedded_aws
from ladder.billing import export_files
from ladder.cdk import cdk
from ladder.demo import EMBEDDED_CONTEXT
from ladder.deployment import Deployment, find
from lambdas.common.store import Results
from offline import sandbox as sandboxes
from offline.common.faults import OPENSEARCH_DATA, ROUTE
from offline.sandbox import Sandbox
from tests.offline import small_experiment

NAME = small_experiment.NAME
#: More than any step tries: a single request would break the step and be missed here.
TRIPWIRE = 1000


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A command line's exit code and output."""

    code: int
    out: str
    err: str


@dataclass(kw_only=True)
class Moment:
    """What was there after a command: the run's record and report, the index, what SageMaker lists."""

    record: dict[str, Any]
    report: dict[str, Any]
    charges: list[dict[str, str]]
    chunks: list[str]
    sagemaker: dict[str, list[str]]
    faults_left: list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Bill:
    """A spend report: how its command ended, what it holds, its charges, and the page that was written."""

    ended: Ended
    report: dict[str, Any]
    charges: list[dict[str, str]]
    page: str


@dataclass(kw_only=True)
class Story:
    """Everything that the tests look at."""

    folder: Path
    run: str = ""
    denied: Ended = field(init=False)
    report_of_denied: dict[str, Any] = field(init=False)
    refused: Ended = field(init=False)
    after_refusal: Moment = field(init=False)
    cut_off: Ended = field(init=False)
    survivors: list[psutil.Process] = field(default_factory=list)
    mirrored: dict[str, bytes] = field(default_factory=dict)
    finished: Ended = field(init=False)
    after_finish: Moment = field(init=False)
    rebuilt: Ended = field(init=False)
    bills: dict[str, Bill] = field(default_factory=dict)
    #: Name below the facts -> object.
    fact_table: dict[str, bytes] = field(default_factory=dict)
    tags: dict[str, Ended] = field(default_factory=dict)
    synced: list[Ended] = field(default_factory=list)
    destroyed: Ended = field(init=False)

    @property
    def day(self) -> str:
        """The UTC day on which the run began."""
        return f"{self.run[1:5]}-{self.run[5:7]}-{self.run[7:9]}"

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    @property
    def mirror(self) -> Path:
        return self.runs / self.run / "bucket"

    def parts(self, kind: str) -> dict[str, bytes]:
        """Object key -> content of the copies of this kind (`answers`, `usage`)."""
        return {
            path.relative_to(self.mirror).as_posix(): path.read_bytes()
            for path in sorted(self.mirror.rglob(f"{kind}/part-*.jsonl"))
        }


def tell(folder: Path) -> Story:
    """Live through it all; takes about a minute."""
    story = Story(folder=folder)
    experiment = small_experiment.write(folder / "experiment")
    home = folder / "sandbox"
    try:
        with ThreadPoolExecutor(max_workers=1) as pool:
            synthesised = pool.submit(_synthesise, story, experiment)
            box = sandboxes.up(home, model="tiny")
            _bootstrap(story, box)
            synthesised.result()
        _deploy(story, box)
        _refused_probe(story, box)
        _refused_training(story, box)
        _killed_sandbox(story, box)
        box = sandboxes.up(home, model="tiny")
        _bootstrap(story, box)
        _deploy(story, box)
        _resumed_to_the_end(story, box)
        _billed(story, box)
        _destroyed(story, box)
    finally:
        sandboxes.down(home)
    return story


def _refused_probe(story: Story, box: Sandbox) -> None:
    """An account that has not asked for the model yet: one call, and no other approach starts."""
    denied = {"status": 403, "code": "AccessDeniedException"}
    fault(box, service="bedrock-runtime", operation="/converse", times=1, **denied)
    story.denied = _ladder(box, *_run_arguments(story), "--profile", "small")
    (record,) = story.runs.glob("*/run.json")
    story.run = record.parent.name
    story.report_of_denied = json.loads((story.runs / story.run / "report.json").read_text(encoding="utf-8"))


def _refused_training(story: Story, box: Sandbox) -> None:
    """Every service fails for a while; the training job is refused for good, as by an account without a GPU quota."""
    throttled = {"status": 429, "code": "ThrottlingException", "times": 3}
    fault(box, service="bedrock-runtime", operation="/converse", skip=1, **throttled)  # the probe passes
    fault(box, service="bedrock-runtime", operation="/invoke", status=503, code="ServiceUnavailable", times=2)
    fault(box, service=OPENSEARCH_DATA, operation="_bulk", status=503, when="after")
    fault(box, service=OPENSEARCH_DATA, operation="_msearch", status=429)
    fault(box, service="s3", operation="part-zero-shot-00000", status=503, code="SlowDown", times=3)
    fault(box, service="s3", operation="questions.test.jsonl", status=503, code="SlowDown", times=2)
    fault(box, service="lambda", operation="Invoke", status=429, code="TooManyRequestsException")
    fault(box, service="sagemaker", operation="CreateTrainingJob", status=400, code="ResourceLimitExceeded")
    story.refused = _ladder(box, *_run_arguments(story), "--resume", story.run)
    story.after_refusal = _look(story, box)


def _killed_sandbox(story: Story, box: Sandbox) -> None:
    fault(box, service="sagemaker", operation="CreateTrainingJob", status=400, code="ThrottlingException")
    processes = [psutil.Process(box.pid), *psutil.Process(box.pid).children(recursive=True)]
    with _killed_when_trained(story, box) as killed:
        story.cut_off = _ladder(box, *_run_arguments(story), "--resume", story.run)
    processes += killed
    _, story.survivors = psutil.wait_procs(processes, timeout=10)
    story.mirrored = story.parts("answers")


def _resumed_to_the_end(story: Story, box: Sandbox) -> None:
    fault(box, service="bedrock-runtime", operation="/converse", status=400, code="ValidationException", times=TRIPWIRE)
    fault(box, service="sagemaker", operation="CreateTrainingJob", status=400, code="Refused", times=TRIPWIRE)
    fault(box, service="sagemaker", operation="/invocations", status=503, code="ServiceUnavailable", times=2)
    fault(box, service="sagemaker", operation="/invocations", status=400, code="ThrottlingException", times=2)
    fault(box, service="s3", operation="part-lora-00000", status=503, code="SlowDown", times=2)
    story.finished = _ladder(box, *_run_arguments(story), "--resume", story.run)
    story.after_finish = _look(story, box)
    story.rebuilt = _ladder(box, "report", "--run", "newest", *_of_experiment(story))


def other_lines(day: str) -> list[dict[str, Any]]:
    """Other lines of a real bill: untagged usage, usage of this experiment that no run metered (an alarm), a credit and
    tax, and a model that AWS Marketplace bills under a name of its own.
    """
    cell = {"cost-cell": f"{NAME}/shared", "experiment": NAME, "approach": "shared"}
    alarm = {"service": "AmazonCloudWatch", "usage_type": "CW:AlarmMonitorUsage", "quantity": "0.5", "unit": "Alarms"}
    claude = {"service": "Claude Haiku 5.5 (Amazon Bedrock Edition)", "attributes": {"model": "Claude Haiku 5.5"}}
    tokens = {"usage_type": "USE1-MP:USE1_input_tokens_standard-Units", "quantity": "2", "unit": "Units"}
    box = {"service": "Amazon Elastic Compute Cloud - Compute", "usage_type": "BoxUsage:t3.micro"}
    rows: list[dict[str, Any]] = [
        {**alarm, "usd": "0.05", "tags": cell},
        {
            **claude,
            **tokens,
            "usd": "0.25",
            "tags": {**cell, "cost-cell": f"{NAME}/prompting", "approach": "prompting"},
        },
        {**box, "usd": "0.5", "quantity": "48", "unit": "Hrs"},
        {"service": "AWS Lambda", "usd": "-0.01", "record_type": "Credit", "tags": cell},
        {"service": "Tax", "usd": "0.03", "record_type": "Tax"},
    ]
    return [{"day": day, **row} for row in rows]


def _billed(story: Story, box: Sandbox) -> None:
    """The bill before it has come, complete, and with lines that no run made; the same from exports."""
    story.bills["too early"] = _bill(story, box)
    embedded_aws.advance_bill(box.endpoint, 72)
    # The roles' tag was seen with the first Bedrock call: it can be activated now, and applied to the past.
    story.tags["before"] = _ladder(box, "tags", "status")
    story.tags["activated"] = _ladder(box, "tags", "activate")
    story.tags["again"] = _ladder(box, "tags", "activate")
    story.tags["backfill"] = _ladder(box, "tags", "backfill", "--months", "0")
    story.tags["second backfill"] = _ladder(box, "tags", "backfill", "--months", "0")
    embedded_aws.advance_bill(box.endpoint, 24)
    story.bills["complete"] = _bill(story, box)
    story.fact_table = _fact_table(box)
    with mock.patch.object(export_files, "HOME", story.folder / "exports"):
        story.synced = [_ladder(box, "export", "sync", *_of_experiment(story)[:2]) for _ in range(2)]
        story.bills["exports"] = _exported(story, box)
    _control(box, rows=other_lines(story.day), throttle=2)
    story.bills["with other lines"] = _bill(story, box, "--fresh")
    _control(box, role="member")
    story.tags["member"] = _ladder(box, "tags", "activate")
    story.bills["member"] = _bill(story, box, "--fresh")
    _control(box, role="payer")


def _bill(story: Story, box: Sandbox, *options: str) -> Bill:
    ended = _ladder(box, "report", *_of_experiment(story), *options)
    return _read_bill(ended, max((story.runs / "spend").iterdir()))


def _read_bill(ended: Ended, folder: Path) -> Bill:
    assert ended.code == 0, ended.err
    return Bill(
        ended=ended,
        report=json.loads((folder / "report.json").read_text(encoding="utf-8")),
        charges=read_charges(folder / "charges.csv"),
        page=(folder / "report.html").read_text(encoding="utf-8"),
    )


def _fact_table(box: Sandbox) -> dict[str, bytes]:
    session = session_of(box)
    s3, bucket = session.client("s3"), find(session, NAME).bucket
    prefix = report_prefix(NAME, "facts")
    names = [str(entry["Key"]) for entry in Results(bucket, s3).objects(prefix)]
    return {name.removeprefix(prefix): s3.get_object(Bucket=bucket, Key=name)["Body"].read() for name in names}


def _exported(story: Story, box: Sandbox) -> Bill:
    out = story.folder / "exported"
    folder = max((story.runs / "spend").iterdir())
    options = ("--charges", str(folder / "charges.csv"), "--json", str(out / "report.json"))
    files = ("--csv", str(out / "charges.csv"), "--html", str(out / "report.html"))
    return _read_bill(_ladder(box, "export", "query", *_of_experiment(story)[:2], *options, *files), out)


def _control(box: Sandbox, **changes: object) -> None:
    url = box.endpoint + embedded_aws.BILLING
    request = urllib.request.Request(url, data=json.dumps(changes).encode(), method="POST")
    urllib.request.urlopen(request, timeout=30).close()


def _of_experiment(story: Story) -> tuple[str, ...]:
    return ("--experiment", str(story.folder / "experiment"), "--out", str(story.runs))


def _destroyed(story: Story, box: Sandbox) -> None:
    experiment = ("--experiment", str(story.folder / "experiment"))
    gone = _ladder(box, "destroy", *experiment, "--app", str(story.folder / "cdk.out"))
    assert gone.code == 0, gone.err
    files = ("--json", str(story.folder / "leftovers.json"), "--receipt", str(story.folder / "receipt.json"))
    story.destroyed = _ladder(box, "leftovers", *experiment, *files)


@contextlib.contextmanager
def _killed_when_trained(story: Story, box: Sandbox) -> Iterator[list[psutil.Process]]:
    """Kill the sandbox's supervisor when a model is trained and this machine knows it; gives its processes then."""
    found: list[psutil.Process] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            if list(story.mirror.rglob("usage/part-training-*.jsonl")):
                found.extend(psutil.Process(box.pid).children(recursive=True))
                os.kill(box.pid, signal.SIGKILL)
                return

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


def _look(story: Story, box: Sandbox) -> Moment:
    session = session_of(box)
    deployment = find(session, NAME)
    record = session.client("dynamodb").get_item(
        TableName=deployment.run_table, Key={"experiment": {"S": NAME}, "run": {"S": story.run}}
    )["Item"]
    return Moment(
        record={name: next(iter(value.values())) for name, value in record.items()},
        report=json.loads((story.runs / story.run / "report.json").read_text(encoding="utf-8")),
        charges=read_charges(story.runs / story.run / "charges.csv"),
        chunks=_chunks(session, deployment, box),
        sagemaker=_sagemaker(session),
        faults_left=json.loads(urllib.request.urlopen(box.endpoint + ROUTE).read())["faults"],
    )


def read_charges(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))


def _chunks(session: boto3.Session, deployment: Deployment, box: Sandbox) -> list[str]:
    """The chunk id of every document in the index."""
    functions = session.client("lambda").list_functions()["Functions"]
    (index,) = {
        found for function in functions if (found := function["Environment"]["Variables"].get("INDEX_NAME")) is not None
    }
    request = urllib.request.Request(
        f"http://127.0.0.1:{box.opensearch_port}/{index}/_search",
        data=json.dumps({"size": 100, "query": {"match_all": {}}}).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return sorted(hit["_source"]["chunk_id"] for hit in json.load(answer)["hits"]["hits"])


def _sagemaker(session: boto3.Session) -> dict[str, list[str]]:
    client = session.client("sagemaker")
    return {
        "endpoints": [found["EndpointName"] for found in client.list_endpoints()["Endpoints"]],
        "configs": [found["EndpointConfigName"] for found in client.list_endpoint_configs()["EndpointConfigs"]],
        "models": [found["ModelName"] for found in client.list_models()["Models"]],
        "jobs": [found["TrainingJobName"] for found in client.list_training_jobs()["TrainingJobSummaries"]],
    }


def _run_arguments(story: Story) -> tuple[str, ...]:
    return ("run", "--experiment", str(story.folder / "experiment"), "--out", str(story.runs))


def _ladder(box: Sandbox, *arguments: str) -> Ended:
    """Run the command line in this process, with an environment that points at the sandbox."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with (
        mock.patch.dict(os.environ, box.environment(os.environ), clear=True),
        mock.patch.object(sys, "argv", ["ladder", *arguments]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            cli.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return Ended(code=code, out=out.getvalue(), err=err.getvalue())


def _synthesise(story: Story, experiment: Path) -> None:
    assembly = str(story.folder / "cdk.out")
    options = ("-c", f"experiment={experiment}", "-c", "cost-exports=on", *EMBEDDED_CONTEXT)
    # The rules that the templates keep are tests of their own; checking them again takes seconds.
    environment = {"CDK_VALIDATION": "false"}
    cdk(["synth", "--quiet", "--output", assembly, *options], environment=environment, log=story.folder / "synth.log")


def _bootstrap(story: Story, box: Sandbox) -> None:
    _cdk(story, box, "bootstrap", "--app", "", f"aws://{box.account}/{box.region}")


def _deploy(story: Story, box: Sandbox) -> None:
    app = str(story.folder / "cdk.out")
    # Without change sets: they only show what will happen. The tests of the emulator deploy with them.
    options = ("--require-approval", "never", "--method", "direct", "--concurrency", "4")
    _cdk(story, box, "deploy", "--all", "--app", app, *options)


def _cdk(story: Story, box: Sandbox, *arguments: str) -> None:
    cdk(arguments, environment=box.environment(), log=story.folder / "cdk.log")
