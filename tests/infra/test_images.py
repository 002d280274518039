"""The committed image URIs are those of the SageMaker SDK."""

from __future__ import annotations

import importlib.util

import botocore.session
import pytest

from infra.fine_tuning import images


def test_every_region_has_all_images() -> None:
    assert tuple(images.load()) == images.REGIONS
    for region, uris in images.load().items():
        assert set(uris) == {"training", "hosting"}
        assert all(f".ecr.{region}.amazonaws.com/" in uri for uri in uris.values())
        assert images.repository(uris["hosting"]) == ("763104351884", "vllm")
        assert uris["hosting"].endswith(f":{images.HOSTING_TAG}")


def test_the_machine_image_is_one_that_sagemaker_offers() -> None:
    variant = botocore.session.get_session().get_service_model("sagemaker").shape_for("ProductionVariant")
    offered = variant.members["InferenceAmiVersion"].enum
    assert set(images.MACHINE_IMAGES.values()) <= set(offered)
    assert images.MACHINE_IMAGES[images.HOSTING_CUDA] == images.HOSTING_MACHINE


def test_the_repository_of_an_image() -> None:
    uri = "763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-pytorch-training:2.9.0-gpu"
    assert images.repository(uri) == ("763104351884", "huggingface-pytorch-training")


# The SDK is an optional extra that nothing at run time needs: this runs where it is installed,
# as it is for the person who writes the file again.
@pytest.mark.skipif(importlib.util.find_spec("sagemaker") is None, reason="the extra `sagemaker` is not installed")
def test_the_file_is_what_the_sdk_gives() -> None:
    assert images.FILE.read_text(encoding="utf-8") == images.text(images.resolve())
