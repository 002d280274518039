"""The guard: ends what was forgotten. Deployed first, destroyed last; `-c guard=off` leaves it out."""

from __future__ import annotations

import aws_cdk as cdk

from infra import alarms, permissions
from infra.alarms import AlarmTopic
from infra.functions.function import Function
from infra.functions.scheduled import ScheduledCall, every
from infra.guard import expiry as expiries
from infra.guard import permissions as guarding
from infra.guard import state_machine
from infra.settings import Settings
from infra.stack import LadderStack
from infra.state_machine import Machine

EVERY_MINUTES = 15
PRICES = "cost_reports/prices/data/*"


class Guard(LadderStack):
    """It knows the other stacks by their tags only, so that it can outlive them."""

    def __init__(self, scope: cdk.App, *, settings: Settings) -> None:
        super().__init__(scope, "guard", settings=settings, description="expiry, spend limit, old endpoints")
        topic = AlarmTopic(self, "Alarms", settings=settings).topic
        expiry = expiries.parameter(self, "Expiry")
        told = {
            "PROJECT": settings.project,
            "EXPERIMENT": settings.experiment,
            "DRY_RUN": "on" if settings.guard_dry_run else "off",
        }
        tear_down = Function(
            self,
            "TearDown",
            settings=settings,
            handler="lambdas.guard.handler.tear_down",
            description="Makes the next move of a teardown",
            environment=told,
            timeout=cdk.Duration.minutes(5),
        )
        self.machine = Machine(
            self,
            "Teardown",
            settings=settings,
            definition=state_machine.definition(),
            functions={"TearDown": tear_down},
            values={"GuardStack": self.stack_name},
        )
        self.watch = Function(
            self,
            "Watch",
            settings=settings,
            handler="lambdas.guard.handler.watch",
            description="Looks for what has expired, spends too much or runs too long",
            environment={
                **told,
                "LIFETIME_HOURS": str(settings.lifetime_hours),
                "ENDPOINT_HOURS": str(settings.endpoint_hours),
                "EVERY_MINUTES": str(EVERY_MINUTES),
                "SPEND_LIMIT_USD": str(settings.monthly_budget_usd),
                "EXPIRY_PARAMETER": expiry.parameter_name,
                "TOPIC_ARN": topic.topic_arn,
                "TEARDOWN_ARN": self.machine.arn,
            },
            timeout=cdk.Duration.minutes(5),
            data=[PRICES],
        )
        self._roles = (tear_down.role, self.watch.role)
        for role in self._roles:
            guarding.allow_endpoints(role, settings)
        guarding.allow_prices_of_endpoints(self.watch.role, settings)
        guarding.allow_deleting(tear_down.role, settings, "*")
        guarding.allow_deleting(self.machine.role, settings, "guard")
        permissions.allow(self.watch.role, ["ssm:GetParameter"], [expiry.parameter_arn])
        permissions.allow(self.watch.role, ["sns:Publish"], [topic.topic_arn])
        permissions.allow(self.watch.role, ["states:StartExecution"], [self.machine.arn])
        ScheduledCall(
            self,
            "Often",
            function=self.watch,
            schedule=every(EVERY_MINUTES),
            what=f"Guard of {settings.experiment}",
            enabled=True,
            alarm_topic=topic,
        )
        alarms.executions(self, self.machine.machine, topic)
        alarms.function_errors(self, [tear_down.function, self.watch.function], topic)
        self.output("ExpiryParameterName", expiry.parameter_name, "When the deployment is torn down, once extended")
        self.output("WatchFunctionName", self.watch.function.function_name, "Looks what has to be ended")
        self.output("TeardownMachineArn", self.machine.arn, "Takes the whole deployment down")

    def allow_ending(self, stack: LadderStack, machine: Machine) -> None:
        """Let the guard stop executions of a machine of `stack`, by a policy that goes with that stack."""
        for number, role in enumerate(self._roles):
            permissions.attach(
                stack,
                f"Guard{number}Policy",
                role,
                {
                    ("states:ListExecutions",): [machine.arn],
                    ("states:StopExecution",): [f"{machine.executions_arn}:*"],
                },
                wildcard="Executions get their names when they start; the machine is named.",
            )
