"""Tells the subscribers of the daily report what is new in it, each thing once."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from cost_reports.spend_report.report import SpendReport
from lambdas.common.store import OvertakenError, Results, StoredObject


def announce(results: Results, sns: Any, topic_arn: str, *, prefix: str, report: SpendReport) -> bool:
    """Publish the headline of the report at `prefix` and where it is; a message that says the same again is not sent.

    The message is marked as sent before it is published, by a conditional write. Of two reports at once, one publishes.

    Returns:
        Whether a message was sent.
    """
    digest = hashlib.sha256(f"{report.headline}\n{report.header.state_text}".encode()).hexdigest()
    marker = f"{prefix}announced.json"
    if not _claim(results, marker, digest):
        return False
    page = f"{prefix}report.html"
    link = f"https://s3.console.aws.amazon.com/s3/object/{results.bucket}?prefix={page}"
    lines = [*report.header.simulated[:1], report.headline, report.header.state_text, "", results.uri(page), link]
    subject = f"{report.header.experiment}: spend report of {report.header.as_of[:10]}"
    try:
        sns.publish(TopicArn=topic_arn, Subject=subject[:100], Message="\n".join(lines))
    except BaseException:
        # The function may write here but not delete: an empty marker says that nothing was sent.
        results.write_text(marker, json.dumps({}))
        raise
    return True


def _claim(results: Results, marker: str, digest: str) -> bool:
    """Mark a message as sent, and return whether it was not marked before."""

    def marked(stored: StoredObject | None) -> StoredObject | None:
        if stored is not None and json.loads(stored.body).get("sha256") == digest:
            return None
        return StoredObject(body=json.dumps({"sha256": digest}).encode())

    try:
        return results.update(marker, marked)
    except OvertakenError:
        return False
