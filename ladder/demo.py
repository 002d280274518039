"""`ladder demo`: the product's main job from nothing to nothing, on an embedded AWS of its own."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import boto3
from rich.console import Console
from rich.text import Text

from contracts.job_names import stack_prefix
from cost_reports.render import terminal
from cost_reports.render.documents import screens
from ladder import embedded_aws
from ladder.cdk import cdk
from ladder.deployment import Deployment, find
from ladder.errors import LadderError
from ladder.experiment.folder import LoadedExperiment, load
from ladder.leftovers.audit import audit, write_leftovers
from ladder.leftovers.listing import Clients
from ladder.progress import Count, Progress, Stage
from ladder.runs import reports
from ladder.runs.follow import follow
from ladder.runs.manifest import profile_of
from ladder.runs.run import ending
from ladder.runs.start import start
from ladder.stacks.destroy import delete_job_logs
from ladder.stopping import stops_sandbox
from offline import sandbox
from offline.sandbox import Model, Sandbox

#: What a deployment onto the embedded AWS sets differently. Its Lambda workers are this machine's Python; one batch of
#: questions at a time is what its processor can answer without letting requests wait for each other. It is an account
#: that pays for itself, and so may have what member accounts are refused.
EMBEDDED_CONTEXT = ("-c", "layer-platform=host", "-c", "answer-concurrency=1", "-c", "cost-anomalies=on")
#: Bills come about a day after the usage and change for another one: too long for a demo.
BILL_DELAY_HOURS = 72


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one experiment's demo gave, and the seconds from its deployment to the proof that nothing is left.

    `gaps` says what was not measured.
    """

    run: reports.SavedReport
    spend: reports.SavedReport
    leftovers: Path
    seconds: float
    gaps: str | None = None


def run(
    *,
    experiments: Sequence[Path],
    out: Path,
    profile: str,
    console: Console,
    verbose: bool = False,
    model: Model = None,
) -> None:
    """Deploy, run, report and destroy each experiment, one after the other; write everything below `out`.

    Several share one embedded AWS, and each has a folder of its own below `out`.

    Raises:
        LadderError: a step failed (what was deployed is destroyed and the embedded AWS is stopped all the same), or
            something is left over after the destruction.
        InterruptionError: a signal ended the demo; the embedded AWS is stopped.
    """
    loaded = [load(folder) for folder in experiments]
    for experiment in loaded:
        profile_of(experiment, profile)  # an unknown one must not cost a deployment first
    out = out.resolve()
    folders = [out] if len(loaded) == 1 else [out / experiment.experiment.name for experiment in loaded]
    if len(set(folders)) < len(folders):
        raise LadderError("two of the experiments have one name; name each experiment once")
    with _only_one(out):
        sandbox.down(out / "sandbox")  # of a demo that was killed: without its folder nothing could stop it any more
        _clear(out, folders)
        names = ", ".join(experiment.experiment.name for experiment in loaded)
        console.print(f"FM cost ladder: {names}, profile {profile}, on an embedded AWS", highlight=False)
        shared = Progress(console, verbose=verbose)
        results: list[Result] = []
        with stops_sandbox(out / "sandbox"), ThreadPoolExecutor(max_workers=1) as pool:
            first = pool.submit(_synthesise, loaded[0].folder, folders[0])
            box = _started(shared, out, model)
            with finally_do(lambda: _stopped(shared, out)):
                for number, (experiment, folder) in enumerate(zip(loaded, folders, strict=True)):
                    progress = Progress(console, verbose=verbose)
                    if len(loaded) > 1:
                        console.print(Text(experiment.experiment.name, style="bold"))
                    demo = _Demo(box=box, loaded=experiment, out=folder, profile=profile, progress=progress)
                    results.append(demo.live(first.result if number == 0 else demo.synthesise, bill_late=number == 0))
                    seconds = {**shared.seconds, **progress.seconds}
                    (folder / "timings.json").write_text(json.dumps(seconds, indent=1) + "\n", encoding="utf-8")
        _show(results, console, verbose=verbose)


def _started(progress: Progress, out: Path, model: Model) -> Sandbox:
    with progress.stage("start the embedded AWS") as stage:
        box = sandbox.up(out / "sandbox", model=model)
        stage.update(f"{box.endpoint}, account {box.account}")
        bootstrap = ("bootstrap", "--app", "", f"aws://{box.account}/{box.region}")
        cdk(bootstrap, environment=box.environment(), log=out / "bootstrap.log")
    return box


def _stopped(progress: Progress, out: Path) -> None:
    with progress.stage("stop the embedded AWS"):
        sandbox.down(out / "sandbox")


def _show(results: Sequence[Result], console: Console, *, verbose: bool) -> None:
    for result in results if verbose or len(results) == 1 else ():
        console.print()
        reports.show_tables(result.run, console, verbose=verbose)
        if verbose:
            console.print()
            reports.show_tables(result.spend, console, verbose=verbose)
            console.print(f"  {result.leftovers}", highlight=False, soft_wrap=True)
    if len(results) > 1:
        console.print()
        compared = [(reports.run_report(result.run), result.seconds) for result in results]
        terminal.render(screens.comparison_screen(compared), console)
    for result in results:
        console.print(reports.verdict_line(result.run))
    gaps = [result.gaps for result in results if result.gaps is not None]
    if gaps:
        raise LadderError("; ".join(gaps))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Demo:
    """The part of a demo that needs the embedded AWS."""

    box: Sandbox
    loaded: LoadedExperiment
    out: Path
    profile: str
    progress: Progress

    def synthesise(self) -> int:
        """Write the assembly, and return how many resources it holds."""
        return _synthesise(self.loaded.folder, self.out)

    def live(self, synthesised: Callable[[], int], *, bill_late: bool) -> Result:
        """Return what the experiment gave; nothing stays deployed. `bill_late`: put the bill's clock forward."""
        began, session = self.progress.clock(), self._session()
        with self.progress.stage("synthesise the stacks") as stage:
            resources = synthesised()
            stage.update(f"{resources} resources")
        with finally_do(lambda: self._tear_down(session)):
            with self.progress.stage("deploy") as stage:
                app = ("--app", str(self.out / "cdk.out"))
                options = ("--require-approval", "never", "--concurrency", "4")
                self._cdk("deploy", "--all", *app, *options, on_update=_resources(stage, resources))
                stage.update("")
            deployment = find(session, self.loaded.experiment.name)
            run = start(deployment, self.loaded, profile=self.profile, out=self.out / "runs", now=datetime.now(UTC))
            snapshot = follow(deployment, run, self.progress)
            run_id = run.manifest.run
            if not snapshot.reported:
                caveats = self._caveats(deployment, run_id)
                logs = f"{self.box.directory}/logs"
                raise LadderError(f"run {run_id} ended {snapshot.status}: {snapshot.error}{caveats}; logs: {logs}")
            with self.progress.stage("report") as stage:
                run_report = reports.fetch(deployment, run_id, self.out)
                if bill_late:
                    embedded_aws.advance_bill(self.box.endpoint, BILL_DELAY_HOURS)
                spend_report = reports.spend(deployment, self.out / "spend", as_of=embedded_aws.bill_time())
                stage.update(f"and the bill as it would be {BILL_DELAY_HOURS // 24} days later, SIMULATED")
        return Result(
            run=run_report,
            spend=spend_report,
            leftovers=self.out / "leftovers.json",
            seconds=self.progress.clock() - began,
            gaps=None if snapshot.status == "SUCCEEDED" else ending(run_id, snapshot),
        )

    def _tear_down(self, session: boto3.Session) -> None:
        with self.progress.stage("destroy") as stage:
            update = _resources(stage, _planned(self.out))
            self._cdk("destroy", "--all", "--force", "--app", str(self.out / "cdk.out"), on_update=update)
            delete_job_logs(Clients(session, self.box.region), self.loaded.experiment.name)
            stage.update("")
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

    def _cdk(self, *arguments: str, on_update: Callable[[int, str], None]) -> None:
        cdk(arguments, environment=self.box.environment(), log=self.out / "cdk.log", on_update=on_update)


def _resources(stage: Stage, planned: int) -> Callable[[int, str], None]:
    """Return what shows how many of the planned resources are made, or deleted."""
    return lambda done, _stack: stage.update("", Count(done=min(done, planned), total=planned, unit="resources"))


@contextmanager
def finally_do(last: Callable[[], None]) -> Iterator[None]:
    """Do `last` after success and failure, as `finally` does, and hide no error: one that follows another names both.

    It is left out after an interruption: the embedded AWS is stopped then, and forgets all that was deployed.

    Raises:
        LadderError: `last` failed; the message begins with what had failed before.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as first:
        try:
            last()
        except LadderError as second:
            raise LadderError(f"{str(first) or type(first).__name__}; and then: {second}") from first
        raise
    last()


def _synthesise(experiment: Path, out: Path) -> int:
    """Write `cdk.out` below `out`, and return how many resources it holds."""
    assembly = out / "cdk.out"
    cdk(
        ["synth", "--quiet", "--output", str(assembly), "-c", f"experiment={experiment.resolve()}", *EMBEDDED_CONTEXT],
        environment={"CDK_VALIDATION": "false"},
        log=out / "cdk.log",
    )
    return _planned(out)


def _planned(out: Path) -> int:
    """Return the resources of the assembly's stacks; a stack's events count itself too."""
    templates = [json.loads(file.read_text(encoding="utf-8")) for file in (out / "cdk.out").glob("*.template.json")]
    return sum(len(template.get("Resources", {})) + 1 for template in templates)


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


def _clear(out: Path, folders: Sequence[Path]) -> None:
    """Remove what an earlier demo left, except the assemblies: their packaged assets are used again."""
    for folder in {out, *folders}:
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir():
            if path.name in (".lock", "cdk.out") or path in folders:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
