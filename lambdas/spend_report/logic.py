"""The spend report of an experiment: what AWS billed, beside what its runs metered and were expected to cost."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from botocore.exceptions import ClientError

from contracts import keys
from contracts.json_codec import to_json
from contracts.money import ChargeRow, Cut
from contracts.times import Deadline, parse_time, stamp
from cost_reports.compare.reconcile import USAGE_CATEGORIES
from cost_reports.compare.restatements import restatements, together
from cost_reports.cost_explorer.requests import GROUPS, window_of
from cost_reports.prices.catalogue import Catalogue
from cost_reports.render import csv_file, html, markdown
from cost_reports.render.documents import spend_report_document
from cost_reports.run_report import simulated
from cost_reports.spend_report.bill import inside, last_whole
from cost_reports.spend_report.build import build_spend, charges_of
from cost_reports.spend_report.records import Billed, SpendRecords, Window
from cost_reports.spend_report.report import BilledSource, Restatement, SpendReport, Tag
from lambdas.common.facts import Facts, ImportedWindow, PeriodCharges, periods_of
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bill:
    """What Cost Explorer answered. `groupings`: those that it was asked for and did not refuse."""

    billed: Billed
    tags: tuple[Tag, ...]
    groupings: tuple[Cut, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Earlier:
    """What earlier reports kept and told. `restated`: the changes since then; `report`: the day of the last one."""

    exported: Billed | None
    restated: tuple[Restatement, ...]
    report: str | None


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
    """Read what Cost Explorer knows, compare it, write the report's files, and keep what was read.

    `client` is a Cost Explorer client. `fresh`: ask AWS again for what it answered in the last hours. Restatements are
    told against the last daily report: the fact table holds what that one read. The table changes last, so that a
    report that is repeated after a failure finds the same, and stays as it is for a requested `window`.

    Raises:
        ValueError: what billing, an earlier report or a run left cannot be read; the message names the row or object.
    """
    today = now.astimezone(UTC).date()
    days = window or window_of(today)
    catalogue = Catalogue.load()
    bill = _read_bill(
        results,
        client,
        experiment=experiment,
        account=account,
        now=now,
        days=days,
        catalogue=catalogue,
        deadline_s=deadline_s,
        fresh=fresh,
    )
    facts = Facts(results, experiment)
    prefix = keys.report_prefix(experiment, _name(today, window))
    earlier = _earlier(results, facts, bill.billed, experiment=experiment, today=today, window=window, prefix=prefix)
    runs = runs_of_window.collect(results, experiment, days, catalogue)
    obsolete = facts.old_format()
    records = SpendRecords(
        experiment=experiment,
        description=runs.description,
        window=days,
        as_of=stamp(now),
        billed=bill.billed,
        exported=earlier.exported,
        metered=runs.metered,
        estimated=runs.estimated,
        prices_as_of=catalogue.as_of,
        runs=runs.runs,
        unread=runs.unread,
        outputs={approach: output for approach, output in runs.outputs.items() if output is not None},
        tags=bill.tags,
        restatements=earlier.restated,
        previous_report=earlier.report,
        budget_usd=budget_usd,
        simulated=simulated.statements(runs.stand_ins) if on_embedded_aws() else (),
        notes=(*notes, *bill.notes, *runs.notes, *((obsolete,) if obsolete else ())),
    )
    report = build_spend(records, catalogue)
    _write(results, prefix, report, charges_of(records))
    if window is None:
        _keep(facts, bill, days, now)
    return Written(prefix=prefix, report=report)


def _read_bill(
    results: Results,
    client: Any,
    *,
    experiment: str,
    account: str | None,
    now: datetime,
    days: Window,
    catalogue: Catalogue,
    deadline_s: float,
    fresh: bool,
) -> _Bill:
    """Ask Cost Explorer for the tags and the money of `days`; both share the time."""
    deadline = Deadline.after(deadline_s)
    tags, tags_failure = tag_states(client, cost_explorer.TAG_KEYS, deadline_s=min(TAGS_S, deadline_s))
    role_tag_active = any(t.key == cost_explorer.ROLE_TAG and t.state == "active" for t in tags)
    cache = BucketCache(results, experiment)
    billed = read_billing(
        client,
        experiment=experiment,
        window=days,
        today=now.astimezone(UTC).date(),
        catalogue=catalogue,
        role_tag_active=role_tag_active,
        cache=Renewed(cache) if fresh else cache,
        deadline_s=deadline.remaining_s(),
        now=now,
        account=account,
    )
    refused = {failure.request for failure in billed.failures}
    groupings = tuple(g for g in GROUPS if g not in refused and (role_tag_active or g != "role"))
    if tags_failure is not None:
        billed = replace(billed, failures=(*billed.failures, tags_failure))
    return _Bill(billed=billed, tags=tags, groupings=groupings, notes=_no_cache(cache))


def _earlier(
    results: Results,
    facts: Facts,
    billed: Billed,
    *,
    experiment: str,
    today: date,
    window: Window | None,
    prefix: str,
) -> _Earlier:
    """Compare the bill with what earlier reports kept and told.

    A later report of a day takes over what the earlier one told, which it writes over. It does so for the periods only
    that the earlier one kept, too: of the others, the table still holds what was told before.
    """
    usual = window_of(today)
    days = window or usual
    kept = {period: facts.read(CE, period) for period in {*periods_of(days), *periods_of(usual)}}
    of_today = {
        period
        for period in periods_of(usual)
        if (imported := kept[period].imported) is not None and imported.window == usual
    }
    restated = restatements(_rows(kept, days), billed.rows, experiment=experiment)
    if window is None and of_today:
        told = _told(results, prefix)
        restated = together([change for change in told if change.day[:7] in of_today], restated)
    is_kept = of_today == set(periods_of(usual))
    report = today.isoformat() if window is not None and is_kept else _previous(results, experiment, today)
    return _Earlier(exported=_exported(facts, days, today), restated=restated, report=report)


def _exported(facts: Facts, days: Window, today: date) -> Billed | None:
    """Return what the exports' sync kept of `days`, None where it kept nothing.

    Corrections are billed in the month of their day or in a later one.
    """
    kept = facts.read_window(EXPORTS, Window(start=days.start, end=max(days.end, today + timedelta(days=1))))
    rows = _rows(kept, days)
    readings = [charges.imported.read_at for charges in kept.values() if charges.imported is not None]
    used = [date.fromisoformat(row.day) for row in rows if row.charge_category in USAGE_CATEGORIES]
    if not used or not readings:
        return None
    through = min(max(used), last_whole(parse_time(max(readings))))
    return Billed(source=EXPORTS, account=None, rows=rows, through=through)


def _rows(kept: Mapping[str, PeriodCharges], days: Window) -> list[ChargeRow]:
    return inside((row for charges in kept.values() for row in charges.rows), days)


def _no_cache(cache: BucketCache) -> tuple[str, ...]:
    if cache.fault is None:
        return ()
    return (f"Answers of AWS could not be kept or found again, so that each report pays for its own: {cache.fault}",)


def _keep(facts: Facts, bill: _Bill, days: Window, now: datetime) -> None:
    """Replace the days in the fact table. Groupings that were refused this time stay as they were read before.

    A reading is as old as the oldest of its answers, some of which may be the cache's.
    """
    if not bill.groupings:
        return
    facts.replace_window(
        bill.billed.rows,
        source=CE,
        account=bill.billed.account,
        imported=ImportedWindow(window=days, read_at=min((row.as_of for row in bill.billed.rows), default=stamp(now))),
        groupings=bill.groupings,
    )


def _told(results: Results, prefix: str) -> list[Restatement]:
    """Return the restatements in the report at `prefix`; empty where there is no report yet.

    Raises:
        ValueError: it cannot be read; the message names it.
    """
    key = f"{prefix}report.json"
    try:
        return [
            Restatement(
                day=r["day"],
                approach=r["approach"],
                before_usd=None if r["before_usd"] is None else Decimal(r["before_usd"]),
                now_usd=None if r["now_usd"] is None else Decimal(r["now_usd"]),
            )
            for r in json.loads(results.read_text(key))["restatements"]
        ]
    except MissingObjectError:
        return []
    except (ValueError, KeyError, TypeError, InvalidOperation) as error:
        raise ValueError(f"{results.uri(key)}: not a spend report ({one_line(error)}); delete it") from error


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
    """Return the newest day before today that has a daily report, or None."""
    prefix = keys.report_prefix(experiment, "").rstrip("/") + "/"
    try:
        names = results.list_folders(prefix)
    except ClientError as error:
        raise ValueError(f"earlier reports below {results.uri(prefix)} cannot be listed: {one_line(error)}") from error
    days = [name for name in names if request.is_day(name) and name < today.isoformat()]
    return max(days, default=None)


def _name(today: date, window: Window | None) -> str:
    return today.isoformat() if window is None else f"{window.start}_{window.end}"
