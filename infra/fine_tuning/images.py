"""The SageMaker container images by region, kept in `images.json`.

`python -m infra.fine_tuning.images` writes that file. It needs the extra `sagemaker`, whose image tables take seconds
and hundreds of megabytes to import; a synth therefore reads the file. A test of that extra keeps the file true.
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
TRANSFORMERS_HOSTING, PYTORCH_HOSTING = "5.5.3", "pytorch2.6.0"
PYTHON = "py312"
#: An instance type stands for its kind (GPU or CPU) when an image is looked up.
GPU, CPU = "ml.g5.xlarge", "ml.c7i.xlarge"


@cache
def load() -> dict[str, dict[str, str]]:
    """Return the image URIs: region -> {"training", "hosting-gpu", "hosting-cpu"} -> URI."""
    content: dict[str, dict[str, str]] = json.loads(FILE.read_text(encoding="utf-8"))
    return content


def repository(uri: str) -> tuple[str, str]:
    """Return account id and repository name of an image URI, for IAM."""
    host, _, rest = uri.partition("/")
    return host.split(".")[0], rest.partition(":")[0]


def resolve() -> dict[str, dict[str, str]]:
    """Return the content of `images.json`, from the image tables of sagemaker-core."""
    from sagemaker.core import image_uris

    def uri(region: str, scope: str, instance: str) -> str:
        training = scope == "training"
        return str(
            image_uris.retrieve(
                "huggingface",
                region,
                version=TRANSFORMERS_TRAINING if training else TRANSFORMERS_HOSTING,
                py_version=PYTHON,
                instance_type=instance,
                image_scope=scope,
                base_framework_version=PYTORCH_TRAINING if training else PYTORCH_HOSTING,
            )
        )

    return {
        region: {
            "training": uri(region, "training", GPU),
            "hosting-gpu": uri(region, "inference", GPU),
            "hosting-cpu": uri(region, "inference", CPU),
        }
        for region in REGIONS
    }


def text(content: dict[str, dict[str, str]]) -> str:
    return json.dumps(content, indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(resolve()), encoding="utf-8")
