"""What the environment of a function says: one small frozen class per concern, read inside the handler call.

Nothing is read at import: a function's settings can change without a new process, and every module can be imported in
tests. `read(SearchSettings)` gives a checked instance, or one error that names every variable that is missing or wrong.
"""

from __future__ import annotations

import dataclasses
import os
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

T = TypeVar("T")


class SettingsError(RuntimeError):
    """An environment variable of the function is missing or wrong; the message names it."""


def _env(name: str) -> Any:
    return field(metadata={"env": name})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """Where the records of a run lie: results bucket, experiment that the stack was deployed for, region."""

    bucket: str = _env("BUCKET")
    experiment: str = _env("EXPERIMENT")
    region: str = _env("AWS_REGION")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendSettings:
    """The topic of the daily spend report, and the budget that it is held against (USD a month; 0: no budget)."""

    report_topic_arn: str = _env("REPORT_TOPIC_ARN")
    monthly_budget_usd: str = _env("MONTHLY_BUDGET_USD")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSettings:
    """Where AWS delivers the billing exports."""

    bucket: str = _env("EXPORT_BUCKET")
    prefix: str = _env("EXPORT_PREFIX")


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorSettings:
    """Bedrock text model: the application inference profile that is called and the model id that is billed."""

    profile_arn: str = _env("GENERATOR_PROFILE_ARN")
    model_id: str = _env("GENERATOR_MODEL_ID")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingSettings:
    """Bedrock embedding model, as `GeneratorSettings`, and the length of its vectors."""

    profile_arn: str = _env("EMBEDDING_PROFILE_ARN")
    model_id: str = _env("EMBEDDING_MODEL_ID")
    dimensions: int = _env("EMBEDDING_DIMENSIONS")


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """OpenSearch: full URL, name that requests are signed for, kind of store, index."""

    endpoint: str = _env("OPENSEARCH_ENDPOINT")
    service: Literal["aoss", "es"] = _env("OPENSEARCH_SERVICE")
    generation: Literal["nextgen", "classic", "domain"] = _env("OPENSEARCH_GENERATION")
    index_name: str = _env("INDEX_NAME")
    region: str = _env("AWS_REGION")


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseModelSettings:
    """Hugging Face id of the model that LoRA adapts."""

    base_model: str = _env("FINE_TUNING_BASE")


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardSettings:
    """Whose deployment is guarded, and whether the guard only says what it would do."""

    project: str = _env("PROJECT")
    experiment: str = _env("EXPERIMENT")
    region: str = _env("AWS_REGION")
    dry_run: Literal["on", "off"] = _env("DRY_RUN")


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSettings:
    """The limits of the guard, and where it acts and speaks. `spend_limit_usd` 0: no limit."""

    lifetime_hours: int = _env("LIFETIME_HOURS")
    endpoint_hours: int = _env("ENDPOINT_HOURS")
    every_minutes: int = _env("EVERY_MINUTES")
    spend_limit_usd: str = _env("SPEND_LIMIT_USD")
    expiry_parameter: str = _env("EXPIRY_PARAMETER")
    topic_arn: str = _env("TOPIC_ARN")
    teardown_arn: str = _env("TEARDOWN_ARN")


@dataclass(frozen=True, slots=True, kw_only=True)
class TagSettings:
    """Values of the cost-allocation tags that run-time resources get beside experiment and approach."""

    project: str = _env("PROJECT")
    owner: str = _env("OWNER")


def read(cls: type[T], environ: Mapping[str, str] | None = None) -> T:
    """Return an instance of a settings class from `environ` (the process's own by default).

    Raises:
        SettingsError: names every variable that is missing, empty or not of its kind.
    """
    values = os.environ if environ is None else environ
    hints = typing.get_type_hints(cls)
    parsed: dict[str, Any] = {}
    problems: list[str] = []
    for f in dataclasses.fields(cls):  # type: ignore[arg-type]
        name = f.metadata["env"]
        text = values.get(name, "").strip()
        if not text:
            problems.append(f"{name} is not set")
            continue
        try:
            parsed[f.name] = _parse(hints[f.name], text)
        except ValueError as error:
            problems.append(f"{name} {error}")
    if problems:
        raise SettingsError(
            f"environment of the function ({cls.__name__}): {'; '.join(problems)}; the stack that deploys it sets them"
        )
    return cls(**parsed)


def _parse(kind: Any, text: str) -> Any:
    if kind is int:
        if not text.isascii() or not text.isdigit() or int(text) < 1:
            raise ValueError(f"must be a whole number above 0, not {text!r}")
        return int(text)
    if typing.get_origin(kind) is Literal:
        choices = typing.get_args(kind)
        if text not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}, not {text!r}")
    return text
