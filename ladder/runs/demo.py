"""`ladder demo`: the product's main job from nothing to nothing, on an embedded AWS of its own."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import boto3
from rich.console import Console

from ladder.billing import bill_clock
from ladder.cdk import cdk
from ladder.errors import LadderError
from ladder.experiment.folder import load
from ladder.leftovers.audit import audit
from ladder.runs import execution, reports
from ladder.runs.deployment import Deployment, find, stack_prefix
from ladder.runs.manifest import profile_of
from ladder.runs.progress import Progress
from offline import sandbox
from offline.sandbox import Sandbox

#: What a deployment onto the embedded AWS sets differently: its Lambda workers are this machine's Python, and one batch
#: of questions at a time is what its processor can answer without letting requests wait for each other.
#: It is an account that pays for itself, so that it may have what member accounts are refused.
EMBEDDED_CONTEXT = ("-c", "layer-platform=host", "-c", "answer-concurrency=1", "-c", "cost-anomalies=on")
#: Bills come about a day after the usage and change for another one; nobody would wait for that in a demo.
BILL_DELAY_HOURS = 72

Saved = tuple[reports.SavedReport, reports.SpendReportFiles]


def run(*, experiment: Path, out: Path, profile: str, console: Console) -> None:
    """Deploys, runs, reports, destroys; writes everything below `out`.

    Raises:
        LadderError: a step failed (what was deployed is destroyed and the embedded AWS is stopped all the same), or
            something is left over after the destruction.
    """
    started = time.monotonic()
    loaded = load(experiment)
    profile_of(loaded, profile)  # an unknown one must not cost a deployment first
    out = out.resolve()
    with _only_one(out):
        sandbox.down(out / "sandbox")  # of a demo that was killed: without its folder nothing could stop it any more
        _clear(out)
        progress = Progress(console)
        console.print(f"FM cost ladder: experiment {loaded.experiment.name}, profile {profile}, on an embedded AWS")
        with ThreadPoolExecutor(max_workers=1) as pool:
            synthesised = pool.submit(_synthesise, experiment, out)
            with progress.stage("start the embedded AWS") as stage:
                box = sandbox.up(out / "sandbox")
                stage.update(f"{box.endpoint}, account {box.account}")
            try:
                with progress.stage("synthesise the stacks") as stage:
                    stage.update(f"{synthesised.result()} stacks")
                saved, spend = _deploy_and_run(box, experiment, out, profile, progress)
            finally:
                with progress.stage("stop the embedded AWS"):
                    sandbox.down(out / "sandbox")
        (out / "timings.json").write_text(json.dumps(progress.seconds, indent=1) + "\n", encoding="utf-8")
        console.print()
        reports.show(saved, console)
        console.print()
        reports.show_spend(spend, console)
        console.print(f"  {out / 'leftovers.json'}", highlight=False, soft_wrap=True)
        console.print(f"  deployed, run, reported, destroyed and checked in {time.monotonic() - started:.0f} s")


def _deploy_and_run(box: Sandbox, experiment: Path, out: Path, profile: str, progress: Progress) -> Saved:
    loaded = load(experiment)
    name = loaded.experiment.name
    session = _session(box)
    app = ("--app", str(out / "cdk.out"))
    log = out / "cdk.log"
    with progress.stage("bootstrap"):
        cdk(
            ["bootstrap", "--app", "", f"aws://{box.account}/{box.region}"],
            environment=box.environment(),
            log=log,
        )
    with finally_do(lambda: _tear_down(box, session, name, out, progress)):
        with progress.stage("deploy") as stage:
            cdk(
                ["deploy", "--all", *app, "--require-approval", "never", "--concurrency", "4"],
                environment=box.environment(),
                log=log,
                on_update=stage.update,
            )
        deployment = find(session, name)
        manifest, arn = execution.start(
            session, deployment, loaded, profile=profile, out=out / "runs", now=datetime.now(UTC)
        )
        folder = execution.RunFolder(path=out / "runs" / manifest.run)
        snapshot = execution.follow_with_progress(session, deployment, manifest, arn, folder, progress)
        if snapshot.status != "SUCCEEDED":
            why = _why(session, deployment, manifest.run, out)
            raise LadderError(
                f"run {manifest.run} ended {snapshot.status}: {snapshot.error}{why}; logs: {out}/sandbox/logs"
            )
        with progress.stage("fetch the report") as stage:
            saved = reports.fetch(session, deployment, name, manifest.run, execution.RunFolder(path=out))
        with progress.stage("read the bill") as stage:
            bill_clock.advance(box, BILL_DELAY_HOURS)
            spend = reports.spend(session, deployment, out / "spend", as_of=bill_clock.clock())
            stage.update(f"as it would be {BILL_DELAY_HOURS // 24} days later, SIMULATED")
    return saved, spend


def _tear_down(box: Sandbox, session: boto3.Session, name: str, out: Path, progress: Progress) -> None:
    with progress.stage("destroy") as stage:
        cdk(
            ["destroy", "--all", "--force", "--app", str(out / "cdk.out")],
            environment=box.environment(),
            log=out / "cdk.log",
            on_update=stage.update,
        )
    with progress.stage("look for leftovers") as stage:
        found = audit(session, experiment=name, stack_prefix=stack_prefix(name))
        reports.write_leftovers(found, out / "leftovers.json")
        stage.update(f"{len(found)} found")
    if found:
        raise LadderError(f"{len(found)} leftovers after destroy, see {out / 'leftovers.json'}")


@contextmanager
def finally_do(last: Callable[[], None]) -> Iterator[None]:
    """Does `last` however the block ends, as `finally` does, but hides no error: both are in one then.

    Raises:
        LadderError: `last` failed; the message begins with what had failed before.
    """
    try:
        yield
    except BaseException as first:
        try:
            last()
        except LadderError as second:
            raise LadderError(f"{str(first) or type(first).__name__}; and then: {second}") from first
        raise
    last()


def _why(session: boto3.Session, deployment: Deployment, run: str, out: Path) -> str:
    """What the report of a failed run says of the approaches that did not finish; nothing where it has none."""
    try:
        saved = reports.fetch(session, deployment, deployment.experiment, run, execution.RunFolder(path=out))
    except LadderError:
        return ""
    found = json.loads(saved.json_file.read_text(encoding="utf-8"))["recommendation"]["caveats"]
    return "".join(f"; {caveat.rstrip('.')}" for caveat in found)


def _session(box: Sandbox) -> boto3.Session:
    """A session on the embedded AWS alone, whatever the caller's AWS environment says."""
    os.environ.update(box.environment())
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        os.environ.pop(name, None)
    return boto3.Session(region_name=box.region)


def _synthesise(experiment: Path, out: Path) -> int:
    """Writes `cdk.out` below `out`.

    Returns:
        How many stacks it holds.
    """
    assembly = out / "cdk.out"
    cdk(
        ["synth", "--quiet", "--output", str(assembly), "-c", f"experiment={experiment.resolve()}", *EMBEDDED_CONTEXT],
        environment={"CDK_VALIDATION": "false"},
        log=out / "cdk.log",
    )
    return len(list(assembly.glob("*.template.json")))


@contextmanager
def _only_one(out: Path) -> Iterator[None]:
    out.mkdir(parents=True, exist_ok=True)
    if not (out / ".lock").exists() and any(out.iterdir()):
        # The folder is cleared before a demo: what somebody else put there must not go with it.
        raise LadderError(f"{out} holds files that no demo wrote; name a new or empty folder with --out")
    with (out / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LadderError(
                f"another demo runs in {out}; name another folder with --out (make demo OUT=...)"
            ) from error
        yield


def _clear(out: Path) -> None:
    """Removes what an earlier demo left in `out`, except the assembly, whose packaged assets are used again."""
    for path in out.iterdir():
        if path.name in (".lock", "cdk.out"):
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
