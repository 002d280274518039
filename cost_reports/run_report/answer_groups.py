"""The answers of a variant by class: how many, what they cost, and whether enough are whole for a verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal

from contracts.money import ChargeRow
from contracts.run import ANSWER_CLASSES, AnswerRow, answer_class, prompt_tokens
from cost_reports.metering.charges import exact_sum, total
from cost_reports.metering.phases import share_out
from cost_reports.run_report.report import AnswerGroup

#: Answers that do not say how good the variant is: they are missing, or their end is.
UNFINISHED = ("failed", "cut")


def groups_of(
    rows: Sequence[AnswerRow], answering: Iterable[ChargeRow], serving_usd: Decimal
) -> tuple[AnswerGroup, ...]:
    """Return the classes that occur, with their parts of the variant's cost, which add up to all of it.

    What was charged for output tokens is shared by these, other charges of answering by the tokens of the prompt, and
    what is kept running by the time of the model calls.
    """
    if not rows:
        return ()
    charges = list(answering)
    output = [charge for charge in charges if _is_output(charge)]
    rest = [charge for charge in charges if not _is_output(charge)]
    kinds = [(answer_class(row), row) for row in rows]
    shares = [
        share_out(amount, _sums((kind, weight(row)) for kind, row in kinds))
        for amount, weight in (
            (total(output), lambda row: row.output_tokens),
            (total(rest), prompt_tokens),
            (serving_usd, lambda row: round(row.latency_ms)),
        )
    ]
    counts: Counter[str] = Counter(kind for kind, _ in kinds)
    return tuple(
        AnswerGroup(kind=kind, answers=counts[kind], usd=exact_sum(share[kind] for share in shares))
        for kind in ANSWER_CLASSES
        if counts[kind]
    )


def unfinished(rows: Sequence[AnswerRow], most: float) -> str | None:
    """Return why the answers of a variant are no measure of it; None if at most the share `most` failed or were cut."""
    counts: Counter[str] = Counter(answer_class(row) for row in rows)
    lacking = {kind: counts[kind] for kind in UNFINISHED if counts[kind]}
    if not rows or sum(lacking.values()) <= most * len(rows):
        return None
    parts = []
    if "failed" in lacking:
        parts.append(f"{lacking['failed']} of {len(rows)} failed, {_commonest_error(rows)}")
    if "cut" in lacking:
        parts.append(f"{lacking['cut']} of {len(rows)} were cut off at the limit of tokens; raise it in `prompt`")
    return "; ".join(parts)


def _is_output(charge: ChargeRow) -> bool:
    return "output" in (charge.usage_type or "")


def _commonest_error(rows: Iterable[AnswerRow]) -> str:
    """Return the error that most failed answers have, without its kind and question."""
    errors = Counter(
        (row.error or row.stop_reason).rpartition(f"question {row.question_id}: ")[2]
        for row in rows
        if answer_class(row) == "failed"
    )
    ((error, count), *others) = errors.most_common()
    error = error.rstrip(".")
    return f"{count} of them: {error}" if others else error


def _sums(weights: Iterable[tuple[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for kind, weight in weights:
        sums[kind] = sums.get(kind, 0) + weight
    return sums
