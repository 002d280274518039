"""Reports out of billing exports against their targets: speed, memory, exactness.

    python -m tests.bench.bench_exports [--times 5] [--no-large]

10 million FOCUS lines (59 columns, tags as a map, money as DOUBLE), made once in build/bench. The whole report with
exact sums is compared with the same grouping in pandas and in polars (float sums), each in a process of its own, in
turns: medians of `--times` turns, ratios within a turn, since the machine's speed changes between them. 50 million
lines are the same ten files five times. The peers come from requirements/bench.txt, in .venv-bench.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [] if str(ROOT) in sys.path else [str(ROOT)]

from billing_exports import duckdb_engine, query, reading  # noqa: E402  (the path above lets this run as a script too)
from billing_exports.sources import Group, SourceFile  # noqa: E402
from tests.bench import focus_files  # noqa: E402

FOLDER = ROOT / "build" / "bench"
PEERS = ROOT / ".venv-bench" / "bin" / "python"
FILES = 10


def process(engine: str, files: Sequence[Path]) -> dict[str, Any]:
    """One run of an engine in a process of its own."""
    python = sys.executable if engine in ("ladder", "rollup") else str(PEERS)
    script = str(ROOT / "tests" / "bench" / "export_peers.py")
    command = [python, script, engine, str(FOLDER), *map(str, files)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        sys.exit(f"error: {engine} failed: {done.stderr.strip().splitlines()[-1]}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def middle(runs: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """Median seconds and largest memory."""
    return median(run["seconds"] for run in runs), max(run["mib"] for run in runs)


def ratio(runs: Sequence[dict[str, Any]], ours: Sequence[dict[str, Any]]) -> float:
    """Median over the turns of how many times our seconds a peer took in the same turn."""
    return median(run["seconds"] / own["seconds"] for run, own in zip(runs, ours, strict=True))


def exact(files: Sequence[Path]) -> list[str]:
    """What is wrong with sums of the first files: they must be equal for any threads, order of files, and text."""
    sources = tuple(
        SourceFile(name=f"{n}.parquet", path=path, size=path.stat().st_size, stamp="1") for n, path in enumerate(files)
    )
    found = []
    for threads, order in ((1, sources), (2, sources), (4, sources[::-1])):
        connection = duckdb_engine.connect(FOLDER, threads=threads)
        duckdb_engine.roll_up(connection, Group(export="", period=None, files=order))
        found.append(connection.execute("SELECT * FROM rollup ORDER BY ALL").fetchall())
        if len(found) == 1:
            # Added up once more, line by line and without groups.
            text = f"SELECT SUM(CAST(BilledCost AS DECIMAL(38, 12))), COUNT(*) FROM {reading.parquet_table(files)}"
            ((total, lines),) = connection.execute(text).fetchall()
        connection.close()
    names = list(query.RollupRow._fields)
    sums = {sum((row[names.index("billed")] for row in rows), Decimal(0)) for rows in found}
    wrong = [] if found[0] == found[1] == found[2] else ["rows differ between numbers of threads or orders of files"]
    wrong += [] if sums == {total} else [f"sums {sums} are not {total}"]
    return wrong + ([] if sum(row[-1] for row in found[0]) == lines else ["lines were lost"])


def main(argv: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--no-large", action="store_true", help="leave out the 50 million lines")
    arguments = parser.parse_args(argv)
    if not PEERS.exists():
        sys.exit("error: .venv-bench is missing; run this by `make bench`, or `make .venv-bench/.ready` first")
    print(f"  ({FILES} files of {focus_files.ROWS_A_FILE:,} lines in {FOLDER.relative_to(ROOT)})", flush=True)
    files = focus_files.write(FOLDER / "focus", FILES)
    runs: dict[str, list[dict[str, Any]]] = {"ladder": [], "polars": [], "pandas": []}
    for _ in range(arguments.times):
        for engine, own in runs.items():
            own.append(process(engine, files))
    rollup = FOLDER / f"billing_period={focus_files.PERIOD}.parquet"
    second = [process("rollup", [rollup]) for _ in range(arguments.times)]
    groups = {engine: own[0]["groups"] for engine, own in runs.items()}
    totals = {run["total"] for run in runs["ladder"]}
    ours, ours_mib = middle(runs["ladder"])
    rows = [("full report, exact sums", ours, ours_mib, "target 200 MiB", ours_mib <= 200)]
    for engine, least in (("polars", 1.0), ("pandas", 3.0)):
        seconds, mib = middle(runs[engine])
        times = ratio(runs[engine], runs["ladder"])
        text = f"{times:.2f} x ours, target {least:g}"
        rows.append((f"{engine}, float sums", seconds, mib, text, times >= least))
    seconds, mib = middle(second)
    rows.append(
        (f"second report, from a rollup of {groups['ladder']:,} days", seconds, mib, "target 50 ms", seconds <= 0.05)
    )
    if not arguments.no_large:
        large = process("ladder", [*files] * 5)
        rows.append(("50 million lines", large["seconds"], large["mib"], "target 256 MiB", large["mib"] <= 256))
    for name, seconds, mib, text, met in rows:
        print(
            f"{name:<48} {seconds * 1000:>9,.0f} ms {mib:>7,.0f} MiB   {text}{'' if met else '   MISSED'}", flush=True
        )
    wrong = exact(files[:2])
    wrong += [] if len(totals) == 1 else [f"totals of the runs differ: {sorted(totals)}"]
    wrong += [] if len(set(groups.values())) == 1 else [f"the engines made different groups: {groups}"]
    for engine in ("polars", "pandas"):
        far = abs(Decimal(runs[engine][0]["total"]) - Decimal(next(iter(totals))))
        wrong += [] if far < Decimal("0.01") else [f"{engine} is {far} USD away"]
    if wrong:
        sys.exit("error: " + "; ".join(wrong))
    print(f"  (billed in all: {next(iter(totals))} USD in every run; by floats {runs['polars'][0]['total']})")


if __name__ == "__main__":
    main(sys.argv[1:])
