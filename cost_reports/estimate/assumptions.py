"""Every number that an estimate assumes because no price list holds it, with its range and its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """A value in `unit`, and the range in which it may as well lie."""

    value: Fraction
    low: Fraction
    high: Fraction
    unit: str
    why: str


def _of(value: str, low: str, high: str, unit: str, why: str) -> Assumption:
    return Assumption(value=Fraction(value), low=Fraction(low), high=Fraction(high), unit=unit, why=why)


ASSUMPTIONS: dict[str, Assumption] = {
    "lambda_seconds": _of("1.0", "0.4", "3", "s a request", "a function waits while the model answers"),
    "lambda_memory": _of("512", "256", "1024", "MB", "what the deployed functions ask for"),
    "log_bytes": _of("1500", "500", "5000", "bytes a request", "a few log lines"),
    "ocu_rate": _of("10", "4", "30", "requests/s an OCU", "no published figure; measure"),
    "node_rate": _of("40", "15", "120", "requests/s a node", "small vectors in memory; measure"),
    "acu_rate": _of("30", "10", "90", "requests/s an ACU", "small HNSW index in memory; measure"),
    "import_rate": _of("2", "1", "6", "requests/s a copy", "concurrency of one copy; measure"),
    "search_awake_minutes": _of("10", "10", "10", "min", "NextGen sleeps after 10 idle minutes (AWS)"),
    "endpoint_awake_minutes": _of("20", "10", "40", "min", "scale-in cooldown plus loading the model"),
    "import_awake_minutes": _of("5", "5", "5", "min", "custom model import bills windows of 5 minutes (AWS)"),
    "training_start_seconds": _of("300", "180", "600", "s a job", "download of image and weights is billed"),
    "training_runs": _of("3", "1", "10", "jobs", "the first settings are rarely the last"),
    "spot_saving": _of("0.6", "0.3", "0.8", "share", "1 - billable / training seconds; AWS says up to 0.9"),
    "vector_bytes": _of("4", "4", "4", "bytes a dimension", "float32"),
    "index_overhead": _of("1.5", "1.2", "2.5", "times", "graph, text and metadata beside the vectors"),
    "people_prompting": _of("16", "8", "40", "h", "write and test prompts"),
    "people_rag": _of("60", "30", "160", "h", "clean documents, tune retrieval"),
    "people_fine-tuning": _of("100", "40", "300", "h", "make examples, train, evaluate"),
    "labels_per_example": _of("1", "0", "3", "labels", "workers who check each training example"),
    "preference_pairs": _of("0", "0", "100000", "pairs", "comparisons for preference tuning; one label each"),
    "pretraining_parameters": _of("8e9", "1e9", "7e10", "parameters", "a small general model"),
    "pretraining_tokens": _of("160e9", "2e10", "1.5e13", "tokens", "20 tokens a parameter (Chinchilla)"),
}


ABSURD = 10_000
"""A user's value may be so many times the high end of the range, and, where it is not 0, so small a part of the low."""


def value(name: str, overrides: Mapping[str, Fraction | Decimal | int] | None = None) -> Fraction:
    """Return the assumed value, or what the user put in its place.

    Raises:
        ValueError: the name is unknown; the user's value is negative or absurd, a rate of 0, or a share above 1.
    """
    if name not in ASSUMPTIONS:
        raise ValueError(f"assumption {name!r} is unknown; known are {', '.join(ASSUMPTIONS)}")
    a = ASSUMPTIONS[name]
    if not overrides or name not in overrides:
        return a.value
    stated = Fraction(overrides[name])
    if stated < 0:
        raise ValueError(f"assumption {name} must be 0 or more, not {overrides[name]}")
    if stated == 0 and (a.unit.startswith("requests/s") or name.startswith("pretraining_")):
        raise ValueError(f"assumption {name} must be above 0")
    if a.unit == "share" and stated > 1:
        raise ValueError(f"assumption {name} is a share: from 0 to 1, not {overrides[name]}")
    if stated > a.high * ABSURD:
        raise ValueError(f"assumption {name} must be at most {float(a.high * ABSURD):g} ({a.unit})")
    if 0 < stated < a.low / ABSURD:
        raise ValueError(f"assumption {name} must be at least {float(a.low / ABSURD):g} ({a.unit})")
    return stated
