"""The options of RAG: each variant on each vector store."""

from __future__ import annotations

from fractions import Fraction

from contracts.money import UsageRow
from contracts.units import GIB, HOURS_PER_MONTH
from cost_reports.estimate.options import EstimateInputs, people, platform, tokens
from cost_reports.estimate.plan import Option, Part, UsageRowFactory

RAG = ("rag", "rag+few-shot")
STORES = ("nextgen", "classic with redundancy", "classic", "domain", "s3 vectors", "aurora pgvector")
STORE_NOTES = {
    "nextgen": ("the first question after 10 idle minutes waits 10 to 30 s",),
}
DOMAIN_NODE = "m7g.medium"
DOMAIN_NODES = 2


def rag(s: EstimateInputs) -> list[Option]:
    """RAG on every vector store."""
    return [
        Option(
            approach="rag",
            variant=variant,
            setup=store,
            parts=_rag(s, variant, store),
            notes=STORE_NOTES.get(store, ()),
        )
        for variant in RAG
        for store in STORES
    ]


def _rag(s: EstimateInputs, variant: str, store: str) -> tuple[Part, ...]:
    make = s.maker("rag", variant)
    return (
        *tokens(s, make, s.prompt(variant)),
        *retrieval(s, make, store),
        *platform(s, make),
        people(s, "rag"),
    )


def retrieval(s: EstimateInputs, make: UsageRowFactory, store: str) -> tuple[Part, ...]:
    """Embedding of documents and questions, and the store.

    Raises:
        ValueError: the store is unknown.
    """
    embed = make.tokens(s.embedding, "input", s.task.corpus_tokens, "tokens of all documents")
    question = make.tokens(s.embedding, "input", s.task.question_tokens, "tokens of a question")
    per_document = Fraction(s.task.corpus_tokens, s.task.documents) * s.workload.document_changes_per_month
    changed = make.tokens(s.embedding, "input", per_document, "changed documents x tokens of a document")
    return (
        Part(growth="once", driver="ingestion", rows=(embed,)),
        Part(growth="request", driver="retrieval", rows=(question,)),
        Part(growth="refresh", driver="ingestion", rows=(changed,)),
        *_store(s, make, store),
    )


def stored_gb(s: EstimateInputs) -> Fraction:
    """GB (2**30 bytes) of the index: chunks x dimensions x 4 bytes, times the overhead of graph and text."""
    size = s.task.chunks * s.dimensions * s.value("vector_bytes") * s.value("index_overhead")
    return size / GIB


def _ocu(make: UsageRowFactory, name: str, hours: int | Fraction) -> UsageRow:
    return make.row("AmazonES", name, "ESDomain", hours, "OCU-hour", "capacity units x hours")


def _store(s: EstimateInputs, make: UsageRowFactory, store: str) -> tuple[Part, ...]:
    size = stored_gb(s)
    if store in ("nextgen", "classic with redundancy", "classic"):
        held = make.row("AmazonES", "StorageUsedInS3ByteHour", "ESDomain", size, "GB-month", "index size")
        storage = Part(growth="monthly", driver="storage", rows=(held,))
        return (storage, *(_nextgen(s, make) if store == "nextgen" else _classic(s, make, store)))
    if store == "domain":
        node = make.row(
            "AmazonES", f"ESInstance:{DOMAIN_NODE}", "ESDomain", HOURS_PER_MONTH, "instance-hour", "a node for a month"
        )
        disk = make.row("AmazonES", "ES:GP3-Storage", "ESDomain", 10 * DOMAIN_NODES, "GB-month", "10 GB a node")
        capacity = s.monthly_capacity(s.value("node_rate"))
        units = Part(growth="unit", driver="capacity", rows=(node,), capacity=capacity, minimum=DOMAIN_NODES)
        return (units, Part(growth="monthly", driver="storage", rows=(disk,)))
    if store == "s3 vectors":
        return _s3_vectors(s, make, size)
    if store == "aurora pgvector":
        acu = make.row(
            "AmazonRDS",
            "Aurora:ServerlessV2Usage",
            "CreateDBInstance",
            Fraction(HOURS_PER_MONTH, 2),
            "ACU-hour",
            "0.5 ACU",
        )
        held = make.row("AmazonRDS", "Aurora:StorageUsage", "CreateDBInstance", size, "GB-month", "index size")
        capacity = s.monthly_capacity(s.value("acu_rate") / 2)
        units = Part(growth="unit", driver="capacity", rows=(acu,), capacity=capacity, minimum=1)
        return (units, Part(growth="monthly", driver="storage", rows=(held,)))
    raise ValueError(f"vector store {store!r} is unknown; known are {', '.join(STORES)}")


def _nextgen(s: EstimateInputs, make: UsageRowFactory) -> tuple[Part, ...]:
    """Two search units while awake, nothing while asleep; more by peak load. Ingestion wakes one indexing unit."""
    awake = s.value("search_awake_minutes") / 60
    capacity = s.monthly_capacity(s.value("ocu_rate"))
    return (
        Part(growth="once", driver="ingestion", rows=(_ocu(make, "IndexingOCU", awake),)),
        Part(
            growth="awake",
            driver="capacity",
            rows=(_ocu(make, "SearchOCU", 2 * awake),),
            cap=(_ocu(make, "SearchOCU", 2 * HOURS_PER_MONTH),),
        ),
        Part(
            growth="unit",
            driver="capacity",
            rows=(_ocu(make, "SearchOCU", HOURS_PER_MONTH),),
            capacity=capacity,
            included=2,
        ),
    )


def _classic(s: EstimateInputs, make: UsageRowFactory, store: str) -> tuple[Part, ...]:
    """With redundancy 1 + 1 units at least (2 OCU), without 0.5 + 0.5; search grows in the same steps by peak load."""
    step = Fraction(1) if store == "classic with redundancy" else Fraction(1, 2)
    hours = step * HOURS_PER_MONTH
    capacity = s.monthly_capacity(s.value("ocu_rate") * step)
    return (
        Part(growth="monthly", driver="idle floor", rows=(_ocu(make, "IndexingOCU", hours),)),
        Part(growth="unit", driver="capacity", rows=(_ocu(make, "SearchOCU", hours),), capacity=capacity, minimum=1),
    )


def _s3_vectors(s: EstimateInputs, make: UsageRowFactory, size: Fraction) -> tuple[Part, ...]:
    service = "AmazonS3Vectors"
    small = "Small" if s.task.chunks <= 100_000 else "Large"
    put = make.row(service, "Vectors-Put-Bytes", "PutVectors", size, "GB", "index size")
    held = make.row(service, "Vectors-TimedStorage-ByteHrs", "PutVectors", size, "GB-month", "index size")
    query = make.row(service, "Vectors-Query-Requests", "QueryVectors", 1, "queries", "one an answer")
    read = make.row(service, f"Vectors-Query-Bytes-{small}", "QueryVectors", size / 1024, "TB", "index size a query")
    return (
        Part(growth="once", driver="ingestion", rows=(put,)),
        Part(growth="monthly", driver="storage", rows=(held,)),
        Part(growth="request", driver="retrieval", rows=(query, read)),
    )
