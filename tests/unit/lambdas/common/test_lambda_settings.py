"""Environment to settings."""

from __future__ import annotations

import pytest

from lambdas.common import settings
from lambdas.common.settings import EmbeddingSettings, RunSettings, SearchSettings, SettingsError

SEARCH = {
    "OPENSEARCH_ENDPOINT": "https://x.us-east-1.aoss.amazonaws.com",
    "OPENSEARCH_SERVICE": "aoss",
    "OPENSEARCH_GENERATION": "nextgen",
    "INDEX_NAME": "pages",
    "AWS_REGION": "us-east-1",
}
EMBEDDING = {"EMBEDDING_PROFILE_ARN": "arn", "EMBEDDING_MODEL_ID": "amazon.titan-embed-text-v2:0"}


def test_values_are_read_and_typed() -> None:
    assert settings.read(SearchSettings, SEARCH).index_name == "pages"
    assert settings.read(EmbeddingSettings, {**EMBEDDING, "EMBEDDING_DIMENSIONS": "512"}).dimensions == 512


def test_the_error_names_every_missing_variable() -> None:
    with pytest.raises(SettingsError, match=r"BUCKET is not set; EXPERIMENT is not set"):
        settings.read(RunSettings, {"AWS_REGION": "us-east-1", "EXPERIMENT": " "})


@pytest.mark.parametrize("value", ["", "0", "-5", "5.0", "many", "²"])
def test_a_number_must_be_whole_and_above_0(value: str) -> None:
    with pytest.raises(SettingsError, match="EMBEDDING_DIMENSIONS"):
        settings.read(EmbeddingSettings, {**EMBEDDING, "EMBEDDING_DIMENSIONS": value})


def test_a_choice_outside_the_list_is_named_with_the_list() -> None:
    with pytest.raises(SettingsError, match="OPENSEARCH_SERVICE must be one of aoss, es, not 'es2'"):
        settings.read(SearchSettings, {**SEARCH, "OPENSEARCH_SERVICE": "es2"})


def test_the_process_environment_is_read_when_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUCKET", "b")
    monkeypatch.setenv("EXPERIMENT", "e")
    assert settings.read(RunSettings).bucket == "b"
    monkeypatch.setenv("BUCKET", "c")
    assert settings.read(RunSettings).bucket == "c"
