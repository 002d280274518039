"""What the answering of a run has left, between two rounds of its Map: which batches are asked again, and until when.

A batch ends with errors where its time ran out: many calls waited for a quota, or a service was out for minutes. It is
asked again as long as that helps; its answered questions are skipped.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from contracts import keys
from contracts.experiment import VARIANTS, Approach
from contracts.run import AnswerRow, Manifest
from lambdas.common.answering import Batch, batch_count, earlier_rows, items, must_repeat
from lambdas.common.runtime import map_bounded
from lambdas.common.store import Results

#: Rounds after the first one, of up to 15 minutes each.
MOST_ROUNDS = 12
#: A round that answers nothing is followed by one more at most.
UNKNOWN = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """Batches with questions that a later round may answer, their number, and the last errors without the question."""

    batches: tuple[Batch, ...]
    questions: int
    errors: tuple[str, ...]


def settle(
    results: Results, manifest: Manifest, approach: Approach, *, round_number: int, left_before: int
) -> dict[str, Any]:
    """List what is asked again in place of all batches; return `{"left": questions, "again": bool, "message": str}`.

    `round_number` counts from 0, `left_before` is what the round before had left (`UNKNOWN` in the first). The message
    says what is missing and how to go on. The same answers give the same list.
    """
    left = find_left(results, manifest, approach)
    helped = left_before == UNKNOWN or left.questions < left_before
    again = bool(left.questions) and helped and round_number < MOST_ROUNDS
    if again:
        listed = [(batch.variant, batch.number) for batch in left.batches]
        results.write_text(
            keys.answer_items(manifest.experiment, manifest.run, approach), json.dumps(items(manifest, listed))
        )
    return {"left": left.questions, "again": again, "message": _message(manifest, approach, left, round_number)}


def find_left(results: Results, manifest: Manifest, approach: Approach) -> Left:
    """Return what has no final row yet; a batch without rows is left as a whole."""
    batches = [
        Batch(manifest=manifest, approach=approach, variant=variant, number=number, model_id="")
        for variant in VARIANTS[approach]
        for number in range(batch_count(manifest))
    ]
    rows_of = map_bounded(lambda batch: earlier_rows(results, batch), batches)
    open_rows: list[tuple[Batch, list[AnswerRow | None]]] = [
        (batch, [found.get(qid) for qid in batch.question_ids if qid not in found or must_repeat(found[qid])])
        for batch, found in zip(batches, rows_of, strict=True)
    ]
    rows = [row for _, missing in open_rows for row in missing]
    return Left(
        batches=tuple(batch for batch, missing in open_rows if missing),
        questions=len(rows),
        errors=tuple(_plain(row) for row in rows),
    )


def _plain(row: AnswerRow | None) -> str:
    """Return the error of a row without what differs from question to question."""
    if row is None or row.error is None:
        return "not asked"
    return row.error.rpartition(f"question {row.question_id}: ")[2]


def _message(manifest: Manifest, approach: Approach, left: Left, round_number: int) -> str:
    if not left.questions:
        return f"every question of {approach} has its final row"
    asked = len(VARIANTS[approach]) * len(manifest.test_question_ids)
    error, count = Counter(left.errors).most_common(1)[0]
    return (
        f"{left.questions} of {asked} answers of {approach} are missing after {round_number + 1} rounds, the others "
        f"are kept; wait or ask AWS for a higher quota, then go on with `ladder run --resume {manifest.run}`; "
        f"{count} times: {error}"
    )
