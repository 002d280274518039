"""Has the reporting function write its reports, fetches what it wrote, and shows it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from rich.console import Console

from contracts import keys
from cost_reports.render import terminal
from cost_reports.render.documents import run_report_document, spend_report_document
from cost_reports.run_report.report import report_from_json
from cost_reports.spend_report.report import spend_from_json
from ladder.errors import LadderError
from ladder.leftovers.audit import Leftover
from ladder.runs.deployment import Deployment
from ladder.runs.execution import RunFolder
from lambdas.common.store import Results

FILES = ("report.html", "report.json", "report.md", "charges.csv")
#: Written only where measured quality allows an outlook on production; the report says why there is none.
OPTIONAL = ("decision.json",)
#: How long an answer of the reporting function is waited for: its own limit is 15 minutes.
FUNCTION_S = 910


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedReport:
    """The report's files on this machine."""

    folder: Path
    answers: Path

    @property
    def json_file(self) -> Path:
        return self.folder / "report.json"

    @property
    def files(self) -> tuple[Path, ...]:
        optional = (self.folder / name for name in OPTIONAL)
        return (*(self.folder / name for name in FILES), *(path for path in optional if path.exists()), self.answers)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendReportFiles:
    """The spend report's files on this machine."""

    folder: Path

    @property
    def page(self) -> Path:
        return self.folder / "report.html"

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(self.folder / name for name in FILES)


def fetch(session: boto3.Session, deployment: Deployment, experiment: str, run: str, folder: RunFolder) -> SavedReport:
    """Downloads the report of `run` and joins its answers into one file.

    Raises:
        LadderError: the run has no report yet.
    """
    s3 = session.client("s3")
    folder.path.mkdir(parents=True, exist_ok=True)
    for name in (*FILES, *OPTIONAL):
        key = keys.report_prefix(experiment, run) + name
        try:
            body = s3.get_object(Bucket=deployment.bucket, Key=key)["Body"].read()
        except s3.exceptions.NoSuchKey as error:
            if name in OPTIONAL:
                # One of an earlier report would be taken for this one's.
                (folder.path / name).unlink(missing_ok=True)
                continue
            raise LadderError(
                f"run {run} has no report (s3://{deployment.bucket}/{key}); make it with `ladder report --run {run}`"
            ) from error
        (folder.path / name).write_bytes(body)
    answers = folder.path / "answers.jsonl"
    with answers.open("wb") as out:
        for item in Results(deployment.bucket, s3).objects(keys.run_prefix(experiment, run)):
            if "/answers/" in item["Key"]:
                out.write(s3.get_object(Bucket=deployment.bucket, Key=item["Key"])["Body"].read())
    return SavedReport(folder=folder.path, answers=answers)


def rebuild(session: boto3.Session, deployment: Deployment, run: str) -> None:
    """Have the report of `run` written again.

    Raises:
        LadderError: the function failed; the message is its own.
    """
    event = {"experiment": deployment.experiment, "run": run}
    _invoke(session, deployment.run_report_function, event, f"run {run}")


def spend(
    session: boto3.Session,
    deployment: Deployment,
    out: Path,
    *,
    since: date | None = None,
    until: date | None = None,
    fresh: bool = False,
    as_of: datetime | None = None,
) -> SpendReportFiles:
    """Has the spend report written (of the usual window, or of the days from `since` to before `until`) and downloads
    it into a folder of its own below `out`. `fresh`: AWS is asked again for what it answered in the last hours.
    `as_of`: the time of a simulated bill.

    Raises:
        LadderError: the function failed; the message is its own.
    """
    window = {name: day.isoformat() for name, day in (("since", since), ("until", until)) if day is not None}
    clock = {} if as_of is None else {"as_of": as_of.isoformat()}
    event = {"experiment": deployment.experiment, **window, **clock, "fresh": fresh}
    said = _invoke(session, deployment.spend_report_function, event, "what was billed")
    prefix = str(said["report_key"]).rpartition("/")[0] + "/"
    folder = out / prefix.rstrip("/").rpartition("/")[2]
    folder.mkdir(parents=True, exist_ok=True)
    s3 = session.client("s3")
    for name in FILES:
        (folder / name).write_bytes(s3.get_object(Bucket=deployment.bucket, Key=prefix + name)["Body"].read())
    return SpendReportFiles(folder=folder)


def _invoke(session: boto3.Session, function: str, event: dict[str, Any], what: str) -> dict[str, Any]:
    # A function may take its whole time: a call that is made again would write, and pay for, another report.
    patient = Config(read_timeout=FUNCTION_S, retries={"total_max_attempts": 1})
    response = session.client("lambda", config=patient).invoke(
        FunctionName=function,
        Payload=json.dumps(event).encode(),
    )
    payload: dict[str, Any] = json.loads(response["Payload"].read() or b"null")
    if "FunctionError" in response:
        raise LadderError(f"the reporting function failed for {what}: {payload.get('errorMessage', payload)}")
    return payload


def newest_run(session: boto3.Session, deployment: Deployment) -> str:
    """The id of the newest run in the run table (ids sort by time).

    Raises:
        LadderError: the table has none.
    """
    found = session.client("dynamodb").query(
        TableName=deployment.run_table,
        KeyConditionExpression="experiment = :experiment",
        ExpressionAttributeValues={":experiment": {"S": deployment.experiment}},
        ScanIndexForward=False,
        Limit=1,
    )["Items"]
    if not found:
        raise LadderError(f"experiment {deployment.experiment} has no run yet; start one with `ladder run`")
    return str(found[0]["run"]["S"])


def show(saved: SavedReport, console: Console) -> None:
    """Prints the report and where its files are."""
    report = report_from_json(json.loads(saved.json_file.read_text(encoding="utf-8")))
    terminal.render(run_report_document.document(report, short=True), console)
    for path in saved.files:
        console.print(f"  {path}", highlight=False, soft_wrap=True)


def show_spend(saved: SpendReportFiles, console: Console) -> None:
    """Prints the spend report and where its files are.

    Raises:
        LadderError: the deployed function writes reports that this program cannot read.
    """
    path = saved.folder / "report.json"
    try:
        report = spend_from_json(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise LadderError(f"{path}: {error}; the deployed function is of another version, so deploy again") from error
    terminal.render(spend_report_document.document(report, short=True), console)
    for path in saved.files:
        console.print(f"  {path}", highlight=False, soft_wrap=True)


def write_leftovers(found: Sequence[Leftover], path: Path | None) -> None:
    """Writes the audit's result as a JSON list."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps([dataclasses.asdict(item) for item in found], indent=1) + "\n", encoding="utf-8")
