"""The CDK application: `cdk deploy --all`, `cdk destroy --all`. Settings are in cdk.json and in `-c key=value` flags."""

from __future__ import annotations

import sys
from pathlib import Path

import aws_cdk as cdk

from infra import checks, settings
from infra.packaging import PackagingError
from stacks.ladder import build


def main() -> None:
    app = cdk.App()
    checks.attach(app)
    try:
        build(app, settings.read(app.node.get_all_context(), root=Path(__file__).parent))
    except (settings.SettingsError, PackagingError) as error:
        sys.exit(f"error: {error}")
    app.synth()


if __name__ == "__main__":
    main()
