"""The store behind the index: a client that signs, the mapping, errors, and when the store was used.

opensearch-py is imported when a client is made: it takes longer than everything else that a handler imports.
"""

from __future__ import annotations

import functools
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from contracts import index_mapping
from lambdas.common.runtime import MODEL_WORKERS, session
from lambdas.common.settings import SearchSettings

if TYPE_CHECKING:
    from opensearchpy import OpenSearch

Kind = Literal["search", "indexing"]
#: NextGen may hold the first request after it has slept for 10-30 s.
TIMEOUT_S = 60


class StoreError(RuntimeError):
    """The store refused something; `retryable` says whether the same may succeed later."""

    def __init__(self, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.retryable = retryable


@dataclass(slots=True)
class Activity:
    """When the store was used: kind -> first and last moment, seconds since 1970. Compute is billed by such times."""

    spans: dict[Kind, tuple[float, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def touch(self, kind: Kind, began: float) -> None:
        """Note that the store was used from `began` until now."""
        with self._lock:
            first, last = self.spans.get(kind, (began, began))
            self.spans[kind] = (min(first, began), max(last, time.time()))


def index_body(dimensions: int) -> dict[str, Any]:
    """Return settings and mapping of the index."""
    return {
        "settings": {"index": {"knn": True}},
        "mappings": {"properties": index_mapping.properties(dimensions)},
    }


@functools.lru_cache(maxsize=4)
def connect(settings: SearchSettings) -> OpenSearch:
    """Return a client that signs every request with the function's own credentials.

    The urllib3 pair is used because the requests pair of opensearch-py 3.2.0 signs headers that OpenSearch Serverless
    does not accept. Retries are ours: the transport repeats at once and without end in sight of a deadline.

    Raises:
        ValueError: the endpoint is neither https nor on this machine.
    """
    from opensearchpy import OpenSearch, Urllib3AWSV4SignerAuth, Urllib3HttpConnection

    url = urlsplit(settings.endpoint)
    if url.scheme != "https" and url.hostname not in ("127.0.0.1", "localhost"):
        raise ValueError(f"OPENSEARCH_ENDPOINT is {settings.endpoint!r}; it must begin with https://")
    return OpenSearch(
        hosts=[settings.endpoint],
        http_auth=Urllib3AWSV4SignerAuth(session().get_credentials(), settings.region, settings.service),
        connection_class=Urllib3HttpConnection,
        use_ssl=url.scheme == "https",
        verify_certs=True,
        http_compress=False,
        pool_maxsize=MODEL_WORKERS,
        timeout=TIMEOUT_S,
        max_retries=0,
    )
