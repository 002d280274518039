"""The stacks are built once for the whole session; every test reads the templates that come out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from infra_templates import QUICK, ROOT, Templates, default_context

# Read by CDK's process when it starts. The built-in validation takes 4 s, and the gate runs it in a process of its own.
os.environ["CDK_VALIDATION"] = "false"


@pytest.fixture(scope="session")
def synth(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Templates]:
    """Build the stacks in this process with some settings changed: `synth(**{"vector-store": "domain"})`."""
    import aws_cdk as cdk

    from infra import settings
    from stacks.ladder import build

    made: dict[str, Templates] = {}

    def build_all(**changes: Any) -> Templates:
        context = {**default_context(), **QUICK, **changes}
        out = tmp_path_factory.mktemp("assembly")
        app = cdk.App(context=context, outdir=str(out))
        stacks = build(app, settings.read(context, root=ROOT))
        app.synth()
        return Templates(
            {
                stack.stack_name.removeprefix("ladder-fixture-"): json.loads(
                    (out / stack.template_file).read_text(encoding="utf-8")
                )
                for stack in stacks
            }
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
