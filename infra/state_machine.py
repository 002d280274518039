"""A Step Functions state machine with its role and log group, from a definition in Amazon States Language."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, cast

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra import checks, permissions
from infra.functions.function import Function, log_group
from infra.settings import Settings

#: AWS: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-V2-CloudWatchLogs.html
VENDED_LOGS = "/aws/vendedlogs/states/"


class Machine(Construct):
    """`functions` are the placeholders of functions that the machine may invoke; `values` are the others.

    Executions have no time limit: one would end them without the clean-up that a machine may need.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: Settings,
        definition: Mapping[str, Any],
        functions: Mapping[str, Function],
        values: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(scope, id)
        substitutions = {**{name: function.arn for name, function in functions.items()}, **(values or {})}
        text = json.dumps(definition, indent=1)
        _check_placeholders(self.node.path, text, substitutions)
        self.role = permissions.service_role(self, "Role", "states.amazonaws.com", f"State machine of {self.node.path}")
        for function in functions.values():
            permissions.allow(self.role, ["lambda:InvokeFunction"], [function.arn])
        self.machine = sfn.StateMachine(
            self,
            "Machine",
            definition_body=sfn.DefinitionBody.from_string(text),
            definition_substitutions=substitutions or None,
            role=cast(iam.IRole, self.role),
            state_machine_type=sfn.StateMachineType.STANDARD,
            logs=sfn.LogOptions(
                destination=log_group(self, "Logs", settings, name=_log_group_name(self)),
                level=sfn.LogLevel.ALL,
                include_execution_data=False,
            ),
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        checks.acknowledge(
            self.machine,
            "SF2",
            "Every question's latency is measured and kept by the functions; traces would add a charge that belongs "
            "to no approach.",
        )
        checks.acknowledge(
            self.role,
            "IAM5[Resource::*]",
            "The log delivery actions that Step Functions needs for its own logging take no resource.",
        )
        if '"DISTRIBUTED"' in text:
            self._allow_children()

    @property
    def arn(self) -> str:
        return self.machine.state_machine_arn

    @property
    def executions_arn(self) -> str:
        """ARN of the machine's executions, without the colon and the execution's name at its end."""
        return cdk.Stack.of(self).format_arn(
            service="states",
            resource="execution",
            resource_name=self.machine.state_machine_name,
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )

    def _allow_children(self) -> None:
        """Let a Distributed Map start its children, which are executions of the machine itself.

        The policy is attached from outside the role: the machine waits for the role's own policy, which cannot name it.
        """
        permissions.attach(
            self,
            "ChildrenPolicy",
            self.role,
            {
                ("states:StartExecution",): [self.arn],
                ("states:DescribeExecution", "states:StopExecution"): [
                    f"{self.executions_arn}/*",
                    f"{self.executions_arn}:*",
                ],
            },
            wildcard="Executions get their names when they start; the machine is named.",
        )


def _log_group_name(machine: Construct) -> str:
    """Return a name below the prefix that one entry of the account's log-delivery policy is enough for.

    Outside of it Step Functions adds an entry for each group to a policy of 5,120 characters, where it stays for ever
    (aws/aws-cdk#28900). The end, from the id of the stack, is another one for each deployment: a group that came
    back after a teardown does not block the next.
    """
    stack = cdk.Stack.of(machine)
    unique = cdk.Fn.select(0, cdk.Fn.split("-", cdk.Fn.select(2, cdk.Fn.split("/", stack.stack_id))))
    return f"{VENDED_LOGS}{stack.stack_name}-{machine.node.id}-{unique}"


def _check_placeholders(path: str, text: str, given: Mapping[str, str]) -> None:
    wanted = set(re.findall(r"\$\{(\w+)\}", text))
    if wanted != set(given):
        raise ValueError(f"{path}: placeholders {sorted(wanted)} of the definition and values {sorted(given)} differ")
