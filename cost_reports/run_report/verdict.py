"""What a run decided, in one line: which rung won, why, and what 1,000 of its answers cost."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from cost_reports.run_report.report import Metric, Report, VariantResult
from cost_reports.text import usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The winning variant; None where nothing passes. `quality` is the accepted metric of the winner or of the best."""

    winner: VariantResult | None
    quality: Metric | None
    why: str

    @property
    def rung(self) -> str:
        return "none" if self.winner is None else name(self.winner)

    @property
    def per_1000_usd(self) -> Decimal | None:
        return None if self.winner is None else self.winner.per_1000_answers_usd

    def line(self) -> str:
        """Return the verdict as one line without its end, where the report's place can follow."""
        if self.winner is None:
            return f"No rung wins: {self.why}"
        return f"{self.rung} wins: {self.why}; {usd(self.per_1000_usd)} per 1,000 answers"


def verdict(report: Report) -> Verdict:
    """Return what the report recommends, and the shortest why."""
    chosen = report.recommendation
    winner = next((r for r in report.ladder if (r.approach, r.variant) == (chosen.approach, chosen.variant)), None)
    if winner is not None:
        lower = list(dict.fromkeys(r.approach for r in report.ladder))
        below = lower[: lower.index(winner.approach)]
        passes = "passes" if winner.gate.outcome == "pass" else "may pass"
        why = f"the lowest rung that {passes} the gate, {winner.gate.reason}"
        if below:
            why += f"; {' and '.join(below)} {'does' if len(below) == 1 else 'do'} not pass"
        return Verdict(winner=winner, quality=_accepted(winner, report), why=why)
    measured = [(m, r) for r in report.ladder if not r.control and (m := _accepted(r, report)) is not None]
    why = chosen.headline.rstrip(".")
    if not measured:
        return Verdict(winner=None, quality=None, why=why)
    best, nearest = max(measured, key=lambda pair: pair[0].value)
    why = f"{why}; the best is {name(nearest)}, {nearest.gate.reason}"
    return Verdict(winner=None, quality=best, why=why)


def name(result: VariantResult) -> str:
    """Return `rag (rag+few-shot)`, or one word where both are the same."""
    return result.approach if result.approach == result.variant else f"{result.approach} ({result.variant})"


def _accepted(result: VariantResult, report: Report) -> Metric | None:
    return next((m for m in result.metrics if m.metric == report.accepted_metric and m.split == "all"), None)
