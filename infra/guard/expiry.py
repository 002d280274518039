"""The parameter that holds when the deployment ends, once `ladder extend` has moved it."""

from __future__ import annotations

from aws_cdk import aws_ssm as ssm
from constructs import Construct

from lambdas.guard.watch import NOT_EXTENDED


def parameter(scope: Construct, id: str) -> ssm.StringParameter:
    """Return the parameter as it is before it is moved: a deployment does not touch what was written since."""
    return ssm.StringParameter(
        scope,
        id,
        string_value=NOT_EXTENDED,
        description="When the deployment is torn down (UTC), once `ladder extend` has moved it",
    )
