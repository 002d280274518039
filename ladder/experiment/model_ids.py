"""The forms of model ids and instance types: a slip is found before anything is deployed.

Whether a model exists in a region, and whether the account may use it, Bedrock says.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from contracts.aws_names import GEOGRAPHIES
from contracts.experiment import Models
from cost_reports.estimate import base_models

#: Some providers, to recognise a wrong word before them. A provider that is not listed passes.
PROVIDERS = ("ai21", "amazon", "anthropic", "cohere", "deepseek", "meta", "mistral", "openai", "qwen", "writer")
BEDROCK_MODEL = re.compile(r"[a-z0-9-]+\.[a-zA-Z0-9][a-zA-Z0-9_-]*(?:[.:][a-zA-Z0-9_-]+)*")
BEDROCK_ARN = re.compile(
    r"arn:aws(?:-[a-z]+)*:bedrock:(?P<region>[^:]*):\d{0,12}:"
    r"(?:foundation-model|inference-profile|application-inference-profile|provisioned-model|custom-model-deployment)/\S+"
)
REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d")
HUGGING_FACE_MODEL = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
INSTANCE = re.compile(r"ml\.[a-z0-9-]+\.[a-z0-9]+")
TITAN_DIMENSIONS = (256, 512, 1024)


def check_models(models: Models, problem: Callable[..., None]) -> None:
    """Call `problem(what, todo, "models", field)` for every id that cannot be right."""
    for name in ("generator", "embedding"):
        if wrong := bedrock_model_error(getattr(models, name)):
            problem(*wrong, "models", name)
    if not HUGGING_FACE_MODEL.fullmatch(models.fine_tuning_base):
        what = f"{models.fine_tuning_base!r} is not a Hugging Face id"
        problem(what, "write owner/model", "models", "fine_tuning_base")
    elif models.fine_tuning_base_revision is not None:
        if not base_models.COMMIT.fullmatch(models.fine_tuning_base_revision):
            what = f"{models.fine_tuning_base_revision!r} is not a commit"
            problem(what, "write its 40 hexadecimal digits", "models", "fine_tuning_base_revision")
    elif models.fine_tuning_base not in base_models.PINS:
        what = f"the version of {models.fine_tuning_base} is not pinned"
        problem(what, "add fine_tuning_base_revision, a commit of its hub repository", "models", "fine_tuning_base")
    for name in ("training_instance", "hosting_instance"):
        if not INSTANCE.fullmatch(getattr(models, name)):
            what = f"{getattr(models, name)!r} is not a SageMaker instance type"
            problem(what, "write, for example, ml.g5.xlarge", "models", name)
    if "titan-embed-text-v2" in models.embedding and models.embedding_dimensions not in TITAN_DIMENSIONS:
        sizes = ", ".join(map(str, TITAN_DIMENSIONS))
        what = f"{models.embedding} has no {models.embedding_dimensions} dimensions"
        problem(what, f"use {sizes}", "models", "embedding_dimensions")


def bedrock_model_error(text: str) -> tuple[str, str] | None:
    """Return what is wrong with a Bedrock model or inference profile id, and what to do; None if its form is right."""
    if text.startswith("arn:"):
        arn = BEDROCK_ARN.fullmatch(text)
        if arn is None:
            return f"{text!r} is not the ARN of a Bedrock model or inference profile", "copy it from the console"
        if not REGION.fullmatch(arn["region"]):
            return f"{arn['region']!r} is not a region", "write, for example, us-east-1"
        return None
    if not BEDROCK_MODEL.fullmatch(text):
        return f"{text!r} is not a Bedrock model id", "write, for example, us.amazon.nova-micro-v1:0"
    # `us.amazon.nova-micro-v1:0` has a geography before the provider. `deepseek.v3.2` has three parts and none.
    first, second, *rest = text.split(".")
    if rest and second in PROVIDERS and first not in GEOGRAPHIES:
        return f"{first!r} is not a geography of inference profiles", f"use one of {', '.join(GEOGRAPHIES)}"
    return None
