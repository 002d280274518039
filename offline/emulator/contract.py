"""The parts of the emulators that this package relies on: exact versions, and the private names that it wraps.

The versions are pinned in one place, `requirements/emulator.in`; this module reads them there. `python -m
offline.emulator.contract`, run by the emulator environment's interpreter, prints one line for each broken promise and
exits 1: an upgrade of an emulator fails with names, not with a traceback in the middle of a deployment.
"""

from __future__ import annotations

import importlib
import re
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType

PINS = Path(__file__).resolve().parents[2] / "requirements" / "emulator.in"

#: module -> the attributes that this package reads, calls or replaces.
PRIVATE_NAMES: dict[str, tuple[str, ...]] = {
    "ministack.app": (
        "SERVICE_HANDLERS",
        "SERVICE_NAME_ALIASES",
        "_ct_event_name",
        "app",
        "main",
    ),
    "ministack.core.lambda_runtime": ("Worker", "_PYTHON_WORKER_SCRIPT"),
    "ministack.core.responses": ("get_account_id", "get_region"),
    "ministack.services.bedrock": (
        "_create_inference_profile",
        "_delete_inference_profile",
        "_get_inference_profile",
        "_inference_profiles_apps",
        "_list_inference_profiles",
        "_tags",
    ),
    "ministack.services.budgets": ("_DISPATCH", "_budget_arn", "_budgets", "_tags"),
    "ministack.services.cloudformation.provisioners": (
        "_REPLACING_PROPERTIES",
        "_RESOURCE_HANDLERS",
        "_STACK_TAG_PROPERTY",
        "_physical_name",
        "_sfn_definition",
    ),
    "ministack.services.cloudformation.stacks": ("_runs_on_worker_thread",),
    "ministack.services.cloudwatch": ("_alarms", "_resource_tags"),
    "ministack.services.cloudwatch_logs": ("_log_groups",),
    "ministack.services.dynamodb": ("_tables", "_tags"),
    "ministack.services.lambda_svc": ("_execute_function_warm",),
    "ministack.services.opensearch": ("_domains", "_tags"),
    "ministack.services.opensearchserverless": (
        "_DETAIL_FIELDS",
        "_HANDLERS",
        "_Invalid",
        "_SUMMARY_FIELDS",
        "_access_policies",
        "_collection_endpoint",
        "_collections",
        "_resolve_tag_arn",
        "_tags",
    ),
    "ministack.services.s3": ("_bucket_tags", "_buckets", "_object_versions"),
    "ministack.services.stepfunctions": (
        "_AWS_SDK_ERROR_PREFIX",
        "_AWS_SDK_SERVICE_MAP",
        "_ExecutionError",
        "_add_event",
        "_call_lambda",
        "_nested_execution_failure",
        "_prefix_sdk_error",
        "_run_sub_machine",
        "_state_machines",
        "_tags",
        "_validate_definition_jsonata",
    ),
    "ministack.services.tagging": ("_COLLECTORS",),
    "moto.server": ("ThreadedMotoServer",),
}


def pins(path: Path = PINS) -> dict[str, str]:
    """Return package -> exact version, from the lines `name==version` of `requirements/emulator.in`."""
    lines = re.findall(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==([^\s;#]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {name.lower(): version for name, version in lines}


def version_problems(path: Path = PINS) -> list[str]:
    """Return one line for each pinned package that is absent or has another version."""
    problems = []
    for name, pinned in pins(path).items():
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            problems.append(f"{name}: not installed, {pinned} is pinned in requirements/emulator.in")
            continue
        if installed != pinned:
            problems.append(f"{name}: version {installed} is installed, {pinned} is pinned in requirements/emulator.in")
    return problems


def name_problems(names: dict[str, tuple[str, ...]] | None = None) -> list[str]:
    """Return one line for each module or attribute that this package uses and the installed emulators lack."""
    problems = []
    for module_name, attributes in (PRIVATE_NAMES if names is None else names).items():
        try:
            module: ModuleType = importlib.import_module(module_name)
        except ImportError as error:
            problems.append(f"{module_name}: cannot be imported ({error})")
            continue
        problems += [f"{module_name}.{name}: missing" for name in attributes if not hasattr(module, name)]
    return problems


def main() -> int:
    problems = version_problems() or name_problems()
    for problem in problems:
        sys.stderr.write(f"emulator environment: {problem}\n")
    if problems:
        sys.stderr.write("emulator environment: make it again with `make setup`\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
