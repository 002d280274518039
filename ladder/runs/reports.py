"""Reports: written by the reporting functions, fetched, and shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

from botocore.config import Config
from rich.console import Console
from rich.text import Text

from contracts import keys
from cost_reports.render import terminal
from cost_reports.render.documents import run_report_document, screens, spend_report_document
from cost_reports.run_report.report import Report, report_from_json
from cost_reports.run_report.verdict import verdict
from cost_reports.spend_report.report import spend_from_json
from cost_reports.text import printable
from ladder.deployment import Deployment
from ladder.errors import LadderError
from ladder.files import read_json
from lambdas.common.store import Results

T = TypeVar("T")

FILES = ("report.html", "report.json", "report.md", "charges.csv")
#: Written only where measured quality allows an outlook on production; the report says why it is missing.
OPTIONAL = ("decision.json",)
#: How long the client waits for a reporting function: the function's own limit is 15 minutes.
FUNCTION_S = 910


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedReport:
    """A report's files on this machine; `report.json` and `report.html` are among them."""

    folder: Path
    files: tuple[Path, ...]


def fetch(deployment: Deployment, run: str, folder: Path) -> SavedReport:
    """Download the report of `run` into `folder`, and join its answers into one file.

    Raises:
        LadderError: the run has no report yet.
    """
    results, prefix = deployment.results, keys.report_prefix(deployment.experiment, run)
    try:
        saved = _download(results, prefix, folder)
    except results.s3.exceptions.NoSuchKey as error:
        place = results.uri(prefix + FILES[0])
        raise LadderError(f"run {run} has no report ({place}); make it with `ladder report --run {run}`") from error
    answers = folder / "answers.jsonl"
    with answers.open("wb") as out:
        for key in results.list_keys(keys.run_prefix(deployment.experiment, run)):
            if "/answers/" in key:
                out.write(results.s3.get_object(Bucket=results.bucket, Key=key)["Body"].read())
    return SavedReport(folder=folder, files=(*saved.files, answers))


def _download(results: Results, prefix: str, folder: Path) -> SavedReport:
    folder.mkdir(parents=True, exist_ok=True)
    written = set(results.list_keys(prefix))
    files = []
    for name in (*FILES, *OPTIONAL):
        file = folder / name
        if name in OPTIONAL and prefix + name not in written:
            # The file of an earlier report would be taken for this one's.
            file.unlink(missing_ok=True)
        else:
            file.write_bytes(results.s3.get_object(Bucket=results.bucket, Key=prefix + name)["Body"].read())
            files.append(file)
    return SavedReport(folder=folder, files=tuple(files))


def rebuild(deployment: Deployment, run: str) -> None:
    """Have the report of `run` written again.

    Raises:
        LadderError: the function failed; the message is its own.
    """
    _invoke(deployment, deployment.run_report_function, {"run": run}, f"run {run}")


def spend(
    deployment: Deployment,
    out: Path,
    *,
    since: date | None = None,
    until: date | None = None,
    fresh: bool = False,
    as_of: datetime | None = None,
) -> SavedReport:
    """Have the spend report written, and download it into a folder of its own below `out`.

    Args:
        since: the first day; default: that of the usual window.
        until: the day after the last one; default: that of the usual window.
        fresh: ask AWS again for what it answered in the last hours.
        as_of: the time of a simulated bill.

    Raises:
        LadderError: the function failed; the message is its own.
    """
    times = {"since": since, "until": until, "as_of": as_of}
    window = {name: time.isoformat() for name, time in times.items() if time is not None}
    reply = _invoke(deployment, deployment.spend_report_function, {**window, "fresh": fresh}, "what was billed")
    prefix = str(reply["report_key"]).rpartition("/")[0] + "/"
    return _download(deployment.results, prefix, out / Path(prefix).name)


def _invoke(deployment: Deployment, function: str, event: dict[str, Any], what: str) -> dict[str, Any]:
    # A function may take its whole time: a second call would write, and pay for, another report.
    patient = Config(read_timeout=FUNCTION_S, retries={"total_max_attempts": 1})
    response = deployment.session.client("lambda", config=patient).invoke(
        FunctionName=function, Payload=json.dumps({"experiment": deployment.experiment, **event}).encode()
    )
    payload: dict[str, Any] = json.loads(response["Payload"].read() or b"null")
    if "FunctionError" in response:
        raise LadderError(f"the reporting function failed for {what}: {payload.get('errorMessage', payload)}")
    return payload


def newest_run(deployment: Deployment) -> str:
    """Return the id of the newest run in the run table; ids sort by time.

    Raises:
        LadderError: the experiment has not been run yet.
    """
    items = deployment.session.client("dynamodb").query(
        TableName=deployment.run_table,
        KeyConditionExpression="experiment = :experiment",
        ExpressionAttributeValues={":experiment": {"S": deployment.experiment}},
        ScanIndexForward=False,
        Limit=1,
    )["Items"]
    if not items:
        raise LadderError(f"experiment {deployment.experiment} has no run yet; start one with `ladder run`")
    return str(items[0]["run"]["S"])


def run_report(saved: SavedReport) -> Report:
    """Return the report of a run that was fetched.

    Raises:
        LadderError: the deployed function writes reports that this program cannot read.
    """
    return _parsed(saved, report_from_json)


def show(saved: SavedReport, console: Console, *, verbose: bool = False) -> None:
    """Print a report, of a run or of spend, on one screen: a table, where its files are, and last its verdict.

    Args:
        verbose: print everything that a terminal can show, and the path of each file.

    Raises:
        LadderError: the deployed function writes reports that this program cannot read.
    """
    spend = _parsed(saved, lambda data: data.get("kind") == "spend")
    show_tables(saved, console, verbose=verbose)
    if not spend:
        console.print(verdict_line(saved))


def show_tables(saved: SavedReport, console: Console, *, verbose: bool = False) -> None:
    """Print a report without its verdict.

    Raises:
        LadderError: the deployed function writes reports that this program cannot read.
    """
    if _parsed(saved, lambda data: data.get("kind") == "spend"):
        spent = _parsed(saved, spend_from_json)
        document = spend_report_document.document(spent, short=True) if verbose else screens.spend_screen(spent)
    else:
        report = run_report(saved)
        document = run_report_document.document(report, short=True) if verbose else screens.run_screen(report)
    terminal.render(document, console)
    if verbose:
        for file in saved.files:
            console.print(f"  {file}", highlight=False, soft_wrap=True)
    else:
        console.print(
            Text(f"files in {_short(saved.folder)}: {', '.join(file.name for file in saved.files)}", style="dim")
        )


def verdict_line(saved: SavedReport) -> Text:
    """Return which rung won, why, at what cost, and where the report is.

    Raises:
        LadderError: the deployed function writes reports that this program cannot read.
    """
    decided = verdict(run_report(saved))
    page = _short(saved.folder / "report.html")
    return Text(printable(f"{decided.line()}; report: {page}"), style="bold green" if decided.winner else "bold yellow")


def _short(path: Path) -> Path:
    """Return a path as the user would type it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _parsed(saved: SavedReport, parse: Callable[[Any], T]) -> T:
    path = saved.folder / "report.json"
    try:
        return parse(read_json(path, "build the report again"))
    except ValueError as error:
        raise LadderError(f"{path}: {error}; the deployed function is of another version, so deploy again") from error
