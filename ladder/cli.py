"""The `ladder` command. Every command is a thin wrapper: what it does can also be done with the AWS and CDK tools."""

from __future__ import annotations

import json
import sys
import webbrowser
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import boto3
import typer
from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from typer.exceptions import Abort, TyperException

from ladder.billing import bill_clock
from ladder.commands import exports, money, tags
from ladder.commands.days import Since, Until, need_order
from ladder.errors import LadderError
from ladder.experiment.folder import ExperimentError, load
from ladder.leftovers.audit import audit
from ladder.runs import demo as demo_module
from ladder.runs import execution, reports
from ladder.runs.deployment import find, stack_prefix
from ladder.runs.progress import Progress
from offline import sandbox as sandbox_module
from offline.sandbox import SandboxError

app = typer.Typer(
    help="Is prompting enough for this task, is RAG worth its cost, or does fine-tuning pay? Measured, in dollars.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
sandbox_app = typer.Typer(
    help="An embedded AWS on this machine: deploy, run and destroy without an account.", no_args_is_help=True
)
app.add_typer(sandbox_app, name="sandbox")
money.register(app)
tags.register(app)
exports.register(app)


ExperimentFolder = Annotated[
    Path, typer.Option("--experiment", "-e", help="Folder with experiment.yaml, documents/ and questions.*.jsonl.")
]
OutFolder = Annotated[Path, typer.Option("--out", "-o", help="Where runs and reports are written.")]
SandboxFolder = Annotated[Path, typer.Option("--dir", help="Where the embedded AWS keeps its state and logs.")]

DEFAULT_EXPERIMENT = Path("experiments/handbook")
DEFAULT_OUT = Path("out")
DEFAULT_SANDBOX = Path(".ladder/sandbox")


@app.command()
def run(
    experiment: ExperimentFolder = DEFAULT_EXPERIMENT,
    profile: Annotated[
        str, typer.Option(help="Which `profiles:` entry of experiment.yaml to use; `all` = every question.")
    ] = "full",
    out: OutFolder = DEFAULT_OUT,
    resume: Annotated[
        str | None, typer.Option(metavar="RUN", help="Continue this run; finished batches are not repeated.")
    ] = None,
) -> None:
    """Put the same questions to every approach, and wait for the report.

    Works on the deployment of the experiment in the account that the AWS environment names (or on the embedded AWS:
    eval "$(ladder sandbox env)"). Interrupting this command does not stop the run; --resume joins it again.
    """
    console = Console()
    loaded = load(experiment)
    session = boto3.Session()
    deployment = find(session, loaded.experiment.name)
    if resume is None:
        manifest, arn = execution.start(session, deployment, loaded, profile=profile, out=out, now=datetime.now(UTC))
        console.print(f"run {manifest.run}: {len(manifest.test_question_ids)} questions to every variant")
    else:
        manifest, arn, restored = execution.resume(session, deployment, loaded, run=resume, out=out)
        console.print(f"run {manifest.run} goes on; {restored} objects were given back to the bucket")
    folder = execution.RunFolder(path=out / manifest.run)
    try:
        snapshot = execution.follow_with_progress(session, deployment, manifest, arn, folder, Progress(console))
    except (BotoCoreError, ClientError) as error:
        raise LadderError(
            f"lost sight of run {manifest.run}, which may go on: {error}; join it with --resume {manifest.run}"
        ) from error
    except KeyboardInterrupt as error:
        raise LadderError(f"interrupted; run {manifest.run} goes on, join it with --resume {manifest.run}") from error
    ended = f"run {manifest.run} ended {snapshot.status}: {snapshot.error}; go on with --resume {manifest.run}"
    try:
        reports.show(reports.fetch(session, deployment, manifest.experiment, manifest.run, folder), console)
    except LadderError as error:
        # A run that failed early has no report: what matters is why.
        raise (error if snapshot.status == "SUCCEEDED" else LadderError(ended)) from error
    if snapshot.status != "SUCCEEDED":
        raise LadderError(ended)


@app.command()
def report(
    experiment: ExperimentFolder = DEFAULT_EXPERIMENT,
    since: Since = None,
    until: Until = None,
    run_id: Annotated[
        str | None, typer.Option("--run", help="Instead, the report of this run; `newest` for the last one.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Ask AWS again for what it answered in the last 8 hours.")
    ] = False,
    out: OutFolder = DEFAULT_OUT,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """What AWS billed for the experiment, beside what was estimated and metered (5 Cost Explorer requests, $0.05)."""
    name = load(experiment).experiment.name
    session = boto3.Session()
    deployment = find(session, name)
    console = Console()
    if run_id is not None:
        if since or until or fresh:
            raise LadderError("--run is the report of one run; it takes no --since, --until or --fresh")
        run_id = reports.newest_run(session, deployment) if run_id == "newest" else run_id
        reports.rebuild(session, deployment, run_id)
        of_run = reports.fetch(session, deployment, name, run_id, execution.RunFolder(path=out / run_id))
        reports.show(of_run, console)
        page = of_run.folder / "report.html"
    else:
        first, end = since and since.date(), until and until.date()
        if first and end:
            need_order(first, end)
        spend = reports.spend(
            session, deployment, out / "spend", since=first, until=end, fresh=fresh, as_of=bill_clock.clock()
        )
        reports.show_spend(spend, console)
        page = spend.page
    if open_page:
        webbrowser.open(page.resolve().as_uri())


@app.command()
def leftovers(
    experiment: ExperimentFolder = DEFAULT_EXPERIMENT,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the list there as JSON.")] = None,
) -> None:
    """List what still exists of the experiment after `cdk destroy`. Exit code 1 if anything does."""
    name = load(experiment).experiment.name
    found = audit(boto3.Session(), experiment=name, stack_prefix=stack_prefix(name))
    reports.write_leftovers(found, json_file)
    for item in found:
        typer.echo(f"{item.state}: {item.kind} {item.name}")
    if found:
        raise LadderError(f"{len(found)} leftovers of experiment {name}; delete them, or run `cdk destroy --all` again")
    typer.echo(f"nothing is left of experiment {name}")


@app.command()
def demo(
    experiment: ExperimentFolder = DEFAULT_EXPERIMENT,
    out: OutFolder = Path("out/demo"),
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer questions and training examples; every stage is still real.")
    ] = False,
) -> None:
    """The whole job on the embedded AWS: deploy, run every approach, report, destroy, prove that nothing is left."""
    demo_module.run(experiment=experiment, out=out, profile="quick" if quick else "full", console=Console())


@sandbox_app.command("up")
def sandbox_up(
    directory: SandboxFolder = DEFAULT_SANDBOX,
    port: Annotated[int | None, typer.Option(help="Port of the gateway on 127.0.0.1; default: a free one.")] = None,
) -> None:
    """Start an embedded AWS and leave it running."""
    box = sandbox_module.up(directory, port)
    typer.echo(f"embedded AWS is up: {box.endpoint} (account {box.account}, {box.region}; logs in {directory}/logs)")
    option = "" if directory == DEFAULT_SANDBOX else f" --dir {directory}"
    typer.echo(f'use it in this shell:   eval "$(ladder sandbox env{option})"')
    typer.echo(f"deploy onto it:         make deploy CDK_CONTEXT='{' '.join(demo_module.EMBEDDED_CONTEXT)}'")


@sandbox_app.command("status")
def sandbox_status(directory: SandboxFolder = DEFAULT_SANDBOX) -> None:
    """Say whether the embedded AWS runs. Exit code 1 if it does not."""
    box = sandbox_module.status(directory)
    if box is None:
        raise LadderError(f"no embedded AWS runs in {directory}; start one with `ladder sandbox up`")
    typer.echo(f"embedded AWS is up: {box.endpoint} (account {box.account}, {box.region}, process {box.pid})")


@sandbox_app.command("env")
def sandbox_env(directory: SandboxFolder = DEFAULT_SANDBOX) -> None:
    """Print the shell lines that point the AWS tools at the embedded AWS."""
    box = sandbox_module.status(directory)
    if box is None:
        raise LadderError(f"no embedded AWS runs in {directory}; start one with `ladder sandbox up`")
    for name, value in box.environment().items():
        typer.echo(f"export {name}={json.dumps(value)}")


@sandbox_app.command("bill")
def sandbox_bill(
    hours: Annotated[int, typer.Option("--later", min=1, max=24 * 400, help="Hours to put the bill forward.")] = 72,
    directory: SandboxFolder = DEFAULT_SANDBOX,
) -> None:
    """Put the clock of the simulated bill forward: usage is billed a day later, and changed for another day."""
    box = sandbox_module.status(directory)
    if box is None:
        raise LadderError(f"no embedded AWS runs in {directory}; start one with `ladder sandbox up`")
    typer.echo(f"the bill is now that of {bill_clock.advance(box, hours)}; see it with `ladder report`")


@sandbox_app.command("down")
def sandbox_down(directory: SandboxFolder = DEFAULT_SANDBOX) -> None:
    """Stop the embedded AWS and everything it started."""
    sandbox_module.down(directory)
    typer.echo("embedded AWS is down")


def main() -> None:
    """Entry point: known errors become one line on stderr and exit code 1, wrong options one line and exit code 2."""
    try:
        code = app(standalone_mode=False)
    except TyperException as error:
        _fail(_usage(error), error.exit_code)
    except (LadderError, ExperimentError, SandboxError) as error:
        _fail(str(error))
    except ClientError as error:
        _fail(f"AWS refused {error.operation_name}: {error.response['Error'].get('Message', error)}")
    except (BotoCoreError, Boto3Error) as error:
        _fail(f"AWS cannot be reached: {error}")
    except OSError as error:
        _fail(f"{error.filename or 'this machine'}: {error.strerror or error}")
    except (KeyboardInterrupt, Abort):
        _fail("interrupted")
    else:
        raise SystemExit(code or 0)


def _usage(error: TyperException) -> str:
    """What is wrong with the options, in one line. Without any option the message is the help, which is no error."""
    message = error.format_message()
    if "\n" in message:
        sys.stdout.write(f"{message}\n")
        raise SystemExit(error.exit_code)
    return f"{message.rstrip('.')}; see --help"


def _fail(text: str, code: int = 1) -> NoReturn:
    sys.stderr.write(f"error: {text}\n")
    raise SystemExit(code)


if __name__ == "__main__":
    main()
