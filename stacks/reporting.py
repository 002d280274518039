"""The reports: a function, its daily call, and who is told what the experiment costs."""

from __future__ import annotations

import aws_cdk as cdk

from infra import alarms, permissions
from infra.functions.daily import DailyCall
from infra.reporting import spending
from infra.reporting.spending import ReportTopic
from infra.settings import Settings
from infra.stack import LadderStack
from stacks.foundation import Foundation


class Reporting(LadderStack):
    """One function writes the report of a run, and every day what AWS billed: a bill arrives about a day late."""

    def __init__(self, scope: cdk.App, *, settings: Settings, foundation: Foundation) -> None:
        super().__init__(scope, "reporting", settings=settings, description="reports")
        reports = ReportTopic(self, "Reports", settings=settings)
        self.report = foundation.function(
            self,
            "Report",
            handler="lambdas.spend_report.handler.report",
            description="Writes the report of a run, or of what was billed",
            environment={
                "REPORT_TOPIC_ARN": reports.topic.topic_arn,
                "MONTHLY_BUDGET_USD": str(settings.monthly_budget_usd),
            },
            memory_mb=1024,
            data=["cost_reports/prices/data/*"],
        )
        foundation.results.allow_reports(self.report.role)
        spending.allow_reading(self.report.role)
        permissions.allow(self.report.role, ["sns:Publish"], [reports.topic.topic_arn])
        DailyCall(
            self,
            "Daily",
            function=self.report,
            # After the night's refresh of billing data.
            hour=6,
            minute=30,
            what=f"Daily report of {settings.experiment}",
            enabled=settings.report_schedule,
            alarm_topic=foundation.alarms.topic,
        )
        if settings.monthly_budget_usd:
            spending.monthly_budget(self, settings=settings, reports=reports)
        if settings.cost_anomalies:
            spending.anomalies(self, settings=settings, reports=reports)
        alarms.function_errors(self, [self.report.function], foundation.alarms.topic)
        self.output("ReportFunctionName", self.report.function.function_name, "Writes reports")
        self.output("ReportTopicArn", reports.topic.topic_arn, "Where spend reports arrive; subscribe to it")
