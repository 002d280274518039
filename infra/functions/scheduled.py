"""A function that is called by the clock, with a queue for calls that could not be started or that failed."""

from __future__ import annotations

from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra import alarms, checks, permissions
from infra.functions.function import Function


def daily(hour: int, minute: int) -> scheduler.ScheduleExpression:
    """Return the schedule of a call once a day, at a time in UTC."""
    return scheduler.ScheduleExpression.cron(minute=str(minute), hour=str(hour), time_zone=cdk.TimeZone.ETC_UTC)


def every(minutes: int) -> scheduler.ScheduleExpression:
    """Return the schedule of a call every few minutes."""
    return scheduler.ScheduleExpression.rate(cdk.Duration.minutes(minutes))


class ScheduledCall(Construct):
    """Calls `function` with an empty event when `schedule` says; a retry sends the same event again.

    `what` says in a few words what the call does.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        function: Function,
        schedule: scheduler.ScheduleExpression,
        what: str,
        enabled: bool,
        alarm_topic: sns.ITopic,
    ) -> None:
        super().__init__(scope, id)
        dead_letters = sqs.Queue(
            self,
            "Undelivered",
            enforce_ssl=True,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            retention_period=cdk.Duration.days(14),
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        checks.acknowledge(dead_letters, "SQS3", "This queue is itself the dead-letter queue of the schedule.")
        # The scheduler only hands the call over: one that fails each time it is tried would be gone without a trace.
        function.function.configure_async_invoke(
            on_failure=destinations.SqsDestination(dead_letters), retry_attempts=2, max_event_age=cdk.Duration.hours(6)
        )
        # Schedules take no tags; their group does.
        group = scheduler.ScheduleGroup(self, "Schedules", removal_policy=cdk.RemovalPolicy.DESTROY)
        caller = permissions.service_role(self, "Role", "scheduler.amazonaws.com", f"Starts: {what}")
        permissions.acknowledge_wildcard(
            caller, [f"{function.arn}:*"], "CDK grants the function's versions beside the function itself."
        )
        scheduler.Schedule(
            self,
            "Schedule",
            schedule=schedule,
            target=targets.LambdaInvoke(
                function.function,
                dead_letter_queue=dead_letters,
                input=scheduler.ScheduleTargetInput.from_object({}),
                retry_attempts=3,
                max_event_age=cdk.Duration.hours(6),
                role=cast(iam.IRole, caller),
            ),
            schedule_group=group,
            enabled=enabled,
            description=what,
        )
        alarms.dead_letters(self, dead_letters, alarm_topic)
