"""What `bench_exports` runs in a process of its own, so that its peak memory is its own:

    python tests/bench/export_peers.py {ladder|rollup|polars|pandas} OUT FILE...

Prints one JSON object: seconds of the work (imports apart), peak memory of the process in MiB, number of groups, and
the total that was billed. Every engine does the same job: day x billing period x account x cost-cell (else
experiment and approach) x service x usage type x category x unit x currency -> billed, effective, list, quantity and
lines. The peers know the one spelling of tag keys that the files have; the product looks for all of them.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

EXPERIMENT = "experiment-3"
NAMES = {
    "SubAccountId": "account",
    "ServiceName": "service",
    "x_ServiceCode": "code",
    "x_UsageType": "usage_type",
    "ChargeCategory": "category",
    "ConsumedUnit": "unit",
    "BillingCurrency": "currency",
}
SUMS = {"BilledCost": "billed", "EffectiveCost": "effective", "ListCost": "list_cost", "ConsumedQuantity": "quantity"}
KEYS = ["day", "period", "cell", "experiment", "approach", *NAMES.values()]


def ladder(files: list[Path], out: Path) -> Callable[[], tuple[int, str]]:
    """The whole report from the export's files: rollup, charges, spend report; exact sums."""
    import duckdb  # noqa: F401  (as the peers: imports apart)

    from billing_exports import duckdb_engine, rollups
    from billing_exports.sources import SourceFile

    # Names of their own: the 50 files of the largest set are the same few files, listed several times.
    month = "data/BILLING_PERIOD=2026-10"
    sources = [
        SourceFile(name=f"{month}/{n:05d}.parquet", path=path, size=path.stat().st_size, stamp="1")
        for n, path in enumerate(files)
    ]

    def run() -> tuple[int, str]:
        with tempfile.TemporaryDirectory(dir=out) as temp:
            connection = duckdb_engine.connect(Path(temp))
            found = rollups.update(connection, sources, Path(temp) / "rollup")
            (path,) = found.paths
            ((groups, total),) = connection.execute(f"SELECT COUNT(*), SUM(billed) FROM '{path}'").fetchall()
            _report(connection, found.paths)
            path.replace(out / path.name)
            connection.close()
        return groups, str(total)

    return run


def rollup(files: list[Path], out: Path) -> Callable[[], tuple[int, str]]:
    """A second report: from rollup files, by an engine that is open."""
    from billing_exports import duckdb_engine

    connection = duckdb_engine.connect(out)
    return lambda: (_report(connection, files), "")


@cache
def catalogue() -> Any:
    """The price catalogue, loaded once: it is no part of what is compared."""
    from cost_reports.prices.catalogue import Catalogue

    return Catalogue.load()


def _report(connection: Any, paths: Any) -> int:
    """The rows of the spend report of one experiment, as charges."""
    from billing_exports import charges, duckdb_engine
    from billing_exports.query import ReportScope
    from cost_reports.spend_report.records import Window

    window = Window(start=date(2026, 10, 1), end=date(2026, 11, 1))
    rows = duckdb_engine.report_rows(connection, paths, ReportScope(experiment=EXPERIMENT, window=window))
    return len(charges.charge_rows(rows, catalogue(), today=date(2026, 11, 20)))


def polars(files: list[Path], _out: Path) -> Callable[[], tuple[int, str]]:
    """Lazy scan, streaming, float sums."""
    import polars as pl

    def run() -> tuple[int, str]:
        def tag(key: str) -> Any:
            return pl.col("Tags").map.get(key)

        cell = tag("cost-cell")
        lines = pl.scan_parquet(files, hive_partitioning=False).select(
            day=pl.col("ChargePeriodStart").dt.date(),
            period=pl.col("BillingPeriodStart"),
            cell=cell,
            experiment=pl.when(cell.is_null()).then(tag("experiment")),
            approach=pl.when(cell.is_null()).then(tag("approach")),
            **{short: pl.col(name) for name, short in {**NAMES, **SUMS}.items()},
        )
        found = (
            lines.group_by(KEYS)
            .agg(*(pl.col(short).sum() for short in SUMS.values()), n=pl.len())
            .collect(engine="streaming")
        )
        return found.height, repr(found["billed"].sum())

    return run


def pandas(files: list[Path], _out: Path) -> Callable[[], tuple[int, str]]:
    """Arrow types; tags by pyarrow, since pandas has no maps; float sums."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    def run() -> tuple[int, str]:
        columns = ["ChargePeriodStart", "BillingPeriodStart", "Tags", *NAMES, *SUMS]
        # One file after the other, or the memory of this machine would not do.
        table = pa.concat_tables([pq.ParquetFile(path).read(columns=columns) for path in files])
        tags = table["Tags"]

        def tag(key: str) -> Any:
            return pc.map_lookup(tags, pa.scalar(key), "first")

        cell = tag("cost-cell")
        bare = pc.is_null(cell)
        for name, values in (
            ("cell", cell),
            ("experiment", pc.if_else(bare, tag("experiment"), None)),
            ("approach", pc.if_else(bare, tag("approach"), None)),
        ):
            table = table.append_column(name, values)
        frame = table.drop_columns(["Tags"]).to_pandas(types_mapper=pd.ArrowDtype)
        frame = frame.rename(columns={**NAMES, **SUMS, "BillingPeriodStart": "period"})
        frame["day"] = frame["ChargePeriodStart"].dt.floor("D")
        found = frame.groupby(KEYS, dropna=False, sort=False).agg(
            **{short: (short, "sum") for short in SUMS.values()}, n=("billed", "size")
        )
        return len(found), repr(float(found["billed"].sum()))

    return run


def peak_mib() -> float:
    """Peak memory of this process. `ru_maxrss` would be that of the process that started it, if that had more."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = next(text for text in status.read_text(encoding="utf-8").splitlines() if text.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


ENGINES = {"ladder": ladder, "rollup": rollup, "polars": polars, "pandas": pandas}


def main(engine: str, out: str, *files: str) -> None:
    sys.path.insert(0, str(Path(__file__).parents[2]))
    run = ENGINES[engine]([Path(name) for name in files], Path(out))
    if engine in ("ladder", "rollup"):
        catalogue()
    times = []
    # A report from a rollup takes milliseconds: the first one also loads the engine.
    for _ in range(6 if engine == "rollup" else 1):
        began = time.perf_counter()
        groups, total = run()
        times.append(time.perf_counter() - began)
    seconds = sorted(times[1:])[len(times[1:]) // 2] if len(times) > 1 else times[0]
    print(json.dumps({"seconds": seconds, "mib": peak_mib(), "groups": groups, "total": total}))


if __name__ == "__main__":
    main(*sys.argv[1:])
