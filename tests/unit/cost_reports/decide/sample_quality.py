"""Measured quality of three variants."""

from __future__ import annotations

from cost_reports.decide.decision import Quality
from cost_reports.run_report.report import Outcome


def quality(value: float, outcome: Outcome = "pass") -> Quality:
    return Quality(value=value, low=value - 0.05, high=value + 0.05, outcome=outcome, reason=f"{value} measured")


MEASURED = {
    ("prompting", "few-shot"): quality(0.1, "fail"),
    ("rag", "rag"): quality(0.8),
    ("fine-tuning", "lora+rag"): quality(0.9),
}
