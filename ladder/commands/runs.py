"""`ladder run` and `report`: a run of the deployed experiment, and the reports on it."""

from __future__ import annotations

import webbrowser
from typing import Annotated

import typer

from ladder.commands import options
from ladder.errors import LadderError


def run(
    experiment: options.ExperimentFolder = options.EXPERIMENT,
    profile: Annotated[
        str, typer.Option(help="Which `profiles:` entry of experiment.yaml to use; `all` = every question.")
    ] = "full",
    out: options.OutFolder = options.OUT,
    resume: Annotated[
        str | None, typer.Option(metavar="RUN", help="Continue this run; finished batches are not repeated.")
    ] = None,
    yes: options.Yes = False,
    verbose: options.Verbose = False,
) -> None:
    """Put the same questions to every approach, and wait for the report.

    Works on the deployment of the experiment in the account that the AWS environment names (or on the embedded AWS:
    eval "$(ladder sandbox env)"). Interrupting this command does not stop the run; --resume joins it again. A run that
    could not measure a variant shows its report and ends with an error that names it.
    """
    from rich.console import Console

    from ladder.runs.run import run as run_to_report

    run_to_report(experiment, profile=profile, out=out, resumed=resume, console=Console(), yes=yes, verbose=verbose)


def report(
    experiment: options.ExperimentFolder = options.EXPERIMENT,
    since: options.Since = None,
    until: options.Until = None,
    run_id: Annotated[
        str | None, typer.Option("--run", help="Instead, the report of this run; `newest` for the last one.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Ask AWS again for what it answered in the last 8 hours.")
    ] = False,
    out: options.OutFolder = options.OUT,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    yes: options.Yes = False,
    verbose: options.Verbose = False,
) -> None:
    """Show what AWS billed, beside what was estimated and metered (5 Cost Explorer requests, $0.05)."""
    if run_id is not None and (since or until or fresh):
        raise LadderError("--run is the report of one run; it takes no --since, --until or --fresh")
    first, end = options.days(since, until)

    import boto3
    from rich.console import Console

    from ladder import deployment, embedded_aws
    from ladder.account import consent, place_of
    from ladder.experiment.folder import load
    from ladder.runs import reports

    session = boto3.Session()
    deployed = deployment.find(session, load(experiment).experiment.name)
    place = place_of(session)
    if run_id is None:
        consent(place, "read the bill", costs="5 Cost Explorer requests of $0.01", yes=yes)
        time = embedded_aws.bill_time()
        saved = reports.spend(deployed, out / "spend", since=first, until=end, fresh=fresh, as_of=time)
    else:
        typer.echo(f"report of a run: {place}")
        run_id = reports.newest_run(deployed) if run_id == "newest" else run_id
        reports.rebuild(deployed, run_id)
        saved = reports.fetch(deployed, run_id, out / run_id)
    reports.show(saved, Console(), verbose=verbose)
    if open_page:
        webbrowser.open((saved.folder / "report.html").resolve().as_uri())
