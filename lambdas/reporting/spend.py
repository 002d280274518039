"""The spend report of an experiment: what AWS billed, beside what its runs metered and were expected to cost."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from botocore.exceptions import ClientError

from cost_reports import simulated
from cost_reports.actuals.build import build_spend
from cost_reports.actuals.cost_explorer import window_of
from cost_reports.actuals.records import Billed, SpendRecords, Window
from cost_reports.actuals.report import SpendReport
from cost_reports.charges import parse_time
from cost_reports.contracts import ChargeRow, Cut, Source
from cost_reports.ledger import restatements
from cost_reports.prices import Catalogue
from cost_reports.render import csv_file, html, markdown, spend_document
from cost_reports.report import to_json
from lambdas.common import keys
from lambdas.common.runtime import one_line
from lambdas.common.store import Results
from lambdas.reporting import cost_explorer, runs_of_window
from lambdas.reporting.cost_explorer import read_billing, tag_states
from lambdas.reporting.facts import Facts
from lambdas.reporting.request_cache import BucketCache, Renewed, stamp

CLOCKS_DIFFER = timedelta(minutes=5)
CE: Source = "billed-ce"
CUTS: tuple[Cut, ...] = ("service", "usage-type", "record-type", "model", "role")


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


def window_asked(event: dict[str, Any], today: date) -> Window | None:
    """The window that `since` and `until` of an event ask for (`until` is the first day that is left out); null where
    it names neither.

    Raises:
        ValueError: a date is no date, or the window is empty.
    """
    since, until = _day(event, "since"), _day(event, "until")
    if since is None and until is None:
        return None
    usual = window_of(today)
    try:
        return Window(start=since or usual.start, end=until or usual.end)
    except ValueError as error:
        raise ValueError(f"since {since or usual.start}, until {until or usual.end}: {error}") from error


def notes_on_time(asked: datetime, now: datetime) -> tuple[str, ...]:
    """What a reader must know of a bill whose clock is not the usual one."""
    if abs(asked - now) < CLOCKS_DIFFER:
        return ()
    return (f"The clock of this simulated bill was put forward: it shows what AWS would show at {stamp(asked)}.",)


def time_asked(event: dict[str, Any], now: datetime) -> datetime:
    """`as_of` of an event, the clock of the embedded AWS's bill; without it, now.

    Raises:
        ValueError: it is no time, or this is AWS, whose bill nobody puts forward.
    """
    text = event.get("as_of")
    if text is None:
        return now
    if not os.environ.get("AWS_ENDPOINT_URL"):
        raise ValueError(f"as_of: {text!r} is for the simulated bill of an embedded AWS; this is AWS")
    try:
        return parse_time(text)
    except (TypeError, ValueError) as error:
        raise ValueError(f"as_of: {text!r} is no time: {error}") from error


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

    `client` is a Cost Explorer client. `fresh`: ask AWS again for what was answered in the last hours. The ledger
    changes last, so that doing it all again after a failure finds the same restatements.

    Raises:
        ValueError: what billing or a run left cannot be read; the message names the row.
    """
    today = now.astimezone(UTC).date()
    chosen = window or window_of(today)
    catalogue = Catalogue.load()
    tags, no_tags = tag_states(client, cost_explorer.TAG_KEYS)
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
        deadline_s=deadline_s,
        now=now,
        account=account,
    )
    if no_tags is not None:
        billed = replace(billed, failures=(*billed.failures, no_tags))
    facts = Facts(results, experiment)
    before = facts.rows(source=CE, window=chosen)
    found = runs_of_window.collect(results, experiment, chosen, catalogue)
    report = build_spend(
        SpendRecords(
            experiment=experiment,
            description=found.description,
            window=chosen,
            as_of=stamp(now),
            billed=billed,
            metered=found.metered,
            estimated=found.estimated,
            prices_as_of=catalogue.as_of,
            runs=found.runs,
            outputs=found.outputs,
            tags=tags,
            restatements=restatements(before, billed.rows, experiment=experiment),
            previous_report=_previous(results, experiment, today),
            budget_usd=budget_usd,
            simulated=simulated.statements(found.stand_ins) if os.environ.get("AWS_ENDPOINT_URL") else (),
            notes=(*notes, *found.notes),
        ),
        catalogue,
    )
    prefix = keys.report_prefix(experiment, _name(today, window))
    _write(results, prefix, report, [*found.estimated, *found.metered, *billed.rows])
    _keep(facts, billed, role=role, window=chosen, read_at=stamp(now))
    return Written(prefix=prefix, report=report)


def announce(results: Results, sns: Any, topic_arn: str, written: Written) -> bool:
    """Publish the headline with where the report is, once: a report that says the same again is no news.

    Returns:
        Whether a message was sent.
    """
    report = written.report
    said = hashlib.sha256(f"{report.headline}\n{report.header.state_text}".encode()).hexdigest()
    marker = f"{written.prefix}announced.json"
    if results.exists(marker) and json.loads(results.read_text(marker)).get("sha256") == said:
        return False
    page = f"{written.prefix}report.html"
    link = f"https://s3.console.aws.amazon.com/s3/object/{results.bucket}?prefix={page}"
    lines = [*report.header.simulated[:1], report.headline, report.header.state_text, "", results.uri(page), link]
    subject = f"{report.header.experiment}: spend report of {report.header.as_of[:10]}"
    sns.publish(TopicArn=topic_arn, Subject=subject[:100], Message="\n".join(lines))
    results.write_text(marker, json.dumps({"sha256": said}))
    return True


def budget(text: str) -> Decimal | None:
    """USD a month; null where none is set (0).

    Raises:
        ValueError: it is no amount of money.
    """
    try:
        amount = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"MONTHLY_BUDGET_USD {text!r} is no amount in USD") from error
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"MONTHLY_BUDGET_USD {text!r} is no amount in USD")
    return amount or None


def _keep(facts: Facts, billed: Billed, *, role: bool, window: Window, read_at: str) -> None:
    """Replace the window in the ledger, cut by cut: those that were refused this time stay as they were read before."""
    refused = {failure.request for failure in billed.failures}
    asked = [cut for cut in CUTS if cut not in refused and (role or cut != "role")]
    if not asked:
        return
    facts.update(
        lambda ledger: ledger.replace(
            billed.rows, source=CE, account=billed.account, window=window, read_at=read_at, cuts=asked
        )
    )


def _write(results: Results, prefix: str, report: SpendReport, charges: Sequence[ChargeRow]) -> None:
    document = spend_document.document(report)
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
        pages = results.s3.get_paginator("list_objects_v2").paginate(
            Bucket=results.bucket, Prefix=prefix, Delimiter="/"
        )
        names = [
            entry["Prefix"].removeprefix(prefix).rstrip("/") for p in pages for entry in p.get("CommonPrefixes", [])
        ]
    except ClientError as error:
        raise ValueError(f"earlier reports below {results.uri(prefix)} cannot be listed: {one_line(error)}") from error
    days = [name for name in names if _is_day(name) and name < today.isoformat()]
    return max(days, default=None)


def _name(today: date, window: Window | None) -> str:
    return today.isoformat() if window is None else f"{window.start}_{window.end}"


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _day(event: dict[str, Any], name: str) -> date | None:
    text = event.get(name)
    if text is None:
        return None
    if not isinstance(text, str) or not _is_day(text):
        raise ValueError(f"{name}: {text!r} is no day; write it as YYYY-MM-DD")
    return date.fromisoformat(text)
