"""The settings of a deployment: one frozen `Settings`, read from `cdk.json` and `-c key=value` flags.

Reading needs no AWS call: the account stays a CloudFormation token, the models come from the experiment's folder and
the container images from `images.json`. Whatever is wrong ends as one `SettingsError` line before any stack exists.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from contracts import json_codec
from contracts.experiment import Experiment, Models
from infra.fine_tuning import images

VectorStoreKind = Literal["nextgen", "classic", "domain"]
LayerPlatform = Literal["arm64", "host"]
#: Reads one setting from the context, or raises SettingsError.
Parser = Callable[[Mapping[str, Any], str], Any]

#: Data Exports can be made in this region only, whatever region their bucket is in.
EXPORTS_REGION = "us-east-1"
#: The retention periods that CloudWatch Logs offers, in days.
RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827)
#: OpenSearch Serverless allows 32 characters, of which `ladder-` and the suffixes take 14.
EXPERIMENT_NAME = re.compile(r"(?=.{1,18}$)[a-z](?:-?[a-z0-9])*")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
GPU_INSTANCE = re.compile(r"ml\.(g|p)\d")


class SettingsError(ValueError):
    """A setting is missing or wrong; the message is one line that names it and says what is accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The checked settings. `experiment` is its name, `models` are those of its `experiment.yaml`.

    `monthly_budget_usd` 0 means no budget; `athena_scan_limit_mb` counts mebibytes of one query.
    The guard tears everything down `lifetime_hours` after the last deployment, and warns of endpoints older than
    `endpoint_hours`.
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
    guard: bool
    guard_dry_run: bool
    lifetime_hours: int
    endpoint_hours: int
    training_image: str
    hosting_image: str

    @property
    def arm64(self) -> bool:
        """Whether functions and layers are built for arm64; `host` follows this machine."""
        return self.layer_platform == "arm64" or platform.machine().lower() in ("aarch64", "arm64")

    def stack_name(self, concern: str) -> str:
        return f"ladder-{self.experiment}-{concern}"


def read(context: Mapping[str, Any], *, root: Path) -> Settings:
    """Return the settings of a CDK context. A relative experiment folder is looked up below `root`.

    Raises:
        SettingsError: with the first thing that is wrong.
    """
    _refuse_unknown(context)
    name, models = _experiment(_text(context, "experiment"), root)
    values = {key: parse(context, key) for key, parse in PARSERS.items()}
    region = values["region"]
    if values["cost-exports"] and region != EXPORTS_REGION:
        raise SettingsError(
            f"cost-exports: must be off outside of {EXPORTS_REGION}, where Data Exports exist "
            f"(got on, region {region}); switch them off or deploy to {EXPORTS_REGION}"
        )
    if not GPU_INSTANCE.match(models.training_instance):
        raise SettingsError(
            f"experiment {name}: models.training_instance {models.training_instance!r} has no GPU; the "
            "training container exists for ml.g and ml.p instances only"
        )
    uris = images.load()[region]
    return Settings(
        experiment=name,
        models=models,
        training_image=uris["training"],
        hosting_image=uris["hosting-gpu" if GPU_INSTANCE.match(models.hosting_instance) else "hosting-cpu"],
        **{key.replace("-", "_"): value for key, value in values.items()},
    )


def _refuse_unknown(context: Mapping[str, Any]) -> None:
    """Refuse mistyped keys, which would otherwise be ignored. CDK's own keys hold a colon, a slash or an @."""
    known = ("experiment", *PARSERS)
    for key in context:
        if key not in known and not re.search(r"[:/@]", key):
            raise SettingsError(f"{key}: unknown setting; the settings are {', '.join(known)}")


def _experiment(folder: str, root: Path) -> tuple[str, Models]:
    """Return name and models of an experiment: all that a deployment needs of it."""
    path = (root / folder) / "experiment.yaml"
    if not path.is_file():
        raise SettingsError(f"experiment: {path} does not exist; name a folder that holds experiment.yaml")
    try:
        written = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(written, dict):
            raise ValueError("holds no settings; write at least `name: my-experiment`")
        unknown = sorted(set(written) - {field.name for field in fields(Experiment)})
        if unknown:
            raise ValueError(f"unknown field {unknown[0]!r}")
        if "name" not in written:
            raise ValueError("field 'name' is missing")
        models = json_codec.from_jsonable(Models, written.get("models") or {})
    except (yaml.YAMLError, ValueError) as error:
        raise SettingsError(f"{path}: {' '.join(str(error).split())}") from error
    name = written["name"]
    if not isinstance(name, str) or not EXPERIMENT_NAME.fullmatch(name):
        raise SettingsError(
            f"{path}: name {name!r} must be 1 to 18 lower-case letters, digits and single hyphens, "
            "starting with a letter"
        )
    return name, models


def _text(context: Mapping[str, Any], key: str) -> str:
    value = context.get(key)
    if value is None or not str(value).strip():
        raise SettingsError(f"{key}: not set; give it in cdk.json or as -c {key}=...")
    return str(value).strip()


def _region(context: Mapping[str, Any], key: str) -> str:
    region = _text(context, key)
    if region not in images.load():
        raise SettingsError(
            f"{key}: must be one of {', '.join(images.load())} (got {region!r}); to add a region, see "
            "infra/fine_tuning/images.py"
        )
    return region


def _email(context: Mapping[str, Any], key: str) -> str | None:
    value = str(context.get(key) or "").strip()
    if value and not EMAIL.fullmatch(value):
        raise SettingsError(f"{key}: must be an e-mail address, or empty for none (got {value!r})")
    return value or None


def _parser(must: str, convert: Callable[[str], Any]) -> Parser:
    """Return a parser of a setting that must be set. `convert` returns None for a text that is refused."""

    def parse(context: Mapping[str, Any], key: str) -> Any:
        text = _text(context, key)
        value = convert(text)
        if value is None:
            raise SettingsError(f"{key}: must be {must} (got {text!r})")
        return value

    return parse


def _one_of(choices: Iterable[Any]) -> Parser:
    known = {str(choice): choice for choice in choices}
    return _parser(f"one of {', '.join(known)}", known.get)


def _whole(low: int, high: int) -> Parser:
    return _parser(
        f"a whole number from {low} to {high}",
        lambda text: int(text) if re.fullmatch(r"[0-9]{1,6}", text) and low <= int(text) <= high else None,
    )


TAG_VALUE = _parser(
    "1 to 128 letters, digits and _.:/=+@-",
    # What AWS accepts without the space, so that values survive shells and file names.
    lambda text: text if re.fullmatch(r"[A-Za-z0-9_.:/=+@-]{1,128}", text) else None,
)
SWITCHES = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}
SWITCH = _parser("on or off", lambda text: SWITCHES.get(text.lower()))

#: Setting -> what reads it. `experiment` names a folder, which `read` looks into first.
PARSERS: Mapping[str, Parser] = {
    "project": TAG_VALUE,
    "owner": TAG_VALUE,
    "region": _region,
    "vector-store": _one_of(get_args(VectorStoreKind)),
    "layer-platform": _one_of(get_args(LayerPlatform)),
    "answer-concurrency": _whole(1, 1000),
    "log-retention-days": _one_of(RETENTION_DAYS),
    "report-schedule": SWITCH,
    "alarm-email": _email,
    "report-email": _email,
    "monthly-budget-usd": _whole(0, 999_999),
    "cost-anomalies": SWITCH,
    "cost-exports": SWITCH,
    "athena-scan-limit-mb": _whole(10, 999_999),
    "auto-delete-objects": SWITCH,
    "guard": SWITCH,
    "guard-dry-run": SWITCH,
    "lifetime-hours": _whole(1, 8760),
    "endpoint-hours": _whole(1, 8760),
}
