"""The hyperparameters of a training job, and what follows from them for one adapter. Imports no library."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

METHODS = ("lora", "qlora", "dora", "full")
DEV_SHARE = 0.15
"""Of the examples, held out when a learning rate is chosen or training stops early, unless `dev_share` says more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How one adapter is trained: an adapter of the same recipe, base and examples is the same adapter.

    `learning_rates` are tried one after the other; the best on the held-out examples is kept.
    """

    method: str
    rank: int
    alpha: int
    last_layers: int
    learning_rates: tuple[float, ...]
    warmup_ratio: float
    batch_size: int
    epochs: int
    packing: bool
    gradient_checkpointing: bool
    dev_share: float
    early_stopping_patience: int
    checkpoint_steps: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The hyperparameters. SageMaker passes them as text.

    `last_layers` 0 is half of the model's layers, `learning_rate` 0 the default of the method,
    `early_stopping_patience` 0 trains all epochs. `base_revision` is a commit of the base's hub repository,
    `base_sha256` JSON of file -> SHA-256; without a commit the base is what the main branch, or a folder, holds.
    """

    base_model: str = "HuggingFaceTB/SmolLM2-135M-Instruct"
    base_revision: str = ""
    base_sha256: str = "{}"
    adapters: str = "lora,lora+rag"
    seed: int = 20261123
    method: str = "lora"
    rank: int = 16
    alpha: int = 32
    last_layers: int = 0
    learning_rate: float = 0.0
    learning_rates: str = ""
    warmup_ratio: float = 0.1
    batch_size: int = 8
    epochs_closed_book: int = 6
    epochs_rag: int = 1
    packing: bool = False
    gradient_checkpointing: bool = False
    dev_share: float = 0.0
    early_stopping_patience: int = 0
    checkpoint_steps: int = 50

    @staticmethod
    def parse(values: Mapping[str, Any]) -> Settings:
        """Return the settings of hyperparameters as text.

        Raises:
            ValueError: names the hyperparameter that is unknown or out of range.
        """
        known: dict[str, type] = {f.name: type(f.default) for f in dataclasses.fields(Settings)}
        chosen: dict[str, Any] = {}
        for name, value in values.items():
            if name.startswith("sagemaker_"):  # the SDK's own
                continue
            if name not in known:
                raise ValueError(f"hyperparameter {name!r} is unknown; known are {', '.join(known)}")
            chosen[name] = _typed(name, value, known[name])
        settings = Settings(**chosen)
        settings._check()
        return settings

    def _check(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"hyperparameter method: {self.method!r} is unknown; known are {', '.join(METHODS)}")
        for name in ("last_layers", "learning_rate", "early_stopping_patience"):
            if getattr(self, name) < 0:
                raise ValueError(f"hyperparameter {name}: {getattr(self, name)} is negative; 0 is the default")
        for name in ("rank", "alpha", "batch_size", "epochs_closed_book", "epochs_rag", "checkpoint_steps"):
            if getattr(self, name) <= 0:
                raise ValueError(f"hyperparameter {name}: {getattr(self, name)} is not positive")
        for name in ("warmup_ratio", "dev_share"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"hyperparameter {name}: {getattr(self, name)} is not a share from 0 to below 1")
        if self.method == "full" and self.last_layers:
            raise ValueError("hyperparameter last_layers: method full trains all weights; leave last_layers out")
        self.candidates()

    def candidates(self) -> tuple[float, ...]:
        """Return the learning rates to choose from, in the order written; none if there is nothing to choose."""
        rates = tuple(_typed("learning_rates", part, float) for part in self.learning_rates.split(",") if part.strip())
        if any(not 0 < rate < 1 for rate in rates):
            raise ValueError(f"hyperparameter learning_rates: {self.learning_rates!r} needs numbers between 0 and 1")
        return rates

    def recipe(self, adapter: str) -> Recipe:
        """Return how `adapter` is trained."""
        rates = self.candidates()
        chooses = len(rates) > 1 or self.early_stopping_patience > 0
        return Recipe(
            method=self.method,
            rank=self.rank,
            alpha=self.alpha,
            last_layers=self.last_layers,
            learning_rates=rates or (self.learning_rate or default_rate(self.method),),
            warmup_ratio=self.warmup_ratio,
            batch_size=self.batch_size,
            epochs=self.epochs_rag if "rag" in adapter else self.epochs_closed_book,
            packing=self.packing,
            gradient_checkpointing=self.gradient_checkpointing,
            dev_share=self.dev_share or (DEV_SHARE if chooses else 0.0),
            early_stopping_patience=self.early_stopping_patience,
            checkpoint_steps=self.checkpoint_steps,
            seed=self.seed + sum(adapter.encode()),  # each adapter draws its own numbers, whether or not others ran
        )


def default_rate(method: str) -> float:
    """Return the learning rate of adapters, or of all weights; ADR 0014 says how it was chosen."""
    return 1e-4 if method == "full" else 2e-3


def _typed(name: str, value: Any, kind: type) -> Any:
    text = str(value).strip().strip('"')
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise ValueError(f"hyperparameter {name}: {value!r} is neither true nor false")
        return text.lower() == "true"
    try:
        number = kind(text)
    except ValueError:
        raise ValueError(f"hyperparameter {name}: {value!r} is not a number of type {kind.__name__}") from None
    if kind is float and not math.isfinite(number):
        raise ValueError(f"hyperparameter {name}: {value!r} is not a finite number")
    return number
