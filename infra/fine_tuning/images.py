"""The SageMaker container images by region, kept in `images.json`, and the machine image that the server's needs.

`python -m infra.fine_tuning.images` writes that file. It needs the extra `sagemaker`, whose image tables take seconds
and hundreds of megabytes to import; a synth therefore reads the file. A test of that extra keeps the file true. The
tables do not hold AWS's own vLLM image for SageMaker: its tag is written here.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("images.json")
#: Regions with Bedrock, OpenSearch Serverless and the Hugging Face containers. Add one, then run the module.
REGIONS = (
    "ap-northeast-1",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-2",
)
TRANSFORMERS_TRAINING, PYTORCH_TRAINING = "5.3.0", "pytorch2.9.0"
PYTHON = "py312"
#: An instance type stands for its kind when an image is looked up.
GPU = "ml.g5.xlarge"
#: vLLM 0.30.0 with CUDA 13.0 (aws/deep-learning-containers, docs/vllm/changelog, v2.5.0 of 2026-09-23). AWS publishes
#: minor versions as tags and moves one only for security patches.
HOSTING_TAG, HOSTING_CUDA = "server-sagemaker-cuda-v2.5", "13.0"
#: CUDA of the container -> machine image of the endpoint whose driver runs it (`ProductionVariant` in the SageMaker
#: API reference). Without one, ml.g5 boots driver 470, which knows CUDA 11.4.
MACHINE_IMAGES = {
    "12.4": "al2-ami-sagemaker-inference-gpu-3-1",
    "13.0": "al2023-ami-sagemaker-inference-gpu-4-1",
}
HOSTING_MACHINE = MACHINE_IMAGES[HOSTING_CUDA]


@cache
def load() -> dict[str, dict[str, str]]:
    """Return the image URIs: region -> {"training", "hosting"} -> URI."""
    content: dict[str, dict[str, str]] = json.loads(FILE.read_text(encoding="utf-8"))
    return content


def repository(uri: str) -> tuple[str, str]:
    """Return account id and repository name of an image URI, for IAM."""
    host, _, rest = uri.partition("/")
    return host.split(".")[0], rest.partition(":")[0]


def resolve() -> dict[str, dict[str, str]]:
    """Return the content of `images.json`, from the image tables of sagemaker-core."""
    from sagemaker.core import image_uris

    def uris(region: str) -> dict[str, str]:
        training = str(
            image_uris.retrieve(
                "huggingface",
                region,
                version=TRANSFORMERS_TRAINING,
                py_version=PYTHON,
                instance_type=GPU,
                image_scope="training",
                base_framework_version=PYTORCH_TRAINING,
            )
        )
        # AWS keeps both repositories in one account of the region.
        return {"training": training, "hosting": f"{training.partition('/')[0]}/vllm:{HOSTING_TAG}"}

    return {region: uris(region) for region in REGIONS}


def text(content: dict[str, dict[str, str]]) -> str:
    return json.dumps(content, indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(resolve()), encoding="utf-8")
