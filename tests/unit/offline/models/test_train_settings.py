"""Hyperparameters: what they accept, what follows from them, what trl and peft are given."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from contracts.experiment import Training
from lambdas.fine_tuning.training import settings, tuning
from lambdas.fine_tuning.training.examples import Encoded
from lambdas.fine_tuning.training.settings import Settings
from offline.models.hub import HubFolder

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": "3"}, "hyperparameter 'epochs' is unknown"),
        ({"rank": "many"}, "hyperparameter rank: 'many' is not a number of type int"),
        ({"batch_size": "0"}, "hyperparameter batch_size: 0 is not positive"),
        ({"method": "prefix"}, "hyperparameter method: 'prefix' is unknown; known are lora, qlora, dora, full"),
        ({"packing": "yes"}, "hyperparameter packing: 'yes' is neither true nor false"),
        ({"dev_share": "1"}, "hyperparameter dev_share: 1.0 is not a share from 0 to below 1"),
        ({"learning_rate": "nan"}, "hyperparameter learning_rate: 'nan' is not a finite number"),
        ({"learning_rates": "0.1,2"}, "hyperparameter learning_rates: '0.1,2' needs numbers between 0 and 1"),
        ({"last_layers": "-1"}, "hyperparameter last_layers: -1 is negative; 0 is the default"),
        ({"method": "full", "last_layers": "2"}, "method full trains all weights; leave last_layers out"),
    ],
)
def test_a_bad_hyperparameter_is_named(values: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Settings.parse(values)


def test_hyperparameters_are_text_and_the_sdks_own_are_ignored() -> None:
    given = Settings.parse({"rank": '"8"', "learning_rate": "1e-3", "packing": "True", "sagemaker_program": "train.py"})
    assert (given.rank, given.learning_rate, given.packing, given.batch_size) == (8, 0.001, True, 8)


def test_the_defaults_are_those_of_an_experiment() -> None:
    for field in dataclasses.fields(Training):
        if hasattr(Settings, field.name):
            assert (getattr(Settings(), field.name) or None) == (getattr(Training(), field.name) or None), field.name


def test_each_adapter_has_its_epochs_and_its_own_draw() -> None:
    given = Settings.parse({"epochs_closed_book": "5", "epochs_rag": "2"})
    closed, pages = given.recipe("lora"), given.recipe("lora+rag")
    assert (closed.epochs, pages.epochs) == (5, 2)
    assert closed.seed != pages.seed


@pytest.mark.parametrize(
    ("values", "rates"),
    [
        ({}, (2e-3,)),
        ({"last_layers": "30"}, (2e-3,)),
        ({"method": "full"}, (1e-4,)),
        ({"learning_rate": "0.004", "last_layers": "30"}, (0.004,)),
        ({"learning_rates": "0.001, 0.002"}, (0.001, 0.002)),
    ],
)
def test_the_learning_rate(values: dict[str, str], rates: tuple[float, ...]) -> None:
    assert Settings.parse(values).recipe("lora").learning_rates == rates


@pytest.mark.parametrize(
    ("values", "share"),
    [
        ({}, 0.0),
        ({"dev_share": "0.2"}, 0.2),
        ({"learning_rates": "0.001"}, 0.0),
        ({"learning_rates": "0.001,0.002"}, settings.DEV_SHARE),
        ({"early_stopping_patience": "2"}, settings.DEV_SHARE),
        ({"early_stopping_patience": "2", "dev_share": "0.3"}, 0.3),
    ],
)
def test_examples_are_held_out_where_something_is_chosen(values: dict[str, str], share: float) -> None:
    assert Settings.parse(values).recipe("lora").dev_share == share


def test_what_trl_is_given(tmp_path: Path) -> None:
    values = {"early_stopping_patience": "1", "gradient_checkpointing": "true", "epochs_closed_book": "4"}
    recipe = Settings.parse(values).recipe("lora")
    given = tuning.sft_config(recipe, 1e-3, folder=tmp_path, device=CPU, bf16=False, longest=100, count=80)
    assert (given.per_device_train_batch_size, given.gradient_accumulation_steps) == (4, 2)
    assert (given.learning_rate, given.num_train_epochs, given.warmup_steps, given.max_grad_norm) == (1e-3, 4, 4, 1.0)
    assert (given.eval_strategy, given.save_strategy, given.load_best_model_at_end) == ("epoch", "epoch", True)
    assert given.gradient_checkpointing
    assert given.seed == recipe.seed
    assert (given.report_to, given.push_to_hub) == ([], False)

    plain = Settings().recipe("lora")
    given = tuning.sft_config(plain, 1e-3, folder=tmp_path, device=CPU, bf16=False, longest=20, count=80)
    assert (given.per_device_train_batch_size, given.gradient_accumulation_steps) == (8, 1)
    assert (given.eval_strategy, given.save_strategy, given.load_best_model_at_end) == ("no", "no", False)
    assert (given.packing, given.dataset_kwargs) == (False, {"skip_prepare_dataset": True})

    packed = dataclasses.replace(plain, packing=True)
    given = tuning.sft_config(packed, 1e-3, folder=tmp_path, device=CPU, bf16=False, longest=2000, count=80)
    assert (given.packing, given.max_length, given.dataset_kwargs) == (True, 2000, None)
    assert (given.per_device_train_batch_size, given.gradient_accumulation_steps) == (1, 8)


@pytest.mark.parametrize(("last_layers", "adapted"), [("0", [1]), ("1", [1]), ("2", [0, 1])])
def test_the_last_layers_are_adapted(tiny_hub: HubFolder, last_layers: str, adapted: list[int]) -> None:
    base = AutoModelForCausalLM.from_pretrained(tiny_hub.snapshot)
    recipe = Settings.parse({"last_layers": last_layers, "rank": "4", "alpha": "8", "method": "dora"}).recipe("lora")
    options = tuning.lora_config(base, recipe)
    assert (options.r, options.lora_alpha, options.use_dora) == (4, 8, True)
    assert options.layers_to_transform == adapted
    assert options.target_modules == {"down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"}


@pytest.mark.parametrize(("last_layers", "rates"), [("2", {1e-3, 1e-4}), ("1", {1e-3})])
def test_the_lower_half_learns_slowly(
    tiny_hub: HubFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last_layers: str, rates: set[float]
) -> None:
    given: set[float] = set()

    def note(*_args: object, optimizer: torch.optim.Optimizer, **_named: object) -> None:
        given.update(round(group["initial_lr"], 9) for group in optimizer.param_groups if group["params"])

    monkeypatch.setattr(tuning.Keeper, "on_train_begin", note)
    recipe = Settings.parse({"last_layers": last_layers, "epochs_closed_book": "1"}).recipe("lora")
    model, _ = tuning.train(
        AutoModelForCausalLM.from_pretrained(tiny_hub.snapshot),
        AutoTokenizer.from_pretrained(tiny_hub.snapshot),
        [Encoded((5, 6, 7), (8, 9)) for _ in range(4)],
        recipe,
        1e-3,
        folder=tmp_path,
        key="k",
        say=lambda _text: None,
    )
    assert given == rates
    assert bool(tuning.lower_half(model)) == (len(rates) == 2)


def test_more_layers_than_the_model_has(tiny_hub: HubFolder) -> None:
    base = AutoModelForCausalLM.from_pretrained(tiny_hub.snapshot)
    recipe = Settings.parse({"last_layers": "3"}).recipe("lora")
    with pytest.raises(ValueError, match="last_layers is 3, and the model has 2 layers; write at most 2"):
        tuning.lora_config(base, recipe)
