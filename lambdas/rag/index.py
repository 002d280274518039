"""The vector index: one way to write, search and clean it that managed domains and both kinds of OpenSearch Serverless
share. Ids are the server's; a chunk's identity is its `chunk_id`, and a copy too many is found and removed by it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from contracts.times import Deadline
from lambdas.common.runtime import is_retryable, with_retries
from lambdas.common.settings import SearchSettings
from lambdas.rag.chunking import Chunk
from lambdas.rag.store import Activity, Kind, StoreError, connect, index_body

if TYPE_CHECKING:
    from opensearchpy import OpenSearch

PAGE = 1000
TERMS = 200
BULK_DOCUMENTS = 100
BULK_BYTES = 5_000_000
STORED = ["chunk_id", "document", "title", "text", "position"]
#: NextGen needs 10-30 s for the first request after it has slept, whether it holds the request or refuses it.
#: Distinct words of a question in a query; the filters are clauses too.
MOST_WORDS = 1000
ATTEMPTS = 10
#: A new access policy is enforced within a minute and refuses until then; a new index is not found for seconds.
FIRST_ATTEMPTS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A chunk as the index holds it; `id` is the server's, `score` 0 where it was not searched for."""

    id: str
    chunk_id: str
    document: str
    title: str = ""
    text: str = ""
    corpus: str = ""
    score: float = 0.0


@dataclass(slots=True)
class VectorIndex:
    """The chunks of one experiment that were made in one way (`corpus`). Safe for threads that only search."""

    client: OpenSearch
    name: str
    experiment: str
    corpus: str
    deadline: Deadline
    activity: Activity = field(default_factory=Activity)
    backoff_s: float = 1.0

    @classmethod
    def open(cls, settings: SearchSettings, *, experiment: str, corpus: str, deadline: Deadline) -> VectorIndex:
        return cls(connect(settings), settings.index_name, experiment, corpus, deadline)

    @property
    def filters(self) -> list[dict[str, Any]]:
        return [{"term": {"experiment": self.experiment}}, {"term": {"corpus": self.corpus}}]

    def ensure(self, generation: str, dimensions: int) -> None:
        """Make sure that the index exists. A serverless index is the stack's; a domain's is created here.

        Raises:
            StoreError, opensearchpy.AuthorizationException: the stack's index, or its access policy, is missing.
            DeadlineError: the same, when the time ran out first.
        """

        def look() -> bool:
            found = bool(self.client.indices.exists(index=self.name))
            if not found and generation != "domain":
                raise StoreError(
                    f"index {self.name!r} does not exist in the collection; deploy the RAG stack again", retryable=True
                )
            return found

        def retryable(error: BaseException) -> bool:
            return is_retryable(error) or getattr(error, "status_code", None) == 403

        began = time.time()
        try:
            found = with_retries(
                look, retryable=retryable, deadline=self.deadline, attempts=FIRST_ATTEMPTS, base_s=self.backoff_s
            )
        finally:
            self.activity.touch("search", began)
        if not found:
            self._create(dimensions)

    def _create(self, dimensions: int) -> None:
        from opensearchpy import RequestError

        try:
            self._call("indexing", self.client.indices.create, index=self.name, body=index_body(dimensions))
        except RequestError as error:
            if error.error != "resource_already_exists_exception":
                raise

    def add(self, chunks: Sequence[Chunk], vectors: Sequence[Sequence[float]]) -> int:
        """Index the chunks; return their number. An item that is refused with 429 is sent again, up to 5 times.

        A request that fails as a whole is not: whether it had its effect is unknown, so the caller looks first.

        Raises:
            StoreError: some were refused for good; the message names the first.
        """
        from opensearchpy.helpers import streaming_bulk

        actions = ({"_index": self.name, **self._source(c, v)} for c, v in zip(chunks, vectors, strict=True))
        failed: list[dict[str, Any]] = []
        done = 0
        began = time.time()
        try:
            for ok, item in streaming_bulk(
                self.client,
                actions,
                chunk_size=BULK_DOCUMENTS,
                max_chunk_bytes=BULK_BYTES,
                max_retries=5,
                initial_backoff=self.backoff_s,  # type: ignore[arg-type]  # slept as it is; annotated too narrowly
                max_backoff=30,
                raise_on_error=False,
            ):
                done += bool(ok)
                if not ok:
                    failed.append(next(iter(item.values())))
        finally:
            self.activity.touch("indexing", began)
        if failed:
            cause = failed[0].get("error") or {}
            retryable = all(item.get("status") == 429 or item.get("status", 0) >= 500 for item in failed)
            raise StoreError(
                f"index {self.name!r} refused {len(failed)} of {len(chunks)} chunks, the first with "
                f"{failed[0].get('status')} {cause}",
                retryable=retryable,
            )
        return done

    def remove(self, ids: Sequence[str]) -> int:
        """Delete by server id; return how many were still there."""
        removed = 0
        for part in _parts(ids, BULK_DOCUMENTS):
            lines = [{"delete": {"_index": self.name, "_id": i}} for i in part]
            answer = self._call("indexing", self.client.bulk, body=lines)
            for item in answer["items"]:
                result = item["delete"]
                if result["status"] not in (200, 404):
                    raise StoreError(
                        f"index {self.name!r} did not delete {result['_id']}: {result.get('error')}",
                        retryable=result["status"] == 429 or result["status"] >= 500,
                    )
                removed += result["status"] == 200
        return removed

    def count(self) -> int:
        """Return the number of chunks that a search sees now, copies included."""
        query = {"query": {"bool": {"filter": self.filters}}}
        return int(self._call("search", self.client.count, index=self.name, body=query)["count"])

    def of_documents(self, documents: Iterable[str]) -> list[Hit]:
        """Return the chunks of these documents that a search sees now, copies included."""
        hits: list[Hit] = []
        for part in _parts(sorted(set(documents)), TERMS):
            hits += self._scan([*self.filters, {"terms": {"document": part}}])
        return hits

    def everything(self) -> list[Hit]:
        """Return all chunks of the experiment, those of other corpora included.

        Of copies that meet the end of a page some may be left out; the next call, after a removal, gives them.
        """
        return list(self._scan([{"term": {"experiment": self.experiment}}]))

    def candidates(self, question: str, vector: Sequence[float], size: int) -> tuple[list[Hit], list[Hit]]:
        """Return (by BM25, by vector): up to `size` chunks each, best first, in one request."""
        wanted = {"size": size, "_source": STORED}
        match = {"bool": {"must": [{"match": {"text": searchable(question)}}], "filter": self.filters}}
        knn = {"vector": {"vector": list(vector), "k": size, "filter": {"bool": {"filter": self.filters}}}}
        header = {"index": self.name}
        body = [header, {**wanted, "query": match}, header, {**wanted, "query": {"knn": knn}}]

        def search() -> tuple[list[Hit], list[Hit]]:
            responses = self.client.msearch(body=body)["responses"]
            for response in responses:
                if "error" in response:
                    status = int(response.get("status", 500))
                    raise StoreError(
                        f"index {self.name!r} did not search: {status} {response['error']}",
                        retryable=status == 429 or status >= 500,
                    )
            lexical, dense = responses
            return _hits(lexical), _hits(dense)

        return self._call("search", search)  # type: ignore[no-any-return]

    def _scan(self, filters: list[dict[str, Any]]) -> Iterator[Hit]:
        body: dict[str, Any] = {
            "size": PAGE,
            "_source": ["chunk_id", "document", "corpus"],
            "query": {"bool": {"filter": filters}},
            "sort": [{"chunk_id": "asc"}],
        }
        while True:
            answer = self._call("search", self.client.search, index=self.name, body=body)
            yield from _hits(answer)
            found = answer["hits"]["hits"]
            if len(found) < PAGE:
                return
            body["search_after"] = found[-1]["sort"]

    def _source(self, chunk: Chunk, vector: Sequence[float]) -> dict[str, Any]:
        return {
            "vector": list(vector),
            "text": chunk.indexed_text,
            "title": chunk.title,
            "chunk_id": chunk.id,
            "document": chunk.document,
            "experiment": self.experiment,
            "corpus": self.corpus,
            "position": chunk.position,
        }

    def _call(self, kind: Kind, call: Any, **arguments: Any) -> Any:
        began = time.time()
        try:
            return with_retries(
                lambda: call(**arguments), deadline=self.deadline, attempts=ATTEMPTS, base_s=self.backoff_s / 5
            )
        finally:
            self.activity.touch(kind, began)


def searchable(question: str) -> str:
    """Return the question, or its first distinct words where it has more than a query may hold.

    OpenSearch refuses a query of more than 1,024 clauses (`too_many_clauses`), and each distinct word is one.
    """
    words = list(dict.fromkeys(re.findall(r"\w+", question.casefold())))
    return question if len(words) <= MOST_WORDS else " ".join(words[:MOST_WORDS])


def _hits(response: dict[str, Any]) -> list[Hit]:
    hits = []
    for hit in response["hits"]["hits"]:
        source = hit["_source"]
        title = source.get("title", "")
        hits.append(
            Hit(
                id=hit["_id"],
                chunk_id=source["chunk_id"],
                document=source["document"],
                title=title,
                text=source.get("text", "").removeprefix(f"{title}\n"),
                corpus=source.get("corpus", ""),
                score=hit.get("_score") or 0.0,
            )
        )
    return hits


def _parts(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for first in range(0, len(items), size):
        yield items[first : first + size]
