"""The stacks are built once for the whole session, as `app.py` builds them; every test reads what comes out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from infra_templates import QUICK, Templates, default_context

# Read by CDK's process when it starts: the gate asks for the strict validation.
os.environ["CDK_VALIDATION"] = "true"


@pytest.fixture(scope="session")
def synth(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Templates]:
    """Build the stacks in this process with some settings changed: `synth(**DOMAIN)`. A synth takes seconds."""
    import app
    from infra import checks

    made: dict[str, Templates] = {}
    acknowledge = checks.acknowledge

    def build_all(**changes: Any) -> Templates:
        acknowledged: list[tuple[str, str]] = []

        def recording(scope: Any, rule: str, reason: str) -> None:
            acknowledged.append((f"{checks.PACK}::{checks.PACK}-{rule}", reason))
            acknowledge(scope, rule, reason)

        folder = tmp_path_factory.mktemp("assembly")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(checks, "acknowledge", recording)
            app.synth({**default_context(), **QUICK, **changes}, str(folder))
        artifacts = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["artifacts"]
        stacks = [name for name, artifact in artifacts.items() if artifact["type"] == "aws:cloudformation:stack"]
        return Templates(
            by_concern={
                name.removeprefix("ladder-fixture-"): json.loads(
                    (folder / f"{name}.template.json").read_text(encoding="utf-8")
                )
                for name in stacks
            },
            folder=folder,
            acknowledged=tuple(acknowledged),
        )

    def run(**changes: Any) -> Templates:
        key = json.dumps(changes, sort_keys=True)
        if key not in made:
            made[key] = build_all(**changes)
        return made[key]

    return run


@pytest.fixture(scope="session")
def templates(synth: Callable[..., Templates]) -> Templates:
    return synth()
