"""RAG: prepare, ingest, wait until the index shows what was written, answer, evaluate."""

from __future__ import annotations

from infra import common_states

#: Writes show after 10 to 60 seconds on OpenSearch Serverless; after 20 minutes something is broken.
POLL_S, POLLS = 10, 120


def definition(*, concurrency: int) -> common_states.State:
    """Return the definition. Its input is `{"experiment", "run"}`.

    Functions: Prepare, Ingest, AwaitIndex, Answer, Evaluate.
    """
    return {
        "Comment": "Indexes the documents of a run, then answers its questions with what is found in them.",
        "StartAt": "Prepare",
        "States": {
            "Prepare": common_states.invoke("Prepare", {}, then="IngestAll", result="$.prepared"),
            "IngestAll": common_states.batches(
                "Ingest",
                "Ingest",
                ("batch", "first", "last"),
                items_key="$.prepared.payload.ingest_items_key",
                concurrency=concurrency,
                then="StartPolling",
            ),
            "StartPolling": {"Type": "Pass", "Result": {"count": 0}, "ResultPath": "$.polls", "Next": "AwaitIndex"},
            "AwaitIndex": common_states.invoke("AwaitIndex", {}, then="IndexVisible", result="$.index"),
            "IndexVisible": {
                "Type": "Choice",
                "Choices": [
                    {"Variable": "$.index.payload.visible", "BooleanEquals": True, "Next": "StartRounds"},
                    {"Variable": "$.polls.count", "NumericGreaterThanEquals": POLLS, "Next": "IndexStale"},
                ],
                "Default": "CountPoll",
            },
            "CountPoll": common_states.count("$.polls", then="WaitForIndex"),
            "WaitForIndex": common_states.wait(POLL_S, then="AwaitIndex"),
            "IndexStale": {
                "Type": "Fail",
                "Error": "IndexStale",
                "Cause": f"the index did not show what was written within {POLL_S * POLLS // 60} minutes",
            },
            **common_states.answering("rag", concurrency=concurrency, then="Evaluate"),
            "Evaluate": common_states.evaluate("rag"),
        },
    }
