"""Lambda entry points of the RAG approach. The search client is loaded by the first call, not by the import."""

from __future__ import annotations

from typing import Any

from lambdas.common.runtime import LambdaContext
from lambdas.common.step import field, open_step


def prepare(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Write the items of both Maps: `{"bucket", "items_key", "items", "ingest_items_key", "ingest_items"}`."""
    step = open_step(event, context, "rag")
    from lambdas.rag import logic

    with step.meter:
        return logic.prepare(step)


def ingest(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Index a slice of the documents: `{"batch", "chunks", "indexed", "duplicates_removed", "skipped"}`."""
    step = open_step(event, context, "rag")
    from lambdas.rag import logic

    with step.meter:
        return logic.ingest(step, field(event, "batch", int), field(event, "first", int), field(event, "last", int))


def await_index(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Return whether all chunks can be searched: `{"chunks", "visible"}`."""
    step = open_step(event, context, "rag")
    from lambdas.rag import logic

    with step.meter:
        return logic.await_index(step)


def answer(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer the batch `{"variant", "batch"}`: `{"variant", "batch", "answered", "errors", "skipped"}`."""
    variant = field(event, "variant", str)
    step = open_step(event, context, "rag", variant)
    from lambdas.rag import logic

    with step.meter:
        return logic.answer(step, variant, field(event, "batch", int))
