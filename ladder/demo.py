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
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import boto3
from rich.console import Console

from contracts.job_names import stack_prefix
from ladder import embedded_aws
from ladder.cdk import cdk
from ladder.deployment import Deployment, find
from ladder.errors import LadderError
from ladder.experiment.folder import LoadedExperiment, load
from ladder.leftovers.audit import audit, write_leftovers
from ladder.progress import Progress
from ladder.runs import reports
from ladder.runs.follow import follow
from ladder.runs.manifest import profile_of
from ladder.runs.run import ending
from ladder.runs.start import start
from offline import sandbox
from offline.sandbox import Model, Sandbox

#: What a deployment onto the embedded AWS sets differently. Its Lambda workers are this machine's Python; one batch of
#: questions at a time is what its processor can answer without letting requests wait for each other. It is an account
#: that pays for itself, and so may have what member accounts are refused.
EMBEDDED_CONTEXT = ("-c", "layer-platform=host", "-c", "answer-concurrency=1", "-c", "cost-anomalies=on")
#: Bills come about a day after the usage and change for another one: too long for a demo.
BILL_DELAY_HOURS = 72


def run(*, experiment: Path, out: Path, profile: str, console: Console, model: Model = None) -> None:
    """Deploy, run, report and destroy; write everything below `out`.

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
                box = sandbox.up(out / "sandbox", model=model)
                stage.update(f"{box.endpoint}, account {box.account}")
            try:
                with progress.stage("synthesise the stacks") as stage:
                    stage.update(f"{synthesised.result()} stacks")
                demo = _Demo(box=box, loaded=loaded, out=out, profile=profile, progress=progress)
                run_report, spend_report, gaps = demo.deploy_and_run()
            finally:
                with progress.stage("stop the embedded AWS"):
                    sandbox.down(out / "sandbox")
        (out / "timings.json").write_text(json.dumps(progress.seconds, indent=1) + "\n", encoding="utf-8")
        console.print()
        reports.show(run_report, console)
        console.print()
        reports.show(spend_report, console)
        console.print(f"  {out / 'leftovers.json'}", highlight=False, soft_wrap=True)
        console.print(f"  deployed, run, reported, destroyed and checked in {time.monotonic() - started:.0f} s")
        if gaps is not None:
            raise LadderError(gaps)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Demo:
    """The part of a demo that needs the embedded AWS."""

    box: Sandbox
    loaded: LoadedExperiment
    out: Path
    profile: str
    progress: Progress

    def deploy_and_run(self) -> tuple[reports.SavedReport, reports.SavedReport, str | None]:
        """Return the report of the run, the spend report, and what was not measured; nothing stays deployed."""
        session = self._session()
        with self.progress.stage("bootstrap"):
            self._cdk("bootstrap", "--app", "", f"aws://{self.box.account}/{self.box.region}")
        with finally_do(lambda: self._tear_down(session)):
            with self.progress.stage("deploy") as stage:
                app = ("--app", str(self.out / "cdk.out"))
                options = ("--require-approval", "never", "--concurrency", "4")
                self._cdk("deploy", "--all", *app, *options, on_update=stage.update)
            deployment = find(session, self.loaded.experiment.name)
            run = start(deployment, self.loaded, profile=self.profile, out=self.out / "runs", now=datetime.now(UTC))
            snapshot = follow(deployment, run, self.progress)
            run_id = run.manifest.run
            if not snapshot.reported:
                caveats = self._caveats(deployment, run_id)
                raise LadderError(
                    f"run {run_id} ended {snapshot.status}: {snapshot.error}{caveats}; logs: {self.out}/sandbox/logs"
                )
            with self.progress.stage("fetch the report"):
                run_report = reports.fetch(deployment, run_id, self.out)
            with self.progress.stage("read the bill") as stage:
                embedded_aws.advance_bill(self.box.endpoint, BILL_DELAY_HOURS)
                spend_report = reports.spend(deployment, self.out / "spend", as_of=embedded_aws.bill_time())
                stage.update(f"as it would be {BILL_DELAY_HOURS // 24} days later, SIMULATED")
        return run_report, spend_report, None if snapshot.status == "SUCCEEDED" else ending(run_id, snapshot)

    def _tear_down(self, session: boto3.Session) -> None:
        with self.progress.stage("destroy") as stage:
            self._cdk("destroy", "--all", "--force", "--app", str(self.out / "cdk.out"), on_update=stage.update)
        file = self.out / "leftovers.json"
        with self.progress.stage("look for leftovers") as stage:
            name = self.loaded.experiment.name
            leftovers = audit(session, experiment=name, stack_prefix=stack_prefix(name))
            write_leftovers(leftovers, file)
            stage.update(f"{len(leftovers)} found")
        if not leftovers.clean:
            raise LadderError(f"{len(leftovers)} leftovers after destroy, see {file}{leftovers.doubts}")

    def _caveats(self, deployment: Deployment, run: str) -> str:
        """Return what the report of a failed run says of the approaches that did not finish; empty without a report."""
        try:
            saved = reports.fetch(deployment, run, self.out)
        except LadderError:
            return ""
        report = json.loads((saved.folder / "report.json").read_text(encoding="utf-8"))
        return "".join(f"; {caveat.rstrip('.')}" for caveat in report["recommendation"]["caveats"])

    def _session(self) -> boto3.Session:
        """Return a session on the embedded AWS alone, whatever the caller's AWS environment says."""
        os.environ.update(self.box.environment())
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            os.environ.pop(name, None)
        return boto3.Session(region_name=self.box.region)

    def _cdk(self, *arguments: str, on_update: Callable[[str], None] = lambda _: None) -> None:
        cdk(arguments, environment=self.box.environment(), log=self.out / "cdk.log", on_update=on_update)


@contextmanager
def finally_do(last: Callable[[], None]) -> Iterator[None]:
    """Do `last` however the block ends, as `finally` does, and hide no error: one that follows another names both.

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


def _synthesise(experiment: Path, out: Path) -> int:
    """Write `cdk.out` below `out`, and return how many stacks it holds."""
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
        # The folder is cleared before a demo: files that no demo wrote must not go with it.
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
    """Remove what an earlier demo left in `out`, except the assembly: its packaged assets are used again."""
    for path in out.iterdir():
        if path.name in (".lock", "cdk.out"):
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
