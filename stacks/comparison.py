"""The run as a whole: every approach in turn, then the comparison and the report."""

from __future__ import annotations

import aws_cdk as cdk

from infra import alarms, permissions
from infra.comparison import state_machine as comparison
from infra.settings import Settings
from infra.stack import APPROACHES, LadderStack
from infra.state_machine import Machine
from stacks.foundation import Foundation
from stacks.reporting import Reporting

NAMED_LATER = "Executions get their names when they start; the machine is named."


class Comparison(LadderStack):
    """`machines` are those of the approaches, by approach."""

    def __init__(
        self,
        scope: cdk.App,
        *,
        settings: Settings,
        foundation: Foundation,
        reporting: Reporting,
        machines: dict[str, Machine],
    ) -> None:
        super().__init__(scope, "comparison", settings=settings, description="the run as a whole")
        summarise = foundation.function(
            self,
            "Summarise",
            handler="lambdas.comparison.handler.summarise",
            description="Compares the approaches in pairs and adds what the orchestration used",
            memory_mb=1024,
        )
        foundation.results.allow_write(summarise.role, *APPROACHES)
        self.machine = Machine(
            self,
            "Run",
            settings=settings,
            definition=comparison.definition(),
            functions={"Summarise": summarise, "Report": reporting.run_report},
            values={"RunTable": foundation.results.table.table_name}
            | {
                key: value
                for approach, machine in machines.items()
                for key, value in (
                    (f"{comparison.placeholder(approach)}Machine", machine.arn),
                    (f"{comparison.placeholder(approach)}Executions", machine.executions_arn),
                )
            },
        )
        permissions.allow(self.machine.role, ["dynamodb:UpdateItem"], [foundation.results.table.table_arn])
        children = list(machines.values())
        permissions.allow(self.machine.role, ["states:StartExecution"], [child.arn for child in children])
        permissions.allow(
            self.machine.role,
            ["states:DescribeExecution", "states:StopExecution"],
            [f"{child.executions_arn}:*" for child in children],
            wildcard=NAMED_LATER,
        )
        # Step Functions waits for a child by this rule of its own, which it makes itself.
        permissions.allow(
            self.machine.role,
            ["events:DescribeRule", "events:PutRule", "events:PutTargets"],
            [
                f"arn:{self.partition}:events:{self.region}:{self.account}:"
                "rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"
            ],
        )
        # Counts what the executions did. The own machine's ARNs are granted apart: it waits for its role's policy.
        history = ("states:DescribeStateMachineForExecution", "states:GetExecutionHistory", "states:ListMapRuns")
        permissions.attach(
            self,
            "HistoryPolicy",
            summarise.role,
            {
                history: [f"{machine.executions_arn}:*" for machine in (*children, self.machine)],
                ("states:DescribeMapRun",): [
                    f"arn:{self.partition}:states:{self.region}:{self.account}:mapRun:"
                    f"{machine.machine.state_machine_name}/*"
                    for machine in children
                ],
            },
            wildcard=NAMED_LATER,
        )
        alarms.executions(self, self.machine.machine, foundation.alarms.topic)
        alarms.function_errors(self, [summarise.function], foundation.alarms.topic)
        self.output("StateMachineArn", self.machine.arn, "Runs all approaches and reports; start it with a run")
