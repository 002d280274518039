"""`ladder leftovers`: the proof that a teardown is complete."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ladder.commands import options
from ladder.errors import LadderError

if TYPE_CHECKING:
    from ladder.account import Place
    from ladder.leftovers.records import Audit


def leftovers(
    experiment: options.ExperimentFolder = options.EXPERIMENT,
    region: Annotated[
        list[str] | None,
        typer.Option(
            help="Look for every kind there, and nowhere else; may be repeated. Default: wherever the experiment was "
            "deployed or something is tagged, and by tag and stack in every other enabled region."
        ),
    ] = None,
    every_region: Annotated[
        bool, typer.Option("--all-regions", help="Look for every kind in every enabled region.")
    ] = False,
    baseline: Annotated[
        Path | None,
        typer.Option(help="What was there before is not ours: written before the first deployment, read after."),
    ] = None,
    receipt: Annotated[
        Path | None,
        typer.Option(help="Add this pass to a JSON receipt; two clean ones 10 minutes apart are the proof."),
    ] = None,
    billed: Annotated[
        bool, typer.Option("--billed", help="Say since when nothing is charged (1 Cost Explorer request, $0.01).")
    ] = False,
    delete: Annotated[bool, typer.Option("--delete", help="Delete what is left, after a question.")] = False,
    yes: options.Yes = False,
    json_file: options.JsonFile = None,
) -> None:
    """List what still exists of the experiment after `make destroy`, with the call that deletes it.

    Exit code 0: nothing is left, and every kind was looked at. 1: something is left, or a kind could not be looked at.
    2: the experiment was never deployed in this account.
    """
    from datetime import UTC, datetime

    import boto3

    from contracts.stack_names import stack_prefix
    from cost_reports import text
    from ladder import embedded_aws
    from ladder.account import place_of
    from ladder.experiment.folder import load
    from ladder.leftovers import billed as bill
    from ladder.leftovers import receipt as files
    from ladder.leftovers import view
    from ladder.leftovers.audit import search, write_leftovers
    from ladder.leftovers.names import Owner

    name = load(experiment).experiment.name
    session = boto3.Session()
    place = place_of(session)
    before = frozenset[Any]()
    if baseline is not None and baseline.exists():
        before = files.read_baseline(baseline, name, place.account)

    def look() -> Audit:
        owner = Owner(name, stack_prefix(name))
        return search(session, owner, regions=region or (), before=before, full=every_region)

    audit, now = look(), datetime.now(UTC)
    if baseline is not None and not baseline.exists():
        count = files.write_baseline(audit, baseline, now)
        typer.echo(f"{baseline}: {count} things that look like the experiment's were there before, in {place}")
        return
    _require_deployed(audit)
    for line in view.lines(audit):
        typer.echo(line)
    if delete and audit.leftovers:
        _delete(session, audit, place, yes=yes)
        audit = look()
    if json_file is not None:
        write_leftovers(audit, json_file)
    spend = bill.read_end(session, name, embedded_aws.bill_time() or now) if billed else None
    if spend is not None:
        for day, usd in list(spend.days.items())[-bill.SHOWN_DAYS :]:
            typer.echo(f"    {day}  {'not yet billed' if usd is None else text.usd(usd)}")
        typer.echo(f"billed: {spend.text}")
    if receipt is not None:
        record = files.add_pass(audit, receipt, now, spend)
        proof = "which prove it" if record["proven"] else f"{files.PASSES} in a row, 10 minutes apart, prove it"
        typer.echo(f"{receipt}: {record['clean_passes']} clean passes, {proof}")
    _conclude(audit)


def _require_deployed(audit: Audit) -> None:
    if audit.ever_deployed or audit.failed:
        return
    regions = ", ".join(region.name for region in audit.regions)
    raise LadderError(
        f"experiment {audit.experiment} was never deployed in account {audit.account}: no stack of the last 90 days, "
        f"no tag and no name of it in {regions}; sign in to the account where it was",
        exit_code=2,
    )


def _delete(session: Any, audit: Audit, place: Place, *, yes: bool) -> None:
    from ladder.account import consent
    from ladder.leftovers.deletion import StackLeftError, delete

    consent(place, f"delete {len(audit)} leftovers", yes=yes)
    try:
        kept = delete(
            session, audit.leftovers, audit.account, lambda item: typer.echo(f"deleted: {item.kind} {item.name}")
        )
    except StackLeftError as error:
        raise LadderError(
            f"stacks are left ({error}), and their resources go with them: run `make destroy` first"
        ) from error
    for item, reason in kept:
        typer.echo(f"not deleted: {item.kind} {item.name}: {reason}")


def _conclude(audit: Audit) -> None:
    if audit.leftovers:
        raise LadderError(
            f"{len(audit)} leftovers of experiment {audit.experiment}; `make destroy` deletes stacks, "
            "`ladder leftovers --delete` what is outside of them"
        )
    if audit.failed:
        kinds = ", ".join(sorted({item.kind for item in audit.failed}))
        raise LadderError(
            f"nothing of experiment {audit.experiment} was found, but {len(audit.failed)} kinds could not be looked at "
            f"({kinds}): give this identity the list calls, and look again"
        )
    typer.echo(f"nothing is left of experiment {audit.experiment}")
