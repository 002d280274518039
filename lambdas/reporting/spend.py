"""The spend report of an experiment: what AWS billed, beside what its runs metered and were expected to cost."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from botocore.exceptions import ClientError

from cost_reports import simulated
from cost_reports.actuals.build import build_spend
from cost_reports.actuals.cost_explorer import window_of
from cost_reports.actuals.records import Billed, SpendRecords, Window
from cost_reports.actuals.report import Restatement, SpendReport
from cost_reports.actuals.restated import restatements, together
from cost_reports.contracts import ChargeRow, Cut, Source
from cost_reports.plain import to_json
from cost_reports.prices import Catalogue
from cost_reports.render import csv_file, html, markdown, spend_document
from cost_reports.times import stamp
from lambdas.common import keys
from lambdas.common.runtime import Deadline, one_line
from lambdas.common.store import MissingObjectError, Results
from lambdas.reporting import asked, cost_explorer, runs_of_window
from lambdas.reporting.cost_explorer import read_billing, tag_states
from lambdas.reporting.facts import Facts
from lambdas.reporting.request_cache import BucketCache, Renewed

CE: Source = "billed-ce"
CUTS: tuple[Cut, ...] = ("service", "usage-type", "record-type", "model", "role")
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
    restated = restatements(before, billed.rows, experiment=experiment)
    if window is None:
        restated = together(_told(results, prefix), restated)
    found = runs_of_window.collect(results, experiment, chosen, catalogue)
    no_more = () if no_tags is None else (no_tags,)
    billed = replace(billed, failures=(*billed.failures, *no_more, *found.failures))
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
            restatements=restated,
            previous_report=_previous(results, experiment, today),
            budget_usd=budget_usd,
            simulated=simulated.statements(found.stand_ins) if os.environ.get("AWS_ENDPOINT_URL") else (),
            notes=(*notes, *found.notes),
        ),
        catalogue,
    )
    _write(results, prefix, report, [*found.estimated, *found.metered, *billed.rows])
    if window is None:
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
        names = results.list_folders(prefix)
    except ClientError as error:
        raise ValueError(f"earlier reports below {results.uri(prefix)} cannot be listed: {one_line(error)}") from error
    days = [name for name in names if asked.is_day(name) and name < today.isoformat()]
    return max(days, default=None)


def _name(today: date, window: Window | None) -> str:
    return today.isoformat() if window is None else f"{window.start}_{window.end}"
