"""The bases that are pinned: an estimate knows them, and they fit the machines that experiments choose."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from contracts.experiment import Models, Training
from cost_reports.estimate import gpu
from cost_reports.estimate.base_models import COMMIT, PINS, UnpinnedError, revision_of, weights_of
from cost_reports.prices.catalogue import Catalogue

DEFAULT = Models()


@pytest.mark.parametrize("base", PINS)
def test_a_pinned_base_has_a_commit_hashes_a_free_licence_and_a_shape(base: str) -> None:
    pin = PINS[base]
    assert COMMIT.fullmatch(pin.revision)
    assert pin.licence == "Apache-2.0"
    assert pin.weights
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in pin.weights.values())
    assert 1e9 <= gpu.SHAPES[base].parameters <= 8.2e9


def test_the_default_base_fits_the_default_machines() -> None:
    """By the formula of the estimate: 24 GB less 1.6 of overhead, at 1,024 tokens x 8 examples."""
    shape = gpu.SHAPES[DEFAULT.fine_tuning_base]
    needed = gpu.training_memory(shape, "lora", rank=Training().rank, sequence=1024, batch=Training().batch_size)
    # 2 x 4,022,468,096 + 16 x 33,030,144 + 1,024 x 8 x 2,560 x (2 x 36 + 34)
    assert needed == 8_044_936_192 + 528_482_304 + 2_222_981_120
    assert gpu.fits(gpu.instance_of(DEFAULT.training_instance), needed)
    assert gpu.context_that_fits(shape, gpu.instance_of(DEFAULT.hosting_instance)) == 81_003


def test_memory_for_prompts() -> None:
    small = gpu.SHAPES["HuggingFaceTB/SmolLM2-135M-Instruct"]
    assert gpu.cache_bytes(small, 1) == 4 * 192 * 30
    assert gpu.context_that_fits(gpu.SHAPES["Qwen/Qwen3-8B"], gpu.INSTANCES["ml.g4dn.xlarge"]) == 0
    one, four = (gpu.context_that_fits(small, gpu.INSTANCES[f"ml.g5.{size}"]) for size in ("xlarge", "12xlarge"))
    assert four > 4 * one


def test_the_default_models_have_prices() -> None:
    catalogue = Catalogue.load()
    for model in (DEFAULT.generator, DEFAULT.embedding):
        assert catalogue.model(model).end_of_life is None


def test_an_experiment_names_its_own_commit_or_takes_the_known_one() -> None:
    own = "0" * 40
    assert revision_of(DEFAULT) == PINS[DEFAULT.fine_tuning_base].revision
    assert revision_of(replace(DEFAULT, fine_tuning_base_revision=own)) == own
    assert revision_of(replace(DEFAULT, fine_tuning_base="a/b", fine_tuning_base_revision=own)) == own
    with pytest.raises(UnpinnedError, match="no version of a/b is known"):
        revision_of(replace(DEFAULT, fine_tuning_base="a/b"))


def test_hashes_belong_to_one_commit() -> None:
    base = DEFAULT.fine_tuning_base
    assert weights_of(base, PINS[base].revision) == PINS[base].weights
    assert weights_of(base, "0" * 40) == weights_of("a/b", PINS[base].revision) == {}
