"""The templates of all stacks, as tests look at them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FIXTURE = "tests/infra/fixtures/experiment"
#: Layers are not built: what is tested here does not depend on them.
QUICK = {"aws:cdk:bundling-stacks": [], "experiment": FIXTURE, "cost-anomalies": "on"}
CONCERNS = ("guard", "foundation", "prompting", "rag", "fine-tuning", "reporting", "comparison")
#: What the tests synthesize beside the default. Each takes seconds, so a test of a setting shares one of these.
EXPORTS: dict[str, Any] = {"cost-exports": "on"}
DOMAIN: dict[str, Any] = {**EXPORTS, "vector-store": "domain"}
#: Everything otherwise than by default: the least that can be had, and addresses.
CHANGED: dict[str, Any] = {
    **EXPORTS,
    "vector-store": "classic",
    "monthly-budget-usd": 0,
    "cost-anomalies": "off",
    "report-email": "reports@b.org",
    "report-schedule": "off",
    "alarm-email": "alarms@b.org",
    "athena-scan-limit-mb": 10,
    "log-retention-days": 1,
    "answer-concurrency": "7",
    "auto-delete-objects": "false",
}

Template = dict[str, Any]


@dataclass(frozen=True)
class Templates:
    """Templates by concern, as synthesized."""

    by_concern: Mapping[str, Template]
    #: The assembly.
    folder: Path
    #: (id, reason) of the exceptions that the code asked for.
    acknowledged: tuple[tuple[str, str], ...]

    def resources(self, kind: str | None = None) -> Iterator[tuple[str, Template]]:
        """(`<concern>/<logical id>`, resource) of all stacks, of one type if asked for."""
        for concern, template in self.by_concern.items():
            for name, resource in template["Resources"].items():
                if kind in (None, resource["Type"]):
                    yield f"{concern}/{name}", resource

    def definitions(self) -> dict[str, Template]:
        """Concern (or `sweep`) -> the definition of its state machine, placeholders still in it."""
        return {
            "sweep" if "/Sweep" in name else name.split("/")[0]: json.loads(machine["Properties"]["DefinitionString"])
            for name, machine in self.resources("AWS::StepFunctions::StateMachine")
        }


def default_context() -> dict[str, Any]:
    context: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    return context


def tags_of(resource: Template) -> dict[str, str]:
    """Tags under whatever name the type has for them."""
    properties = resource["Properties"]
    found = properties.get("Tags") or properties.get("ResourceTags") or []
    if isinstance(found, dict):
        return dict(found)
    return {tag["Key"]: tag["Value"] for tag in found}


def flat(value: Any) -> str:
    if isinstance(value, str):
        return value
    ((function, argument),) = value.items()
    if function == "Fn::Join":
        return str(argument[0].join(map(flat, argument[1])))
    if function == "Fn::GetStackOutput":
        return f"<{argument['OutputName']}>"
    return f"<{argument if isinstance(argument, str) else '.'.join(argument)}>"


def statements(templates: Templates) -> Iterator[tuple[str, Template]]:
    for name, resource in templates.resources():
        if resource["Type"] == "AWS::IAM::Policy":
            documents = [resource["Properties"]["PolicyDocument"]]
        elif resource["Type"] == "AWS::IAM::Role":
            documents = [p["PolicyDocument"] for p in resource["Properties"].get("Policies", [])]
        else:
            continue
        for document in documents:
            for statement in document["Statement"]:
                yield name, statement


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def granted(templates: Templates) -> Iterator[tuple[str, str, str]]:
    """(policy, action, flattened resource)."""
    for name, statement in statements(templates):
        assert statement["Effect"] == "Allow"
        for action in as_list(statement["Action"]):
            for resource in as_list(statement["Resource"]):
                yield name, action, flat(resource)


def only(templates: Templates, kind: str) -> Template:
    """The one resource of a type."""
    ((_, resource),) = templates.resources(kind)
    return resource


def only_in(concern: str, templates: Templates, kind: str) -> Template:
    """The one resource of a type in a stack."""
    ((_, resource),) = [r for r in templates.resources(kind) if r[0].startswith(f"{concern}/")]
    return resource
