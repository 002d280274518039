"""The options of every approach below fine-tuning: prompting by variant and tier, RAG by variant and vector store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from cost_reports.assumptions import value
from cost_reports.contracts import UsageRow
from cost_reports.plan import Maker, Manual, Option, Part
from cost_reports.prices import Catalogue
from cost_reports.tokens import Prompt, cached, prompt_of
from cost_reports.units import GIB, HOURS_PER_MONTH
from cost_reports.usage_types import meters_of, token_usage
from cost_reports.workload import Task, Workload

PROMPTING = ("zero-shot", "few-shot", "chain-of-thought")
RAG = ("rag", "rag+few-shot")
STORES = ("nextgen", "classic with redundancy", "classic", "domain", "s3 vectors", "aurora pgvector")
STORE_NOTES = {
    "nextgen": ("the first question after 10 idle minutes waits 10 to 30 s",),
    "s3 vectors": ("the price of data processed by queries is unverified (low confidence)",),
}
MONTH_SECONDS = HOURS_PER_MONTH * 3600
DOMAIN_NODE = "m7g.medium"
DOMAIN_NODES = 2


class ContextError(ValueError):
    """A prompt is longer than the model takes; the message names both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all options of an estimate share."""

    experiment: str
    catalogue: Catalogue
    task: Task
    workload: Workload
    generator: str
    embedding: str
    dimensions: int
    base_model: str
    training_instance: str
    hosting_instance: str
    region: str = "us-east-1"
    rank: int = 16
    assumed: Mapping[str, Fraction | Decimal | int] = field(default_factory=dict)

    def value(self, name: str) -> Fraction:
        return value(name, self.assumed)

    def maker(self, approach: str, variant: str) -> Maker:
        return Maker(experiment=self.experiment, approach=approach, variant=variant, region=self.region)

    def monthly_capacity(self, per_second: Fraction) -> Fraction:
        """Requests a month that a unit serves if its busiest second is `per_second`."""
        return per_second * MONTH_SECONDS / Fraction(self.workload.peak_factor)

    def priced(self, model: str, meter: str) -> bool:
        """Whether the catalogue knows the meter of the model; a tier without a price is not offered."""
        if meter not in meters_of(model):
            return False
        service, kind, operation = token_usage(model, meter, self.region)
        return bool(self.catalogue.candidates(service, kind, operation, "2026-12-01"))


def prompting(s: Setting) -> list[Option]:
    """Every prompting variant on demand, with caching where its fixed prompt is long enough, in batch and flex."""
    found = []
    for variant in PROMPTING:
        prompt = prompt_of(s.task, variant)
        make = s.maker("prompting", variant)
        shared = (*platform(s, make), people(s, "prompting"))
        found.append(_option(variant, "on demand", (*tokens(s, make, prompt), *shared)))
        if (parts := caching(s, make, prompt)) is not None:
            found.append(_option(variant, "prompt caching", (*parts, *shared)))
        for tier in ("batch", "flex"):
            if s.priced(s.generator, f"input {tier}") and s.priced(s.generator, f"output {tier}"):
                found.append(_option(variant, tier, (*tokens(s, make, prompt, f" {tier}"), *shared)))
    return found


def _option(variant: str, setup: str, parts: tuple[Part, ...]) -> Option:
    notes = ("answers within 24 hours, not at once",) if setup == "batch" else ()
    at_once = setup != "batch"
    return Option(approach="prompting", variant=variant, setup=setup, parts=parts, notes=notes, interactive=at_once)


def tokens(s: Setting, make: Maker, prompt: Prompt, tier: str = "") -> tuple[Part, ...]:
    """Input and output of one request; above the model's threshold every token has the long-context price.

    Raises:
        ContextError: the prompt and its answer are longer than the model takes.
        PriceError: the model has no price.
    """
    model = s.catalogue.model(s.generator)
    if prompt.input + prompt.output > model.max_input_tokens:
        raise ContextError(
            f"{make.approach} {make.variant}: a prompt of {prompt.input:,} tokens is longer than {s.generator} takes"
            f" ({model.max_input_tokens:,})"
        )
    if model.long_context_above is not None and prompt.input > model.long_context_above:
        tier = " long-context"
    return (
        Part(
            growth="request",
            driver="input tokens",
            rows=(make.tokens(s.generator, f"input{tier}", prompt.input, "tokens of a prompt"),),
        ),
        Part(
            growth="request",
            driver="output tokens",
            rows=(make.tokens(s.generator, f"output{tier}", prompt.output, "tokens of an answer"),),
        ),
    )


def caching(s: Setting, make: Maker, prompt: Prompt) -> tuple[Part, ...] | None:
    """Tokens with prompt caching; null where the model has no cache price or the fixed prompt is too short.

    A model without a price for writing to the cache (Nova) writes at the price of input.
    """
    if not s.priced(s.generator, "cache read"):
        return None
    share = cached(prompt, s.workload.cache_hit_share)
    if not share.read and not share.written:
        return None
    write = "cache write 5m" if s.priced(s.generator, "cache write 5m") else "input"
    rows = (
        make.tokens(s.generator, "input", share.plain, "tokens of a prompt that are not cached"),
        make.tokens(s.generator, "cache read", share.read, "fixed tokens x cache hit share"),
        make.tokens(s.generator, write, share.written, "fixed tokens x (1 - cache hit share)"),
    )
    output = make.tokens(s.generator, "output", prompt.output, "tokens of an answer")
    return (
        Part(growth="request", driver="input tokens", rows=rows),
        Part(growth="request", driver="output tokens", rows=(output,)),
    )


def platform(s: Setting, make: Maker) -> tuple[Part, ...]:
    """What every answer needs beside its model: a function call and its log; and the daily cost report."""
    gb_seconds = s.value("lambda_seconds") * s.value("lambda_memory") / 1024
    request = (
        make.row("AWSLambda", "Lambda-GB-Second-ARM", "Invoke", gb_seconds, "GB-second", "memory x seconds"),
        make.row("AWSLambda", "Request-ARM", "Invoke", 1, "requests", "one call an answer"),
        make.row(
            "AmazonCloudWatch", "DataProcessing-Bytes", "PutLogEvents", s.value("log_bytes"), "bytes", "log lines"
        ),
    )
    report = make.exact(
        "AWSCostExplorer", "USE1-APIRequest", "GetCostAndUsage", 5 * 30, "requests", "5 requests a day for the report"
    )
    return (
        Part(growth="request", driver="platform", rows=request),
        Part(growth="monthly", driver="platform", rows=(report,)),
    )


def people(s: Setting, approach: str) -> Part:
    """Hours of work to build the approach; counted only where the experiment states a wage."""
    wage = s.workload.hourly_wage_usd
    if wage is None:
        return Part(growth="once", driver="people")
    hours = s.value(f"people_{approach}")
    usd = Decimal(str(float(hours))) * wage
    manual = Manual(name=f"{float(hours):g} hours of work", usd=usd, source=f"assumption x stated wage of {wage} USD")
    return Part(growth="once", driver="people", manual=(manual,))


def rag(s: Setting) -> list[Option]:
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


def _rag(s: Setting, variant: str, store: str) -> tuple[Part, ...]:
    make = s.maker("rag", variant)
    return (
        *tokens(s, make, prompt_of(s.task, variant)),
        *retrieval(s, make, store),
        *platform(s, make),
        people(s, "rag"),
    )


def retrieval(s: Setting, make: Maker, store: str) -> tuple[Part, ...]:
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


def stored_gb(s: Setting) -> Fraction:
    """GB (2**30 bytes) of the index: chunks x dimensions x 4 bytes, times the overhead of graph and text."""
    size = s.task.chunks * s.dimensions * s.value("vector_bytes") * s.value("index_overhead")
    return size / GIB


def _ocu(make: Maker, name: str, hours: int | Fraction) -> UsageRow:
    return make.row("AmazonES", name, "ESDomain", hours, "OCU-hour", "capacity units x hours")


def _store(s: Setting, make: Maker, store: str) -> tuple[Part, ...]:
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


def _nextgen(s: Setting, make: Maker) -> tuple[Part, ...]:
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


def _classic(s: Setting, make: Maker, store: str) -> tuple[Part, ...]:
    """With redundancy 1 + 1 units at least (2 OCU), without 0.5 + 0.5; search grows in the same steps by peak load."""
    step = Fraction(1) if store == "classic with redundancy" else Fraction(1, 2)
    hours = step * HOURS_PER_MONTH
    capacity = s.monthly_capacity(s.value("ocu_rate") * step)
    return (
        Part(growth="monthly", driver="idle floor", rows=(_ocu(make, "IndexingOCU", hours),)),
        Part(growth="unit", driver="capacity", rows=(_ocu(make, "SearchOCU", hours),), capacity=capacity, minimum=1),
    )


def _s3_vectors(s: Setting, make: Maker, size: Fraction) -> tuple[Part, ...]:
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
