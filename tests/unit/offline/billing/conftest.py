from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bill_bench import Bench, Server


@pytest.fixture(scope="session")
def bill_server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture
def bench(tmp_path: Path, bill_server: Server) -> Iterator[Bench]:
    """An engine without any usage."""
    made = Bench(tmp_path / "billing", bill_server)
    yield made
    made.close()


@pytest.fixture
def billed(bench: Bench) -> Bench:
    """An engine whose bill shows all of a run of 2026-11-20; three days later."""
    bench.run()
    bench.control(advance_hours=72)
    return bench
