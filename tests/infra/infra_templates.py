"""The templates of all stacks, as tests look at them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FIXTURE = "tests/infra/fixtures/experiment"
#: Layers are not built, built-in validation is left to the gate: what is tested here does not depend on either.
QUICK = {"aws:cdk:bundling-stacks": [], "experiment": FIXTURE}
CONCERNS = ("foundation", "prompting", "rag", "fine-tuning", "reporting", "comparison")

Template = dict[str, Any]


@dataclass(frozen=True)
class Templates:
    """Templates by concern, as synthesized."""

    by_concern: Mapping[str, Template]

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
