"""What a deployment is asked to be: one frozen `Settings`, read from `cdk.json` and `-c key=value` flags.

Reading needs no AWS call: the account stays a CloudFormation token, the models come from the experiment's folder and
the container images from `images.json`. Whatever is wrong ends as one `SettingsError` line before any stack exists.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from contracts import json_codec
from contracts.experiment import Experiment, Models
from infra.fine_tuning import images

VectorStoreKind = Literal["nextgen", "classic", "domain"]
LayerPlatform = Literal["arm64", "host"]

KEYS = (
    "experiment",
    "project",
    "owner",
    "region",
    "vector-store",
    "layer-platform",
    "answer-concurrency",
    "log-retention-days",
    "report-schedule",
    "alarm-email",
    "report-email",
    "monthly-budget-usd",
    "cost-anomalies",
    "cost-exports",
    "athena-scan-limit-mb",
    "auto-delete-objects",
)
#: Data Exports can be made in this region only, whatever region their bucket is in.
EXPORTS_REGION = "us-east-1"
#: The retention periods that CloudWatch Logs offers, in days.
RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827)
#: OpenSearch Serverless allows 32 characters, of which `ladder-` and the suffixes take 14.
EXPERIMENT_NAME = re.compile(r"(?=.{1,18}$)[a-z](?:-?[a-z0-9])*")
#: What AWS accepts in a tag value, without the space, so that values survive shells and file names.
TAG_VALUE = re.compile(r"[A-Za-z0-9_.:/=+@-]{1,128}")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
GPU_INSTANCE = re.compile(r"ml\.(g|p)\d")


class SettingsError(ValueError):
    """A setting is missing or wrong; the message is one line that names it and says what would do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The checked settings. `experiment` is the name, `models` what its `experiment.yaml` asks for.

    `monthly_budget_usd` 0 means no budget; `athena_scan_limit_mb` counts mebibytes of one query.
    """

    experiment: str
    models: Models
    project: str
    owner: str
    region: str
    vector_store: VectorStoreKind
    layer_platform: LayerPlatform
    answer_concurrency: int
    log_retention_days: int
    report_schedule: bool
    alarm_email: str | None
    report_email: str | None
    monthly_budget_usd: int
    cost_anomalies: bool
    cost_exports: bool
    athena_scan_limit_mb: int
    auto_delete_objects: bool
    training_image: str
    hosting_image: str

    @property
    def arm64(self) -> bool:
        """Whether functions and layers are built for arm64; `host` follows this machine."""
        return self.layer_platform == "arm64" or platform.machine().lower() in ("aarch64", "arm64")

    def stack_name(self, concern: str) -> str:
        return f"ladder-{self.experiment}-{concern}"


def read(context: Mapping[str, Any], *, root: Path) -> Settings:
    """Settings from CDK context. A relative experiment folder is looked up below `root`.

    Raises:
        SettingsError: with the first thing that is wrong.
    """
    _refuse_unknown(context)
    experiment = _experiment(_text(context, "experiment"), root)
    models = experiment.models
    region = _text(context, "region")
    uris = images.load().get(region)
    if uris is None:
        known = ", ".join(images.load())
        raise SettingsError(
            f"region: no SageMaker images are known for {region!r}; use one of {known}, "
            "or add it to infra/fine_tuning/images.py and run `python -m infra.fine_tuning.images`"
        )
    if not GPU_INSTANCE.match(models.training_instance):
        raise SettingsError(
            f"experiment {experiment.name}: models.training_instance {models.training_instance!r} has no GPU; the "
            "training container exists for ml.g and ml.p instances only"
        )
    hosting = "hosting-gpu" if GPU_INSTANCE.match(models.hosting_instance) else "hosting-cpu"
    return Settings(
        experiment=experiment.name,
        models=models,
        project=_tag_value(context, "project"),
        owner=_tag_value(context, "owner"),
        region=region,
        vector_store=_choice(context, "vector-store", get_args(VectorStoreKind)),
        layer_platform=_choice(context, "layer-platform", get_args(LayerPlatform)),
        answer_concurrency=_whole(context, "answer-concurrency", 1, 1000),
        log_retention_days=_retention(context),
        report_schedule=_switch(context, "report-schedule"),
        alarm_email=_email(context, "alarm-email"),
        report_email=_email(context, "report-email"),
        monthly_budget_usd=_whole(context, "monthly-budget-usd", 0, 999_999),
        cost_anomalies=_switch(context, "cost-anomalies"),
        cost_exports=_exports(context, region),
        athena_scan_limit_mb=_whole(context, "athena-scan-limit-mb", 10, 999_999),
        auto_delete_objects=_switch(context, "auto-delete-objects"),
        training_image=uris["training"],
        hosting_image=uris[hosting],
    )


def _refuse_unknown(context: Mapping[str, Any]) -> None:
    """A mistyped key would otherwise be ignored. CDK's own keys hold a colon, a slash or an @."""
    for key in context:
        if key not in KEYS and not re.search(r"[:/@]", key):
            raise SettingsError(f"{key}: no such setting; there are {', '.join(KEYS)}")


def _experiment(folder: str, root: Path) -> Experiment:
    path = (root / folder) / "experiment.yaml"
    if not path.is_file():
        raise SettingsError(f"experiment: {path} does not exist; name a folder that holds experiment.yaml")
    try:
        experiment = json_codec.from_jsonable(Experiment, yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValueError) as error:
        raise SettingsError(f"{path}: {' '.join(str(error).split())}") from error
    if not EXPERIMENT_NAME.fullmatch(experiment.name):
        raise SettingsError(
            f"{path}: name {experiment.name!r} must be 1 to 18 lower-case letters, digits and single hyphens, "
            "starting with a letter"
        )
    return experiment


def _text(context: Mapping[str, Any], key: str) -> str:
    value = context.get(key)
    if value is None or not str(value).strip():
        raise SettingsError(f"{key}: not set; give it in cdk.json or as -c {key}=...")
    return str(value).strip()


def _tag_value(context: Mapping[str, Any], key: str) -> str:
    value = _text(context, key)
    if not TAG_VALUE.fullmatch(value):
        raise SettingsError(f"{key}: {value!r} is no tag value; use letters, digits and _.:/=+@- (at most 128)")
    return value


def _choice(context: Mapping[str, Any], key: str, choices: tuple[Any, ...]) -> Any:
    value = _text(context, key)
    if value not in choices:
        raise SettingsError(f"{key}: {value!r} is not one of {', '.join(choices)}")
    return value


def _whole(context: Mapping[str, Any], key: str, low: int, high: int) -> int:
    value = _text(context, key)
    if not re.fullmatch(r"[0-9]{1,6}", value) or not low <= int(value) <= high:
        raise SettingsError(f"{key}: {value!r} is no whole number from {low} to {high}")
    return int(value)


def _retention(context: Mapping[str, Any]) -> int:
    days = _whole(context, "log-retention-days", 1, RETENTION_DAYS[-1])
    if days not in RETENTION_DAYS:
        offered = ", ".join(map(str, RETENTION_DAYS))
        raise SettingsError(f"log-retention-days: CloudWatch Logs does not offer {days}; it offers {offered}")
    return days


def _switch(context: Mapping[str, Any], key: str) -> bool:
    value = _text(context, key).lower()
    if value in ("true", "on", "yes"):
        return True
    if value in ("false", "off", "no"):
        return False
    raise SettingsError(f"{key}: {value!r} is neither on nor off")


def _exports(context: Mapping[str, Any], region: str) -> bool:
    wanted = _switch(context, "cost-exports")
    if wanted and region != EXPORTS_REGION:
        raise SettingsError(
            f"cost-exports: Data Exports exist in {EXPORTS_REGION} only, and region is {region}; "
            f"switch them off or deploy to {EXPORTS_REGION}"
        )
    return wanted


def _email(context: Mapping[str, Any], key: str) -> str | None:
    value = str(context.get(key) or "").strip()
    if value and not EMAIL.fullmatch(value):
        raise SettingsError(f"{key}: {value!r} is no e-mail address; leave it empty for none")
    return value or None
