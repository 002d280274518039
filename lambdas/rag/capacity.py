"""What OpenSearch Serverless compute and storage a run used, from the times at which its steps used the store.

Capacity units are billed while workers are awake, whatever keeps them awake, so the steps' times must be joined, not
added: many functions search at once. Each step leaves an empty object whose name says when it used the store, and
writes the usage of all such times anew; the step that comes last has seen all of them.

NextGen: the first search wakes two search workers, the first write one indexing worker, each of one unit; they sleep
after ten minutes without a request (AWS developer guide, "Scale to zero"). Classic without standby replicas, as the
stack makes it: half a unit of each kind is always there; the run is given the time between its first and its last
use. A managed domain has no capacity units.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

from contracts import keys
from contracts.experiment import Approach
from contracts.money import UsageRow
from contracts.run import Manifest
from cost_reports.metering import meters
from cost_reports.metering.meters import UsageRowFactory
from lambdas.common.metering import stamp
from lambdas.common.store import Results
from lambdas.rag.store import Activity

Kind = Literal["search", "indexing"]
Generation = Literal["nextgen", "classic", "domain"]

IDLE_MS = 600_000
OCUS: dict[str, dict[Kind, Decimal]] = {
    "nextgen": {"search": Decimal(2), "indexing": Decimal(1)},
    "classic": {"search": Decimal("0.5"), "indexing": Decimal("0.5")},
}
#: Requests that `record` makes when nothing else is recorded at the same time: the name, two lists, the usage.
REQUESTS = 4
PART = "capacity"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Use:
    """A step used the store from `start` to `end` (milliseconds since 1970); `stored` bytes are in it since `end`."""

    kind: Kind
    start: int
    end: int
    stored: int = 0
    step: str = ""

    @property
    def name(self) -> str:
        return f"{self.kind}~{self.start}~{self.end}~{self.stored}~{self.step}"


def parse(name: str) -> Use:
    """Return the use whose `Use.name` is `name`.

    Raises:
        ValueError: `name` is not of that form.
    """
    kind, start, end, stored, step = name.split("~", 4)
    known: dict[str, Kind] = {"search": "search", "indexing": "indexing"}
    if kind not in known:
        raise ValueError(f"activity {name!r}: the kind {kind!r} is unknown")
    return Use(kind=known[kind], start=int(start), end=int(end), stored=int(stored), step=step)


def record(
    results: Results,
    manifest: Manifest,
    approach: Approach,
    step: str,
    activity: Activity,
    *,
    generation: Generation,
    region: str,
    stored: int = 0,
) -> list[UsageRow]:
    """Note the step's use of the store and write the usage part `capacity` of the approach; gives its rows.

    `stored`: bytes that the run's chunks take in the index, from the step that knows it. Steps that end at the same
    time may write in any order: each looks again after it has written, so the last list wins.
    """
    prefix = keys.activity_prefix(manifest.experiment, manifest.run, approach)
    for kind, (first, last) in activity.spans.items():
        use = Use(kind=kind, start=int(first * 1000), end=int(last * 1000) + 1, stored=stored, step=step)
        results.write_text(prefix + use.name, "")
    rows: list[UsageRow] = []
    seen: list[str] | None = None
    while (names := results.list_keys(prefix)) != seen:
        seen = names
        uses = [parse(name.removeprefix(prefix)) for name in names]
        rows = usage_rows(uses, manifest, approach, generation=generation, region=region)
        results.write(keys.usage(manifest.experiment, manifest.run, approach, PART), rows)
    return rows


def usage_rows(
    uses: Sequence[Use], manifest: Manifest, approach: Approach, *, generation: Generation, region: str
) -> list[UsageRow]:
    """Return capacity-unit seconds of each kind, stored byte-seconds, and S3 requests for records of answering."""
    rows: list[UsageRow] = []
    for kind in ("search", "indexing"):
        spans = [(use.start, use.end) for use in uses if use.kind == kind]
        if not spans or generation == "domain":
            continue
        awake, source = awake_ms(spans, generation)
        rows_of = _rows_of(manifest, approach, region, min(s for s, _ in spans), max(e for _, e in spans))
        ocus = OCUS[generation][kind]
        rows.append(rows_of.row(meters.OCU[kind], Decimal(awake) / 1000 * ocus, source=f"{source}, {ocus} OCU"))
    holding = [use for use in uses if use.stored]
    if holding and generation != "domain":
        size, since = max(use.stored for use in holding), min(use.end for use in holding)
        until = max(use.end for use in uses)
        rows_of = _rows_of(manifest, approach, region, since, until)
        rows.append(rows_of.row(meters.AOSS_STORAGE, Decimal(until - since) / 1000 * size))
    recorded = sum(use.step.startswith("answer") for use in uses)
    if recorded:
        rows_of = _rows_of(manifest, approach, region, min(u.start for u in uses), max(u.end for u in uses))
        source = "records of store use: one object, one usage part and two listings for each answering step"
        rows.append(rows_of.row(meters.S3_REQUESTS[1], REQUESTS * recorded, source=source, basis="derived"))
    return rows


def awake_ms(spans: Iterable[tuple[int, int]], generation: Generation) -> tuple[int, str]:
    """Return (milliseconds that the workers were awake for these uses, the rule behind the number)."""
    ordered = sorted(spans)
    if generation == "classic":
        return max(end for _, end in ordered) - ordered[0][0], "first to last use of the store by the run"
    total, reach = 0, ordered[0][0]
    for start, end in ordered:
        asleep_at = end + IDLE_MS
        total += max(0, asleep_at - max(reach, start))
        reach = max(reach, asleep_at)
    return total, "joined times of use, each with the 10 idle minutes that follow"


def stored_bytes(texts: Iterable[str], dimensions: int) -> int:
    """Return the bytes of the chunks in the index (text and 4 bytes a number), before overhead and compression."""
    return sum(len(text.encode()) + 4 * dimensions for text in texts)


def _rows_of(manifest: Manifest, approach: Approach, region: str, start_ms: int, end_ms: int) -> UsageRowFactory:
    start, end = (stamp(datetime.fromtimestamp(ms / 1000, UTC)) for ms in (start_ms, end_ms))
    return UsageRowFactory(
        experiment=manifest.experiment,
        run=manifest.run,
        approach=approach,
        variant=None,
        start=start,
        end=end,
        region=region,
    )
