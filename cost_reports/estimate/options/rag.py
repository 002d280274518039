"""The options of RAG: each variant on each vector store."""

from __future__ import annotations

from fractions import Fraction

from contracts.money import UsageRow
from contracts.units import GIB, HOURS_PER_MONTH
from cost_reports.estimate.inputs import EstimateInputs
from cost_reports.estimate.options.prompting import people, platform, tokens
from cost_reports.estimate.plan import Option, Part
from cost_reports.metering import meters
from cost_reports.metering.meters import UsageRowFactory, Work

RAG = ("rag", "rag+few-shot")
STORES = ("nextgen", "classic with redundancy", "classic", "domain", "s3 vectors", "aurora pgvector")
STORE_NOTES = {
    "nextgen": ("the first question after 10 idle minutes waits 10 to 30 s",),
}
DOMAIN_NODE = "m7g.medium"
DOMAIN_NODES = 2


def rag(inputs: EstimateInputs) -> list[Option]:
    """Return RAG on every vector store."""
    options = []
    for variant in RAG:
        rows = inputs.rows("rag", variant)
        for store in STORES:
            parts = (
                *tokens(inputs, rows, inputs.prompt(variant)),
                *retrieval(inputs, rows, store),
                *platform(inputs, rows),
                people(inputs, "rag"),
            )
            notes = STORE_NOTES.get(store, ())
            options.append(Option(approach="rag", variant=variant, setup=store, parts=parts, notes=notes))
    return options


def retrieval(inputs: EstimateInputs, rows: UsageRowFactory, store: str) -> tuple[Part, ...]:
    """Return the embedding of documents and questions, and the store.

    Raises:
        ValueError: the store is unknown.
    """
    task, model = inputs.task, inputs.embedding
    embed = rows.tokens(model, "input", task.corpus_tokens, "tokens of all documents")
    question = rows.tokens(model, "input", task.question_tokens, "tokens of a question")
    per_month = Fraction(task.corpus_tokens, task.documents) * inputs.workload.document_changes_per_month
    changed = rows.tokens(model, "input", per_month, "changed documents x tokens of a document")
    return (
        Part("once", "ingestion", (embed,)),
        Part("request", "retrieval", (question,)),
        Part("refresh", "ingestion", (changed,)),
        *_store(inputs, rows, store),
    )


def stored_gb(inputs: EstimateInputs) -> Fraction:
    """Return the GB (2**30 bytes) of the index: chunks x dimensions x 4 bytes, times overhead of graph and text."""
    size = inputs.task.chunks * inputs.dimensions * inputs.value("vector_bytes") * inputs.value("index_overhead")
    return size / GIB


def _store(inputs: EstimateInputs, rows: UsageRowFactory, store: str) -> tuple[Part, ...]:
    size = stored_gb(inputs)
    if store in ("nextgen", "classic with redundancy", "classic"):
        held = rows.row(meters.AOSS_STORAGE, size, "GB-month", "index size")
        compute = _nextgen(inputs, rows) if store == "nextgen" else _classic(inputs, rows, store)
        return Part("monthly", "storage", (held,)), *compute
    if store == "domain":
        node = rows.row(meters.DOMAIN_NODES, HOURS_PER_MONTH, source="a node for a month", variety=DOMAIN_NODE)
        disk = rows.row(meters.DOMAIN_DISKS, 10 * DOMAIN_NODES, source="10 GB a node")
        capacity = inputs.monthly_capacity(inputs.value("node_rate"))
        nodes = Part("unit", "capacity", (node,), capacity=capacity, minimum=DOMAIN_NODES)
        return nodes, Part("monthly", "storage", (disk,))
    if store == "s3 vectors":
        return _s3_vectors(inputs, rows, size)
    if store == "aurora pgvector":
        acu = rows.row(meters.AURORA_CAPACITY, Fraction(HOURS_PER_MONTH, 2), source="0.5 ACU")
        held = rows.row(meters.AURORA_STORAGE, size, source="index size")
        capacity = inputs.monthly_capacity(inputs.value("acu_rate") / 2)
        return Part("unit", "capacity", (acu,), capacity=capacity, minimum=1), Part("monthly", "storage", (held,))
    raise ValueError(f"vector store {store!r} is unknown; known are {', '.join(STORES)}")


def _ocu(rows: UsageRowFactory, work: Work, hours: int | Fraction) -> tuple[UsageRow]:
    return (rows.row(meters.OCU[work], hours, "OCU-hour", "capacity units x hours"),)


def _nextgen(inputs: EstimateInputs, rows: UsageRowFactory) -> tuple[Part, ...]:
    """Return two search units while awake, more by peak load, and one indexing unit that ingestion wakes."""
    awake = inputs.value("search_awake_minutes") / 60
    capacity = inputs.monthly_capacity(inputs.value("ocu_rate"))
    month = _ocu(rows, "search", HOURS_PER_MONTH)
    return (
        Part("once", "ingestion", _ocu(rows, "indexing", awake)),
        Part("awake", "capacity", _ocu(rows, "search", 2 * awake), cap=_ocu(rows, "search", 2 * HOURS_PER_MONTH)),
        Part("unit", "capacity", month, capacity=capacity, included=2),
    )


def _classic(inputs: EstimateInputs, rows: UsageRowFactory, store: str) -> tuple[Part, ...]:
    """Return 1 + 1 units at least with redundancy (2 OCU), else 0.5 + 0.5; search grows in these steps by peak load."""
    step = Fraction(1) if store == "classic with redundancy" else Fraction(1, 2)
    hours = step * HOURS_PER_MONTH
    capacity = inputs.monthly_capacity(inputs.value("ocu_rate") * step)
    return (
        Part("monthly", "idle floor", _ocu(rows, "indexing", hours)),
        Part("unit", "capacity", _ocu(rows, "search", hours), capacity=capacity, minimum=1),
    )


def _s3_vectors(inputs: EstimateInputs, rows: UsageRowFactory, size: Fraction) -> tuple[Part, ...]:
    scale = "Small" if inputs.task.chunks <= 100_000 else "Large"
    put = rows.row(meters.VECTOR_PUTS, size, source="index size")
    held = rows.row(meters.VECTOR_STORAGE, size, source="index size")
    query = rows.row(meters.VECTOR_QUERIES, 1, source="one an answer")
    read = rows.row(meters.VECTOR_BYTES, size / 1024, source="index size a query", variety=scale)
    return (
        Part("once", "ingestion", (put,)),
        Part("monthly", "storage", (held,)),
        Part("request", "retrieval", (query, read)),
    )
