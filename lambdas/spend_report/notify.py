"""Tells those who subscribed to the daily report what is new in it, each thing once."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from botocore.exceptions import ClientError

from cost_reports.spend_report.report import SpendReport
from lambdas.common.facts import OVERTAKEN
from lambdas.common.runtime import error_code
from lambdas.common.store import Results

#: So often a mark is tried to be set while others set theirs.
CLAIMS = 5


def announce(results: Results, sns: Any, topic_arn: str, *, prefix: str, report: SpendReport) -> bool:
    """Publish the headline of the report at `prefix`, and where it is, once: what says the same again is no news.

    What was said is marked before it is published, by a conditional write, so that of two runs at once one publishes.

    Returns:
        Whether a message was sent.
    """
    said = hashlib.sha256(f"{report.headline}\n{report.header.state_text}".encode()).hexdigest()
    marker = f"{prefix}announced.json"
    if not _claim(results, marker, said):
        return False
    page = f"{prefix}report.html"
    link = f"https://s3.console.aws.amazon.com/s3/object/{results.bucket}?prefix={page}"
    lines = [*report.header.simulated[:1], report.headline, report.header.state_text, "", results.uri(page), link]
    subject = f"{report.header.experiment}: spend report of {report.header.as_of[:10]}"
    try:
        sns.publish(TopicArn=topic_arn, Subject=subject[:100], Message="\n".join(lines))
    except BaseException:
        # The function may write here and not delete; an empty marker is one that says nothing.
        results.write_text(marker, json.dumps({}))
        raise
    return True


def _claim(results: Results, marker: str, said: str) -> bool:
    """Whether `said` was not marked as said before, and is now, by this run."""
    for _ in range(CLAIMS):
        try:
            found = results.s3.get_object(Bucket=results.bucket, Key=marker)
            last, condition = json.loads(found["Body"].read()).get("sha256"), {"IfMatch": found["ETag"]}
        except ClientError as error:
            if error_code(error) not in ("NoSuchKey", "404"):
                raise
            last, condition = None, {"IfNoneMatch": "*"}
        if last == said:
            return False
        body = json.dumps({"sha256": said}).encode()
        try:
            results.s3.put_object(
                Bucket=results.bucket, Key=marker, Body=body, ContentType="application/json", **condition
            )
        except ClientError as error:
            if error_code(error) not in OVERTAKEN:
                raise
        else:
            return True
    return False
