"""The reports: of a run, and of what AWS billed. A daily call of the second, and who is told."""

from __future__ import annotations

import aws_cdk as cdk

from infra import alarms, permissions
from infra.functions.function import Function
from infra.functions.scheduled import ScheduledCall, daily
from infra.reporting import spending
from infra.reporting.spending import ReportTopic
from infra.settings import Settings
from infra.stack import LadderStack
from stacks.foundation import Foundation

PRICES = "cost_reports/prices/data/*"


class Reporting(LadderStack):
    """One function writes the report of a run, another every day what AWS billed: a bill arrives about a day late."""

    def __init__(self, scope: cdk.App, *, settings: Settings, foundation: Foundation) -> None:
        super().__init__(scope, "reporting", settings=settings, description="reports")
        self.run_report = foundation.function(
            self,
            "RunReport",
            handler="lambdas.run_report.handler.report",
            description="Writes the report of a run",
            memory_mb=1024,
            data=[PRICES],
        )
        foundation.results.allow_reports(self.run_report.role, below=spending.RUN_REPORTS)
        reports = ReportTopic(self, "Reports", settings=settings)
        # Not `foundation.function`: it reads no answers and writes to no run.
        spend_report = Function(
            self,
            "SpendReport",
            settings=settings,
            handler="lambdas.spend_report.handler.report",
            description="Writes the report of what was billed",
            environment={
                **foundation.environment_for(self.approach),
                "REPORT_TOPIC_ARN": reports.topic.topic_arn,
                "MONTHLY_BUDGET_USD": str(settings.monthly_budget_usd),
            },
            memory_mb=1024,
            data=[PRICES],
        )
        foundation.results.allow_read(spend_report.role, *spending.READ_OF_RUNS)
        foundation.results.allow_reports(spend_report.role)
        spending.allow_reading(spend_report.role)
        permissions.allow(spend_report.role, ["sns:Publish"], [reports.topic.topic_arn])
        ScheduledCall(
            self,
            "Daily",
            function=spend_report,
            # After the night's refresh of billing data.
            schedule=daily(6, 30),
            what=f"Daily report of {settings.experiment}",
            enabled=settings.report_schedule,
            alarm_topic=foundation.alarms.topic,
        )
        if settings.monthly_budget_usd:
            spending.monthly_budget(self, settings=settings, reports=reports)
        if settings.cost_anomalies:
            spending.anomalies(self, settings=settings, reports=reports)
        alarms.function_errors(self, [self.run_report.function, spend_report.function], foundation.alarms.topic)
        self.output("RunReportFunctionName", self.run_report.function.function_name, "Writes the report of a run")
        self.output("ReportFunctionName", spend_report.function.function_name, "Writes reports of what was billed")
        self.output("ReportTopicArn", reports.topic.topic_arn, "Where spend reports arrive; subscribe to it")
