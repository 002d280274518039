"""The stack that all stacks of an experiment are: its name, its region, its tags."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from contracts.experiment import APPROACHES
from contracts.keys import SHARED
from infra import tags
from infra.settings import Settings

__all__ = ["APPROACHES", "LadderStack"]


class LadderStack(cdk.Stack):
    """`ladder-<experiment>-<concern>`. The region is fixed by the settings, the account by who deploys."""

    def __init__(
        self, scope: Construct, concern: str, *, settings: Settings, description: str, approach: str = SHARED
    ) -> None:
        super().__init__(
            scope,
            settings.stack_name(concern),
            env=cdk.Environment(region=settings.region),
            description=f"FM cost ladder, {settings.experiment}: {description}",
            # On the stack too, so that what CloudFormation makes on the side inherits them.
            tags=tags.values(settings, approach),
        )
        self.settings = settings
        self.approach = approach
        tags.apply(self, settings, approach)

    def output(self, name: str, value: str, description: str) -> None:
        """Add an output, a value that people and `ladder` look up."""
        cdk.CfnOutput(self, name, value=value, description=description)
