"""What the training job is given."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from contracts.experiment import Training
from contracts.run import Manifest
from lambdas.fine_tuning import jobs
from lambdas.fine_tuning.training.settings import Settings
from tests.unit.lambdas.lambda_world import World

#: What is not train.py's to know.
ELSEWHERE = {"spot", "time_limit_hours"}


def given(world: World, training: Training) -> dict[str, str]:
    manifest: Manifest = world.results.manifest("handbook", "r1")
    experiment = replace(world.results.experiment(manifest), training=training)
    return jobs.hyperparameters(manifest, experiment, "owner/model", "c0ffee")


def test_every_setting_reaches_the_trainer(world: World) -> None:
    wanted = Training(
        method="dora",
        rank=4,
        alpha=8,
        last_layers=3,
        learning_rates=(1e-3, 5e-4),
        warmup_ratio=0.2,
        batch_size=2,
        packing=True,
        gradient_checkpointing=True,
        dev_share=0.25,
        early_stopping_patience=2,
        checkpoint_steps=7,
    )
    settings = Settings.parse(given(world, wanted))
    assert settings.candidates() == wanted.learning_rates
    for field in fields(Training):
        if (
            hasattr(settings, field.name)
            and field.name not in ("learning_rate", "learning_rates")
            and "epochs" not in field.name
        ):
            assert getattr(settings, field.name) == getattr(wanted, field.name), field.name
    assert {f.name for f in fields(Training)} - {f.name for f in fields(Settings)} == ELSEWHERE


def test_defaults_stay_defaults(world: World) -> None:
    settings = Settings.parse(given(world, Training()))
    assert (settings.learning_rate, settings.last_layers, settings.dev_share) == (0, 0, 0)


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        (Training(), {"spot": False, "stopping": {"MaxRuntimeInSeconds": 14400}}),
        (
            Training(spot=True, time_limit_hours=1),
            {"spot": True, "stopping": {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200}},
        ),
    ],
)
def test_capacity(training: Training, expected: dict[str, object]) -> None:
    assert jobs.capacity(training) == expected
