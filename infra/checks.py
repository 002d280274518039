"""The rules that every synth holds the templates against, and the only way to be excused from one."""

from __future__ import annotations

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks
from constructs import IConstruct

PACK = "AwsSolutions"


def attach(app: cdk.App) -> None:
    """Check every stack of `app` with cdk-nag; a finding that is not acknowledged makes the synth fail."""
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))


def acknowledge(scope: IConstruct, rule: str, reason: str) -> None:
    """Excuse `scope` and what is below it from `rule`, for instance `S1` or `IAM5[Resource::*]`.

    The id carries the pack's name: without it the report would not list the exception.
    """
    cdk.Validations.of(scope).acknowledge(cdk.Acknowledgment(id=f"{PACK}::{PACK}-{rule}", reason=reason))
