"""Least privilege: statements are added to a function's own role, and a wildcard must say why it is one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

import aws_cdk as cdk
import jsii
from aws_cdk import aws_iam as iam
from constructs import Construct, IValidation

from infra import checks


def allow(
    role: iam.Role,
    actions: Sequence[str],
    resources: Sequence[str],
    *,
    when: Mapping[str, Any] | None = None,
    wildcard: str | None = None,
) -> None:
    """Let `role` do `actions` on `resources`.

    `wildcard` is the reason for a `*` in a resource. Actions with a `*` are never granted.

    Raises:
        ValueError: a wildcard has no reason, or a reason has no wildcard.
    """
    if any("*" in action for action in actions):
        raise ValueError(f"{role.node.path}: name the actions instead of {', '.join(actions)}")
    _excuse(role, resources, wildcard)
    role.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=list(resources), conditions=when))


def attach(
    scope: Construct,
    id: str,
    role: iam.Role,
    statements: Mapping[tuple[str, ...], Sequence[str]],
    *,
    wildcard: str | None = None,
) -> None:
    """Attach to `role` a policy of its own (actions -> resources), made below `scope`.

    For resources that wait for the role's default policy: that one cannot name them.
    """
    policy = iam.Policy(
        scope,
        id,
        statements=[iam.PolicyStatement(actions=list(a), resources=list(r)) for a, r in statements.items()],
    )
    _excuse(policy, [resource for resources in statements.values() for resource in resources], wildcard)
    policy.attach_to_role(cast(iam.IRole, role))


def service_role(scope: Construct, id: str, service: str, description: str) -> iam.Role:
    """Return a role that only `service` may take on, and only for this account."""
    own = {"StringEquals": {"aws:SourceAccount": cdk.Stack.of(scope).account}}
    return iam.Role(scope, id, assumed_by=iam.ServicePrincipal(service, conditions=own), description=description)


def acknowledge_wildcard(scope: Construct, resources: Sequence[str], reason: str) -> None:
    """Say why the statements below `scope` name resources with a `*`, which were put there by CDK."""
    scope.node.add_validation(_Excuse(scope, [resource for resource in resources if "*" in resource], reason))


def _excuse(scope: Construct, resources: Sequence[str], reason: str | None) -> None:
    starred = [resource for resource in resources if "*" in resource]
    if bool(starred) != bool(reason):
        what = f"{', '.join(starred)} needs a reason" if starred else "a reason is given, but there is no wildcard"
        raise ValueError(f"{scope.node.path}: {what}")
    if reason:
        acknowledge_wildcard(scope, starred, reason)


@jsii.implements(IValidation)
class _Excuse:
    """Acknowledges wildcards when CDK validates the tree: after references between stacks got their final form, which
    the acknowledgement must repeat, and before the rules are checked. Finds nothing itself."""

    def __init__(self, scope: Construct, resources: Sequence[str], reason: str) -> None:
        self._scope = scope
        self._resources = resources
        self._reason = reason

    def validate(self) -> list[str]:
        stack = cdk.Stack.of(self._scope)
        for resource in self._resources:
            checks.acknowledge(self._scope, f"IAM5[Resource::{_as_reported(stack.resolve(resource))}]", self._reason)
        return []


def _as_reported(value: Any) -> str:
    """Return a resolved ARN as cdk-nag writes it: `<LogicalId.Attribute>` for references, JSON for other functions."""
    if isinstance(value, str):
        return value
    if "Ref" in value:
        return f"<{value['Ref']}>"
    if "Fn::GetAtt" in value:
        return f"<{'.'.join(value['Fn::GetAtt'])}>"
    if "Fn::Join" in value:
        separator, parts = value["Fn::Join"]
        return str(separator.join(_as_reported(part) for part in parts))
    return json.dumps(value, separators=(",", ":"))
