"""Retrieval through opensearch-py and HTTP: latency and recall at 1k, 10k and 100k chunks.

    python -m tests.bench.bench_retrieval [--sizes 1000 10000 100000] [--queries 200] [--json FILE]

The store is the engine of the embedded AWS on a loopback port, in a process of its own as in the sandbox. Vectors are
clustered unit vectors (384 numbers), texts 60 words drawn with the frequencies of natural text (Zipf). Recall@10 of
k-NN is measured against brute force in this process and must be 1: the engine is exact. `hybrid` is one `_msearch`
with BM25 and k-NN, 20 candidates each, and rank fusion, through `lambdas.rag`; `filtered` restricts it to 10 % of the
chunks. Times include JSON, HTTP and the request signature, but no embedding of the question.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path[:0] = [] if str(ROOT) in sys.path else [str(ROOT)]

from lambdas.common.runtime import Deadline  # noqa: E402  the path above lets this run as a script too
from lambdas.common.settings import SearchSettings  # noqa: E402
from lambdas.rag.chunking import Chunk  # noqa: E402
from lambdas.rag.index import VectorIndex  # noqa: E402
from lambdas.rag.retrieval import retrieve_chunks  # noqa: E402
from lambdas.rag.store import connect, index_body  # noqa: E402

DIMENSIONS = 384
CLUSTERS = 200
VOCABULARY = 30_000
WORDS = 60
K = 10
CANDIDATES = 20
SERVER = """
import sys
from pathlib import Path
from offline.opensearch.api import serve
server = serve(0, Path(sys.argv[1]), "managed")
print(server.server_port, flush=True)
sys.stdin.read()
"""


def unit_vectors(count: int, dice: np.random.Generator) -> Any:
    """Clustered unit vectors: (count, DIMENSIONS) float32."""
    centres = np.random.default_rng(1).standard_normal((CLUSTERS, DIMENSIONS))
    points = centres[dice.integers(CLUSTERS, size=count)] + 0.6 * dice.standard_normal((count, DIMENSIONS))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def texts(count: int, words: int, dice: np.random.Generator) -> list[str]:
    """Texts of words whose frequency falls with their rank."""
    weights = 1 / np.arange(1, VOCABULARY + 1)
    drawn = dice.choice(VOCABULARY, size=(count, words), p=weights / weights.sum())
    return [" ".join(f"w{number}" for number in row) for row in drawn]


@contextmanager
def server() -> Iterator[tuple[str, int]]:
    """(endpoint, process id) of a store in a process of its own; it ends with its standard input."""
    with (
        tempfile.TemporaryDirectory() as directory,
        subprocess.Popen(
            [sys.executable, "-c", SERVER, directory],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # More threads make one product of 10k rows slower, not faster, as soon as the machine does anything else.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}", process.pid
        finally:
            process.stdin.close()
            process.wait(30)


def open_index(endpoint: str, corpus: str) -> VectorIndex:
    settings = SearchSettings(
        endpoint=endpoint, service="es", generation="domain", index_name="chunks", region="us-east-1"
    )
    return VectorIndex(connect(settings), "chunks", "bench", corpus, Deadline.after(3600))


def milliseconds(call: Callable[[int], Any], count: int) -> tuple[float, float]:
    """(p50, p99) of `call(0)` ... `call(count - 1)`, after five calls that do not count."""
    for i in range(min(5, count)):
        call(i)
    took = []
    for i in range(count):
        began = time.perf_counter()
        call(i)
        took.append((time.perf_counter() - began) * 1000)
    return float(np.percentile(took, 50)), float(np.percentile(took, 99))


def resident_mib(pid: int) -> float:
    """Resident memory of a process; Linux only, elsewhere not a number."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return float("nan")
    line = next(text for text in status.read_text(encoding="utf-8").splitlines() if text.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def measure(size: int, queries: int) -> dict[str, Any]:
    """One line of the table."""
    dice = np.random.default_rng(size)
    matrix, bodies = unit_vectors(size, dice), texts(size, WORDS, dice)
    questions, asked = unit_vectors(queries, dice), texts(queries, 8, dice)
    in_tenth = dice.random(size) < 0.1
    with server() as (endpoint, pid):
        index = open_index(endpoint, "most")
        index.client.indices.create(index="chunks", body=index_body(DIMENSIONS))
        began = time.perf_counter()
        # A tenth of the chunks belongs to another corpus, which the filtered search asks for.
        for first in range(0, size, 1000):
            rows = range(first, min(first + 1000, size))
            for corpus, wanted in (("most", False), ("tenth", True)):
                index.corpus = corpus
                part = [row for row in rows if in_tenth[row] == wanted]
                chunks = [
                    Chunk(id=f"{r:08d}", document=f"D{r // 3}", title="t", text=bodies[r], offset=0, position=r % 3)
                    for r in part
                ]
                index.add(chunks, [matrix[r].tolist() for r in part])
        ingest_s = time.perf_counter() - began

        def knn(i: int) -> list[str]:
            query = {"knn": {"vector": {"vector": questions[i].tolist(), "k": K}}}
            body = {"size": K, "_source": ["chunk_id"], "query": query}
            hits = index.client.search(index="chunks", body=body)["hits"]["hits"]
            return [hit["_source"]["chunk_id"] for hit in hits]

        def hybrid(i: int) -> Any:
            return retrieve_chunks(index, lambda _: questions[i].tolist(), asked[i], candidates=CANDIDATES)

        exact = np.argsort(-(matrix @ questions.T), axis=0)[:K].T
        found = [{int(key) for key in knn(i)} for i in range(queries)]
        recall = sum(len(found[i] & set(exact[i].tolist())) for i in range(queries)) / (K * queries)
        knn_p50, knn_p99 = milliseconds(knn, queries)
        index.corpus = "most"
        hybrid_p50, hybrid_p99 = milliseconds(hybrid, queries)
        index.corpus = "tenth"
        filtered_p50, filtered_p99 = milliseconds(hybrid, queries)
        return {
            "chunks": size,
            "recall@10": recall,
            "knn p50 ms": knn_p50,
            "knn p99 ms": knn_p99,
            "hybrid p50 ms": hybrid_p50,
            "hybrid p99 ms": hybrid_p99,
            "filtered p50 ms": filtered_p50,
            "filtered p99 ms": filtered_p99,
            "ingest chunks/s": size / ingest_s,
            "server MiB": resident_mib(pid),
        }


def main(argv: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    arguments = parser.parse_args(argv)
    # The client signs; these are not anybody's credentials.
    os.environ |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_EC2_METADATA_DISABLED": "true"}
    lines: list[dict[str, Any]] = []
    for size in arguments.sizes:
        lines.append(measure(size, arguments.queries))
        if len(lines) == 1:
            print("  ".join(f"{name:>15}" for name in lines[0]))
        print(
            "  ".join(
                f"{v:>15,}" if isinstance(v, int) else f"{v:>15,.3g}" if v < 10 else f"{v:>15,.0f}"
                for v in lines[-1].values()
            ),
            flush=True,
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(lines, indent=1) + "\n", encoding="utf-8")
    if any(line["recall@10"] < 1 for line in lines):
        sys.exit("error: k-NN of the engine is not exact")


if __name__ == "__main__":
    main(sys.argv[1:])
