"""The report: a function, a daily call of it, and an alarm when that call does not come through."""

from __future__ import annotations

from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_sqs as sqs

from infra import alarms, checks, permissions
from infra.settings import Settings
from infra.stack import LadderStack
from stacks.foundation import Foundation


class Reporting(LadderStack):
    """The daily call reports the newest run again, because bills arrive about a day after what they are for."""

    def __init__(self, scope: cdk.App, *, settings: Settings, foundation: Foundation) -> None:
        super().__init__(scope, "reporting", settings=settings, description="reports")
        self.report = foundation.function(
            self,
            "Report",
            handler="lambdas.reporting.handler.report",
            description="Writes the report of a run",
            memory_mb=1024,
            data=["cost_reports/data/*"],
        )
        foundation.results.allow_reports(self.report.role)
        letters = sqs.Queue(
            self,
            "Undelivered",
            enforce_ssl=True,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            retention_period=cdk.Duration.days(14),
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        checks.acknowledge(letters, "SQS3", "This queue is itself the dead-letter queue of the schedule.")
        # Schedules take no tags; their group does.
        group = scheduler.ScheduleGroup(self, "Schedules", removal_policy=cdk.RemovalPolicy.DESTROY)
        caller = permissions.service_role(self, "ScheduleRole", "scheduler.amazonaws.com", "Starts the daily report")
        permissions.excuse(
            caller, [f"{self.report.arn}:*"], "CDK grants the function's versions beside the function itself."
        )
        scheduler.Schedule(
            self,
            "Daily",
            schedule=scheduler.ScheduleExpression.cron(minute="30", hour="6", time_zone=cdk.TimeZone.ETC_UTC),
            target=targets.LambdaInvoke(
                self.report.function,
                dead_letter_queue=letters,
                input=scheduler.ScheduleTargetInput.from_object({}),
                retry_attempts=3,
                max_event_age=cdk.Duration.hours(6),
                role=cast(iam.IRole, caller),
            ),
            schedule_group=group,
            enabled=settings.report_schedule,
            description=f"Daily report of {settings.experiment}",
        )
        alarms.function_errors(self, [self.report.function], foundation.alarms.topic)
        alarms.letters(self, letters, foundation.alarms.topic)
        self.output("ReportFunctionName", self.report.function.function_name, "Writes the report of a run")
