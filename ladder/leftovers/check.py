"""One search for leftovers as a person asks for it: looked at, told, deleted if wished, written down, concluded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contracts.job_names import stack_prefix
from cost_reports.text import printable, usd
from ladder import embedded_aws
from ladder.account import Place, consent
from ladder.errors import LadderError
from ladder.leftovers import receipt as files
from ladder.leftovers import view
from ladder.leftovers.audit import Key, search
from ladder.leftovers.billed import SHOWN_DAYS, SpendEnd, read_end
from ladder.leftovers.deletion import StackLeftError, delete
from ladder.leftovers.names import Owner
from ladder.leftovers.records import Audit, write_leftovers

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What is asked for: the options of `ladder leftovers`, and where it acts."""

    session: Any
    place: Place
    experiment: str
    regions: tuple[str, ...] = ()
    every_region: bool = False
    baseline: Path | None = None
    receipt: Path | None = None
    billed: bool = False
    delete: bool = False
    yes: bool = False
    json_file: Path | None = None

    def run(self, say: Say) -> None:
        """Do it.

        Raises:
            LadderError: something is left, could not be looked at, or was never there (exit code 2).
        """
        new_baseline = self.baseline is not None and not self.baseline.exists()
        before: frozenset[Key] = frozenset()
        if self.baseline is not None and not new_baseline:
            before = files.read_baseline(self.baseline, self.experiment, self.place.account)
        audit = self._look(before)
        if self.baseline is not None and new_baseline:
            count = files.write_baseline(audit, self.baseline, datetime.now(UTC))
            say(f"{self.baseline}: {count} things that look like the experiment's were there before, in {self.place}")
            return
        _require_deployed(audit)
        for line in view.lines(audit):
            say(line)
        if self.delete and audit.leftovers:
            self._delete(audit, say)
            audit = self._look(before)
        if self.json_file is not None:
            write_leftovers(audit, self.json_file)
        spend = self._spend(say) if self.billed else None
        if self.receipt is not None:
            record = files.add_pass(audit, self.receipt, datetime.now(UTC), spend)
            proof = "which prove it" if record["proven"] else f"{files.PASSES} in a row, 10 minutes apart, prove it"
            say(f"{self.receipt}: {record['clean_passes']} clean passes, {proof}")
        _conclude(audit, say)

    def _look(self, before: frozenset[Key]) -> Audit:
        owner = Owner(self.experiment, stack_prefix(self.experiment))
        return search(self.session, owner, regions=self.regions, before=before, full=self.every_region)

    def _delete(self, audit: Audit, say: Say) -> None:
        consent(self.place, f"delete {len(audit)} leftovers", yes=self.yes)
        try:
            kept = delete(
                self.session,
                audit.leftovers,
                audit.account,
                lambda item: say(printable(f"deleted: {item.kind} {item.name}")),
            )
        except StackLeftError as error:
            raise LadderError(
                f"stacks are left ({error}), and their resources go with them: run `make destroy` first"
            ) from error
        for item, reason in kept:
            say(printable(f"not deleted: {item.kind} {item.name}: {reason}"))

    def _spend(self, say: Say) -> SpendEnd:
        consent(self.place, "read the bill", costs="1 Cost Explorer request of $0.01", yes=self.yes)
        spend = read_end(self.session, self.experiment, embedded_aws.bill_time() or datetime.now(UTC))
        for day, amount in list(spend.days.items())[-SHOWN_DAYS:]:
            say(f"    {day}  {'not yet billed' if amount is None else usd(amount)}")
        say(f"billed: {spend.text}")
        return spend


def _require_deployed(audit: Audit) -> None:
    if audit.ever_deployed or audit.failed:
        return
    regions = ", ".join(region.name for region in audit.regions)
    raise LadderError(
        f"experiment {audit.experiment} was never deployed in account {audit.account}: no stack of the last 90 days, "
        f"no tag and no name of it in {regions}; sign in to the account where it was",
        exit_code=2,
    )


def _conclude(audit: Audit, say: Say) -> None:
    if audit.leftovers:
        todo = "`ladder leftovers --delete` deletes them"
        if audit.stacks:
            todo = "run `make destroy`, which deletes stacks with their resources, and look again"
        raise LadderError(f"{len(audit)} leftovers of experiment {audit.experiment}; {todo}")
    if audit.failed:
        kinds = ", ".join(sorted({item.kind for item in audit.failed}))
        raise LadderError(
            f"nothing of experiment {audit.experiment} was found, but {len(audit.failed)} kinds could not be looked at "
            f"({kinds}): give this identity the list calls, and look again"
        )
    say(f"nothing is left of experiment {audit.experiment}")
