"""The CDK application: `cdk deploy --all`, `cdk destroy --all`. Settings: cdk.json and `-c key=value` flags."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk

from infra import checks, settings
from infra.functions.packaging import PackagingError
from stacks.ladder import build

ROOT = Path(__file__).resolve().parent


def synth(context: Mapping[str, Any] | None = None, outdir: str | None = None) -> None:
    """Write the templates of all stacks. The CDK command line gives context and folder by the environment.

    Raises:
        SettingsError, PackagingError: one line says what is wrong.
        RuntimeError: a template breaks a rule; CDK has printed which.
    """
    app = cdk.App(context=context, outdir=outdir)
    checks.attach(app)
    build(app, settings.read(app.node.get_all_context(), root=ROOT))
    app.synth()


def main() -> None:
    try:
        if "CDK_CONTEXT_JSON" in os.environ:
            synth()
        else:
            # Run by itself, `python app.py` does what `cdk synth` does.
            config = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))
            synth(config["context"], str(ROOT / config["output"]))
    except (settings.SettingsError, PackagingError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
