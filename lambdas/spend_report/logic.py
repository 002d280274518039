"""The spend report of an experiment: what AWS billed, beside what its runs metered and were expected to cost."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from botocore.exceptions import ClientError

from contracts import keys
from contracts.json_codec import to_json
from contracts.money import ChargeRow
from contracts.times import Deadline, parse_time, stamp
from cost_reports.compare.reconcile import USAGE_CATEGORIES
from cost_reports.compare.restatements import restatements, together
from cost_reports.cost_explorer.requests import GROUPS, window_of
from cost_reports.ledger import Ledger
from cost_reports.prices.catalogue import Catalogue
from cost_reports.render import csv_file, html, markdown
from cost_reports.render.documents import spend_report_document
from cost_reports.run_report import simulated
from cost_reports.spend_report.bill import last_whole
from cost_reports.spend_report.build import build_spend, charges_of
from cost_reports.spend_report.records import Billed, SpendRecords, Window
from cost_reports.spend_report.report import BilledSource, Restatement, SpendReport
from lambdas.common.facts import Facts
from lambdas.common.runtime import on_embedded_aws, one_line
from lambdas.common.store import MissingObjectError, Results
from lambdas.spend_report import cost_explorer, request, runs_of_window
from lambdas.spend_report.cost_explorer import read_billing, tag_states
from lambdas.spend_report.request_cache import BucketCache, Renewed

CE: BilledSource = "billed-ce"
EXPORTS: BilledSource = "billed-export"
#: Listing tags is free and fast; its retries must not use up the time of the bill.
TAGS_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Where the report lies, and what it says first."""

    prefix: str
    report: SpendReport

    @property
    def keys(self) -> dict[str, str]:
        """What the function answers."""
        return {
            "report_key": f"{self.prefix}report.json",
            "html_key": f"{self.prefix}report.html",
            "csv_key": f"{self.prefix}charges.csv",
            "headline": self.report.headline,
        }


def write_spend(
    results: Results,
    client: Any,
    *,
    experiment: str,
    account: str | None,
    now: datetime,
    window: Window | None = None,
    budget_usd: Decimal | None = None,
    deadline_s: float = 300.0,
    fresh: bool = False,
    notes: Sequence[str] = (),
) -> Written:
    """Reads what Cost Explorer knows, compares it, writes the report's files, and keeps what was read.

    `client` is a Cost Explorer client. `fresh`: ask AWS again for what was answered in the last hours. What has been
    restated is told against the last daily report: the ledger holds what that one read. It changes last, so that doing
    it all again after a failure finds the same, and not for a `window` that somebody asked for. A later report of the
    same day takes over what the earlier one, which it writes over, has found.

    Raises:
        ValueError: what billing or a run left cannot be read; the message names the row.
    """
    today = now.astimezone(UTC).date()
    chosen = window or window_of(today)
    catalogue = Catalogue.load()
    deadline = Deadline.after(deadline_s)
    tags, no_tags = tag_states(client, cost_explorer.TAG_KEYS, deadline_s=min(TAGS_S, deadline_s))
    cache = BucketCache(results, experiment)
    role = any(t.key == cost_explorer.ROLE_TAG and t.state == "active" for t in tags)
    billed = read_billing(
        client,
        experiment=experiment,
        window=chosen,
        today=today,
        catalogue=catalogue,
        role_tag_active=role,
        cache=Renewed(cache) if fresh else cache,
        deadline_s=deadline.remaining_s(),
        now=now,
        account=account,
    )
    facts = Facts(results, experiment)
    prefix = keys.report_prefix(experiment, _name(today, window))
    with facts.read() as ledger:
        before = ledger.rows(source=CE, window=chosen)
        exported = _exported(ledger, chosen)
        # The window of a daily report ends with its day.
        kept_today = any(reading.window == window_of(today) for reading in ledger.readings(source=CE))
    restated = restatements(before, billed.rows, experiment=experiment)
    if window is None and kept_today:
        # A report that was written and not kept (its function was stopped) told what the ledger does not hold.
        restated = together(_told(results, prefix), restated)
    found = runs_of_window.collect(results, experiment, chosen, catalogue)
    if no_tags is not None:
        billed = replace(billed, failures=(*billed.failures, no_tags))
    told_before = today.isoformat() if window is not None and kept_today else _previous(results, experiment, today)
    records = SpendRecords(
        experiment=experiment,
        description=found.description,
        window=chosen,
        as_of=stamp(now),
        billed=billed,
        exported=exported,
        metered=found.metered,
        estimated=found.estimated,
        prices_as_of=catalogue.as_of,
        runs=found.runs,
        unread=found.unread,
        outputs={approach: output for approach, output in found.outputs.items() if output is not None},
        tags=tags,
        restatements=restated,
        previous_report=told_before,
        budget_usd=budget_usd,
        simulated=simulated.statements(found.stand_ins) if on_embedded_aws() else (),
        notes=(*notes, *_no_cache(cache), *found.notes),
    )
    report = build_spend(records, catalogue)
    _write(results, prefix, report, charges_of(records))
    if window is None:
        _keep(facts, billed, role=role, window=chosen, now=now)
    return Written(prefix=prefix, report=report)


def _exported(ledger: Ledger, window: Window) -> Billed | None:
    """What the exports' sync has put into the ledger; null of nothing."""
    rows, readings = ledger.rows(source=EXPORTS, window=window), ledger.readings(source=EXPORTS)
    used = [date.fromisoformat(row.day) for row in rows if row.charge_category in USAGE_CATEGORIES]
    if not used or not readings:
        return None
    through = min(max(used), last_whole(parse_time(readings[-1].read_at)))
    return Billed(source=EXPORTS, account=None, rows=rows, through=through)


def _no_cache(cache: BucketCache) -> tuple[str, ...]:
    if cache.fault is None:
        return ()
    return (f"Answers of AWS could not be kept or found again, so that each report pays for its own: {cache.fault}",)


def _keep(facts: Facts, billed: Billed, *, role: bool, window: Window, now: datetime) -> None:
    """Replace the window in the ledger, cut by cut: those that were refused this time stay as they were read before.

    Where another run has put a newer reading there meanwhile, that one stays. A reading is as old as the oldest of its
    answers, some of which may be the cache's.
    """
    refused = {failure.request for failure in billed.failures}
    asked = [cut for cut in GROUPS if cut not in refused and (role or cut != "role")]
    read_at = min((row.as_of for row in billed.rows), default=stamp(now))

    def change(ledger: Ledger) -> None:
        same = [r for r in ledger.readings(source=CE) if (r.account, r.window) == (billed.account, window)]
        if all(reading.read_at <= read_at for reading in same):
            ledger.replace(billed.rows, source=CE, account=billed.account, window=window, read_at=read_at, cuts=asked)

    if asked:
        facts.update(change)


def _told(results: Results, prefix: str) -> list[Restatement]:
    """The restatements in the report at `prefix`; none where there is no report yet.

    Raises:
        ValueError: it cannot be read; the message names it.
    """
    key = f"{prefix}report.json"
    try:
        found = json.loads(results.read_text(key))["restatements"]
        return [
            Restatement(
                day=r["day"],
                approach=r["approach"],
                before_usd=None if r["before_usd"] is None else Decimal(r["before_usd"]),
                now_usd=None if r["now_usd"] is None else Decimal(r["now_usd"]),
            )
            for r in found
        ]
    except MissingObjectError:
        return []
    except (ValueError, KeyError, TypeError, InvalidOperation) as error:
        raise ValueError(f"{results.uri(key)}: is no spend report ({one_line(error)}); delete it") from error


def _write(results: Results, prefix: str, report: SpendReport, charges: Sequence[ChargeRow]) -> None:
    document = spend_report_document.document(report)
    is_simulated = bool(report.header.simulated)
    files: dict[str, tuple[str, Callable[[], str]]] = {
        "charges.csv": ("text/csv; charset=utf-8", lambda: csv_file.render(charges, simulated=is_simulated)),
        "report.md": ("text/markdown; charset=utf-8", lambda: markdown.render(document)),
        "report.html": ("text/html; charset=utf-8", lambda: html.render(document)),
        # Last, because its presence says that the report is whole.
        "report.json": ("application/json", lambda: to_json(report)),
    }
    for name, (kind, render) in files.items():
        results.write_text(f"{prefix}{name}", render(), kind)


def _previous(results: Results, experiment: str, today: date) -> str | None:
    """The newest day before today that has a daily report."""
    prefix = keys.report_prefix(experiment, "").rstrip("/") + "/"
    try:
        names = results.list_folders(prefix)
    except ClientError as error:
        raise ValueError(f"earlier reports below {results.uri(prefix)} cannot be listed: {one_line(error)}") from error
    days = [name for name in names if request.is_day(name) and name < today.isoformat()]
    return max(days, default=None)


def _name(today: date, window: Window | None) -> str:
    return today.isoformat() if window is None else f"{window.start}_{window.end}"
