"""The check as a document of one screen; `verbose` adds sizes of parts and every part of the cost."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby

from cost_reports.render.document import Block, Bullets, Document, Table, Text, columns
from cost_reports.text import NOT_AVAILABLE, counted, number, usd
from ladder.check.cost import CostPart
from ladder.check.report import Check
from ladder.check.sizes import Spread

#: Warnings on one screen, and characters of each.
_SHOWN, _LINES = 4, 180


def document(check: Check, *, verbose: bool) -> Document:
    """Return what the terminal shows: sizes, limits, cost, warnings and errors."""
    counts = check.counts
    splits = ", ".join(f"{name} {count:,}" for name, count in check.counts.splits.items())
    blocks: list[Block] = [
        Text(
            f"Profile {check.profile}: {counted(counts.asked, 'question')} ({splits}) to {len(check.variants)}"
            f" variants, {counted(counts.answers, 'answer')}. Adapters learn from {counts.closed_book_examples:,}"
            f" examples without pages and {counts.rag_examples:,} with."
        ),
        _tokens(check, verbose=verbose),
        Text(f"Tokens are {check.counted_by}. Pages in prompts are the longest chunks."),
        _limits(check),
        *_cost(check, verbose=verbose),
    ]
    if check.errors:
        blocks.append(Bullets(tuple(f"error: {text}" for text in check.errors)))
    if check.warnings:
        blocks.append(Bullets(tuple(f"warning: {text}" for text in _first(check.warnings, verbose=verbose))))
    return Document(
        title=f"{check.experiment}: {check.task}",
        kicker="What a run would do. Nothing was sent.",
        summary=(
            f"{counted(counts.documents, 'page')}, {counted(counts.train, 'training question')},"
            f" {counted(counts.test, 'test question')} ({counts.with_page:,} with a page,"
            f" {counts.unanswerable:,} unanswerable)"
        ),
        blocks=tuple(blocks),
    )


def _first(warnings: Sequence[str], *, verbose: bool) -> tuple[str, ...]:
    """Return the warnings that a screen has room for, each of two lines at most."""
    if verbose:
        return tuple(warnings)
    more = len(warnings) - _SHOWN + 1
    shown = warnings if more < 2 else (*warnings[: _SHOWN - 1], f"{more} more, see --verbose")
    return tuple(text if len(text) <= _LINES else f"{text[: _LINES - 3]}..." for text in shown)


def _tokens(check: Check, *, verbose: bool) -> Table:
    parts = [("questions", check.questions), ("reference answers", check.answers), ("pages", check.pages)]
    if verbose:
        parts.append(("chunks of pages", check.chunks))
    rows: list[tuple[str, ...]] = [(name, *_cells(size), "") for name, size in parts]
    # The control of an adapter has its prompts: one line for both.
    names: dict[tuple[str, ...], list[str]] = {}
    for variant in check.variants:
        cells = (variant.approach, *_cells(variant.prompts), number(variant.answer_tokens))
        names.setdefault(cells, []).append(variant.variant)
    rows += [(f"prompts {', '.join(same)}", *cells[1:]) for cells, same in names.items()]
    return Table(
        title="", columns=columns("=tokens", ">least", ">median", ">most", ">room for an answer"), rows=tuple(rows)
    )


def _cells(size: Spread) -> tuple[str, str, str]:
    return number(size.least), number(size.median), number(size.most)


def _limits(check: Check) -> Table:
    rows = (
        (
            limit.model,
            limit.what,
            NOT_AVAILABLE if limit.limit is None else number(limit.limit),
            number(limit.most),
            limit.state,
        )
        for limit in check.limits
    )
    return Table(title="", columns=columns("model", "limit on", ">tokens", ">most here", "=state"), rows=tuple(rows))


def _cost(check: Check, *, verbose: bool) -> list[Block]:
    cost = check.cost
    if cost.total_usd is None:
        return []
    parts = sorted(cost.parts, key=lambda part: part.approach)
    approaches = [
        (approach, sorted(group, key=lambda part: -part.usd))
        for approach, group in groupby(parts, key=lambda p: p.approach)
    ]
    approaches.sort(key=lambda item: _sum(item[1]))
    if verbose:
        rows = [(part.approach, part.service, usd(part.usd)) for _, group in approaches for part in group]
    else:
        rows = [
            (approach, ", ".join(f"{part.service} {usd(part.usd)}" for part in group[:2]), usd(_sum(group)))
            for approach, group in approaches
        ]
    total = (
        "all",
        f"on AWS in {cost.region}, prices of {cost.prices_as_of}; evaluating comes on top",
        usd(cost.total_usd),
    )
    return [Table(title="", columns=columns("=cost of the run", "parts", ">USD"), rows=(*rows, total))]


def _sum(parts: Sequence[CostPart]) -> Decimal:
    return sum((part.usd for part in parts), Decimal(0))
